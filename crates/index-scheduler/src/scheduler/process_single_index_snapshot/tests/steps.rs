//! Every step of both tasks fails, panics, is canceled, or meets the end of the server.

use super::*;
use crate::processing::{SingleIndexSnapshotCreationProgress, SingleIndexSnapshotImportProgress};

/// Points outside of a job, where only a power cut can strike.
const AROUND: [Fault; 5] = [
    Fault::BeforeRun,
    Fault::BeforeCommit,
    Fault::BeforeQueueCommit,
    Fault::AfterQueueCommit,
    Fault::AfterCommit,
];

/// Where a creation may meet a power cut.
pub(super) fn creation_points() -> impl Iterator<Item = Fault> {
    AROUND.into_iter().chain([Fault::WhileCopying]).chain(creation_steps())
}

/// Where an import may meet a power cut.
pub(super) fn import_points() -> impl Iterator<Item = Fault> {
    AROUND.into_iter().chain([Fault::WhileCopying]).chain(import_steps())
}

fn creation_steps() -> impl Iterator<Item = Fault> {
    use SingleIndexSnapshotCreationProgress as Step;
    [
        Step::StartTheSnapshotCreation,
        Step::CopyAndCompressTheIndex,
        Step::SyncTheArchive,
        Step::CheckTheArchive,
        Step::PersistTheSnapshot,
    ]
    .into_iter()
    .map(Fault::Creation)
    .chain([Fault::BetweenNames])
}

fn import_steps() -> impl Iterator<Item = Fault> {
    use SingleIndexSnapshotImportProgress as Step;
    [
        Step::ReadTheManifest,
        Step::CheckTheCompatibility,
        Step::ExtractTheIndex,
        Step::VerifyTheChecksums,
        Step::OpenTheIndex,
        Step::RegisterTheIndex,
    ]
    .into_iter()
    .map(Fault::Import)
}

/// The two ways in which a step may go wrong.
fn failures() -> [fn() -> Result<()>; 2] {
    [|| Err(Error::CorruptedQueue("made up".into())), || panic!("the sky is falling")]
}

