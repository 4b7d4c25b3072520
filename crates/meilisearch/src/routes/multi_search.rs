//! `POST /multi-search` (http-api.md section 9).

use actix_web::web::{self, Data, ServiceConfig};
use actix_web::{HttpRequest, HttpResponse};
use index_scheduler::IndexScheduler;
use meilisearch_types::deserr::DeserrJsonError;

use crate::extract::auth::{Guarded, actions};
use crate::extract::body::Json;
use crate::metrics::Metrics;
use crate::routes::indexes::search::environment;
use crate::routes::{Answer, blocking};
use crate::search::answer;
use crate::search::multi::MultiSearchBody;
use crate::search::query::restrict;
use crate::search_queue::SearchQueue;

pub(crate) fn configure(config: &mut ServiceConfig) {
    config.service(web::resource("/multi-search").route(web::post().to(multi_search)));
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
