//! The costed graph of one start of a rule: edges with conditions, and which costs lead to END
//! (search.md 8.1).

use std::hash::Hash;
use std::rc::Rc;

use indexmap::IndexSet;
use rustc_hash::FxBuildHasher;

use super::Ranking;
use super::bitset::BitSet;
use crate::error::Result;
use crate::query::context::SearchContext;
use crate::query::graph::{NodeId, QueryGraph};

/// Index of a condition. Equal conditions are one, so edges to one term share it.
pub(super) type ConditionId = usize;

/// A step of a path.
pub(super) struct Edge {
    pub(super) dest: NodeId,
    pub(super) cost: usize,
    pub(super) kind: EdgeKind,
}

/// What a step asks for.
pub(super) enum EdgeKind {
    /// Nothing: the step to END.
    Free,
    /// The documents of a condition.
    Condition(ConditionId),
    /// Nothing, but the rest of the path must not enter these nodes by a condition.
    Skip(Rc<BitSet>),
}

/// Edges by their source, in the order of their ids.
pub(super) struct EdgeGraph<C> {
    edges: Vec<Vec<Edge>>,
    conditions: IndexSet<C, FxBuildHasher>,
    /// For each node, the costs of the paths from it to END.
    costs_to_end: Vec<BitSet>,
}

impl<C: Clone + Eq + Hash> EdgeGraph<C> {
    /// Builds the edges of a query graph. Costs are not known before [`EdgeGraph::update_costs`].
    pub(super) fn build<R: Ranking<Condition = C>>(
        ctx: &mut SearchContext<'_>,
        ranking: &R,
        graph: &QueryGraph,
        removal_order: &[Vec<NodeId>],
    ) -> Result<EdgeGraph<C>> {
        let skips = skip_sets(graph.len(), removal_order);
        let mut conditions = IndexSet::default();
        let mut edges: Vec<Vec<Edge>> = Vec::with_capacity(graph.len());
        for source in 0..graph.len() {
            let mut outgoing = Vec::new();
            let source = graph.node(source);
            for &dest in &source.successors {
                let Some(term) = &graph.node(dest).term else {
                    outgoing.push(Edge { dest, cost: 0, kind: EdgeKind::Free });
                    continue;
                };
                if let Some(skipped) = &skips[dest] {
                    let kind = EdgeKind::Skip(Rc::clone(skipped));
                    outgoing.push(Edge { dest, cost: term.size() as usize, kind });
                }
                for (cost, condition) in ranking.edges(ctx, source.term.as_ref(), term)? {
                    let (condition, _) = conditions.insert_full(condition);
                    let kind = EdgeKind::Condition(condition);
                    outgoing.push(Edge { dest, cost: cost as usize, kind });
                }
            }
            edges.push(outgoing);
        }
        Ok(EdgeGraph { edges, conditions, costs_to_end: Vec::new() })
    }

    /// Finds the costs that lead to END without the conditions of `dead`.
    pub(super) fn update_costs(&mut self, dead: &BitSet) {
        let mut costs = vec![None; self.edges.len()];
        self.costs_from(QueryGraph::START, dead, &mut costs);
        self.costs_to_end = costs.into_iter().map(Option::unwrap_or_default).collect();
    }

    fn costs_from(&self, node: NodeId, dead: &BitSet, known: &mut [Option<BitSet>]) {
        let mut costs = BitSet::default();
        if node == QueryGraph::END {
            costs.insert(0);
        }
        for edge in &self.edges[node] {
            if matches!(edge.kind, EdgeKind::Condition(condition) if dead.contains(condition)) {
                continue;
            }
            if known[edge.dest].is_none() {
                self.costs_from(edge.dest, dead, known);
            }
            if let Some(behind) = &known[edge.dest] {
                costs.union_shifted(behind, edge.cost);
            }
        }
        known[node] = Some(costs);
    }

    /// The edges of a node by ascending id.
    pub(super) fn edges_of(&self, node: NodeId) -> &[Edge] {
        &self.edges[node]
    }

    /// The costs of the paths from a node to END.
    pub(super) fn costs_to_end(&self, node: NodeId) -> &BitSet {
        &self.costs_to_end[node]
    }

    /// A condition.
    pub(super) fn condition(&self, id: ConditionId) -> &C {
        &self.conditions[id]
    }
}

/// For each removable node, the nodes of all earlier removal groups.
fn skip_sets(nodes: usize, removal_order: &[Vec<NodeId>]) -> Vec<Option<Rc<BitSet>>> {
    let mut skips = vec![None; nodes];
    let mut earlier = BitSet::default();
    for group in removal_order {
        let set = Rc::new(earlier.clone());
        for &node in group {
            skips[node] = Some(Rc::clone(&set));
            earlier.insert(node);
        }
    }
    skips
}
