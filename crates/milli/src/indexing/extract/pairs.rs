//! The words of a document → pairs of words that stand close together (indexing.md section 9).

use crate::indexing::delta::{Delta, Op, Target};
use crate::limits::MAX_STORED_PROXIMITY;

/// The last words of a field: those that may still form a pair with the next one. Positions of a field
/// rise by at least one a word, so there are never more than the greatest distance.
#[derive(Default)]
pub(super) struct PairWindow {
    words: [(u16, u32); MAX_STORED_PROXIMITY as usize],
    len: usize,
}

impl PairWindow {
    /// Pairs a word with those before it, and keeps it for those that follow.
    pub(super) fn push(&mut self, position: u16, word: u32, pairs: &mut DocumentPairs) {
        let near = |before: u16| position - before <= u16::from(MAX_STORED_PROXIMITY);
        let far = self.words[..self.len].iter().take_while(|(before, _)| !near(*before)).count();
        self.words.copy_within(far..self.len, 0);
        self.len -= far;
        for &(before, first) in &self.words[..self.len] {
            pairs.push(first, word, position - before);
        }
        if self.len == self.words.len() {
            self.words.copy_within(1.., 0);
            self.len -= 1;
        }
        self.words[self.len] = (position, word);
        self.len += 1;
    }
}

/// The ordered pairs of one document with their distances, packed: first word, second word, distance.
/// So the smallest distance of a pair is the first in order.
#[derive(Default)]
pub(super) struct DocumentPairs(Vec<u128>);

impl DocumentPairs {
    fn push(&mut self, first: u32, second: u32, distance: u16) {
        self.0.push(u128::from(first) << 64 | u128::from(second) << 32 | u128::from(distance));
    }

    /// Pushes the smallest distance of each pair and forgets the document.
    pub(super) fn drain_into(&mut self, docid: u32, op: Op, out: &mut Vec<Delta>) {
        self.0.sort_unstable();
        self.0.dedup_by_key(|pair| *pair >> 32);
        for pair in self.0.drain(..) {
            let target = match pair as u32 {
                1 => Target::Pair1,
                2 => Target::Pair2,
                _ => Target::Pair3,
            };
            out.push(Delta::new(target, (pair >> 64) as u32, (pair >> 32) as u32, docid, op));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(words: &[(u16, u32)], expected: &[(Target, u32, u32)]) {
        let (mut window, mut pairs) = (PairWindow::default(), DocumentPairs::default());
        for &(position, word) in words {
            window.push(position, word, &mut pairs);
        }
        let mut out = Vec::new();
        pairs.drain_into(7, Op::Add, &mut out);
        let expected: Vec<_> =
            expected.iter().map(|&(target, a, b)| Delta::new(target, a, b, 7, Op::Add)).collect();
        assert_eq!(out, expected);
    }

    #[test]
    fn distances_one_to_three_are_kept_in_text_order() {
        use Target::{Pair1, Pair2, Pair3};
        let words = [(0, 0), (1, 1), (2, 2), (3, 3), (4, 4)];
        let expected = [
            (Pair1, 0, 1),
            (Pair2, 0, 2),
            (Pair3, 0, 3),
            (Pair1, 1, 2),
            (Pair2, 1, 3),
            (Pair3, 1, 4),
            (Pair1, 2, 3),
            (Pair2, 2, 4),
            (Pair1, 3, 4),
        ];
        check(&words, &expected);
    }

    #[test]
    fn nothing_crosses_a_hard_separator() {
        check(&[(0, 0), (8, 1)], &[]);
    }

    #[test]
    fn the_smallest_distance_of_a_pair_counts() {
        check(&[(0, 5), (3, 6), (20, 5), (21, 6)], &[(Target::Pair1, 5, 6)]);
        check(&[(0, 5), (1, 5)], &[(Target::Pair1, 5, 5)]);
    }
}
