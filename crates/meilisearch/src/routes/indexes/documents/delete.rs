//! The ways to delete documents: one, several by id, by filter, all (http-api.md section 7).

use actix_web::http::StatusCode;
use actix_web::web::{Data, Path};
use deserr::Deserr;
use index_scheduler::IndexScheduler;
use meilisearch_types::deserr::{DeserrJsonError, DeserrQueryParamError, missing_field};
use meilisearch_types::error::deserr_codes::{
    BadRequest, InvalidDocumentFilter, MissingDocumentFilter,
};
use meilisearch_types::error::{Code, ResponseError};
use meilisearch_types::tasks::KindWithContent;
use schemars::JsonSchema;
use serde_json::Value;

use super::MetadataQuery;
use super::browse::parse_filter;
use crate::extract::auth::{Guarded, actions};
use crate::extract::body::Json;
use crate::extract::index_uid;
use crate::extract::query::Query;
use crate::routes::{Answer, enqueue};

type Auth = Guarded<actions::DocumentsDelete>;
type Metadata = Query<MetadataQuery, DeserrQueryParamError>;

pub(super) async fn one(
    _auth: Auth,
    path: Path<(String, String)>,
    query: Metadata,
    scheduler: Data<IndexScheduler>,
) -> Answer {
    let (uid, document_id) = path.into_inner();
    let kind = KindWithContent::DocumentDeletion {
        index_uid: index_uid(&uid)?.into(),
        documents_ids: vec![document_id],
    };
    enqueue(&scheduler, kind, query.into_inner().custom_metadata, StatusCode::ACCEPTED).await
}

/// Unlike elsewhere the body is judged before the query (http-api.md section 3).
pub(super) async fn batch(
    _auth: Auth,
    uid: Path<String>,
    body: Json<Vec<Value>, DeserrJsonError>,
    query: Metadata,
    scheduler: Data<IndexScheduler>,
) -> Answer {
    let documents_ids = body.into_inner().into_iter().map(|id| match id {
        Value::String(id) => id,
        other => other.to_string(),
    });
    let kind = KindWithContent::DocumentDeletion {
        index_uid: index_uid(&uid)?.into(),
        documents_ids: documents_ids.collect(),
    };
    enqueue(&scheduler, kind, query.into_inner().custom_metadata, StatusCode::ACCEPTED).await
}

#[derive(Debug, Deserr, JsonSchema)]
#[deserr(error = DeserrJsonError, rename_all = camelCase, deny_unknown_fields)]
#[schemars(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(rename = "DocumentDeletionByFilter")]
pub(super) struct ByFilter {
    #[deserr(
        error = DeserrJsonError<InvalidDocumentFilter>,
        missing_field_error = missing_field::<_, BadRequest, MissingDocumentFilter>
    )]
    filter: Value,
}

/// Syntax and gated operators are judged now; attributes only when the task runs.
pub(super) async fn by_filter(
    _auth: Auth,
    uid: Path<String>,
    query: Metadata,
    body: Json<ByFilter, DeserrJsonError>,
    scheduler: Data<IndexScheduler>,
) -> Answer {
    let ByFilter { filter } = body.into_inner();
    let uid = index_uid(&uid)?;
    if parse_filter(&filter)?.is_none() {
        return Err(ResponseError::from_msg(
            "The filter is empty. To delete every document, send DELETE to \
             `/indexes/{index_uid}/documents`."
                .to_owned(),
            Code::InvalidDocumentFilter,
        ));
    }
    let kind =
        KindWithContent::DocumentDeletionByFilter { index_uid: uid.into(), filter_expr: filter };
    enqueue(&scheduler, kind, query.into_inner().custom_metadata, StatusCode::ACCEPTED).await
}

pub(super) async fn all(
    _auth: Auth,
    uid: Path<String>,
    query: Metadata,
    scheduler: Data<IndexScheduler>,
) -> Answer {
    let kind = KindWithContent::DocumentClear { index_uid: index_uid(&uid)?.into() };
    enqueue(&scheduler, kind, query.into_inner().custom_metadata, StatusCode::ACCEPTED).await
}
