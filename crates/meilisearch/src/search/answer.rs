//! The shapes of answers, members in the order of http-api.md sections 8 and 9.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use index_scheduler::IndexScheduler;
use indexmap::IndexMap;
use meilisearch_types::error::{Code, ResponseError};
use meilisearch_types::features::RuntimeTogglableFeatures;
use milli::facet::{FacetCounts, FacetStats};
use schemars::JsonSchema;
use serde::Serialize;
use uuid::Uuid;

use super::facets::{self, Facets};
use super::federated::{self, FederatedQuery, Federation, Found, Pagination};
use super::hits::Hit;
use super::in_query;
use super::multi::{FederationBody, MultiSearchBody, MultiSearchQuery};
use super::query::{AnswerParameters, DEFAULT_LIMIT, DEFAULT_OFFSET, SearchQuery};
use crate::features::check_use_network;

/// What an answer depends on besides its parameters.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Environment {
    pub(crate) features: RuntimeTogglableFeatures,
    /// Whether the request asks for `metadata`.
    pub(crate) include_metadata: bool,
}

/// The answer to a search of one index.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct SearchAnswer {
    hits: Vec<Hit>,
    query: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    query_vector: Option<Vec<f32>>,
    processing_time_ms: u128,
    #[serde(flatten)]
    counts: Counts,
    #[serde(skip_serializing_if = "Option::is_none")]
    facet_distribution: Option<BTreeMap<String, FacetCounts>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    facet_stats: Option<BTreeMap<String, FacetStats>>,
    request_uid: Uuid,
    #[serde(skip_serializing_if = "Option::is_none")]
    metadata: Option<Metadata>,
    #[serde(skip_serializing_if = "Option::is_none")]
    performance_details: Option<IndexMap<&'static str, String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    semantic_hit_count: Option<usize>,
    /// The time limit cut it.
    #[serde(skip)]
    pub(crate) is_degraded: bool,
}

/// The answer to a federated multi-search.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct FederatedAnswer {
    hits: Vec<Hit>,
    #[serde(skip_serializing_if = "Option::is_none")]
    query_vectors: Option<BTreeMap<usize, Vec<f32>>>,
    processing_time_ms: u128,
    #[serde(flatten)]
    counts: Counts,
    #[serde(skip_serializing_if = "Option::is_none")]
    facet_distribution: Option<BTreeMap<String, FacetCounts>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    facet_stats: Option<BTreeMap<String, FacetStats>>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    facets_by_index: BTreeMap<String, Facets>,
    request_uid: Uuid,
    #[serde(skip_serializing_if = "Option::is_none")]
    metadata: Option<Vec<Metadata>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    performance_details: Option<IndexMap<&'static str, String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    semantic_hit_count: Option<usize>,
    /// The time limit cut it.
    #[serde(skip)]
    pub(crate) is_degraded: bool,
}

/// One of the answers to a multi-search without federation.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct IndexedAnswer {
    /// Uid of the index that was searched.
    index_uid: String,
    #[serde(flatten)]
    answer: SearchAnswer,
}

/// The answer to a multi-search.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(untagged)]
pub(crate) enum MultiSearchAnswer {
    Separate { results: Vec<IndexedAnswer> },
    Federated(Box<FederatedAnswer>),
}

impl MultiSearchAnswer {
    /// How many searches the time limit cut; a federated one counts once.
    pub(crate) fn number_of_degraded(&self) -> usize {
        match self {
            MultiSearchAnswer::Separate { results } => {
                results.iter().filter(|result| result.answer.is_degraded).count()
            }
            MultiSearchAnswer::Federated(answer) => answer.is_degraded.into(),
        }
    }
}

/// How many hits there are, as the pagination counts them.
#[derive(Debug, Serialize, PartialEq, JsonSchema)]
#[serde(untagged, rename_all_fields = "camelCase")]
enum Counts {
    Window { limit: usize, offset: usize, estimated_total_hits: u64 },
    Page { hits_per_page: usize, page: usize, total_pages: u64, total_hits: u64 },
}

/// Which query and index an answer is about.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "SearchMetadata")]
struct Metadata {
    #[serde(skip_serializing_if = "Option::is_none")]
    query: Option<String>,
    query_uid: Uuid,
    index_uid: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    primary_key: Option<String>,
}

impl Counts {
    fn new(pagination: Pagination, total: u64) -> Self {
        match pagination {
            Pagination::Window { offset, limit } => {
                Counts::Window { limit, offset, estimated_total_hits: total }
            }
            Pagination::Page { page, hits_per_page } => Counts::Page {
                hits_per_page,
                page,
                total_pages: pages(total, hits_per_page),
                total_hits: total,
            },
        }
    }

