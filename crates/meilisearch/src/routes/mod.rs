//! The tree of paths; the tree of files is the same: `indexes/documents` serves
//! `/indexes/{index_uid}/documents` and what is below it.
//!
//! Each module has a `configure`, which registers its **full** paths, so that a path is found by
//! searching for it as clients write it. Within a module a fixed path comes before a parameter at
//! its place, because the first match wins for every method. A path that has methods at all answers
//! others with 405 and an `Allow` header; unknown paths answer 404; both have an empty body.

pub mod health;
pub mod indexes;
pub mod multi_search;
pub mod not_implemented;
pub mod root;
pub mod version;

use actix_web::HttpResponse;
use actix_web::web::{self, ServiceConfig};
use meilisearch_types::error::{Code, ResponseError};

/// What a handler answers.
pub(crate) type Answer = Result<HttpResponse, ResponseError>;

/// Registers every route.
pub fn configure(config: &mut ServiceConfig) {
    config
        .configure(root::configure)
        .configure(health::configure)
        .configure(version::configure)
        .configure(multi_search::configure)
        .configure(not_implemented::configure)
        .configure(indexes::configure);
}

/// Runs work that reads from disk or computes for long on a thread where it may block.
///
/// # Errors
///
/// Those of the work, and `internal` when it panicked.
pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, ResponseError> + Send + 'static,
) -> Result<T, ResponseError> {
    let panicked = |_| {
        let message = "This request met a fault of the server; its log tells more.".to_owned();
        ResponseError::from_msg(message, Code::Internal)
    };
    web::block(work).await.map_err(panicked)?
}
