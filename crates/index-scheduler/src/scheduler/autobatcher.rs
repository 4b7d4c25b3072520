//! How many tasks of one index share a batch, and what that batch does (tasks.md 8). Pure.
//!
//! The tasks come in the order of their uids. The first one decides the kind of the batch and
//! whether it creates the index; each following one joins, and may change the kind, or stops the
//! batch. What joined is always a prefix of the list.

use meilisearch_types::tasks::{Kind, KindWithContent, TaskId};

use super::stop_reason::StopReason;

/// What a batch on one index does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum BatchKind {
    /// Its only task, whatever that is.
    Alone,
    /// Deletes the index; the other tasks are moot.
    IndexDeletion,
    /// Additions, updates and deletions of documents.
    Import,
    /// Deletions of documents only.
    Deletion,
    /// Deletes all documents; the other document operations are moot.
    Clear,
    Settings,
    /// Deletes all documents, then changes the settings.
    ClearAndSettings,
    RuleUpdate,
    RuleClear,
}

/// The batch that the first `len` tasks form.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Autobatch {
    pub(crate) kind: BatchKind,
    pub(crate) len: usize,
    /// The index is created first when it does not exist.
    pub(crate) must_create_index: bool,
    /// Why the next task did not join; none when there was no next task.
    pub(crate) stop: Option<StopReason>,
}

/// What batching needs to know of a task.
#[derive(Debug, Clone, Copy)]
enum Operation<'a> {
    Import { allow_index_creation: bool, primary_key: Option<&'a str> },
    Deletion { by_filter: bool },
    Clear,
    Settings { allow_index_creation: bool },
    IndexDeletion,
    RuleUpdate,
    RuleClear,
    Alone,
}

impl<'a> From<&'a KindWithContent> for Operation<'a> {
    fn from(kind: &'a KindWithContent) -> Self {
        match kind {
            KindWithContent::DocumentAdditionOrUpdate {
                allow_index_creation, primary_key, ..
            } => Operation::Import {
                allow_index_creation: *allow_index_creation,
                primary_key: primary_key.as_deref(),
            },
            KindWithContent::DocumentDeletion { .. } => Operation::Deletion { by_filter: false },
            KindWithContent::DocumentDeletionByFilter { .. } => {
                Operation::Deletion { by_filter: true }
            }
            KindWithContent::DocumentClear { .. } => Operation::Clear,
            KindWithContent::SettingsUpdate { is_deletion, allow_index_creation, .. } => {
                Operation::Settings { allow_index_creation: *allow_index_creation && !is_deletion }
            }
            KindWithContent::IndexDeletion { .. } => Operation::IndexDeletion,
            KindWithContent::DsrUpdate(_) => Operation::RuleUpdate,
            KindWithContent::DsrClear => Operation::RuleClear,
            _ => Operation::Alone,
        }
    }
}

/// The batch so far.
struct State {
    kind: BatchKind,
    /// Whether a deletion by filter is in a batch of deletions.
    has_filter: bool,
    /// Whether the tasks may create the index; only for kinds that could.
    allow_index_creation: Option<bool>,
    /// Of an import: the key that its tasks ask for.
    primary_key: Option<String>,
}

impl State {
    fn of(kind: BatchKind) -> State {
        State { kind, has_filter: false, allow_index_creation: None, primary_key: None }
    }
}

