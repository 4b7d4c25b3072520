//! `GET /indexes/{index_uid}/stats` (http-api.md section 14).

use actix_web::HttpResponse;
use actix_web::web::{Data, Path};
use index_scheduler::IndexScheduler;
use meilisearch_types::deserr::DeserrQueryParamError;

use crate::extract::auth::{Guarded, actions};
use crate::extract::index_uid;
use crate::extract::query::Query;
use crate::openapi::about;
use crate::routes::stats::{IndexStatsView, StatsQuery};
use crate::routes::table::{Routes, resource};
use crate::routes::{Answer, blocking};

pub(crate) fn configure(routes: &mut Routes) {
    let about = about("Show statistics of an index").answers::<IndexStatsView>(200);
    routes.add(resource("/indexes/{index_uid}/stats").get(stats, about));
}

async fn stats(
    _auth: Guarded<actions::StatsGet>,
    uid: Path<String>,
    query: Query<StatsQuery, DeserrQueryParamError>,
    scheduler: Data<IndexScheduler>,
) -> Answer {
    let (uid, query) = (index_uid(&uid)?, query.into_inner());
    let stats = blocking(move || Ok(IndexStatsView::new(scheduler.index_stats(&uid)?, query)));
    Ok(HttpResponse::Ok().json(stats.await?))
}
