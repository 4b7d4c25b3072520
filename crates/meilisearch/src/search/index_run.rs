//! The queries of one index, over one read transaction and with one deadline (search.md 19.1).

use std::time::{Duration, Instant};

use meilisearch_types::error::ResponseError;
use meilisearch_types::features::RuntimeTogglableFeatures;
use milli::limits::DEFAULT_SEARCH_CUTOFF_MS;
use milli::query::filter::Filter;
use milli::search::keyword::{self, SearchRequest};
use milli::search::matching_terms::MatchingTerms;
use milli::search::parameters::check_distinct;
use milli::search::sort::SortParameter;
use milli::{FieldsIdsMap, Index, ReadTxn, Schema, document};
use roaring::RoaringBitmap;
use serde_json::{Map, Value};

use super::compatible::Compatibility;
use super::distinct_values::DistinctValues;
use super::federated::Pagination;
use super::merge::{RankedHit, best_first};
use super::query::SearchQuery;
use super::{in_index, kind};

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
        let sort = self.check(query, common)?;
        let is_placeholder = query.q.as_ref().is_none_or(|q| q.trim().is_empty());
        compatibility.add(*position, &self.schema, sort.unchecked(), is_placeholder)?;

        let distinct = common.distinct.or(query.distinct.as_deref());
        if let Some(attribute) = distinct {
            check_distinct(&self.schema, attribute).map_err(|error| in_index(self.uid, error))?;
        }
        let engine = |error| in_index(self.uid, error);
        let universe = match filter {
            Some(filter) => filter
                .evaluate(self.index, &self.rtxn, &self.schema, common.features)
                .map_err(engine)?,
            None => self.index.documents_ids(&self.rtxn).map_err(engine)?,
        };
        let sort = sort.checked(&self.schema).map_err(|error| in_index(self.uid, error))?;
        let request = SearchRequest {
            query: query.q.as_deref(),
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
        let outcome =
            keyword::search(self.index, &self.rtxn, &self.schema, request).map_err(engine)?;
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

    /// What is told before the index is searched: the kind of search, then the form of the sort.
    fn check(
        &self,
        query: &SearchQuery,
        common: &Common<'_>,
    ) -> Result<SortParameter, ResponseError> {
        let embedders =
            self.index.embedder_names(&self.rtxn).map_err(|error| in_index(self.uid, error))?;
        kind::check_keyword(query.q.as_deref(), &query.semantic, &embedders, common.features)?;
        let sort = query.sort.as_deref().unwrap_or_default();
        Ok(SortParameter::parse(sort)?)
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
