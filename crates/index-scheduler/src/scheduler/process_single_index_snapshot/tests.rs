//! Both tasks on a real scheduler: exact cut, all or nothing, restarts at every step.

mod causes;
mod middle;
mod order;
mod small_disk;
mod steps;

use std::fs;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};

use meilisearch_types::tasks::{Status, TaskId};
use roaring::RoaringBitmap;

use super::*;
use crate::ImportRequest;
use crate::testing::{Fault, Hooked, TestScheduler};

fn snapshot(scheduler: &TestScheduler, index: &str) -> TaskId {
    scheduler.register_index_snapshot(index.into(), SnapshotCompression::Gzip).unwrap().uid
}

/// Marks an empty index, so that it can be told from others.
fn set_primary_key(scheduler: &TestScheduler, index: &str, key: &str) -> TaskId {
    scheduler.enqueue(KindWithContent::IndexUpdate {
        index_uid: index.into(),
        primary_key: Some(key.into()),
        new_index_uid: None,
    })
}

fn delete(scheduler: &TestScheduler, index: &str) -> TaskId {
    scheduler.enqueue(KindWithContent::IndexDeletion { index_uid: index.into() })
}

fn primary_key(scheduler: &TestScheduler, index: &str) -> Option<String> {
    let index = scheduler.index(index).unwrap();
    let rtxn = index.read_txn().unwrap();
    index.primary_key(&rtxn).unwrap().map(str::to_owned)
}

/// The archive that a creation made.
fn archive(scheduler: &TestScheduler, creation: TaskId) -> PathBuf {
    match scheduler.task(creation).unwrap().details {
        Some(Details::SingleIndexSnapshotCreation { file_name, .. }) => {
            scheduler.snapshots_path().join(file_name)
        }
        other => panic!("{other:?}"),
    }
}

fn request(file_name: &str, target: &str) -> ImportRequest {
    ImportRequest {
        index_uid: target.into(),
        source: SnapshotSource::File(file_name.into()),
        sha256: None,
        overwrite: false,
        dry_run: false,
    }
}

/// Enqueues the import of a file of the snapshot directory.
fn import_with(
    scheduler: &TestScheduler,
    path: &Path,
    target: &str,
    change: impl FnOnce(&mut ImportRequest),
) -> TaskId {
    let file_name = path.file_name().unwrap().to_str().unwrap();
    let mut request = request(file_name, target);
    change(&mut request);
    let head = scheduler.judge_index_snapshot(file_name).unwrap();
    scheduler.register_index_snapshot_import(request, &head.manifest).unwrap().uid
}

fn import(scheduler: &TestScheduler, path: &Path, target: &str) -> TaskId {
    import_with(scheduler, path, target, |_| ())
}

/// Names in a directory, sorted; a missing one is empty.
fn names(path: &Path) -> Vec<String> {
    let mut names: Vec<_> = fs::read_dir(path)
        .into_iter()
        .flatten()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

/// How many index directories there are, each with its two files and nothing else.
fn index_directories(scheduler: &TestScheduler) -> usize {
    let indexes = scheduler.dir().join("data.ms/indexes");
    let directories = names(&indexes);
    for directory in &directories {
        let files = names(&indexes.join(directory));
        assert!(files.iter().all(|name| name == "data.mdb" || name == "lock.mdb"), "{files:?}");
    }
    directories.len()
}

/// An index whose file has more than four mebibytes that no compressor makes much smaller.
fn large_index(scheduler: &TestScheduler, index: &str) {
    let mut state = 1_u64;
    let mut letters = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        char::from(b'!' + (state >> 33) as u8 % 90)
    };
    // Nothing of the text is searched.
    let settings = serde_json::json!({ "searchableAttributes": ["id"] });
    scheduler.enqueue(KindWithContent::SettingsUpdate {
        index_uid: index.into(),
        new_settings: Box::new(serde_json::from_value(settings).unwrap()),
        is_deletion: false,
        allow_index_creation: true,
    });
    for id in 0..5 {
        let text: String = (0..1_000_000).map(|_| letters()).collect();
        scheduler.add(index, &serde_json::json!({ "id": id, "text": text }).to_string());
    }
    scheduler.run_all();
}

