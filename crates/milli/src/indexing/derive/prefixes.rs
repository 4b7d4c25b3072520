//! Prefixes that many words begin with: their set, and the unions of the posting lists of these words
//! (indexing.md section 10).
//!
//! A prefix has entries in the four databases if and only if it is in the set, and the entries are always
//! complete: a prefix is computed anew when a batch touched a word that begins with it.

use std::ops::Bound;

use fst::Streamer;
use heed::Database;
use heed::types::Bytes;
use roaring::RoaringBitmap;
use rustc_hash::{FxHashMap, FxHashSet};

use crate::codec::{encode_cbo_into, union_cbo_into};
use crate::error::Result;
use crate::indexing::IndexingContext;
use crate::indexing::parallel::over_items;
use crate::indexing::steps::WordsStep;
use crate::limits::{MAX_PREFIX_BYTES, MIN_WORDS_FOR_PREFIX};
use crate::store::{Index, ReadTxn, RwTxn};

/// The first 1 to 4 bytes of a word, cut at a character.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(in crate::indexing) struct Prefix {
    bytes: [u8; MAX_PREFIX_BYTES],
    len: u8,
}

impl Prefix {
    /// All prefixes of a word, itself included when it is short enough.
    pub(in crate::indexing) fn all_of(word: &[u8]) -> impl Iterator<Item = Prefix> + '_ {
        let is_boundary = |len: usize| word.get(len).is_none_or(|byte| byte & 0xC0 != 0x80);
        (1..=word.len().min(MAX_PREFIX_BYTES)).filter(move |&len| is_boundary(len)).map(|len| {
            let mut bytes = [0; MAX_PREFIX_BYTES];
            bytes[..len].copy_from_slice(&word[..len]);
            // At most four.
            Prefix { bytes, len: len as u8 }
        })
    }

    fn as_bytes(&self) -> &[u8] {
        &self.bytes[..usize::from(self.len)]
    }
}

/// Brings the set and the four databases up to date after words with the prefixes of `touched` changed.
/// `is_stale` tells whether the set was made of other words than there are now.
///
/// # Errors
/// A stored value is damaged, LMDB fails, or the caller asked to stop.
pub(in crate::indexing) fn update(
    index: &Index,
    wtxn: &mut RwTxn<'_>,
    context: &IndexingContext<'_>,
    touched: &FxHashSet<Prefix>,
    is_stale: bool,
) -> Result<()> {
    context.progress.update(WordsStep::ComputePrefixFst);
    let before = read_set(index, wtxn)?;
    let after = match is_stale {
        true => frequent_prefixes(index, wtxn)?,
        false => before.clone(),
    };
    if is_stale {
        let mut builder = fst::SetBuilder::memory();
        for prefix in &after {
            builder.insert(prefix.as_bytes())?;
        }
        let set = builder.into_inner()?;
        index.put_words_prefixes_fst(wtxn, &set)?;
    }

    context.progress.update(WordsStep::ComputePrefixes);
    let before: FxHashSet<Prefix> = before.into_iter().collect();
    let is_after: FxHashSet<Prefix> = after.iter().copied().collect();
    for prefix in &before {
        if !is_after.contains(prefix) || touched.contains(prefix) {
            delete(index, wtxn, *prefix)?;
        }
    }
    let todo: Vec<Prefix> = after
        .into_iter()
        .filter(|prefix| touched.contains(prefix) || !before.contains(prefix))
        .collect();
    compute(index, wtxn, context, &todo)
}

/// Empties the four databases and removes the set.
///
/// # Errors
/// LMDB fails.
pub(in crate::indexing) fn clear(index: &Index, wtxn: &mut RwTxn<'_>) -> Result<()> {
    index.delete_words_prefixes_fst(wtxn)?;
    for derived in Derived::ALL {
        derived.tables(index).1.clear(wtxn)?;
    }
    Ok(())
}

fn read_set(index: &Index, wtxn: &RwTxn<'_>) -> Result<Vec<Prefix>> {
    let set = index.words_prefixes_fst(wtxn)?;
    let mut prefixes = Vec::new();
    let mut stream = set.stream();
    while let Some(bytes) = stream.next() {
        prefixes.extend(Prefix::all_of(bytes).filter(|prefix| prefix.as_bytes() == bytes));
    }
    Ok(prefixes)
}

/// The prefixes of at least 100 words, in byte order.
fn frequent_prefixes(index: &Index, wtxn: &RwTxn<'_>) -> Result<Vec<Prefix>> {
    let words = index.words_fst(wtxn)?;
    let mut frequent = Vec::new();
    // For each length the prefix under way and its number of words: words come sorted.
    let mut counts = [(Prefix::default(), 0_usize); MAX_PREFIX_BYTES];
    let mut stream = words.stream();
    while let Some(word) = stream.next() {
        for prefix in Prefix::all_of(word) {
            let (current, count) = &mut counts[usize::from(prefix.len) - 1];
            if *current != prefix {
                (*current, *count) = (prefix, 0);
            }
            *count += 1;
            if *count == MIN_WORDS_FOR_PREFIX {
                frequent.push(prefix);
            }
        }
    }
    frequent.sort_unstable_by(|a, b| a.as_bytes().cmp(b.as_bytes()));
    Ok(frequent)
}

