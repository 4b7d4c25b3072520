//! Batches: the tasks that were run together (tasks.md 15, storage-instance.md 6).

use std::collections::BTreeMap;

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use time::{Duration, OffsetDateTime};

use crate::duration;
use crate::progress::ProgressView;
use crate::schema::{DateTime, Iso8601};
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
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
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
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
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
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
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
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[allow(missing_docs, reason = "the members are those of tasks.md 15")]
pub struct BatchView {
    pub uid: BatchId,
    pub progress: Option<ProgressView>,
    pub details: DetailsView,
    pub stats: BatchStatsView,
    #[serde(serialize_with = "duration::serialize")]
    #[schemars(with = "Option<Iso8601>")]
    pub duration: Option<Duration>,
    #[serde(with = "time::serde::rfc3339")]
    #[schemars(with = "DateTime")]
    pub started_at: OffsetDateTime,
    #[serde(with = "time::serde::rfc3339::option")]
    #[schemars(with = "Option<DateTime>")]
    pub finished_at: Option<OffsetDateTime>,
    pub batch_strategy: String,
}

/// `stats` of a batch as `GET /batches` shows it.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[allow(missing_docs, reason = "the members are those of tasks.md 15")]
pub struct BatchStatsView {
    #[serde(flatten)]
    pub stats: BatchStats,
    /// Requests that the batch sent to embedders.
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::progress::{AtomicStep, Progress};

    const BATCH: &str = r#"{"uid":0,"details":{"receivedDocuments":1200,"indexedDocuments":1200},"stats":{"totalNbTasks":1,"status":{"succeeded":1},"types":{"documentAdditionOrUpdate":1},"indexUids":{"movies":1},"progressTrace":{"processing tasks > committing":"2.65ms","processing tasks":"10.40ms"},"writeChannelCongestion":{"attempts":3,"blocking_attempts":1,"blocking_ratio":0.3333333432674408},"internalDatabaseSizes":{"synonyms":"4 KiB (+4 KiB)"}},"embedderStats":{"total":2,"failed":1,"lastError":"e"},"startedAt":"2026-11-24T04:44:15.820307775Z","finishedAt":"2026-11-24T04:44:15.83Z","enqueuedAt":{"earliest":"2026-11-24T04:44:15Z","oldest":"2026-11-24T04:44:14Z"},"stopReason":"batched all enqueued tasks"}"#;

    const OLD_BATCH: &str = r#"{"uid":0,"details":{},"stats":{"totalNbTasks":0,"status":{},"types":{},"indexUids":{}},"startedAt":"2026-11-24T04:44:15Z","finishedAt":null}"#;

    #[test]
    fn stored_form() {
        let batch: Batch = serde_json::from_str(BATCH).unwrap();
        assert_eq!(serde_json::to_string(&batch).unwrap(), BATCH);
        let old: Batch = serde_json::from_str(OLD_BATCH).unwrap();
        assert_eq!((old.stop_reason.as_str(), old.enqueued_at), ("unspecified", None));
        let without_end = OLD_BATCH.replace(r#","finishedAt":null"#, "");
        assert!(serde_json::from_str::<Batch>(&without_end).is_err(), "`finishedAt` must be there");
    }

    #[test]
    fn views() {
        let view = BatchView::from(serde_json::from_str::<Batch>(BATCH).unwrap());
        insta::assert_snapshot!(serde_json::to_string(&view).unwrap(), @r#"{"uid":0,"progress":null,"details":{"receivedDocuments":1200,"indexedDocuments":1200},"stats":{"totalNbTasks":1,"status":{"succeeded":1},"types":{"documentAdditionOrUpdate":1},"indexUids":{"movies":1},"progressTrace":{"processing tasks > committing":"2.65ms","processing tasks":"10.40ms"},"writeChannelCongestion":{"attempts":3,"blocking_attempts":1,"blocking_ratio":0.3333333432674408},"internalDatabaseSizes":{"synonyms":"4 KiB (+4 KiB)"},"embedderRequests":{"total":2,"failed":1,"lastError":"e"}},"duration":"PT0.009692225S","startedAt":"2026-11-24T04:44:15.820307775Z","finishedAt":"2026-11-24T04:44:15.83Z","batchStrategy":"batched all enqueued tasks"}"#);

        let mut running: Batch = serde_json::from_str(OLD_BATCH).unwrap();
        let progress = Progress::default();
        progress.update(AtomicStep::new("task", 4).1);
        running.progress = Some(progress.view());
        insta::assert_snapshot!(serde_json::to_string(&BatchView::from(running)).unwrap(), @r#"{"uid":0,"progress":{"steps":[{"currentStep":"task","finished":0,"total":4}],"percentage":0.0},"details":{},"stats":{"totalNbTasks":0,"status":{},"types":{},"indexUids":{}},"duration":null,"startedAt":"2026-11-24T04:44:15Z","finishedAt":null,"batchStrategy":"unspecified"}"#);
    }

    #[test]
    fn counts_are_ordered_by_number() {
        let mut stats = BatchStats::default();
        for (kind, status) in [
            (r#"{"taskDeletion":{"query":"","tasks":[58,48,0,0,0,0,0,0]}}"#, "canceled"),
            (r#"{"documentClear":{"index_uid":"b"}}"#, "succeeded"),
            (r#"{"documentDeletion":{"index_uid":"a","documents_ids":[]}}"#, "failed"),
        ] {
            let task = format!(
                r#"{{"uid":7,"enqueuedAt":"2026-02-01T10:00:00Z","startedAt":null,"finishedAt":null,"status":"{status}","kind":{kind}}}"#
            );
            stats.count(&serde_json::from_str(&task).unwrap());
        }
        insta::assert_snapshot!(serde_json::to_string(&stats).unwrap(), @r#"{"totalNbTasks":3,"status":{"succeeded":1,"failed":1,"canceled":1},"types":{"documentDeletion":2,"taskDeletion":1},"indexUids":{"a":1,"b":1}}"#);
    }

    #[test]
    fn congestion() {
        let json = |attempts, blocking| {
            serde_json::to_string(&WriteChannelCongestion::new(attempts, blocking)).unwrap()
        };
        assert_eq!(json(0, 0), r#"{"attempts":0,"blocking_attempts":0,"blocking_ratio":null}"#);
        assert_eq!(
            json(3, 1),
            r#"{"attempts":3,"blocking_attempts":1,"blocking_ratio":0.3333333432674408}"#
        );
    }
}
