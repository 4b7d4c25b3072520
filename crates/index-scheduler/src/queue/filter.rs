//! Filters of the task and batch listings → uids (tasks.md 24). Values of one filter are united,
//! filters are intersected.

use std::ops::Bound;

use heed::RoTxn;
use meilisearch_types::tasks::{BatchId, Kind, Status, TaskId};
use roaring::RoaringBitmap;
use time::OffsetDateTime;

use super::Queue;
use super::codec::{Cbo, Timestamp};
use super::tables::{Inverted, Postings};
use crate::error::Result;
use crate::processing::{RunningBatch, RunningSet, running_tasks};

/// The filters of a listing; what is none does not restrict.
#[derive(Debug, Clone, Default, PartialEq)]
#[allow(missing_docs, reason = "the members are the parameters of tasks.md 24")]
pub struct Query {
    /// Most results.
    pub limit: Option<u32>,
    /// Greatest uid shown, least with `reverse`.
    pub from: Option<u32>,
    /// From the least uid on.
    pub reverse: bool,
    pub uids: Option<Vec<TaskId>>,
    pub batch_uids: Option<Vec<BatchId>>,
    pub statuses: Option<Vec<Status>>,
    pub types: Option<Vec<Kind>>,
    pub index_uids: Option<Vec<String>>,
    pub canceled_by: Option<Vec<TaskId>>,
    pub before_enqueued_at: Option<OffsetDateTime>,
    pub after_enqueued_at: Option<OffsetDateTime>,
    pub before_started_at: Option<OffsetDateTime>,
    pub after_started_at: Option<OffsetDateTime>,
    pub before_finished_at: Option<OffsetDateTime>,
    pub after_finished_at: Option<OffsetDateTime>,
}

/// The indexes that whoever asks may see.
#[derive(Clone, Copy)]
pub enum IndexFilter<'a> {
    /// Every index, and what is about no index.
    All,
    /// The indexes for which this is true.
    Only(&'a dyn Fn(&str) -> bool),
}

/// An open interval of dates.
#[derive(Clone, Copy)]
struct Between {
    after: Option<OffsetDateTime>,
    before: Option<OffsetDateTime>,
}

impl Between {
    /// None when nothing is restricted.
    fn new(after: Option<OffsetDateTime>, before: Option<OffsetDateTime>) -> Option<Between> {
        (after.is_some() || before.is_some()).then_some(Between { after, before })
    }

    fn contains(&self, date: OffsetDateTime) -> bool {
        self.after.is_none_or(|after| date > after)
            && self.before.is_none_or(|before| date < before)
    }

    fn uids(&self, rtxn: &RoTxn<'_>, dates: Postings<Timestamp, Cbo>) -> Result<RoaringBitmap> {
        let bound = |date: Option<OffsetDateTime>| date.map_or(Bound::Unbounded, Bound::Excluded);
        let mut uids = RoaringBitmap::new();
        if let (Some(after), Some(before)) = (self.after, self.before)
            && after >= before
        {
            return Ok(uids);
        }
        let range = (bound(self.after), bound(self.before));
        for entry in dates.database().range(rtxn, &range)? {
            uids |= entry?.1;
        }
        Ok(uids)
    }
}

/// The queue at one moment, with what runs laid over it. Both listings look through it.
pub(crate) struct View<'a> {
    pub(crate) queue: &'a Queue,
    pub(crate) rtxn: &'a RoTxn<'a>,
    /// Batches that run and are not stored.
    pub(crate) running: RunningSet,
    running_tasks: RoaringBitmap,
}

