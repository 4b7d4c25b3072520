//! A search from its queries to one page of hits (search.md 19). A search of one index is this with
//! one query.
//!
//! 1. Parse all filters.
//! 2. Open the indexes, in byte order of their uids, and run the queries of each.
//! 3. Merge the lists of the indexes, cut the page.
//! 4. Make the hits.
//! 5. Count the facets.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use index_scheduler::IndexScheduler;
use meilisearch_types::error::{Code, ErrorCode, ResponseError};
use meilisearch_types::features::RuntimeTogglableFeatures;
use milli::Index;
use milli::query::filter::Filter;
use milli::text::{Tokenizer, TokenizerSettings};
use serde_json::{Value, json};

use super::compatible::Compatibility;
use super::distinct_values::DistinctValues;
use super::facets::{self, Facets};
use super::hits::{Hit, HitMaker};
use super::index_run::{Common, IndexRun, PreparedQuery};
use super::merge::{RankedHit, best_first};
use super::query::SearchQuery;

/// One query of a search.
#[derive(Debug)]
pub(crate) struct FederatedQuery {
    pub(crate) index_uid: String,
    pub(crate) query: SearchQuery,
    pub(crate) weight: f64,
}

/// What holds for all queries of a search.
#[derive(Debug)]
pub(crate) struct Federation {
    pub(crate) pagination: Pagination,
    pub(crate) distinct: Option<String>,
    /// Patterns of the facets to count, by index.
    pub(crate) facets: BTreeMap<String, Vec<String>>,
    /// Whether several queries were asked for: hits tell where they come from, errors too.
    pub(crate) is_multi: bool,
    /// Whether errors of a filter point into its canonical text.
    pub(crate) canonical_filters: bool,
}

/// Which of the found documents are wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Pagination {
    /// `limit` hits behind the first `offset`.
    Window { offset: usize, limit: usize },
    /// The page number `page`, counted from 1, of `hits_per_page` hits; page 0 has none.
    Page { page: usize, hits_per_page: usize },
}

impl Pagination {
    /// Hits that must be ranked.
    pub(super) fn required(self) -> usize {
        match self {
            Pagination::Window { offset, limit } => offset.saturating_add(limit),
            Pagination::Page { page, hits_per_page } => page.saturating_mul(hits_per_page),
        }
    }

    /// Whether the number of found documents must be exact.
    pub(super) fn is_exhaustive(self) -> bool {
        matches!(self, Pagination::Page { .. })
    }

    fn offset(self) -> usize {
        match self {
            Pagination::Window { offset, .. } => offset,
            Pagination::Page { page, hits_per_page } => {
                page.saturating_sub(1).saturating_mul(hits_per_page)
            }
        }
    }

    fn limit(self) -> usize {
        match self {
            Pagination::Window { limit, .. } => limit,
            Pagination::Page { page: 0, .. } => 0,
            Pagination::Page { hits_per_page, .. } => hits_per_page,
        }
    }
}

