//! The tick: wake → plan → run → commit. The only place that sees queue, indexes and loop at once.
//!
//! One thread plans. Each batch that it starts runs to its end on a thread of its own, in which a
//! panic is caught: [`Shared::run_to_end`] runs the work, commits the outcome, and only then takes
//! the batch out of what runs and wakes the planner. So several batches run at once: one on the
//! main lane, side jobs beside it, and, with nothing else started, one that changes the queue.

mod autobatcher;
pub(crate) mod create_batch;
mod index_batch;
mod process_cancelation;
mod process_deletion;
mod process_documents;
pub(crate) mod process_dump_creation;
mod process_export;
mod process_index;
mod process_index_compaction;
pub(crate) mod process_instance_snapshot;
mod process_settings;
pub(crate) mod process_single_index_snapshot;
mod process_swap;
pub(crate) mod side_jobs;
mod stop_reason;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

use meilisearch_types::batches::{Batch, BatchStats};
use meilisearch_types::error::ResponseError;
use meilisearch_types::not_implemented::NotImplemented;
use meilisearch_types::tasks::{Details, DetailsView, Kind, KindWithContent, Status, Task};
use time::OffsetDateTime;
use uuid::Uuid;

use self::autobatcher::BatchKind;
use self::create_batch::{Facts, IndexFacts, Limits, NextBatch, Work, create_batch};
use crate::Shared;
use crate::error::{Error, Result};
use crate::processing::{BatchProgress, Older, RunningBatch};
use crate::queue::cleanup::MAX_TASKS;
use crate::queue::commit::{Committed, Outcome, add_to_batch};
use crate::queue::filter::View;
use crate::testing::Fault;

/// How long the planner sleeps when nobody wakes it.
const MAX_SLEEP: Duration = Duration::from_secs(60);
/// Pause after an error that planning or committing again may cure.
const PAUSE_AFTER_ERROR: Duration = Duration::from_secs(10);

/// Wakes the planner. A signal given while nobody waits is kept.
#[derive(Default)]
pub(crate) struct Wake {
    raised: Mutex<bool>,
    changed: Condvar,
}

impl Wake {
    pub(crate) fn raise(&self) {
        *self.raised.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.changed.notify_all();
    }

    /// Waits for a signal, and takes it.
    fn wait(&self, timeout: Duration) {
        let raised = self.raised.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = self.changed.wait_timeout_while(raised, timeout, |raised| !*raised);
        *waited.unwrap_or_else(PoisonError::into_inner).0 = false;
    }
}

/// A batch that is about to run.
pub(crate) struct Started {
    running: Arc<RunningBatch>,
    work: Work,
    tasks: Vec<Task>,
}

/// The planner: until told to stop, starts whatever may start.
pub(crate) fn run_loop(shared: &Arc<Shared>) {
    while !shared.is_stopping() {
        match shared.plan() {
            Ok(Some(started)) => spawn(Arc::clone(shared), started),
            Ok(None) => shared.wake.wait(MAX_SLEEP),
            Err(error) => {
                tracing::error!("no batch can be chosen, trying again in 10 s: {error}");
                shared.pause();
            }
        }
    }
}

fn spawn(shared: Arc<Shared>, started: Started) {
    let uid = started.running.uid();
    let on_thread = Arc::clone(&shared);
    let thread = std::thread::Builder::new().name("batch-operation".into());
    if let Err(error) = thread.spawn(move || on_thread.run_to_end(started)) {
        tracing::error!("batch {uid} gets no thread, trying again in 10 s: {error}");
        shared.processing.end(uid);
        shared.pause();
    }
}

impl Shared {
    /// Chooses the next batch and publishes it as running.
    pub(crate) fn plan(&self) -> Result<Option<Started>> {
        if self.queue.env().is_retired() {
            return Ok(None);
        }
        self.queue.clean_up(MAX_TASKS)?;
        let now = self.processing.now();
        let rtxn = self.queue.read_txn()?;
        let started_at = OffsetDateTime::now_utc();
        let last_running = now.keys().next_back().copied();
        let view = View::new(&self.queue, &rtxn, now)?;
        let limits = Limits {
            tasks: self.options.max_batched_tasks,
            payload_bytes: self.options.batched_tasks_size_limit,
            side_jobs: self.options.max_concurrent_index_snapshots,
        };
        let serve_closure = self.serve_closure.load(Ordering::Relaxed);
        let Some(next) = create_batch(&view, &limits, self, serve_closure)? else {
            return Ok(None);
        };
        if matches!(next.work, Work::Index { .. } | Work::Swap) {
            self.serve_closure.store(!next.from_closure, Ordering::Relaxed);
        }
        let last = self.queue.last_batch_uid(&rtxn)?.max(last_running);
        let NextBatch { work, lane, tasks, stop, .. } = next;
        let batch = new_batch(last.map_or(0, |uid| uid + 1), started_at, stop.to_string(), &tasks);
        let running = Arc::new(RunningBatch::new(lane, batch, &tasks));
        drop(rtxn);
        self.faults.hit(Fault::BeforePublish)?;
        self.processing.start(Arc::clone(&running));
        self.stop_if_canceled(&running)?;
        Ok(Some(Started { running, work, tasks }))
    }

