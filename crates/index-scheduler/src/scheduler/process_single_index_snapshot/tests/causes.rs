//! Each cause of failure that comes from outside, with its code, and nothing left behind
//! (index-snapshots.md 7).

use std::os::unix::fs::symlink;

use super::*;

#[test]
fn a_snapshot_directory_that_cannot_be_made_is_named() {
    let scheduler = TestScheduler::new();
    scheduler.create("films");
    fs::write(scheduler.snapshots_path(), "a file in its place").unwrap();
    let creation = snapshot(&scheduler, "films");
    scheduler.run_all();
    assert_eq!(scheduler.error(creation), "index_snapshot_directory_unwritable");
    let message = scheduler.message(creation);
    assert!(message.contains(scheduler.snapshots_path().to_str().unwrap()), "{message}");

    fs::remove_file(scheduler.snapshots_path()).unwrap();
    let next = snapshot(&scheduler, "films");
    scheduler.run_all();
    assert_eq!(scheduler.status(next), Status::Succeeded);
}

#[test]
fn sources_that_are_no_files_are_refused_and_never_hang() {
    let (scheduler, path) = with_archive();
    let other = path.with_extension("other");
    fs::copy(&path, &other).unwrap();
    let replaced_by = |make: &dyn Fn()| {
        let task = import(&scheduler, &path, "copy");
        fs::remove_file(&path).unwrap();
        make();
        scheduler.run_all();
        if path.is_dir() {
            fs::remove_dir(&path).unwrap();
        } else {
            fs::remove_file(&path).unwrap();
        }
        fs::copy(&other, &path).unwrap();
        assert_eq!(index_directories(&scheduler), 1);
        let message = scheduler.message(task);
        assert!(message.contains(path.to_str().unwrap()), "{message}");
        scheduler.error(task)
    };
    let unreadable = "index_snapshot_unreadable";
    assert_eq!(replaced_by(&|| symlink(&other, &path).unwrap()), unreadable);
    assert_eq!(replaced_by(&|| fs::create_dir(&path).unwrap()), unreadable);
    let fifo = || {
        rustix::fs::mknodat(
            rustix::fs::CWD,
            &path,
            rustix::fs::FileType::Fifo,
            rustix::fs::Mode::RUSR,
            0,
        )
        .unwrap()
    };
    assert_eq!(replaced_by(&fifo), unreadable);
    let copy = import(&scheduler, &path, "copy");
    scheduler.run_all();
    assert_eq!(scheduler.status(copy), Status::Succeeded);
}

#[test]
fn another_version_is_refused_before_anything_is_written() {
    let scheduler = TestScheduler::new();
    scheduler.create("films");
    let creation =
        scheduler.register_index_snapshot("films".into(), SnapshotCompression::None).unwrap().uid;
    scheduler.run_all();
    let path = archive(&scheduler, creation);
    let good = fs::read(&path).unwrap();
    for other in ["2.50.0", "1.99.0", "1.10.0"] {
        assert_eq!(other.len(), VERSION_STR.len());
        fs::write(scheduler.snapshots_path().join("import.tar"), &good).unwrap();
        let task = import(&scheduler, Path::new("import.tar"), "copy");
        // In both entries; the sums come too late to matter.
        let mut bytes = good.clone();
        let ours = VERSION_STR.as_bytes();
        for at in 0..4096 - ours.len() {
            if &bytes[at..at + ours.len()] == ours {
                bytes[at..at + ours.len()].copy_from_slice(other.as_bytes());
            }
        }
        fs::write(scheduler.snapshots_path().join("import.tar"), bytes).unwrap();
        // Not even the marker of a new directory.
        let indexes = scheduler.dir().join("data.ms/indexes");
        let changed = || fs::metadata(&indexes).unwrap().modified().unwrap();
        let before = changed();
        scheduler.run_all();
        assert_eq!(scheduler.error(task), "index_snapshot_version_mismatch", "{other}");
        assert_eq!(changed(), before);
        let message = scheduler.message(task);
        assert!(message.contains(other) && message.contains(VERSION_STR), "{message}");
    }
}

/// Loses the free pages of an index's file, as an LMDB that was killed at a bad moment may.
fn lose_free_pages(data: &Path) {
    const PAGE: usize = 4096;
    let mut file = fs::read(data).unwrap();
    let number = |file: &[u8], at: usize| u64::from_ne_bytes(file[at..at + 8].try_into().unwrap());
    let newest = if number(&file, 144) > number(&file, PAGE + 144) { 0 } else { PAGE };
    let free_database = newest + 40;
    assert_ne!(number(&file, free_database + 40), u64::MAX, "nothing is free");
    file[free_database + 6..free_database + 40].fill(0);
    file[free_database + 40..free_database + 48].fill(0xff);
    fs::write(data, file).unwrap();
}

#[test]
fn leaked_pages_are_told_with_the_way_out() {
    let scheduler = TestScheduler::new();
    for id in 0..20 {
        scheduler.add("films", &format!(r#"{{"id":{id}}}"#));
        scheduler.run_all();
    }
    let image = crate::testing::CrashImage::take(scheduler.dir());
    let indexes = image.dir().join("data.ms/indexes");
    let [uuid] = &names(&indexes)[..] else { panic!() };
    lose_free_pages(&indexes.join(uuid).join("data.mdb"));
    let scheduler = image.open();
    let creation = snapshot(&scheduler, "films");
    let own = scheduler.add("films", r#"{"id":"last"}"#);
    scheduler.run_all();
    assert_eq!(
        scheduler.error(creation),
        "index_snapshot_leaked_pages",
        "{}",
        scheduler.message(creation)
    );
    let message = scheduler.message(creation);
    assert!(message.contains("dump"), "{message}");
    assert_eq!(names(scheduler.snapshots_path()), [""; 0]);
    // What is known stands in the details, and the index is not locked any more.
    let details = scheduler.details(creation);
    assert!(details.contains(r#""numberOfDocuments":20"#), "{details}");
    assert_eq!(scheduler.status(own), Status::Succeeded);
}
