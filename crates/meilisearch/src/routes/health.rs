//! `GET /health`: a sign of life for machines; needs no key (operations.md section 23).

use actix_web::HttpResponse;
use actix_web::web::{ServiceConfig, get, resource};
use serde_json::json;

pub(crate) fn configure(config: &mut ServiceConfig) {
    config.service(resource("/health").route(get().to(health)));
}

async fn health() -> HttpResponse {
    HttpResponse::Ok().json(json!({ "status": "available" }))
}
