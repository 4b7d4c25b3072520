//! What goes on, and what waits, while a job is in the middle of its copy (index-snapshots.md 4.2, 4.3).

use std::sync::Mutex;
use std::sync::mpsc;

use meilisearch_types::tasks::IndexSwap;

use super::*;
use crate::Query;
use crate::processing::SingleIndexSnapshotCreationProgress as Step;
use crate::scheduler::Started;

/// Runs a planned batch on another thread, does something while it stands at a point, and then lets it
/// finish. Other batches pass the point.
pub(super) fn during<T>(
    scheduler: &TestScheduler,
    batch: Started,
    point: Fault,
    act: impl FnOnce() -> T,
) -> T {
    let (arrived, arrival) = mpsc::channel();
    let (release, released) = mpsc::channel::<()>();
    let released = Mutex::new(released);
    let stands = AtomicBool::new(false);
    scheduler.shared().faults.set(move |at| {
        if at == point && !stands.swap(true, Ordering::Relaxed) {
            arrived.send(()).unwrap();
            // An error tells that the test has failed and released nothing.
            let _ = released.lock().unwrap().recv();
        }
        Ok(())
    });
    std::thread::scope(|scope| {
        let running = scope.spawn(|| scheduler.finish(batch));
        arrival.recv().unwrap();
        let result = act();
        drop(release);
        running.join().unwrap();
        scheduler.shared().faults.clear();
        result
    })
}

const BEFORE_COPY: Fault = Fault::Creation(Step::CopyAndCompressTheIndex);

fn documents(scheduler: &TestScheduler, uid: &str) -> u64 {
    let index = scheduler.index(uid).unwrap();
    let rtxn = index.read_txn().unwrap();
    index.number_of_documents(&rtxn).unwrap()
}

