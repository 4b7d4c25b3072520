//! Finished tasks are forgotten: on request, or when there are too many (tasks.md 14). Payload files
//! that no task waits for are deleted at the start.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::atomic::Ordering;

use file_store::FileStore;
use heed::RwTxn;
use meilisearch_types::batches::BatchEnqueuedAt;
use meilisearch_types::progress::{AtomicStep, Progress};
use meilisearch_types::tasks::{BatchId, Kind, KindWithContent, Status};
use roaring::RoaringBitmap;
use time::format_description::well_known::Rfc3339;
use time::{Duration, OffsetDateTime};

use super::Queue;
use super::codec::{Cbo, Timestamp};
use super::tables::Postings;
use crate::error::{Error, Result};
use crate::processing::TaskDeletionProgress as Step;

/// Number of tasks from which on old ones are deleted.
pub(crate) const MAX_TASKS: u64 = 1_000_000;
/// Number of tasks deleted at a time.
const DELETED_AT_ONCE: usize = 100_000;

/// Everything that deleted tasks are listed under.
#[derive(Default)]
struct Listed {
    indexes: BTreeMap<String, RoaringBitmap>,
    kinds: BTreeMap<Kind, RoaringBitmap>,
    canceled_by: BTreeMap<u32, RoaringBitmap>,
    enqueued_at: BTreeMap<OffsetDateTime, RoaringBitmap>,
    started_at: BTreeMap<OffsetDateTime, RoaringBitmap>,
    finished_at: BTreeMap<OffsetDateTime, RoaringBitmap>,
    batches: BTreeSet<BatchId>,
}

impl Queue {
    /// Deletes tasks, which must be finished, and the batches of which none is left.
    pub(super) fn delete_tasks(
        &self,
        wtxn: &mut RwTxn<'_>,
        uids: &RoaringBitmap,
        progress: &Progress,
    ) -> Result<()> {
        progress.update(Step::RetrievingBatchTasks);
        let listed = self.listed_under(wtxn, uids, progress)?;
        let tables = &self.tables;

        // The batches are judged by the lists as they were, so they come before the tasks.
        let existing = self.all_task_uids(wtxn)? - uids;
        let mut emptied = RoaringBitmap::new();
        progress.update(Step::DeletingBatchesMetadata);
        for batch in &listed.batches {
            let remaining = tables.batch_to_tasks.get(wtxn, batch)? & &existing;
            self.leave_lists(wtxn, *batch, &remaining, &listed)?;
            if remaining.is_empty() {
                emptied.insert(*batch);
            }
        }

        progress.update(Step::DeletingTasksDateTime);
        remove_dates(wtxn, tables.tasks.enqueued_at, &listed.enqueued_at)?;
        remove_dates(wtxn, tables.tasks.started_at, &listed.started_at)?;
        remove_dates(wtxn, tables.tasks.finished_at, &listed.finished_at)?;

        progress.update(Step::DeletingTasksMetadata);
        for (index, gone) in &listed.indexes {
            tables.tasks.index.update(wtxn, index, |all| *all -= gone)?;
        }
        for (kind, gone) in &listed.kinds {
            tables.tasks.kind.update(wtxn, &kind.number(), |all| *all -= gone)?;
        }
        for (cancelation, gone) in &listed.canceled_by {
            tables.canceled_by.update(wtxn, cancelation, |all| *all -= gone)?;
        }
        for status in Status::ALL {
            tables.tasks.status.update(wtxn, &status.number(), |all| *all -= uids)?;
        }

        progress.update(Step::DeletingTasks);
        for uid in uids {
            tables.all_tasks.delete(wtxn, &uid)?;
        }
        progress.update(Step::DeletingBatches);
        for batch in emptied {
            self.delete_batch(wtxn, batch)?;
        }
        Ok(())
    }

    fn listed_under(
        &self,
        wtxn: &RwTxn<'_>,
        uids: &RoaringBitmap,
        progress: &Progress,
    ) -> Result<Listed> {
        let (counter, step) = AtomicStep::new("task", uids.len() as u32);
        progress.update(step);
        let mut listed = Listed::default();
        for uid in uids {
            let task = self.listed_task(wtxn, uid)?;
            for index in task.indexes() {
                listed.indexes.entry(index.to_owned()).or_default().insert(uid);
            }
            listed.kinds.entry(task.kind()).or_default().insert(uid);
            if let Some(cancelation) = task.canceled_by {
                listed.canceled_by.entry(cancelation).or_default().insert(uid);
            }
            listed.enqueued_at.entry(task.enqueued_at).or_default().insert(uid);
            if let Some(date) = task.started_at {
                listed.started_at.entry(date).or_default().insert(uid);
            }
            if let Some(date) = task.finished_at {
                listed.finished_at.entry(date).or_default().insert(uid);
            }
            listed.batches.extend(task.batch_uid);
            counter.fetch_add(1, Ordering::Relaxed);
        }
        Ok(listed)
    }

