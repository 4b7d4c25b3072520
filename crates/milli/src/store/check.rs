//! Invariants across the databases of an index (storage-index.md section 18), for tests and tools.
//!
//! An index that this program wrote has no fault. One that Meilisearch wrote may hold residues, which
//! readers tolerate: ids of deleted documents, and empty or stale entries of derived databases.

use std::collections::{BTreeMap, BTreeSet};

use fst::Streamer;
use heed::Database;
use heed::types::Bytes;
use roaring::RoaringBitmap;

use super::{Index, RoTxn};
use crate::codec::{decode_cbo, encode_cbo_into};
use crate::error::Result;
use crate::limits::FACET_MAX_GROUP_SIZE;
use crate::schema::{Schema, keys};

type Table = Database<Bytes, Bytes>;

impl Index {
    /// Looks for contradictions; an empty list says that there are none.
    ///
    /// # Errors
    /// A value cannot be read at all.
    pub fn check(&self, rtxn: &RoTxn<'_>) -> Result<Vec<String>> {
        let mut check = Check { index: self, rtxn, ids: self.documents_ids(rtxn)?, faults: vec![] };
        check.documents()?;
        check.posting_lists()?;
        check.word_sets()?;
        check.searchable_fields()?;
        let tables = self.tables();
        check.facet_tree("facet_id_f64_docids", tables.facet_id_f64_docids.remap_types())?;
        check.facet_tree("facet_id_string_docids", tables.facet_id_string_docids.remap_types())?;
        check.facets_of_documents(
            "numbers",
            tables.facet_id_f64_docids.remap_types(),
            tables.field_id_docid_facet_f64s.remap_types(),
        )?;
        check.facets_of_documents(
            "strings",
            tables.facet_id_string_docids.remap_types(),
            tables.field_id_docid_facet_strings.remap_types(),
        )?;
        if !tables.cellulite_update.is_empty(rtxn)? {
            check.faults.push("cellulite_update holds pending operations".to_owned());
        }
        Ok(check.faults)
    }
}

struct Check<'c> {
    index: &'c Index,
    rtxn: &'c RoTxn<'c>,
    ids: RoaringBitmap,
    faults: Vec<String>,
}

