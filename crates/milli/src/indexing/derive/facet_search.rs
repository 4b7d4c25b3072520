//! Facet search: search-normalised value → the facet strings that it stands for, and the set of these
//! values a field (indexing.md section 13).

use std::collections::BTreeSet;

use charabia::Language;
use heed::types::Bytes;

use crate::error::Result;
use crate::indexing::apply::StringChanges;
use crate::schema::FieldId;
use crate::store::{Index, RwTxn};
use crate::text::normalize_facet_for_search;

/// Brings the entries of a field up to date after facet strings came or went.
///
/// # Errors
/// A stored value is damaged, or LMDB fails.
pub(in crate::indexing) fn update(
    index: &Index,
    wtxn: &mut RwTxn<'_>,
    fid: FieldId,
    languages: Option<&[Language]>,
    changes: &StringChanges,
) -> Result<()> {
    if changes.created.is_empty() && changes.deleted.is_empty() {
        return Ok(());
    }
    let table = index.tables().facet_id_normalized_string_strings;
    let changes = changes
        .deleted
        .iter()
        .map(|value| (value, false))
        .chain(changes.created.iter().map(|value| (value, true)));
    for (value, is_created) in changes {
        let normalized = normalize_facet_for_search(value, languages);
        let key = (fid, normalized.as_str());
        let mut values: BTreeSet<String> = match table.get(wtxn, &key)? {
            Some(json) => serde_json::from_slice(json)?,
            None => BTreeSet::new(),
        };
        if is_created {
            values.insert(value.clone());
        } else {
            values.remove(value);
        }
        if values.is_empty() {
            table.delete(wtxn, &key)?;
        } else {
            table.put(wtxn, &key, &serde_json::to_vec(&values)?)?;
        }
    }
    rebuild_set(index, wtxn, fid)
}

/// Builds the entries of a field anew from its facet strings.
///
/// # Errors
/// As for [`update`].
pub(in crate::indexing) fn rebuild(
    index: &Index,
    wtxn: &mut RwTxn<'_>,
    fid: FieldId,
    languages: Option<&[Language]>,
) -> Result<()> {
    clear(index, wtxn, fid)?;
    let [high, low] = fid.to_be_bytes();
    let strings = index.tables().facet_id_string_docids.remap_types::<Bytes, Bytes>();
    let mut created = BTreeSet::new();
    for entry in strings.prefix_iter(wtxn, &[high, low, 0])? {
        let (key, _) = entry?;
        created.insert(String::from_utf8_lossy(key.get(3..).unwrap_or_default()).into_owned());
    }
    update(index, wtxn, fid, languages, &StringChanges { created, ..StringChanges::default() })
}

/// Removes all entries of a field.
///
/// # Errors
/// LMDB fails.
pub(in crate::indexing) fn clear(index: &Index, wtxn: &mut RwTxn<'_>, fid: FieldId) -> Result<()> {
    let table = index.tables().facet_id_normalized_string_strings.remap_types::<Bytes, Bytes>();
    super::delete_field(table, wtxn, fid)?;
    index.tables().facet_id_string_fst.delete(wtxn, &fid)?;
    Ok(())
}

fn rebuild_set(index: &Index, wtxn: &mut RwTxn<'_>, fid: FieldId) -> Result<()> {
    let table = index.tables().facet_id_normalized_string_strings.remap_types::<Bytes, Bytes>();
    let mut builder = fst::SetBuilder::memory();
    let mut is_empty = true;
    for entry in table.prefix_iter(wtxn, &fid.to_be_bytes())? {
        builder.insert(entry?.0.get(2..).unwrap_or_default())?;
        is_empty = false;
    }
    let set = builder.into_inner()?;
    let sets = index.tables().facet_id_string_fst.remap_data_type::<Bytes>();
    if is_empty {
        sets.delete(wtxn, &fid)?;
    } else {
        sets.put(wtxn, &fid, &set)?;
    }
    Ok(())
}
