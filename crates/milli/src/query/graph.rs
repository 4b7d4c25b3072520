//! The query graph: every way to read the query as a path of terms from START to END (search.md 4).

use std::collections::VecDeque;

use roaring::RoaringBitmap;

use super::context::SearchContext;
use super::terms::LocatedTerm;
use crate::error::Result;

/// Index of a node.
pub(crate) type NodeId = usize;

/// What happens to terms that no document matches together (search.md 4.3).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum MatchingStrategy {
    /// Terms are dropped from the end of the query.
    #[default]
    Last,
    /// Every term is required.
    All,
    /// Terms that the most documents match are dropped first.
    Frequency,
}

/// A node and its neighbours, each list ascending.
#[derive(Clone, Debug, Default)]
pub(crate) struct Node {
    /// `None` for START, END and removed nodes.
    pub(crate) term: Option<LocatedTerm>,
    pub(crate) predecessors: Vec<NodeId>,
    pub(crate) successors: Vec<NodeId>,
}

/// A graph of terms.
#[derive(Clone, Debug)]
pub(crate) struct QueryGraph {
    nodes: Vec<Node>,
}

impl QueryGraph {
    pub(crate) const START: NodeId = 0;
    pub(crate) const END: NodeId = 1;

    /// The graph of no term: a placeholder search.
    pub(crate) fn empty() -> QueryGraph {
        let mut graph = QueryGraph { nodes: vec![Node::default(), Node::default()] };
        graph.connect(Self::START, Self::END);
        graph
    }

    /// The graph of the terms of a query and of the n-grams that they form.
    ///
    /// Also returns the terms in the order in which they are highlighted: the query's, then n-grams.
    ///
    /// # Errors
    /// The index cannot be read.
    pub(crate) fn build(
        ctx: &mut SearchContext<'_>,
        terms: &[LocatedTerm],
    ) -> Result<(QueryGraph, Vec<LocatedTerm>)> {
        let mut nodes = vec![Node::default(), Node::default()];
        let mut ngrams = Vec::new();
        for last in 0..terms.len() {
            nodes.push(Node { term: Some(terms[last]), ..Node::default() });
            for size in [2, 3] {
                let Some(first) = (last + 1).checked_sub(size) else { continue };
                if let Some(ngram) = ctx.ngram(&terms[first..=last])? {
                    nodes.push(Node { term: Some(ngram), ..Node::default() });
                    ngrams.push(ngram);
                }
            }
        }
        let mut graph = QueryGraph { nodes };
        graph.connect_neighbours();
        let highlighted = terms.iter().copied().chain(ngrams).collect();
        Ok((graph, highlighted))
    }

    /// Merges paths into a graph: two paths share a node if the term and all that follows it are
    /// equal (search.md 8.4).
    pub(crate) fn from_paths(paths: &[Vec<LocatedTerm>]) -> QueryGraph {
        let mut graph = QueryGraph { nodes: vec![Node::default(), Node::default()] };
        let mut shared = rustc_hash::FxHashMap::default();
        for path in paths {
            let mut next = Self::END;
            for &term in path.iter().rev() {
                next = *shared.entry((term, next)).or_insert_with(|| {
                    graph.nodes.push(Node { term: Some(term), ..Node::default() });
                    let node = graph.nodes.len() - 1;
                    graph.connect(node, next);
                    node
                });
            }
            graph.connect(Self::START, next);
        }
        graph
    }

    /// Edges lead to the nodes whose first term is the smallest one behind the node's last term.
    fn connect_neighbours(&mut self) {
        let spans: Vec<_> = self.nodes.iter().map(|node| node.term.map(|term| term.ids)).collect();
        for node in (0..self.nodes.len()).filter(|&node| node != Self::END) {
            let first_free = spans[node].map_or(0, |ids| u16::from(ids.last) + 1);
            let starts = || spans.iter().map(|ids| ids.map(|ids| u16::from(ids.first)));
            let next = starts().flatten().filter(|&first| first >= first_free).min();
            match next {
                None => self.connect(node, Self::END),
                Some(_) => {
                    let successors: Vec<NodeId> = starts()
                        .enumerate()
                        .filter(|(_, first)| *first == next)
                        .map(|(id, _)| id)
                        .collect();
                    for successor in successors {
                        self.connect(node, successor);
                    }
                }
            }
        }
    }

