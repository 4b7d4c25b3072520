//! The graph of a word set (storage-index.md 3, `FST`), walked before the library does.
//!
//! The library follows the addresses that it reads. Here every node that the root leads to is decoded
//! once, from the highest address down: they tile the file, lead only to lower ones, and have their
//! transitions in order. So no walk leaves the file or runs in a circle, memory stays in proportion to
//! the file, and the number of words is counted without listing them.

use std::collections::{BTreeSet, HashMap};

use super::finding::Malformed;

/// Bytes before the first node: version and type.
const HEADER_BYTES: usize = 16;
/// Bytes behind the root: number of words, address of the root, checksum.
const FOOTER_BYTES: usize = 20;
/// A node with more transitions has a table of 256 bytes that finds them.
const INDEXED_TRANSITIONS: usize = 32;
/// Address of the node that ends a word and leads nowhere; it has no bytes.
const END: usize = 0;

const fn malformed(reason: &'static str) -> Malformed {
    Malformed { layout: "word set", reason }
}

/// Checks a word set; gives the number of its words.
pub(super) fn check_fst(bytes: &[u8]) -> Result<u64, Malformed> {
    let set = fst::Set::new(bytes).map_err(|_| malformed("it does not begin or end like one"))?;
    set.as_fst().verify().map_err(|_| malformed("its checksum is wrong"))?;
    let nodes_end = bytes
        .len()
        .checked_sub(FOOTER_BYTES)
        .filter(|end| *end >= HEADER_BYTES)
        .ok_or(malformed("it is truncated"))?;
    if bytes.get(..HEADER_BYTES) != Some(&[3, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]) {
        return Err(malformed("it is of another version or type"));
    }
    let footer = |at: usize| {
        let number = bytes.get(nodes_end + at..).and_then(|bytes| bytes.first_chunk());
        number.map_or(0, |number| u64::from_le_bytes(*number))
    };
    let words = count_words(&bytes[..nodes_end], footer(8))?;
    if words != footer(0) {
        return Err(malformed("it does not hold as many words as it says"));
    }
    Ok(words)
}

fn count_words(bytes: &[u8], root: u64) -> Result<u64, Malformed> {
    const OUTSIDE: Malformed = malformed("a node lies outside");
    let root = usize::try_from(root).map_err(|_| OUTSIDE)?;
    if root == END && bytes.len() == HEADER_BYTES {
        return Ok(1);
    }
    if root + 1 != bytes.len() {
        return Err(malformed("its root is not its last node"));
    }
    let mut waiting = BTreeSet::from([root]);
    let mut nodes = Vec::new();
    let mut end = bytes.len();
    while let Some(address) = waiting.pop_last() {
        if address + 1 != end {
            return Err(malformed("its nodes overlap or leave gaps"));
        }
        let node = Node::read(bytes, address)?;
        end = node.start;
        for &target in &node.targets {
            if target != END {
                if target < HEADER_BYTES || target >= address {
                    return Err(OUTSIDE);
                }
                waiting.insert(target);
            }
        }
        nodes.push((address, node));
    }
    if end != HEADER_BYTES {
        return Err(malformed("its nodes overlap or leave gaps"));
    }
    // Lower nodes first: what a node leads to is counted before it.
    let mut counts = HashMap::from([(END, 1u64)]);
    let mut words = 0;
    for (address, node) in nodes.into_iter().rev() {
        words = u64::from(node.is_final);
        for target in &node.targets {
            words = counts.get(target).map_or(words, |count| words.saturating_add(*count));
        }
        counts.insert(address, words);
    }
    Ok(words)
}

struct Node {
    /// Address of its first byte.
    start: usize,
    is_final: bool,
    /// Addresses that the transitions lead to, in the order of their input bytes.
    targets: Vec<usize>,
}

impl Node {
    /// Decodes the node whose last byte is at `address`.
    fn read(bytes: &[u8], address: usize) -> Result<Node, Malformed> {
        let mut back = Backwards(bytes.get(..=address).ok_or(TRUNCATED)?);
        let state = back.byte()?;
        let low = state & 0b11_1111;
        if state & 0b1000_0000 != 0 {
            // One transition; common input bytes are part of the state.
            if low == 0 {
                back.byte()?;
            }
            if state & 0b0100_0000 != 0 {
                // To the node just below.
                let target = back.end().checked_sub(1).ok_or(TRUNCATED)?;
                return Ok(Node { start: back.end(), is_final: false, targets: vec![target] });
            }
            let (target_size, start) = back.sizes(1)?;
            let targets = vec![start.target(back.take(target_size)?)?];
            return Ok(Node { start: start.0, is_final: false, targets });
        }
        let transitions = match low {
            0 => match back.byte()? {
                // One transition is told by the state: here 1 means what no byte can.
                1 => 256,
                n => usize::from(n),
            },
            n => usize::from(n),
        };
        let (target_size, start) = back.sizes_with(transitions)?;
        let table = if transitions > INDEXED_TRANSITIONS { back.take(256)? } else { &[] };
        let inputs = back.take(transitions)?;
        // Stored last first.
        if !inputs.iter().rev().is_sorted_by(|a, b| a < b) {
            return Err(malformed("the transitions of a node are not in order"));
        }
        let finds = |(at, &input): (usize, &u8)| {
            table.get(usize::from(input)).is_none_or(|&found| usize::from(found) == at)
        };
        let listed = table.iter().filter(|&&found| usize::from(found) < transitions).count();
        // With 256 transitions every byte of the table is a place.
        if !inputs.iter().rev().enumerate().all(finds)
            || (!table.is_empty() && listed != transitions)
        {
            return Err(malformed("the table of a node leads elsewhere"));
        }
        let mut targets = Vec::with_capacity(transitions);
        for _ in 0..transitions {
            targets.push(start.target(back.take(target_size)?)?);
        }
        Ok(Node { start: start.0, is_final: state & 0b0100_0000 != 0, targets })
    }
}

