//! `GET /indexes/{index_uid}/stats` (http-api.md section 14).

use actix_web::HttpResponse;
use actix_web::web::{Data, Path, ServiceConfig, get, resource};
use index_scheduler::IndexScheduler;
use meilisearch_types::deserr::DeserrQueryParamError;

use crate::extract::auth::{Guarded, actions};
use crate::extract::index_uid;
use crate::extract::query::Query;
use crate::routes::stats::{IndexStatsView, StatsQuery};
use crate::routes::{Answer, blocking};

pub(crate) fn configure(config: &mut ServiceConfig) {
    config.service(resource("/indexes/{index_uid}/stats").route(get().to(stats)));
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
