//! Cancelation of tasks (tasks.md 13). The planner starts it once no running batch holds a task of
//! its set: what ended first keeps its result.

use meilisearch_types::tasks::{Details, Kind, KindWithContent, Status, Task};

use super::{process_index_compaction, process_single_index_snapshot};
use crate::Shared;
use crate::error::Result;
use crate::processing::{RunningBatch, TaskCancelationProgress};
use crate::queue::commit::{Canceled, Outcome};

pub(super) fn run(shared: &Shared, running: &RunningBatch, mut task: Task) -> Result<Outcome> {
    running.progress.update(TaskCancelationProgress::RetrievingTasks);
    let mut tasks = match &task.kind {
        KindWithContent::TaskCancelation { tasks, .. } => tasks.clone(),
        _ => Default::default(),
    };
    let rtxn = shared.queue.read_txn()?;
    tasks &= shared.queue.enqueued(&rtxn)?;

    running.progress.update(TaskCancelationProgress::CleaningCompactionLeftover);
    let compactions =
        shared.queue.tables().tasks.kind.get(&rtxn, &Kind::IndexCompaction.number())?;
    for compaction in shared.queue.listed_tasks(&rtxn, &tasks & compactions)? {
        // A copy that stays takes room, and the next compaction overwrites it.
        if let Err(error) = process_index_compaction::discard(shared, &compaction) {
            tracing::warn!("{error}");
        }
    }
    let creations =
        shared.queue.tables().tasks.kind.get(&rtxn, &Kind::SingleIndexSnapshotCreation.number())?;
    for creation in shared.queue.listed_tasks(&rtxn, &tasks & creations)? {
        process_single_index_snapshot::discard(&creation, &shared.options);
    }
    drop(rtxn);

    running.progress.update(TaskCancelationProgress::UpdatingTasks);
    task.status = Status::Succeeded;
    if let Some(Details::TaskCancelation { canceled_tasks, .. }) = &mut task.details {
        *canceled_tasks = Some(tasks.len());
    }
    let canceled = Some(Canceled { by: task.uid, tasks });
    Ok(Outcome { finished: vec![task], canceled, ..Outcome::default() })
}
