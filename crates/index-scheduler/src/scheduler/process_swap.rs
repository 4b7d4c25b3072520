//! Swap of indexes (tasks.md 11): all pairs are checked here and exchanged in the commit.

use std::collections::BTreeSet;

use meilisearch_types::tasks::{IndexSwap, KindWithContent, Status, Task};

use crate::Shared;
use crate::error::{Error, Result};
use crate::index_mapper::Effect;
use crate::processing::{RunningBatch, SwapProgress};
use crate::queue::commit::Outcome;

pub(super) fn run(shared: &Shared, running: &RunningBatch, mut task: Task) -> Result<Outcome> {
    running.progress.update(SwapProgress::EnsuringCorrectness);
    let swaps = match &task.kind {
        KindWithContent::IndexSwap { swaps } => swaps.clone(),
        _ => Vec::new(),
    };
    check(shared, &swaps)?;
    running.progress.update(SwapProgress::SwappingTheIndexes);
    task.status = Status::Succeeded;
    let effects = vec![Effect::Swap { swaps, by: task.uid }];
    Ok(Outcome { finished: vec![task], effects, ..Outcome::default() })
}

/// Refuses unless every index is there, or with `rename` the second of a pair is not.
fn check(shared: &Shared, swaps: &[IndexSwap]) -> Result<()> {
    let rtxn = shared.queue.read_txn()?;
    let mut missing = BTreeSet::new();
    let mut taken = None;
    for IndexSwap { indexes: (left, right), rename } in swaps {
        let exists = |uid| Ok::<_, Error>(shared.mapper.uuid(&rtxn, uid)?.is_some());
        if !exists(left)? {
            missing.insert(left.clone());
        }
        match (exists(right)?, *rename) {
            (true, true) => taken = taken.or(Some(right.clone())),
            (false, false) => {
                missing.insert(right.clone());
            }
            _ => {}
        }
    }
    match (missing.len(), taken) {
        (0, None) => Ok(()),
        (0, Some(taken)) => Err(Error::IndexAlreadyExists(taken)),
        (1, _) => Err(Error::IndexNotFound(missing.into_iter().collect())),
        _ => Err(Error::IndexesNotFound(missing.into_iter().collect())),
    }
}