/// What a search found.
#[derive(Debug)]
pub(crate) struct Found {
    pub(crate) hits: Vec<Hit>,
    /// Number of found documents.
    pub(crate) total: u64,
    pub(crate) facets: BTreeMap<String, Facets>,
    /// What answers tell of each searched index.
    pub(crate) indexes: BTreeMap<String, IndexFacts>,
    /// A query was cut by the time limit.
    pub(crate) is_degraded: bool,
    /// Hits of the page that were ranked by a vector; `None` when no query asked for that.
    pub(crate) semantic_hit_count: Option<usize>,
    /// The vectors that were searched by, by the place of their queries in the request; only of
    /// queries that retrieve vectors.
    pub(crate) query_vectors: BTreeMap<usize, Vec<f32>>,
    /// How long each step took, in order.
    pub(crate) steps: Vec<(&'static str, Duration)>,
}

/// What an answer tells of an index.
#[derive(Debug)]
pub(crate) struct IndexFacts {
    pub(crate) primary_key: Option<String>,
    /// Greatest rank of a hit that can be reached.
    pub(crate) max_total_hits: usize,
}

/// Runs a search. It reads from disk and computes for long: call it where blocking is allowed.
///
/// # Errors
/// The first problem of the queries, in the order of search.md 1.3.
pub(crate) fn search(
    scheduler: &IndexScheduler,
    features: &RuntimeTogglableFeatures,
    queries: Vec<FederatedQuery>,
    federation: &Federation,
) -> Result<Found, ResponseError> {
    let mut steps = Steps::start();
    let in_query = |position, error| match federation.is_multi {
        true => super::in_query(position, error),
        false => error,
    };

    let mut by_index: BTreeMap<String, Vec<PreparedQuery>> = BTreeMap::new();
    for (position, FederatedQuery { index_uid, query, weight }) in queries.into_iter().enumerate() {
        let filter = parse_filter(query.filter.as_ref(), federation.canonical_filters)
            .map_err(|error| in_query(position, error))?;
        let prepared = PreparedQuery { position, weight, query, filter };
        by_index.entry(index_uid).or_default().push(prepared);
    }
    steps.end("parse filters");

    let mut opened: Vec<(String, Index, Vec<PreparedQuery>)> = Vec::new();
    for (uid, queries) in by_index {
        let position = queries.first().map_or(0, |query| query.position);
        let index = open(scheduler, &uid, federation.is_multi && !features.foreign_keys)
            .map_err(|error| in_query(position, error))?;
        opened.push((uid, index, queries));
    }

    let common = Common {
        features,
        embedders: scheduler.embedders(),
        pagination: federation.pagination,
        distinct: federation.distinct.as_deref(),
    };
    let mut compatibility = Compatibility::default();
    let mut runs = Vec::new();
    let mut lists = Vec::new();
    for (at, (uid, index, queries)) in opened.iter_mut().enumerate() {
        let mut run = IndexRun::open(uid, index, std::mem::take(queries))?;
        let ranked = run.run(&common, &mut compatibility, &in_query)?;
        lists.push(ranked.into_iter().map(|hit| (at, hit)).collect());
        runs.push(run);
    }
    steps.end("search");
    for (name, took) in runs.iter_mut().flat_map(|run| std::mem::take(&mut run.steps)) {
        steps.add(name, took);
    }

    let page = merge_page(&mut runs, lists, &common)?;
    let hits = make_hits(&runs, &page, federation.is_multi)?;
    let is_semantic = runs.iter().any(|run| run.is_semantic);
    let semantic_hit_count =
        is_semantic.then(|| page.iter().filter(|(_, hit)| hit.is_semantic()).count());
    let query_vectors =
        runs.iter_mut().flat_map(|run| std::mem::take(&mut run.query_vectors)).collect();
    steps.end("make hits");

    let facets = count_facets(scheduler, features, &runs, federation)?;
    steps.end("count facets");

    let mut indexes = BTreeMap::new();
    for run in &runs {
        let primary_key =
            run.index.primary_key(&run.rtxn).map_err(|error| super::in_index(run.uid, error))?;
        let facts = IndexFacts {
            primary_key: primary_key.map(str::to_owned),
            max_total_hits: run.schema.max_total_hits,
        };
        indexes.insert(run.uid.to_owned(), facts);
    }
    let total = runs.iter().map(|run| run.candidates.len()).sum();
    let is_degraded = runs.iter().any(|run| run.is_degraded);
    Ok(Found {
        hits,
        total,
        facets,
        indexes,
        is_degraded,
        semantic_hit_count,
        query_vectors,
        steps: steps.done,
    })
}

/// Parses a filter.
///
/// # Errors
/// It has the wrong shape or syntax.
pub(crate) fn parse_filter(
    filter: Option<&Value>,
    canonical: bool,
) -> Result<Option<Filter>, ResponseError> {
    let parsed = filter.map(Filter::from_json).transpose()?.flatten();
    match parsed {
        Some(filter) if canonical => Ok(Some(filter.into_canonical()?)),
        parsed => Ok(parsed),
    }
}

/// Opens an index; in a multi-search a missing one is a bad request, not a missing resource.
fn open(
    scheduler: &IndexScheduler,
    uid: &str,
    missing_is_bad_request: bool,
) -> Result<Index, ResponseError> {
    scheduler.index(uid).map_err(|error| {
        let is_missing = error.error_code() == Code::IndexNotFound;
        let error = ResponseError::from(error);
        match is_missing && missing_is_bad_request {
            true => error.with_status(Code::BadRequest.status()),
            false => error,
        }
    })
}

/// Merges the lists of the indexes and cuts the page out of them.
fn merge_page(
    runs: &mut [IndexRun<'_>],
    lists: Vec<Vec<(usize, RankedHit)>>,
    common: &Common<'_>,
) -> Result<Vec<(usize, RankedHit)>, ResponseError> {
    let (offset, limit) = (common.pagination.offset(), common.pagination.limit());
    let mut distinct = common.distinct.map(DistinctValues::new);
    let mut page = Vec::new();
    let mut accepted = 0;
    for (at, hit) in best_first(lists, |(_, mine), (_, other)| mine.compare(other)) {
        if page.len() == limit {
            break;
        }
        if let Some(distinct) = &mut distinct
            && !distinct.accept(&runs[at].document(hit.docid)?)
        {
            runs[at].candidates.remove(hit.docid);
            continue;
        }
        accepted += 1;
        if accepted > offset {
            page.push((at, hit));
        }
    }
    Ok(page)
}

fn make_hits(
    runs: &[IndexRun<'_>],
    page: &[(usize, RankedHit)],
    is_multi: bool,
) -> Result<Vec<Hit>, ResponseError> {
    let settings: Vec<_> = runs.iter().map(|run| TokenizerSettings::of(&run.schema)).collect();
    let tokenizers: Vec<Tokenizer<'_>> =
        settings.iter().map(|settings| settings.highlighting_tokenizer()).collect();
    let makers: Vec<_> = runs
        .iter()
        .zip(&tokenizers)
        .map(|(run, tokenizer)| HitMaker::new(run, tokenizer))
        .collect();
    page.iter()
        .map(|(at, ranked)| {
            let federation = is_multi.then(|| {
                json!({
                    "indexUid": runs[*at].uid,
                    "queriesPosition": ranked.position,
                    "weightedRankingScore": ranked.weighted_score,
                })
            });
            makers[*at].make(ranked, federation)
        })
        .collect()
}

/// Counts the facets of the searched indexes. Those of other indexes are only checked.
fn count_facets(
    scheduler: &IndexScheduler,
    features: &RuntimeTogglableFeatures,
    runs: &[IndexRun<'_>],
    federation: &Federation,
) -> Result<BTreeMap<String, Facets>, ResponseError> {
    let mut all = BTreeMap::new();
    for (uid, patterns) in &federation.facets {
        if let Some(run) = runs.iter().find(|run| run.uid == uid) {
            let IndexRun { index, rtxn, schema, fields, candidates, .. } = run;
            let facets = facets::count(uid, index, rtxn, schema, fields, patterns, candidates)?;
            all.insert(uid.clone(), facets);
        } else {
            let index = open(scheduler, uid, !features.foreign_keys)?;
            let run = IndexRun::open(uid, &index, Vec::new())?;
            facets::count(
                uid,
                &index,
                &run.rtxn,
                &run.schema,
                &run.fields,
                patterns,
                &run.candidates,
            )?;
        }
    }
    Ok(all)
}

/// Measures consecutive steps.
struct Steps {
    since: Instant,
    done: Vec<(&'static str, Duration)>,
}

impl Steps {
    fn start() -> Self {
        Self { since: Instant::now(), done: Vec::new() }
    }

    /// Adds to a part of a step, which all queries have in common.
    fn add(&mut self, name: &'static str, took: Duration) {
        match self.done.iter_mut().find(|(known, _)| *known == name) {
            Some((_, sum)) => *sum += took,
            None => self.done.push((name, took)),
        }
    }

    fn end(&mut self, name: &'static str) {
        let now = Instant::now();
        self.done.push((name, now - self.since));
        self.since = now;
    }
}
