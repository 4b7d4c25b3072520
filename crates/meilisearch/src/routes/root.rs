//! `GET /`: a sign of life for people; needs no key.

use actix_web::HttpResponse;
use schemars::JsonSchema;
use serde::Serialize;

use crate::openapi::about;
use crate::routes::table::{Routes, resource};

pub(crate) fn configure(routes: &mut Routes) {
    let about = about("Tell that the server is there").answers::<Status>(200);
    routes.add(resource("/").get(root, about));
}

/// What the server is doing.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "ServerStatus")]
pub(crate) struct Status {
    /// A word or a sentence.
    pub(crate) status: &'static str,
}

async fn root() -> HttpResponse {
    HttpResponse::Ok().json(Status { status: "Meilisearch is running" })
}