/// Batches the tasks of an index, given whether it exists and its primary key. Without tasks
/// there is no batch.
pub(crate) fn autobatch<'a>(
    tasks: impl IntoIterator<Item = (TaskId, &'a KindWithContent)>,
    index_exists: bool,
    index_key: Option<&str>,
) -> Option<Autobatch> {
    let mut tasks = tasks.into_iter();
    let (first_id, first) = tasks.next()?;
    let operation = Operation::from(first);
    let must_create_index = match operation {
        Operation::Import { allow_index_creation, .. }
        | Operation::Settings { allow_index_creation } => allow_index_creation,
        Operation::RuleUpdate => true,
        _ => false,
    };
    let (mut state, mut stop) = begin(first_id, first.kind(), operation, index_key);
    let mut len = 1;
    while stop.is_none()
        && let Some((id, kind)) = tasks.next()
    {
        let task = Following { id, kind: kind.kind(), operation: kind.into() };
        match task.join(&mut state, index_exists, index_exists || must_create_index, index_key) {
            Ok(ended) => {
                len += 1;
                stop = ended;
            }
            Err(reason) => stop = Some(reason),
        }
    }
    Some(Autobatch { kind: state.kind, len, must_create_index, stop })
}

fn begin(
    id: TaskId,
    kind: Kind,
    operation: Operation<'_>,
    index_key: Option<&str>,
) -> (State, Option<StopReason>) {
    match operation {
        Operation::Import { allow_index_creation, primary_key } => {
            let stop = key_differs_from_index(id, primary_key, index_key);
            let state = State {
                allow_index_creation: Some(allow_index_creation),
                primary_key: primary_key.map(str::to_owned),
                ..State::of(BatchKind::Import)
            };
            (state, stop)
        }
        Operation::Deletion { by_filter } => {
            (State { has_filter: by_filter, ..State::of(BatchKind::Deletion) }, None)
        }
        Operation::Clear => (State::of(BatchKind::Clear), None),
        Operation::Settings { allow_index_creation } => {
            let allow_index_creation = Some(allow_index_creation);
            (State { allow_index_creation, ..State::of(BatchKind::Settings) }, None)
        }
        Operation::IndexDeletion => {
            (State::of(BatchKind::IndexDeletion), Some(StopReason::IndexDeleted { id }))
        }
        Operation::RuleUpdate => (State::of(BatchKind::RuleUpdate), None),
        Operation::RuleClear => (State::of(BatchKind::RuleClear), None),
        Operation::Alone => (State::of(BatchKind::Alone), Some(StopReason::Alone { kind, id })),
    }
}

fn key_differs_from_index(
    id: TaskId,
    key: Option<&str>,
    index_key: Option<&str>,
) -> Option<StopReason> {
    match (key, index_key) {
        (Some(key), Some(index_key)) if key != index_key => Some(StopReason::KeyDiffersFromIndex {
            id,
            key: key.to_owned(),
            index_key: index_key.to_owned(),
        }),
        _ => None,
    }
}

/// A task behind the first one.
struct Following<'a> {
    id: TaskId,
    kind: Kind,
    operation: Operation<'a>,
}

