//! A growable set of small numbers: nodes, conditions, costs.

use smallvec::SmallVec;

const BITS: usize = u64::BITS as usize;

/// A set of small numbers.
#[derive(Clone, Debug, Default)]
pub(super) struct BitSet {
    blocks: SmallVec<[u64; 2]>,
}

impl BitSet {
    pub(super) fn insert(&mut self, number: usize) {
        let block = number / BITS;
        if block >= self.blocks.len() {
            self.blocks.resize(block + 1, 0);
        }
        self.blocks[block] |= 1 << (number % BITS);
    }

    pub(super) fn contains(&self, number: usize) -> bool {
        self.blocks.get(number / BITS).is_some_and(|block| block >> (number % BITS) & 1 == 1)
    }

    pub(super) fn union(&mut self, other: &BitSet) {
        self.union_shifted(other, 0);
    }

    /// Adds every number of `other` plus `shift`.
    pub(super) fn union_shifted(&mut self, other: &BitSet, shift: usize) {
        let (blocks, bits) = (shift / BITS, shift % BITS);
        let needed = other.blocks.len() + blocks + usize::from(bits > 0);
        if self.blocks.len() < needed {
            self.blocks.resize(needed, 0);
        }
        for (at, block) in other.blocks.iter().enumerate() {
            self.blocks[at + blocks] |= block << bits;
            if bits > 0 {
                self.blocks[at + blocks + 1] |= block >> (BITS - bits);
            }
        }
    }

    /// The smallest number that is at least `from`.
    pub(super) fn first_from(&self, from: usize) -> Option<usize> {
        let mut block = from / BITS;
        let mut bits = self.blocks.get(block)? & (u64::MAX << (from % BITS));
        while bits == 0 {
            block += 1;
            bits = *self.blocks.get(block)?;
        }
        Some(block * BITS + bits.trailing_zeros() as usize)
    }

    /// The greatest number.
    pub(super) fn max(&self) -> Option<usize> {
        let block = self.blocks.iter().rposition(|block| *block != 0)?;
        Some(block * BITS + BITS - 1 - self.blocks[block].leading_zeros() as usize)
    }
}

impl FromIterator<usize> for BitSet {
    fn from_iter<I: IntoIterator<Item = usize>>(numbers: I) -> BitSet {
        let mut set = BitSet::default();
        for number in numbers {
            set.insert(number);
        }
        set
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn behaves_like_a_set(
            left in proptest::collection::btree_set(0usize..400, 0..40),
            right in proptest::collection::btree_set(0usize..400, 0..40),
            shift in 0usize..200,
            from in 0usize..700,
        ) {
            let mut set: BitSet = left.iter().copied().collect();
            set.union_shifted(&right.iter().copied().collect(), shift);
            let expected: BTreeSet<usize> =
                left.iter().copied().chain(right.iter().map(|n| n + shift)).collect();
            for number in 0..700 {
                prop_assert_eq!(set.contains(number), expected.contains(&number));
            }
            prop_assert_eq!(set.max(), expected.last().copied());
            prop_assert_eq!(set.first_from(from), expected.range(from..).next().copied());
        }
    }
}
