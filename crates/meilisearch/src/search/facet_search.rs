//! `facet-search`: values of a facet among the documents that a query finds (search.md 15).

use std::time::Instant;

use deserr::Deserr;
use index_scheduler::IndexScheduler;
use meilisearch_types::deserr::{DeserrJsonError, missing_field};
use meilisearch_types::error::ResponseError;
use meilisearch_types::error::deserr_codes::*;
use meilisearch_types::features::RuntimeTogglableFeatures;
use meilisearch_types::locales::Locale;
use milli::facet::search::{FacetHit, FacetQuery};
use milli::query::filter::Filter;
use milli::search::keyword::{self, SearchRequest};
use milli::search::parameters::check_facet_name;
use milli::{Schema, facet};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;

use super::in_index;
use super::index_run::deadline;
use super::kind::{QueryEmbedders, SearchKind, check_media};
use super::query::{DEFAULT_LIMIT, HybridQuery, MatchingStrategy, Semantic, Share, languages};
use crate::features::check_use_network;

/// The body; members that it does not know are ignored.
#[derive(Debug, Deserr, JsonSchema)]
#[deserr(error = DeserrJsonError, rename_all = camelCase)]
#[schemars(rename_all = "camelCase")]
pub(crate) struct FacetSearchBody {
    #[deserr(
        error = DeserrJsonError<InvalidFacetSearchFacetName>,
        missing_field_error = missing_field::<_, BadRequest, MissingFacetSearchFacetName>
    )]
    facet_name: String,
    #[deserr(default, error = DeserrJsonError<InvalidFacetSearchQuery>)]
    facet_query: Option<String>,
    #[deserr(default, error = DeserrJsonError<InvalidFacetSearchExhaustiveFacetCount>)]
    exhaustive_facet_count: Option<bool>,
    #[deserr(default, error = DeserrJsonError<InvalidSearchQ>)]
    q: Option<String>,
    #[deserr(default, error = DeserrJsonError<InvalidSearchFilter>)]
    pub(crate) filter: Option<Value>,
    #[deserr(default, error = DeserrJsonError<InvalidSearchMatchingStrategy>)]
    #[schemars(default)]
    matching_strategy: MatchingStrategy,
    #[deserr(default, error = DeserrJsonError<InvalidSearchAttributesToSearchOn>)]
    attributes_to_search_on: Option<Vec<String>>,
    #[deserr(default, error = DeserrJsonError<InvalidSearchRankingScoreThreshold>)]
    ranking_score_threshold: Option<Share>,
    #[deserr(default, error = DeserrJsonError<InvalidSearchLocales>)]
    locales: Option<Vec<Locale>>,
    #[deserr(default, error = DeserrJsonError<InvalidSearchHybridQuery>)]
    hybrid: Option<HybridQuery>,
    #[deserr(default, error = DeserrJsonError<InvalidSearchVector>)]
    vector: Option<Vec<f32>>,
    #[deserr(default, error = DeserrJsonError<InvalidSearchMedia>)]
    media: Option<Value>,
    #[deserr(default, error = DeserrJsonError<InvalidSearchUseNetwork>)]
    use_network: Option<bool>,
}

/// The answer.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct FacetSearchAnswer {
    /// The values found.
    facet_hits: Vec<FacetHit>,
    facet_query: Option<String>,
    processing_time_ms: u128,
}

/// Searches the values of a facet.
///
/// # Errors
/// Those of a search; then a facet whose values cannot be searched.
pub(crate) fn search(
    scheduler: &IndexScheduler,
    uid: &str,
    body: FacetSearchBody,
    features: RuntimeTogglableFeatures,
) -> Result<FacetSearchAnswer, ResponseError> {
    let start = Instant::now();
    check_use_network(body.use_network, features)?;
    let index = scheduler.index(uid)?;
    let engine = |error| in_index(uid, error);
    let rtxn = index.read_txn().map_err(engine)?;
    let schema = Schema::load(&index, &rtxn).map_err(engine)?;

    let deadline = deadline(&schema, start);
    let semantic = Semantic { hybrid: body.hybrid, vector: body.vector, media: body.media };
    let kind = SearchKind::choose(
        uid,
        &index,
        &rtxn,
        &schema,
        body.q.as_deref(),
        &semantic,
        QueryEmbedders { pool: scheduler.embedders(), deadline },
    )?;
    check_media(&semantic, &features)?;
    if let SearchKind::Vector(vector) = &kind {
        vector.get(deadline).map_err(engine)?;
    }
    let universe = match body.filter.as_ref().map(Filter::from_json).transpose()?.flatten() {
        Some(filter) => filter.evaluate(&index, &rtxn, &schema, &features).map_err(engine)?,
        None => index.documents_ids(&rtxn).map_err(engine)?,
    };
    let locales = languages(body.locales.as_deref());
    let candidates = match kind {
        SearchKind::Words => {
            let exhaustive = body.exhaustive_facet_count.unwrap_or_default();
            let threshold = body.ranking_score_threshold.map(|share| share.0);
            let request = SearchRequest {
                query: body.q.as_deref(),
                vector: None,
                locales: locales.as_deref(),
                universe,
                offset: 0,
                // An exhaustive count needs no ranking, only the documents.
                limit: if exhaustive { 0 } else { DEFAULT_LIMIT.min(schema.max_total_hits) },
                exhaustive,
                matching_strategy: body.matching_strategy.into(),
                attributes_to_search_on: body.attributes_to_search_on.as_deref(),
                sort: &[],
                distinct: None,
                ranking_score_threshold: threshold,
                scored: threshold.is_some(),
                deadline: Some(deadline),
            };
            keyword::search(&index, &rtxn, &schema, request).map_err(engine)?.candidates
        }
        // A vector ranks all documents.
        SearchKind::Vector(_) | SearchKind::Hybrid { .. } => universe,
    };

    check_facet_name(&schema, &body.facet_name).map_err(|error| in_index(uid, error))?;
    let query = FacetQuery {
        facet: &body.facet_name,
        text: body.facet_query.as_deref(),
        locales: locales.as_deref(),
    };
    let facet_hits =
        facet::search::search(&index, &rtxn, &schema, query, &candidates).map_err(engine)?;
    Ok(FacetSearchAnswer {
        facet_hits,
        facet_query: body.facet_query,
        processing_time_ms: start.elapsed().as_millis(),
    })
}
