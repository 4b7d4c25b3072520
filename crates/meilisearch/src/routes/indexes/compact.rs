//! `POST /indexes/{index_uid}/compact`: gives the space of deleted documents back to the system
//! (tasks.md section 11).

use actix_web::http::StatusCode;
use actix_web::web::{Data, Path};
use index_scheduler::IndexScheduler;
use meilisearch_types::tasks::KindWithContent;

use crate::extract::auth::{Guarded, actions};
use crate::extract::index_uid;
use crate::openapi::about;
use crate::routes::table::{Routes, resource};
use crate::routes::{Answer, enqueue};

pub(crate) fn configure(routes: &mut Routes) {
    let about = about("Give the space of deleted documents back to the system").enqueues();
    routes.add(resource("/indexes/{index_uid}/compact").post(compact, about));
}

async fn compact(
    _auth: Guarded<actions::IndexesCompact>,
    uid: Path<String>,
    scheduler: Data<IndexScheduler>,
) -> Answer {
    let kind = KindWithContent::IndexCompaction { index_uid: index_uid(&uid)?.into() };
    enqueue(&scheduler, kind, None, StatusCode::ACCEPTED).await
}
