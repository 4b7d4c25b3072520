//! `GET /version` (operations.md section 23).

use actix_web::HttpResponse;
use meilisearch_types::versioning::VERSION_STR;
use schemars::JsonSchema;
use serde::Serialize;

use crate::extract::auth::{Guarded, actions};
use crate::openapi::about;
use crate::routes::table::{Routes, resource};

/// What the build did not tell.
const UNKNOWN: &str = "unknown";

pub(crate) fn configure(routes: &mut Routes) {
    let about = about("Show the version").answers::<VersionView>(200);
    routes.add(resource("/version").get(version, about));
}

/// What was built.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct VersionView {
    /// Commit of the source, or `unknown`.
    commit_sha: &'static str,
    /// Date of that commit, or `unknown`.
    commit_date: &'static str,
    /// Version of Meilisearch that the server is compatible with.
    pkg_version: &'static str,
}

async fn version(_auth: Guarded<actions::Version>) -> HttpResponse {
    HttpResponse::Ok().json(VersionView {
        commit_sha: option_env!("MEILISEARCH_COMMIT_SHA").unwrap_or(UNKNOWN),
        commit_date: option_env!("MEILISEARCH_COMMIT_DATE").unwrap_or(UNKNOWN),
        pkg_version: VERSION_STR,
    })
}
