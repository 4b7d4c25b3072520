//! Keys that are written at the end of every batch of documents, and of every change of settings on an
//! index with documents (indexing.md section 16).

use roaring::RoaringBitmap;
use rustc_hash::FxHashMap;
use time::OffsetDateTime;

use crate::codec::Version;
use crate::error::Result;
use crate::schema::keys::{self, StoredWeights};
use crate::schema::{FieldId, FieldsIdsMap, Schema};
use crate::store::{Index, RwTxn};

/// Key of the only entry of `cellulite-metadata`, and the version of the GeoJSON format that it holds.
const CELLULITE_VERSION_KEY: u8 = 0;
const CELLULITE_VERSION: Version = Version { major: 0, minor: 3, patch: 2 };

/// Writes what follows from documents and settings as a whole.
///
/// # Errors
/// LMDB fails, or the map is full.
pub(super) fn finish(
    index: &Index,
    wtxn: &mut RwTxn<'_>,
    schema: &Schema,
    fields: &FieldsIdsMap,
    documents_ids: &RoaringBitmap,
    distribution: &FxHashMap<FieldId, i64>,
) -> Result<()> {
    index.put_fields_ids_map(wtxn, fields)?;
    put_searchable(index, wtxn, schema, fields)?;
    put_distribution(index, wtxn, fields, distribution)?;
    index.put_documents_ids(wtxn, documents_ids)?;
    index.put_updated_at(wtxn, OffsetDateTime::now_utc())?;
    index.put_documents_stats(wtxn)?;
    let metadata = index.tables().cellulite_metadata;
    metadata.put(wtxn, &CELLULITE_VERSION_KEY, &CELLULITE_VERSION)?;
    Ok(())
}

/// Names and weights of the searchable fields, when the user chose them.
fn put_searchable(
    index: &Index,
    wtxn: &mut RwTxn<'_>,
    schema: &Schema,
    fields: &FieldsIdsMap,
) -> Result<()> {
    if schema.searchable.is_none() {
        return Ok(());
    }
    let mut names = Vec::new();
    let mut weights = StoredWeights::default();
    for (fid, name) in fields.iter() {
        if let Some(weight) = schema.searchable_weight(name) {
            names.push(name.to_owned());
            weights.map.insert(fid, weight);
        }
    }
    keys::SEARCHABLE.put(index, wtxn, &names)?;
    keys::WEIGHTS.put(index, wtxn, &weights)
}

fn put_distribution(
    index: &Index,
    wtxn: &mut RwTxn<'_>,
    fields: &FieldsIdsMap,
    changes: &FxHashMap<FieldId, i64>,
) -> Result<()> {
    let mut distribution = index.field_distribution(wtxn)?;
    for (&fid, &change) in changes {
        let Some(name) = fields.name(fid) else { continue };
        let count = distribution.get(name).copied().unwrap_or(0).saturating_add_signed(change);
        if count == 0 {
            distribution.remove(name);
        } else {
            distribution.insert(name.to_owned(), count);
        }
    }
    index.put_field_distribution(wtxn, &distribution)
}
