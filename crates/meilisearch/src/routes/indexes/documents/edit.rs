//! `POST /indexes/{index_uid}/documents/edit` (http-api.md section 7): its parameters and their
//! mistakes. Running functions on documents is not built.

use actix_web::web::{Data, Path};
use deserr::Deserr;
use index_scheduler::IndexScheduler;
use meilisearch_types::deserr::{DeserrJsonError, DeserrQueryParamError, missing_field};
use meilisearch_types::error::deserr_codes::{
    BadRequest, InvalidDocumentEditionContext, InvalidDocumentEditionFunctionFilter,
    InvalidDocumentFilter, MissingDocumentEditionFunction,
};
use meilisearch_types::not_implemented::NotImplemented;
use schemars::JsonSchema;
use serde_json::Value;

use super::MetadataQuery;
use crate::extract::auth::{Guarded, actions};
use crate::extract::body::Json;
use crate::extract::query::Query;
use crate::features::not_built;
use crate::routes::Answer;

#[derive(Debug, Deserr, JsonSchema)]
#[deserr(error = DeserrJsonError, rename_all = camelCase, deny_unknown_fields)]
#[allow(dead_code, reason = "read for its own mistakes only, until the edition is built")]
#[schemars(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(rename = "DocumentEdition")]
pub(super) struct Edition {
    #[deserr(
        error = DeserrJsonError<InvalidDocumentEditionFunctionFilter>,
        missing_field_error = missing_field::<_, BadRequest, MissingDocumentEditionFunction>
    )]
    function: String,
    #[deserr(default, error = DeserrJsonError<InvalidDocumentFilter>)]
    filter: Option<Value>,
    #[deserr(default, error = DeserrJsonError<InvalidDocumentEditionContext>)]
    context: Option<Value>,
}

pub(super) async fn edit(
    _auth: Guarded<actions::DocumentsAll>,
    _uid: Path<String>,
    _query: Query<MetadataQuery, DeserrQueryParamError>,
    _body: Json<Edition, DeserrJsonError>,
    scheduler: Data<IndexScheduler>,
) -> Answer {
    let is_on = scheduler.features().edit_documents_by_function;
    not_built(NotImplemented::EditDocuments, "editDocumentsByFunction", is_on)
}
