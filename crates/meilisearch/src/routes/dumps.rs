//! `POST /dumps` (http-api.md section 14). The task holds the keys as they are at the request.

use actix_web::http::StatusCode;
use actix_web::web::Data;
use index_scheduler::IndexScheduler;
use meilisearch_auth::AuthStore;
use meilisearch_types::tasks::KindWithContent;

use crate::extract::auth::{Guarded, actions};
use crate::openapi::about;
use crate::routes::table::{Routes, resource};
use crate::routes::{Answer, blocking, enqueue};

pub(crate) fn configure(routes: &mut Routes) {
    let about = about("Make a dump of the whole instance").enqueues();
    routes.add(resource("/dumps").post(create, about));
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