impl<'a> View<'a> {
    /// Lays what runs, taken before the transaction was opened, over the stored queue.
    pub(crate) fn new(
        queue: &'a Queue,
        rtxn: &'a RoTxn<'a>,
        mut running: RunningSet,
    ) -> Result<View<'a>> {
        let enqueued = queue.enqueued(rtxn)?;
        running.retain(|_, batch| batch.tasks.is_subset(&enqueued));
        let running_tasks = running_tasks(&running);
        Ok(View { queue, rtxn, running, running_tasks })
    }

    /// The running batch of a task.
    pub(crate) fn running_batch_of(&self, task: TaskId) -> Option<&RunningBatch> {
        self.running.values().find(|batch| batch.tasks.contains(task)).map(AsRef::as_ref)
    }

    /// Tasks that match every filter but the limits.
    pub(crate) fn task_uids(&self, query: &Query) -> Result<RoaringBitmap> {
        let tables = self.queue.tables();
        let mut uids = self.queue.all_task_uids(self.rtxn)?;
        if let Some(wanted) = &query.uids {
            uids &= RoaringBitmap::from_iter(wanted);
        }
        if let Some(batches) = &query.batch_uids {
            uids &= self.unite(batches, |batch| match self.running.get(batch) {
                Some(running) => Ok(running.tasks.clone()),
                None => tables.batch_to_tasks.get(self.rtxn, batch),
            })?;
        }
        if let Some(statuses) = &query.statuses {
            uids &= self.unite(statuses, |status| self.tasks_of_status(*status))?;
        }
        if let Some(kinds) = &query.types {
            uids &= self.unite(kinds, |kind| tables.tasks.kind.get(self.rtxn, &kind.number()))?;
        }
        if let Some(indexes) = &query.index_uids {
            uids &= self.unite(indexes, |index| tables.tasks.index.get(self.rtxn, index))?;
        }
        if let Some(cancelations) = &query.canceled_by {
            uids &= self.unite(cancelations, |by| tables.canceled_by.get(self.rtxn, by))?;
        }
        if let Some(between) = Between::new(query.after_enqueued_at, query.before_enqueued_at) {
            uids &= between.uids(self.rtxn, tables.tasks.enqueued_at)?;
        }
        if let Some(between) = Between::new(query.after_started_at, query.before_started_at) {
            let mut started =
                between.uids(self.rtxn, tables.tasks.started_at)? - &self.running_tasks;
            for batch in self.running.values().filter(|b| between.contains(b.batch.started_at)) {
                started |= &batch.tasks;
            }
            uids &= started;
        }
        if let Some(between) = Between::new(query.after_finished_at, query.before_finished_at) {
            uids &= between.uids(self.rtxn, tables.tasks.finished_at)?;
        }
        Ok(uids)
    }

    /// Tasks of a status, as views show it.
    pub(crate) fn tasks_of_status(&self, status: Status) -> Result<RoaringBitmap> {
        let stored = self.queue.tables().tasks.status.get(self.rtxn, &status.number())?;
        Ok(match status {
            Status::Enqueued => stored - &self.running_tasks,
            Status::Processing => self.running_tasks.clone(),
            Status::Succeeded | Status::Failed | Status::Canceled => stored,
        })
    }

    /// Takes out what matches and is not shown: tasks about no single index when the query or the
    /// key is about some indexes, and those listed under an index that the key may not see.
    pub(crate) fn visible_tasks(
        &self,
        mut uids: RoaringBitmap,
        query: &Query,
        filter: IndexFilter<'_>,
    ) -> Result<RoaringBitmap> {
        let inverted = &self.queue.tables().tasks;
        if query.index_uids.is_some() || matches!(filter, IndexFilter::Only(_)) {
            uids -= self.of_global_kinds(inverted)?;
        }
        let IndexFilter::Only(allows) = filter else { return Ok(uids) };
        for entry in inverted.index.database().iter(self.rtxn)? {
            let (index, listed) = entry?;
            if !allows(index) {
                uids -= listed;
            }
        }
        Ok(uids)
    }

    /// Batches that match every filter but the limits.
    pub(crate) fn batch_uids(&self, query: &Query) -> Result<RoaringBitmap> {
        let tables = self.queue.tables();
        let mut uids = RoaringBitmap::from_iter(self.running.keys());
        for entry in tables.batches.status.database().iter(self.rtxn)? {
            uids |= entry?.1;
        }
        if let Some(tasks) = &query.uids {
            uids &= self.unite(tasks, |task| self.batches_of_task(*task))?;
        }
        if let Some(wanted) = &query.batch_uids {
            uids &= RoaringBitmap::from_iter(wanted);
        }
        if let Some(statuses) = &query.statuses {
            uids &= self.unite(statuses, |status| match status {
                Status::Processing => Ok(RoaringBitmap::from_iter(self.running.keys())),
                Status::Enqueued => Ok(RoaringBitmap::new()),
                _ => tables.batches.status.get(self.rtxn, &status.number()),
            })?;
        }
        if let Some(kinds) = &query.types {
            uids &= self.unite(kinds, |kind| {
                let stored = tables.batches.kind.get(self.rtxn, &kind.number())?;
                Ok(stored | self.running_where(|batch| batch.kinds.contains(kind)))
            })?;
        }
        if let Some(indexes) = &query.index_uids {
            uids &= self.unite(indexes, |index| {
                let stored = tables.batches.index.get(self.rtxn, index)?;
                Ok(stored | self.running_where(|batch| batch.indexes.contains(index)))
            })?;
        }
        if let Some(cancelations) = &query.canceled_by {
            let succeeded = tables.tasks.status.get(self.rtxn, &Status::Succeeded.number())?;
            let kind = Kind::TaskCancelation.number();
            let ended = tables.tasks.kind.get(self.rtxn, &kind)? & succeeded;
            let ended_by = |by: &TaskId| match ended.contains(*by) {
                true => self.batches_of_task(*by),
                false => Ok(RoaringBitmap::new()),
            };
            uids &= self.unite(cancelations, ended_by)?;
        }
        if let Some(between) = Between::new(query.after_enqueued_at, query.before_enqueued_at) {
            uids &= between.uids(self.rtxn, tables.batches.enqueued_at)?;
        }
        if let Some(between) = Between::new(query.after_started_at, query.before_started_at) {
            let stored = between.uids(self.rtxn, tables.batches.started_at)?;
            uids &= stored | self.running_where(|batch| between.contains(batch.batch.started_at));
        }
        if let Some(between) = Between::new(query.after_finished_at, query.before_finished_at) {
            uids &= between.uids(self.rtxn, tables.batches.finished_at)?;
        }
        Ok(uids)
    }

    /// Takes out what matches and is not shown: batches of tasks about no single index when the
    /// query or the key is about some indexes, and those with none of the key's indexes.
    pub(crate) fn visible_batches(
        &self,
        mut uids: RoaringBitmap,
        query: &Query,
        filter: IndexFilter<'_>,
    ) -> Result<RoaringBitmap> {
        if query.index_uids.is_some() || matches!(filter, IndexFilter::Only(_)) {
            uids -= self.batches_of_global_kinds()?;
        }
        let IndexFilter::Only(allows) = filter else { return Ok(uids) };
        let mut visible =
            self.running_where(|batch| batch.indexes.iter().any(|index| allows(index)));
        for entry in self.queue.tables().batches.index.database().iter(self.rtxn)? {
            let (index, listed) = entry?;
            if allows(index) {
                visible |= listed;
            }
        }
        Ok(uids & visible)
    }

    fn batches_of_task(&self, task: TaskId) -> Result<RoaringBitmap> {
        let task = self.queue.task(self.rtxn, task)?;
        Ok(task.and_then(|task| task.batch_uid).into_iter().collect())
    }

    fn running_where(&self, is_wanted: impl Fn(&RunningBatch) -> bool) -> RoaringBitmap {
        let wanted = self.running.iter().filter(|(_, batch)| is_wanted(batch));
        wanted.map(|(uid, _)| *uid).collect()
    }

    fn of_global_kinds(&self, inverted: &Inverted) -> Result<RoaringBitmap> {
        let global: Vec<_> =
            Kind::ALL.iter().filter(|kind| !kind.related_to_one_index()).copied().collect();
        self.unite(&global, |kind| inverted.kind.get(self.rtxn, &kind.number()))
    }

    fn batches_of_global_kinds(&self) -> Result<RoaringBitmap> {
        let stored = self.of_global_kinds(&self.queue.tables().batches)?;
        let is_global =
            |batch: &RunningBatch| batch.kinds.iter().any(|kind| !kind.related_to_one_index());
        Ok(stored | self.running_where(is_global))
    }

    fn unite<T>(
        &self,
        values: &[T],
        uids: impl Fn(&T) -> Result<RoaringBitmap>,
    ) -> Result<RoaringBitmap> {
        values.iter().try_fold(RoaringBitmap::new(), |all, value| Ok(all | uids(value)?))
    }
}

/// The uids to show, in order, out of those that match.
pub(crate) fn page(uids: &RoaringBitmap, query: &Query) -> Vec<u32> {
    let limit = query.limit.map_or(usize::MAX, |limit| limit as usize);
    let from = query.from;
    if query.reverse {
        uids.iter().filter(|uid| from.is_none_or(|from| *uid >= from)).take(limit).collect()
    } else {
        uids.iter().rev().filter(|uid| from.is_none_or(|from| *uid <= from)).take(limit).collect()
    }
}
