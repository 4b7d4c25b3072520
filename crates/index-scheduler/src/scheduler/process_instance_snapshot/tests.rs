//! Snapshots of the whole instance on a real scheduler: what is in them, all or nothing, and what goes on
//! beside them.

use std::io::Read;
use std::os::unix::fs::PermissionsExt;

use meilisearch_types::tasks::{KindWithContent, SnapshotCompression, TaskId};
use tempfile::TempDir;

use super::*;
use crate::IndexScheduler;
use crate::testing::{CrashImage, Hooked, TestScheduler};

fn snapshot(scheduler: &TestScheduler) -> TaskId {
    scheduler.enqueue(KindWithContent::SnapshotCreation)
}

fn archive(scheduler: &TestScheduler) -> PathBuf {
    scheduler.snapshots_path().join("data.ms.snapshot")
}

/// Names in the snapshot directory, hidden ones too.
fn left(scheduler: &TestScheduler) -> Vec<String> {
    let Ok(entries) = fs::read_dir(scheduler.snapshots_path()) else { return Vec::new() };
    entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

/// Names and contents of an archive, read as one gzip member.
fn entries(path: &Path) -> Vec<(String, Vec<u8>)> {
    let mut tar = tar::Archive::new(flate2::read::GzDecoder::new(File::open(path).unwrap()));
    let read = |entry: std::io::Result<tar::Entry<'_, _>>| {
        let mut entry = entry.unwrap();
        let mut content = Vec::new();
        entry.read_to_end(&mut content).unwrap();
        let name = String::from_utf8(entry.path_bytes().into_owned()).unwrap();
        let is_directory = entry.header().entry_type().is_dir();
        (if is_directory { name.trim_end_matches('/').to_owned() + "/" } else { name }, content)
    };
    tar.entries().unwrap().map(read).collect()
}

/// A scheduler on what an archive holds.
fn restore(path: &Path) -> TestScheduler {
    let dir = TempDir::new().unwrap();
    fs::create_dir(dir.path().join("data.ms")).unwrap();
    for (name, content) in entries(path) {
        let path = dir.path().join("data.ms").join(&name);
        if name.ends_with('/') {
            fs::create_dir_all(path).unwrap();
        } else {
            fs::write(path, content).unwrap();
        }
    }
    CrashImage::of(dir).open()
}

fn documents(scheduler: &TestScheduler, index: &str) -> u64 {
    let index = scheduler.index(index).unwrap();
    let rtxn = index.read_txn().unwrap();
    index.number_of_documents(&rtxn).unwrap()
}

