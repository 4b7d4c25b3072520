//! *words*: documents that match more of the query's words come first (search.md 9.1).

use super::graph_rule::Ranking;
use super::score::{Rank, ScoreDetail};
use crate::error::Result;
use crate::query::context::SearchContext;
use crate::query::graph::{MatchingStrategy, NodeId, QueryGraph};
use crate::query::terms::LocatedTerm;

/// The words rule of a matching strategy that drops terms.
pub(super) struct Words {
    strategy: MatchingStrategy,
    /// The rule runs on the query's own graph only, so the order is found once.
    removal_order: Option<Vec<Vec<NodeId>>>,
}

impl Words {
    pub(super) fn new(strategy: MatchingStrategy) -> Words {
        Words { strategy, removal_order: None }
    }
}

impl Ranking for Words {
    type Condition = LocatedTerm;

    fn edges(
        &self,
        _ctx: &mut SearchContext<'_>,
        _source: Option<&LocatedTerm>,
        dest: &LocatedTerm,
    ) -> Result<Vec<(u32, LocatedTerm)>> {
        Ok(vec![(0, *dest)])
    }

    fn refined(&self, term: &LocatedTerm) -> LocatedTerm {
        *term
    }

    fn score(&self, rank: Rank) -> ScoreDetail {
        ScoreDetail::Words { matching: rank.rank, max: rank.max_rank }
    }

    fn removal_order(
        &mut self,
        ctx: &mut SearchContext<'_>,
        graph: &QueryGraph,
    ) -> Result<Vec<Vec<NodeId>>> {
        if let Some(order) = &self.removal_order {
            return Ok(order.clone());
        }
        let order = graph.removal_order(ctx, self.strategy)?;
        Ok(self.removal_order.insert(order).clone())
    }

    /// A phrase counts as all its words.
    fn extra_rank(&self, ctx: &SearchContext<'_>, graph: &QueryGraph) -> u32 {
        graph.words_in_phrases(ctx).saturating_sub(1)
    }
}