/// Waits for the thread that deletes replaced indexes.
fn wait_for_directories(scheduler: &TestScheduler, expected: usize) {
    let indexes = scheduler.dir().join("data.ms/indexes");
    for _ in 0..500 {
        if names(&indexes).len() == expected {
            break;
        }
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    assert_eq!(index_directories(scheduler), expected);
}

/// A scheduler with the index `films`, and an archive of it.
fn with_archive() -> (TestScheduler, PathBuf) {
    let scheduler = TestScheduler::new();
    scheduler.create("films");
    set_primary_key(&scheduler, "films", "id");
    let creation = snapshot(&scheduler, "films");
    scheduler.run_all();
    assert_eq!(scheduler.status(creation), Status::Succeeded, "{}", scheduler.print());
    let path = archive(&scheduler, creation);
    (scheduler, path)
}

#[test]
fn a_snapshot_holds_what_was_enqueued_before_and_nothing_after() {
    let scheduler = TestScheduler::new();
    scheduler.add("films", r#"{"id":1} {"id":2}"#);
    scheduler.add("films", r#"{"id":3}"#);
    let creation = snapshot(&scheduler, "films");
    let later = scheduler.add("films", r#"{"id":4}"#);
    scheduler.run_all();
    assert_eq!(scheduler.status(later), Status::Succeeded, "{}", scheduler.print());

    let path = archive(&scheduler, creation);
    let copy = import(&scheduler, &path, "copy");
    scheduler.run_all();
    assert_eq!(scheduler.status(copy), Status::Succeeded, "{}", scheduler.error(copy));
    let documents = |uid: &str| {
        let index = scheduler.index(uid).unwrap();
        let rtxn = index.read_txn().unwrap();
        index.number_of_documents(&rtxn).unwrap()
    };
    assert_eq!((documents("films"), documents("copy")), (4, 3));
    assert_eq!(primary_key(&scheduler, "copy").as_deref(), Some("id"));
    let head = scheduler.judge_index_snapshot(path.file_name().unwrap().to_str().unwrap()).unwrap();
    assert_eq!((head.manifest.last_task_uid, head.manifest.task_uid), (Some(1), creation));
    assert_eq!(head.manifest.index.number_of_documents, 3);

    let dates = |uid: &str| {
        let stats = scheduler.index_stats(uid).unwrap().inner;
        (stats.created_at, stats.updated_at)
    };
    let index = &head.manifest.index;
    assert_eq!(dates("copy"), (index.created_at, index.updated_at));
    assert_eq!(dates("films").0, index.created_at);
}

#[test]
fn while_a_snapshot_runs_only_its_own_index_waits() {
    let scheduler = TestScheduler::new();
    scheduler.create("films");
    scheduler.run_all();
    let creation = snapshot(&scheduler, "films");
    let own = delete(&scheduler, "films");
    let other = scheduler.create("books");
    let running = scheduler.plan().unwrap();
    assert_eq!(running.task_uids(), [creation]);
    assert!(scheduler.step());
    assert!(!scheduler.step(), "nothing else may start");
    assert_eq!(scheduler.status(creation), Status::Processing);
    assert_eq!(
        (scheduler.status(other), scheduler.status(own)),
        (Status::Succeeded, Status::Enqueued)
    );
    scheduler.finish(running);
    scheduler.run_all();
    assert_eq!(
        (scheduler.status(creation), scheduler.status(own)),
        (Status::Succeeded, Status::Succeeded)
    );
}

#[test]
fn uids_never_meet() {
    let scheduler = TestScheduler::new();
    scheduler.create("films");
    let creations: Vec<_> = (0..20).map(|_| snapshot(&scheduler, "films")).collect();
    scheduler.run_all();
    let paths: HashSet<_> = creations.iter().map(|&uid| archive(&scheduler, uid)).collect();
    assert_eq!(paths.len(), 20);
    assert!(paths.iter().all(|path| path.exists()));
    assert_eq!(scheduler.index_snapshots().list("films", 0, 100).unwrap().1, 20);
}

#[test]
fn failures_of_a_creation_leave_nothing() {
    let scheduler = TestScheduler::new();
    let missing = snapshot(&scheduler, "films");
    scheduler.run_all();
    assert_eq!(scheduler.error(missing), "index_not_found");
    assert_eq!(names(scheduler.snapshots_path()), [""; 0]);

    scheduler.create("films");
    let taken = snapshot(&scheduler, "films");
    fs::create_dir_all(scheduler.snapshots_path()).unwrap();
    fs::write(archive(&scheduler, taken), "somebody else's").unwrap();
    scheduler.run_all();
    assert_eq!(scheduler.error(taken), "index_snapshot_already_exists");
    assert_eq!(fs::read_to_string(archive(&scheduler, taken)).unwrap(), "somebody else's");
    assert_eq!(names(scheduler.snapshots_path()).len(), 1);
}

#[test]
fn an_existing_target_is_kept_or_replaced() {
    let (scheduler, path) = with_archive();
    scheduler.create("copy");
    set_primary_key(&scheduler, "copy", "other");
    let kept = import(&scheduler, &path, "copy");
    scheduler.run_all();
    assert_eq!(scheduler.error(kept), "index_already_exists");
    assert_eq!(primary_key(&scheduler, "copy").as_deref(), Some("other"));
    assert_eq!(index_directories(&scheduler), 2);

    // Whoever reads the old index reads on.
    let old = scheduler.index("copy").unwrap();
    let view = old.read_txn().unwrap();
    let replaced = import_with(&scheduler, &path, "copy", |request| request.overwrite = true);
    scheduler.run_all();
    assert_eq!(scheduler.status(replaced), Status::Succeeded);
    assert!(scheduler.details(replaced).contains(r#""replacedIndex":true"#));
    assert_eq!(primary_key(&scheduler, "copy").as_deref(), Some("id"));
    assert_eq!(old.primary_key(&view).unwrap(), Some("other"));
    drop(view);
    drop(old);
    wait_for_directories(&scheduler, 2);
    assert_eq!(index_directories(&scheduler.reopen()), 2);
}

#[test]
fn a_dry_run_registers_nothing() {
    let (scheduler, path) = with_archive();
    let dry = import_with(&scheduler, &path, "copy", |request| request.dry_run = true);
    scheduler.run_all();
    assert_eq!(scheduler.status(dry), Status::Succeeded);
    assert!(
        scheduler.details(dry).contains(r#""replacedIndex":false"#),
        "{}",
        scheduler.details(dry)
    );
    assert!(!scheduler.index_exists("copy").unwrap());
    assert_eq!(index_directories(&scheduler), 1);
}

#[test]
fn what_changes_between_request_and_task_is_found() {
    let (scheduler, path) = with_archive();
    let gone = import(&scheduler, &path, "copy");
    let kept = fs::read(&path).unwrap();
    fs::remove_file(&path).unwrap();
    scheduler.run_all();
    assert_eq!(scheduler.error(gone), "index_snapshot_not_found");

    let broken = |bytes: &[u8]| {
        fs::write(&path, &kept).unwrap();
        let task = import(&scheduler, &path, "copy");
        fs::write(&path, bytes).unwrap();
        scheduler.run_all();
        assert!(!scheduler.index_exists("copy").unwrap());
        assert_eq!(index_directories(&scheduler), 1);
        scheduler.error(task)
    };
    let mut flipped = kept.clone();
    flipped[kept.len() / 2] ^= 1;
    assert_eq!(broken(&flipped), "index_snapshot_corrupted");
    assert_eq!(broken(&kept[..kept.len() - 3]), "index_snapshot_corrupted");
    assert_eq!(broken(b""), "index_snapshot_corrupted");

    // Replaced by an archive of another index.
    fs::write(&path, &kept).unwrap();
    scheduler.create("books");
    let other = snapshot(&scheduler, "books");
    scheduler.run_all();
    let other = fs::read(archive(&scheduler, other)).unwrap();
    let task = import(&scheduler, &path, "copy");
    fs::write(&path, other).unwrap();
    scheduler.run_all();
    assert_eq!(scheduler.error(task), "index_snapshot_corrupted");
}

#[test]
fn an_index_with_a_malformed_value_is_refused() {
    let (scheduler, _) = with_archive();
    let index = scheduler.index("films").unwrap();
    let mut wtxn = index.write_txn().unwrap();
    let words = index.tables().word_docids.remap_types::<heed::types::Bytes, heed::types::Bytes>();
    words.put(&mut wtxn, b"word", b"no bitmap at all").unwrap();
    wtxn.commit().unwrap();
    drop(index);
    let creation = snapshot(&scheduler, "films");
    scheduler.run_all();
    let path = archive(&scheduler, creation);
    let task = import(&scheduler, &path, "copy");
    scheduler.run_all();
    assert_eq!(scheduler.error(task), "index_snapshot_corrupted");
    assert!(!scheduler.index_exists("copy").unwrap());
    assert_eq!(index_directories(&scheduler), 1);
}

#[test]
fn a_demanded_sum_is_compared() {
    let (scheduler, path) = with_archive();
    let sum = fs::read_to_string(format!("{}.sha256", path.display())).unwrap();
    let sum = sum[..64].to_owned();
    let wrong =
        import_with(&scheduler, &path, "a", |request| request.sha256 = Some("0".repeat(64)));
    let right = import_with(&scheduler, &path, "b", |request| request.sha256 = Some(sum));
    scheduler.run_all();
    assert_eq!(scheduler.error(wrong), "index_snapshot_corrupted");
    assert_eq!(scheduler.status(right), Status::Succeeded);
}

#[test]
fn an_upload_goes_with_its_task() {
    let (scheduler, path) = with_archive();
    let upload = |bytes: &[u8]| {
        let (uuid, mut file) = scheduler.update_file().unwrap();
        std::io::Write::write_all(&mut file, bytes).unwrap();
        file.persist().unwrap();
        SnapshotSource::Upload(uuid)
    };
    let bytes = fs::read(&path).unwrap();
    let head = scheduler.judge_index_snapshot(path.file_name().unwrap().to_str().unwrap()).unwrap();
    for (target, bytes, error) in
        [("a", bytes.as_slice(), ""), ("b", &bytes[..bytes.len() / 2], "index_snapshot_corrupted")]
    {
        let request = ImportRequest { source: upload(bytes), ..request("", target) };
        let task = scheduler.register_index_snapshot_import(request, &head.manifest).unwrap().uid;
        assert_eq!(names(&scheduler.dir().join("data.ms/update_files")).len(), 1);
        scheduler.run_all();
        assert_eq!(scheduler.error(task), error);
        assert!(scheduler.details(task).contains(r#""fileName":null"#));
        assert_eq!(names(&scheduler.dir().join("data.ms/update_files")), [""; 0]);
    }
}

/// Runs the next batch and lets it fail at a point, once, as if the server had died there; gives what a
/// power cut at that moment leaves.
fn die_at(scheduler: &TestScheduler, fault: Fault) -> crate::testing::CrashImage {
    let started = scheduler.plan().unwrap();
    let dir = scheduler.dir().to_path_buf();
    let (image, taken) = std::sync::mpsc::channel();
    let hit = AtomicBool::new(false);
    scheduler.shared().faults.set(move |at| {
        if at == fault && !hit.swap(true, Ordering::Relaxed) {
            image.send(crate::testing::CrashImage::take(&dir)).unwrap();
        }
        Ok(())
    });
    scheduler.finish(started);
    scheduler.shared().faults.clear();
    taken.recv().unwrap()
}

#[test]
fn a_creation_survives_a_power_cut_at_any_step() {
    for fault in steps::creation_points() {
        let scheduler = TestScheduler::new();
        scheduler.create("films");
        scheduler.run_all();
        let creation = snapshot(&scheduler, "films");
        let after = die_at(&scheduler, fault).open();
        // A whole archive with its sum, or nothing at all.
        assert!([0, 2].contains(&names(after.snapshots_path()).len()), "{fault:?}");
        after.run_all();
        assert_eq!(after.status(creation), Status::Succeeded, "{fault:?}");
        let path = archive(&after, creation);
        assert_eq!(names(after.snapshots_path()).len(), 2, "{fault:?}");
        let copy = import(&after, &path, "copy");
        after.run_all();
        assert_eq!(after.status(copy), Status::Succeeded, "{fault:?}");
    }
}

#[test]
fn an_import_survives_a_power_cut_at_any_step() {
    for overwrite in [false, true] {
        for fault in steps::import_points() {
            let (scheduler, path) = with_archive();
            if overwrite {
                scheduler.create("copy");
                scheduler.run_all();
            }
            let copy =
                import_with(&scheduler, &path, "copy", |request| request.overwrite = overwrite);
            let after = die_at(&scheduler, fault).open();
            after.run_all();
            assert_eq!(after.status(copy), Status::Succeeded, "{fault:?} {overwrite}");
            assert_eq!(primary_key(&after, "copy").as_deref(), Some("id"));
            wait_for_directories(&after, 2);
        }
    }
}

#[test]
fn a_cancelation_stops_a_running_job() {
    let (scheduler, path) = with_archive();
    let creation = snapshot(&scheduler, "films");
    let running = scheduler.plan().unwrap();
    scheduler.enqueue(KindWithContent::TaskCancelation {
        query: "?uids=0".into(),
        tasks: RoaringBitmap::from([creation]),
    });
    scheduler.finish(running);
    scheduler.run_all();
    assert_eq!(scheduler.status(creation), Status::Canceled);
    assert_eq!(names(scheduler.snapshots_path()).len(), 2, "only the first one's");

    let import = import(&scheduler, &path, "copy");
    let running = scheduler.plan().unwrap();
    scheduler.enqueue(KindWithContent::TaskCancelation {
        query: "?uids=0".into(),
        tasks: RoaringBitmap::from([import]),
    });
    scheduler.finish(running);
    scheduler.run_all();
    assert_eq!(scheduler.status(import), Status::Canceled);
    assert_eq!(index_directories(&scheduler), 1);
}

#[test]
fn progress_is_told_in_steps() {
    let (scheduler, path) = with_archive();
    import(&scheduler, &path, "copy");
    scheduler.run_all();
    let inner = |batch| {
        let trace = scheduler.batch(batch).unwrap().stats.progress_trace;
        let steps = trace.keys().filter_map(|step| step.strip_prefix("processing tasks > "));
        steps.map(str::to_owned).collect::<Vec<_>>().join("\n")
    };
    insta::assert_snapshot!(inner(2), @r"
    start the snapshot creation
    copy and compress the index > KiB
    copy and compress the index
    sync the archive
    check the archive
    persist the snapshot
    ");
    insta::assert_snapshot!(inner(3), @r"
    read the manifest
    check the compatibility
    extract the index > KiB
    extract the index
    verify the checksums
    open the index
    register the index
    ");
}
