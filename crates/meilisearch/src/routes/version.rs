//! `GET /version` (operations.md section 23).

use actix_web::HttpResponse;
use actix_web::web::{ServiceConfig, get, resource};
use meilisearch_types::versioning::VERSION_STR;
use serde_json::json;

use crate::extract::auth::{Guarded, actions};

/// What the build did not tell.
const UNKNOWN: &str = "unknown";

pub(crate) fn configure(config: &mut ServiceConfig) {
    config.service(resource("/version").route(get().to(version)));
}

async fn version(_auth: Guarded<actions::Version>) -> HttpResponse {
    HttpResponse::Ok().json(json!({
        "commitSha": option_env!("MEILISEARCH_COMMIT_SHA").unwrap_or(UNKNOWN),
        "commitDate": option_env!("MEILISEARCH_COMMIT_DATE").unwrap_or(UNKNOWN),
        "pkgVersion": VERSION_STR,
    }))
}