fn films() -> TestScheduler {
    let scheduler = TestScheduler::new();
    scheduler.add("films", r#"{"id":1} {"id":2}"#);
    scheduler.run_all();
    scheduler
}

pub(super) fn cancel(scheduler: &crate::IndexScheduler, task: TaskId) {
    let tasks = RoaringBitmap::from([task]);
    let cancelation = KindWithContent::TaskCancelation { query: "?uids=0".into(), tasks };
    scheduler.register(cancelation, None).unwrap();
}

#[test]
fn a_creation_that_fails_at_any_step_leaves_nothing_and_succeeds_the_next_time() {
    let scheduler = films();
    for fault in creation_steps() {
        for failure in failures() {
            let failing = snapshot(&scheduler, "films");
            let hooked = Hooked::at(&scheduler, fault, failure);
            scheduler.run_all();
            drop(hooked);
            assert_eq!(scheduler.status(failing), Status::Failed, "{fault:?}");
            assert_eq!(names(scheduler.snapshots_path()), [""; 0], "{fault:?}");
        }
        let next = snapshot(&scheduler, "films");
        let own = scheduler.add("films", r#"{"id":3}"#);
        scheduler.run_all();
        assert_eq!(scheduler.status(next), Status::Succeeded, "{fault:?}");
        assert_eq!(scheduler.status(own), Status::Succeeded, "{fault:?}: the index stays locked");
        for name in names(scheduler.snapshots_path()) {
            fs::remove_file(scheduler.snapshots_path().join(name)).unwrap();
        }
    }
}

#[test]
fn an_import_that_fails_at_any_step_leaves_nothing_and_succeeds_the_next_time() {
    for overwrite in [false, true] {
        for fault in import_steps() {
            let (scheduler, path) = with_archive();
            if overwrite {
                scheduler.create("copy");
                set_primary_key(&scheduler, "copy", "other");
                scheduler.run_all();
            }
            let request =
                || import_with(&scheduler, &path, "copy", |request| request.overwrite = overwrite);
            for failure in failures() {
                let failing = request();
                let hooked = Hooked::at(&scheduler, fault, failure);
                scheduler.run_all();
                drop(hooked);
                assert_eq!(scheduler.status(failing), Status::Failed, "{fault:?}");
                assert_eq!(scheduler.index_exists("copy").unwrap(), overwrite, "{fault:?}");
                assert_eq!(index_directories(&scheduler), 1 + usize::from(overwrite), "{fault:?}");
                if overwrite {
                    assert_eq!(primary_key(&scheduler, "copy").as_deref(), Some("other"));
                }
            }
            let next = request();
            scheduler.run_all();
            assert_eq!(scheduler.status(next), Status::Succeeded, "{fault:?}");
            assert_eq!(primary_key(&scheduler, "copy").as_deref(), Some("id"));
            wait_for_directories(&scheduler, 2);
        }
    }
}

/// The server is stopped at a step, in an orderly way, and started again.
#[test]
fn a_restart_at_any_step_runs_the_task_again() {
    for fault in creation_steps() {
        let scheduler = films();
        let creation = snapshot(&scheduler, "films");
        let hooked = Hooked::at(&scheduler, fault, || Err(Error::Aborted));
        assert!(scheduler.step());
        drop(hooked);
        assert_eq!(scheduler.status(creation), Status::Enqueued, "{fault:?}");
        assert_eq!(names(scheduler.snapshots_path()), [""; 0], "{fault:?}");
        let scheduler = scheduler.reopen();
        scheduler.run_all();
        assert_eq!(scheduler.status(creation), Status::Succeeded, "{fault:?}");
        assert_eq!(names(scheduler.snapshots_path()).len(), 2, "{fault:?}");
    }
    for fault in import_steps() {
        let (scheduler, path) = with_archive();
        let copy = import(&scheduler, &path, "copy");
        let hooked = Hooked::at(&scheduler, fault, || Err(Error::Aborted));
        assert!(scheduler.step());
        drop(hooked);
        assert_eq!(scheduler.status(copy), Status::Enqueued, "{fault:?}");
        assert_eq!(index_directories(&scheduler), 1, "{fault:?}");
        let scheduler = scheduler.reopen();
        scheduler.run_all();
        assert_eq!(scheduler.status(copy), Status::Succeeded, "{fault:?}");
        assert_eq!(index_directories(&scheduler), 2, "{fault:?}");
    }
}

#[test]
fn a_cancelation_at_any_step_leaves_nothing() {
    for fault in creation_steps().chain([Fault::BeforePublish, Fault::BeforeRun]) {
        let scheduler = films();
        let creation = snapshot(&scheduler, "films");
        let handle = (*scheduler).clone();
        let hooked = Hooked::at(&scheduler, fault, once(move || cancel(&handle, creation)));
        scheduler.run_all();
        drop(hooked);
        assert_eq!(scheduler.status(creation), Status::Canceled, "{fault:?}");
        assert_eq!(names(scheduler.snapshots_path()), [""; 0], "{fault:?}");
    }
    for fault in import_steps().chain([Fault::BeforePublish, Fault::BeforeRun]) {
        let (scheduler, path) = with_archive();
        let copy = import(&scheduler, &path, "copy");
        let handle = (*scheduler).clone();
        let hooked = Hooked::at(&scheduler, fault, once(move || cancel(&handle, copy)));
        scheduler.run_all();
        drop(hooked);
        assert_eq!(scheduler.status(copy), Status::Canceled, "{fault:?}");
        assert!(!scheduler.index_exists("copy").unwrap(), "{fault:?}");
        assert_eq!(index_directories(&scheduler), 1, "{fault:?}");
    }
}

/// Does something the first time only: the cancelation passes some of the points as well.
fn once(act: impl Fn() + Send + Sync + 'static) -> impl Fn() -> Result<()> + Send + Sync + 'static {
    let done = AtomicBool::new(false);
    move || {
        if !done.swap(true, Ordering::Relaxed) {
            act();
        }
        Ok(())
    }
}

#[test]
fn a_job_that_finished_first_is_not_counted_as_canceled() {
    let (scheduler, path) = with_archive();
    for job in [snapshot(&scheduler, "films"), import(&scheduler, &path, "copy")] {
        let handle = (*scheduler).clone();
        let hooked =
            Hooked::at(&scheduler, Fault::BeforeCommit, once(move || cancel(&handle, job)));
        let running = scheduler.plan().unwrap();
        assert_eq!(running.task_uids(), [job]);
        scheduler.finish(running);
        drop(hooked);
        assert!(scheduler.step());
        assert_eq!(scheduler.status(job), Status::Succeeded);
    }
    let cancelations: Vec<_> = scheduler
        .tasks(&crate::Query::default(), crate::IndexFilter::All)
        .unwrap()
        .0
        .into_iter()
        .filter(|task| task.kind() == Kind::TaskCancelation)
        .map(|task| scheduler.details(task.uid))
        .collect();
    assert_eq!(cancelations.len(), 2);
    for details in cancelations {
        assert!(details.contains(r#""canceledTasks":0"#), "{details}");
    }
    assert!(scheduler.index_exists("copy").unwrap());
    assert_eq!(names(scheduler.snapshots_path()).len(), 4);
}

/// Its archive has its name, but the outcome is not written: the server dies.
fn with_archive_of_an_earlier_run() -> (TestScheduler, TaskId) {
    let scheduler = films();
    let creation = snapshot(&scheduler, "films");
    let after = die_at(&scheduler, Fault::BeforeCommit).open();
    assert_eq!(names(after.snapshots_path()).len(), 2);
    (after, creation)
}

#[test]
fn what_an_earlier_run_left_goes_when_the_task_ends_without_success() {
    let (canceled, creation) = with_archive_of_an_earlier_run();
    cancel(&canceled, creation);
    // Also when the server dies again, right after the cancelation is written.
    let canceled = die_at(&canceled, Fault::AfterQueueCommit).open();
    canceled.run_all();
    assert_eq!(canceled.status(creation), Status::Canceled);
    assert_eq!(names(canceled.snapshots_path()), [""; 0]);

    for failure in failures() {
        let (failed, creation) = with_archive_of_an_earlier_run();
        let first_step =
            Fault::Creation(SingleIndexSnapshotCreationProgress::StartTheSnapshotCreation);
        let hooked = Hooked::at(&failed, first_step, failure);
        failed.run_all();
        drop(hooked);
        assert_eq!(failed.status(creation), Status::Failed);
        assert_eq!(names(failed.snapshots_path()), [""; 0]);
    }
}

/// The environment that is checked takes a place of those that may be open.
#[test]
fn what_an_import_opens_counts_in_the_address_space() {
    let (scheduler, path) = with_archive();
    let free = |scheduler: &crate::IndexScheduler| {
        let mut rooms = Vec::new();
        while let Ok(room) = scheduler.shared.mapper.make_room(&|| true) {
            rooms.push(room);
        }
        rooms.len()
    };
    let before = free(&scheduler);
    let (handle, (seen, during)) = ((*scheduler).clone(), std::sync::mpsc::channel());
    let fault = Fault::Import(SingleIndexSnapshotImportProgress::OpenTheIndex);
    let hooked = Hooked::at(&scheduler, fault, move || {
        seen.send(free(&handle)).unwrap();
        Ok(())
    });
    let copy = import(&scheduler, &path, "copy");
    scheduler.run_all();
    drop(hooked);
    assert_eq!(scheduler.status(copy), Status::Succeeded);
    assert_eq!(during.recv().unwrap(), before - 1);
    assert_eq!(free(&scheduler), before);
}

/// At each step, more indexes are opened than may stay open.
#[test]
fn other_indexes_may_push_each_other_out_while_a_job_runs() {
    let (scheduler, path) = with_archive();
    let others: Vec<String> = (0..25).map(|number| format!("other{number}")).collect();
    for other in &others {
        scheduler.create(other);
    }
    scheduler.run_all();
    for fault in creation_steps().chain(import_steps()) {
        let (handle, others) = ((*scheduler).clone(), others.clone());
        let hooked = Hooked::at(&scheduler, fault, move || {
            for other in &others {
                let index = handle.index(other)?;
                drop(index.read_txn().unwrap());
            }
            Ok(())
        });
        let creation = snapshot(&scheduler, "films");
        let copy = import_with(&scheduler, &path, "copy", |request| request.overwrite = true);
        scheduler.run_all();
        drop(hooked);
        for task in [creation, copy] {
            assert_eq!(scheduler.status(task), Status::Succeeded, "{fault:?}");
        }
        for index in ["films", "copy"] {
            assert_eq!(primary_key(&scheduler, index).as_deref(), Some("id"), "{fault:?}");
        }
    }
    wait_for_directories(&scheduler, 2 + others.len());
}
