//! `/indexes/{index_uid}/documents` and what is below it (http-api.md section 7).

mod browse;
mod delete;
mod edit;
mod order;
mod upload;

use actix_web::web::{ServiceConfig, delete, get, post, put, resource};
use deserr::Deserr;
use meilisearch_types::deserr::DeserrQueryParamError;
use meilisearch_types::error::deserr_codes::InvalidIndexCustomMetadata;

pub(crate) fn configure(config: &mut ServiceConfig) {
    config
        .service(
            resource("/indexes/{index_uid}/documents")
                .route(get().to(browse::list))
                .route(post().to(upload::replace))
                .route(put().to(upload::update))
                .route(delete().to(delete::all)),
        )
        .service(resource("/indexes/{index_uid}/documents/fetch").route(post().to(browse::fetch)))
        .service(
            resource("/indexes/{index_uid}/documents/delete-batch").route(post().to(delete::batch)),
        )
        .service(
            resource("/indexes/{index_uid}/documents/delete").route(post().to(delete::by_filter)),
        )
        .service(resource("/indexes/{index_uid}/documents/edit").route(post().to(edit::edit)))
        .service(
            resource("/indexes/{index_uid}/documents/{document_id}")
                .route(get().to(browse::show))
                .route(delete().to(delete::one)),
        );
}

/// The query parameter of every route that deletes.
#[derive(Debug, Deserr)]
#[deserr(error = DeserrQueryParamError, rename_all = camelCase, deny_unknown_fields)]
struct MetadataQuery {
    #[deserr(default, error = DeserrQueryParamError<InvalidIndexCustomMetadata>)]
    custom_metadata: Option<String>,
}
