//! The engine of the rules that give a cost to every path of the query graph: words, typo, proximity,
//! attributeRank, wordPosition, exact words (search.md section 8).
//!
//! Starting a rule builds the costed edges (`edges.rs`). A bucket is the documents of the paths of one
//! cost, walked in a fixed order (`paths.rs`) around what is known to be empty (`dead_ends.rs`). The
//! paths that claimed a document are the query of the next rule.

mod bitset;
mod dead_ends;
mod edges;
mod paths;
#[cfg(test)]
mod tests;

use std::hash::Hash;
use std::rc::Rc;

use roaring::RoaringBitmap;

use self::dead_ends::DeadEnds;
use self::edges::EdgeGraph;
use self::paths::{Claimed, ConditionDocids, PathSearch};
use super::rule::{Bucket, RankingRule};
use super::score::{Rank, ScoreDetail};
use crate::error::Result;
use crate::query::context::SearchContext;
use crate::query::graph::{NodeId, QueryGraph};
use crate::query::terms::LocatedTerm;

/// What tells one graph rule from another.
pub(super) trait Ranking {
    /// What a step of a path asks of documents; equal conditions are evaluated once.
    type Condition: Clone + Eq + Hash;

    /// Costs and conditions of the steps from a term (START: `None`) to a term, in the order in which
    /// they are tried.
    fn edges(
        &self,
        ctx: &mut SearchContext<'_>,
        source: Option<&LocatedTerm>,
        dest: &LocatedTerm,
    ) -> Result<Vec<(u32, Self::Condition)>>;

    /// What a condition leaves of its term.
    fn refined(&self, condition: &Self::Condition) -> LocatedTerm;

    /// Documents of the universe that meet a condition: those of what it leaves of its term, unless the
    /// rule asks for more.
    fn docids(
        &self,
        ctx: &mut SearchContext<'_>,
        condition: &Self::Condition,
        universe: &RoaringBitmap,
    ) -> Result<RoaringBitmap> {
        ctx.term_docids(self.refined(condition).subset, Some(universe))
    }

    /// What is said of the documents of a rank.
    fn score(&self, rank: Rank) -> ScoreDetail;

    /// Nodes that a path may skip, in groups: to skip a node, those of the earlier groups must be
    /// skipped too.
    fn removal_order(
        &mut self,
        _ctx: &mut SearchContext<'_>,
        _graph: &QueryGraph,
    ) -> Result<Vec<Vec<NodeId>>> {
        Ok(Vec::new())
    }

    /// What is added to the greatest rank.
    fn extra_rank(&self, _ctx: &SearchContext<'_>, _graph: &QueryGraph) -> u32 {
        0
    }
}

/// A rule that ranks by the cost of paths.
pub(super) struct GraphRule<R: Ranking> {
    ranking: R,
    buckets: Option<Buckets<R::Condition>>,
}

/// The buckets of one start.
struct Buckets<C> {
    graph: EdgeGraph<C>,
    conditions: ConditionDocids,
    dead_ends: DeadEnds,
    max_rank: u32,
    /// The smallest cost that has had no bucket yet.
    next_cost: usize,
}

impl<R: Ranking> GraphRule<R> {
    pub(super) fn new(ranking: R) -> GraphRule<R> {
        GraphRule { ranking, buckets: None }
    }
}

impl<'t, R: Ranking> RankingRule<'t> for GraphRule<R> {
    fn start(
        &mut self,
        ctx: &mut SearchContext<'t>,
        _universe: &RoaringBitmap,
        query: &Rc<QueryGraph>,
    ) -> Result<()> {
        let removal_order = self.ranking.removal_order(ctx, query)?;
        let mut graph = EdgeGraph::build(ctx, &self.ranking, query, &removal_order)?;
        let dead_ends = DeadEnds::default();
        graph.update_costs(dead_ends.everywhere());
        let max_cost = graph.costs_to_end(QueryGraph::START).max().unwrap_or(0) as u32;
        let max_rank = max_cost + 1 + self.ranking.extra_rank(ctx, query);
        let conditions = ConditionDocids::default();
        self.buckets = Some(Buckets { graph, conditions, dead_ends, max_rank, next_cost: 0 });
        Ok(())
    }

    fn next_bucket(
        &mut self,
        ctx: &mut SearchContext<'t>,
        universe: &RoaringBitmap,
    ) -> Result<Option<Bucket>> {
        let Some(buckets) = &mut self.buckets else { return Ok(None) };
        buckets.graph.update_costs(buckets.dead_ends.everywhere());
        let costs = buckets.graph.costs_to_end(QueryGraph::START);
        let Some(cost) = costs.first_from(buckets.next_cost) else { return Ok(None) };
        buckets.next_cost = cost + 1;
        let search = PathSearch {
            ctx,
            ranking: &self.ranking,
            graph: &buckets.graph,
            conditions: &mut buckets.conditions,
            dead_ends: &mut buckets.dead_ends,
            universe: universe.clone(),
            claimed: Claimed::default(),
            path: Vec::new(),
            prefixes: Vec::new(),
        };
        let claimed = search.run(cost)?;
        let refine = |path: &Vec<_>| {
            path.iter().map(|&id| self.ranking.refined(buckets.graph.condition(id))).collect()
        };
        let paths: Vec<Vec<LocatedTerm>> = claimed.paths.iter().map(refine).collect();
        let rank = Rank { rank: buckets.max_rank - cost as u32, max_rank: buckets.max_rank };
        Ok(Some(Bucket {
            docids: claimed.docids,
            score: self.ranking.score(rank),
            query: Rc::new(QueryGraph::from_paths(&paths)),
        }))
    }
}
