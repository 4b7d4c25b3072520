//! Deletion of finished tasks (tasks.md 14). All enqueued deletions are one batch; a task that
//! several of them name counts for the first.

use meilisearch_types::tasks::{Details, KindWithContent, Status, Task};
use roaring::RoaringBitmap;

use crate::Shared;
use crate::error::Result;
use crate::processing::{RunningBatch, TaskDeletionProgress};
use crate::queue::commit::Outcome;

pub(super) fn run(
    shared: &Shared,
    running: &RunningBatch,
    mut tasks: Vec<Task>,
) -> Result<Outcome> {
    running.progress.update(TaskDeletionProgress::RetrievingTasks);
    let rtxn = shared.queue.read_txn()?;
    // What runs is enqueued on disk, so it is no candidate either.
    let mut candidates = shared.queue.finished(&rtxn)?;
    drop(rtxn);

    let mut deleted = RoaringBitmap::new();
    for task in &mut tasks {
        let KindWithContent::TaskDeletion { tasks: wanted, .. } = &task.kind else { continue };
        let own = wanted & &candidates;
        candidates -= &own;
        task.status = Status::Succeeded;
        if let Some(Details::TaskDeletion { deleted_tasks, .. }) = &mut task.details {
            *deleted_tasks = Some(own.len());
        }
        deleted |= own;
    }
    Ok(Outcome { finished: tasks, deleted, ..Outcome::default() })
}