#[test]
fn fifty_tasks_of_another_index_finish_during_a_snapshot() {
    let scheduler = TestScheduler::new();
    scheduler.add("films", r#"{"id":1} {"id":2}"#);
    scheduler.run_all();
    let creation = snapshot(&scheduler, "films");
    let running = scheduler.plan().unwrap();
    assert_eq!(running.task_uids(), [creation]);
    let own = during(&scheduler, running, BEFORE_COPY, || {
        let own: Vec<_> =
            (10..13).map(|id| scheduler.add("films", &format!(r#"{{"id":{id}}}"#))).collect();
        for id in 0..50 {
            let task = scheduler.add("books", &format!(r#"{{"id":{id}}}"#));
            assert!(scheduler.step());
            assert_eq!(scheduler.status(task), Status::Succeeded, "{id}");
        }
        assert!(!scheduler.step(), "the tasks of the index itself wait");
        assert_eq!(scheduler.status(creation), Status::Processing);
        for &task in &own {
            assert_eq!(scheduler.status(task), Status::Enqueued);
        }
        own
    });
    assert_eq!(scheduler.status(creation), Status::Succeeded);
    scheduler.run_all();
    for task in own {
        assert_eq!(scheduler.status(task), Status::Succeeded);
    }
    let copy = import(&scheduler, &archive(&scheduler, creation), "copy");
    scheduler.run_all();
    assert_eq!(scheduler.status(copy), Status::Succeeded);
    let counted = ["films", "books", "copy"].map(|uid| documents(&scheduler, uid));
    assert_eq!(counted, [5, 50, 2]);
}

#[test]
fn a_swap_waits_for_a_snapshot_and_holds_back_what_must_not_pass_it() {
    let scheduler = TestScheduler::new();
    scheduler.add("films", r#"{"id":1}"#);
    scheduler.add("books", r#"{"id":1} {"id":2}"#);
    scheduler.run_all();
    let creation = snapshot(&scheduler, "films");
    let running = scheduler.plan().unwrap();
    let waiting = during(&scheduler, running, BEFORE_COPY, || {
        let before = scheduler.add("books", r#"{"id":3}"#);
        let indexes = ("films".into(), "books".into());
        let swap = scheduler.enqueue(KindWithContent::IndexSwap {
            swaps: vec![IndexSwap { indexes, rename: false }],
        });
        let after = scheduler.add("books", r#"{"id":100}"#);
        let third = scheduler.add("songs", r#"{"id":1}"#);
        scheduler.run_all();
        for (task, status) in [
            (before, Status::Succeeded),
            (swap, Status::Enqueued),
            (after, Status::Enqueued),
            (third, Status::Succeeded),
        ] {
            assert_eq!(scheduler.status(task), status, "{task}");
        }
        [swap, after]
    });
    scheduler.run_all();
    for task in waiting {
        assert_eq!(scheduler.status(task), Status::Succeeded);
    }
    // The film of before the swap is called a book now, and got the late document.
    assert_eq!(["films", "books"].map(|uid| documents(&scheduler, uid)), [3, 2]);
    let copy = import(&scheduler, &archive(&scheduler, creation), "copy");
    scheduler.run_all();
    assert_eq!(scheduler.status(copy), Status::Succeeded);
    assert_eq!(documents(&scheduler, "copy"), 1);
}

#[test]
fn two_jobs_run_at_once_in_batches_of_their_own() {
    let scheduler = TestScheduler::with(|options| options.max_concurrent_index_snapshots = 2);
    for index in ["films", "books", "songs"] {
        scheduler.create(index);
    }
    scheduler.run_all();
    let creations = ["films", "books", "songs"].map(|index| snapshot(&scheduler, index));
    let [first, second] = [scheduler.plan().unwrap(), scheduler.plan().unwrap()];
    assert!(scheduler.plan().is_none(), "two at once, and no third");
    let uids = [first.uid(), second.uid()];
    assert_eq!(uids[1], uids[0] + 1);
    let processing = Query { statuses: Some(vec![Status::Processing]), ..Query::default() };
    let (batches, total) = scheduler.batches(&processing, crate::IndexFilter::All).unwrap();
    assert_eq!(total, 2);
    let shown: HashSet<_> = batches.iter().map(|batch| batch.uid).collect();
    assert_eq!(shown, HashSet::from(uids));

    // An ordinary batch beside both, and the younger job ends first.
    let other = scheduler.add("news", r#"{"id":1}"#);
    assert!(scheduler.step());
    assert_eq!(scheduler.status(other), Status::Succeeded);
    scheduler.finish(second);
    assert_eq!(
        creations.map(|task| scheduler.status(task)),
        [Status::Processing, Status::Succeeded, Status::Enqueued]
    );
    scheduler.finish(first);
    scheduler.run_all();
    let ended = creations.map(|task| scheduler.task(task).unwrap());
    assert!(ended.iter().all(|task| task.status == Status::Succeeded), "{}", scheduler.print());
    let batches: HashSet<_> = ended.iter().map(|task| task.batch_uid.unwrap()).collect();
    assert_eq!(ended[0].batch_uid, Some(uids[0]));
    assert_eq!(ended[1].batch_uid, Some(uids[1]));
    assert_eq!(batches.len(), 3);
}

/// The commit of a job waits for no batch of another index, and the other way round.
#[test]
fn a_job_is_committed_while_an_ordinary_batch_runs() {
    let scheduler = TestScheduler::new();
    scheduler.create("films");
    scheduler.run_all();
    let other = scheduler.add("books", r#"{"id":1}"#);
    let running = scheduler.plan().unwrap();
    assert_eq!(running.task_uids(), [other]);
    let (creation, copy) = during(&scheduler, running, Fault::BeforeIndexCommit, || {
        let creation = snapshot(&scheduler, "films");
        assert!(scheduler.step());
        assert_eq!(scheduler.status(creation), Status::Succeeded);
        let copy = import(&scheduler, &archive(&scheduler, creation), "copy");
        assert!(scheduler.step());
        assert_eq!(scheduler.status(copy), Status::Succeeded);
        assert_eq!(scheduler.status(other), Status::Processing);
        (creation, copy)
    });
    let batches = [other, creation, copy].map(|task| scheduler.task(task).unwrap().batch_uid);
    assert_eq!(batches, [Some(1), Some(2), Some(3)], "above the running one");
}

/// A batch that began before may hold an older view of the names, so it finds the files of that time.
#[test]
fn a_replaced_index_stays_on_disk_while_an_older_batch_runs() {
    let (scheduler, path) = with_archive();
    scheduler.create("copy");
    scheduler.run_all();
    let other = scheduler.add("books", r#"{"id":1}"#);
    let running = scheduler.plan().unwrap();
    assert_eq!(running.task_uids(), [other]);
    let directories = || names(&scheduler.dir().join("data.ms/indexes"));
    during(&scheduler, running, Fault::BeforeIndexCommit, || {
        let before = directories();
        let replaced = import_with(&scheduler, &path, "copy", |request| request.overwrite = true);
        assert!(scheduler.step());
        assert_eq!(scheduler.status(replaced), Status::Succeeded);
        assert_eq!(primary_key(&scheduler, "copy").as_deref(), Some("id"));
        // Long enough for a deletion that does not wait.
        std::thread::sleep(std::time::Duration::from_millis(200));
        let after = directories();
        assert!(before.iter().all(|directory| after.contains(directory)));
    });
    scheduler.run_all();
    wait_for_directories(&scheduler, 3);
}

#[test]
fn a_deletion_of_tasks_spares_those_of_a_running_job() {
    let scheduler = TestScheduler::new();
    let index = scheduler.create("films");
    scheduler.run_all();
    let creation = snapshot(&scheduler, "films");
    let running = scheduler.plan().unwrap();
    during(&scheduler, running, BEFORE_COPY, || {
        let deletion = scheduler.enqueue(KindWithContent::TaskDeletion {
            query: "?uids=0,1".into(),
            tasks: RoaringBitmap::from([index, creation]),
        });
        scheduler.run_all();
        assert_eq!(scheduler.status(deletion), Status::Succeeded);
        assert!(scheduler.details(deletion).contains(r#""deletedTasks":1"#));
        assert!(scheduler.task(index).is_err());
    });
    assert_eq!(scheduler.status(creation), Status::Succeeded);
    assert!(archive(&scheduler, creation).exists());
}
