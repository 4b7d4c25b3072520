//! What strikes in the middle of a copy, in either direction: cancelation, a crash, the end of the server.

use std::sync::Arc;
use std::sync::atomic::AtomicUsize;

use super::steps::cancel;
use super::*;
use crate::testing::CrashImage;

/// How many mebibytes have passed when something strikes.
const STRIKE_AFTER: usize = 2;

/// A scheduler with an index of some mebibytes, `films`, and an archive of it.
fn with_large_archive() -> (TestScheduler, PathBuf) {
    let scheduler = TestScheduler::new();
    large_index(&scheduler, "films");
    let creation = snapshot(&scheduler, "films");
    scheduler.run_all();
    assert_eq!(scheduler.status(creation), Status::Succeeded, "{}", scheduler.error(creation));
    let path = archive(&scheduler, creation);
    (scheduler, path)
}

/// Does something once in the middle of the next copy; gives how many mebibytes were begun in all.
fn in_the_middle(
    scheduler: &TestScheduler,
    act: impl Fn() -> Result<()> + Send + Sync + 'static,
) -> Arc<AtomicUsize> {
    let begun = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&begun);
    scheduler.shared().faults.set(move |at| match at {
        Fault::WhileCopying if counter.fetch_add(1, Ordering::Relaxed) == STRIKE_AFTER => act(),
        _ => Ok(()),
    });
    begun
}

/// Both jobs, each enqueued on a scheduler of its own.
fn jobs() -> [(TestScheduler, TaskId); 2] {
    let (importing, path) = with_large_archive();
    let copy = import(&importing, &path, "copy");
    let creating = TestScheduler::new();
    large_index(&creating, "films");
    let creation = snapshot(&creating, "films");
    [(creating, creation), (importing, copy)]
}

/// Files of the snapshot directory, and directories of indexes.
fn left(scheduler: &TestScheduler) -> (usize, usize) {
    (names(scheduler.snapshots_path()).len(), index_directories(scheduler))
}

#[test]
fn a_cancelation_stops_the_copy_at_once() {
    for (scheduler, job) in jobs() {
        let before = left(&scheduler);
        let handle = (*scheduler).clone();
        let begun = in_the_middle(&scheduler, move || {
            cancel(&handle, job);
            Ok(())
        });
        scheduler.run_all();
        assert_eq!(scheduler.status(job), Status::Canceled);
        assert_eq!(begun.load(Ordering::Relaxed), STRIKE_AFTER + 1, "the copy went on");
        assert_eq!(left(&scheduler), before);
    }
}

#[test]
fn a_crash_of_our_code_fails_the_task_only() {
    for (scheduler, job) in jobs() {
        let before = left(&scheduler);
        in_the_middle(&scheduler, || panic!("the sky is falling"));
        scheduler.run_all();
        assert_eq!(scheduler.status(job), Status::Failed);
        assert_eq!(left(&scheduler), before);
        // The index is not locked any more.
        let next = snapshot(&scheduler, "films");
        scheduler.run_all();
        assert_eq!(scheduler.status(next), Status::Succeeded);
    }
}

#[test]
fn a_power_cut_and_the_end_of_the_server_only_delay() {
    for (scheduler, job) in jobs() {
        let (files, directories) = left(&scheduler);
        let dir = scheduler.dir().to_path_buf();
        let (taken, image) = std::sync::mpsc::channel();
        in_the_middle(&scheduler, move || {
            taken.send(CrashImage::take(&dir)).unwrap();
            Err(Error::Aborted)
        });
        assert!(scheduler.step());
        scheduler.shared().faults.clear();
        assert_eq!(scheduler.status(job), Status::Enqueued);
        assert_eq!(left(&scheduler), (files, directories));
        for after in [image.recv().unwrap().open(), scheduler.reopen()] {
            assert_eq!(left(&after), (files, directories));
            after.run_all();
            assert_eq!(after.status(job), Status::Succeeded, "{}", after.error(job));
            let (files_after, directories_after) = left(&after);
            assert_eq!(
                files_after + directories_after,
                files + directories + if files == 0 { 2 } else { 1 }
            );
        }
    }
}