    fn connect(&mut self, from: NodeId, to: NodeId) {
        insert_sorted(&mut self.nodes[from].successors, to);
        insert_sorted(&mut self.nodes[to].predecessors, from);
    }

    /// A node.
    pub(crate) fn node(&self, id: NodeId) -> &Node {
        &self.nodes[id]
    }

    /// Number of nodes, removed ones included.
    pub(crate) fn len(&self) -> usize {
        self.nodes.len()
    }

    /// The nodes that hold a term, in the order of their ids.
    pub(crate) fn terms(&self) -> impl Iterator<Item = (NodeId, &LocatedTerm)> {
        self.nodes.iter().enumerate().filter_map(|(id, node)| Some((id, node.term.as_ref()?)))
    }

    /// Removes nodes, connecting what came before them with what came behind.
    pub(crate) fn remove_keeping_edges(&mut self, removed: &[NodeId]) {
        for &id in removed {
            let node = std::mem::take(&mut self.nodes[id]);
            for &before in &node.predecessors {
                self.nodes[before].successors.retain(|&other| other != id);
            }
            for &behind in &node.successors {
                self.nodes[behind].predecessors.retain(|&other| other != id);
            }
            for &before in &node.predecessors {
                for &behind in &node.successors {
                    self.connect(before, behind);
                }
            }
        }
    }

    /// Groups of nodes in the order in which a strategy removes them (search.md 4.3).
    ///
    /// # Errors
    /// The index cannot be read.
    pub(crate) fn removal_order(
        &self,
        ctx: &mut SearchContext<'_>,
        strategy: MatchingStrategy,
    ) -> Result<Vec<Vec<NodeId>>> {
        let costs = match strategy {
            MatchingStrategy::All => return Ok(Vec::new()),
            MatchingStrategy::Last => self.costs_from_the_end(),
            MatchingStrategy::Frequency => self.costs_by_frequency(ctx)?,
        };
        if costs.is_empty() {
            return Ok(Vec::new());
        }
        let mut groups = std::collections::BTreeMap::<u64, Vec<NodeId>>::new();
        let mut all_removable = true;
        for (id, term) in self.terms() {
            let is_phrase = ctx.term(term.subset.term).phrase.is_some();
            if is_phrase || term.subset.is_mandatory {
                all_removable = false;
                continue;
            }
            let ids = usize::from(term.ids.first)..=usize::from(term.ids.last);
            let cost = costs.get(ids).into_iter().flatten().max().copied().unwrap_or_default();
            groups.entry(cost).or_default().push(id);
        }
        let mut groups: Vec<_> = groups.into_values().collect();
        if all_removable {
            groups.pop();
        }
        Ok(groups)
    }

    /// Cost of each query term when the last one is dropped first; none for a single term.
    fn costs_from_the_end(&self) -> Vec<u64> {
        let first = self.terms().map(|(_, term)| term.ids.first).min();
        let last = self.terms().map(|(_, term)| term.ids.last).max();
        match (first, last) {
            (Some(first), Some(last)) if first < last => {
                (0..=last).map(|id| 1 + u64::from(last - id)).collect()
            }
            _ => Vec::new(),
        }
    }

