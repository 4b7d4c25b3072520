//! Values of a field in order, each with its documents: numbers first, then strings, ascending or
//! descending within each kind (search.md 10.2). A document comes once, at its first value.

use roaring::RoaringBitmap;

use super::FacetValue;
use super::tree::{FacetTree, Node};
use crate::error::Result;
use crate::schema::FieldId;
use crate::store::{Index, RoTxn};

type Nodes<'t> = Box<dyn Iterator<Item = Result<Node<'t>>> + 't>;

/// Buckets of `universe` by the increasing values of a field.
pub fn ascending<'t>(
    index: &Index,
    rtxn: &'t RoTxn<'t>,
    fid: FieldId,
    universe: RoaringBitmap,
) -> Result<OrderedBuckets<'t>> {
    OrderedBuckets::new(index, rtxn, fid, universe, Direction::Ascending)
}

/// Buckets of `universe` by the decreasing values of a field.
pub fn descending<'t>(
    index: &Index,
    rtxn: &'t RoTxn<'t>,
    fid: FieldId,
    universe: RoaringBitmap,
) -> Result<OrderedBuckets<'t>> {
    OrderedBuckets::new(index, rtxn, fid, universe, Direction::Descending)
}

/// Which value comes first.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Direction {
    Ascending,
    Descending,
}

/// The smallest and the greatest number that a document of `universe` has in the field.
pub(crate) fn number_extremes(
    index: &Index,
    rtxn: &RoTxn<'_>,
    fid: FieldId,
    universe: &RoaringBitmap,
) -> Result<Option<(f64, f64)>> {
    let tree = FacetTree::numbers(index, rtxn, fid);
    let first = |direction| -> Result<Option<f64>> {
        let mut walk = TreeWalk::new(tree, direction)?;
        match walk.next_in(universe)? {
            Some((bound, _)) => match tree.decode(bound)? {
                FacetValue::Number(number) => Ok(Some(number)),
                FacetValue::String(_) => Ok(None),
            },
            None => Ok(None),
        }
    };
    Ok(first(Direction::Ascending)?.zip(first(Direction::Descending)?))
}

/// Iterator over (value, documents); see [`ascending`] and [`descending`].
pub struct OrderedBuckets<'t> {
    numbers: (FacetTree<'t>, TreeWalk<'t>),
    strings: (FacetTree<'t>, TreeWalk<'t>),
    remaining: RoaringBitmap,
}

impl<'t> OrderedBuckets<'t> {
    fn new(
        index: &Index,
        rtxn: &'t RoTxn<'t>,
        fid: FieldId,
        universe: RoaringBitmap,
        direction: Direction,
    ) -> Result<Self> {
        let numbers = FacetTree::numbers(index, rtxn, fid);
        let strings = FacetTree::strings(index, rtxn, fid);
        Ok(Self {
            numbers: (numbers, TreeWalk::new(numbers, direction)?),
            strings: (strings, TreeWalk::new(strings, direction)?),
            remaining: universe,
        })
    }

    /// Documents that have not come yet; at the end, those without a value.
    pub fn remaining(&self) -> &RoaringBitmap {
        &self.remaining
    }

    fn next_bucket(&mut self) -> Result<Option<(FacetValue, RoaringBitmap)>> {
        for (tree, walk) in [&mut self.numbers, &mut self.strings] {
            if let Some((bound, docids)) = walk.next_in(&self.remaining)? {
                self.remaining -= &docids;
                return Ok(Some((tree.decode(bound)?, docids)));
            }
        }
        Ok(None)
    }
}

impl Iterator for OrderedBuckets<'_> {
    type Item = Result<(FacetValue, RoaringBitmap)>;

    fn next(&mut self) -> Option<Self::Item> {
        self.next_bucket().transpose()
    }
}

/// Depth-first walk over the nodes of one tree that meet a set.
pub(crate) struct TreeWalk<'t> {
    tree: FacetTree<'t>,
    direction: Direction,
    /// The nodes that are still to visit, a group a level from the root down.
    open: Vec<Group<'t>>,
}

/// Consecutive nodes of one level.
struct Group<'t> {
    nodes: Nodes<'t>,
    /// The bound behind the nodes that are still to visit. Only kept when walking down from it.
    end: Option<&'t [u8]>,
}

impl<'t> TreeWalk<'t> {
    pub(crate) fn new(tree: FacetTree<'t>, direction: Direction) -> Result<Self> {
        let mut walk = Self { tree, direction, open: Vec::new() };
        if let Some(level) = tree.highest_level()? {
            let nodes = walk.nodes(level, &[], None, usize::MAX)?;
            walk.open.push(Group { nodes, end: None });
        }
        Ok(walk)
    }

