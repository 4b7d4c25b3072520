//! Hybrid search: the list of the words and the list of the vector become one (search.md 18.3 and
//! 18.4).

use std::cmp::Ordering;

use meilisearch_types::error::{Code, ErrorCode};
use roaring::RoaringBitmap;

use super::compare::{Comparable, comparables, compare_scores, compare_sorted};
use super::distinct::Distinct;
use super::keyword::{self, SearchOutcome, SearchRequest};
use super::scores::{ScoreDetail, global_score};
use crate::error::Result;
use crate::schema::Schema;
use crate::store::{Index, RoTxn};
use crate::vector::VectorQuery;

/// Hits whose weighted score reaches this are good enough to leave vectors alone.
const GOOD_ENOUGH: f64 = 0.45;

/// What a hybrid search found.
#[derive(Debug)]
pub struct HybridOutcome {
    /// The documents; the scores of each are those of the list it came from.
    pub found: SearchOutcome,
    /// The vector that was searched by, if there was need of one.
    pub vector: Option<VectorQuery>,
}

/// Searches by words; if that is not good enough, by a vector too, and merges both lists.
///
/// `semantic_ratio`, 0 to 1, is the weight of the vector. `vector` gives it when it is needed; when it
/// cannot be embedded, what the words found is the outcome.
///
/// # Errors
/// Those of [`keyword::search`], and of `vector`.
pub fn search(
    index: &Index,
    rtxn: &RoTxn<'_>,
    schema: &Schema,
    request: SearchRequest<'_>,
    semantic_ratio: f32,
    vector: impl FnOnce() -> Result<VectorQuery>,
) -> Result<HybridOutcome> {
    let (offset, limit) = (request.offset, request.limit);
    let both =
        SearchRequest { offset: 0, limit: offset.saturating_add(limit), scored: true, ..request };
    let weights =
        Weights { words: f64::from(1.0 - semantic_ratio), vector: f64::from(semantic_ratio) };
    let by_words = keyword::search(index, rtxn, schema, both.clone())?;
    if is_good_enough(&by_words, both.limit, weights.words) {
        return Ok(HybridOutcome { found: page(by_words, offset), vector: None });
    }
    let vector = match vector() {
        Ok(vector) => vector,
        Err(error) if error.error_code() == Code::VectorEmbeddingError => {
            tracing::warn!(%error, "a hybrid search goes by its words alone");
            return Ok(HybridOutcome { found: page(by_words, offset), vector: None });
        }
        Err(error) => return Err(error),
    };
    let distinct_name = both.distinct.or(schema.distinct.as_deref());
    let distinct = match distinct_name {
        Some(name) => index.fields_ids_map(rtxn)?.id(name),
        None => None,
    };
    let distinct = distinct.map(|fid| Distinct::new(index, rtxn, fid));
    let by_vector =
        keyword::search(index, rtxn, schema, SearchRequest { vector: Some(&vector), ..both })?;
    let found = merge(by_words, by_vector, weights, distinct, offset, limit)?;
    Ok(HybridOutcome { found, vector: Some(vector) })
}

#[derive(Clone, Copy)]
struct Weights {
    words: f64,
    vector: f64,
}

fn is_good_enough(found: &SearchOutcome, wanted: usize, weight: f64) -> bool {
    let is_good = |scores: &Vec<ScoreDetail>| global_score(scores) * weight >= GOOD_ENOUGH;
    found.docids.len() >= wanted && found.scores.iter().all(is_good)
}

/// Leaves the first documents out.
fn page(mut found: SearchOutcome, offset: usize) -> SearchOutcome {
    found.docids.drain(..offset.min(found.docids.len()));
    found.scores.drain(..offset.min(found.scores.len()));
    found
}

/// A document of one of the lists.
struct Ranked {
    docid: u32,
    scores: Vec<ScoreDetail>,
    values: Vec<Comparable>,
}

fn ranked(docids: Vec<u32>, scores: Vec<Vec<ScoreDetail>>, weight: f64) -> Vec<Ranked> {
    let ranked = docids.into_iter().zip(scores).map(|(docid, scores)| {
        let values = comparables(&scores, weight);
        Ranked { docid, scores, values }
    });
    ranked.collect()
}

fn merge(
    by_words: SearchOutcome,
    by_vector: SearchOutcome,
    weights: Weights,
    distinct: Option<Distinct<'_>>,
    offset: usize,
    limit: usize,
) -> Result<SearchOutcome> {
    let mut words = ranked(by_words.docids, by_words.scores, weights.words).into_iter().peekable();
    let mut near =
        ranked(by_vector.docids, by_vector.scores, weights.vector).into_iter().peekable();
    let mut merged = std::iter::from_fn(|| match (near.peek(), words.peek()) {
        (Some(near_head), Some(words_head)) => {
            match compare(&near_head.values, &words_head.values) {
                Ordering::Less => words.next(),
                Ordering::Equal | Ordering::Greater => near.next(),
            }
        }
        (Some(_), None) => near.next(),
        (None, _) => words.next(),
    });

    let mut candidates = by_words.candidates | by_vector.candidates;
    let mut excluded = RoaringBitmap::new();
    let mut seen = RoaringBitmap::new();
    let mut skipped = 0;
    let (mut docids, mut scores) = (Vec::new(), Vec::new());
    while docids.len() < limit
        && let Some(hit) = merged.next()
    {
        if !seen.insert(hit.docid) || excluded.contains(hit.docid) {
            continue;
        }
        if let Some(distinct) = &distinct {
            distinct.exclude_like(hit.docid, &mut excluded)?;
        }
        if skipped < offset {
            skipped += 1;
            continue;
        }
        docids.push(hit.docid);
        scores.push(hit.scores);
    }
    candidates -= excluded;
    candidates.extend(docids.iter().copied());
    Ok(SearchOutcome {
        docids,
        scores,
        candidates,
        degraded: by_words.degraded || by_vector.degraded,
        matching_words: by_words.matching_words,
    })
}

/// `Greater` when the first document comes first.
fn compare(mine: &[Comparable], other: &[Comparable]) -> Ordering {
    for (mine, other) in mine.iter().zip(other) {
        let order = match (mine, other) {
            (Comparable::Score(mine), Comparable::Score(other)) => compare_scores(*mine, *other),
            (Comparable::Sort { ascending, value }, Comparable::Sort { value: other, .. }) => {
                compare_sorted(value, other, *ascending)
            }
            (
                Comparable::Distance { ascending, metres },
                Comparable::Distance { metres: other, .. },
            ) => compare_distances(*metres, *other, *ascending),
            // A score of 0 says nothing against a document that was sorted.
            (Comparable::Score(score), _) if *score == 0.0 => Ordering::Less,
            (Comparable::Score(_), _) => Ordering::Greater,
            (_, Comparable::Score(score)) if *score == 0.0 => Ordering::Greater,
            (_, Comparable::Score(_)) => Ordering::Less,
            (Comparable::Sort { .. }, Comparable::Distance { .. })
            | (Comparable::Distance { .. }, Comparable::Sort { .. }) => Ordering::Equal,
        };
        if order != Ordering::Equal {
            return order;
        }
    }
    mine.len().cmp(&other.len())
}

/// `Greater` when the first distance comes first; a missing one comes last.
fn compare_distances(mine: Option<f64>, other: Option<f64>, ascending: bool) -> Ordering {
    match (mine, other) {
        (Some(mine), Some(other)) if ascending => other.total_cmp(&mine),
        (Some(mine), Some(other)) => mine.total_cmp(&other),
        (mine, other) => mine.is_some().cmp(&other.is_some()),
    }
}
