//! Databases that follow from others: brought up to date at the end of a batch, for what it touched.

pub(super) mod facet_levels;
pub(super) mod facet_search;
pub(super) mod prefixes;
pub(super) mod word_fst;

use std::ops::Bound;

use heed::Database;
use heed::types::Bytes;

use crate::error::Result;
use crate::schema::FieldId;
use crate::store::RwTxn;

/// Removes every entry of a table whose key begins with a field id.
///
/// # Errors
/// LMDB fails.
pub(super) fn delete_field(
    table: Database<Bytes, Bytes>,
    wtxn: &mut RwTxn<'_>,
    fid: FieldId,
) -> Result<()> {
    let start = fid.to_be_bytes();
    let end = fid.checked_add(1).map(FieldId::to_be_bytes);
    let end = end.as_ref().map_or(Bound::Unbounded, |end| Bound::Excluded(&end[..]));
    table.delete_range(wtxn, &(Bound::Included(&start[..]), end))?;
    Ok(())
}
