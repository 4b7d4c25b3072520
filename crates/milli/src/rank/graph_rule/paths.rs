//! Paths of one cost, depth first, each evaluated as soon as it is complete (search.md 8.3).
//!
//! The order decides which paths claim documents, and so what remains of the query for later rules.

use roaring::RoaringBitmap;

use super::Ranking;
use super::bitset::BitSet;
use super::dead_ends::DeadEnds;
use super::edges::{ConditionId, EdgeGraph, EdgeKind};
use crate::error::Result;
use crate::query::context::SearchContext;
use crate::query::graph::{NodeId, QueryGraph};

/// Documents of the conditions met so far. A set is computed in the universe of its first need, and
/// cut down when it is needed again.
#[derive(Default)]
pub(super) struct ConditionDocids {
    sets: rustc_hash::FxHashMap<ConditionId, CutSet>,
}

struct CutSet {
    docids: RoaringBitmap,
    /// Size of the universe that it was last cut to; universes only shrink.
    universe_len: u64,
}

/// The documents of one bucket and the paths that claimed them.
#[derive(Default)]
pub(super) struct Claimed {
    pub(super) docids: RoaringBitmap,
    pub(super) paths: Vec<Vec<ConditionId>>,
}

/// How a walk goes on behind a node.
#[derive(PartialEq)]
enum Flow {
    /// With the next edge.
    On,
    /// With the next edge of the node where the path had so many conditions.
    BackTo(usize),
    /// Not at all: every document is claimed.
    Done,
}

/// The search for the paths of one bucket.
pub(super) struct PathSearch<'a, 't, R: Ranking> {
    pub(super) ctx: &'a mut SearchContext<'t>,
    pub(super) ranking: &'a R,
    pub(super) graph: &'a EdgeGraph<R::Condition>,
    pub(super) conditions: &'a mut ConditionDocids,
    pub(super) dead_ends: &'a mut DeadEnds,
    /// What no path has claimed yet.
    pub(super) universe: RoaringBitmap,
    pub(super) claimed: Claimed,
    /// Conditions of the current path.
    pub(super) path: Vec<ConditionId>,
    /// Documents of the prefixes of the last evaluated path.
    pub(super) prefixes: Vec<(ConditionId, RoaringBitmap)>,
}

impl<R: Ranking> PathSearch<'_, '_, R> {
    /// Evaluates all paths of the cost and returns what they claim.
    pub(super) fn run(mut self, cost: usize) -> Result<Claimed> {
        self.walk(QueryGraph::START, cost, &BitSet::default())?;
        Ok(self.claimed)
    }

    fn walk(&mut self, node: NodeId, cost: usize, must_skip: &BitSet) -> Result<Flow> {
        if node == QueryGraph::END {
            return self.evaluate();
        }
        let graph = self.graph;
        for edge in graph.edges_of(node) {
            let Some(rest) = cost.checked_sub(edge.cost) else { continue };
            if !graph.costs_to_end(edge.dest).contains(rest) {
                continue;
            }
            let flow = match &edge.kind {
                EdgeKind::Free => self.walk(edge.dest, rest, must_skip)?,
                EdgeKind::Skip(nodes) => {
                    let mut must_skip = must_skip.clone();
                    must_skip.union(nodes);
                    self.walk(edge.dest, rest, &must_skip)?
                }
                EdgeKind::Condition(condition) => {
                    if must_skip.contains(edge.dest)
                        || self.dead_ends.forbids(&self.path, *condition)
                    {
                        continue;
                    }
                    self.path.push(*condition);
                    let flow = self.walk(edge.dest, rest, must_skip)?;
                    self.path.pop();
                    flow
                }
            };
            match flow {
                Flow::On => {}
                Flow::BackTo(conditions) if conditions >= self.path.len() => {}
                other => return Ok(other),
            }
        }
        Ok(Flow::On)
    }

    /// Intersects the conditions of the current path, and claims the documents if there are any.
    fn evaluate(&mut self) -> Result<Flow> {
        let known = self.prefixes.iter().zip(&self.path);
        // The last condition is always looked at again.
        let shared = known
            .take_while(|((known, _), condition)| known == *condition)
            .count()
            .min(self.path.len().saturating_sub(1));
        self.prefixes.truncate(shared);
        for at in shared..self.path.len() {
            let condition = self.path[at];
            self.compute_condition(condition)?;
            let Some(set) = self.conditions.sets.get(&condition) else { continue };
            if set.docids.is_empty() {
                self.dead_ends.forbid(&[], condition);
                return Ok(Flow::BackTo(at));
            }
            let docids = match self.prefixes.last() {
                None => set.docids.clone(),
                Some((_, prefix)) => prefix & &set.docids,
            };
            if docids.is_empty() {
                for (shorter, (_, prefix)) in self.prefixes.iter().enumerate() {
                    let length = shorter + 1;
                    if length == at || prefix.is_disjoint(&set.docids) {
                        self.dead_ends.forbid(&self.path[..length], condition);
                    }
                }
                return Ok(Flow::BackTo(at));
            }
            self.prefixes.push((condition, docids));
        }
        self.claim();
        Ok(if self.universe.is_empty() { Flow::Done } else { Flow::On })
    }

    fn compute_condition(&mut self, id: ConditionId) -> Result<()> {
        let universe_len = self.universe.len();
        match self.conditions.sets.get_mut(&id) {
            Some(set) => {
                if set.universe_len != universe_len {
                    set.docids &= &self.universe;
                    set.universe_len = universe_len;
                }
            }
            None => {
                let condition = self.graph.condition(id);
                let docids = self.ranking.docids(self.ctx, condition, &self.universe)?;
                self.conditions.sets.insert(id, CutSet { docids, universe_len });
            }
        }
        Ok(())
    }

    fn claim(&mut self) {
        let docids = match self.prefixes.last() {
            Some((_, docids)) => docids.clone(),
            None => self.universe.clone(),
        };
        self.universe -= &docids;
        for (_, prefix) in &mut self.prefixes {
            *prefix -= &docids;
        }
        self.claimed.docids |= docids;
        self.claimed.paths.push(self.path.clone());
    }
}
