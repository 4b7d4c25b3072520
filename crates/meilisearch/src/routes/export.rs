//! `POST /export` (http-api.md section 14, tasks.md 19).

use std::collections::BTreeMap;

use actix_web::http::StatusCode;
use actix_web::web::Data;
use deserr::{
    DeserializeError, Deserr, ErrorKind, IntoValue, Value, ValueKind, ValuePointerRef,
    take_cf_content,
};
use index_scheduler::IndexScheduler;
use meilisearch_types::deserr::DeserrJsonError;
use meilisearch_types::error::deserr_codes::{
    InvalidExportApiKey, InvalidExportIndexFilter, InvalidExportIndexOverrideSettings,
    InvalidExportPayloadSize, InvalidExportUrl,
};
use meilisearch_types::index_uid::IndexUidPattern;
use meilisearch_types::sizes::ByteSize;
use meilisearch_types::tasks::{ExportIndexSettings, KindWithContent};
use schemars::JsonSchema;

use crate::extract::auth::{Guarded, actions};
use crate::extract::body::Json;
use crate::openapi::about;
use crate::routes::table::{Routes, resource};
use crate::routes::{Answer, enqueue};

pub(crate) fn configure(routes: &mut Routes) {
    let about = about("Copy indexes to another instance").enqueues_with(200);
    routes.add(resource("/export").post(export, about));
}

/// To whom, and what.
#[derive(Debug, Deserr, JsonSchema)]
#[deserr(error = DeserrJsonError, rename_all = camelCase, deny_unknown_fields)]
#[schemars(rename_all = "camelCase", deny_unknown_fields)]
struct Export {
    #[deserr(default, error = DeserrJsonError<InvalidExportUrl>)]
    #[schemars(default)]
    url: String,
    #[deserr(default, error = DeserrJsonError<InvalidExportApiKey>)]
    api_key: Option<String>,
    #[deserr(default, error = DeserrJsonError<InvalidExportPayloadSize>)]
    payload_size: Option<Size>,
    #[deserr(default)]
    indexes: Option<BTreeMap<IndexUidPattern, Index>>,
}

/// How the indexes of a pattern are exported.
#[derive(Debug, Default, Deserr, JsonSchema)]
#[deserr(error = DeserrJsonError, rename_all = camelCase, deny_unknown_fields)]
#[schemars(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(rename = "ExportIndex")]
struct Index {
    #[deserr(default, error = DeserrJsonError<InvalidExportIndexFilter>)]
    filter: Option<serde_json::Value>,
    #[deserr(default, error = DeserrJsonError<InvalidExportIndexOverrideSettings>)]
    #[schemars(default)]
    override_settings: bool,
}

async fn export(
    _auth: Guarded<actions::Export>,
    body: Json<Export, DeserrJsonError>,
    scheduler: Data<IndexScheduler>,
) -> Answer {
    let Export { url, api_key, payload_size, indexes } = body.into_inner();
    let indexes = indexes.unwrap_or_else(|| [(IndexUidPattern::all(), Index::default())].into());
    let settings =
        |Index { filter, override_settings }| ExportIndexSettings { filter, override_settings };
    let kind = KindWithContent::Export {
        url,
        api_key,
        payload_size: payload_size.map(|Size(size)| size),
        indexes: indexes.into_iter().map(|(pattern, index)| (pattern, settings(index))).collect(),
    };
    enqueue(&scheduler, kind, None, StatusCode::OK).await
}

/// A number of bytes, or a text with a unit.
#[derive(Debug, JsonSchema)]
#[schemars(inline, extend("type" = ["integer", "string"]))]
struct Size(#[schemars(with = "serde_json::Value")] ByteSize);

impl<E: DeserializeError> Deserr<E> for Size {
    fn deserialize_from_value<V: IntoValue>(
        value: Value<V>,
        location: ValuePointerRef<'_>,
    ) -> Result<Self, E> {
        let refuse = |error| Err(take_cf_content(E::error::<V>(None, error, location)));
        match value {
            Value::Integer(bytes) => Ok(Size(ByteSize(bytes))),
            Value::String(text) => match text.parse() {
                Ok(size) => Ok(Size(size)),
                Err(error) => {
                    let error: meilisearch_types::sizes::SizeFormatError = error;
                    refuse(ErrorKind::Unexpected { msg: error.to_string() })
                }
            },
            actual => refuse(ErrorKind::IncorrectValueKind {
                actual,
                accepted: &[ValueKind::Integer, ValueKind::String],
            }),
        }
    }
}
