//! `POST /multi-search` (http-api.md section 9).

use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use index_scheduler::IndexScheduler;
use meilisearch_types::deserr::DeserrJsonError;

use crate::extract::auth::{Guarded, actions};
use crate::extract::body::Json;
use crate::metrics::Metrics;
use crate::openapi::about;
use crate::routes::indexes::search::{INCLUDE_METADATA, INCLUDE_METADATA_MEANING, environment};
use crate::routes::table::{Routes, resource};
use crate::routes::{Answer, blocking};
use crate::search::answer::{self, MultiSearchAnswer};
use crate::search::multi::MultiSearchBody;
use crate::search::query::restrict;
use crate::search_queue::SearchQueue;

pub(crate) fn configure(routes: &mut Routes) {
    let about = about("Search several times in one request")
        .note("With `federation` all hits come in one list, else each query has its own answer.")
        .header(INCLUDE_METADATA, INCLUDE_METADATA_MEANING)
        .answers::<MultiSearchAnswer>(200);
    routes.add(resource("/multi-search").post(multi_search, about));
}

/// All indexes are authorised before the first one runs; one permit serves them all.
async fn multi_search(
    auth: Guarded<actions::Search>,
    body: Json<MultiSearchBody, DeserrJsonError>,
    request: HttpRequest,
    scheduler: Data<IndexScheduler>,
    queue: Data<SearchQueue>,
    metrics: Data<Metrics>,
) -> Answer {
    let mut body = body.into_inner();
    let searched = body.queries.iter().map(|query| query.index_uid.as_str());
    let counted = body.federation.iter().flat_map(|federation| federation.facets_by_index.keys());
    for uid in searched.chain(counted.map(String::as_str)) {
        auth.check_index(uid)?;
    }
    for query in &mut body.queries {
        query.filter = restrict(query.filter.take(), auth.search_filter(&query.index_uid));
    }
    let environment = environment(&request, &scheduler);
    let permit = queue.acquire().await?;
    let answer = blocking(move || {
        let answer = answer::multi_search(&scheduler, body, environment);
        drop(permit);
        answer
    });
    let answer = answer.await?;
    metrics.count_degraded_searches(answer.number_of_degraded());
    Ok(HttpResponse::Ok().json(answer))
}
