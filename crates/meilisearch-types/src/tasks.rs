//! Tasks: every write is one (tasks.md 1 to 4, storage-instance.md 5).
//!
//! [`Task`] is the stored record, [`KindWithContent`] what it asks for, [`Details`] what it tells
//! about its outcome; [`TaskView`] and [`SummarizedTaskView`] are what clients see.

pub mod bitmap;
mod content;
mod details;
mod details_view;
mod kind;
mod snapshot;
mod status;
mod view;

#[cfg(test)]
mod tests;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use time::OffsetDateTime;
use uuid::Uuid;

pub use content::{
    DocumentMethod, DsrUpdate, ExportIndexSettings, IndexSwap, KindWithContent, MissingDocument,
};
pub use details::{Details, ExportIndexDetails};
pub use details_view::DetailsView;
pub use kind::{Kind, UnknownKind};
pub use snapshot::{SnapshotCompression, SnapshotSource, UnknownCompression};
pub use status::{Status, UnknownStatus};
pub use view::{SummarizedTaskView, TaskView};

use crate::error::ResponseError;

/// Number of a task, ascending from 0 in order of registration.
pub type TaskId = u32;

/// Number of a batch, ascending from 0.
pub type BatchId = u32;

/// The stored record of a task.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Task {
    /// Its number, and its key in the database.
    pub uid: TaskId,
    /// The batch that it ended in.
    pub batch_uid: Option<BatchId>,
    /// Registration.
    #[serde(with = "time::serde::rfc3339")]
    pub enqueued_at: OffsetDateTime,
    /// Start of its batch.
    #[serde(with = "time::serde::rfc3339::option")]
    pub started_at: Option<OffsetDateTime>,
    /// End of its batch's work.
    #[serde(with = "time::serde::rfc3339::option")]
    pub finished_at: Option<OffsetDateTime>,
    /// Why it failed.
    pub error: Option<ResponseError>,
    /// The cancelation that canceled it.
    pub canceled_by: Option<TaskId>,
    /// What it tells about its outcome.
    pub details: Option<Details>,
    /// Where it stands; never `processing` on disk.
    pub status: Status,
    /// What it asks for.
    pub kind: KindWithContent,
    /// Set by another edition only; loaded and kept as it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub network: Option<Value>,
    /// Text given with the request, shown unchanged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub custom_metadata: Option<String>,
}

impl Task {
    /// The index that the task is about, as clients see it; none for kinds that are global.
    pub fn index_uid(&self) -> Option<&str> {
        self.kind.index_uid()
    }

    /// Every index that the task touches: its entries in the lists of tasks by index.
    pub fn indexes(&self) -> Vec<&str> {
        self.kind.indexes()
    }

    /// The kind without its content.
    pub fn kind(&self) -> Kind {
        self.kind.kind()
    }

    /// The file that waits for the task in the store of update files.
    pub fn content_uuid(&self) -> Option<Uuid> {
        self.kind.content_uuid()
    }
}
