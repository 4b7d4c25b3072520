//! Words, prefixes, pairs and phrases → documents (search.md section 5.1 to 5.4).
//!
//! Posting lists are kept as the bytes that LMDB lends; they are decoded straight into the caller's
//! universe. Only phrases, prefix pairs and the pairs of `byAttribute` are kept decoded.

use std::borrow::Cow;
use std::rc::Rc;

use heed::types::Bytes;
use meilisearch_types::settings::ProximityPrecision;
use roaring::RoaringBitmap;
use rustc_hash::FxHashMap;
use smallvec::SmallVec;

use super::context::SearchContext;
use super::terms::{PhraseId, TermSubset, Word, WordId};
use crate::codec::{cbo_cardinality, decode_cbo, intersect_cbo, union_cbo_into};
use crate::error::Result;
use crate::limits::MAX_WORD_BYTES;
use crate::schema::FieldId;

/// What stands beside a word in a key; 0 where nothing does.
type Number = u16;

/// The databases keyed by a word, or by a word and a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Table {
    Word,
    ExactWord,
    Prefix,
    ExactPrefix,
    WordField,
    WordPosition,
    PrefixField,
    PrefixPosition,
}

/// What a search has looked up so far.
#[derive(Default)]
pub(super) struct LookupCache<'t> {
    lists: FxHashMap<(Table, WordId, Number), Option<&'t [u8]>>,
    numbers: FxHashMap<(Table, WordId), Rc<[Number]>>,
    pairs: FxHashMap<(u8, WordId, WordId), Option<&'t [u8]>>,
    prefix_pairs: FxHashMap<(u8, WordId, WordId), RoaringBitmap>,
    /// Pairs of `byAttribute` mode; the flag tells a prefix from a word. Each is restricted to the
    /// universe of its first look-up and reused as it is, which clients can see (search.md 5.3).
    attribute_pairs: FxHashMap<(WordId, WordId, bool), RoaringBitmap>,
    phrases: FxHashMap<PhraseId, Rc<RoaringBitmap>>,
}

/// A few posting lists whose union is asked for.
type Lists<'t> = SmallVec<[&'t [u8]; 2]>;

impl<'t> SearchContext<'t> {
    /// Documents of a word; `None` when no consulted database has an entry for it.
    pub(crate) fn word_docids(
        &mut self,
        word: Word,
        universe: Option<&RoaringBitmap>,
    ) -> Result<Option<RoaringBitmap>> {
        let lists = self.word_lists(word, Table::Word, Table::ExactWord, Table::WordField)?;
        union_of(&lists, universe)
    }

    /// Documents of a precomputed prefix.
    pub(crate) fn prefix_docids(
        &mut self,
        prefix: Word,
        universe: Option<&RoaringBitmap>,
    ) -> Result<Option<RoaringBitmap>> {
        let lists =
            self.word_lists(prefix, Table::Prefix, Table::ExactPrefix, Table::PrefixField)?;
        union_of(&lists, universe)
    }

    /// Whether the index knows the word, whatever the fields that are searched.
    pub(crate) fn word_exists(&mut self, word: WordId) -> Result<bool> {
        Ok(self.list(Table::Word, word, 0)?.is_some()
            || self.list(Table::ExactWord, word, 0)?.is_some())
    }

    /// Whether the prefix is precomputed; `with_exact` asks among the exact words too.
    pub(crate) fn prefix_exists(&mut self, prefix: WordId, with_exact: bool) -> Result<bool> {
        Ok(self.list(Table::Prefix, prefix, 0)?.is_some()
            || with_exact && self.list(Table::ExactPrefix, prefix, 0)?.is_some())
    }

    /// Documents that hold the word in a field.
    pub(crate) fn word_field_docids(
        &mut self,
        word: WordId,
        fid: FieldId,
        universe: Option<&RoaringBitmap>,
    ) -> Result<Option<RoaringBitmap>> {
        self.field_docids(Table::WordField, word, fid, universe)
    }

    /// Documents that hold a word with the prefix in a field.
    pub(crate) fn prefix_field_docids(
        &mut self,
        prefix: WordId,
        fid: FieldId,
        universe: Option<&RoaringBitmap>,
    ) -> Result<Option<RoaringBitmap>> {
        self.field_docids(Table::PrefixField, prefix, fid, universe)
    }

    fn field_docids(
        &mut self,
        table: Table,
        word: WordId,
        fid: FieldId,
        universe: Option<&RoaringBitmap>,
    ) -> Result<Option<RoaringBitmap>> {
        if self.restriction.as_ref().is_some_and(|restriction| !restriction.allows(fid)) {
            return Ok(None);
        }
        let list = self.list(table, word, fid)?;
        union_of(list.as_slice(), universe)
    }

