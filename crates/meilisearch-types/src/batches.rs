//! Batches: the tasks that were run together (tasks.md 15, storage-instance.md 6).

use std::collections::BTreeMap;

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};
use time::{Duration, OffsetDateTime};

use crate::duration;
use crate::progress::ProgressView;
use crate::tasks::{BatchId, DetailsView, Kind, Status, Task};

/// The record of a batch.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Batch {
    /// Its number, and its key in the database.
    pub uid: BatchId,
    /// Progress of a running batch, never stored.
    #[serde(skip)]
    pub progress: Option<ProgressView>,
    /// The fold of the tasks' details.
    pub details: DetailsView,
    /// Counts and measures.
    pub stats: BatchStats,
    /// Requests to embedders.
    #[serde(default, skip_serializing_if = "EmbedderStats::is_empty")]
    pub embedder_stats: EmbedderStats,
    /// Start.
    #[serde(with = "time::serde::rfc3339")]
    pub started_at: OffsetDateTime,
    /// End; none while it runs.
    #[serde(with = "time::serde::rfc3339::option")]
    pub finished_at: Option<OffsetDateTime>,
    /// Dates of its tasks; none in batches of versions before 1.13.
    pub enqueued_at: Option<BatchEnqueuedAt>,
    /// Why no further task was taken.
    #[serde(default = "unspecified")]
    pub stop_reason: String,
}

fn unspecified() -> String {
    "unspecified".to_owned()
}

/// Dates between which the tasks of a batch were registered. The names are inverted on disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct BatchEnqueuedAt {
    /// The **greatest** date.
    #[serde(with = "time::serde::rfc3339")]
    pub earliest: OffsetDateTime,
    /// The **least** date.
    #[serde(with = "time::serde::rfc3339")]
    pub oldest: OffsetDateTime,
}

/// Counts and measures of a batch.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct BatchStats {
    /// Number of tasks.
    pub total_nb_tasks: u32,
    /// Tasks by status.
    pub status: BTreeMap<Status, u32>,
    /// Tasks by kind.
    pub types: BTreeMap<Kind, u32>,
    /// Tasks by index; global ones count nowhere.
    pub index_uids: BTreeMap<String, u32>,
    /// Time by step.
    #[serde(default, skip_serializing_if = "IndexMap::is_empty")]
    pub progress_trace: IndexMap<String, String>,
    /// How often the writer was waited for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub write_channel_congestion: Option<WriteChannelCongestion>,
    /// Sizes of the databases that changed.
    #[serde(default, skip_serializing_if = "IndexMap::is_empty")]
    pub internal_database_sizes: IndexMap<String, String>,
}

impl BatchStats {
    /// Counts a task.
    pub fn count(&mut self, task: &Task) {
        self.total_nb_tasks += 1;
        *self.status.entry(task.status).or_default() += 1;
        *self.types.entry(task.kind()).or_default() += 1;
        if let Some(index) = task.index_uid() {
            *self.index_uids.entry(index.to_owned()).or_default() += 1;
        }
    }
}

/// How often extraction had to wait for the writer of the index.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct WriteChannelCongestion {
    /// Messages sent.
    pub attempts: u64,
    /// Those that had to wait.
    pub blocking_attempts: u64,
    /// The share of those; none without attempts.
    pub blocking_ratio: Option<f64>,
}

impl WriteChannelCongestion {
    /// The ratio has single precision and is written with the digits of its double.
    pub fn new(attempts: u64, blocking_attempts: u64) -> Self {
        let ratio = || f64::from(blocking_attempts as f32 / attempts as f32);
        let blocking_ratio = (attempts != 0).then(ratio);
        WriteChannelCongestion { attempts, blocking_attempts, blocking_ratio }
    }
}

/// Requests that a batch sent to embedders.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct EmbedderStats {
    /// All requests.
    pub total: usize,
    /// Those that failed.
    pub failed: usize,
    /// The last failure.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_error: Option<String>,
}

impl EmbedderStats {
    fn is_empty(&self) -> bool {
        *self == EmbedderStats::default()
    }
}

/// A batch as `GET /batches` shows it.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
#[allow(missing_docs, reason = "the members are those of tasks.md 15")]
pub struct BatchView {
    pub uid: BatchId,
    pub progress: Option<ProgressView>,
    pub details: DetailsView,
    pub stats: BatchStatsView,
    #[serde(serialize_with = "duration::serialize")]
    pub duration: Option<Duration>,
    #[serde(with = "time::serde::rfc3339")]
    pub started_at: OffsetDateTime,
    #[serde(with = "time::serde::rfc3339::option")]
    pub finished_at: Option<OffsetDateTime>,
    pub batch_strategy: String,
}

/// `stats` of a batch as `GET /batches` shows it.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
#[allow(missing_docs, reason = "the members are those of tasks.md 15")]
pub struct BatchStatsView {
    #[serde(flatten)]
    pub stats: BatchStats,
    #[serde(skip_serializing_if = "EmbedderStats::is_empty")]
    pub embedder_requests: EmbedderStats,
}

impl From<Batch> for BatchView {
    fn from(batch: Batch) -> Self {
        BatchView {
            uid: batch.uid,
            progress: batch.progress,
            details: batch.details,
            stats: BatchStatsView { stats: batch.stats, embedder_requests: batch.embedder_stats },
            duration: duration::between(Some(batch.started_at), batch.finished_at),
            started_at: batch.started_at,
            finished_at: batch.finished_at,
            batch_strategy: batch.stop_reason,
        }
    }
}
