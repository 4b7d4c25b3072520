//! `GET /health`: can the databases be read? Needs no key (operations.md section 23).

use actix_web::HttpResponse;
use actix_web::web::{Data, ServiceConfig, get, resource};
use index_scheduler::IndexScheduler;
use meilisearch_auth::AuthStore;
use serde_json::json;

use crate::routes::{Answer, blocking};

pub(crate) fn configure(config: &mut ServiceConfig) {
    config.service(resource("/health").route(get().to(health)));
}

async fn health(auth: Data<AuthStore>, scheduler: Data<IndexScheduler>) -> Answer {
    let must_restart = blocking(move || {
        auth.list_keys()?;
        scheduler.health()?;
        Ok(scheduler.must_restart())
    })
    .await?;
    if must_restart {
        // The task queue was compacted.
        let body = json!({ "status": "mustRestart" });
        return Ok(HttpResponse::InternalServerError().json(body));
    }
    Ok(HttpResponse::Ok().json(json!({ "status": "available" })))
}
