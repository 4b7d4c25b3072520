//! *proximity*: documents that hold the query's words closer together come first (search.md 9.3).

use meilisearch_types::settings::ProximityPrecision;
use roaring::RoaringBitmap;

use super::graph_rule::Ranking;
use super::score::{Rank, ScoreDetail};
use crate::error::Result;
use crate::limits::MAX_STORED_PROXIMITY;
use crate::query::context::SearchContext;
use crate::query::terms::{LocatedTerm, PhraseId, TermSubset, Word};

/// The proximity rule.
pub(super) struct Proximity;

/// What a step asks for.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(super) enum ProximityCondition {
    /// The term, wherever it stands.
    Anywhere(LocatedTerm),
    /// The right term so far behind the left one.
    Pair { left: LocatedTerm, right: LocatedTerm, distance: u8 },
}

impl Ranking for Proximity {
    type Condition = ProximityCondition;

    fn edges(
        &self,
        _ctx: &mut SearchContext<'_>,
        source: Option<&LocatedTerm>,
        dest: &LocatedTerm,
    ) -> Result<Vec<(u32, ProximityCondition)>> {
        let base = dest.size() - 1;
        let anywhere = ProximityCondition::Anywhere(*dest);
        let adjacent = source
            .filter(|source| source.positions.last.checked_add(1) == Some(dest.positions.first));
        let Some(&left) = adjacent else { return Ok(vec![(base, anywhere)]) };
        let pair = |distance| {
            let condition = ProximityCondition::Pair { left, right: *dest, distance };
            (base + u32::from(distance) - 1, condition)
        };
        let mut edges: Vec<_> = (1..=MAX_STORED_PROXIMITY).map(pair).collect();
        edges.push((base + u32::from(MAX_STORED_PROXIMITY), anywhere));
        Ok(edges)
    }

    fn docids(
        &self,
        ctx: &mut SearchContext<'_>,
        condition: &ProximityCondition,
        universe: &RoaringBitmap,
    ) -> Result<RoaringBitmap> {
        match condition {
            ProximityCondition::Anywhere(term) => ctx.term_docids(term.subset, Some(universe)),
            ProximityCondition::Pair { left, right, distance } => {
                let mut docids = RoaringBitmap::new();
                let left = ends(ctx, left.subset, End::Last)?;
                let prefix = ctx.allowed_prefix_entry(right.subset);
                let right = ends(ctx, right.subset, End::First)?;
                if let Some(prefix) = prefix {
                    add_prefix_pairs(ctx, &left, prefix, *distance, universe, &mut docids)?;
                }
                add_word_pairs(ctx, &left, &right, *distance, universe, &mut docids)?;
                docids &= universe;
                Ok(docids)
            }
        }
    }

    fn refined(&self, condition: &ProximityCondition) -> LocatedTerm {
        match *condition {
            ProximityCondition::Anywhere(term) => term,
            ProximityCondition::Pair { right, .. } => right,
        }
    }

    fn score(&self, rank: Rank) -> ScoreDetail {
        ScoreDetail::Proximity(rank)
    }
}

/// A word at the side of a term that faces the other term of a pair.
#[derive(Clone, Copy)]
struct EdgeWord {
    word: Word,
    /// The phrase that it begins or ends.
    phrase: Option<PhraseId>,
}

#[derive(Clone, Copy, PartialEq)]
enum End {
    First,
    Last,
}

/// The words at one side of a term: its single words, then those of its phrases.
fn ends(ctx: &mut SearchContext<'_>, subset: TermSubset, end: End) -> Result<Vec<EdgeWord>> {
    let words = ctx.allowed_words(subset)?;
    let mut ends: Vec<_> = words.into_iter().map(|word| EdgeWord { word, phrase: None }).collect();
    for phrase in ctx.allowed_phrases(subset)? {
        let words = ctx.phrase(phrase);
        let entry = if end == End::First { words.first() } else { words.last() };
        if let Some(Some(id)) = entry {
            ends.push(EdgeWord { word: Word::original(*id), phrase: Some(phrase) });
        }
    }
    Ok(ends)
}

/// Pairs with the prefix entry of the right term.
fn add_prefix_pairs(
    ctx: &mut SearchContext<'_>,
    left: &[EdgeWord],
    prefix: Word,
    distance: u8,
    universe: &RoaringBitmap,
    docids: &mut RoaringBitmap,
) -> Result<()> {
    let by_attribute = ctx.schema.proximity_precision == ProximityPrecision::ByAttribute;
    for left in left {
        let Some(phrase) = left.phrase else {
            *docids |= &*ctx.prefix_pair_docids(distance, left.word.id, prefix.id, universe)?;
            let reversed =
                ctx.pair_docids(distance - 1, prefix.id, left.word.id, Some(universe))?;
            if let Some(reversed) = reversed {
                *docids |= &*reversed;
            }
            continue;
        };
        let in_phrase = &*ctx.phrase_docids(phrase)? & universe;
        if !in_phrase.is_empty() {
            // Only `byAttribute` restricts the documents to those of the phrase (search.md 9.3).
            let universe = if by_attribute { &in_phrase } else { universe };
            *docids |= &*ctx.prefix_pair_docids(distance, left.word.id, prefix.id, universe)?;
        }
    }
    Ok(())
}

/// Pairs of every left word with every right word.
fn add_word_pairs(
    ctx: &mut SearchContext<'_>,
    left: &[EdgeWord],
    right: &[EdgeWord],
    distance: u8,
    universe: &RoaringBitmap,
    docids: &mut RoaringBitmap,
) -> Result<()> {
    for left in left {
        if right.len() > 1 && !meets(ctx, left, universe)? {
            continue;
        }
        for right in right {
            let (first, second) = (left.word.id, right.word.id);
            if left.phrase.is_none() && right.phrase.is_none() {
                if let Some(pair) = ctx.pair_docids(distance, first, second, Some(universe))? {
                    *docids |= &*pair;
                }
                if distance > 1
                    && let Some(pair) =
                        ctx.pair_docids(distance - 1, second, first, Some(universe))?
                {
                    *docids |= &*pair;
                }
                continue;
            }
            let mut in_phrases = universe.clone();
            for phrase in left.phrase.into_iter().chain(right.phrase) {
                in_phrases &= &*ctx.phrase_docids(phrase)?;
            }
            if in_phrases.is_empty() {
                continue;
            }
            if let Some(pair) = ctx.pair_docids(distance, first, second, Some(&in_phrases))? {
                *docids |= &*pair;
            }
        }
    }
    Ok(())
}

/// Whether a left word has documents in the universe; a word without any entry is not ruled out.
fn meets(ctx: &mut SearchContext<'_>, left: &EdgeWord, universe: &RoaringBitmap) -> Result<bool> {
    Ok(match left.phrase {
        Some(phrase) => !ctx.phrase_docids(phrase)?.is_disjoint(universe),
        None => ctx.word_docids(left.word, Some(universe))?.is_none_or(|docids| !docids.is_empty()),
    })
}
