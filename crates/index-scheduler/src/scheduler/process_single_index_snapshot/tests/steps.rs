//! Every step of both tasks fails, panics, is canceled, or meets the end of the server.

use super::*;
use crate::processing::{SingleIndexSnapshotCreationProgress, SingleIndexSnapshotImportProgress};

/// Where a creation may meet a power cut.
pub(super) fn creation_points() -> impl Iterator<Item = Fault> {
    let ends = [Fault::BeforeRun, Fault::BeforeCommit, Fault::AfterCommit];
    ends.into_iter().chain(creation_steps())
}

/// Where an import may meet a power cut.
pub(super) fn import_points() -> impl Iterator<Item = Fault> {
    let ends = [Fault::BeforeRun, Fault::BeforeCommit, Fault::AfterCommit];
    ends.into_iter().chain(import_steps())
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

/// Does something at a point, whenever it is passed, until the guard is dropped.
struct Hooked<'a>(&'a TestScheduler);

impl<'a> Hooked<'a> {
    fn at(
        scheduler: &'a TestScheduler,
        fault: Fault,
        act: impl Fn() -> Result<()> + Send + Sync + 'static,
    ) -> Hooked<'a> {
        scheduler.shared().faults.set(move |at| if at == fault { act() } else { Ok(()) });
        Hooked(scheduler)
    }
}

impl Drop for Hooked<'_> {
    fn drop(&mut self) {
        self.0.shared().faults.clear();
    }
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

fn cancel(scheduler: &crate::IndexScheduler, task: TaskId) {
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
    for fault in creation_steps() {
        let scheduler = films();
        let creation = snapshot(&scheduler, "films");
        let handle = (*scheduler).clone();
        let hooked = Hooked::at(&scheduler, fault, move || {
            cancel(&handle, creation);
            Ok(())
        });
        scheduler.run_all();
        drop(hooked);
        match scheduler.status(creation) {
            Status::Canceled => assert_eq!(names(scheduler.snapshots_path()), [""; 0], "{fault:?}"),
            // Past the copy the job may finish first; then it is not counted as canceled.
            Status::Succeeded => {
                use SingleIndexSnapshotCreationProgress as Step;
                let early = [Step::StartTheSnapshotCreation, Step::CopyAndCompressTheIndex];
                assert!(!early.map(Fault::Creation).contains(&fault), "{fault:?}");
                assert_eq!(names(scheduler.snapshots_path()).len(), 2, "{fault:?}");
                let details = scheduler.details(creation + 1);
                assert!(details.contains(r#""canceledTasks":0"#), "{fault:?}: {details}");
            }
            status => panic!("{fault:?}: {status}"),
        }
    }
    for fault in import_steps() {
        let (scheduler, path) = with_archive();
        let copy = import(&scheduler, &path, "copy");
        let handle = (*scheduler).clone();
        let hooked = Hooked::at(&scheduler, fault, move || {
            cancel(&handle, copy);
            Ok(())
        });
        scheduler.run_all();
        drop(hooked);
        let is_last = fault == Fault::Import(SingleIndexSnapshotImportProgress::RegisterTheIndex);
        let expected = if is_last { Status::Succeeded } else { Status::Canceled };
        assert_eq!(scheduler.status(copy), expected, "{fault:?}");
        assert_eq!(scheduler.index_exists("copy").unwrap(), is_last, "{fault:?}");
        assert_eq!(index_directories(&scheduler), 1 + usize::from(is_last), "{fault:?}");
    }
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
