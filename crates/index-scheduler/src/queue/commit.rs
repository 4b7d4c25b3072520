//! The outcome of a batch, written in one transaction: statuses of its tasks, the batch, and the
//! change of the index mapping that comes with them. The only writer of statuses; whoever ran the
//! batch calls it, the loop or a side job.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::Ordering;

use heed::RwTxn;
use indexmap::IndexMap;
use meilisearch_types::batches::{Batch, BatchEnqueuedAt, BatchStats};
use meilisearch_types::progress::AtomicStep;
use meilisearch_types::tasks::{Details, DetailsView, Kind, Status, Task, TaskId};
use roaring::RoaringBitmap;
use time::OffsetDateTime;
use uuid::Uuid;

use super::Queue;
use crate::error::Result;
use crate::index_mapper::{Applied, Effect, IndexMapper};
use crate::processing::{BatchProgress, RunningBatch};
use crate::testing::{Fault, Faults};

/// What a batch ended with.
#[derive(Debug, Default)]
pub(crate) struct Outcome {
    /// Its tasks with their status, details and error. Dates and batch are filled in here.
    pub(crate) finished: Vec<Task>,
    /// Enqueued tasks that end because of a task of the batch.
    pub(crate) canceled: Option<Canceled>,
    /// Finished tasks that are to be forgotten.
    pub(crate) deleted: RoaringBitmap,
    /// What changes for the indexes.
    pub(crate) effects: Vec<Effect>,
    /// Name of each database whose size changed → new size and difference.
    pub(crate) internal_database_sizes: IndexMap<String, String>,
}

/// Enqueued tasks that a cancelation ends.
#[derive(Debug)]
pub(crate) struct Canceled {
    pub(crate) by: TaskId,
    pub(crate) tasks: RoaringBitmap,
}

/// What is left to do after a commit.
#[derive(Debug)]
pub(crate) struct Committed {
    /// What changed for the indexes; to be followed up at once.
    pub(crate) applied: Applied,
    /// Payload files that no task needs any more.
    pub(crate) content_files: Vec<Uuid>,
    /// The tasks of the batch, as they are stored.
    pub(crate) finished: Vec<Task>,
    /// Tasks that a cancelation ended.
    pub(crate) canceled: Vec<Task>,
}

impl Queue {
    /// Writes the outcome of a batch whose work ended at `finished_at`.
    pub(crate) fn commit(
        &self,
        mapper: &IndexMapper,
        running: &RunningBatch,
        outcome: Outcome,
        finished_at: OffsetDateTime,
        faults: &Faults,
    ) -> Result<Committed> {
        let Outcome { finished, canceled, deleted, effects, internal_database_sizes } = outcome;
        let progress = &running.progress;
        let mut wtxn = self.env.write_txn()?;
        if !deleted.is_empty() {
            self.delete_tasks(&mut wtxn, &deleted, progress)?;
        }
        let mut applied = Applied::default();
        let mut record = Record::new(running, finished_at);
        let written = (|| {
            for effect in effects {
                if let Effect::Swap { swaps, by } = &effect {
                    for swap in swaps {
                        self.exchange_names(&mut wtxn, swap, *by, progress)?;
                    }
                }
                mapper.apply(&mut wtxn, effect, &mut applied)?;
            }
            progress.update(BatchProgress::WritingTasksToDisk);
            let total = finished.len() as u64 + canceled.as_ref().map_or(0, |c| c.tasks.len());
            let (counter, step) = AtomicStep::new("task", total as u32);
            progress.update(step);
            let canceled = match canceled {
                Some(canceled) => self.cancel(&mut wtxn, &mut record, canceled)?,
                None => Vec::new(),
            };
            let mut ended = Vec::with_capacity(finished.len());
            for task in finished {
                ended.push(self.finish(&mut wtxn, &mut record, task)?);
                counter.fetch_add(1, Ordering::Relaxed);
            }
            let content_files = std::mem::take(&mut record.content_files);
            record.batch.stats.progress_trace = progress.durations();
            record.batch.stats.internal_database_sizes = internal_database_sizes;
            self.write_record(&mut wtxn, record)?;
            faults.hit(Fault::BeforeQueueCommit)?;
            wtxn.commit()?;
            Ok((content_files, ended, canceled))
        })();
        match written {
            Ok((content_files, finished, canceled)) => {
                Ok(Committed { applied, content_files, finished, canceled })
            }
            Err(error) => {
                applied.aborted(mapper);
                Err(error)
            }
        }
    }

