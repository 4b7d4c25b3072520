//! Conditions that are known to give nothing: everywhere, or behind a prefix of a path (search.md 8.3).

use rustc_hash::FxHashMap;

use super::bitset::BitSet;
use super::edges::ConditionId;

/// A tree of path prefixes, each with the conditions that are forbidden anywhere behind it.
#[derive(Default)]
pub(super) struct DeadEnds {
    forbidden: BitSet,
    longer: FxHashMap<ConditionId, DeadEnds>,
}

impl DeadEnds {
    /// Forbids a condition behind a prefix; behind the empty one it is forbidden everywhere.
    pub(super) fn forbid(&mut self, prefix: &[ConditionId], condition: ConditionId) {
        match prefix.split_first() {
            None => self.forbidden.insert(condition),
            Some((first, rest)) => {
                self.longer.entry(*first).or_default().forbid(rest, condition);
            }
        }
    }

    /// Whether a path may not be continued with a condition.
    pub(super) fn forbids(&self, path: &[ConditionId], condition: ConditionId) -> bool {
        self.forbidden.contains(condition)
            || path.split_first().is_some_and(|(first, rest)| {
                self.longer.get(first).is_some_and(|tree| tree.forbids(rest, condition))
            })
    }

    /// The conditions that are forbidden everywhere.
    pub(super) fn everywhere(&self) -> &BitSet {
        &self.forbidden
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_condition_is_forbidden_anywhere_behind_its_prefix() {
        let mut dead_ends = DeadEnds::default();
        dead_ends.forbid(&[1, 2], 3);
        assert!(dead_ends.forbids(&[1, 2], 3));
        assert!(dead_ends.forbids(&[1, 2, 4], 3));
        assert!(!dead_ends.forbids(&[1], 3));
        assert!(!dead_ends.forbids(&[2, 1], 3));
        assert!(!dead_ends.forbids(&[1, 2], 4));
        dead_ends.forbid(&[], 5);
        assert!(dead_ends.forbids(&[], 5) && dead_ends.forbids(&[1, 2], 5));
        assert!(dead_ends.everywhere().contains(5) && !dead_ends.everywhere().contains(3));
    }
}
