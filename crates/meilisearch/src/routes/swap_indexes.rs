//! `POST /swap-indexes` (http-api.md section 14).

use actix_web::http::StatusCode;
use actix_web::web::Data;
use deserr::Deserr;
use index_scheduler::IndexScheduler;
use meilisearch_types::deserr::{DeserrJsonError, missing_field};
use meilisearch_types::error::deserr_codes::{
    BadRequest, InvalidSwapIndexes, InvalidSwapRename, MissingSwapIndexes,
};
use meilisearch_types::error::{Code, ResponseError};
use meilisearch_types::index_uid::IndexUid;
use meilisearch_types::tasks::{IndexSwap, KindWithContent};
use schemars::JsonSchema;

use crate::extract::auth::{Guarded, actions};
use crate::extract::body::Json;
use crate::openapi::about;
use crate::routes::table::{Routes, resource};
use crate::routes::{Answer, enqueue};

pub(crate) fn configure(routes: &mut Routes) {
    let about = about("Let indexes change places").enqueues();
    routes.add(resource("/swap-indexes").post(swap, about));
}

/// One pair of indexes that change places.
#[derive(Debug, Deserr, JsonSchema)]
#[deserr(error = DeserrJsonError, rename_all = camelCase, deny_unknown_fields)]
#[schemars(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(rename = "SwapIndexes")]
struct Swap {
    #[deserr(
        error = DeserrJsonError<InvalidSwapIndexes>,
        missing_field_error = missing_field::<_, BadRequest, MissingSwapIndexes>
    )]
    indexes: Vec<IndexUid>,
    #[deserr(default, error = DeserrJsonError<InvalidSwapRename>)]
    #[schemars(default)]
    rename: bool,
}

async fn swap(
    auth: Guarded<actions::IndexesSwap>,
    body: Json<Vec<Swap>, DeserrJsonError>,
    scheduler: Data<IndexScheduler>,
) -> Answer {
    let mut swaps = Vec::new();
    for Swap { indexes, rename } in body.into_inner() {
        let (left, right) = pair(indexes)?;
        auth.check_index(&left)?;
        auth.check_index(&right)?;
        swaps.push(IndexSwap { indexes: (left.into(), right.into()), rename });
    }
    enqueue(&scheduler, KindWithContent::IndexSwap { swaps }, None, StatusCode::ACCEPTED).await
}

fn pair(indexes: Vec<IndexUid>) -> Result<(IndexUid, IndexUid), ResponseError> {
    <[IndexUid; 2]>::try_from(indexes).map(|[left, right]| (left, right)).map_err(|indexes| {
        let message =
            format!("A swap takes exactly two indexes, but `indexes` names {}.", indexes.len());
        ResponseError::from_msg(message, Code::InvalidSwapIndexes)
    })
}
