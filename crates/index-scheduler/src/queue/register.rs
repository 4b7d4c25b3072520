//! A request becomes an enqueued task, in one write transaction (tasks.md 5).

use std::collections::BTreeMap;

use heed::RwTxn;
use meilisearch_types::tasks::{Details, IndexSwap, KindWithContent, Status, Task, TaskId};
use time::OffsetDateTime;

use super::Queue;
use crate::error::{Error, Result};

/// Share of the map, in percent, above which only tasks that make room are taken.
const MAX_USED_PERCENT: u64 = 40;

/// A task about to be written: its date is fixed, its content may still be completed.
pub(crate) struct Registration<'a, 'txn> {
    pub(crate) queue: &'a Queue,
    pub(crate) wtxn: &'a RwTxn<'txn>,
    pub(crate) enqueued_at: OffsetDateTime,
}

impl Queue {
    /// Writes a new task and returns it. `complete` may finish its content, now that its date is
    /// known, and gives its first details.
    pub(crate) fn register(
        &self,
        mut kind: KindWithContent,
        custom_metadata: Option<String>,
        complete: impl FnOnce(&mut KindWithContent, &Registration<'_, '_>) -> Result<Option<Details>>,
    ) -> Result<Task> {
        if !makes_room(&kind) {
            self.check_room()?;
        }
        let mut wtxn = self.env.write_txn()?;
        let enqueued_at = OffsetDateTime::now_utc();
        let registration = Registration { queue: self, wtxn: &wtxn, enqueued_at };
        let uid = self.next_task_uid(&wtxn)?;
        settle(&mut kind, uid)?;
        let details = complete(&mut kind, &registration)?;
        let task = self.enqueue(&mut wtxn, uid, enqueued_at, kind, details, custom_metadata)?;
        wtxn.commit()?;
        Ok(task)
    }

    /// Refuses when the queue has no room for another task.
    pub(crate) fn check_room(&self) -> Result<()> {
        let map_size_bytes = self.env.info().map_size;
        let used_percent = self.used_bytes()? * 100 / map_size_bytes as u64;
        if used_percent > MAX_USED_PERCENT {
            return Err(Error::QueueFull { map_size_bytes });
        }
        Ok(())
    }

    /// Bytes that may still be used before new tasks are refused.
    pub(crate) fn room_bytes(&self) -> Result<u64> {
        let limit = self.env.info().map_size as u64 * MAX_USED_PERCENT / 100;
        Ok(limit.saturating_sub(self.used_bytes()?))
    }

    /// Writes a task of the server's own into a transaction, room or not.
    pub(super) fn register_own(&self, wtxn: &mut RwTxn<'_>, kind: KindWithContent) -> Result<Task> {
        let uid = self.next_task_uid(wtxn)?;
        let details = kind.default_details();
        self.enqueue(wtxn, uid, OffsetDateTime::now_utc(), kind, details, None)
    }

    fn enqueue(
        &self,
        wtxn: &mut RwTxn<'_>,
        uid: TaskId,
        enqueued_at: OffsetDateTime,
        kind: KindWithContent,
        details: Option<Details>,
        custom_metadata: Option<String>,
    ) -> Result<Task> {
        let task = Task {
            uid,
            batch_uid: None,
            enqueued_at,
            started_at: None,
            finished_at: None,
            error: None,
            canceled_by: None,
            details,
            status: Status::Enqueued,
            kind,
            network: None,
            custom_metadata,
        };
        let tables = &self.tables;
        tables.all_tasks.put(wtxn, &uid, &task)?;
        for index in task.indexes() {
            tables.tasks.index.insert(wtxn, index, uid)?;
        }
        tables.tasks.status.insert(wtxn, &Status::Enqueued.number(), uid)?;
        tables.tasks.kind.insert(wtxn, &task.kind().number(), uid)?;
        tables.tasks.enqueued_at.insert(wtxn, &enqueued_at, uid)?;
        Ok(task)
    }
}

/// Cancelations and deletions of something are taken even when the queue is full.
fn makes_room(kind: &KindWithContent) -> bool {
    match kind {
        KindWithContent::TaskCancelation { tasks, .. }
        | KindWithContent::TaskDeletion { tasks, .. } => !tasks.is_empty(),
        _ => false,
    }
}

/// What the uid of a task says about its content: it names no newer task than itself.
fn settle(kind: &mut KindWithContent, uid: TaskId) -> Result<()> {
    match kind {
        KindWithContent::TaskCancelation { tasks, .. }
        | KindWithContent::TaskDeletion { tasks, .. } => {
            tasks.remove_range(uid..);
        }
        KindWithContent::IndexSwap { swaps } => check_distinct(swaps)?,
        _ => {}
    }
    Ok(())
}

fn check_distinct(swaps: &[IndexSwap]) -> Result<()> {
    let mut counts = BTreeMap::<&String, usize>::new();
    for IndexSwap { indexes: (left, right), .. } in swaps {
        *counts.entry(left).or_default() += 1;
        *counts.entry(right).or_default() += 1;
    }
    counts.retain(|_, count| *count > 1);
    if counts.is_empty() {
        return Ok(());
    }
    Err(Error::SwapDuplicateIndexes(counts.into_keys().cloned().collect()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_queue_takes_only_what_makes_room() {
        let dir = tempfile::tempdir().unwrap();
        let queue = Queue::open(dir.path(), 1 << 20).unwrap();
        let register = |kind: KindWithContent| {
            queue.register(kind, None, |kind, _| Ok(kind.default_details()))
        };
        let clear = |number: usize| KindWithContent::DocumentClear {
            index_uid: format!("{number}{}", "x".repeat(300)),
        };
        let full = (0..1000).find_map(|number| register(clear(number)).err());
        let error = full.expect("the queue is never full");
        assert!(matches!(error, Error::QueueFull { map_size_bytes: 1_048_576 }), "{error}");

        let query = String::from("?uids=0");
        let nothing = KindWithContent::TaskDeletion { query: query.clone(), tasks: [].into() };
        assert!(matches!(register(nothing), Err(Error::QueueFull { .. })));
        register(KindWithContent::TaskCancelation { query, tasks: [0].into() }).unwrap();
    }
}