    /// Documents that hold the word at a bucketed position of any field.
    pub(crate) fn word_position_docids(
        &mut self,
        word: WordId,
        position: u16,
        universe: &RoaringBitmap,
    ) -> Result<Option<RoaringBitmap>> {
        let list = self.list(Table::WordPosition, word, position)?;
        union_of(list.as_slice(), Some(universe))
    }

    /// Documents that hold a word with the prefix at a bucketed position of any field.
    pub(crate) fn prefix_position_docids(
        &mut self,
        prefix: WordId,
        position: u16,
        universe: &RoaringBitmap,
    ) -> Result<Option<RoaringBitmap>> {
        let list = self.list(Table::PrefixPosition, prefix, position)?;
        union_of(list.as_slice(), Some(universe))
    }

    /// Fields that hold the word in some document.
    pub(crate) fn word_fields(&mut self, word: WordId) -> Result<Rc<[FieldId]>> {
        self.numbers(Table::WordField, word)
    }

    /// Fields that hold a word with the prefix in some document.
    pub(crate) fn prefix_fields(&mut self, prefix: WordId) -> Result<Rc<[FieldId]>> {
        self.numbers(Table::PrefixField, prefix)
    }

    /// Bucketed positions of the word in some document.
    pub(crate) fn word_positions(&mut self, word: WordId) -> Result<Rc<[u16]>> {
        self.numbers(Table::WordPosition, word)
    }

    /// Bucketed positions of words with the prefix in some document.
    pub(crate) fn prefix_positions(&mut self, prefix: WordId) -> Result<Rc<[u16]>> {
        self.numbers(Table::PrefixPosition, prefix)
    }

    /// Documents whose field has so many words.
    pub(crate) fn word_count_docids(
        &self,
        fid: FieldId,
        count: u8,
        universe: &RoaringBitmap,
    ) -> Result<RoaringBitmap> {
        let table = self.index.tables().field_id_word_count_docids.remap_data_type::<Bytes>();
        let list = table.get(self.rtxn, &(fid, count))?;
        Ok(union_of(list.as_slice(), Some(universe))?.unwrap_or_default())
    }

