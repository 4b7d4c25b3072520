//! `POST /snapshots`: a snapshot of the whole instance (tasks.md section 18). Those of single indexes are
//! below `indexes/snapshots`.

use actix_web::http::StatusCode;
use actix_web::web::{Data, ServiceConfig, post, resource};
use index_scheduler::IndexScheduler;
use meilisearch_types::tasks::KindWithContent;

use crate::extract::auth::{Guarded, actions};
use crate::routes::{Answer, enqueue};

pub(crate) fn configure(config: &mut ServiceConfig) {
    config.service(resource("/snapshots").route(post().to(create)));
}

async fn create(
    _auth: Guarded<actions::SnapshotsCreate>,
    scheduler: Data<IndexScheduler>,
) -> Answer {
    enqueue(&scheduler, KindWithContent::SnapshotCreation, None, StatusCode::ACCEPTED).await
}