    /// Counts only what can be reached.
    fn clamped(pagination: Pagination, total: u64, max_total_hits: usize) -> Self {
        let pagination = match pagination {
            Pagination::Window { offset, limit } => {
                Pagination::Window { offset: offset.min(max_total_hits), limit }
            }
            page => page,
        };
        Self::new(pagination, total.min(max_total_hits as u64))
    }
}

fn pages(total: u64, hits_per_page: usize) -> u64 {
    match hits_per_page as u64 {
        0 => 0,
        hits_per_page => total.div_ceil(hits_per_page),
    }
}

fn pagination(
    offset: Option<usize>,
    limit: Option<usize>,
    page: Option<usize>,
    hits_per_page: Option<usize>,
) -> Pagination {
    if page.is_none() && hits_per_page.is_none() {
        return Pagination::Window {
            offset: offset.unwrap_or(DEFAULT_OFFSET),
            limit: limit.unwrap_or(DEFAULT_LIMIT),
        };
    }
    Pagination::Page {
        page: page.unwrap_or(1),
        hits_per_page: hits_per_page.unwrap_or(DEFAULT_LIMIT),
    }
}

/// Searches one index.
///
/// # Errors
/// See [`federated::search`].
pub(crate) fn search_index(
    scheduler: &IndexScheduler,
    index_uid: &str,
    mut query: SearchQuery,
    answer: AnswerParameters,
    environment: Environment,
) -> Result<SearchAnswer, ResponseError> {
    let start = Instant::now();
    let Environment { features, include_metadata } = environment;
    check_use_network(answer.use_network, features)?;
    if answer.personalize.is_some() {
        return Err(personalization_off());
    }
    let pagination = pagination(answer.offset, answer.limit, answer.page, answer.hits_per_page);
    // The older pipeline differs in what it shows, not in what it finds (search.md 1.1).
    let is_legacy = features.legacy_search == Some(true);
    let patterns = answer.facets.filter(|patterns| is_legacy || !patterns.is_empty());
    let federation = Federation {
        pagination,
        distinct: query.distinct.take_if(|_| !is_legacy),
        facets: patterns.into_iter().map(|patterns| (index_uid.to_owned(), patterns)).collect(),
        is_multi: false,
        canonical_filters: !is_legacy,
    };
    let text = query.q.clone();
    let queries = vec![FederatedQuery { index_uid: index_uid.to_owned(), query, weight: 1.0 }];
    let mut found = federated::search(scheduler, &features, queries, &federation)?;
    let facts = found.indexes.get(index_uid).filter(|_| is_legacy);
    let counts = match facts {
        Some(facts) => Counts::clamped(pagination, found.total, facts.max_total_hits),
        None => Counts::new(pagination, found.total),
    };
    let facets = found.facets.remove(index_uid);
    let (facet_distribution, facet_stats) =
        facets.map(|facets| (facets.distribution, facets.stats)).unzip();
    let metadata = include_metadata.then(|| metadata(text.clone(), index_uid, &found));
    Ok(SearchAnswer {
        query: text.unwrap_or_default(),
        query_vector: found.query_vectors.remove(&0),
        counts,
        facet_distribution,
        facet_stats,
        request_uid: Uuid::now_v7(),
        metadata,
        performance_details: performance(answer.show_performance_details, &found.steps),
        hits: found.hits,
        semantic_hit_count: found.semantic_hit_count,
        is_degraded: found.is_degraded,
        processing_time_ms: start.elapsed().as_millis(),
    })
}

/// Runs a multi-search, federated or not.
///
/// # Errors
/// The first problem of the queries, with its place.
pub(crate) fn multi_search(
    scheduler: &IndexScheduler,
    body: MultiSearchBody,
    environment: Environment,
) -> Result<MultiSearchAnswer, ResponseError> {
    match body.federation {
        Some(federation) => search_federated(scheduler, body.queries, federation, environment)
            .map(|answer| MultiSearchAnswer::Federated(Box::new(answer))),
        None => {
            let search = |(position, query)| {
                search_separately(scheduler, query, environment)
                    .map_err(|error| in_query(position, error))
            };
            let results =
                body.queries.into_iter().enumerate().map(search).collect::<Result<_, _>>()?;
            Ok(MultiSearchAnswer::Separate { results })
        }
    }
}

fn search_separately(
    scheduler: &IndexScheduler,
    query: MultiSearchQuery,
    environment: Environment,
) -> Result<IndexedAnswer, ResponseError> {
    if query.federation_options.is_some() {
        let message = "`federationOptions` needs `federation` beside `queries`.".to_owned();
        return Err(ResponseError::from_msg(message, Code::InvalidMultiSearchFederationOptions));
    }
    let index_uid = query.index_uid.to_string();
    let (query, answer) = query.split();
    let answer =
        search_index(scheduler, &index_uid, query, answer, environment).map_err(|error| {
            let is_missing = error.code() == Code::IndexNotFound.name();
            match is_missing && !environment.features.foreign_keys {
                true => error.with_status(Code::BadRequest.status()),
                false => error,
            }
        })?;
    Ok(IndexedAnswer { index_uid, answer })
}