    /// Documents that hold `second` behind `first` at the proximity (in `byAttribute` mode: both in one
    /// field, whatever the proximity).
    pub(crate) fn pair_docids(
        &mut self,
        proximity: u8,
        first: WordId,
        second: WordId,
        universe: Option<&RoaringBitmap>,
    ) -> Result<Option<Cow<'_, RoaringBitmap>>> {
        if self.schema.proximity_precision == ProximityPrecision::ByAttribute {
            return self.attribute_pair(first, second, false, universe).map(Some);
        }
        let list = self.pair_list(proximity, first, second)?;
        Ok(union_of(list.as_slice(), universe)?.map(Cow::Owned))
    }

    /// Number of documents of neighbours; `None` when the index has no entry for them.
    pub(crate) fn neighbours_count(
        &mut self,
        first: WordId,
        second: WordId,
    ) -> Result<Option<u64>> {
        if self.schema.proximity_precision == ProximityPrecision::ByAttribute {
            return Ok(Some(self.attribute_pair(first, second, false, None)?.len()));
        }
        Ok(self.pair_list(1, first, second)?.and_then(cbo_cardinality))
    }

    /// Documents that hold a word with the prefix behind `first`, as [`SearchContext::pair_docids`].
    pub(crate) fn prefix_pair_docids(
        &mut self,
        proximity: u8,
        first: WordId,
        prefix: WordId,
        universe: &RoaringBitmap,
    ) -> Result<Cow<'_, RoaringBitmap>> {
        if self.schema.proximity_precision == ProximityPrecision::ByAttribute {
            return self.attribute_pair(first, prefix, true, Some(universe));
        }
        let key = (proximity, first, prefix);
        if !self.cache.prefix_pairs.contains_key(&key) {
            let mut docids = RoaringBitmap::new();
            if self.fits(first) && self.fits(prefix) {
                let start = pair_key(proximity, self.word(first), self.word(prefix));
                let pairs =
                    self.index.tables().word_pair_proximity_docids.remap_types::<Bytes, Bytes>();
                for entry in pairs.prefix_iter(self.rtxn, &start)? {
                    union_cbo_into(entry?.1, &mut docids)?;
                }
            }
            self.cache.prefix_pairs.insert(key, docids);
        }
        Ok(Cow::Owned(&self.cache.prefix_pairs[&key] & universe))
    }

    /// Documents of a phrase in the whole index (search.md 5.2).
    pub(crate) fn phrase_docids(&mut self, id: PhraseId) -> Result<Rc<RoaringBitmap>> {
        if let Some(docids) = self.cache.phrases.get(&id) {
            return Ok(Rc::clone(docids));
        }
        let docids = Rc::new(self.compute_phrase(id)?);
        self.cache.phrases.insert(id, Rc::clone(&docids));
        Ok(docids)
    }

    /// Documents of everything that a subset allows, within the universe if there is one.
    pub(crate) fn term_docids(
        &mut self,
        subset: TermSubset,
        universe: Option<&RoaringBitmap>,
    ) -> Result<RoaringBitmap> {
        let mut docids = RoaringBitmap::new();
        for word in self.allowed_words(subset)? {
            docids |= self.word_docids(word, universe)?.unwrap_or_default();
        }
        for phrase in self.allowed_phrases(subset)? {
            let phrase = self.phrase_docids(phrase)?;
            match universe {
                Some(universe) => docids |= &*phrase & universe,
                None => docids |= &*phrase,
            }
        }
        if let Some(prefix) = self.allowed_prefix_entry(subset) {
            docids |= self.prefix_docids(prefix, universe)?.unwrap_or_default();
        }
        Ok(docids)
    }

    /// A word longer than what is indexed cannot even be a key.
    fn fits(&self, word: WordId) -> bool {
        self.word(word).len() <= MAX_WORD_BYTES
    }

    /// The lists that speak of a word or prefix: all documents, or those of the searched fields.
    fn word_lists(
        &mut self,
        word: Word,
        tolerant: Table,
        exact: Table,
        by_field: Table,
    ) -> Result<Lists<'t>> {
        let mut lists = Lists::new();
        match self.restriction.take() {
            None => {
                lists.extend(self.list(tolerant, word.id, 0)?);
                if !word.is_derived {
                    lists.extend(self.list(exact, word.id, 0)?);
                }
            }
            Some(restriction) => {
                let exact = restriction.exact.iter().filter(|_| !word.is_derived);
                let found: Result<Vec<_>> = restriction
                    .tolerant
                    .iter()
                    .chain(exact)
                    .map(|&fid| self.list(by_field, word.id, fid))
                    .collect();
                self.restriction = Some(restriction);
                lists.extend(found?.into_iter().flatten());
            }
        }
        Ok(lists)
    }

    /// One posting list, as LMDB lends it.
    fn list(&mut self, table: Table, word: WordId, number: Number) -> Result<Option<&'t [u8]>> {
        let key = (table, word, number);
        if let Some(&list) = self.cache.lists.get(&key) {
            return Ok(list);
        }
        // After a scan of all numbers of a word, what is not in the cache does not exist.
        let is_absent = !self.fits(word) || self.cache.numbers.contains_key(&(table, word));
        let list = if is_absent { None } else { self.read_list(table, word, number)? };
        self.cache.lists.insert(key, list);
        Ok(list)
    }

    fn read_list(&self, table: Table, word: WordId, number: Number) -> Result<Option<&'t [u8]>> {
        let tables = self.index.tables();
        let word = self.word(word);
        let single = |database: heed::Database<heed::types::Str, crate::codec::Cbo>| {
            database.remap_data_type::<Bytes>().get(self.rtxn, word)
        };
        let numbered = |database: heed::Database<crate::codec::WordU16, crate::codec::Cbo>| {
            database.remap_data_type::<Bytes>().get(self.rtxn, &(word, number))
        };
        Ok(match table {
            Table::Word => single(tables.word_docids),
            Table::ExactWord => single(tables.exact_word_docids),
            Table::Prefix => single(tables.word_prefix_docids),
            Table::ExactPrefix => single(tables.exact_word_prefix_docids),
            Table::WordField => numbered(tables.word_fid_docids),
            Table::WordPosition => numbered(tables.word_position_docids),
            Table::PrefixField => numbered(tables.word_prefix_fid_docids),
            Table::PrefixPosition => numbered(tables.word_prefix_position_docids),
        }?)
    }

    /// The numbers that a word has entries for.
    fn numbers(&mut self, table: Table, word: WordId) -> Result<Rc<[Number]>> {
        if let Some(numbers) = self.cache.numbers.get(&(table, word)) {
            return Ok(Rc::clone(numbers));
        }
        let tables = self.index.tables();
        let database = match table {
            Table::WordField => tables.word_fid_docids,
            Table::WordPosition => tables.word_position_docids,
            Table::PrefixField => tables.word_prefix_fid_docids,
            _ => tables.word_prefix_position_docids,
        };
        let mut numbers = Vec::new();
        if self.fits(word) {
            let mut start = self.word(word).as_bytes().to_vec();
            start.push(0);
            for entry in database.remap_types::<Bytes, Bytes>().prefix_iter(self.rtxn, &start)? {
                let (key, list) = entry?;
                if let Some(number) = key[start.len()..].first_chunk() {
                    let number = u16::from_be_bytes(*number);
                    numbers.push(number);
                    self.cache.lists.insert((table, word, number), Some(list));
                }
            }
        }
        let numbers: Rc<[Number]> = numbers.into();
        self.cache.numbers.insert((table, word), Rc::clone(&numbers));
        Ok(numbers)
    }

    fn pair_list(
        &mut self,
        proximity: u8,
        first: WordId,
        second: WordId,
    ) -> Result<Option<&'t [u8]>> {
        let key = (proximity, first, second);
        if let Some(&list) = self.cache.pairs.get(&key) {
            return Ok(list);
        }
        let list = if self.fits(first) && self.fits(second) {
            let pairs = self.index.tables().word_pair_proximity_docids.remap_data_type::<Bytes>();
            pairs.get(self.rtxn, &(proximity, self.word(first), self.word(second)))?
        } else {
            None
        };
        self.cache.pairs.insert(key, list);
        Ok(list)
    }

    fn attribute_pair(
        &mut self,
        first: WordId,
        second: WordId,
        is_prefix: bool,
        universe: Option<&RoaringBitmap>,
    ) -> Result<Cow<'_, RoaringBitmap>> {
        let key = (first, second, is_prefix);
        if !self.cache.attribute_pairs.contains_key(&key) {
            let mut docids = RoaringBitmap::new();
            let fields: Vec<FieldId> = self.searchable.iter().map(|&(fid, _)| fid).collect();
            for fid in fields {
                let Some(left) = self.word_field_docids(first, fid, universe)? else { continue };
                let table = if is_prefix { Table::PrefixField } else { Table::WordField };
                let both = self.field_docids(table, second, fid, Some(&left))?;
                docids |= both.unwrap_or_default();
            }
            self.cache.attribute_pairs.insert(key, docids);
        }
        Ok(Cow::Borrowed(&self.cache.attribute_pairs[&key]))
    }

    fn compute_phrase(&mut self, id: PhraseId) -> Result<RoaringBitmap> {
        let words = self.phrase(id).clone();
        let mut docids: Option<RoaringBitmap> = None;
        for word in words.iter().flatten() {
            let found = self.word_docids(Word::original(*word), docids.as_ref())?;
            let found = found.unwrap_or_default();
            if found.is_empty() {
                return Ok(found);
            }
            docids = Some(found);
        }
        let mut docids = docids.unwrap_or_default();
        for (at, first) in words.iter().enumerate() {
            let Some(first) = *first else { continue };
            if let Some(Some(second)) = words.get(at + 1) {
                let Some(pair) = self.pair_docids(1, first, *second, None)? else {
                    return Ok(RoaringBitmap::new());
                };
                docids &= pair.as_ref();
            }
            if let Some(Some(third)) = words.get(at + 2) {
                let mut union = RoaringBitmap::new();
                for proximity in [1, 2] {
                    if let Some(pair) = self.pair_docids(proximity, first, *third, None)? {
                        union |= pair.as_ref();
                    }
                }
                docids &= union;
            }
            if docids.is_empty() {
                break;
            }
        }
        Ok(docids)
    }
}

fn pair_key(proximity: u8, first: &str, second: &str) -> Vec<u8> {
    let mut key = Vec::with_capacity(first.len() + second.len() + 2);
    key.push(proximity);
    key.extend_from_slice(first.as_bytes());
    key.push(0);
    key.extend_from_slice(second.as_bytes());
    key
}

/// The union of posting lists within a universe; `None` when there is no list.
fn union_of(lists: &[&[u8]], universe: Option<&RoaringBitmap>) -> Result<Option<RoaringBitmap>> {
    let Some((first, rest)) = lists.split_first() else { return Ok(None) };
    let docids = match universe {
        Some(universe) => {
            let mut docids = intersect_cbo(first, universe)?;
            for list in rest {
                docids |= intersect_cbo(list, universe)?;
            }
            docids
        }
        None => {
            let mut docids = decode_cbo(first)?;
            for list in rest {
                union_cbo_into(list, &mut docids)?;
            }
            docids
        }
    };
    Ok(Some(docids))
}
