//! `POST /indexes/{index_uid}/facet-search` (http-api.md section 10).

use actix_web::HttpResponse;
use actix_web::web::{self, Data, Path, ServiceConfig};
use index_scheduler::IndexScheduler;
use meilisearch_types::deserr::DeserrJsonError;

use crate::extract::auth::{Guarded, actions};
use crate::extract::body::Json;
use crate::extract::index_uid;
use crate::routes::{Answer, blocking};
use crate::search::facet_search::{FacetSearchBody, search};
use crate::search::query::restrict;
use crate::search_queue::SearchQueue;

pub(crate) fn configure(config: &mut ServiceConfig) {
    config.service(
        web::resource("/indexes/{index_uid}/facet-search").route(web::post().to(facet_search)),
    );
}

async fn facet_search(
    auth: Guarded<actions::Search>,
    uid: Path<String>,
    body: Json<FacetSearchBody, DeserrJsonError>,
    scheduler: Data<IndexScheduler>,
    queue: Data<SearchQueue>,
) -> Answer {
    let mut body = body.into_inner();
    let uid = index_uid(&uid)?;
    body.filter = restrict(body.filter, auth.search_filter(&uid));
    let permit = queue.acquire().await?;
    let answer = blocking(move || {
        let answer = search(&scheduler, &uid, body, scheduler.features());
        drop(permit);
        answer
    });
    Ok(HttpResponse::Ok().json(answer.await?))
}
