//! `POST /tasks/compact`: gives the space of deleted tasks back to the system (tasks.md section 21). It is no
//! task: the queue cannot be written any more until the server is restarted.

use actix_web::HttpResponse;
use actix_web::web::Data;
use index_scheduler::IndexScheduler;
use meilisearch_types::sizes::ByteSize;
use schemars::JsonSchema;
use serde::Serialize;

use crate::extract::auth::{Guarded, actions};
use crate::features::not_enabled;
use crate::openapi::about;
use crate::routes::table::{Routes, resource};
use crate::routes::{Answer, blocking};

pub(crate) fn configure(routes: &mut Routes) {
    let about = about("Give the space of deleted tasks back to the system")
        .note("Afterwards the server must be restarted: until then it registers no task.")
        .needs_feature("taskQueueCompactionRoute")
        .answers::<Compacted>(200)
        .answers::<NotCompacted>(500);
    routes.add(resource("/tasks/compact").post(compact, about));
}

/// The task queue is compacted.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "QueueCompacted")]
struct Compacted {
    /// Size of the file before, with its unit.
    pre_size: String,
    /// Size of the file after, with its unit.
    post_size: String,
    /// `succeeded`.
    status: &'static str,
    /// What the operator has to do.
    action_required: &'static str,
}

/// The task queue could not be compacted.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "QueueNotCompacted")]
struct NotCompacted {
    /// `failed`.
    status: &'static str,
    /// Why.
    error_message: String,
}

async fn compact(_auth: Guarded<actions::TasksCompact>, scheduler: Data<IndexScheduler>) -> Answer {
    if !scheduler.features().task_queue_compaction_route {
        return Err(not_enabled("Compacting the task queue", "taskQueueCompactionRoute"));
    }
    let compacted = blocking(move || Ok(scheduler.compact_queue())).await?;
    Ok(match compacted {
        Ok(done) => HttpResponse::Ok().json(Compacted {
            pre_size: ByteSize(done.size_before).to_string(),
            post_size: ByteSize(done.size_after).to_string(),
            status: "succeeded",
            action_required:
                "Restart the server: until then it registers no task and processes none.",
        }),
        Err(error) => HttpResponse::InternalServerError().json(NotCompacted {
            status: "failed",
            error_message: error.to_string(),
        }),
    })
}