fn search_federated(
    scheduler: &IndexScheduler,
    queries: Vec<MultiSearchQuery>,
    body: FederationBody,
    environment: Environment,
) -> Result<FederatedAnswer, ResponseError> {
    let start = Instant::now();
    let Environment { features, include_metadata } = environment;
    let mut federated = Vec::new();
    let mut parameters = Vec::new();
    for query in queries {
        let index_uid = query.index_uid.to_string();
        let options = query.federation_options.clone();
        let weight = options.as_ref().map_or(1.0, |options| options.weight.0);
        let (query, answer) = query.split();
        parameters.push((answer, options));
        federated.push(FederatedQuery { index_uid, query, weight });
    }
    for (position, FederatedQuery { query, .. }) in federated.iter().enumerate() {
        federated::parse_filter(query.filter.as_ref(), true)
            .map_err(|error| in_query(position, error))?;
    }
    for (position, ((answer, options), FederatedQuery { query, .. })) in
        parameters.iter().zip(&federated).enumerate()
    {
        super::multi::check_federated(answer, options.as_ref(), query, &body, features)
            .map_err(|error| in_query(position, error))?;
    }
    if body.personalize.is_some() {
        return Err(personalization_off());
    }

    let pagination = pagination(Some(body.offset), Some(body.limit), body.page, body.hits_per_page);
    let wanted = body.facets_by_index.into_iter();
    let federation = Federation {
        pagination,
        distinct: body.distinct,
        facets: wanted.filter_map(|(uid, patterns)| Some((uid, patterns?))).collect(),
        is_multi: true,
        canonical_filters: true,
    };
    let asked: Vec<_> =
        federated.iter().map(|query| (query.query.q.clone(), query.index_uid.clone())).collect();
    let retrieves_vectors = federated.iter().any(|query| query.query.retrieve_vectors);
    let found = federated::search(scheduler, &features, federated, &federation)?;
    let metadata = include_metadata
        .then(|| asked.into_iter().map(|(q, uid)| metadata(q, &uid, &found)).collect());
    let performance_details = performance(Some(body.show_performance_details), &found.steps);
    let (merged, facets_by_index) = match body.merge_facets {
        Some(limits) => (Some(facets::merge(found.facets, limits)?), BTreeMap::new()),
        None => (None, found.facets),
    };
    let (facet_distribution, facet_stats) =
        merged.map(|facets| (facets.distribution, facets.stats)).unzip();
    Ok(FederatedAnswer {
        hits: found.hits,
        query_vectors: retrieves_vectors.then_some(found.query_vectors),
        counts: Counts::new(pagination, found.total),
        facet_distribution,
        facet_stats,
        facets_by_index,
        request_uid: Uuid::now_v7(),
        metadata,
        performance_details,
        semantic_hit_count: found.semantic_hit_count,
        is_degraded: found.is_degraded,
        processing_time_ms: start.elapsed().as_millis(),
    })
}

fn metadata(query: Option<String>, index_uid: &str, found: &Found) -> Metadata {
    Metadata {
        query,
        query_uid: Uuid::now_v7(),
        index_uid: index_uid.to_owned(),
        primary_key: found.indexes.get(index_uid).and_then(|facts| facts.primary_key.clone()),
    }
}

/// Durations as text, if they are asked for.
fn performance(
    wanted: Option<bool>,
    steps: &[(&'static str, Duration)],
) -> Option<IndexMap<&'static str, String>> {
    let wanted = wanted.unwrap_or_default();
    wanted.then(|| steps.iter().map(|(name, took)| (*name, format!("{took:.2?}"))).collect())
}

/// Personalisation needs a key of the instance, and this server takes none.
fn personalization_off() -> ResponseError {
    let message = "This instance has no key for personalising searches. Leave `personalize` out.";
    ResponseError::from_msg(message.to_owned(), Code::FeatureNotEnabled)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts() {
        let window = pagination(None, Some(5), None, None);
        insta::assert_snapshot!(
            serde_json::to_string(&Counts::new(window, 41)).unwrap(),
            @r#"{"limit":5,"offset":0,"estimatedTotalHits":41}"#);
        let page = pagination(Some(7), None, None, Some(10));
        insta::assert_snapshot!(
            serde_json::to_string(&Counts::new(page, 41)).unwrap(),
            @r#"{"hitsPerPage":10,"page":1,"totalPages":5,"totalHits":41}"#);
        assert_eq!(pages(41, 0), 0);
        assert_eq!(pages(0, 20), 0);
    }
}
