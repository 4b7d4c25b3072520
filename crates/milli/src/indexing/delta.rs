//! Deltas: "this document enters / leaves that posting list", as plain integers.
//!
//! An extractor turns a document into deltas. Words and facet values are interned, so that a delta is a
//! fixed-size integer whose order is the order of the keys on disk; sorting brings together all changes
//! of a key, and within a key those of a document, its removal before its addition.

use std::hash::BuildHasher;

use hashbrown::{DefaultHashBuilder, HashTable};

/// Where a posting list lies, and what the two key parts `a` and `b` of its delta are.
///
/// The order is that in which the tables are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub(super) enum Target {
    /// a: word.
    Word,
    /// a: word.
    ExactWord,
    /// a: word, b: field id.
    WordFid,
    /// a: word, b: bucketed position.
    WordPosition,
    /// a: field id, b: number of words.
    FidWordCount,
    /// Proximity 1. a: first word, b: second word.
    Pair1,
    /// Proximity 2.
    Pair2,
    /// Proximity 3.
    Pair3,
    /// a: field id.
    FacetExists,
    /// a: field id.
    FacetNull,
    /// a: field id.
    FacetEmpty,
    /// a: field id, b: ordered bytes of the number.
    FacetNumber,
    /// a: field id, b: normalised string.
    FacetString,
}

impl Target {
    const ALL: [Target; 13] = [
        Target::Word,
        Target::ExactWord,
        Target::WordFid,
        Target::WordPosition,
        Target::FidWordCount,
        Target::Pair1,
        Target::Pair2,
        Target::Pair3,
        Target::FacetExists,
        Target::FacetNull,
        Target::FacetEmpty,
        Target::FacetNumber,
        Target::FacetString,
    ];

    /// Whether the key parts `a` and `b` are symbols.
    fn symbols(self) -> (bool, bool) {
        match self {
            Target::Word | Target::ExactWord | Target::WordFid | Target::WordPosition => {
                (true, false)
            }
            Target::Pair1 | Target::Pair2 | Target::Pair3 => (true, true),
            Target::FacetNumber | Target::FacetString => (false, true),
            Target::FidWordCount | Target::FacetExists | Target::FacetNull | Target::FacetEmpty => {
                (false, false)
            }
        }
    }
}

/// Whether a document leaves or enters a posting list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Op {
    Remove,
    Add,
}

/// A change of one document in one posting list.
///
/// From the highest bit down: target (8), a (32), b (32), document id (32), operation (1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Delta(u128);

const DOCID_SHIFT: u32 = 1;
const B_SHIFT: u32 = DOCID_SHIFT + 32;
const A_SHIFT: u32 = B_SHIFT + 32;
const TARGET_SHIFT: u32 = A_SHIFT + 32;

impl Delta {
    pub(super) fn new(target: Target, a: u32, b: u32, docid: u32, op: Op) -> Delta {
        Delta(
            u128::from(target as u8) << TARGET_SHIFT
                | u128::from(a) << A_SHIFT
                | u128::from(b) << B_SHIFT
                | u128::from(docid) << DOCID_SHIFT
                | u128::from(op == Op::Add),
        )
    }

    pub(super) fn target(self) -> Target {
        Target::ALL[(self.0 >> TARGET_SHIFT) as usize]
    }

    pub(super) fn a(self) -> u32 {
        (self.0 >> A_SHIFT) as u32
    }

    pub(super) fn b(self) -> u32 {
        (self.0 >> B_SHIFT) as u32
    }

    pub(super) fn docid(self) -> u32 {
        (self.0 >> DOCID_SHIFT) as u32
    }

    pub(super) fn op(self) -> Op {
        if self.0 & 1 == 0 { Op::Remove } else { Op::Add }
    }

    /// Target and key parts: equal for deltas of one posting list.
    pub(super) fn key(self) -> u128 {
        self.0 >> B_SHIFT
    }

