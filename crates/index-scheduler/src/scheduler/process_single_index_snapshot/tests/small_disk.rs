//! A full disk: on a small file system of the test's own, which only a privileged user on Linux can mount. Where
//! that is refused, these tests say so and check nothing.

#![cfg(target_os = "linux")]

use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, unshare};

use super::order::during;
use super::*;
use crate::processing::SingleIndexSnapshotImportProgress as Import;

/// Runs a test on a thread that sees a file system of so many MiB; nobody else sees it, and it goes with the
/// last thread that does.
fn on_small_disk(mebibytes: usize, test: impl FnOnce(&Path) + Send) {
    let dir = tempfile::tempdir().unwrap();
    let mounted = || {
        unshare(CloneFlags::CLONE_NEWNS)?;
        let none = None::<&str>;
        mount(none, "/", none, MsFlags::MS_REC | MsFlags::MS_PRIVATE, none)?;
        let size = format!("size={mebibytes}m");
        mount(Some("small"), dir.path(), Some("tmpfs"), MsFlags::empty(), Some(size.as_str()))
    };
    std::thread::scope(|scope| {
        let run = scope.spawn(|| match mounted() {
            Ok(()) => test(dir.path()),
            Err(error) => eprintln!("not tested, because nothing may be mounted here: {error}"),
        });
        run.join().unwrap();
    });
}

/// Fills a disk but for so many KiB.
fn fill(disk: &Path, left_kib: u64) -> PathBuf {
    let stat = rustix::fs::statvfs(disk).unwrap();
    let size = (stat.f_bavail * stat.f_frsize).saturating_sub(left_kib << 10);
    let path = disk.join("filler");
    let file = File::create(&path).unwrap();
    index_snapshot::preallocate(&file, size).unwrap();
    path
}

/// A scheduler on a disk, with a large index and an archive of it elsewhere.
fn on(disk: &Path, elsewhere: &Path) -> (TestScheduler, PathBuf) {
    let scheduler = TestScheduler::with(|options| {
        options.db_path = disk.join("data.ms");
        options.snapshots_path = elsewhere.to_path_buf();
        options.max_concurrent_index_snapshots = 2;
    });
    large_index(&scheduler, "films");
    let creation = snapshot(&scheduler, "films");
    scheduler.run_all();
    assert_eq!(scheduler.status(creation), Status::Succeeded, "{}", scheduler.error(creation));
    let path = archive(&scheduler, creation);
    (scheduler, path)
}

const FULL: &str = "no_space_left_on_device";

#[test]
fn a_creation_on_a_full_disk_leaves_nothing_and_succeeds_once_there_is_room() {
    on_small_disk(16, |disk| {
        let snapshots = disk.join("snapshots");
        let scheduler = TestScheduler::with(|options| options.snapshots_path = snapshots);
        large_index(&scheduler, "films");
        let filler = fill(disk, 2048);
        for compression in
            [SnapshotCompression::Gzip, SnapshotCompression::Zstd, SnapshotCompression::None]
        {
            let create =
                || scheduler.register_index_snapshot("films".into(), compression).unwrap().uid;
            let failing = create();
            let own = scheduler.add("films", r#"{"id":"after"}"#);
            scheduler.run_all();
            assert_eq!(scheduler.error(failing), FULL, "{compression:?}");
            assert_eq!(names(scheduler.snapshots_path()), [""; 0], "{compression:?}");
            let details = scheduler.details(failing);
            assert!(!details.contains(r#""dataSize":null"#), "{details}");
            assert_eq!(scheduler.status(own), Status::Succeeded);

            fs::remove_file(&filler).unwrap();
            let next = create();
            scheduler.run_all();
            assert_eq!(scheduler.status(next), Status::Succeeded, "{}", scheduler.error(next));
            let path = archive(&scheduler, next);
            scheduler.index_snapshots().delete("films", &uid_of(&path)).unwrap();
            fill(disk, 2048);
        }
    });
}

fn uid_of(path: &Path) -> SnapshotUid {
    let name = ArchiveName::parse(path.file_name().unwrap().to_str().unwrap()).unwrap();
    name.snapshot_uid().clone()
}

#[test]
fn an_import_on_a_full_disk_leaves_nothing_and_succeeds_once_there_is_room() {
    on_small_disk(64, |disk| {
        let elsewhere = tempfile::tempdir().unwrap();
        let (scheduler, path) = on(disk, elsewhere.path());
        let indexes = disk.join("data.ms/indexes");
        let request =
            || import_with(&scheduler, &path, "films", |request| request.overwrite = true);
        // Found full at the first look.
        let refused = request();
        let filler = fill(disk, 2048);
        scheduler.run_all();
        assert_eq!(scheduler.error(refused), FULL);
        let message = scheduler.message(refused);
        assert!(message.contains("bytes, and only"), "{message}");
        assert_eq!(names(&indexes).len(), 1);
        fs::remove_file(&filler).unwrap();

        // Filled by somebody else after that look.
        let failing = request();
        let full = disk.to_path_buf();
        scheduler.shared().faults.set(move |at| {
            if at == Fault::Import(Import::ExtractTheIndex) {
                fill(&full, 2048);
            }
            Ok(())
        });
        scheduler.run_all();
        scheduler.shared().faults.clear();
        assert_eq!(scheduler.error(failing), FULL);
        assert_eq!(names(&indexes).len(), 1);
        fs::remove_file(&filler).unwrap();

        let next = request();
        scheduler.run_all();
        assert_eq!(scheduler.status(next), Status::Succeeded, "{}", scheduler.error(next));
    });
}

/// Two imports at once, and room for one: the second is refused although nothing is taken yet.
#[test]
fn room_that_is_promised_to_a_running_import_counts() {
    on_small_disk(64, |disk| {
        let elsewhere = tempfile::tempdir().unwrap();
        let (scheduler, path) = on(disk, elsewhere.path());
        let [first, second] = ["first", "second"].map(|target| import(&scheduler, &path, target));
        let size = fs::metadata(&path).unwrap().len();
        // The reserve, one index, and half of one.
        fill(disk, (64 << 10) / 20 + size * 3 / 2 / 1024);
        let running = scheduler.plan().unwrap();
        assert_eq!(running.task_uids(), [first]);
        during(&scheduler, running, Fault::Import(Import::ExtractTheIndex), || {
            assert!(scheduler.step());
            assert_eq!(scheduler.error(second), FULL);
            let message = scheduler.message(second);
            assert!(message.contains("other imports"), "{message}");
            let file_name = path.file_name().unwrap().to_str().unwrap();
            assert!(scheduler.judge_index_snapshot(file_name).is_err(), "nor at the request");
        });
        assert_eq!(scheduler.status(first), Status::Succeeded, "{}", scheduler.error(first));
    });
}

/// The snapshot directory lies on another file system than the data.
#[test]
fn snapshots_may_lie_on_another_disk() {
    on_small_disk(16, |disk| {
        let elsewhere = disk.join("deep/snapshots");
        let scheduler = TestScheduler::with(|options| options.snapshots_path = elsewhere);
        scheduler.add("films", r#"{"id":1}"#);
        let creation = snapshot(&scheduler, "films");
        scheduler.run_all();
        assert_eq!(scheduler.status(creation), Status::Succeeded);
        let copy = import(&scheduler, &archive(&scheduler, creation), "copy");
        scheduler.run_all();
        assert_eq!(scheduler.status(copy), Status::Succeeded);
    });
}
