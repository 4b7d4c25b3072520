//! What must always be true of the queue: every list says what the tasks and batches themselves
//! say.

use std::collections::{BTreeMap, BTreeSet};

use heed::{BytesDecode, RoTxn};
use meilisearch_types::tasks::{Kind, Status};
use roaring::RoaringBitmap;
use time::OffsetDateTime;

use crate::queue::Queue;
use crate::queue::tables::Postings;

type Lists<K> = BTreeMap<K, RoaringBitmap>;

/// Panics when a list and the records contradict each other.
pub(super) fn check(queue: &Queue) {
    let rtxn = queue.read_txn().unwrap();
    let tables = queue.tables();
    let mut status = Lists::<u32>::new();
    let mut kind = Lists::<u32>::new();
    let mut index = Lists::<String>::new();
    let mut canceled_by = Lists::<u32>::new();
    let mut dates = [const { Lists::<OffsetDateTime>::new() }; 3];
    let mut batches_of_tasks = BTreeMap::<u32, BTreeSet<(u32, Status)>>::new();
    for entry in tables.all_tasks.iter(&rtxn).unwrap() {
        let (uid, task) = entry.unwrap();
        assert_eq!(uid, task.uid);
        assert_ne!(task.status, Status::Processing, "task {uid}");
        let is_finished = task.status != Status::Enqueued;
        assert_eq!(is_finished, task.finished_at.is_some(), "task {uid}");
        // A dump holds its own task as it will end, and not the batch.
        let may_lack_batch = is_finished && task.kind() == Kind::DumpCreation;
        assert!(may_lack_batch || is_finished == task.batch_uid.is_some(), "task {uid}");
        assert_eq!(task.status == Status::Failed, task.error.is_some(), "task {uid}");
        status.entry(task.status.number()).or_default().insert(uid);
        kind.entry(task.kind().number()).or_default().insert(uid);
        for name in task.indexes() {
            index.entry(name.to_owned()).or_default().insert(uid);
        }
        if let Some(by) = task.canceled_by {
            canceled_by.entry(by).or_default().insert(uid);
        }
        let of_task = [Some(task.enqueued_at), task.started_at, task.finished_at];
        for (lists, date) in dates.iter_mut().zip(of_task) {
            if let Some(date) = date {
                lists.entry(date).or_default().insert(uid);
            }
        }
        if let Some(batch) = task.batch_uid {
            batches_of_tasks.entry(batch).or_default().insert((uid, task.status));
        }
    }
    assert_eq!(stored(&rtxn, tables.tasks.status), status, "tasks by status");
    assert_eq!(stored(&rtxn, tables.tasks.kind), kind, "tasks by kind");
    let by_index = tables.tasks.index.database().iter(&rtxn).unwrap();
    let by_index = by_index.map(|entry| entry.unwrap()).map(|(name, uids)| (name.to_owned(), uids));
    assert_eq!(by_index.collect::<Lists<_>>(), index, "tasks by index");
    assert_eq!(stored(&rtxn, tables.canceled_by), canceled_by, "tasks by cancelation");
    let tables_of_dates =
        [tables.tasks.enqueued_at, tables.tasks.started_at, tables.tasks.finished_at];
    for (table, expected) in tables_of_dates.into_iter().zip(dates) {
        assert_eq!(stored(&rtxn, table), expected, "tasks by date");
    }

    let mut batch_status = Lists::<u32>::new();
    let mut batch_dates = [const { Lists::<OffsetDateTime>::new() }; 3];
    for entry in tables.all_batches.iter(&rtxn).unwrap() {
        let (uid, batch) = entry.unwrap();
        let tasks = batches_of_tasks.remove(&uid).unwrap_or_default();
        assert!(!tasks.is_empty(), "batch {uid} has no task left");
        let mapped = tables.batch_to_tasks.get(&rtxn, &uid).unwrap();
        for (task, status) in tasks {
            assert!(mapped.contains(task), "batch {uid} of task {task}");
            batch_status.entry(status.number()).or_default().insert(uid);
        }
        let enqueued = batch.enqueued_at.unwrap();
        for (lists, date) in [
            (0, Some(enqueued.earliest)),
            (0, Some(enqueued.oldest)),
            (1, Some(batch.started_at)),
            (2, batch.finished_at),
        ] {
            batch_dates[lists].entry(date.unwrap()).or_default().insert(uid);
        }
    }
    assert!(
        batches_of_tasks.is_empty(),
        "tasks of batches that do not exist: {batches_of_tasks:?}"
    );
    assert_eq!(stored(&rtxn, tables.batches.status), batch_status, "batches by status");
    let tables_of_dates =
        [tables.batches.enqueued_at, tables.batches.started_at, tables.batches.finished_at];
    for (table, expected) in tables_of_dates.into_iter().zip(batch_dates) {
        assert_eq!(stored(&rtxn, table), expected, "batches by date");
    }
}

/// A table without its empty sets.
fn stored<K, V, Key: Ord>(rtxn: &RoTxn<'_>, table: Postings<K, V>) -> Lists<Key>
where
    K: for<'a> BytesDecode<'a, DItem = Key> + 'static,
    V: for<'a> heed::BytesEncode<'a, EItem = RoaringBitmap>
        + for<'a> BytesDecode<'a, DItem = RoaringBitmap>
        + 'static,
{
    let entries = table.database().iter(rtxn).unwrap().map(|entry| entry.unwrap());
    entries.filter(|(_, uids)| !uids.is_empty()).collect()
}
