//! An index whose facet databases are filled by hand, for tests.

use std::collections::BTreeMap;

use roaring::RoaringBitmap;
use time::OffsetDateTime;

use crate::codec::{DocidFacetKey, FacetKey};
use crate::limits::FACET_GROUP_SIZE;
use crate::schema::{FieldId, FieldsIdsMap};
use crate::store::{Index, OpenOptions, RwTxn};
use crate::text::normalize_facet;

/// An index in a temporary directory.
pub(crate) struct TestIndex {
    pub(crate) index: Index,
    _directory: tempfile::TempDir,
}

impl TestIndex {
    pub(crate) fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let options = OpenOptions { map_size: 64 << 20, max_readers: 16, write_map: false };
        let now = OffsetDateTime::UNIX_EPOCH;
        let index = Index::create(directory.path(), &options, now, now).unwrap();
        Self { index, _directory: directory }
    }

    /// Names the fields, their ids in the order given, and makes documents `0..documents`.
    pub(crate) fn fields(&self, names: &[&str], documents: u32) {
        let mut fields = FieldsIdsMap::default();
        for name in names {
            fields.insert(name).unwrap();
        }
        let mut wtxn = self.index.write_txn().unwrap();
        self.index.put_fields_ids_map(&mut wtxn, &fields).unwrap();
        self.index.put_documents_ids(&mut wtxn, &(0..documents).collect()).unwrap();
        wtxn.commit().unwrap();
    }

    /// Gives documents their numbers, and builds the levels of the tree.
    pub(crate) fn numbers(&self, fid: FieldId, values: &[(f64, &[u32])]) {
        let mut wtxn = self.index.write_txn().unwrap();
        let tables = self.index.tables();
        let mut nodes = BTreeMap::new();
        for &(number, docids) in values {
            let bound = crate::codec::to_ordered_bytes(number).unwrap();
            nodes.insert(bound, (number, docids.iter().copied().collect::<RoaringBitmap>()));
            for &docid in docids {
                let key = DocidFacetKey { fid, docid, value: number };
                tables.field_id_docid_facet_f64s.put(&mut wtxn, &key, &()).unwrap();
            }
            self.exists(&mut wtxn, fid, docids);
        }
        let mut level: Level<f64> =
            nodes.into_values().map(|(bound, docids)| (bound, 1, docids)).collect();
        for height in 0.. {
            for (bound, size, docids) in &level {
                let key = FacetKey { fid, level: height, bound: *bound };
                let value = (*size, docids.clone());
                tables.facet_id_f64_docids.put(&mut wtxn, &key, &value).unwrap();
            }
            let Some(next) = group(level) else { break };
            level = next;
        }
        wtxn.commit().unwrap();
    }

    /// Gives documents their strings, and builds the levels of the tree.
    pub(crate) fn strings(&self, fid: FieldId, values: &[(&str, &[u32])]) {
        let mut wtxn = self.index.write_txn().unwrap();
        let tables = self.index.tables();
        let mut nodes: BTreeMap<String, RoaringBitmap> = BTreeMap::new();
        for &(text, docids) in values {
            let normalized = normalize_facet(text);
            for &docid in docids {
                let key = DocidFacetKey { fid, docid, value: normalized.as_str() };
                tables.field_id_docid_facet_strings.put(&mut wtxn, &key, text).unwrap();
            }
            nodes.entry(normalized).or_default().extend(docids);
            self.exists(&mut wtxn, fid, docids);
        }
        let mut level: Level<String> =
            nodes.into_iter().map(|(bound, docids)| (bound, 1, docids)).collect();
        for height in 0.. {
            for (bound, size, docids) in &level {
                let key = FacetKey { fid, level: height, bound: bound.as_str() };
                let value = (*size, docids.clone());
                tables.facet_id_string_docids.put(&mut wtxn, &key, &value).unwrap();
            }
            let Some(next) = group(level) else { break };
            level = next;
        }
        wtxn.commit().unwrap();
    }

    fn exists(&self, wtxn: &mut RwTxn<'_>, fid: FieldId, docids: &[u32]) {
        let table = self.index.tables().facet_id_exists_docids;
        let mut all = table.get(wtxn, &fid).unwrap().unwrap_or_default();
        all.extend(docids);
        table.put(wtxn, &fid, &all).unwrap();
    }
}

type Level<B> = Vec<(B, u8, RoaringBitmap)>;

/// The next level, if it has two nodes or more.
fn group<B: Clone>(level: Level<B>) -> Option<Level<B>> {
    let groups = level.chunks(FACET_GROUP_SIZE).map(|children| {
        let docids = children.iter().fold(RoaringBitmap::new(), |all, (_, _, some)| all | some);
        (children[0].0.clone(), u8::try_from(children.len()).unwrap(), docids)
    });
    let groups: Level<B> = groups.collect();
    (groups.len() > 1).then_some(groups)
}
