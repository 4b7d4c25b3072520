//! Creation, update and deletion of an index (tasks.md 11). What becomes visible is an effect, so
//! that it and the outcome are one commit and a crash leaves both or neither.

use meilisearch_types::not_implemented::NotImplemented;
use meilisearch_types::tasks::{Details, IndexSwap, KindWithContent, Status, Task};
use time::OffsetDateTime;

use super::index_batch::update_index;
use crate::Shared;
use crate::error::{Error, Result};
use crate::index_mapper::Effect;
use crate::processing::{
    IndexCreationProgress, IndexDeletionProgress, IndexUpdateProgress, RunningBatch,
};
use crate::queue::commit::Outcome;

/// Runs a task that is alone in its batch.
pub(super) fn run(
    shared: &Shared,
    running: &RunningBatch,
    uid: &str,
    mut task: Task,
) -> Result<Outcome> {
    let effects = match &task.kind {
        KindWithContent::IndexCreation { primary_key, .. } => {
            vec![create(shared, running, uid, primary_key.as_deref())?]
        }
        KindWithContent::IndexUpdate { primary_key, new_index_uid, .. } => {
            // A rename to the same uid is none.
            let new_uid = new_index_uid.as_deref().filter(|new_uid| *new_uid != uid);
            update(shared, running, uid, primary_key.as_deref(), new_uid, task.uid)?
        }
        kind => return Err(NotImplemented::TaskKind(kind.kind()).into()),
    };
    task.status = Status::Succeeded;
    Ok(Outcome { finished: vec![task], effects, ..Outcome::default() })
}

fn create(
    shared: &Shared,
    running: &RunningBatch,
    uid: &str,
    primary_key: Option<&str>,
) -> Result<Effect> {
    running.progress.update(IndexCreationProgress::CreatingTheIndex);
    let rtxn = shared.queue.read_txn()?;
    if shared.mapper.uuid(&rtxn, uid)?.is_some() {
        return Err(Error::IndexAlreadyExists(uid.to_owned()));
    }
    drop(rtxn);
    shared.mapper.new_index(uid, OffsetDateTime::now_utc(), |index| {
        running.progress.update(IndexUpdateProgress::UpdatingTheIndex);
        update_index(shared, running, uid, index, None, primary_key, false)
    })
}

fn update(
    shared: &Shared,
    running: &RunningBatch,
    uid: &str,
    primary_key: Option<&str>,
    new_uid: Option<&str>,
    by: u32,
) -> Result<Vec<Effect>> {
    running.progress.update(IndexUpdateProgress::UpdatingTheIndex);
    if let Some(new_uid) = new_uid {
        let rtxn = shared.queue.read_txn()?;
        if shared.mapper.uuid(&rtxn, new_uid)?.is_some() {
            return Err(Error::IndexAlreadyExists(new_uid.to_owned()));
        }
    }
    let pin = shared.mapper.pin(uid)?;
    let index = pin.index();
    update_index(shared, running, uid, index, Some(&pin), primary_key, new_uid.is_some())?;
    let stats = Box::new(shared.mapper.compute_stats(uid, index)?);
    let mut effects = vec![Effect::Stats { uuid: pin.uuid(), stats }];
    if let Some(new_uid) = new_uid {
        let indexes = (uid.to_owned(), new_uid.to_owned());
        effects.push(Effect::Swap { swaps: vec![IndexSwap { indexes, rename: true }], by });
    }
    Ok(effects)
}

/// Deletes an index; the other tasks of the batch are moot. One that is missing is an error unless
/// a task of the batch would have created it. An index that cannot be opened can be deleted.
pub(super) fn delete(
    shared: &Shared,
    running: &RunningBatch,
    uid: &str,
    would_create: bool,
    mut tasks: Vec<Task>,
) -> Result<Outcome> {
    running.progress.update(IndexDeletionProgress::DeletingTheIndex);
    let rtxn = shared.queue.read_txn()?;
    let exists = shared.mapper.uuid(&rtxn, uid)?.is_some();
    if !exists && !would_create {
        return Err(Error::IndexNotFound(uid.to_owned()));
    }
    let documents = match shared.mapper.stats(&rtxn, uid) {
        Ok(stats) => stats.number_of_documents(),
        Err(_) => 0,
    };
    for task in &mut tasks {
        task.status = Status::Succeeded;
        match (&task.kind, &mut task.details) {
            (
                KindWithContent::IndexDeletion { .. },
                Some(Details::ClearAll { deleted_documents }),
            ) => *deleted_documents = Some(documents),
            (KindWithContent::DocumentClear { .. }, _) => {}
            (_, details) => *details = details.take().map(Details::into_failed),
        }
    }
    let effects = match exists {
        true => vec![Effect::Unregister { uid: uid.to_owned() }],
        false => Vec::new(),
    };
    Ok(Outcome { finished: tasks, effects, ..Outcome::default() })
}
