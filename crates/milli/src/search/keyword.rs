//! One search by words or by a vector, from the query to ranked documents
//! (search.md 1.3, steps 2 to 8 without the filter, which the caller has applied).

use std::rc::Rc;
use std::time::Instant;

use charabia::Language;
use meilisearch_types::settings::PrefixSearch;
use roaring::RoaringBitmap;

use super::distinct::Distinct;
use super::matching_terms::{MatchingTerm, MatchingTerms};
use super::scores::ScoreDetail;
use crate::error::Result;
use crate::query::context::SearchContext;
use crate::query::fields;
use crate::query::graph::QueryGraph;
use crate::query::parse::{ParsedQuery, ParsedTerm, parse};
use crate::query::terms::{LocatedTerm, PhraseId, Span, TermSubset, Word};
use crate::rank::bucket_sort::{Page, Sorted, bucket_sort};
use crate::rank::list::{keyword_rules, placeholder_rules, vector_rules};
use crate::rank::vector_sort::NearFirst;
use crate::schema::Schema;
use crate::store::{Index, RoTxn};
use crate::text::TokenizerSettings;
use crate::vector::VectorQuery;

pub use crate::query::graph::MatchingStrategy;
pub use crate::rank::list::SortBy;
pub use crate::rank::sort::SortCriterion;

/// Documents that a search by a vector ranks at once, at least: asking for fewer is no faster.
const MIN_RANKED_AT_ONCE: usize = 10;

/// What is searched, and which of the found documents are wanted.
#[derive(Clone, Debug)]
pub struct SearchRequest<'q> {
    /// The text; absent or blank, every document of the universe matches.
    pub query: Option<&'q str>,
    /// The vector to rank by; of the text, only what it excludes counts then.
    pub vector: Option<&'q VectorQuery>,
    /// Languages that the text may be in; empty for any, `None` for those of the settings.
    pub locales: Option<&'q [Language]>,
    /// Documents that may be found: all, or the result of a filter.
    pub universe: RoaringBitmap,
    /// Found documents to leave out.
    pub offset: usize,
    /// Most documents to return; `offset + limit` is at most `pagination.maxTotalHits`.
    pub limit: usize,
    /// Whether the number of found documents must be exact (pagination by page); by a vector it
    /// counts documents that `distinct` would leave out.
    pub exhaustive: bool,
    /// Which terms may be missing.
    pub matching_strategy: MatchingStrategy,
    /// `attributesToSearchOn`; `None` searches all.
    pub attributes_to_search_on: Option<&'q [String]>,
    /// Criteria of the `sort` parameter, already checked against the settings.
    pub sort: &'q [SortBy],
    /// The `distinct` parameter; `None` takes the setting.
    pub distinct: Option<&'q str>,
    /// Documents with a smaller global score are dropped.
    pub ranking_score_threshold: Option<f64>,
    /// Whether scores are wanted; without them, ranking stops at single documents.
    pub scored: bool,
    /// When to stop ranking and return the rest unranked.
    pub deadline: Option<Instant>,
}

/// The documents that a search found.
#[derive(Debug)]
pub struct SearchOutcome {
    /// The wanted documents, best first.
    pub docids: Vec<u32>,
    /// What each ranking rule said of each of them.
    pub scores: Vec<Vec<ScoreDetail>>,
    /// Documents that count as found, for totals and facets.
    pub candidates: RoaringBitmap,
    /// Whether the deadline passed before all was ranked.
    pub degraded: bool,
    /// The words that the highlighter looks for.
    pub matching_words: MatchingTerms,
}

/// Searches an index.
///
/// # Errors
/// `attributesToSearchOn` names an attribute that is not searchable; the index cannot be read.
pub fn search(
    index: &Index,
    rtxn: &RoTxn<'_>,
    schema: &Schema,
    request: SearchRequest<'_>,
) -> Result<SearchOutcome> {
    let fields_map = index.fields_ids_map(rtxn)?;
    let restriction = match request.attributes_to_search_on {
        Some(entries) => fields::restriction(schema, &fields_map, entries)?,
        None => None,
    };
    let languages = match request.locales {
        Some(locales) => Some(locales.to_vec()).filter(|locales| !locales.is_empty()),
        None => fields::languages(schema, &fields_map, restriction.as_ref()),
    };
    let settings = TokenizerSettings::of(schema);
    let tokenizer = settings.tokenizer();
    let mut ctx = SearchContext::new(
        index,
        rtxn,
        schema,
        fields_map,
        &tokenizer,
        languages.as_deref(),
        restriction,
    )?;
    run(&mut ctx, request)
}

