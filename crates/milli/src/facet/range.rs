//! Documents that have a value between two bounds. Whole nodes inside the range are taken as they
//! are; only the nodes on its two edges are opened, so a range costs a few nodes a level.

use std::ops::Bound;

use roaring::RoaringBitmap;

use super::tree::{FacetTree, Node};
use crate::error::Result;

/// The documents with a value whose bytes lie in `(left, right)`.
pub(crate) fn documents_in_range(
    tree: FacetTree<'_>,
    left: Bound<&[u8]>,
    right: Bound<&[u8]>,
) -> Result<RoaringBitmap> {
    let mut walk = RangeWalk { tree, left, right, found: RoaringBitmap::new() };
    if let Some(level) = tree.highest_level()? {
        walk.visit(tree.nodes(level, &[], None)?, None)?;
    }
    Ok(walk.found)
}

struct RangeWalk<'r, 't> {
    tree: FacetTree<'t>,
    left: Bound<&'r [u8]>,
    right: Bound<&'r [u8]>,
    found: RoaringBitmap,
}

impl<'t> RangeWalk<'_, 't> {
    /// Visits consecutive nodes; `end` is the bound behind the last of them, if one follows.
    fn visit(
        &mut self,
        nodes: impl Iterator<Item = Result<Node<'t>>>,
        end: Option<&[u8]>,
    ) -> Result<()> {
        let mut nodes = nodes.peekable();
        while let Some(node) = nodes.next().transpose()? {
            let node_end = match nodes.peek() {
                Some(Ok(next)) => Some(next.bound),
                Some(Err(_)) => None,
                None => end,
            };
            if self.is_right_of_range(node.bound) {
                return Ok(());
            }
            if self.is_left_of_range(&node, node_end) {
                continue;
            }
            if node.level == 0 || self.is_inside(&node, node_end) {
                node.union_into(&mut self.found)?;
            } else {
                let children = self.tree.nodes(node.level - 1, node.bound, None)?;
                self.visit(children.take(usize::from(node.size)), node_end)?;
            }
        }
        Ok(())
    }

    fn is_right_of_range(&self, bound: &[u8]) -> bool {
        match self.right {
            Bound::Included(right) => bound > right,
            Bound::Excluded(right) => bound >= right,
            Bound::Unbounded => false,
        }
    }

    /// Whether every value of the node is before the range. A value of level 0 is its bound; a
    /// group reaches up to `end`.
    fn is_left_of_range(&self, node: &Node<'_>, end: Option<&[u8]>) -> bool {
        if node.level == 0 {
            return !self.starts_before(node.bound);
        }
        match self.left {
            Bound::Included(left) | Bound::Excluded(left) => end.is_some_and(|end| end <= left),
            Bound::Unbounded => false,
        }
    }

    /// Whether the range begins at or before `bound`.
    fn starts_before(&self, bound: &[u8]) -> bool {
        match self.left {
            Bound::Included(left) => left <= bound,
            Bound::Excluded(left) => left < bound,
            Bound::Unbounded => true,
        }
    }

    /// Whether every value of a group, which lies before `end`, is in the range.
    fn is_inside(&self, node: &Node<'_>, end: Option<&[u8]>) -> bool {
        let ends_inside = match self.right {
            Bound::Included(right) | Bound::Excluded(right) => end.is_some_and(|end| end <= right),
            Bound::Unbounded => true,
        };
        ends_inside && self.starts_before(node.bound)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::facet::number_bound;
    use crate::facet::testing::TestIndex;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]
        #[test]
        fn a_range_is_what_a_scan_finds(
            values in prop::collection::btree_set(-50..50i32, 0..60),
            bounds in prop::collection::vec((0..3u8, -55..55i32, 0..3u8, -55..55i32), 20),
        ) {
            let test = TestIndex::new();
            let values: Vec<_> = values.into_iter().map(f64::from).collect();
            let docids: Vec<[u32; 2]> = (0..).map(|i| [i, i + 1]).take(values.len()).collect();
            let entries: Vec<_> =
                values.iter().zip(&docids).map(|(&value, docids)| (value, &docids[..])).collect();
            test.numbers(3, &entries);
            let rtxn = test.index.read_txn().unwrap();
            let tree = FacetTree::numbers(&test.index, &rtxn, 3);
            let bound = |kind: u8, value: i32| match kind {
                0 => Bound::Included(f64::from(value)),
                1 => Bound::Excluded(f64::from(value)),
                _ => Bound::Unbounded,
            };
            for (left_kind, left, right_kind, right) in bounds {
                let (left, right) = (bound(left_kind, left), bound(right_kind, right));
                let inside = |value: f64| {
                    let after = match left {
                        Bound::Included(left) => left <= value,
                        Bound::Excluded(left) => left < value,
                        Bound::Unbounded => true,
                    };
                    let before = match right {
                        Bound::Included(right) => value <= right,
                        Bound::Excluded(right) => value < right,
                        Bound::Unbounded => true,
                    };
                    after && before
                };
                let scanned: RoaringBitmap = entries
                    .iter()
                    .filter(|(value, _)| inside(*value))
                    .flat_map(|(_, docids)| docids.iter().copied())
                    .collect();
                let (left, right) = (left.map(|v| number_bound(v).unwrap()), right.map(|v| number_bound(v).unwrap()));
                let found = documents_in_range(
                    tree,
                    left.as_ref().map(|bound| &bound[..]),
                    right.as_ref().map(|bound| &bound[..]),
                ).unwrap();
                prop_assert_eq!(found, scanned);
            }
        }
    }
}
