//! Compaction of an index: it shrinks, keeps everything, and survives crashes.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use meilisearch_types::tasks::{KindWithContent, Status, TaskId};

use crate::Error;
use crate::testing::{CrashImage, Fault, TestScheduler};

fn compact(scheduler: &TestScheduler, index: &str) -> TaskId {
    scheduler.enqueue(KindWithContent::IndexCompaction { index_uid: index.into() })
}

/// A scheduler whose index `films` holds one document and many free pages.
fn with_free_pages() -> TestScheduler {
    let scheduler = TestScheduler::new();
    let filler = "lorem ipsum dolor ".repeat(40);
    let documents: String =
        (0..400).map(|id| format!(r#"{{"id":{id},"text":"{filler}{id}"}}"#)).collect();
    scheduler.add("films", &documents);
    scheduler.run_all();
    scheduler.enqueue(KindWithContent::DocumentClear { index_uid: "films".into() });
    scheduler.add("films", r#"{"id":1}"#);
    scheduler.run_all();
    scheduler
}

fn path_of(scheduler: &TestScheduler, file: &str) -> std::path::PathBuf {
    let rtxn = scheduler.shared().queue.read_txn().unwrap();
    scheduler.shared().mapper.directory(&rtxn, "films").unwrap().unwrap().join(file)
}

fn size(scheduler: &TestScheduler) -> u64 {
    std::fs::metadata(path_of(scheduler, "data.mdb")).unwrap().len()
}

#[test]
fn the_file_shrinks_and_the_index_stays_the_same() {
    let scheduler = with_free_pages();
    let (before, stats_before) = (size(&scheduler), scheduler.index_stats("films").unwrap().inner);
    let task = compact(&scheduler, "films");
    assert_eq!(scheduler.details(task), "{}");
    scheduler.run_all();
    let task = scheduler.task(task).unwrap();
    assert_eq!(task.status, Status::Succeeded, "{:?}", task.error);
    let after = size(&scheduler);
    assert!(after * 2 < before, "{before} bytes became {after}");
    let stats = scheduler.index_stats("films").unwrap().inner;
    assert_eq!((stats.number_of_documents(), stats.database_size), (1, after));
    assert_eq!(stats.updated_at, stats_before.updated_at);
    let human = |bytes| meilisearch_types::sizes::ByteSize(bytes).human();
    let details = scheduler.details(task.uid);
    let expected = format!(
        r#"{{"preCompactionSize":"{}","postCompactionSize":"{}"}}"#,
        human(before),
        human(after)
    );
    assert_eq!(details, expected);
    let batch = scheduler.batch(task.batch_uid.unwrap()).unwrap();
    let steps: Vec<_> = batch.stats.progress_trace.keys().map(String::as_str).collect();
    for step in ["retrieve the index", "copy and compact the index", "reopen the index"] {
        assert!(steps.iter().any(|taken| taken.contains(step)), "{step} is not in {steps:?}");
    }

    let addition = scheduler.add("films", r#"{"id":2}"#);
    scheduler.run_all();
    assert_eq!(scheduler.status(addition), Status::Succeeded);
    let scheduler = scheduler.reopen();
    assert_eq!(scheduler.index_stats("films").unwrap().inner.number_of_documents(), 2);
}

#[test]
fn a_power_cut_at_any_step_leaves_a_whole_index() {
    let scheduler = with_free_pages();
    let before = size(&scheduler);
    let task = compact(&scheduler, "films");
    let images: Arc<Mutex<Vec<(Fault, CrashImage)>>> = Arc::default();
    let (taken, dir) = (Arc::clone(&images), scheduler.dir().to_path_buf());
    scheduler.shared().faults.set(move |fault| {
        taken.lock().unwrap().push((fault, CrashImage::take(&dir)));
        Ok(())
    });
    scheduler.run_all();
    scheduler.shared().faults.clear();
    let images = std::mem::take(&mut *images.lock().unwrap());
    let faults: Vec<_> = images.iter().map(|(fault, _)| *fault).collect();
    assert_eq!(
        faults,
        [
            Fault::BeforePublish,
            Fault::BeforeRun,
            Fault::BeforeIndexCommit,
            Fault::AfterIndexCommit,
            Fault::BeforeCommit,
            Fault::BeforeQueueCommit,
            Fault::AfterQueueCommit,
            Fault::AfterCommit
        ]
    );
    for (fault, image) in images {
        let revived = image.open();
        let copy = path_of(&revived, "data.mdb.cpy");
        assert_eq!(copy.exists(), fault == Fault::BeforeIndexCommit, "{fault:?}");
        assert_eq!(revived.index_stats("films").unwrap().inner.number_of_documents(), 1);
        revived.run_all();
        assert_eq!(revived.status(task), Status::Succeeded, "{fault:?}");
        assert!(size(&revived) * 2 < before && !copy.exists(), "{fault:?}");
    }
}

#[test]
fn what_fails_or_is_canceled_leaves_no_copy() {
    let scheduler = with_free_pages();
    let before = size(&scheduler);
    let missing = compact(&scheduler, "nope");
    scheduler.run_all();
    assert_eq!(scheduler.error(missing), "index_not_found");
    assert_eq!(scheduler.details(missing), "{}");

    let copy = path_of(&scheduler, "data.mdb.cpy");
    let (seen, expected) = (Arc::new(AtomicBool::new(false)), copy.clone());
    let see = Arc::clone(&seen);
    scheduler.shared().faults.set(move |fault| match fault {
        Fault::BeforeIndexCommit => {
            see.store(expected.exists(), Ordering::Relaxed);
            Err(Error::CorruptedQueue("made up".into()))
        }
        _ => Ok(()),
    });
    let failed = compact(&scheduler, "films");
    scheduler.run_all();
    assert_eq!(scheduler.error(failed), "internal");
    assert!(seen.load(Ordering::Relaxed) && !copy.exists());
    assert_eq!(size(&scheduler), before);
    scheduler.shared().faults.clear();

    std::fs::write(&copy, "left by a kill").unwrap();
    let canceled = compact(&scheduler, "films");
    let (query, tasks) = ("?uids=1".into(), [canceled].into_iter().collect());
    scheduler.enqueue(KindWithContent::TaskCancelation { query, tasks });
    scheduler.run_all();
    assert_eq!(scheduler.status(canceled), Status::Canceled);
    assert!(!copy.exists());
    assert_eq!(scheduler.index_stats("films").unwrap().inner.number_of_documents(), 1);
}

#[test]
fn searches_go_on_while_an_index_is_compacted_again_and_again() {
    let scheduler = with_free_pages();
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let readers: Vec<_> = (0..2)
            .map(|_| {
                scope.spawn(|| {
                    let mut looks = 0;
                    while !done.load(Ordering::Relaxed) || looks == 0 {
                        let index = scheduler.index("films").unwrap();
                        let rtxn = index.read_txn().unwrap();
                        assert_eq!(index.number_of_documents(&rtxn).unwrap(), 1);
                        looks += 1;
                    }
                    looks
                })
            })
            .collect();
        for _ in 0..5 {
            let task = compact(&scheduler, "films");
            scheduler.run_all();
            assert_eq!(scheduler.status(task), Status::Succeeded, "{}", scheduler.error(task));
        }
        done.store(true, Ordering::Relaxed);
        for reader in readers {
            assert!(reader.join().unwrap() > 0);
        }
    });
}

#[test]
fn a_compacted_queue_takes_nothing_until_the_restart_and_holds_the_same_after_it() {
    let scheduler = TestScheduler::new();
    for number in 0..200 {
        scheduler.create(&format!("index{number}"));
    }
    let kind =
        || KindWithContent::TaskDeletion { query: "?uids=*".into(), tasks: (2..150).collect() };
    let cancelation =
        KindWithContent::TaskCancelation { query: "?uids=*".into(), tasks: (2..200).collect() };
    scheduler.enqueue(cancelation);
    scheduler.enqueue(kind());
    scheduler.run_all();
    let waiting = scheduler.add("films", r#"{"id":1}"#);
    let running = scheduler.plan().unwrap();
    let before = scheduler.print();

    let done = scheduler.compact_queue().unwrap();
    assert!(done.size_after < done.size_before, "{done:?}");
    let data = scheduler.dir().join("data.ms/tasks/data.mdb");
    assert_eq!(std::fs::metadata(&data).unwrap().len(), done.size_after);
    assert!(scheduler.must_restart());
    // What runs is not recorded, what comes is refused, what is there can be read.
    scheduler.shared().stopping.store(true, std::sync::atomic::Ordering::Release);
    scheduler.finish(running);
    assert!(matches!(scheduler.register(kind(), None), Err(Error::QueueRetired)));
    assert!(matches!(scheduler.compact_queue(), Err(Error::QueueRetired)));
    assert!(matches!(scheduler.put_features(Default::default()), Err(Error::QueueRetired)));
    assert!(scheduler.plan().is_none());
    assert_eq!(scheduler.status(waiting), Status::Enqueued);
    scheduler.health().unwrap();

    let scheduler = scheduler.reopen();
    assert!(!scheduler.must_restart());
    assert_eq!(scheduler.print(), before);
    scheduler.run_all();
    assert_eq!(scheduler.status(waiting), Status::Succeeded);
}

#[test]
fn a_compaction_of_the_queue_that_cannot_be_written_changes_nothing() {
    let scheduler = TestScheduler::new();
    let copy = scheduler.dir().join("data.ms/tasks/data.mdb.cpy");
    std::fs::create_dir(&copy).unwrap();
    assert!(scheduler.compact_queue().is_err());
    assert!(!scheduler.must_restart());
    scheduler.create("films");
    std::fs::remove_dir(&copy).unwrap();
    // One that a killed server left is overwritten, or goes at the next start.
    std::fs::write(&copy, "half").unwrap();
    let scheduler = scheduler.reopen();
    assert!(!copy.exists());
    scheduler.run_all();
    assert!(scheduler.index_exists("films").unwrap());
}
