//! `POST /tasks/compact`: gives the space of deleted tasks back to the system (tasks.md section 21). It is no
//! task: the queue cannot be written any more until the server is restarted.

use actix_web::HttpResponse;
use actix_web::web::{Data, ServiceConfig, post, resource};
use index_scheduler::IndexScheduler;
use meilisearch_types::sizes::ByteSize;
use serde_json::json;

use crate::extract::auth::{Guarded, actions};
use crate::features::not_enabled;
use crate::routes::{Answer, blocking};

pub(crate) fn configure(config: &mut ServiceConfig) {
    config.service(resource("/tasks/compact").route(post().to(compact)));
}

async fn compact(_auth: Guarded<actions::TasksCompact>, scheduler: Data<IndexScheduler>) -> Answer {
    if !scheduler.features().task_queue_compaction_route {
        return Err(not_enabled("Compacting the task queue", "taskQueueCompactionRoute"));
    }
    let compacted = blocking(move || Ok(scheduler.compact_queue())).await?;
    Ok(match compacted {
        Ok(done) => HttpResponse::Ok().json(json!({
            "preSize": ByteSize(done.size_before).to_string(),
            "postSize": ByteSize(done.size_after).to_string(),
            "status": "succeeded",
            "actionRequired":
                "Restart the server: until then it registers no task and processes none.",
        })),
        Err(error) => HttpResponse::InternalServerError().json(json!({
            "status": "failed",
            "errorMessage": error.to_string(),
        })),
    })
}
