//! Why a batch holds no more tasks: the text that clients see as `batchStrategy` (tasks.md 9).

use std::fmt;

use meilisearch_types::tasks::{Kind, TaskId};

/// Why no further task joined a batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum StopReason {
    /// The batch holds, or stopped at, a task that always runs alone.
    Alone {
        kind: Kind,
        id: TaskId,
    },
    /// The batch holds every task of a kind that mixes with no other.
    KindCannotMix {
        kind: Kind,
    },
    /// Nothing else is enqueued.
    AllEnqueued,
    /// Nothing else is enqueued for the index.
    AllEnqueuedForIndex {
        uid: String,
    },
    /// The limit on the number of tasks.
    TaskLimit {
        limit: usize,
    },
    /// The limit on the bytes of payloads; the total includes the task left out.
    SizeLimit {
        limit_bytes: u64,
        total_bytes: u64,
    },
    /// The task asks for another primary key than the index has.
    KeyDiffersFromIndex {
        id: TaskId,
        key: String,
        index_key: String,
    },
    /// The task asks for another primary key than the batch.
    KeyDiffersFromBatch {
        id: TaskId,
        key: String,
        batch_key: String,
    },
    /// The batch will guess its primary key and this task gives one.
    KeyGuessing {
        id: TaskId,
        key: String,
    },
    /// This task may create the index and the batch may not, or the other way round.
    CreationRightsDiffer {
        id: TaskId,
    },
    /// The batch ends with the deletion of the index.
    IndexDeleted {
        id: TaskId,
    },
    SettingsAfterDocuments {
        id: TaskId,
    },
    FilterDeletionAfterDocuments {
        id: TaskId,
    },
    DocumentsAfterSettings {
        id: TaskId,
    },
    RulesAfterDocuments {
        id: TaskId,
    },
    RulesAfterSettings {
        id: TaskId,
    },
}

impl fmt::Display for StopReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        use StopReason::*;
        match self {
            Alone { kind, id } => {
                write!(f, "task {id} of type `{kind}` cannot share a batch with any other task")
            }
            KindCannotMix { kind } => write!(
                f,
                "all tasks of type `{kind}` are taken; they do not mix with tasks of other types"
            ),
            AllEnqueued => f.write_str("all enqueued tasks are in the batch"),
            AllEnqueuedForIndex { uid } => {
                write!(f, "all enqueued tasks of index `{uid}` are in the batch")
            }
            TaskLimit { limit } => {
                write!(f, "the batch holds the allowed number of tasks, {limit}")
            }
            SizeLimit { limit_bytes, total_bytes } => write!(
                f,
                "one more task would bring the payloads to {total_bytes} bytes, and {limit_bytes} are allowed"
            ),
            KeyDiffersFromIndex { id, key, index_key } => write!(
                f,
                "task {id} asks for the primary key `{key}` and the index has `{index_key}`"
            ),
            KeyDiffersFromBatch { id, key, batch_key } => write!(
                f,
                "task {id} asks for the primary key `{key}` and the batch for `{batch_key}`"
            ),
            KeyGuessing { id, key } => write!(
                f,
                "task {id} asks for the primary key `{key}`, which would keep the batch from guessing one"
            ),
            CreationRightsDiffer { id } => write!(
                f,
                "task {id} and the batch before it differ in whether they may create the index"
            ),
            IndexDeleted { id } => write!(f, "task {id} deletes the index"),
            SettingsAfterDocuments { id } => {
                write!(f, "task {id} does not mix with the document operations before it")
            }
            FilterDeletionAfterDocuments { id } => write!(
                f,
                "task {id} deletes by a filter, which has to see the documents added before it"
            ),
            DocumentsAfterSettings { id } => {
                write!(f, "task {id} changes documents and the batch changes settings")
            }
            RulesAfterDocuments { id } => {
                write!(f, "task {id} changes search rules and the batch changes documents")
            }
            RulesAfterSettings { id } => {
                write!(f, "task {id} changes search rules and the batch changes settings")
            }
        }
    }
}