impl Check<'_> {
    fn expect(&mut self, holds: bool, fault: impl FnOnce() -> String) {
        if !holds {
            self.faults.push(fault());
        }
    }

    /// `documents-ids`, `documents` and `external-documents-ids` name the same documents, and documents
    /// hold known fields only.
    fn documents(&mut self) -> Result<()> {
        let fields = self.index.fields_ids_map(self.rtxn)?;
        let mut stored = RoaringBitmap::new();
        for entry in self.index.tables().documents.iter(self.rtxn)? {
            let (docid, document) = entry?;
            stored.insert(docid);
            for (fid, _) in document.iter() {
                self.expect(fields.name(fid).is_some(), || {
                    format!("document {docid} holds the unknown field {fid}")
                });
            }
        }
        let mut external = RoaringBitmap::new();
        for entry in self.index.tables().external_documents_ids.iter(self.rtxn)? {
            let (id, docid) = entry?;
            self.expect(external.insert(docid), || format!("`{id}` shares its docid {docid}"));
        }
        let ids = self.ids.clone();
        self.expect(stored == ids, || format!("documents {stored:?}, documents-ids {ids:?}"));
        self.expect(external == ids, || {
            format!("external ids {external:?}, documents-ids {ids:?}")
        });
        Ok(())
    }

    /// Posting lists name known documents, are not empty, and have their canonical form.
    fn posting_lists(&mut self) -> Result<()> {
        const WITH_SIZE: [&str; 2] = ["facet_id_f64_docids", "facet_id_string_docids"];
        const PLAIN: [&str; 13] = [
            "word_docids",
            "exact_word_docids",
            "word_prefix_docids",
            "exact_word_prefix_docids",
            "word_pair_proximity_docids",
            "word_position_docids",
            "word_fid_docids",
            "word_prefix_position_docids",
            "word_prefix_fid_docids",
            "field_id_word_count_docids",
            "facet_id_exists_docids",
            "facet_id_is_null_docids",
            "facet_id_is_empty_docids",
        ];
        for (name, table) in self.index.tables().all() {
            let head = match name {
                _ if WITH_SIZE.contains(&name) => 1,
                _ if PLAIN.contains(&name) => 0,
                _ => continue,
            };
            for entry in table.iter(self.rtxn)? {
                let (key, value) = entry?;
                let list = value.get(head..).unwrap_or_default();
                let docids = decode_cbo(list)?;
                let mut canonical = Vec::new();
                encode_cbo_into(&docids, &mut canonical);
                let holds = !docids.is_empty() && docids.is_subset(&self.ids) && canonical == list;
                self.expect(holds, || format!("{name} {}: {docids:?}", key.escape_ascii()));
            }
        }
        Ok(())
    }

    /// `words-fst` and the keys of `word-docids` are the same; prefix entries are of known prefixes.
    fn word_sets(&mut self) -> Result<()> {
        let tables = self.index.tables();
        let words = all_words(self.index.words_fst(self.rtxn)?);
        let keys = keys_of(tables.word_docids.remap_types(), self.rtxn)?;
        self.expect(words == keys, || "words-fst and word-docids differ".to_owned());
        let prefixes = all_words(self.index.words_prefixes_fst(self.rtxn)?);
        let derived: [(Table, usize); 4] = [
            (tables.word_prefix_docids.remap_types(), 0),
            (tables.exact_word_prefix_docids.remap_types(), 0),
            (tables.word_prefix_fid_docids.remap_types(), 3),
            (tables.word_prefix_position_docids.remap_types(), 3),
        ];
        for (table, tail) in derived {
            for key in keys_of(table, self.rtxn)? {
                let prefix = key.get(..key.len().saturating_sub(tail)).unwrap_or_default();
                self.expect(prefixes.contains(prefix), || {
                    format!("`{}` is no stored prefix", prefix.escape_ascii())
                });
            }
        }
        Ok(())
    }

    /// The three keys about searchable fields agree. Without documents two of them may be behind.
    fn searchable_fields(&mut self) -> Result<()> {
        let schema = Schema::load(self.index, self.rtxn)?;
        let names = keys::SEARCHABLE.get(self.index, self.rtxn)?;
        let weights = keys::WEIGHTS.get(self.index, self.rtxn)?.unwrap_or_default();
        let fields = self.index.fields_ids_map(self.rtxn)?;
        for name in names.iter().flatten() {
            let weight = fields.id(name).and_then(|fid| weights.map.get(&fid).copied());
            let is_due = self.ids.is_empty() || weight == schema.searchable_weight(name);
            self.expect(weight.is_some() && is_due, || {
                format!("searchable field `{name}` has the weight {weight:?}")
            });
        }
        Ok(())
    }

    /// Every level groups the whole level below, without gaps and with exact unions.
    fn facet_tree(&mut self, name: &str, table: Table) -> Result<()> {
        let mut levels: BTreeMap<(Vec<u8>, u8), Vec<(Vec<u8>, u8, RoaringBitmap)>> =
            BTreeMap::new();
        for entry in table.iter(self.rtxn)? {
            let (key, value) = entry?;
            let ([high, low, level, bound @ ..], [size, list @ ..]) = (key, value) else {
                self.faults.push(format!("{name}: short key or value"));
                continue;
            };
            let node = (bound.to_vec(), *size, decode_cbo(list)?);
            levels.entry((vec![*high, *low], *level)).or_default().push(node);
        }
        for ((field, level), nodes) in &levels {
            let Some(below_level) = level.checked_sub(1) else { continue };
            let mut below = levels.get(&(field.clone(), below_level)).into_iter().flatten();
            for (bound, size, union) in nodes {
                let members: Vec<_> = below.by_ref().take(usize::from(*size)).collect();
                let is_whole = members.len() == usize::from(*size)
                    && (1..=FACET_MAX_GROUP_SIZE).contains(&members.len())
                    && members.first().is_some_and(|(first, _, _)| first == bound)
                    && members.iter().fold(RoaringBitmap::new(), |all, (_, _, ids)| all | ids)
                        == *union;
                self.expect(is_whole, || {
                    format!("{name}: field {field:?} level {level} is broken")
                });
            }
            self.expect(below.next().is_none(), || {
                format!("{name}: field {field:?} level {level} does not cover the level below")
            });
        }
        Ok(())
    }

    /// Level 0 of a tree and the values listed by document are the same pairs.
    fn facets_of_documents(&mut self, what: &str, tree: Table, listed: Table) -> Result<()> {
        let mut in_tree = BTreeSet::new();
        for entry in tree.iter(self.rtxn)? {
            let (key, value) = entry?;
            if let ([high, low, 0, bound @ ..], [_, list @ ..]) = (key, value) {
                for docid in decode_cbo(list)? {
                    in_tree.insert([&[*high, *low], &docid.to_be_bytes()[..], bound].concat());
                }
            }
        }
        let in_list = keys_of(listed, self.rtxn)?;
        self.expect(in_tree == in_list, || format!("facet {what} by value and by document differ"));
        Ok(())
    }
}

fn all_words(set: fst::Set<&[u8]>) -> BTreeSet<Vec<u8>> {
    let mut words = BTreeSet::new();
    let mut stream = set.stream();
    while let Some(word) = stream.next() {
        words.insert(word.to_vec());
    }
    words
}

fn keys_of(table: Table, rtxn: &RoTxn<'_>) -> Result<BTreeSet<Vec<u8>>> {
    table.iter(rtxn)?.map(|entry| Ok(entry?.0.to_vec())).collect()
}
