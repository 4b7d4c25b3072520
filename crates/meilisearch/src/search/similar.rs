//! `similar`: documents whose vectors are near those of a document (search.md 20, vectors.md 17).

use std::time::{Duration, Instant};

use index_scheduler::IndexScheduler;
use indexmap::IndexMap;
use meilisearch_types::error::{Code, ResponseError};
use meilisearch_types::features::RuntimeTogglableFeatures;
use milli::document::docid;
use milli::document::primary_key::is_valid_id;
use milli::query::filter::{Filter, FilterError};
use milli::search::highlight::FormatRequest;
use milli::search::matching_terms::MatchingTerms;
use milli::search::similar::{SimilarOutcome, SimilarRequest, similar};
use milli::text::TokenizerSettings;
use roaring::RoaringBitmap;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;

use super::hits::{Hit, HitMaker};
use super::in_index;
use super::index_run::{IndexRun, PreparedQuery};
use super::kind::open_embedder;
use super::merge::RankedHit;
use super::query::SearchQuery;

/// What is asked for.
#[derive(Debug)]
pub(crate) struct SimilarQuery {
    pub(crate) id: Value,
    pub(crate) embedder: String,
    pub(crate) offset: usize,
    pub(crate) limit: usize,
    pub(crate) filter: Option<Value>,
    /// The filter of the tenant, which the document itself must satisfy too.
    pub(crate) imposed: Option<Value>,
    pub(crate) attributes_to_retrieve: Option<Vec<String>>,
    pub(crate) retrieve_vectors: bool,
    pub(crate) show_ranking_score: bool,
    pub(crate) show_ranking_score_details: bool,
    pub(crate) show_performance_details: bool,
    pub(crate) ranking_score_threshold: Option<f64>,
}

/// The answer.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct SimilarAnswer {
    hits: Vec<Hit>,
    id: String,
    processing_time_ms: u128,
    limit: usize,
    offset: usize,
    estimated_total_hits: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    performance_details: Option<IndexMap<&'static str, String>>,
}

/// Finds similar documents.
///
/// # Errors
/// The first mistake, in the order of vectors.md 17.
pub(crate) fn search(
    scheduler: &IndexScheduler,
    uid: &str,
    query: SimilarQuery,
    features: &RuntimeTogglableFeatures,
) -> Result<SimilarAnswer, ResponseError> {
    let start = Instant::now();
    let index = scheduler.index(uid)?;
    let SimilarQuery { offset, limit, ranking_score_threshold, .. } = query;
    let prepared = PreparedQuery { position: 0, weight: 1.0, query: shown(&query), filter: None };
    let mut run = IndexRun::open(uid, &index, vec![prepared])?;
    run.terms.push(MatchingTerms::default());
    let IndexRun { rtxn, schema, .. } = &run;
    let engine = |error| engine_error(uid, error);

    let code = Code::InvalidSimilarEmbedder;
    let embedder =
        open_embedder(uid, &index, rtxn, schema, &query.embedder, code, scheduler.embedders())?;
    let imposed = parse_filter(query.imposed.as_ref())?;
    let filter = parse_filter(query.filter.as_ref())?;
    let id = external_id(&query.id)?;
    let documents = |filter: Option<Filter>| match filter {
        Some(filter) => filter.evaluate(&index, rtxn, schema, features),
        None => index.documents_ids(rtxn),
    };
    let visible = documents(imposed).map_err(engine)?;
    let docid = docid(&index, rtxn, &id).map_err(engine)?;
    let Some(docid) = docid.filter(|docid| visible.contains(*docid)) else {
        let message = format!("The index `{uid}` has no document `{id}`.");
        return Err(ResponseError::from_msg(message, Code::NotFoundSimilarId));
    };
    let universe: RoaringBitmap = match filter {
        Some(filter) => documents(Some(filter)).map_err(engine)? & visible,
        None => visible,
    };
    let prepare = start.elapsed();
    let request = SimilarRequest { docid, universe, offset, limit, ranking_score_threshold };
    let found = similar(&index, rtxn, &embedder, request).map_err(engine)?;
    let ranked = start.elapsed();
    let estimated_total_hits = found.total.min(schema.max_total_hits as u64);
    let hits = make_hits(&run, found)?;
    let steps = [
        ("prepare", prepare),
        ("semantic ranking", ranked - prepare),
        ("make hits", start.elapsed() - ranked),
    ];
    let performance_details = query.show_performance_details.then(|| {
        let shown = |(name, took): (&'static str, Duration)| (name, format!("{took:.2?}"));
        steps.into_iter().map(shown).collect()
    });
    Ok(SimilarAnswer {
        hits,
        id,
        limit,
        offset,
        estimated_total_hits,
        performance_details,
        processing_time_ms: start.elapsed().as_millis(),
    })
}

fn make_hits(run: &IndexRun<'_>, found: SimilarOutcome) -> Result<Vec<Hit>, ResponseError> {
    let settings = TokenizerSettings::of(&run.schema);
    let tokenizer = settings.highlighting_tokenizer();
    let maker = HitMaker::new(run, &tokenizer);
    let ranked = found.docids.into_iter().zip(found.scores);
    ranked.map(|(docid, scores)| maker.make(&RankedHit::new(docid, 0, 1.0, scores), None)).collect()
}

/// How hits are shown, as a search would be asked for it.
fn shown(query: &SimilarQuery) -> SearchQuery {
    SearchQuery {
        retrieve_vectors: query.retrieve_vectors,
        show_ranking_score: query.show_ranking_score,
        show_ranking_score_details: query.show_ranking_score_details,
        format: FormatRequest {
            retrieve: query.attributes_to_retrieve.clone(),
            ..FormatRequest::default()
        },
        ..SearchQuery::default()
    }
}

fn external_id(id: &Value) -> Result<String, ResponseError> {
    match id {
        Value::String(text) if is_valid_id(text) => Ok(text.clone()),
        Value::Number(number) if number.is_i64() || number.is_u64() => Ok(number.to_string()),
        other => {
            let message = format!(
                "`{other}` is no document id: give an integer, or 1 to 511 of the characters a-z, \
                 A-Z, 0-9, `-` and `_`."
            );
            Err(ResponseError::from_msg(message, Code::InvalidSimilarId))
        }
    }
}

fn parse_filter(filter: Option<&Value>) -> Result<Option<Filter>, ResponseError> {
    Ok(filter.map(Filter::from_json).transpose().map_err(filter_error)?.flatten())
}

fn filter_error(error: FilterError) -> ResponseError {
    ResponseError::from_msg(error.to_string(), error.code_on(Code::InvalidSimilarFilter))
}

fn engine_error(uid: &str, error: milli::Error) -> ResponseError {
    match error {
        milli::Error::Filter(error) => {
            let code = error.code_on(Code::InvalidSimilarFilter);
            ResponseError::from_msg(format!("Index `{uid}`: {error}"), code)
        }
        other => in_index(uid, other),
    }
}