/// Two indexes, and an addition that waits.
fn instance() -> TestScheduler {
    let scheduler = TestScheduler::new();
    scheduler.add("films", r#"{"id":1} {"id":2}"#);
    scheduler.create("books");
    scheduler.run_all();
    scheduler
}

/// Every point inside the work.
fn steps() -> impl Iterator<Item = Fault> {
    [
        Step::StartTheSnapshotCreation,
        Step::SnapshotTheIndexScheduler,
        Step::SnapshotTheUpdateFiles,
        Step::SnapshotTheIndexes,
        Step::SnapshotTheApiKeys,
        Step::CreateTheTarball,
    ]
    .into_iter()
    .map(Fault::InstanceSnapshot)
    .chain([Fault::WhileCopying, Fault::BeforePublishInstanceSnapshot])
}

#[test]
fn it_holds_the_instance_without_the_snapshot_tasks() {
    let scheduler = instance();
    let first = snapshot(&scheduler);
    let waiting = scheduler.add("films", r#"{"id":3}"#);
    let second = snapshot(&scheduler);
    // Both are satisfied by one, before the addition.
    assert!(scheduler.step());
    for task in [first, second] {
        let task = scheduler.task(task).unwrap();
        assert_eq!((task.status, task.details), (Status::Succeeded, None));
    }
    assert_eq!(scheduler.status(waiting), Status::Enqueued);
    assert_eq!(left(&scheduler), ["data.ms.snapshot"]);
    let mode = fs::metadata(archive(&scheduler)).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o444);

    let names: Vec<_> = entries(&archive(&scheduler)).into_iter().map(|(name, _)| name).collect();
    assert_eq!(names[..5], ["./", "VERSION", "tasks/", "tasks/data.mdb", "update_files/"]);
    assert!(names[5].starts_with("update_files/"), "{names:?}");
    assert_eq!(names[6], "indexes/");
    assert_eq!(names.len(), 7 + 2 * 2 + 2, "{names:?}");
    assert_eq!(names[11..], ["auth/", "auth/data.mdb"]);

    let restored = restore(&archive(&scheduler));
    insta::assert_snapshot!(restored.print(), @r#"
    task 0 documentAdditionOrUpdate [films]: succeeded in batch 0 {"receivedDocuments":2,"indexedDocuments":2}
    task 1 indexCreation [books]: succeeded in batch 1 {"primaryKey":null}
    task 3 documentAdditionOrUpdate [films]: enqueued {"receivedDocuments":1,"indexedDocuments":null}
    batch 0 of [0]: {"succeeded":1} {"receivedDocuments":2,"indexedDocuments":2} all enqueued tasks of index `films` are in the batch
    batch 1 of [1]: {"succeeded":1} {} task 1 of type `indexCreation` cannot share a batch with any other task
    tasks enqueued: [3]
    tasks succeeded: [0, 1]
    tasks documentAdditionOrUpdate: [0, 3]
    tasks indexCreation: [1]
    tasks snapshotCreation: []
    tasks of books: [1]
    tasks of films: [0, 3]
    tasks enqueued: [0] [1] [] [3] []
    tasks started: [0] [1]
    tasks finished: [0] [1]
    batches succeeded: [0, 1]
    batches documentAdditionOrUpdate: [0]
    batches indexCreation: [1]
    batches of books: [1]
    batches of films: [0]
    batches enqueued: [0] [1]
    batches started: [0] [1]
    batches finished: [0] [1]
    indexes: books, films
    "#);
    assert_eq!(documents(&restored, "films"), 2);
    restored.run_all();
    assert_eq!(restored.status(waiting), Status::Succeeded);
    assert_eq!(documents(&restored, "films"), 3);
    assert_eq!(documents(&restored, "books"), 0);
    // The original is not disturbed, and the next snapshot replaces this one.
    scheduler.run_all();
    let third = snapshot(&scheduler);
    scheduler.run_all();
    assert_eq!(scheduler.status(third), Status::Succeeded);
    assert_eq!(documents(&restore(&archive(&scheduler)), "films"), 3);
}

#[test]
fn an_empty_instance_has_no_indexes() {
    let scheduler = TestScheduler::new();
    snapshot(&scheduler);
    scheduler.run_all();
    let names: Vec<_> = entries(&archive(&scheduler)).into_iter().map(|(name, _)| name).collect();
    let expected =
        ["./", "VERSION", "tasks/", "tasks/data.mdb", "update_files/", "auth/", "auth/data.mdb"];
    assert_eq!(names, expected);
    assert_eq!(restore(&archive(&scheduler)).index_names().unwrap(), [""; 0]);
}

#[test]
fn one_that_fails_at_any_step_leaves_the_older_one_and_succeeds_the_next_time() {
    let scheduler = instance();
    snapshot(&scheduler);
    scheduler.run_all();
    let older = fs::read(archive(&scheduler)).unwrap();
    let failures: [fn() -> Result<()>; 2] =
        [|| Err(Error::CorruptedQueue("made up".into())), || panic!("the sky is falling")];
    for fault in steps() {
        for failure in failures {
            let failing = snapshot(&scheduler);
            let hooked = Hooked::at(&scheduler, fault, failure);
            scheduler.run_all();
            drop(hooked);
            assert_eq!(scheduler.status(failing), Status::Failed, "{fault:?}");
            assert_eq!(left(&scheduler), ["data.ms.snapshot"], "{fault:?}");
            assert!(fs::read(archive(&scheduler)).unwrap() == older, "{fault:?}");
        }
    }
    let next = snapshot(&scheduler);
    scheduler.run_all();
    assert_eq!(scheduler.status(next), Status::Succeeded);
    assert!(fs::read(archive(&scheduler)).unwrap() != older);
}

#[test]
fn one_that_meets_a_power_cut_at_any_step_is_made_after_the_restart() {
    let around =
        [Fault::BeforeRun, Fault::BeforeCommit, Fault::BeforeQueueCommit, Fault::AfterCommit];
    for fault in steps().chain(around) {
        let scheduler = instance();
        let task = snapshot(&scheduler);
        let images = std::sync::Arc::new(std::sync::Mutex::new(Vec::new()));
        let (taken, dir) = (images.clone(), scheduler.dir().to_path_buf());
        let hooked = Hooked::at(&scheduler, fault, move || {
            taken.lock().unwrap().push(CrashImage::take(&dir));
            Ok(())
        });
        scheduler.run_all();
        drop(hooked);
        let image = images.lock().unwrap().remove(0);
        let restarted = image.open();
        let made_before =
            matches!(fault, Fault::BeforeCommit | Fault::BeforeQueueCommit | Fault::AfterCommit);
        let expected: &[&str] = if made_before { &["data.ms.snapshot"] } else { &[] };
        assert_eq!(left(&restarted), expected, "{fault:?}: after the start");
        restarted.run_all();
        assert_eq!(restarted.status(task), Status::Succeeded, "{fault:?}");
        assert_eq!(left(&restarted), ["data.ms.snapshot"], "{fault:?}");
        let restored = restore(&archive(&restarted));
        assert_eq!(documents(&restored, "films"), 2, "{fault:?}");
        assert!(restored.task(task).is_err(), "{fault:?}");
    }
}

fn cancel(scheduler: &IndexScheduler, tasks: &[TaskId]) {
    let kind =
        KindWithContent::TaskCancelation { query: "?uids=0".into(), tasks: tasks.iter().collect() };
    scheduler.register(kind, None).unwrap();
}

#[test]
fn one_that_is_canceled_at_any_step_leaves_nothing() {
    for fault in steps() {
        let scheduler = instance();
        let task = snapshot(&scheduler);
        let handle = IndexScheduler::clone(&scheduler);
        let hooked = Hooked::at(&scheduler, fault, move || {
            cancel(&handle, &[task]);
            Ok(())
        });
        assert!(scheduler.step());
        drop(hooked);
        scheduler.run_all();
        assert_eq!(scheduler.status(task), Status::Canceled, "{fault:?}");
        assert_eq!(left(&scheduler), [""; 0], "{fault:?}");
    }
}

#[test]
fn what_is_canceled_or_imported_beside_it_is_in_it_as_it_was_at_the_copy_of_the_queue() {
    let scheduler = instance();
    let creation = scheduler.register_index_snapshot("films".into(), SnapshotCompression::None);
    scheduler.run_all();
    let details = scheduler.task(creation.unwrap().uid).unwrap().details;
    let Some(meilisearch_types::tasks::Details::SingleIndexSnapshotCreation { file_name, .. }) =
        details
    else {
        panic!("{details:?}")
    };
    let head = scheduler.judge_index_snapshot(&file_name).unwrap();
    // Uploads belong to their tasks, and go with them.
    let upload = || {
        let (uuid, mut file) = scheduler.update_file().unwrap();
        let archive = fs::read(scheduler.snapshots_path().join(&file_name)).unwrap();
        std::io::Write::write_all(&mut file, &archive).unwrap();
        file.persist().unwrap();
        meilisearch_types::tasks::SnapshotSource::Upload(uuid)
    };
    let import = crate::ImportRequest {
        index_uid: "books".into(),
        source: upload(),
        sha256: None,
        overwrite: true,
        dry_run: false,
    };
    snapshot(&scheduler);
    let import = scheduler.register_index_snapshot_import(import, &head.manifest).unwrap().uid;
    let canceled = scheduler.add("films", r#"{"id":3}"#);

    let handle = IndexScheduler::clone(&scheduler);
    let fault = Fault::InstanceSnapshot(Step::SnapshotTheUpdateFiles);
    let hooked = Hooked::at(&scheduler, fault, move || {
        cancel(&handle, &[canceled]);
        for _ in 0..2 {
            let started = handle.shared.plan().unwrap().expect("the cancelation and the import");
            handle.shared.run_to_end(started);
        }
        Ok(())
    });
    assert!(scheduler.step());
    drop(hooked);
    assert_eq!(scheduler.status(canceled), Status::Canceled);
    assert_eq!(scheduler.status(import), Status::Succeeded);
    assert_eq!(documents(&scheduler, "books"), 2);

    let restored = restore(&archive(&scheduler));
    assert_eq!(documents(&restored, "books"), 0);
    restored.run_all();
    assert_eq!(restored.status(canceled), Status::Succeeded);
    assert_eq!(restored.status(import), Status::Succeeded);
    assert_eq!((documents(&restored, "films"), documents(&restored, "books")), (3, 2));
    // Here the payloads go, now that nobody reads them.
    let payloads = scheduler.dir().join("data.ms/update_files");
    for _ in 0..1000 {
        if fs::read_dir(&payloads).unwrap().count() == 0 {
            return;
        }
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    panic!("payloads stay");
}
