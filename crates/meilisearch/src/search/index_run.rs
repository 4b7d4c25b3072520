//! The queries of one index, over one read transaction and with one deadline (search.md 19.1).

use std::cell::Cell;
use std::sync::Arc;
use std::time::{Duration, Instant};

use embedders::EmbedderPool;
use meilisearch_types::error::ResponseError;
use meilisearch_types::features::RuntimeTogglableFeatures;
use milli::limits::DEFAULT_SEARCH_CUTOFF_MS;
use milli::query::filter::Filter;
use milli::search::hybrid;
use milli::search::keyword::{self, SearchRequest};
use milli::search::matching_terms::MatchingTerms;
use milli::search::parameters::check_distinct;
use milli::search::sort::SortParameter;
use milli::{FieldsIdsMap, Index, ReadTxn, Schema, document};
use roaring::RoaringBitmap;
use serde_json::{Map, Value};

use super::compatible::{Compatibility, Rules};
use super::distinct_values::DistinctValues;
use super::federated::Pagination;
use super::in_index;
use super::kind::{QueryEmbedders, SearchKind, check_media};
use super::merge::{RankedHit, best_first};
use super::query::SearchQuery;

/// When a search that began at `start` is cut.
pub(super) fn deadline(schema: &Schema, start: Instant) -> Instant {
    let cutoff_ms = schema.search_cutoff_ms.unwrap_or(DEFAULT_SEARCH_CUTOFF_MS);
    // A cutoff beyond the range of the clock is as good as a day.
    let day = Duration::from_secs(86_400);
    start.checked_add(Duration::from_millis(cutoff_ms)).unwrap_or(start + day)
}

/// A query whose filter has been parsed.
#[derive(Debug)]
pub(super) struct PreparedQuery {
    /// Place in the request.
    pub(super) position: usize,
    pub(super) weight: f64,
    pub(super) query: SearchQuery,
    pub(super) filter: Option<Filter>,
}

/// What all queries of a search have in common.
#[derive(Debug)]
pub(super) struct Common<'c> {
    pub(super) features: &'c RuntimeTogglableFeatures,
    pub(super) embedders: &'c Arc<EmbedderPool>,
    pub(super) pagination: Pagination,
    /// The attribute that is distinct across queries and indexes.
    pub(super) distinct: Option<&'c str>,
}

/// An index while it is searched.
pub(super) struct IndexRun<'i> {
    pub(super) uid: &'i str,
    pub(super) index: &'i Index,
    pub(super) rtxn: ReadTxn<'i>,
    pub(super) schema: Schema,
    pub(super) fields: FieldsIdsMap,
    pub(super) queries: Vec<PreparedQuery>,
    /// What each query looked for, for highlighting.
    pub(super) terms: Vec<MatchingTerms>,
    /// Documents that count as found.
    pub(super) candidates: RoaringBitmap,
    /// A query was cut by the time limit.
    pub(super) is_degraded: bool,
    /// A query asked for a vector search, whether or not there was need of one.
    pub(super) is_semantic: bool,
    /// The vectors that were searched by, with the places of those queries in the request that
    /// retrieve vectors.
    pub(super) query_vectors: Vec<(usize, Vec<f32>)>,
    /// How long the parts of the vector searches took.
    pub(super) steps: Vec<(&'static str, Duration)>,
    deadline: Instant,
}

impl<'i> IndexRun<'i> {
    pub(super) fn open(
        uid: &'i str,
        index: &'i Index,
        queries: Vec<PreparedQuery>,
    ) -> Result<Self, ResponseError> {
        let engine = |error| in_index(uid, error);
        let start = Instant::now();
        let rtxn = index.read_txn().map_err(engine)?;
        let schema = Schema::load(index, &rtxn).map_err(engine)?;
        let fields = index.fields_ids_map(&rtxn).map_err(engine)?;
        let deadline = deadline(&schema, start);
        Ok(Self {
            uid,
            index,
            rtxn,
            schema,
            fields,
            queries,
            terms: Vec::new(),
            candidates: RoaringBitmap::new(),
            is_degraded: false,
            is_semantic: false,
            query_vectors: Vec::new(),
            steps: Vec::new(),
            deadline,
        })
    }

    /// Runs the queries and merges their lists; a document is kept once, for its best query.
    ///
    /// # Errors
    /// Parameters that do not fit the index; `in_query` tells which query.
    pub(super) fn run(
        &mut self,
        common: &Common<'_>,
        compatibility: &mut Compatibility,
        in_query: &impl Fn(usize, ResponseError) -> ResponseError,
    ) -> Result<Vec<RankedHit>, ResponseError> {
        let mut lists = Vec::new();
        for at in 0..self.queries.len() {
            let position = self.queries[at].position;
            let list = self
                .run_query(at, common, compatibility)
                .map_err(|error| in_query(position, error))?;
            lists.push(list);
        }

        let required = self.required(common);
        let mut distinct = common.distinct.map(DistinctValues::new);
        let mut seen = RoaringBitmap::new();
        let mut hits = Vec::new();
        for hit in best_first(lists, RankedHit::compare) {
            if hits.len() == required {
                break;
            }
            if !seen.insert(hit.docid) {
                continue;
            }
            if let Some(distinct) = &mut distinct
                && !distinct.accept(&self.document(hit.docid)?)
            {
                self.candidates.remove(hit.docid);
                continue;
            }
            hits.push(hit);
        }
        Ok(hits)
    }

