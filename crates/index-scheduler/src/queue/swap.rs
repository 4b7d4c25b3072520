//! Two names exchanged inside the tasks that are older than the swap (tasks.md 11). The indexes
//! themselves are exchanged by the index mapper, in the same transaction.

use std::sync::atomic::Ordering;

use heed::RwTxn;
use meilisearch_types::progress::{AtomicStep, Progress};
use meilisearch_types::tasks::{Details, IndexSwap, KindWithContent, TaskId};

use super::Queue;
use crate::error::Result;
use crate::processing::InnerSwapProgress;

impl Queue {
    /// Exchanges two index uids in all tasks below `before` and in their lists. Batches stay.
    pub(super) fn exchange_names(
        &self,
        wtxn: &mut RwTxn<'_>,
        swap: &IndexSwap,
        before: TaskId,
        progress: &Progress,
    ) -> Result<()> {
        progress.update(InnerSwapProgress::RetrieveTheTasks);
        let (left, right) = (swap.indexes.0.as_str(), swap.indexes.1.as_str());
        let lists = self.tables.tasks.index;
        let older = |mut uids: roaring::RoaringBitmap| {
            uids.remove_range(before..);
            uids
        };
        let left_tasks = older(lists.get(wtxn, left)?);
        let right_tasks = older(lists.get(wtxn, right)?);

        progress.update(InnerSwapProgress::UpdateTheTasks);
        let tasks = &left_tasks | &right_tasks;
        let (counter, step) = AtomicStep::new("task", tasks.len() as u32);
        progress.update(step);
        for uid in &tasks {
            let mut task = self.listed_task(wtxn, uid)?;
            exchange_in_kind(&mut task.kind, left, right);
            if let Some(Details::IndexSwap { swaps }) = &mut task.details {
                exchange_in_swaps(swaps, left, right);
            }
            self.tables.all_tasks.put(wtxn, &uid, &task)?;
            counter.fetch_add(1, Ordering::Relaxed);
        }

        progress.update(InnerSwapProgress::UpdateTheIndexesMetadata);
        lists.update(wtxn, left, |uids| *uids = (&*uids - &left_tasks) | &right_tasks)?;
        lists.update(wtxn, right, |uids| *uids = (&*uids - &right_tasks) | &left_tasks)
    }
}

fn exchange(name: &mut String, left: &str, right: &str) {
    if name == left {
        right.clone_into(name);
    } else if name == right {
        left.clone_into(name);
    }
}

fn exchange_in_swaps(swaps: &mut [IndexSwap], left: &str, right: &str) {
    for IndexSwap { indexes: (a, b), .. } in swaps {
        exchange(a, left, right);
        exchange(b, left, right);
    }
}

fn exchange_in_kind(kind: &mut KindWithContent, left: &str, right: &str) {
    use KindWithContent as K;
    match kind {
        K::DocumentAdditionOrUpdate { index_uid, .. }
        | K::DocumentEdition { index_uid, .. }
        | K::DocumentDeletion { index_uid, .. }
        | K::DocumentDeletionByFilter { index_uid, .. }
        | K::DocumentClear { index_uid }
        | K::SettingsUpdate { index_uid, .. }
        | K::IndexCreation { index_uid, .. }
        | K::IndexDeletion { index_uid }
        | K::IndexCompaction { index_uid }
        | K::SingleIndexSnapshotCreation { index_uid, .. }
        | K::SingleIndexSnapshotImport { index_uid, .. } => exchange(index_uid, left, right),
        K::IndexUpdate { index_uid, new_index_uid, .. } => {
            exchange(index_uid, left, right);
            if let Some(new_index_uid) = new_index_uid {
                exchange(new_index_uid, left, right);
            }
        }
        K::IndexSwap { swaps } => exchange_in_swaps(swaps, left, right),
        K::TaskCancelation { .. }
        | K::TaskDeletion { .. }
        | K::DumpCreation { .. }
        | K::SnapshotCreation
        | K::Export { .. }
        | K::UpgradeDatabase { .. }
        | K::NetworkTopologyChange(_)
        | K::DsrUpdate(_)
        | K::DsrClear => {}
    }
}