    /// Asks a batch to stop whose cancelation was registered after the batch was chosen and before it was
    /// published, so that nobody else has told it.
    fn stop_if_canceled(&self, running: &RunningBatch) -> Result<()> {
        let rtxn = self.queue.read_txn()?;
        let cancelations =
            self.queue.tables().tasks.kind.get(&rtxn, &Kind::TaskCancelation.number())?;
        for task in self.queue.listed_tasks(&rtxn, cancelations & self.queue.enqueued(&rtxn)?)? {
            if let KindWithContent::TaskCancelation { tasks, .. } = &task.kind
                && !tasks.is_disjoint(&running.tasks)
            {
                running.cancel.raise();
            }
        }
        Ok(())
    }

    /// Runs a batch, commits its outcome, and takes it out of what runs.
    pub(crate) fn run_to_end(&self, started: Started) {
        let uid = started.running.uid();
        if let Err(error) = self.run_and_commit(started) {
            tracing::error!("batch {uid} is not recorded, trying again in 10 s: {error}");
            self.pause();
        }
        self.processing.end(uid);
        self.wake.raise();
    }

    /// Runs a batch and commits its outcome. An error means that nothing was recorded and that the
    /// same tasks will be planned again.
    pub(crate) fn run_and_commit(&self, started: Started) -> Result<()> {
        let Started { running, work, tasks } = started;
        running.progress.update(BatchProgress::ProcessingTasks);
        let ran = catch_unwind(AssertUnwindSafe(|| self.run(&running, work, tasks.clone())));
        let ran = ran.unwrap_or_else(|panic| Err(Error::Panic(panic_text(&*panic))));
        let outcome = match ran {
            Ok(outcome) => outcome,
            Err(Error::Aborted) => return Ok(()),
            Err(Error::IndexMapFull { uuid, map_size }) => match self.mapper.grow(uuid, map_size) {
                Ok(()) => return Ok(()),
                Err(error) => self.all_failed(tasks, error),
            },
            Err(error) => self.all_failed(tasks, error),
        };
        let finished_at = OffsetDateTime::now_utc();
        self.faults.hit(Fault::BeforeCommit)?;
        for task in outcome.finished.iter().filter(|task| task.status == Status::Failed) {
            process_single_index_snapshot::discard(task, &self.options);
        }
        let committed =
            self.queue.commit(&self.mapper, &running, outcome, finished_at, &self.faults)?;
        self.faults.pass(Fault::AfterQueueCommit);
        let Committed { applied, content_files, finished, canceled } = committed;
        applied.committed(&self.mapper, self.processing.others(&running));
        self.faults.hit(Fault::AfterCommit)?;
        self.observer.ended(&finished);
        self.observer.ended(&canceled);
        self.delete_payloads(content_files, self.processing.others(&running).readers_of_payloads());
        self.notify_webhooks(&finished, &canceled);
        Ok(())
    }

    fn run(&self, running: &RunningBatch, work: Work, mut tasks: Vec<Task>) -> Result<Outcome> {
        self.faults.hit(Fault::BeforeRun)?;
        match work {
            Work::Cancelation => process_cancelation::run(self, running, only(tasks)?),
            Work::TaskDeletion => process_deletion::run(self, running, tasks),
            Work::SideJob => side_jobs::run(self, running, only(tasks)?),
            Work::Swap => process_swap::run(self, running, only(tasks)?),
            Work::Compaction => process_index_compaction::run(self, running, only(tasks)?),
            Work::InstanceSnapshot => process_instance_snapshot::run(self, running, tasks),
            Work::Export => process_export::run(self, running, only(tasks)?),
            Work::Dump => process_dump_creation::run(self, running, only(tasks)?),
            Work::Index { uid, kind: BatchKind::Alone, .. } => {
                process_index::run(self, running, &uid, only(tasks)?)
            }
            Work::Index { uid, kind: BatchKind::IndexDeletion, must_create_index } => {
                process_index::delete(self, running, &uid, must_create_index, tasks)
            }
            Work::Index { kind: BatchKind::RuleUpdate | BatchKind::RuleClear, .. }
            | Work::NotBuilt => {
                for task in &mut tasks {
                    fail(task, ResponseError::from(NotImplemented::TaskKind(task.kind())));
                }
                Ok(Outcome { finished: tasks, ..Outcome::default() })
            }
            Work::Index { uid, kind, must_create_index } => {
                index_batch::run(self, running, &uid, kind, must_create_index, tasks)
            }
        }
    }

