//! `POST /indexes/{index_uid}/facet-search` (http-api.md section 10).

use actix_web::HttpResponse;
use actix_web::web::{Data, Path};
use index_scheduler::IndexScheduler;
use meilisearch_types::deserr::DeserrJsonError;

use crate::extract::auth::{Guarded, actions};
use crate::extract::body::Json;
use crate::extract::index_uid;
use crate::openapi::about;
use crate::routes::table::{Routes, resource};
use crate::routes::{Answer, blocking};
use crate::search::facet_search::{FacetSearchAnswer, FacetSearchBody, search};
use crate::search::query::restrict;
use crate::search_queue::SearchQueue;

pub(crate) fn configure(routes: &mut Routes) {
    let about = about("Search the values of a facet").answers::<FacetSearchAnswer>(200);
    routes.add(resource("/indexes/{index_uid}/facet-search").post(facet_search, about));
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
