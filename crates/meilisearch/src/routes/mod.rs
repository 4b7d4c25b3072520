//! The tree of paths; the tree of files is the same: `indexes/documents` serves
//! `/indexes/{index_uid}/documents` and what is below it.
//!
//! Each module has a `configure`, which adds its **full** paths to the table of routes ([`table`]), so
//! that a path is found by searching for it as clients write it. Within a module a fixed path comes before a parameter at
//! its place, because the first match wins for every method. A path that has methods at all answers
//! others with 405 and an `Allow` header; unknown paths answer 404; both have an empty body.

pub mod batches;
pub mod chats;
pub mod dumps;
pub mod dynamic_search_rules;
pub mod experimental_features;
pub mod export;
pub mod health;
pub mod indexes;
pub mod keys;
pub mod logs;
pub mod metrics;
pub mod multi_search;
pub mod network;
pub mod openapi;
pub mod render_template;
pub mod root;
pub mod snapshots;
pub mod stats;
pub mod swap_indexes;
pub mod table;
pub mod tasks;
pub mod version;
pub mod webhooks;

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::web::{self, Data, ServiceConfig};
use index_scheduler::IndexScheduler;
use meilisearch_types::error::{Code, ResponseError};
use meilisearch_types::tasks::{KindWithContent, SummarizedTaskView};
use schemars::JsonSchema;
use serde::Serialize;

use self::table::Routes;

/// What a handler answers.
pub(crate) type Answer = Result<HttpResponse, ResponseError>;

/// Every route.
pub fn all() -> Routes {
    let mut routes = Routes::default();
    routes
        .configure(root::configure)
        .configure(health::configure)
        .configure(version::configure)
        .configure(stats::configure)
        .configure(metrics::configure)
        .configure(logs::configure)
        .configure(keys::configure)
        .configure(multi_search::configure)
        .configure(tasks::configure)
        .configure(batches::configure)
        .configure(swap_indexes::configure)
        .configure(snapshots::configure)
        .configure(dumps::configure)
        .configure(export::configure)
        .configure(experimental_features::configure)
        .configure(network::configure)
        .configure(chats::configure)
        .configure(webhooks::configure)
        .configure(dynamic_search_rules::configure)
        .configure(render_template::configure)
        .configure(indexes::configure)
        .configure(openapi::configure);
    routes
}

/// Registers every route.
pub fn configure(config: &mut ServiceConfig) {
    all().register(config);
}

// http-api.md section 4, "Page".
/// A part of a list.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "PageOf{T}")]
pub(crate) struct Page<T> {
    /// The part, in the order of the list.
    pub(crate) results: Vec<T>,
    /// How many entries were skipped.
    pub(crate) offset: usize,
    /// How many entries were asked for.
    pub(crate) limit: usize,
    /// Length of the whole list.
    pub(crate) total: usize,
}

/// `limit` of a page when the request does not tell.
pub(crate) const DEFAULT_LIMIT: usize = 20;

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

/// Puts a task into the queue and answers its summary, with 202 unless the route differs.
pub(crate) async fn enqueue(
    scheduler: &Data<IndexScheduler>,
    kind: KindWithContent,
    custom_metadata: Option<String>,
    status: StatusCode,
) -> Answer {
    let scheduler = scheduler.clone();
    let task = blocking(move || Ok(scheduler.register(kind, custom_metadata)?)).await?;
    Ok(HttpResponse::build(status).json(SummarizedTaskView::from(&task)))
}
