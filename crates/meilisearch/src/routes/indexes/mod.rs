//! `/indexes` and `/indexes/{index_uid}` (http-api.md section 6); what is below has its own files.

pub mod compact;
pub mod documents;
pub mod facet_search;
pub mod fields;
pub mod search;
pub mod settings;
pub mod similar;
pub mod snapshots;
pub mod stats;

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::web::{Data, Path};
use deserr::{Deserr, ValuePointerRef};
use index_scheduler::{IndexScheduler, IndexStats};
use meilisearch_types::deserr::{
    DeserrJsonError, DeserrQueryParamError, Param, missing_field, unknown_field,
};
use meilisearch_types::error::deserr_codes::{
    BadRequest, InvalidIndexLimit, InvalidIndexOffset, InvalidIndexPrimaryKey, InvalidIndexUid,
    MissingIndexUid,
};
use meilisearch_types::error::{Code, ResponseError};
use meilisearch_types::index_uid::IndexUid;
use meilisearch_types::schema::DateTime;
use meilisearch_types::tasks::KindWithContent;
use schemars::JsonSchema;
use serde::Serialize;
use time::OffsetDateTime;

use crate::extract::auth::{Guarded, actions};
use crate::extract::body::Json;
use crate::extract::index_uid;
use crate::extract::query::Query;
use crate::openapi::about;
use crate::routes::table::{Routes, resource};
use crate::routes::{Answer, DEFAULT_LIMIT, Page, blocking, enqueue};

pub(crate) fn configure(routes: &mut Routes) {
    routes
        .configure(documents::configure)
        .configure(search::configure)
        .configure(facet_search::configure)
        .configure(similar::configure)
        .configure(settings::configure)
        .configure(snapshots::configure)
        .configure(stats::configure)
        .configure(compact::configure)
        .configure(fields::configure)
        .add(
            resource("/indexes")
                .get(list, about("List the indexes").answers::<Page<IndexView>>(200))
                .post(create, about("Create an index").enqueues()),
        )
        .add(
            resource("/indexes/{index_uid}")
                .get(show, about("Show an index").answers::<IndexView>(200))
                .patch(update, about("Change primary key or name of an index").enqueues())
                .delete(delete, about("Delete an index").enqueues()),
        );
}

/// An index on the wire.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct IndexView {
    uid: String,
    #[serde(with = "time::serde::rfc3339")]
    #[schemars(with = "DateTime")]
    created_at: OffsetDateTime,
    #[serde(with = "time::serde::rfc3339")]
    #[schemars(with = "DateTime")]
    updated_at: OffsetDateTime,
    primary_key: Option<String>,
}

impl IndexView {
    fn new(uid: String, stats: IndexStats) -> Self {
        let IndexStats { inner, .. } = stats;
        IndexView {
            uid,
            created_at: inner.created_at,
            updated_at: inner.updated_at,
            primary_key: inner.primary_key,
        }
    }
}

#[derive(Debug, Deserr, JsonSchema)]
#[deserr(error = DeserrQueryParamError, rename_all = camelCase, deny_unknown_fields)]
#[schemars(rename_all = "camelCase", deny_unknown_fields)]
struct ListQuery {
    #[deserr(default, error = DeserrQueryParamError<InvalidIndexOffset>)]
    #[schemars(default)]
    offset: Param<usize>,
    #[deserr(default = Param(DEFAULT_LIMIT), error = DeserrQueryParamError<InvalidIndexLimit>)]
    #[schemars(default, extend("default" = DEFAULT_LIMIT))]
    limit: Param<usize>,
}

async fn list(
    auth: Guarded<actions::IndexesGet>,
    query: Query<ListQuery, DeserrQueryParamError>,
    scheduler: Data<IndexScheduler>,
) -> Answer {
    let filter = auth.into_filter();
    let ListQuery { offset: Param(offset), limit: Param(limit) } = query.into_inner();
    let page = blocking(move || {
        let mut uids = scheduler.index_names()?;
        uids.retain(|uid| filter.is_index_authorized(uid));
        let total = uids.len();
        let results = uids
            .into_iter()
            .skip(offset)
            .take(limit)
            .map(|uid| Ok(IndexView::new(uid.clone(), scheduler.index_stats(&uid)?)))
            .collect::<Result<_, ResponseError>>()?;
        Ok(Page { results, offset, limit, total })
    });
    Ok(HttpResponse::Ok().json(page.await?))
}

#[derive(Debug, Deserr, JsonSchema)]
#[deserr(error = DeserrJsonError, rename_all = camelCase, deny_unknown_fields)]
#[schemars(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(rename = "IndexCreate")]
struct Create {
    #[deserr(
        error = DeserrJsonError<InvalidIndexUid>,
        missing_field_error = missing_field::<_, BadRequest, MissingIndexUid>
    )]
    uid: IndexUid,
    #[deserr(default, error = DeserrJsonError<InvalidIndexPrimaryKey>)]
    primary_key: Option<String>,
}

async fn create(
    auth: Guarded<actions::IndexesCreate>,
    body: Json<Create, DeserrJsonError>,
    scheduler: Data<IndexScheduler>,
) -> Answer {
    let Create { uid, primary_key } = body.into_inner();
    auth.check_index(&uid)?;
    let kind = KindWithContent::IndexCreation { index_uid: uid.into(), primary_key };
    enqueue(&scheduler, kind, None, StatusCode::ACCEPTED).await
}

async fn show(
    _auth: Guarded<actions::IndexesGet>,
    uid: Path<String>,
    scheduler: Data<IndexScheduler>,
) -> Answer {
    let uid = index_uid(&uid)?;
    let view = blocking(move || {
        let stats = scheduler.index_stats(&uid)?;
        Ok(IndexView::new(uid.into(), stats))
    });
    Ok(HttpResponse::Ok().json(view.await?))
}

#[derive(Debug, Deserr, JsonSchema)]
#[deserr(error = DeserrJsonError, rename_all = camelCase, deny_unknown_fields = immutable_field)]
#[schemars(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(rename = "IndexUpdate")]
struct Update {
    #[deserr(default, error = DeserrJsonError<InvalidIndexPrimaryKey>)]
    primary_key: Option<String>,
    #[deserr(default, error = DeserrJsonError<InvalidIndexUid>)]
    uid: Option<IndexUid>,
}

/// Fields of an index that exist but cannot be changed have codes of their own.
fn immutable_field(
    field: &str,
    accepted: &[&str],
    location: ValuePointerRef<'_>,
) -> DeserrJsonError {
    let immutable = [
        ("createdAt", Code::ImmutableIndexCreatedAt),
        ("updatedAt", Code::ImmutableIndexUpdatedAt),
    ];
    unknown_field(&immutable, field, accepted, location)
}

async fn update(
    _auth: Guarded<actions::IndexesUpdate>,
    uid: Path<String>,
    body: Json<Update, DeserrJsonError>,
    scheduler: Data<IndexScheduler>,
) -> Answer {
    let Update { primary_key, uid: new_uid } = body.into_inner();
    let kind = KindWithContent::IndexUpdate {
        index_uid: index_uid(&uid)?.into(),
        primary_key,
        new_index_uid: new_uid.map(String::from),
    };
    enqueue(&scheduler, kind, None, StatusCode::ACCEPTED).await
}

async fn delete(
    _auth: Guarded<actions::IndexesDelete>,
    uid: Path<String>,
    scheduler: Data<IndexScheduler>,
) -> Answer {
    let kind = KindWithContent::IndexDeletion { index_uid: index_uid(&uid)?.into() };
    enqueue(&scheduler, kind, None, StatusCode::ACCEPTED).await
}
