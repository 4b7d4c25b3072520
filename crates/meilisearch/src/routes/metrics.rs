//! `GET /metrics`: everything that is counted, for Prometheus (operations.md section 21).

use actix_web::HttpResponse;
use actix_web::http::header::CONTENT_TYPE;
use actix_web::web::Data;
use index_scheduler::IndexScheduler;
use meilisearch_auth::AuthStore;
use meilisearch_types::error::{Code, ResponseError};
use prometheus::TEXT_FORMAT;

use crate::extract::auth::{Guarded, actions};
use crate::features::not_enabled;
use crate::metrics::Metrics;
use crate::openapi::about;
use crate::routes::table::{Routes, resource};
use crate::routes::{Answer, blocking};
use crate::search_queue::SearchQueue;

pub(crate) fn configure(routes: &mut Routes) {
    let about = about("Show metrics for Prometheus")
        .note("Needs a key whose list of indexes is `*`.")
        .needs_feature("metrics")
        .sends(200, &[TEXT_FORMAT]);
    routes.add(resource("/metrics").get(metrics, about));
}

async fn metrics(
    auth: Guarded<actions::MetricsGet>,
    scheduler: Data<IndexScheduler>,
    keys: Data<AuthStore>,
    queue: Data<SearchQueue>,
    metrics: Data<Metrics>,
) -> Answer {
    if !auth.all_indexes_authorized() {
        let message = "The metrics are about all indexes: use a key whose list of indexes is `*`.";
        return Err(ResponseError::from_msg(message.to_owned(), Code::InvalidApiKey));
    }
    if !scheduler.features().metrics {
        return Err(not_enabled("The route `GET /metrics`", "metrics"));
    }
    let text = blocking(move || metrics.text(&scheduler, &keys, &queue));
    Ok(HttpResponse::Ok().insert_header((CONTENT_TYPE, TEXT_FORMAT)).body(text.await?))
}
