//! *wordPosition*: documents that hold the words near the positions that they have in the query come
//! first (search.md 9.5).

use std::collections::{BTreeMap, BTreeSet};

use roaring::RoaringBitmap;

use super::graph_rule::Ranking;
use super::score::{Rank, ScoreDetail};
use crate::error::Result;
use crate::query::context::SearchContext;
use crate::query::terms::LocatedTerm;

/// Cost of the greatest distance.
const MAX_COST: u32 = 10;

/// The wordPosition rule.
pub(super) struct WordPosition;

/// The term at one of the positions.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(super) struct AtPositions {
    term: LocatedTerm,
    positions: Vec<u16>,
}

impl Ranking for WordPosition {
    type Condition = AtPositions;

    fn edges(
        &self,
        ctx: &mut SearchContext<'_>,
        _source: Option<&LocatedTerm>,
        dest: &LocatedTerm,
    ) -> Result<Vec<(u32, AtPositions)>> {
        let mut by_cost: BTreeMap<u32, Vec<u16>> = BTreeMap::new();
        for position in positions(ctx, dest)? {
            let distance = u32::from(position.abs_diff(dest.positions.first));
            let cost = (0..dest.size()).map(|word| cost_of_distance(distance + word)).sum();
            by_cost.entry(cost).or_default().push(position);
        }
        // With it the greatest rank does not depend on the documents.
        by_cost.entry(MAX_COST * dest.size()).or_default();
        let edge = |(cost, positions)| (cost, AtPositions { term: *dest, positions });
        Ok(by_cost.into_iter().map(edge).collect())
    }

    fn docids(
        &self,
        ctx: &mut SearchContext<'_>,
        condition: &AtPositions,
        universe: &RoaringBitmap,
    ) -> Result<RoaringBitmap> {
        let subset = condition.term.subset;
        let mut docids = RoaringBitmap::new();
        if condition.positions.is_empty() {
            return Ok(docids);
        }
        for word in ctx.allowed_words(subset)? {
            for &position in &condition.positions {
                let found = ctx.word_position_docids(word.id, position, universe)?;
                docids |= found.unwrap_or_default();
            }
        }
        for phrase in ctx.allowed_phrases(subset)? {
            let Some(first) = ctx.phrase(phrase).iter().flatten().next().copied() else { continue };
            let in_phrase = &*ctx.phrase_docids(phrase)? & universe;
            for &position in &condition.positions {
                let found = ctx.word_position_docids(first, position, &in_phrase)?;
                docids |= found.unwrap_or_default();
            }
        }
        if let Some(prefix) = ctx.allowed_prefix_entry(subset) {
            for &position in &condition.positions {
                let found = ctx.prefix_position_docids(prefix.id, position, universe)?;
                docids |= found.unwrap_or_default();
            }
        }
        Ok(docids)
    }

    fn refined(&self, condition: &AtPositions) -> LocatedTerm {
        condition.term
    }

    fn score(&self, rank: Rank) -> ScoreDetail {
        ScoreDetail::WordPosition(rank)
    }
}

/// The bucketed positions at which some document holds the term.
fn positions(ctx: &mut SearchContext<'_>, term: &LocatedTerm) -> Result<BTreeSet<u16>> {
    let mut positions = BTreeSet::new();
    for word in ctx.allowed_words(term.subset)? {
        positions.extend(ctx.word_positions(word.id)?.iter());
    }
    for phrase in ctx.allowed_phrases(term.subset)? {
        if let Some(first) = ctx.phrase(phrase).iter().flatten().next().copied() {
            positions.extend(ctx.word_positions(first)?.iter());
        }
    }
    if let Some(prefix) = ctx.allowed_prefix_entry(term.subset) {
        positions.extend(ctx.prefix_positions(prefix.id)?.iter());
    }
    Ok(positions)
}

fn cost_of_distance(distance: u32) -> u32 {
    match distance {
        0 => 0,
        1 => 1,
        2..=4 => 2,
        5..=7 => 3,
        8..=11 => 4,
        12..=16 => 5,
        17..=24 => 6,
        25..=64 => 7,
        65..=256 => 8,
        257..=1024 => 9,
        _ => MAX_COST,
    }
}
