//! `GET /stats` and what it shares with `GET /indexes/{index_uid}/stats` (http-api.md section 14).

use std::collections::BTreeMap;

use actix_web::HttpResponse;
use actix_web::web::Data;
use deserr::Deserr;
use index_scheduler::{IndexScheduler, IndexStats};
use meilisearch_auth::AuthStore;
use meilisearch_types::deserr::{DeserrQueryParamError, Param};
use meilisearch_types::error::deserr_codes::{
    InvalidStatsShowInternalDatabaseSizes, InvalidStatsSizeFormat,
};
use meilisearch_types::schema::DateTime;
use meilisearch_types::sizes::ByteSize;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Map, Value, json};
use time::OffsetDateTime;

use crate::extract::auth::{Guarded, actions};
use crate::extract::query::Query;
use crate::instance_stats::InstanceStats;
use crate::openapi::about;
use crate::routes::table::{Routes, resource};
use crate::routes::{Answer, blocking};

pub(crate) fn configure(routes: &mut Routes) {
    let about = about("Show statistics of all indexes").answers::<StatsView>(200);
    routes.add(resource("/stats").get(stats, about));
}

/// Query parameters of both statistics routes.
#[derive(Debug, Clone, Copy, Deserr, JsonSchema)]
#[deserr(error = DeserrQueryParamError, rename_all = camelCase, deny_unknown_fields)]
#[schemars(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct StatsQuery {
    #[deserr(default, error = DeserrQueryParamError<InvalidStatsShowInternalDatabaseSizes>)]
    #[schemars(default)]
    show_internal_database_sizes: Param<bool>,
    #[deserr(default, error = DeserrQueryParamError<InvalidStatsSizeFormat>)]
    #[schemars(default)]
    size_format: SizeFormat,
}

/// How sizes are shown.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserr, JsonSchema)]
#[deserr(rename_all = camelCase)]
#[schemars(rename_all = "camelCase")]
pub(crate) enum SizeFormat {
    /// Numbers of bytes.
    #[default]
    Raw,
    /// Texts with a binary unit.
    Human,
}

impl SizeFormat {
    fn show(self, bytes: u64) -> Value {
        match self {
            SizeFormat::Raw => bytes.into(),
            SizeFormat::Human => ByteSize(bytes).human_binary().into(),
        }
    }
}

/// Statistics of one index on the wire.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct IndexStatsView {
    number_of_documents: u64,
    raw_document_db_size: Value,
    avg_document_size: Value,
    is_indexing: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    internal_database_sizes: Option<Map<String, Value>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    number_of_embeddings: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    number_of_embedded_documents: Option<u64>,
    field_distribution: BTreeMap<String, u64>,
}

impl IndexStatsView {
    pub(crate) fn new(stats: IndexStats, query: StatsQuery) -> Self {
        let IndexStats { is_indexing, inner } = stats;
        let show = |bytes| query.size_format.show(bytes);
        let documents = inner.documents_database_stats;
        let average =
            documents.total_value_size.checked_div(documents.number_of_entries).unwrap_or_default();
        IndexStatsView {
            number_of_documents: inner.number_of_documents(),
            raw_document_db_size: show(documents.total_key_size + documents.total_value_size),
            avg_document_size: show(average),
            is_indexing,
            internal_database_sizes: query.show_internal_database_sizes.0.then(|| {
                let sizes = inner.internal_database_sizes.into_iter();
                sizes.map(|(name, bytes)| (name, show(bytes))).collect()
            }),
            number_of_embeddings: inner.number_of_embeddings,
            number_of_embedded_documents: inner.number_of_embedded_documents,
            field_distribution: inner.field_distribution,
        }
    }
}

async fn stats(
    auth: Guarded<actions::StatsGet>,
    query: Query<StatsQuery, DeserrQueryParamError>,
    scheduler: Data<IndexScheduler>,
    keys: Data<AuthStore>,
) -> Answer {
    let (filter, query) = (auth.into_filter(), query.into_inner());
    let stats = blocking(move || {
        let InstanceStats { size, used_size, indexes: all } =
            InstanceStats::read(&scheduler, &keys)?;
        let mut last_update: Option<OffsetDateTime> = None;
        let mut indexes = Map::new();
        for (uid, stats) in all {
            if filter.is_index_authorized(&uid) {
                last_update = last_update.max(Some(stats.inner.updated_at));
                indexes.insert(uid, json!(IndexStatsView::new(stats, query)));
            }
        }
        Ok(StatsView {
            database_size: query.size_format.show(size),
            used_database_size: query.size_format.show(used_size),
            last_update,
            indexes,
        })
    });
    Ok(HttpResponse::Ok().json(stats.await?))
}

#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct StatsView {
    database_size: Value,
    used_database_size: Value,
    #[serde(with = "time::serde::rfc3339::option")]
    #[schemars(with = "Option<DateTime>")]
    last_update: Option<OffsetDateTime>,
    indexes: Map<String, Value>,
}