    fn all_failed(&self, mut tasks: Vec<Task>, error: Error) -> Outcome {
        let error = self.task_error(error);
        for task in &mut tasks {
            fail(task, error.clone());
        }
        Outcome { finished: tasks, ..Outcome::default() }
    }

    /// An error as a task tells it.
    fn task_error(&self, error: Error) -> ResponseError {
        ResponseError::from(error.or_disk_full(&self.options.db_path))
    }

    /// Deletes payload files, once nobody reads them who began before their tasks had ended.
    fn delete_payloads(&self, content_files: Vec<Uuid>, readers: Older) {
        let file_store = self.file_store.clone();
        let wait = !content_files.is_empty() && !readers.is_empty();
        let delete = move || {
            readers.wait();
            for uuid in content_files {
                if let Err(error) = file_store.delete(uuid) {
                    tracing::error!("the next start of the server will try again: {error}");
                }
            }
        };
        if !wait {
            delete();
        } else if let Err(error) =
            std::thread::Builder::new().name("payload-deleter".into()).spawn(delete)
        {
            tracing::error!("payloads will be deleted at the next start: {error}");
        }
    }

    pub(crate) fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::Acquire)
    }

    /// Waits a while, or until the server stops.
    fn pause(&self) {
        let deadline = std::time::Instant::now() + PAUSE_AFTER_ERROR;
        while !self.is_stopping() && std::time::Instant::now() < deadline {
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

impl Facts for Shared {
    fn index(&self, uid: &str) -> Result<IndexFacts> {
        let rtxn = self.queue.read_txn()?;
        if self.mapper.uuid(&rtxn, uid)?.is_none() {
            return Ok(IndexFacts::default());
        }
        let key = self.mapper.index(uid).and_then(|index| {
            let rtxn = index.read_txn().map_err(Error::index(uid))?;
            let key = index.primary_key(&rtxn).map_err(Error::index(uid))?;
            Ok(key.map(str::to_owned))
        });
        // The batch will meet the same error and report it in its tasks.
        Ok(IndexFacts { exists: true, primary_key: key.unwrap_or_default() })
    }

    fn payload_bytes(&self, task: &Task) -> u64 {
        task.content_uuid().map_or(0, |uuid| self.file_store.size(uuid).unwrap_or(0))
    }
}

fn new_batch(uid: u32, started_at: OffsetDateTime, stop_reason: String, tasks: &[Task]) -> Batch {
    let mut batch = Batch {
        uid,
        progress: None,
        details: DetailsView::default(),
        stats: BatchStats::default(),
        embedder_stats: Default::default(),
        started_at,
        finished_at: None,
        enqueued_at: None,
        stop_reason,
    };
    for task in tasks {
        add_to_batch(&mut batch, task);
    }
    batch.stats.status = [(Status::Processing, tasks.len() as u32)].into();
    batch
}

/// The task of a batch that holds one.
fn only(tasks: Vec<Task>) -> Result<Task> {
    let [task] = <[Task; 1]>::try_from(tasks).map_err(|tasks| {
        Error::CorruptedQueue(format!("a batch of one task holds {}", tasks.len()))
    })?;
    Ok(task)
}

/// The task ends with an error.
fn fail(task: &mut Task, error: ResponseError) {
    task.status = Status::Failed;
    task.details = task.details.take().map(Details::into_failed);
    task.error = Some(error);
}

fn panic_text(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_default()
}

#[cfg(test)]
mod tests;

#[cfg(test)]
impl Started {
    pub(crate) fn uid(&self) -> u32 {
        self.running.uid()
    }

    pub(crate) fn task_uids(&self) -> Vec<u32> {
        self.running.tasks.iter().collect()
    }
}
