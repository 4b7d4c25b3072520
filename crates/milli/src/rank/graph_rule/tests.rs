//! The engine against the definition: random conditions on a random query, all paths by brute force.

use std::collections::BTreeMap;

use proptest::prelude::*;
use rustc_hash::FxHashMap;

use super::*;
use crate::query::context::testing::with_empty_index;
use crate::query::graph::MatchingStrategy;
use crate::query::graph::testing::graph;

/// Documents of the test.
const DOCIDS: u32 = 24;
/// Conditions of each term; the cost of the k-th is `k` times the term's size.
const CONDITIONS: u32 = 3;

/// First and last id of a term, and the number of the condition.
type Key = (u8, u8, u32);

fn key(term: &LocatedTerm, number: u32) -> Key {
    (term.ids.first, term.ids.last, number)
}

struct RandomRanking {
    docids: FxHashMap<Key, RoaringBitmap>,
    strategy: MatchingStrategy,
}

impl Ranking for RandomRanking {
    type Condition = (LocatedTerm, u32);

    fn edges(
        &self,
        _ctx: &mut SearchContext<'_>,
        _source: Option<&LocatedTerm>,
        dest: &LocatedTerm,
    ) -> Result<Vec<(u32, Self::Condition)>> {
        Ok((0..CONDITIONS).map(|number| (number * dest.size(), (*dest, number))).collect())
    }

    fn docids(
        &self,
        _ctx: &mut SearchContext<'_>,
        (term, number): &Self::Condition,
        universe: &RoaringBitmap,
    ) -> Result<RoaringBitmap> {
        Ok(&self.docids[&key(term, *number)] & universe)
    }

    fn refined(&self, (term, _): &Self::Condition) -> LocatedTerm {
        *term
    }

    fn score(&self, rank: Rank) -> ScoreDetail {
        ScoreDetail::Proximity(rank)
    }

    fn removal_order(
        &mut self,
        ctx: &mut SearchContext<'_>,
        graph: &QueryGraph,
    ) -> Result<Vec<Vec<NodeId>>> {
        graph.removal_order(ctx, self.strategy)
    }
}

/// Adds the documents of all paths from `node` to END to the set of their cost.
fn add_paths(
    query: &QueryGraph,
    order: &[Vec<NodeId>],
    docids: &FxHashMap<Key, RoaringBitmap>,
    (node, cost, must_skip, documents): (NodeId, u32, Vec<NodeId>, RoaringBitmap),
    found: &mut BTreeMap<u32, RoaringBitmap>,
) {
    if node == QueryGraph::END {
        *found.entry(cost).or_default() |= documents;
        return;
    }
    for &next in &query.node(node).successors {
        let mut go = |cost, must_skip: &[NodeId], documents: RoaringBitmap| {
            add_paths(query, order, docids, (next, cost, must_skip.to_vec(), documents), found);
        };
        let Some(term) = &query.node(next).term else {
            go(cost, &must_skip, documents.clone());
            continue;
        };
        if let Some(group) = order.iter().position(|group| group.contains(&next)) {
            let must_skip = [must_skip.clone(), order[..group].concat()].concat();
            go(cost + term.size(), &must_skip, documents.clone());
        }
        if !must_skip.contains(&next) {
            for number in 0..CONDITIONS {
                let documents = &documents & &docids[&key(term, number)];
                go(cost + number * term.size(), &must_skip, documents);
            }
        }
    }
}

fn sets() -> impl Strategy<Value = Vec<RoaringBitmap>> {
    // Bits of documents; the intersection of two numbers makes small and empty sets common.
    let bits = (0..1u32 << DOCIDS, 0..1u32 << DOCIDS, 0..1u32 << DOCIDS);
    let set =
        bits.prop_map(|(a, b, c)| (0..DOCIDS).filter(|bit| (a & b & c) >> bit & 1 == 1).collect());
    proptest::collection::vec(set, 9 * CONDITIONS as usize)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn buckets_are_the_documents_of_the_paths_of_their_cost(
        sets in sets(),
        words in 1usize..=4,
        strategy in prop_oneof![Just(MatchingStrategy::All), Just(MatchingStrategy::Last)],
        removed in 0..DOCIDS,
    ) {
        with_empty_index(|ctx| {
            let text = [("a", 0), ("b", 1), ("c", 2), ("d", 3)];
            let query = graph(ctx, &text[..words]);
            let mut sets = sets.into_iter();
            let mut docids = FxHashMap::default();
            for (_, term) in query.terms() {
                for number in 0..CONDITIONS {
                    docids.insert(key(term, number), sets.next().unwrap_or_default());
                }
            }
            let order = query.removal_order(ctx, strategy).unwrap();
            let mut universe: RoaringBitmap = (0..DOCIDS).collect();
            let mut expected = BTreeMap::new();
            let start = (QueryGraph::START, 0, Vec::new(), universe.clone());
            add_paths(&query, &order, &docids, start, &mut expected);
            let max_cost = *expected.keys().last().unwrap();

            let query = Rc::new(query);
            let mut rule = GraphRule::new(RandomRanking { docids: docids.clone(), strategy });
            rule.start(ctx, &universe, &query).unwrap();
            let mut last_rank = u32::MAX;
            while let Some(bucket) = rule.next_bucket(ctx, &universe).unwrap() {
                let ScoreDetail::Proximity(rank) = bucket.score else { panic!() };
                prop_assert_eq!(rank.max_rank, max_cost + 1);
                prop_assert!(rank.rank < last_rank && rank.rank > 0);
                last_rank = rank.rank;
                // Costs that lost all their conditions have no bucket: they must be empty.
                let cost = rank.max_rank - rank.rank;
                let documents = expected.remove(&cost).unwrap_or_default();
                prop_assert_eq!(&bucket.docids, &(documents & &universe));
                universe -= &bucket.docids;
                // The next rule sees every document of the bucket in the refined query.
                let mut refined = BTreeMap::new();
                let start = (QueryGraph::START, 0, Vec::new(), bucket.docids.clone());
                let any_number: FxHashMap<Key, RoaringBitmap> = docids
                    .keys()
                    .map(|&(first, last, number)| {
                        let all = (0..CONDITIONS).map(|number| &docids[&(first, last, number)]);
                        ((first, last, number), all.fold(RoaringBitmap::new(), |all, set| all | set))
                    })
                    .collect();
                add_paths(&bucket.query, &[], &any_number, start, &mut refined);
                let refined = refined.into_values().fold(RoaringBitmap::new(), |all, set| all | set);
                prop_assert_eq!(&refined, &bucket.docids);
                // Documents that distinct takes away between two buckets do not come back.
                universe.remove(removed);
            }
            for (cost, documents) in expected {
                prop_assert!(documents.is_disjoint(&universe), "cost {cost} had no bucket");
            }
            Ok(())
        })?;
    }
}
