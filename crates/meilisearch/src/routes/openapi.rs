//! `GET /openapi.json`: the description of the API, generated from the routes ([`crate::openapi`]).
//! Needs no key, as it tells nothing of this instance. The original has no such route.

use std::sync::LazyLock;

use actix_web::HttpResponse;
use actix_web::http::header::ContentType;

use crate::openapi::{self, about};
use crate::routes::table::{Routes, resource};

static TEXT: LazyLock<String> = LazyLock::new(|| openapi::document().to_string());

pub(crate) fn configure(routes: &mut Routes) {
    let document =
        about("Describe the API").answers::<serde_json::Map<String, serde_json::Value>>(200);
    routes.add(resource("/openapi.json").get(show, document));
}

async fn show() -> HttpResponse {
    HttpResponse::Ok().content_type(ContentType::json()).body(TEXT.as_str())
}
