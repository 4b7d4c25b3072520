//! Tasks as clients see them (tasks.md 3).

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;
use time::{Duration, OffsetDateTime};

use super::{BatchId, DetailsView, Kind, Status, Task, TaskId};
use crate::duration;
use crate::error::ResponseError;
use crate::schema::{DateTime, Iso8601};

/// A task as `GET /tasks` shows it.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[allow(missing_docs, reason = "the members are those of tasks.md 3")]
pub struct TaskView {
    pub uid: TaskId,
    pub batch_uid: Option<BatchId>,
    pub index_uid: Option<String>,
    pub status: Status,
    #[serde(rename = "type")]
    pub kind: Kind,
    pub canceled_by: Option<TaskId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub details: Option<DetailsView>,
    pub error: Option<ResponseError>,
    #[serde(serialize_with = "duration::serialize")]
    #[schemars(with = "Option<Iso8601>")]
    pub duration: Option<Duration>,
    #[serde(with = "time::serde::rfc3339")]
    #[schemars(with = "DateTime")]
    pub enqueued_at: OffsetDateTime,
    #[serde(with = "time::serde::rfc3339::option")]
    #[schemars(with = "Option<DateTime>")]
    pub started_at: Option<OffsetDateTime>,
    #[serde(with = "time::serde::rfc3339::option")]
    #[schemars(with = "Option<DateTime>")]
    pub finished_at: Option<OffsetDateTime>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub network: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub custom_metadata: Option<String>,
}

impl From<&Task> for TaskView {
    fn from(task: &Task) -> Self {
        TaskView {
            uid: task.uid,
            batch_uid: task.batch_uid,
            index_uid: task.index_uid().map(str::to_owned),
            status: task.status,
            kind: task.kind(),
            canceled_by: task.canceled_by,
            details: task.details.clone().map(DetailsView::from),
            error: task.error.clone(),
            duration: duration::between(task.started_at, task.finished_at),
            enqueued_at: task.enqueued_at,
            started_at: task.started_at,
            finished_at: task.finished_at,
            network: task.network.clone(),
            custom_metadata: task.custom_metadata.clone(),
        }
    }
}

/// A task as the route that registers it answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[allow(missing_docs, reason = "the members are those of tasks.md 3")]
pub struct SummarizedTaskView {
    pub task_uid: TaskId,
    pub index_uid: Option<String>,
    pub status: Status,
    #[serde(rename = "type")]
    pub kind: Kind,
    #[serde(with = "time::serde::rfc3339")]
    #[schemars(with = "DateTime")]
    pub enqueued_at: OffsetDateTime,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub custom_metadata: Option<String>,
}

impl From<&Task> for SummarizedTaskView {
    fn from(task: &Task) -> Self {
        SummarizedTaskView {
            task_uid: task.uid,
            index_uid: task.index_uid().map(str::to_owned),
            status: task.status,
            kind: task.kind(),
            enqueued_at: task.enqueued_at,
            custom_metadata: task.custom_metadata.clone(),
        }
    }
}
