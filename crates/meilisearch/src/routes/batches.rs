//! `/batches` and `/batches/{batch_id}` (http-api.md section 12).

use actix_web::HttpResponse;
use actix_web::web::{Data, Path};
use index_scheduler::{IndexScheduler, Query as BatchQuery};
use meilisearch_types::batches::BatchView;
use meilisearch_types::deserr::DeserrQueryParamError;
use meilisearch_types::error::Code;
use meilisearch_types::tasks::BatchId;

use crate::extract::auth::{Guarded, actions};
use crate::extract::query::Query;
use crate::openapi::about;
use crate::routes::table::{Routes, resource};
use crate::routes::tasks::filters::ListQuery;
use crate::routes::tasks::{Listing, invalid_uid, seen_by};
use crate::routes::{Answer, blocking};

pub(crate) fn configure(routes: &mut Routes) {
    routes
        .add(
            resource("/batches")
                .get(list, about("List batches").answers::<Listing<BatchView>>(200)),
        )
        .add(
            resource("/batches/{batch_id}")
                .get(show, about("Show a batch").answers::<BatchView>(200)),
        );
}

async fn list(
    auth: Guarded<actions::TasksGet>,
    query: Query<ListQuery, DeserrQueryParamError>,
    scheduler: Data<IndexScheduler>,
) -> Answer {
    let filter = auth.into_filter();
    let (limit, query) = query.into_inner().into_page();
    let listing = blocking(move || {
        let (batches, total) = seen_by(&filter, |visible| scheduler.batches(&query, visible))?;
        let batches = batches.into_iter().map(BatchView::from).collect();
        Ok(Listing::new(batches, total, limit, |batch| batch.uid))
    });
    Ok(HttpResponse::Ok().json(listing.await?))
}

async fn show(
    auth: Guarded<actions::TasksGet>,
    uid: Path<String>,
    scheduler: Data<IndexScheduler>,
) -> Answer {
    let filter = auth.into_filter();
    let uid: BatchId = uid.parse().map_err(|_| invalid_uid(&uid, Code::InvalidBatchUids))?;
    let batch = blocking(move || {
        let query = BatchQuery { batch_uids: Some(vec![uid]), ..BatchQuery::default() };
        let (batches, _) = seen_by(&filter, |visible| scheduler.batches(&query, visible))?;
        let batch = batches.into_iter().next().map(BatchView::from);
        Ok(batch.ok_or(index_scheduler::Error::BatchNotFound(uid))?)
    });
    Ok(HttpResponse::Ok().json(batch.await?))
}
