//! `GET /health`: can the databases be read? Needs no key (operations.md section 23).

use actix_web::HttpResponse;
use actix_web::web::Data;
use index_scheduler::IndexScheduler;
use meilisearch_auth::AuthStore;

use crate::openapi::about;
use crate::routes::root::Status;
use crate::routes::table::{Routes, resource};
use crate::routes::{Answer, blocking};

pub(crate) fn configure(routes: &mut Routes) {
    let about = about("Check the health of the server")
        .note("Answers 500 with the status `mustRestart` after the task queue was compacted.")
        .answers::<Status>(200)
        .answers::<Status>(500);
    routes.add(resource("/health").get(health, about));
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
        let body = Status { status: "mustRestart" };
        return Ok(HttpResponse::InternalServerError().json(body));
    }
    Ok(HttpResponse::Ok().json(Status { status: "available" }))
}