    /// The byte strings of those key parts that are symbols, once these are ranks in `strings`.
    pub(super) fn symbols_in<'s>(self, strings: &[&'s [u8]]) -> (&'s [u8], &'s [u8]) {
        let (a, b) = self.target().symbols();
        let bytes = |is_symbol, part: u32| -> &'s [u8] {
            if is_symbol { strings[part as usize] } else { &[] }
        };
        (bytes(a, self.a()), bytes(b, self.b()))
    }

    /// Replaces symbols by their ranks among all symbols.
    pub(super) fn rank(&mut self, ranks: &[u32]) {
        let (a, b) = self.target().symbols();
        if a || b {
            let rank = |is_symbol, part: u32| if is_symbol { ranks[part as usize] } else { part };
            *self = Delta::new(
                self.target(),
                rank(a, self.a()),
                rank(b, self.b()),
                self.docid(),
                self.op(),
            );
        }
    }
}

/// Byte strings that have been given a number, in order of first appearance.
#[derive(Default)]
pub(super) struct Symbols {
    numbers: HashTable<u32>,
    /// Seeded, as users choose the strings.
    hasher: DefaultHashBuilder,
    bytes: Vec<u8>,
    /// Where each string ends in `bytes`.
    ends: Vec<usize>,
}

impl Symbols {
    /// The number of a string, given out on first sight.
    pub(super) fn intern(&mut self, string: &[u8]) -> u32 {
        let Symbols { numbers, hasher, bytes, ends } = self;
        let hash = hasher.hash_one(string);
        let number = *numbers
            .entry(
                hash,
                |&number| slice(bytes, ends, number) == string,
                |&number| hasher.hash_one(slice(bytes, ends, number)),
            )
            .or_insert(ends.len() as u32)
            .get();
        if number as usize == ends.len() {
            bytes.extend_from_slice(string);
            ends.push(bytes.len());
        }
        number
    }

    /// All strings in the order of their numbers.
    pub(super) fn iter(&self) -> impl Iterator<Item = &[u8]> {
        (0..self.ends.len() as u32).map(|number| slice(&self.bytes, &self.ends, number))
    }

    /// Memory in use, in bytes.
    pub(super) fn memory(&self) -> usize {
        const SLOT: usize = size_of::<u32>() + 1;
        self.bytes.capacity()
            + self.ends.capacity() * size_of::<usize>()
            + self.numbers.capacity() * SLOT
    }
}

fn slice<'b>(bytes: &'b [u8], ends: &[usize], number: u32) -> &'b [u8] {
    let number = number as usize;
    let start = if number == 0 { 0 } else { ends[number - 1] };
    &bytes[start..ends[number]]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_survive_packing() {
        for target in Target::ALL {
            let delta = Delta::new(target, u32::MAX, 1 << 31, u32::MAX - 1, Op::Add);
            assert_eq!(delta.target(), target);
            assert_eq!((delta.a(), delta.b()), (u32::MAX, 1 << 31));
            assert_eq!((delta.docid(), delta.op()), (u32::MAX - 1, Op::Add));
        }
    }

    #[test]
    fn deltas_sort_by_key_document_and_operation() {
        let sorted = [
            Delta::new(Target::Word, 1, 0, 9, Op::Remove),
            Delta::new(Target::Word, 2, 0, 3, Op::Remove),
            Delta::new(Target::Word, 2, 0, 3, Op::Add),
            Delta::new(Target::Word, 2, 0, 4, Op::Remove),
            Delta::new(Target::WordFid, 0, 0, 0, Op::Remove),
        ];
        assert!(sorted.is_sorted());
        assert_eq!(sorted[1].key(), sorted[3].key());
        assert_ne!(sorted[0].key(), sorted[1].key());
    }

    #[test]
    fn only_symbols_are_ranked() {
        let mut symbols = Symbols::default();
        let (b, a) = (symbols.intern(b"b"), symbols.intern(b"a"));
        assert_eq!(symbols.intern(b"b"), b);
        assert_eq!((b, a), (0, 1));
        assert_eq!(symbols.iter().collect::<Vec<_>>(), [b"b", b"a"]);
        let mut delta = Delta::new(Target::WordFid, b, 1, 7, Op::Add);
        delta.rank(&[1, 0]);
        assert_eq!(delta, Delta::new(Target::WordFid, 1, 1, 7, Op::Add));
    }
}
