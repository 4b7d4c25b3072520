//! `GET /`: a sign of life for people; needs no key.

use actix_web::HttpResponse;
use actix_web::web::{ServiceConfig, get, resource};
use serde_json::json;

pub(crate) fn configure(config: &mut ServiceConfig) {
    config.service(resource("/").route(get().to(root)));
}

async fn root() -> HttpResponse {
    HttpResponse::Ok().json(json!({ "status": "Meilisearch is running" }))
}