    /// Hits that may be needed of this index.
    fn required(&self, common: &Common<'_>) -> usize {
        common.pagination.required().min(self.schema.max_total_hits)
    }

    fn run_query(
        &mut self,
        at: usize,
        common: &Common<'_>,
        compatibility: &mut Compatibility,
    ) -> Result<Vec<RankedHit>, ResponseError> {
        let PreparedQuery { position, weight, query, filter } = &self.queries[at];
        let engine = |error| in_index(self.uid, error);
        let (index, rtxn, schema) = (self.index, &*self.rtxn, &self.schema);
        let q = query.q.as_deref();
        let kind = SearchKind::choose(
            self.uid,
            index,
            rtxn,
            schema,
            q,
            &query.semantic,
            QueryEmbedders { pool: common.embedders, deadline: self.deadline },
        )?;
        let sort = SortParameter::parse(query.sort.as_deref().unwrap_or_default())?;
        check_media(&query.semantic, common.features)?;
        let embedded = EmbedTimer::default();
        let vector = match &kind {
            SearchKind::Vector(vector) => {
                Some(embedded.time(|| vector.get(self.deadline)).map_err(engine)?)
            }
            SearchKind::Words | SearchKind::Hybrid { .. } => None,
        };
        let rules = match vector {
            Some(_) => Rules::Vector,
            None if q.is_none_or(|q| q.trim().is_empty()) => Rules::Placeholder,
            None => Rules::Words,
        };
        compatibility.add(*position, schema, sort.unchecked(), rules)?;

        let distinct = common.distinct.or(query.distinct.as_deref());
        if let Some(attribute) = distinct {
            check_distinct(schema, attribute).map_err(|error| in_index(self.uid, error))?;
        }
        let universe = match filter {
            Some(filter) => {
                filter.evaluate(index, rtxn, schema, common.features).map_err(engine)?
            }
            None => index.documents_ids(rtxn).map_err(engine)?,
        };
        let sort = sort.checked(schema).map_err(|error| in_index(self.uid, error))?;
        let request = SearchRequest {
            // A vector alone ranks: its text excludes nothing.
            query: q.filter(|_| vector.is_none()),
            vector: vector.as_ref(),
            locales: query.format.locales.as_deref(),
            universe,
            offset: 0,
            limit: self.required(common),
            exhaustive: common.pagination.is_exhaustive(),
            matching_strategy: query.matching_strategy.into(),
            attributes_to_search_on: query.attributes_to_search_on.as_deref(),
            sort,
            distinct,
            ranking_score_threshold: query.ranking_score_threshold,
            scored: true,
            deadline: Some(self.deadline),
        };
        let (outcome, merged_vector) = match &kind {
            SearchKind::Words | SearchKind::Vector(_) => {
                (keyword::search(index, rtxn, schema, request).map_err(engine)?, None)
            }
            SearchKind::Hybrid { semantic_ratio, vector } => {
                let vector = || embedded.time(|| vector.get(self.deadline));
                let outcome = hybrid::search(index, rtxn, schema, request, *semantic_ratio, vector)
                    .map_err(engine)?;
                (outcome.found, outcome.vector)
            }
        };
        self.steps.extend(embedded.steps());
        self.is_semantic |= !matches!(kind, SearchKind::Words);
        if query.retrieve_vectors
            && let Some(vector) = vector.or(merged_vector)
        {
            self.query_vectors.push((*position, vector.into_vector()));
        }
        self.is_degraded |= outcome.degraded;
        if outcome.degraded {
            tracing::warn!(index = self.uid, "the search was cut by `searchCutoffMs`");
        }
        let ranked = outcome.docids.into_iter().zip(outcome.scores);
        let hits = ranked
            .map(|(docid, scores)| RankedHit::new(docid, *position, *weight, scores))
            .collect();
        self.candidates |= outcome.candidates;
        self.terms.push(outcome.matching_words);
        Ok(hits)
    }

    /// A document as it is stored.
    ///
    /// # Errors
    /// It is missing or unreadable.
    pub(super) fn document(&self, docid: u32) -> Result<Map<String, Value>, ResponseError> {
        let stored = document::document(self.index, &self.rtxn, docid)
            .map_err(|error| in_index(self.uid, error))?;
        match stored {
            Some(stored) => Ok(document::to_json(stored, &self.fields)
                .map_err(|error| in_index(self.uid, error))?),
            None => Ok(Map::new()),
        }
    }
}

/// Tells apart how long a query's vector took, and the ranking by it.
#[derive(Default)]
struct EmbedTimer {
    took: Cell<Option<(Duration, Instant)>>,
}

impl EmbedTimer {
    fn time<T>(&self, embed: impl FnOnce() -> T) -> T {
        let start = Instant::now();
        let vector = embed();
        let end = Instant::now();
        self.took.set(Some((end - start, end)));
        vector
    }

    /// Steps of the query, which has just been ranked.
    fn steps(&self) -> impl Iterator<Item = (&'static str, Duration)> + use<> {
        let steps = self.took.get().map(|(took, end)| {
            [("search > embed query", took), ("search > semantic ranking", end.elapsed())]
        });
        steps.into_iter().flatten()
    }
}