const TRUNCATED: Malformed = malformed("a node begins before the first one");

/// Where a node begins: its relative addresses count from here.
struct NodeStart(usize);

impl NodeStart {
    fn target(&self, packed: &[u8]) -> Result<usize, Malformed> {
        let mut number = [0; 8];
        for (to, from) in number.iter_mut().zip(packed) {
            *to = *from;
        }
        match usize::try_from(u64::from_le_bytes(number)) {
            Ok(0) => Ok(END),
            Ok(distance) => self.0.checked_sub(distance).ok_or(TRUNCATED),
            Err(_) => Err(TRUNCATED),
        }
    }
}

/// Reads a node from its end.
struct Backwards<'a>(&'a [u8]);

impl<'a> Backwards<'a> {
    fn byte(&mut self) -> Result<u8, Malformed> {
        let (last, rest) = self.0.split_last().ok_or(TRUNCATED)?;
        self.0 = rest;
        Ok(*last)
    }

    fn take(&mut self, length: usize) -> Result<&'a [u8], Malformed> {
        let at = self.0.len().checked_sub(length).ok_or(TRUNCATED)?;
        let (rest, taken) = self.0.split_at(at);
        self.0 = rest;
        Ok(taken)
    }

    fn end(&self) -> usize {
        self.0.len()
    }

    /// The byte of packed sizes of a node with `transitions` transitions and no table.
    fn sizes(&mut self, transitions: usize) -> Result<(usize, NodeStart), Malformed> {
        let sizes = self.byte()?;
        let (target, output) = (usize::from(sizes >> 4), sizes & 0b1111);
        if output != 0 {
            return Err(malformed("its words have values"));
        }
        if target > 8 || (target == 0 && transitions != 0) {
            return Err(malformed("an address has an impossible size"));
        }
        let start = self.end().checked_sub(transitions * target).ok_or(TRUNCATED)?;
        Ok((target, NodeStart(start)))
    }

    /// As `sizes`, for a node whose input bytes (and table) stand between sizes and addresses.
    fn sizes_with(&mut self, transitions: usize) -> Result<(usize, NodeStart), Malformed> {
        let (target, start) = self.sizes(transitions)?;
        let table = if transitions > INDEXED_TRANSITIONS { 256 } else { 0 };
        let start = start.0.checked_sub(transitions + table).ok_or(TRUNCATED)?;
        Ok((target, NodeStart(start)))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use fst::Streamer;
    use proptest::prelude::*;

    use super::*;

    fn build(words: &BTreeSet<Vec<u8>>) -> Vec<u8> {
        fst::Set::from_iter(words).unwrap().into_fst().into_inner()
    }

    fn any_words() -> impl Strategy<Value = BTreeSet<Vec<u8>>> {
        let letters = prop_oneof![
            proptest::collection::vec(proptest::num::u8::ANY, 0..4),
            "[a-d]{0,8}".prop_map(String::into_bytes),
        ];
        proptest::collection::btree_set(letters, 0..200)
    }

    /// Gives changed bytes the checksum that a forger would give them: the one that the library reports.
    fn seal(bytes: &mut [u8]) {
        let Ok(set) = fst::Set::new(&bytes[..]) else { return };
        if let Err(fst::Error::Fst(fst::raw::Error::ChecksumMismatch { got, .. })) =
            set.as_fst().verify()
        {
            let end = bytes.len();
            bytes[end - 4..].copy_from_slice(&got.to_le_bytes());
        }
    }

    #[test]
    fn every_first_byte_has_a_transition() {
        let words = (0..=255).map(|byte| vec![byte, b'x']).collect();
        assert_eq!(check_fst(&build(&words)), Ok(256));
        let forty = (0..40).map(|byte| vec![byte, b'x', byte]).collect();
        assert_eq!(check_fst(&build(&forty)), Ok(40));
    }

    #[test]
    fn short_bytes_and_another_type_are_refused() {
        assert!(check_fst(&[]).is_err());
        assert!(check_fst(&[3; 36]).is_err());
        let map = fst::Map::from_iter([("a", 7), ("b", 9)]).unwrap().into_fst().into_inner();
        assert_eq!(check_fst(&map).unwrap_err().reason, "its words have values");
    }

    proptest! {
        #[test]
        fn what_the_library_writes_is_accepted(words in any_words()) {
            prop_assert_eq!(check_fst(&build(&words)), Ok(words.len() as u64));
        }

        #[test]
        fn what_is_accepted_can_be_walked(words in any_words(), at: prop::sample::Index, byte: u8) {
            let mut bytes = build(&words);
            let at = at.index(bytes.len());
            bytes[at] = byte;
            seal(&mut bytes);
            if let Ok(count) = check_fst(&bytes) {
                let set = fst::Set::new(&bytes[..]).unwrap();
                let mut stream = set.stream();
                let mut read = 0;
                let mut previous: Option<Vec<u8>> = None;
                while let Some(word) = stream.next() {
                    read += 1;
                    prop_assert!(previous.is_none_or(|previous| previous[..] < *word));
                    prop_assert!(set.contains(word));
                    previous = Some(word.to_vec());
                }
                prop_assert_eq!(read, count);
            }
        }
    }
}
