//! `/indexes/{index_uid}/documents` and what is below it (http-api.md section 7).

mod browse;
mod delete;
mod edit;
mod order;
mod upload;

use deserr::Deserr;
use meilisearch_types::deserr::DeserrQueryParamError;
use meilisearch_types::error::deserr_codes::InvalidIndexCustomMetadata;
use schemars::JsonSchema;
use serde_json::{Map, Value};

use crate::openapi::about;
use crate::routes::Page;
use crate::routes::table::{Routes, resource};

pub(crate) fn configure(routes: &mut Routes) {
    let upload = |summary| about(summary).takes(upload::ACCEPTED).enqueues();
    let browse = |summary| about(summary).answers::<Page<Document>>(200);
    routes
        .add(
            resource("/indexes/{index_uid}/documents")
                .get(browse::list, browse("List documents"))
                .post(upload::replace, upload("Add documents, or replace those of the same id"))
                .put(upload::update, upload("Add documents, or merge with those of the same id"))
                .delete(delete::all, about("Delete all documents").enqueues()),
        )
        .add(
            resource("/indexes/{index_uid}/documents/fetch")
                .post(browse::fetch, browse("List documents, with the parameters in a body")),
        )
        .add(
            resource("/indexes/{index_uid}/documents/delete-batch")
                .post(delete::batch, about("Delete documents by their ids").enqueues()),
        )
        .add(
            resource("/indexes/{index_uid}/documents/delete").post(
                delete::by_filter,
                about("Delete the documents that match a filter").enqueues(),
            ),
        )
        .add(
            resource("/indexes/{index_uid}/documents/edit").post(
                edit::edit,
                about("Edit documents by a function")
                    .needs_feature("editDocumentsByFunction")
                    .not_built(),
            ),
        )
        .add(
            resource("/indexes/{index_uid}/documents/{document_id}")
                .get(browse::show, about("Show a document").answers::<Document>(200))
                .delete(delete::one, about("Delete a document").enqueues()),
        );
}

/// A document on the wire.
type Document = Map<String, Value>;

/// The query parameter of every route that deletes.
#[derive(Debug, Deserr, JsonSchema)]
#[deserr(error = DeserrQueryParamError, rename_all = camelCase, deny_unknown_fields)]
#[schemars(rename_all = "camelCase", deny_unknown_fields)]
struct MetadataQuery {
    #[deserr(default, error = DeserrQueryParamError<InvalidIndexCustomMetadata>)]
    custom_metadata: Option<String>,
}
