//! Levels of the facet trees above level 0 (indexing.md section 12).
//!
//! A node of level n + 1 stands for consecutive nodes of level n: its key is the bound of the first, its
//! value their number and the union of their documents. The levels of a field that changed are built anew
//! in groups of four, as long as the level below has at least twenty nodes; readers accept any grouping.

use std::ops::Bound;

use heed::Database;
use heed::types::Bytes;
use roaring::RoaringBitmap;

use crate::codec::{decode_cbo, encode_cbo_into};
use crate::error::Result;
use crate::limits::{FACET_GROUP_SIZE, FACET_MIN_LEVEL_SIZE};
use crate::schema::FieldId;
use crate::store::{Index, RwTxn};

/// A level gets another one above it when it has at least so many nodes.
const MIN_NODES_FOR_NEXT_LEVEL: usize = FACET_GROUP_SIZE * FACET_MIN_LEVEL_SIZE;

/// The tree of numbers, or that of strings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::indexing) enum Tree {
    Numbers,
    Strings,
}

impl Tree {
    fn table(self, index: &Index) -> Database<Bytes, Bytes> {
        match self {
            Tree::Numbers => index.tables().facet_id_f64_docids.remap_types(),
            Tree::Strings => index.tables().facet_id_string_docids.remap_types(),
        }
    }
}

/// Removes all levels of a field above level 0.
///
/// # Errors
/// LMDB fails.
pub(in crate::indexing) fn clear(
    index: &Index,
    wtxn: &mut RwTxn<'_>,
    tree: Tree,
    fid: FieldId,
) -> Result<()> {
    let [high, low] = fid.to_be_bytes();
    let (start, end) = ([high, low, 1], [high, low, u8::MAX]);
    let range = (Bound::Included(&start[..]), Bound::Excluded(&end[..]));
    tree.table(index).delete_range(wtxn, &range)?;
    Ok(())
}

/// Builds all levels of a field above level 0 anew.
///
/// # Errors
/// A stored node is damaged, or LMDB fails.
pub(in crate::indexing) fn rebuild(
    index: &Index,
    wtxn: &mut RwTxn<'_>,
    tree: Tree,
    fid: FieldId,
) -> Result<()> {
    clear(index, wtxn, tree, fid)?;
    let table = tree.table(index);
    let [high, low] = fid.to_be_bytes();
    for level in 1..u8::MAX {
        let below = table.prefix_iter(wtxn, &[high, low, level - 1])?;
        let mut nodes: Vec<(Vec<u8>, u8, RoaringBitmap)> = Vec::new();
        let mut below_len = 0;
        for entry in below {
            let (key, value) = entry?;
            let docids = decode_cbo(value.get(1..).unwrap_or_default())?;
            match nodes.last_mut() {
                Some((_, size, union)) if usize::from(*size) < FACET_GROUP_SIZE => {
                    *size += 1;
                    *union |= docids;
                }
                _ => {
                    let bound = key.get(3..).unwrap_or_default();
                    nodes.push(([&[high, low, level], bound].concat(), 1, docids));
                }
            }
            below_len += 1;
        }
        if below_len < MIN_NODES_FOR_NEXT_LEVEL {
            break;
        }
        let mut value = Vec::new();
        for (key, size, docids) in nodes {
            value.clear();
            value.push(size);
            encode_cbo_into(&docids, &mut value);
            table.put(wtxn, &key, &value)?;
        }
    }
    Ok(())
}