    /// Cost of each query term when the most frequent one is dropped first.
    fn costs_by_frequency(&self, ctx: &mut SearchContext<'_>) -> Result<Vec<u64>> {
        let last = self.terms().map(|(_, term)| term.ids.last).max();
        let number = last.map_or(0, |last| usize::from(last) + 1);
        let mut docids = vec![RoaringBitmap::new(); number];
        for (_, term) in self.terms() {
            let found = ctx.term_docids(term.subset, None)?;
            for id in term.ids.first..=term.ids.last {
                docids[usize::from(id)] |= &found;
            }
        }
        let counts: Vec<u64> = docids
            .iter()
            .map(|docids| docids.len().checked_sub(1).map_or(u64::MAX, |n| n + 1))
            .collect();
        let mut order: Vec<usize> = (0..number).collect();
        order.sort_by_key(|&id| std::cmp::Reverse(counts[id]));
        let mut costs = vec![0; number];
        let mut cost = 1;
        for (at, &id) in order.iter().enumerate() {
            if at > 0 && counts[order[at - 1]] != counts[id] {
                cost += 1;
            }
            costs[id] = cost;
        }
        Ok(costs)
    }

    /// Number of words that are no holes in all original phrases.
    pub(crate) fn words_in_phrases(&self, ctx: &SearchContext<'_>) -> u32 {
        let phrases = self.terms().filter_map(|(_, term)| ctx.term(term.subset.term).phrase);
        phrases.map(|phrase| ctx.phrase(phrase).iter().flatten().count() as u32).sum()
    }

    /// Documents of the universe that satisfy some path (search.md 4.4).
    ///
    /// # Errors
    /// The index cannot be read.
    pub(crate) fn docids(
        &self,
        ctx: &mut SearchContext<'_>,
        universe: &RoaringBitmap,
    ) -> Result<RoaringBitmap> {
        let mut resolved: Vec<Option<RoaringBitmap>> = vec![None; self.nodes.len()];
        let mut queue = VecDeque::from([Self::START]);
        while let Some(id) = queue.pop_front() {
            let node = &self.nodes[id];
            if resolved[id].is_some()
                || node.predecessors.iter().any(|&before| resolved[before].is_none())
            {
                continue;
            }
            let docids = if id == Self::START {
                universe.clone()
            } else {
                let mut docids = RoaringBitmap::new();
                for before in
                    node.predecessors.iter().filter_map(|&before| resolved[before].as_ref())
                {
                    docids |= before;
                }
                if let Some(term) = &node.term {
                    docids &= ctx.term_docids(term.subset, Some(universe))?;
                }
                docids
            };
            resolved[id] = Some(docids);
            // A node is queued by each predecessor and computed behind the last of them.
            queue.extend(&node.successors);
        }
        Ok(resolved.swap_remove(Self::END).unwrap_or_default())
    }
}

fn insert_sorted(ids: &mut Vec<NodeId>, id: NodeId) {
    if let Err(at) = ids.binary_search(&id) {
        ids.insert(at, id);
    }
}

#[cfg(test)]
pub(crate) mod testing {
    use super::*;
    use crate::query::terms::{Span, TermSubset};

    /// The graph of words at the given positions; a word in quotes is a phrase.
    pub(crate) fn graph(ctx: &mut SearchContext<'_>, words: &[(&str, u16)]) -> QueryGraph {
        let mut terms = Vec::new();
        for (id, (word, position)) in words.iter().enumerate() {
            let term = match word.strip_prefix('"') {
                Some(phrase) => {
                    ctx.phrase_term(&phrase.split(' ').map(|word| Some(word.to_owned())).collect())
                }
                None => ctx.word_term(word, false).unwrap(),
            };
            terms.push(LocatedTerm {
                subset: TermSubset::full(term),
                positions: Span { first: *position, last: *position },
                ids: Span { first: id as u8, last: id as u8 },
            });
        }
        QueryGraph::build(ctx, &terms).unwrap().0
    }
}

#[cfg(test)]
mod tests {
    use super::testing::graph;
    use super::*;
    use crate::query::context::testing::with_empty_index;