    /// Takes a batch out of the lists of which no remaining task of it is a member.
    fn leave_lists(
        &self,
        wtxn: &mut RwTxn<'_>,
        batch: BatchId,
        remaining: &RoaringBitmap,
        listed: &Listed,
    ) -> Result<()> {
        let (tasks, batches) = (&self.tables.tasks, &self.tables.batches);
        for status in Status::ALL {
            if tasks.status.get(wtxn, &status.number())?.is_disjoint(remaining) {
                batches.status.remove(wtxn, &status.number(), batch)?;
            }
        }
        for kind in listed.kinds.keys() {
            if tasks.kind.get(wtxn, &kind.number())?.is_disjoint(remaining) {
                batches.kind.remove(wtxn, &kind.number(), batch)?;
            }
        }
        for index in listed.indexes.keys() {
            if tasks.index.get(wtxn, index)?.is_disjoint(remaining) {
                batches.index.remove(wtxn, index, batch)?;
            }
        }
        Ok(())
    }

    fn delete_batch(&self, wtxn: &mut RwTxn<'_>, uid: BatchId) -> Result<()> {
        let tables = &self.tables;
        if let Some(batch) = self.batch(wtxn, uid)? {
            if let Some(BatchEnqueuedAt { earliest, oldest }) = batch.enqueued_at {
                tables.batches.enqueued_at.remove(wtxn, &earliest, uid)?;
                tables.batches.enqueued_at.remove(wtxn, &oldest, uid)?;
            }
            tables.batches.started_at.remove(wtxn, &batch.started_at, uid)?;
            if let Some(finished_at) = batch.finished_at {
                tables.batches.finished_at.remove(wtxn, &finished_at, uid)?;
            }
        }
        tables.all_batches.delete(wtxn, &uid)?;
        tables.batch_to_tasks.database().delete(wtxn, &uid)?;
        Ok(())
    }

    /// Enqueues the deletion of the oldest finished tasks when there are at least `max_tasks`.
    pub(crate) fn clean_up(&self, max_tasks: u64) -> Result<()> {
        let rtxn = self.read_txn()?;
        if self.tables.all_tasks.len(&rtxn)? < max_tasks {
            return Ok(());
        }
        drop(rtxn);
        let mut wtxn = self.env.write_txn()?;
        let deletions = self.tables.tasks.kind.get(&wtxn, &Kind::TaskDeletion.number())?;
        if !deletions.is_disjoint(&self.enqueued(&wtxn)?) {
            // Room is being made already.
            return Ok(());
        }
        let oldest: RoaringBitmap = self.finished(&wtxn)?.iter().take(DELETED_AT_ONCE).collect();
        let Some(newest) = oldest.max().filter(|_| oldest.len() > 1) else {
            tracing::warn!("the queue holds {max_tasks} tasks or more and none to forget");
            return Ok(());
        };
        let until = self.listed_task(&wtxn, newest)?.enqueued_at + Duration::nanoseconds(1);
        let until = until
            .format(&Rfc3339)
            .map_err(|error| Error::CorruptedQueue(format!("a date of task {newest}: {error}")))?;
        let query = format!("?beforeEnqueuedAt={until}&statuses=succeeded,failed,canceled");
        self.register_own(&mut wtxn, KindWithContent::TaskDeletion { query, tasks: oldest })?;
        wtxn.commit()?;
        Ok(())
    }

    /// Deletes payload files that a killed server left without a task to read them.
    pub(crate) fn delete_orphan_payloads(&self, file_store: &FileStore) -> Result<()> {
        file_store.delete_temporary_files()?;
        let files = match file_store.all_uuids() {
            Ok(files) => files,
            Err(error) => {
                tracing::warn!("payload files without a task are kept: {error}");
                return Ok(());
            }
        };
        if files.is_empty() {
            return Ok(());
        }
        let rtxn = self.read_txn()?;
        let mut waiting = HashSet::new();
        for uid in self.enqueued(&rtxn)? {
            waiting.extend(self.listed_task(&rtxn, uid)?.content_uuid());
        }
        for uuid in files.into_iter().filter(|uuid| !waiting.contains(uuid)) {
            file_store.delete(uuid)?;
        }
        Ok(())
    }
}

fn remove_dates(
    wtxn: &mut RwTxn<'_>,
    table: Postings<Timestamp, Cbo>,
    dates: &BTreeMap<OffsetDateTime, RoaringBitmap>,
) -> Result<()> {
    dates.iter().try_for_each(|(date, gone)| table.update(wtxn, date, |all| *all -= gone))
}
