//! `POST /dumps` (http-api.md section 14). The task holds the keys as they are at the request.

use actix_web::http::StatusCode;
use actix_web::web::{Data, ServiceConfig, post, resource};
use index_scheduler::IndexScheduler;
use meilisearch_auth::AuthStore;
use meilisearch_types::tasks::KindWithContent;

use crate::extract::auth::{Guarded, actions};
use crate::routes::{Answer, blocking, enqueue};

pub(crate) fn configure(config: &mut ServiceConfig) {
    config.service(resource("/dumps").route(post().to(create)));
}

async fn create(
    _auth: Guarded<actions::DumpsCreate>,
    keys: Data<AuthStore>,
    scheduler: Data<IndexScheduler>,
) -> Answer {
    let keys = blocking(move || Ok(keys.list_keys()?)).await?;
    let kind = KindWithContent::DumpCreation { keys, instance_uid: scheduler.instance_uid() };
    enqueue(&scheduler, kind, None, StatusCode::ACCEPTED).await
}