    fn cancel(
        &self,
        wtxn: &mut RwTxn<'_>,
        record: &mut Record,
        Canceled { by, tasks }: Canceled,
    ) -> Result<Vec<Task>> {
        let mut canceled = Vec::new();
        for uid in &tasks {
            let mut task = self.listed_task(wtxn, uid)?;
            task.status = Status::Canceled;
            task.canceled_by = Some(by);
            task.details = task.details.map(Details::into_failed);
            canceled.push(self.finish(wtxn, record, task)?);
        }
        self.tables.canceled_by.update(wtxn, &by, |uids| *uids |= tasks)?;
        Ok(canceled)
    }

    /// Writes a task that the batch ends and counts it; gives it as it is stored.
    fn finish(&self, wtxn: &mut RwTxn<'_>, record: &mut Record, mut task: Task) -> Result<Task> {
        task.batch_uid = Some(record.batch.uid);
        task.started_at = Some(record.batch.started_at);
        task.finished_at = record.batch.finished_at;
        self.tables.all_tasks.put(wtxn, &task.uid, &task)?;
        record.add(&task);
        Ok(task)
    }

    /// Writes what all tasks of a batch have in common, and the batch.
    fn write_record(&self, wtxn: &mut RwTxn<'_>, record: Record) -> Result<()> {
        let Record { batch, by_status, kinds, indexes, .. } = record;
        let uids = by_status.values().fold(RoaringBitmap::new(), |all, uids| all | uids);
        let tasks = &self.tables.tasks;
        tasks.status.update(wtxn, &Status::Enqueued.number(), |enqueued| *enqueued -= &uids)?;
        for (status, uids) in &by_status {
            tasks.status.update(wtxn, &status.number(), |all| *all |= uids)?;
        }
        tasks.started_at.update(wtxn, &batch.started_at, |all| *all |= &uids)?;
        if let Some(finished_at) = &batch.finished_at {
            tasks.finished_at.update(wtxn, finished_at, |all| *all |= &uids)?;
        }

        let batches = &self.tables.batches;
        for status in by_status.keys() {
            batches.status.insert(wtxn, &status.number(), batch.uid)?;
        }
        for kind in &kinds {
            batches.kind.insert(wtxn, &kind.number(), batch.uid)?;
        }
        for index in &indexes {
            batches.index.insert(wtxn, index, batch.uid)?;
        }
        if let Some(BatchEnqueuedAt { earliest, oldest }) = &batch.enqueued_at {
            batches.enqueued_at.insert(wtxn, earliest, batch.uid)?;
            batches.enqueued_at.insert(wtxn, oldest, batch.uid)?;
        }
        batches.started_at.insert(wtxn, &batch.started_at, batch.uid)?;
        if let Some(finished_at) = &batch.finished_at {
            batches.finished_at.insert(wtxn, finished_at, batch.uid)?;
        }
        self.tables.batch_to_tasks.update(wtxn, &batch.uid, |all| *all |= uids)?;
        self.tables.all_batches.put(wtxn, &batch.uid, &batch)?;
        Ok(())
    }
}

/// A batch being summed up out of its tasks, in the order of their uids.
struct Record {
    batch: Batch,
    by_status: BTreeMap<Status, RoaringBitmap>,
    kinds: BTreeSet<Kind>,
    indexes: BTreeSet<String>,
    content_files: Vec<Uuid>,
}

impl Record {
    fn new(running: &RunningBatch, finished_at: OffsetDateTime) -> Record {
        let batch = Batch {
            progress: None,
            details: DetailsView::default(),
            stats: BatchStats::default(),
            embedder_stats: running.embedder_requests.stats(),
            finished_at: Some(finished_at),
            enqueued_at: None,
            ..running.batch.clone()
        };
        Record {
            batch,
            by_status: BTreeMap::new(),
            kinds: BTreeSet::new(),
            indexes: BTreeSet::new(),
            content_files: Vec::new(),
        }
    }

    fn add(&mut self, task: &Task) {
        add_to_batch(&mut self.batch, task);
        self.by_status.entry(task.status).or_default().insert(task.uid);
        self.kinds.insert(task.kind());
        self.indexes.extend(task.indexes().into_iter().map(str::to_owned));
        self.content_files.extend(task.content_uuid());
    }
}

/// Counts a task, folds its details and widens the dates between which the tasks were registered.
pub(crate) fn add_to_batch(batch: &mut Batch, task: &Task) {
    batch.stats.count(task);
    if let Some(details) = task.details.clone() {
        batch.details.fold(DetailsView::from(details));
    }
    let date = task.enqueued_at;
    let dates = batch.enqueued_at.get_or_insert(BatchEnqueuedAt { earliest: date, oldest: date });
    dates.earliest = dates.earliest.max(date);
    dates.oldest = dates.oldest.min(date);
}
