//! *typo*: documents that match with fewer typos come first (search.md 9.2).

use super::graph_rule::Ranking;
use super::score::{Rank, ScoreDetail};
use crate::error::Result;
use crate::query::context::SearchContext;
use crate::query::terms::LocatedTerm;

/// The typo rule. A condition is a term of which one typo class is left.
pub(super) struct Typo;

impl Ranking for Typo {
    type Condition = LocatedTerm;

    fn edges(
        &self,
        ctx: &mut SearchContext<'_>,
        _source: Option<&LocatedTerm>,
        dest: &LocatedTerm,
    ) -> Result<Vec<(u32, LocatedTerm)>> {
        let base = if dest.size() == 1 { 0 } else { dest.size() };
        let subset = dest.subset;
        let term = ctx.term(subset.term);
        let most = match term.max_typos {
            // Split words have a typo even where words may have none.
            0 => u8::from(term.phrase.is_none()),
            1 => u8::from(subset.one),
            _ if subset.two => 2,
            _ => u8::from(subset.one),
        };
        let edge = |typos| (base + u32::from(typos), dest.with(subset.only_class(typos)));
        Ok((0..=most).map(edge).collect())
    }

    fn refined(&self, term: &LocatedTerm) -> LocatedTerm {
        *term
    }

    fn score(&self, rank: Rank) -> ScoreDetail {
        ScoreDetail::Typo { count: rank.max_rank - rank.rank, max: rank.max_rank - 1 }
    }
}
