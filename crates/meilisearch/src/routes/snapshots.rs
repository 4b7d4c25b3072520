//! `POST /snapshots`: a snapshot of the whole instance (tasks.md section 18). Those of single indexes are
//! below `indexes/snapshots`.

use actix_web::http::StatusCode;
use actix_web::web::Data;
use index_scheduler::IndexScheduler;
use meilisearch_types::tasks::KindWithContent;

use crate::extract::auth::{Guarded, actions};
use crate::openapi::about;
use crate::routes::table::{Routes, resource};
use crate::routes::{Answer, enqueue};

pub(crate) fn configure(routes: &mut Routes) {
    let about = about("Make a snapshot of the whole instance").enqueues();
    routes.add(resource("/snapshots").post(create, about));
}

async fn create(
    _auth: Guarded<actions::SnapshotsCreate>,
    scheduler: Data<IndexScheduler>,
) -> Answer {
    enqueue(&scheduler, KindWithContent::SnapshotCreation, None, StatusCode::ACCEPTED).await
}
