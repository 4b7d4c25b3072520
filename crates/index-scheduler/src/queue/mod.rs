//! The durable queue: tasks, batches and their inverted indexes in one LMDB environment. It never
//! opens an index.
//!
//! - [`tables`], [`codec`]: the databases and their bytes;
//! - [`register`]: a request becomes an enqueued task;
//! - [`filter`]: filters of the listings → uids;
//! - [`commit`]: the outcome of a batch, the only writer of statuses;
//! - [`swap`]: names exchanged inside older tasks;
//! - [`compaction`]: its file without free pages;
//! - [`carried`]: values that dumps carry from one instance to the next;
//! - [`cleanup`]: deletion of finished tasks, by hand or when there are too many.

pub(crate) mod carried;
pub(crate) mod cleanup;
pub(crate) mod codec;
pub(crate) mod commit;
pub(crate) mod compaction;
pub(crate) mod filter;
pub(crate) mod register;
pub(crate) mod swap;
pub(crate) mod tables;

use std::path::Path;

use heed::types::DecodeIgnore;
use heed::{RoTxn, WithoutTls};
use meilisearch_types::batches::Batch;
use meilisearch_types::tasks::{BatchId, Status, Task, TaskId};
use meilisearch_types::versioning::{VERSION, VERSION_STR};
use roaring::RoaringBitmap;

use self::tables::{Env, Tables, VERSION_KEY};
use crate::compacted_copy;
use crate::error::{Error, Result};

/// Handle on the queue; clones share the environment.
#[derive(Clone)]
pub(crate) struct Queue {
    env: Env,
    tables: Tables,
}

impl Queue {
    /// Opens the queue in the existing directory `dir`, creating what is missing.
    pub(crate) fn open(dir: &Path, map_size: usize) -> Result<Queue> {
        compacted_copy::remove_left_over(dir)?;
        let env = tables::open_env(dir, map_size)?;
        let mut wtxn = env.write_txn()?;
        let tables = Tables::create(&env, &mut wtxn)?;
        match tables.version.get(&wtxn, VERSION_KEY)? {
            None => tables.version.put(&mut wtxn, VERSION_KEY, &VERSION)?,
            Some(VERSION) => {}
            Some((major, minor, patch)) => {
                let found = format!("{major}.{minor}.{patch}");
                return Err(Error::QueueVersionMismatch { found, expected: VERSION_STR });
            }
        }
        wtxn.commit()?;
        Ok(Queue { env, tables })
    }

    pub(crate) fn env(&self) -> &Env {
        &self.env
    }

    pub(crate) fn tables(&self) -> &Tables {
        &self.tables
    }

    pub(crate) fn read_txn(&self) -> Result<RoTxn<'_, WithoutTls>> {
        Ok(self.env.read_txn()?)
    }

    /// Uid of the next task: one above the greatest there is.
    fn next_task_uid(&self, rtxn: &RoTxn<'_>) -> Result<TaskId> {
        let last = self.tables.all_tasks.remap_data_type::<DecodeIgnore>().last(rtxn)?;
        Ok(last.map_or(0, |(uid, ())| uid + 1))
    }

    /// Greatest uid of a stored batch.
    pub(crate) fn last_batch_uid(&self, rtxn: &RoTxn<'_>) -> Result<Option<BatchId>> {
        let last = self.tables.all_batches.remap_data_type::<DecodeIgnore>().last(rtxn)?;
        Ok(last.map(|(uid, ())| uid))
    }

    /// A task as it is stored.
    pub(crate) fn task(&self, rtxn: &RoTxn<'_>, uid: TaskId) -> Result<Option<Task>> {
        Ok(self.tables.all_tasks.get(rtxn, &uid)?)
    }

    /// Tasks that the inverted indexes name, so they must exist.
    pub(crate) fn listed_tasks(
        &self,
        rtxn: &RoTxn<'_>,
        uids: impl IntoIterator<Item = TaskId>,
    ) -> Result<Vec<Task>> {
        uids.into_iter().map(|uid| self.listed_task(rtxn, uid)).collect()
    }

    /// As [`Queue::listed_tasks`], one.
    pub(crate) fn listed_task(&self, rtxn: &RoTxn<'_>, uid: TaskId) -> Result<Task> {
        self.task(rtxn, uid)?.ok_or_else(|| {
            Error::CorruptedQueue(format!("task {uid} is listed and does not exist"))
        })
    }

    /// A batch as it is stored.
    pub(crate) fn batch(&self, rtxn: &RoTxn<'_>, uid: BatchId) -> Result<Option<Batch>> {
        Ok(self.tables.all_batches.get(rtxn, &uid)?)
    }

    /// Tasks that are stored as enqueued, running ones included.
    pub(crate) fn enqueued(&self, rtxn: &RoTxn<'_>) -> Result<RoaringBitmap> {
        self.tables.tasks.status.get(rtxn, &Status::Enqueued.number())
    }

    /// Tasks that will not run any more.
    pub(crate) fn finished(&self, rtxn: &RoTxn<'_>) -> Result<RoaringBitmap> {
        Ok(self.all_task_uids(rtxn)? - self.enqueued(rtxn)?)
    }

    /// Every task.
    fn all_task_uids(&self, rtxn: &RoTxn<'_>) -> Result<RoaringBitmap> {
        let mut all = RoaringBitmap::new();
        for entry in self.tables.tasks.status.database().iter(rtxn)? {
            all |= entry?.1;
        }
        Ok(all)
    }

    /// Bytes that the databases hold; free pages do not count.
    pub(crate) fn used_bytes(&self) -> Result<u64> {
        Ok(self.env.non_free_pages_size()?)
    }
}
