//! Crashes, panics, full maps, restarts: nothing is lost, done twice, or left over.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use meilisearch_types::tasks::{IndexSwap, KindWithContent, Status};
use time::OffsetDateTime;

use crate::Error;
use crate::testing::{CrashImage, Fault, TestScheduler};

/// Tasks of every kind that changes an index, each in a batch of its own.
fn story(scheduler: &TestScheduler) {
    scheduler.create("a");
    scheduler.add("b", r#"{"id":1}"#);
    let indexes = ("a".to_owned(), "b".to_owned());
    scheduler
        .enqueue(KindWithContent::IndexSwap { swaps: vec![IndexSwap { indexes, rename: false }] });
    scheduler.add("a", r#"{"id":1}{"id":2}"#);
    scheduler.enqueue(KindWithContent::IndexUpdate {
        index_uid: "a".into(),
        primary_key: None,
        new_index_uid: Some("c".into()),
    });
    scheduler.enqueue(KindWithContent::IndexDeletion { index_uid: "b".into() });
    let (query, tasks) = ("?uids=0".into(), [0].into_iter().collect());
    scheduler.enqueue(KindWithContent::TaskDeletion { query, tasks });
}

/// What users can see in the end, whatever happened on the way.
fn ending(scheduler: &TestScheduler) -> String {
    let mut text = String::new();
    let (tasks, _) = scheduler.tasks(&Default::default(), crate::IndexFilter::All).unwrap();
    for task in tasks {
        let error = task.error.map(|error| error.code().to_owned());
        text += &format!("{} {} {error:?}\n", task.uid, task.status);
    }
    for index in scheduler.index_names().unwrap() {
        let stats = scheduler.index_stats(&index).unwrap().inner;
        text += &format!("{index}: {}\n", stats.number_of_documents());
    }
    text
}

fn entries(scheduler: &TestScheduler, directory: &str) -> usize {
    std::fs::read_dir(scheduler.dir().join("data.ms").join(directory)).unwrap().count()
}

#[test]
fn a_power_cut_at_any_step_changes_nothing_in_the_end() {
    let scheduler = TestScheduler::new();
    story(&scheduler);
    let images: Arc<Mutex<Vec<(Fault, CrashImage)>>> = Arc::default();
    let (taken, dir) = (Arc::clone(&images), scheduler.dir().to_path_buf());
    scheduler.shared().faults.set(move |fault| {
        taken.lock().unwrap().push((fault, CrashImage::take(&dir)));
        Ok(())
    });
    scheduler.run_all();
    scheduler.shared().faults.clear();
    let expected = ending(&scheduler);
    assert!(expected.contains("c: 2") || expected.contains("c: 3"), "{expected}");

    let images = std::mem::take(&mut *images.lock().unwrap());
    assert!(images.len() > 15, "{} images", images.len());
    for (number, (fault, image)) in images.into_iter().enumerate() {
        let revived = image.open();
        revived.run_all();
        assert_eq!(ending(&revived), expected, "image {number}, {fault:?}");
        let revived = revived.reopen();
        assert_eq!(entries(&revived, "indexes"), 1, "image {number}, {fault:?}");
        assert_eq!(entries(&revived, "update_files"), 0, "image {number}, {fault:?}");
    }
}

#[test]
fn a_panic_fails_its_batch_only() {
    let scheduler = TestScheduler::new();
    scheduler.add("films", r#"{"id":1}"#);
    scheduler.run_all();
    let unlucky = scheduler.add("films", r#"{"id":2}"#);
    scheduler.shared().faults.set(|fault| match fault {
        Fault::BeforeIndexCommit => panic!("the sky is falling"),
        _ => Ok(()),
    });
    assert!(scheduler.step());
    scheduler.shared().faults.clear();
    let next = scheduler.add("films", r#"{"id":3}"#);
    scheduler.run_all();
    let error = scheduler.task(unlucky).unwrap().error.unwrap();
    assert_eq!(error.code(), "internal");
    assert!(error.message.contains("the sky is falling"), "{}", error.message);
    assert_eq!(scheduler.status(next), Status::Succeeded);
    let stats = scheduler.index_stats("films").unwrap();
    assert_eq!(stats.inner.number_of_documents(), 2, "nothing of the batch reached the index");
    assert!(!stats.is_indexing);
}

#[test]
fn an_error_leaves_the_index_as_it_was() {
    let scheduler = TestScheduler::new();
    scheduler.add("films", r#"{"id":1}"#);
    scheduler.run_all();
    let before = scheduler.index_stats("films").unwrap().inner;
    let task = scheduler.add("films", r#"{"id":2}"#);
    scheduler.shared().faults.set(|fault| match fault {
        Fault::BeforeIndexCommit => Err(Error::CorruptedQueue("made up".into())),
        _ => Ok(()),
    });
    assert!(scheduler.step());
    assert_eq!(scheduler.error(task), "internal");
    assert_eq!(scheduler.index_stats("films").unwrap().inner, before);
}

#[test]
fn outcomes_that_cannot_be_written_leave_the_tasks_enqueued() {
    let scheduler = TestScheduler::new();
    let task = scheduler.add("films", r#"{"id":1}"#);
    scheduler.shared().faults.set(|fault| match fault {
        Fault::BeforeCommit => Err(Error::CorruptedQueue("made up".into())),
        _ => Ok(()),
    });
    let started = scheduler.plan().unwrap();
    let uid = started.uid();
    assert!(scheduler.shared().run_and_commit(started).is_err());
    scheduler.shared().processing.end(uid);
    scheduler.shared().faults.clear();
    assert_eq!(scheduler.status(task), Status::Enqueued);
    scheduler.run_all();
    assert_eq!(scheduler.status(task), Status::Succeeded);
    assert_eq!(scheduler.task(task).unwrap().batch_uid, Some(0));
}

#[test]
fn a_full_map_grows_and_the_batch_runs_again() {
    let scheduler = TestScheduler::new();
    scheduler.add("films", r#"{"id":1}"#);
    scheduler.run_all();
    let before = scheduler.index("films").unwrap().map_size();
    let uuid = {
        let rtxn = scheduler.shared().queue.read_txn().unwrap();
        scheduler.shared().mapper.uuid(&rtxn, "films").unwrap().unwrap()
    };
    let task = scheduler.add("films", r#"{"id":2}"#);
    scheduler.shared().faults.set(move |fault| match fault {
        Fault::BeforeIndexCommit => Err(Error::IndexMapFull { uuid, map_size: before }),
        _ => Ok(()),
    });
    assert!(scheduler.step());
    assert_eq!(scheduler.status(task), Status::Enqueued);
    scheduler.shared().faults.clear();
    scheduler.run_all();
    assert_eq!(scheduler.status(task), Status::Succeeded);
    assert_eq!(scheduler.index("films").unwrap().map_size(), before + (10 << 30));
}

#[test]
fn orphan_payloads_go_at_the_start_and_waiting_ones_stay() {
    let scheduler = TestScheduler::new();
    scheduler.add("films", r#"{"id":1}"#);
    let (_, orphan) = scheduler.update_file().unwrap();
    orphan.persist().unwrap();
    std::fs::write(scheduler.dir().join("data.ms/update_files/.tmpXYZ"), "half").unwrap();
    let scheduler = scheduler.reopen();
    assert_eq!(entries(&scheduler, "update_files"), 1);
    scheduler.run_all();
    assert_eq!(scheduler.status(0), Status::Succeeded);
}

#[test]
fn a_look_up_that_meets_a_replaced_index_finds_the_new_one() {
    let scheduler = TestScheduler::new();
    scheduler.add("films", r#"{"id":1}"#);
    scheduler.run_all();
    let mapper = scheduler.shared().mapper.clone();
    let stop = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while !stop.load(std::sync::atomic::Ordering::Relaxed) {
                    let index = scheduler.index("films").unwrap();
                    assert!(index.read_txn().is_ok());
                }
            });
        }
        for _ in 0..20 {
            let effect = mapper.new_index("films", OffsetDateTime::now_utc(), |_| Ok(())).unwrap();
            mapper.commit_alone(effect).unwrap();
        }
        stop.store(true, std::sync::atomic::Ordering::Relaxed);
    });
    let deadline = std::time::Instant::now() + Duration::from_secs(10);
    while entries(&scheduler, "indexes") > 1 {
        assert!(std::time::Instant::now() < deadline, "replaced directories stay");
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn the_loop_runs_tasks_and_stops() {
    let scheduler = TestScheduler::new();
    scheduler.run().unwrap();
    let task = scheduler.add("films", r#"{"id":1}"#);
    let deadline = std::time::Instant::now() + Duration::from_secs(30);
    while scheduler.status(task) != Status::Succeeded {
        assert!(std::time::Instant::now() < deadline, "{:?}", scheduler.task(task));
        std::thread::sleep(Duration::from_millis(5));
    }
    let scheduler = scheduler.reopen();
    assert_eq!(scheduler.status(task), Status::Succeeded);
}