    fn nodes(&self, level: u8, from: &[u8], to: Option<&[u8]>, count: usize) -> Result<Nodes<'t>> {
        Ok(match self.direction {
            Direction::Ascending => Box::new(self.tree.nodes(level, from, to)?.take(count)),
            Direction::Descending => Box::new(self.tree.nodes_reversed(level, from, to)?),
        })
    }

    /// The next value that documents of `universe` have, and those documents.
    pub(crate) fn next_in(
        &mut self,
        universe: &RoaringBitmap,
    ) -> Result<Option<(&'t [u8], RoaringBitmap)>> {
        if universe.is_empty() {
            return Ok(None);
        }
        while let Some(group) = self.open.last_mut() {
            let Some(node) = group.nodes.next().transpose()? else {
                self.open.pop();
                continue;
            };
            let end = match self.direction {
                Direction::Ascending => None,
                Direction::Descending => group.end.replace(node.bound),
            };
            let docids = node.docids_in(universe)?;
            if docids.is_empty() {
                continue;
            }
            if node.level == 0 {
                return Ok(Some((node.bound, docids)));
            }
            let nodes = self.nodes(node.level - 1, node.bound, end, usize::from(node.size))?;
            self.open.push(Group { nodes, end });
        }
        Ok(None)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::facet::testing::TestIndex;

    fn buckets(walk: OrderedBuckets<'_>) -> Vec<(FacetValue, Vec<u32>)> {
        walk.map(|bucket| bucket.map(|(value, docids)| (value, docids.iter().collect())).unwrap())
            .collect()
    }

    #[test]
    fn numbers_come_before_strings_in_both_directions() {
        let test = TestIndex::new();
        test.numbers(0, &[(2.0, &[0, 1]), (-1.0, &[1])]);
        test.strings(0, &[("B", &[2, 0]), ("a", &[3])]);
        let rtxn = test.index.read_txn().unwrap();
        let universe: RoaringBitmap = (0..5).collect();
        let text = |text: &str| FacetValue::String(text.to_owned());
        use FacetValue::Number;
        let mut walk = ascending(&test.index, &rtxn, 0, universe.clone()).unwrap();
        assert_eq!(
            walk.by_ref().map(|bucket| bucket.unwrap().0).collect::<Vec<_>>(),
            [Number(-1.0), Number(2.0), text("a"), text("b")]
        );
        assert_eq!(walk.remaining().iter().collect::<Vec<_>>(), [4]);
        assert_eq!(
            buckets(descending(&test.index, &rtxn, 0, universe).unwrap()),
            [(Number(2.0), vec![0, 1]), (text("b"), vec![2]), (text("a"), vec![3]),]
        );
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]
        #[test]
        fn order_is_what_sorting_gives(
            values in prop::collection::btree_map(-50..50i32, prop::collection::vec(0..30u32, 1..4), 0..60),
            universe in prop::collection::btree_set(0..30u32, 0..30),
        ) {
            let test = TestIndex::new();
            let entries: Vec<_> =
                values.iter().map(|(value, docids)| (f64::from(*value), &docids[..])).collect();
            test.numbers(1, &entries);
            let rtxn = test.index.read_txn().unwrap();
            let universe: RoaringBitmap = universe.into_iter().collect();

            let naive = |order: &mut dyn Iterator<Item = &(f64, &[u32])>| {
                let mut left = universe.clone();
                let mut expected = Vec::new();
                for (value, docids) in order {
                    let bucket = &left & docids.iter().copied().collect::<RoaringBitmap>();
                    left -= &bucket;
                    if !bucket.is_empty() {
                        expected.push((FacetValue::Number(*value), bucket.iter().collect::<Vec<_>>()));
                    }
                }
                expected
            };
            let up = ascending(&test.index, &rtxn, 1, universe.clone()).unwrap();
            prop_assert_eq!(buckets(up), naive(&mut entries.iter()));
            let down = descending(&test.index, &rtxn, 1, universe.clone()).unwrap();
            prop_assert_eq!(buckets(down), naive(&mut entries.iter().rev()));
            let first = buckets(ascending(&test.index, &rtxn, 1, universe.clone()).unwrap());
            let last = buckets(descending(&test.index, &rtxn, 1, universe.clone()).unwrap());
            let extremes = number_extremes(&test.index, &rtxn, 1, &universe).unwrap();
            let number = |bucket: &(FacetValue, Vec<u32>)| match bucket.0 {
                FacetValue::Number(number) => number,
                FacetValue::String(_) => f64::NAN,
            };
            prop_assert_eq!(extremes, first.first().map(number).zip(last.first().map(number)));
        }
    }
}
