//! One document a value: of documents that share a value of the distinct attribute only the first is
//! kept (search.md 11.3).

use heed::types::{Bytes, DecodeIgnore};
use roaring::RoaringBitmap;

use crate::error::Result;
use crate::facet::{DOCUMENT_PREFIX_BYTES, FacetTree, document_prefix};
use crate::schema::FieldId;
use crate::store::{Index, RoTxn};

/// The attribute whose values may occur once.
#[derive(Clone, Copy)]
pub struct Distinct<'t> {
    index: &'t Index,
    rtxn: &'t RoTxn<'t>,
    fid: FieldId,
}

impl<'t> Distinct<'t> {
    /// A field that the index knows; an unknown one makes nothing distinct.
    pub fn new(index: &'t Index, rtxn: &'t RoTxn<'t>, fid: FieldId) -> Self {
        Self { index, rtxn, fid }
    }

    /// The documents of `set` that are kept, in ascending order of docid: those not excluded yet,
    /// each of which excludes all documents that share a value with it, itself included.
    pub fn keep(&self, set: &RoaringBitmap, excluded: &mut RoaringBitmap) -> Result<RoaringBitmap> {
        let mut kept = RoaringBitmap::new();
        for docid in set {
            if !excluded.contains(docid) {
                self.exclude_like(docid, excluded)?;
                kept.insert(docid);
            }
        }
        Ok(kept)
    }

    /// Adds to `excluded` the documents that share a value with `docid`. A document without a value
    /// shares none, not even with itself.
    pub fn exclude_like(&self, docid: u32, excluded: &mut RoaringBitmap) -> Result<()> {
        let tables = self.index.tables();
        let numbers = tables.field_id_docid_facet_f64s.remap_types::<Bytes, DecodeIgnore>();
        let strings = tables.field_id_docid_facet_strings.remap_types::<Bytes, DecodeIgnore>();
        let trees = [
            (numbers, FacetTree::numbers(self.index, self.rtxn, self.fid)),
            (strings, FacetTree::strings(self.index, self.rtxn, self.fid)),
        ];
        let prefix = document_prefix(self.fid, docid);
        for (values, tree) in trees {
            for entry in values.prefix_iter(self.rtxn, &prefix)? {
                let (key, ()) = entry?;
                if let Some(node) =
                    tree.value(key.get(DOCUMENT_PREFIX_BYTES..).unwrap_or_default())?
                {
                    node.union_into(excluded)?;
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facet::testing::TestIndex;

    #[test]
    fn the_lowest_docid_of_each_value_is_kept() {
        let test = TestIndex::new();
        test.numbers(0, &[(1.0, &[2, 5])]);
        test.strings(0, &[("Red", &[0, 1]), ("blue", &[1, 3])]);
        let rtxn = test.index.read_txn().unwrap();
        let distinct = Distinct::new(&test.index, &rtxn, 0);
        let mut excluded = RoaringBitmap::new();
        // 0 takes 1 with it, but 1 does not take 3 with it, for it was not kept itself.
        let kept = distinct.keep(&(0..7).collect(), &mut excluded).unwrap();
        assert_eq!(kept.iter().collect::<Vec<_>>(), [0, 2, 3, 4, 6]);
        assert_eq!(excluded.iter().collect::<Vec<_>>(), [0, 1, 2, 3, 5]);
        let later = distinct.keep(&(4..7).collect(), &mut excluded).unwrap();
        assert_eq!(later.iter().collect::<Vec<_>>(), [4, 6]);
    }
}
