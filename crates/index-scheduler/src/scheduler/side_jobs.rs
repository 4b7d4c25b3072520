//! Jobs that run beside the main loop: single-index snapshots (index-snapshots.md 4.2).
//!
//! A job only reads its index, or writes a directory that nobody else sees. What becomes visible
//! it hands over as an effect, and the commit applies it together with the outcome of its task. It
//! has a batch of its own, with progress and cancel flag, and runs on a thread of its own;
//! `create_batch.rs` decides when it may start, and holds back the tasks of its index meanwhile.

use std::panic::resume_unwind;
use std::path::Path;
use std::thread;

use file_store::FileStore;
use meilisearch_types::progress::{Progress, Step};
use meilisearch_types::tasks::{Details, KindWithContent, Status, Task, TaskId};
use roaring::RoaringBitmap;
use time::OffsetDateTime;
use uuid::Uuid;

use super::process_single_index_snapshot as snapshot;
use crate::Shared;
use crate::error::{Error, Result};
use crate::index_mapper::{Effect, IndexMapper};
use crate::processing::{CancelFlag, RunningBatch};
use crate::queue::Queue;
use crate::queue::commit::Outcome;
use crate::space::Space;
use crate::testing::{Fault, Faults};

/// How far jobs stand back behind searches, from 0 to 19.
#[cfg(target_os = "linux")]
const NICENESS: i32 = 19;

/// What a job works with.
pub(crate) struct Job<'a> {
    /// The only task of its batch.
    pub(crate) task: &'a Task,
    /// Start of its batch.
    pub(crate) started_at: OffsetDateTime,
    pub(crate) progress: &'a Progress,
    /// To be looked at every mebibyte or so; once raised, end with [`Error::Aborted`].
    pub(crate) cancel: &'a CancelFlag,
    /// `pin` reads an index; `new_directory` and `open_options` make one that nobody sees, for
    /// [`Effect::Register`].
    pub(crate) mapper: &'a IndexMapper,
    pub(crate) file_store: &'a FileStore,
    pub(crate) snapshots_path: &'a Path,
    pub(crate) instance_uid: Option<Uuid>,
    pub(crate) space: &'a Space,
    queue: &'a Queue,
    faults: &'a Faults,
}

impl Job<'_> {
    /// Begins a step, unless the job is canceled: shows it in the progress, and passes it as a point where
    /// tests may fail.
    pub(crate) fn enter<S: Step + Copy + Into<Fault>>(&self, step: S) -> Result<()> {
        self.progress.update(step);
        self.pass(step.into())
    }

    /// Passes a point where tests may fail, unless the job is canceled.
    pub(crate) fn pass(&self, fault: Fault) -> Result<()> {
        self.faults.hit(fault)?;
        if self.cancel.is_raised() { Err(Error::Aborted) } else { Ok(()) }
    }

    /// Greatest uid of a finished task that is listed under an index.
    pub(crate) fn last_finished_task(&self, index_uid: &str) -> Result<Option<TaskId>> {
        let rtxn = self.queue.read_txn()?;
        let listed = self.queue.tables().tasks.index.get(&rtxn, index_uid)?;
        let finished: RoaringBitmap = listed - self.queue.enqueued(&rtxn)?;
        Ok(finished.max())
    }

    /// Whether there is an index of that uid; the job's own uids are locked while it runs.
    pub(crate) fn index_exists(&self, index_uid: &str) -> Result<bool> {
        let rtxn = self.queue.read_txn()?;
        Ok(self.mapper.uuid(&rtxn, index_uid)?.is_some())
    }
}

/// What a job ends with.
#[derive(Debug)]
pub(crate) struct JobOutcome {
    /// Details of the task, filled as far as known also when it failed.
    pub(crate) details: Option<Details>,
    /// What changes for the indexes, or why the task failed. With [`Error::Aborted`] nothing is
    /// written and the task stays enqueued, for the cancelation that asked for it.
    pub(crate) result: Result<Option<Effect>>,
}

/// Lowers the scheduling priority of the calling thread and of those that it starts from now on.
fn give_way_to_searches() {
    // On Linux the priority is that of a thread; elsewhere the whole server would be slowed down.
    #[cfg(target_os = "linux")]
    if let Err(error) = rustix::process::setpriority_process(None, NICENESS) {
        tracing::debug!("a snapshot runs at the priority of searches: {error}");
    }
}

/// Runs work on a thread that stands back behind searches. What follows it runs on the caller's thread
/// again: a commit that stands back would hold up everybody who waits for the queue.
fn behind_searches<T: Send>(work: impl FnOnce() -> T + Send) -> Result<T> {
    let work = || {
        give_way_to_searches();
        work()
    };
    thread::scope(|scope| {
        let thread = thread::Builder::new().name("side-job".into()).spawn_scoped(scope, work);
        let thread = thread
            .map_err(|e| index_snapshot::Error::io("starting the thread of a snapshot", e))?;
        Ok(thread.join().unwrap_or_else(|panic| resume_unwind(panic)))
    })
}

/// Runs the job of a batch.
pub(super) fn run(shared: &Shared, running: &RunningBatch, mut task: Task) -> Result<Outcome> {
    let job = Job {
        task: &task,
        started_at: running.batch.started_at,
        progress: &running.progress,
        cancel: &running.cancel,
        mapper: &shared.mapper,
        file_store: &shared.file_store,
        snapshots_path: &shared.options.snapshots_path,
        instance_uid: shared.options.instance_uid,
        space: &shared.space,
        queue: &shared.queue,
        faults: &shared.faults,
    };
    let work = match task.kind {
        KindWithContent::SingleIndexSnapshotCreation { .. } => snapshot::create,
        KindWithContent::SingleIndexSnapshotImport { .. } => snapshot::import,
        _ => {
            let error = format!("task {} of type `{}` is no side job", task.uid, task.kind());
            return Err(Error::CorruptedQueue(error));
        }
    };
    let JobOutcome { details, result } = behind_searches(|| work(&job))?;
    task.details = details;
    let effect = match result {
        Ok(effect) => {
            task.status = Status::Succeeded;
            effect
        }
        Err(error @ (Error::Aborted | Error::IndexMapFull { .. })) => return Err(error),
        Err(error) => {
            task.status = Status::Failed;
            task.error = Some(shared.task_error(error));
            None
        }
    };
    Ok(Outcome { finished: vec![task], effects: Vec::from_iter(effect), ..Outcome::default() })
}