fn run<'t>(ctx: &mut SearchContext<'t>, request: SearchRequest<'_>) -> Result<SearchOutcome> {
    let query = request.query.filter(|query| !query.trim().is_empty());
    let parsed = query.map(|query| parse_query(ctx, query)).unwrap_or_default();
    let terms = located_terms(ctx, &parsed)?;
    let mut universe = request.universe;
    remove_negatives(ctx, &parsed, &mut universe)?;

    let criteria = &ctx.schema.criteria;
    let strategy = request.matching_strategy;
    let (rules, graph, highlighted) = if let Some(query) = request.vector {
        let near = NearFirst {
            query: query.clone(),
            count: request.offset.saturating_add(request.limit).max(MIN_RANKED_AT_ONCE),
            deadline: request.deadline,
        };
        (vector_rules(criteria, request.sort, near), QueryGraph::empty(), Vec::new())
    } else if terms.is_empty() {
        (placeholder_rules(criteria, request.sort), QueryGraph::empty(), Vec::new())
    } else {
        let (graph, highlighted) = QueryGraph::build(ctx, &terms)?;
        let mut reduced = graph.clone();
        for group in graph.removal_order(ctx, strategy)? {
            reduced.remove_keeping_edges(&group);
        }
        universe = reduced.docids(ctx, &universe)?;
        (keyword_rules(criteria, request.sort, strategy), graph, highlighted)
    };

    let distinct = distinct(ctx, request.distinct);
    let page = Page {
        offset: request.offset,
        limit: request.limit,
        target: if request.exhaustive && request.ranking_score_threshold.is_some() {
            ctx.schema.max_total_hits
        } else {
            request.limit
        },
        threshold: request.ranking_score_threshold,
        scored: request.scored,
        deadline: request.deadline,
        distinct,
    };
    let rules = rules.into_iter().map(|rule| rule.build(strategy)).collect();
    let Sorted { docids, scores, mut candidates, degraded } =
        bucket_sort(ctx, rules, Rc::new(graph), universe, page)?;
    if let Some(distinct) = distinct.filter(|_| request.exhaustive && request.vector.is_none()) {
        candidates = distinct.keep(&candidates, &mut RoaringBitmap::new())?;
    }
    let matching_words = matching_terms(ctx, &highlighted);
    Ok(SearchOutcome { docids, scores, candidates, degraded, matching_words })
}

fn parse_query(ctx: &SearchContext<'_>, query: &str) -> ParsedQuery {
    let tokens = ctx.tokenizer.tokenize_with_allow_list(query, ctx.languages);
    let prefix_search = ctx.schema.prefix_search == PrefixSearch::IndexingTime;
    parse(tokens, prefix_search)
}

/// Builds the terms of the query, each with its number.
fn located_terms(ctx: &mut SearchContext<'_>, parsed: &ParsedQuery) -> Result<Vec<LocatedTerm>> {
    let mut located = Vec::new();
    for (id, term) in parsed.terms.iter().enumerate() {
        let (term, positions) = match term {
            ParsedTerm::Word { text, position, is_prefix } => {
                let positions = Span { first: *position, last: *position };
                (ctx.word_term(text, *is_prefix)?, positions)
            }
            ParsedTerm::Phrase { words, positions } => {
                let positions = Span { first: *positions.start(), last: *positions.end() };
                (ctx.phrase_term(words), positions)
            }
        };
        // A query has at most ten terms.
        let id = id as u8;
        located.push(LocatedTerm {
            subset: TermSubset::full(term),
            positions,
            ids: Span { first: id, last: id },
        });
    }
    Ok(located)
}

fn remove_negatives(
    ctx: &mut SearchContext<'_>,
    parsed: &ParsedQuery,
    universe: &mut RoaringBitmap,
) -> Result<()> {
    for word in &parsed.negative_words {
        let word = Word::original(ctx.intern_word(word));
        if let Some(docids) = ctx.word_docids(word, Some(universe))? {
            *universe -= docids;
        }
    }
    for words in &parsed.negative_phrases {
        let phrase = ctx.intern_phrase_words(words);
        *universe -= &*ctx.phrase_docids(phrase)?;
    }
    Ok(())
}

/// The distinct attribute; one that no document has makes nothing distinct.
fn distinct<'t>(ctx: &SearchContext<'t>, parameter: Option<&str>) -> Option<Distinct<'t>> {
    let name = parameter.or(ctx.schema.distinct.as_deref())?;
    let fid = ctx.fields.id(name)?;
    Some(Distinct::new(ctx.index, ctx.rtxn, fid))
}

/// What the terms stand for, as far as the search has computed it (search.md 17.2).
fn matching_terms(ctx: &SearchContext<'_>, terms: &[LocatedTerm]) -> MatchingTerms {
    let phrase = |id: PhraseId| {
        let words = ctx.phrase(id).iter();
        words.map(|word| word.map(|word| ctx.word(word).to_owned())).collect()
    };
    let matching = |located: &LocatedTerm| {
        let term = ctx.term(located.subset.term);
        let typos = term.typos.as_ref();
        let one = typos.map_or(&[][..], |typos| &typos.one);
        let two = typos.map_or(&[][..], |typos| &typos.two);
        let words = term.exact.iter().chain(&term.expansions).chain(one).chain(two);
        let mut words: Vec<_> = words.copied().collect();
        // Ids grow in the order in which the search met the words.
        words.sort_unstable();
        words.dedup();
        let split = typos.and_then(|typos| typos.split);
        let phrases = term.phrase.into_iter().chain(term.synonyms.iter().copied()).chain(split);
        MatchingTerm {
            words: words.into_iter().map(|word| ctx.word(word).to_owned()).collect(),
            phrases: phrases.map(phrase).collect(),
            positions: located.positions.first..=located.positions.last,
            is_prefix: term.is_prefix,
            query_chars: term.text.map_or(0, |text| ctx.word(text).chars().count()),
        }
    };
    MatchingTerms::new(terms.iter().map(matching).collect())
}