impl Following<'_> {
    /// Lets the task join the batch, which may end with it, or tells why it does not.
    fn join(
        &self,
        state: &mut State,
        index_exists: bool,
        index_will_exist: bool,
        index_key: Option<&str>,
    ) -> Result<Option<StopReason>, StopReason> {
        self.check_primary_key(state, index_key)?;
        if matches!(self.operation, Operation::Alone) {
            return Err(StopReason::Alone { kind: self.kind, id: self.id });
        }
        self.check_creation_right(state, index_will_exist)?;
        self.combine(state, index_exists)
    }

    fn check_primary_key(&self, state: &State, index_key: Option<&str>) -> Result<(), StopReason> {
        let Operation::Import { primary_key: Some(key), .. } = self.operation else {
            return Ok(());
        };
        let id = self.id;
        if index_key.is_some() {
            return match key_differs_from_index(id, Some(key), index_key) {
                Some(reason) => Err(reason),
                None => Ok(()),
            };
        }
        if state.kind != BatchKind::Import {
            return Ok(());
        }
        let key = key.to_owned();
        match &state.primary_key {
            None => Err(StopReason::KeyGuessing { id, key }),
            Some(batch_key) if *batch_key != key => {
                Err(StopReason::KeyDiffersFromBatch { id, key, batch_key: batch_key.clone() })
            }
            Some(_) => Ok(()),
        }
    }

    fn check_creation_right(&self, state: &State, index_exists: bool) -> Result<(), StopReason> {
        let task_may_create = match self.operation {
            Operation::Import { allow_index_creation, .. }
            | Operation::Settings { allow_index_creation } => allow_index_creation,
            _ => false,
        };
        if !index_exists && state.allow_index_creation == Some(false) && task_may_create {
            return Err(StopReason::CreationRightsDiffer { id: self.id });
        }
        Ok(())
    }

    /// The table of tasks.md 8, a row an arm of the outer match.
    fn combine(
        &self,
        state: &mut State,
        index_exists: bool,
    ) -> Result<Option<StopReason>, StopReason> {
        use BatchKind as B;
        use Operation as O;
        let id = self.id;
        let is_rule_batch = matches!(state.kind, B::RuleUpdate | B::RuleClear);
        if matches!(self.operation, O::IndexDeletion) && !is_rule_batch {
            state.kind = B::IndexDeletion;
            return Ok(Some(StopReason::IndexDeleted { id }));
        }
        match (state.kind, self.operation) {
            (B::Import, O::Import { .. } | O::Deletion { by_filter: false }) => {}
            (B::Import, O::Deletion { by_filter: true }) => {
                return Err(StopReason::FilterDeletionAfterDocuments { id });
            }
            (B::Deletion, O::Import { allow_index_creation, primary_key }) => {
                if !state.has_filter && !index_exists && allow_index_creation {
                    return Err(StopReason::CreationRightsDiffer { id });
                }
                state.kind = B::Import;
                state.allow_index_creation = Some(allow_index_creation);
                state.primary_key = primary_key.map(str::to_owned);
            }
            (B::Deletion, O::Deletion { by_filter }) => state.has_filter |= by_filter,
            (B::Import | B::Deletion, O::Clear) => {
                state.kind = B::Clear;
                state.allow_index_creation = None;
            }
            (B::Clear, O::Clear | O::Deletion { .. }) => {}
            (B::Clear, O::Import { .. }) => return Err(StopReason::SettingsAfterDocuments { id }),
            (B::Import | B::Deletion | B::Clear, O::Settings { .. }) => {
                return Err(StopReason::SettingsAfterDocuments { id });
            }
            (B::Import | B::Deletion | B::Clear, O::RuleUpdate | O::RuleClear) => {
                return Err(StopReason::RulesAfterDocuments { id });
            }
            (B::Settings, O::Settings { .. }) => {}
            (B::Settings, O::Clear) => state.kind = B::ClearAndSettings,
            (B::Settings, O::Import { .. } | O::Deletion { .. })
            | (B::ClearAndSettings, O::Import { .. }) => {
                return Err(StopReason::DocumentsAfterSettings { id });
            }
            (B::ClearAndSettings, O::Deletion { .. } | O::Clear | O::Settings { .. }) => {}
            (B::Settings | B::ClearAndSettings, O::RuleUpdate | O::RuleClear) => {
                return Err(StopReason::RulesAfterSettings { id });
            }
            (B::RuleUpdate, O::RuleUpdate) | (B::RuleClear, O::RuleClear) => {}
            (B::RuleUpdate, O::RuleClear) => state.kind = B::RuleClear,
            (B::RuleUpdate | B::RuleClear, _) => {
                let kind = match state.kind {
                    B::RuleUpdate => Kind::DsrUpdate,
                    _ => Kind::DsrClear,
                };
                return Err(StopReason::KindCannotMix { kind });
            }
            // These batches stopped at their first task, or at the task that made them.
            (B::Alone | B::IndexDeletion, _) | (_, O::IndexDeletion | O::Alone) => {
                return Err(StopReason::Alone { kind: self.kind, id });
            }
        }
        Ok(None)
    }
}

#[cfg(test)]
mod tests;