/// One of the four derived databases.
#[derive(Clone, Copy)]
enum Derived {
    Words,
    ExactWords,
    Fids,
    Positions,
}

impl Derived {
    const ALL: [Derived; 4] =
        [Derived::Words, Derived::ExactWords, Derived::Fids, Derived::Positions];

    /// The database that is read, and the one that is written.
    fn tables(self, index: &Index) -> (Database<Bytes, Bytes>, Database<Bytes, Bytes>) {
        let t = index.tables();
        match self {
            Derived::Words => (t.word_docids.remap_types(), t.word_prefix_docids.remap_types()),
            Derived::ExactWords => {
                (t.exact_word_docids.remap_types(), t.exact_word_prefix_docids.remap_types())
            }
            Derived::Fids => {
                (t.word_fid_docids.remap_types(), t.word_prefix_fid_docids.remap_types())
            }
            Derived::Positions => {
                (t.word_position_docids.remap_types(), t.word_prefix_position_docids.remap_types())
            }
        }
    }

    /// Whether keys end with NUL and a number.
    fn is_numbered(self) -> bool {
        matches!(self, Derived::Fids | Derived::Positions)
    }

    fn step(self) -> WordsStep {
        match self {
            Derived::Words => WordsStep::WordPrefixDocids,
            Derived::ExactWords => WordsStep::ExactWordPrefixDocids,
            Derived::Fids => WordsStep::WordPrefixFieldIdDocids,
            Derived::Positions => WordsStep::WordPrefixPositionDocids,
        }
    }
}

fn delete(index: &Index, wtxn: &mut RwTxn<'_>, prefix: Prefix) -> Result<()> {
    for derived in Derived::ALL {
        let (_, table) = derived.tables(index);
        if derived.is_numbered() {
            let start = [prefix.as_bytes(), &[0]].concat();
            let end = [prefix.as_bytes(), &[1]].concat();
            let range = (Bound::Included(&start[..]), Bound::Excluded(&end[..]));
            table.delete_range(wtxn, &range)?;
        } else {
            table.delete(wtxn, prefix.as_bytes())?;
        }
    }
    Ok(())
}

fn compute(
    index: &Index,
    wtxn: &mut RwTxn<'_>,
    context: &IndexingContext<'_>,
    prefixes: &[Prefix],
) -> Result<()> {
    for derived in Derived::ALL {
        context.progress.update(derived.step());
        let (source, table) = derived.tables(index);
        let (unions, _) = over_items(
            index,
            wtxn,
            context,
            prefixes,
            |_| false,
            |unions: &mut Vec<(Vec<u8>, Vec<u8>)>, rtxn, _, prefix| {
                union(source, derived.is_numbered(), rtxn, *prefix, unions)
            },
        )?;
        let mut unions: Vec<_> = unions.into_iter().flatten().collect();
        unions.sort_unstable();
        for (key, docids) in unions {
            table.put(wtxn, &key, &docids)?;
        }
    }
    Ok(())
}

/// Pushes the encoded union, or unions by number, of the words that begin with a prefix.
fn union(
    source: Database<Bytes, Bytes>,
    is_numbered: bool,
    rtxn: &ReadTxn<'_>,
    prefix: Prefix,
    unions: &mut Vec<(Vec<u8>, Vec<u8>)>,
) -> Result<()> {
    let mut sets: FxHashMap<Option<[u8; 2]>, RoaringBitmap> = FxHashMap::default();
    for entry in source.prefix_iter(rtxn, prefix.as_bytes())? {
        let (key, docids) = entry?;
        let number = key.last_chunk::<2>().copied().filter(|_| is_numbered);
        union_cbo_into(docids, sets.entry(number).or_default())?;
    }
    for (number, docids) in sets {
        let mut key = prefix.as_bytes().to_vec();
        if let Some(number) = number {
            key.push(0);
            key.extend_from_slice(&number);
        }
        let mut value = Vec::new();
        encode_cbo_into(&docids, &mut value);
        unions.push((key, value));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn prefixes(word: &str) -> Vec<String> {
        Prefix::all_of(word.as_bytes())
            .map(|prefix| String::from_utf8(prefix.as_bytes().to_vec()).unwrap())
            .collect()
    }

    #[test]
    fn prefixes_end_at_characters() {
        assert_eq!(prefixes("abcde"), ["a", "ab", "abc", "abcd"]);
        assert_eq!(prefixes("ab"), ["a", "ab"]);
        assert_eq!(prefixes("éa"), ["é", "éa"]);
        assert_eq!(prefixes("日本"), ["日"]);
        assert_eq!(prefixes("a日"), ["a", "a日"]);
    }
}