    /// Prints each node as `first-last>successors`, by the term ids that it covers.
    fn show(graph: &QueryGraph) -> String {
        let name = |id: NodeId| match graph.node(id).term {
            Some(term) => format!("{}-{}", term.ids.first, term.ids.last),
            None if id == QueryGraph::START => "START".to_owned(),
            None => "END".to_owned(),
        };
        let node = |id: NodeId| {
            let successors = &graph.node(id).successors;
            let successors: Vec<_> = successors.iter().map(|&id| name(id)).collect();
            format!("{}>{}", name(id), successors.join(","))
        };
        let nodes = (0..graph.len()).filter(|&id| !graph.node(id).successors.is_empty());
        nodes.map(node).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn ngrams_need_neighbours_without_a_gap() {
        with_empty_index(|ctx| {
            let words = graph(ctx, &[("a", 0), ("b", 1), ("c", 2)]);
            assert_eq!(
                show(&words),
                "START>0-0,0-1,0-2 0-0>1-1,1-2 1-1>2-2 0-1>2-2 2-2>END 1-2>END 0-2>END"
            );
            let gap = graph(ctx, &[("a", 0), ("b", 2), ("c", 3)]);
            assert_eq!(show(&gap), "START>0-0 0-0>1-1,1-2 1-1>2-2 2-2>END 1-2>END");
            let phrase = graph(ctx, &[("a", 0), ("\"b", 1), ("c", 2)]);
            assert_eq!(show(&phrase), "START>0-0 0-0>1-1 1-1>2-2 2-2>END");
        });
    }

    #[test]
    fn last_removes_from_the_end_and_keeps_something() {
        with_empty_index(|ctx| {
            let words = graph(ctx, &[("a", 0), ("b", 1), ("c", 2)]);
            let order = words.removal_order(ctx, MatchingStrategy::Last).unwrap();
            let ids = |group: &Vec<NodeId>| -> Vec<(u8, u8)> {
                let term = |id: &NodeId| words.node(*id).term.unwrap().ids;
                group.iter().map(term).map(|ids| (ids.first, ids.last)).collect()
            };
            let order: Vec<_> = order.iter().map(ids).collect();
            assert_eq!(order, [vec![(2, 2)], vec![(1, 1), (1, 2)]]);

            let single = graph(ctx, &[("a", 0)]);
            assert!(single.removal_order(ctx, MatchingStrategy::Last).unwrap().is_empty());
            // Beside a phrase all words may go.
            let phrase = graph(ctx, &[("a", 0), ("\"b c", 1), ("d", 3)]);
            assert_eq!(phrase.removal_order(ctx, MatchingStrategy::Last).unwrap().len(), 2);
            assert!(phrase.removal_order(ctx, MatchingStrategy::All).unwrap().is_empty());
        });
    }

    #[test]
    fn removing_connects_the_neighbours() {
        with_empty_index(|ctx| {
            let mut words = graph(ctx, &[("a", 0), ("b", 1), ("c", 2)]);
            for group in words.removal_order(ctx, MatchingStrategy::Last).unwrap() {
                words.remove_keeping_edges(&group);
            }
            assert_eq!(show(&words), "START>0-0,0-1,0-2 0-0>END 0-1>END 0-2>END");
        });
    }

    #[test]
    fn paths_share_equal_ends() {
        with_empty_index(|ctx| {
            let words = graph(ctx, &[("a", 0), ("b", 1), ("c", 2)]);
            let term = |first, last| {
                let is_it = |term: &&LocatedTerm| (term.ids.first, term.ids.last) == (first, last);
                *words.terms().map(|(_, term)| term).find(is_it).unwrap()
            };
            let paths = [
                vec![term(0, 0), term(1, 1), term(2, 2)],
                vec![term(0, 1), term(2, 2)],
                vec![term(0, 0), term(1, 2)],
            ];
            let merged = QueryGraph::from_paths(&paths);
            // Two nodes for the first word: different words follow.
            assert_eq!(
                show(&merged),
                "START>0-0,0-1,0-0 2-2>END 1-1>2-2 0-0>1-1 0-1>2-2 1-2>END 0-0>1-2"
            );
        });
    }
}
