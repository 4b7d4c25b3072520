//! The frame of every batch that changes what is in one index (tasks.md 10): open or create, write
//! in one transaction of the index, commit, compute statistics. On an error nothing reaches the
//! index.

use indexmap::IndexMap;
use meilisearch_types::sizes::ByteSize;
use meilisearch_types::tasks::Task;
use meilisearch_types::versioning::VERSION_STR;
use milli::indexing::{IndexingContext, set_primary_key};
use milli::{Index, RwTxn};
use time::OffsetDateTime;

use super::autobatcher::BatchKind;
use super::{process_documents, process_settings};
use crate::Shared;
use crate::error::{Error, Result};
use crate::index_mapper::Effect;
use crate::index_mapper::open_set::PinnedIndex;
use crate::processing::{FinalizingIndexProgress, RunningBatch};
use crate::queue::commit::Outcome;
use crate::testing::Fault;

/// The index of a batch and what the engine needs to change it.
pub(super) struct IndexBatch<'a> {
    pub(super) shared: &'a Shared,
    pub(super) uid: &'a str,
    pub(super) index: &'a Index,
    /// Pinned, except for an index that is being created.
    pin: Option<&'a PinnedIndex>,
    pub(super) context: IndexingContext<'a>,
}

impl<'a> IndexBatch<'a> {
    /// An engine error with the index that it is about; a full map asks for a larger one.
    pub(super) fn error(&self, error: milli::Error) -> Error {
        match (error, self.pin) {
            (milli::Error::MapFull, Some(pin)) => {
                Error::IndexMapFull { uuid: pin.uuid(), map_size: self.index.map_size() }
            }
            (error, _) => Error::index(self.uid)(error),
        }
    }

    /// Lets `change` write to the index and commits.
    fn write<T>(
        &self,
        running: &RunningBatch,
        change: impl FnOnce(&mut RwTxn<'_>) -> Result<T>,
    ) -> Result<T> {
        let mut wtxn = self.index.write_txn().map_err(|error| self.error(error))?;
        let changed = change(&mut wtxn)?;
        self.shared.faults.hit(Fault::BeforeIndexCommit)?;
        running.progress.update(FinalizingIndexProgress::Committing);
        wtxn.commit().map_err(|error| self.error(error.into()))?;
        self.shared.faults.hit(Fault::AfterIndexCommit)?;
        Ok(changed)
    }
}

/// Calls `then` with the index of a batch. The batch's flag stops the engine.
pub(super) fn with_index<T>(
    shared: &Shared,
    running: &RunningBatch,
    uid: &str,
    index: &Index,
    pin: Option<&PinnedIndex>,
    then: impl FnOnce(&IndexBatch<'_>) -> Result<T>,
) -> Result<T> {
    let must_stop = || running.cancel.is_raised();
    let context = IndexingContext {
        threads: &shared.indexing_threads,
        max_memory_bytes: shared.options.indexer.max_memory_bytes,
        embedders: &shared.embedders,
        tries_embedders: true,
        embedder_requests: &running.embedder_requests,
        progress: &running.progress,
        must_stop: &must_stop,
    };
    then(&IndexBatch { shared, uid, index, pin, context })
}

/// Runs a batch of document operations or settings on an index.
pub(super) fn run(
    shared: &Shared,
    running: &RunningBatch,
    uid: &str,
    kind: BatchKind,
    must_create_index: bool,
    tasks: Vec<Task>,
) -> Result<Outcome> {
    if must_create_index {
        shared.mapper.create_if_missing(uid, OffsetDateTime::now_utc())?;
    }
    // Searches find the pinned index for the length of the batch, whatever else is opened.
    let pin = shared.mapper.pin(uid)?;
    let index = pin.index();
    check_version(uid, index)?;
    let sizes_before = database_sizes(uid, index)?;
    let finished = with_index(shared, running, uid, index, Some(&pin), |batch| {
        batch.write(running, |wtxn| match kind {
            BatchKind::Import => process_documents::import(batch, wtxn, tasks),
            BatchKind::Deletion => process_documents::delete(batch, wtxn, tasks),
            BatchKind::Clear => process_documents::clear(batch, wtxn, tasks),
            BatchKind::Settings => process_settings::apply(batch, wtxn, tasks),
            BatchKind::ClearAndSettings => process_settings::clear_and_apply(batch, wtxn, tasks),
            BatchKind::Alone
            | BatchKind::IndexDeletion
            | BatchKind::RuleUpdate
            | BatchKind::RuleClear => Ok(tasks),
        })
    })?;

    running.progress.update(FinalizingIndexProgress::ComputingStats);
    let mut outcome = Outcome { finished, ..Outcome::default() };
    let stats = shared.mapper.compute_stats(uid, index);
    match stats.and_then(|stats| Ok((stats, database_sizes(uid, index)?))) {
        Ok((stats, sizes)) => {
            outcome.effects.push(Effect::Stats { uuid: pin.uuid(), stats: Box::new(stats) });
            outcome.internal_database_sizes = changed_sizes(&sizes_before, &sizes);
        }
        // The index is committed, so its tasks succeeded.
        Err(error) => tracing::error!("statistics stay as they were: {error}"),
    }
    Ok(outcome)
}

/// Sets the primary key of an index, and with `is_renamed` the date of its last change.
pub(super) fn update_index(
    shared: &Shared,
    running: &RunningBatch,
    uid: &str,
    index: &Index,
    pin: Option<&PinnedIndex>,
    primary_key: Option<&str>,
    is_renamed: bool,
) -> Result<()> {
    with_index(shared, running, uid, index, pin, |batch| {
        batch.write(running, |wtxn| {
            if let Some(key) = primary_key {
                set_primary_key(index, wtxn, key, &batch.context)
                    .map_err(|error| batch.error(error))?;
            }
            if is_renamed {
                index
                    .put_updated_at(wtxn, OffsetDateTime::now_utc())
                    .map_err(|error| batch.error(error))?;
            }
            Ok(())
        })
    })
}

fn check_version(uid: &str, index: &Index) -> Result<()> {
    let rtxn = index.read_txn().map_err(Error::index(uid))?;
    let version = index.version(&rtxn).map_err(Error::index(uid))?;
    let found = version.map_or("1.12.0".to_owned(), |version| version.to_string());
    if found == VERSION_STR {
        return Ok(());
    }
    Err(Error::IndexVersionMismatch { uid: uid.to_owned(), found, expected: VERSION_STR })
}

fn database_sizes(uid: &str, index: &Index) -> Result<Vec<(String, u64)>> {
    let rtxn = index.read_txn().map_err(Error::index(uid))?;
    index.database_sizes(&rtxn).map_err(Error::index(uid))
}

/// Name of each database whose size changed → `new size (difference)`.
fn changed_sizes(before: &[(String, u64)], after: &[(String, u64)]) -> IndexMap<String, String> {
    let both = before.iter().zip(after);
    both.filter(|((_, before), (_, after))| before != after)
        .map(|((name, before), (_, after))| {
            (name.clone(), ByteSize(*after).human_change(ByteSize(*before)))
        })
        .collect()
}
