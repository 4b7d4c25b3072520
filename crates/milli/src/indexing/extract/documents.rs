//! A document → its stored form and its part in the field distribution (indexing.md 5.3 and 5.4).

use obkv::KvWriterU16;
use rustc_hash::FxHashMap;

use crate::document::{Content, VECTORS_FIELD, vectors};
use crate::error::{Error, InternalError, Result};
use crate::indexing::change::{Change, Sides};
use crate::indexing::vectors::Embedders;
use crate::schema::{FieldId, FieldsIdsMap};

/// What is to be written of a document.
pub(in crate::indexing) struct DocumentWrite {
    pub(in crate::indexing) docid: u32,
    pub(in crate::indexing) external_id: Box<str>,
    /// The stored form, or nothing when the document is deleted.
    pub(in crate::indexing) stored: Option<Vec<u8>>,
    pub(in crate::indexing) is_new: bool,
}

impl DocumentWrite {
    /// Memory in use, in bytes.
    pub(super) fn memory(&self) -> usize {
        size_of::<Self>() + self.external_id.len() + self.stored.as_ref().map_or(0, Vec::capacity)
    }
}

/// Brings the new content of a document into its stored form.
///
/// # Errors
/// `_vectors` has not the shape of vectors.
pub(super) fn write(
    change: &Change<'_>,
    sides: &Sides<'_>,
    fields: &FieldsIdsMap,
    embedders: &Embedders,
) -> Result<DocumentWrite> {
    let stored = sides
        .new
        .as_ref()
        .map(|new| stored_form(new, fields, &change.external_id, embedders))
        .transpose()?;
    Ok(DocumentWrite {
        docid: change.docid,
        external_id: change.external_id.clone(),
        stored,
        is_new: !change.is_stored,
    })
}

fn stored_form(
    content: &Content<'_>,
    fields: &FieldsIdsMap,
    id: &str,
    embedders: &Embedders,
) -> Result<Vec<u8>> {
    let mut entries = content
        .iter()
        .map(|(name, json)| Ok((id_of(name, fields)?, json)))
        .collect::<Result<Vec<_>>>()?;
    let vectors;
    if let Some(json) = content.get(VECTORS_FIELD) {
        let fid = id_of(VECTORS_FIELD, fields)?;
        entries.retain(|(other, _)| *other != fid);
        vectors = vectors::stored_form(json, id, |name| embedders.contains(name))?;
        entries.extend(vectors.as_deref().map(|json| (fid, json)));
    }
    entries.sort_unstable_by_key(|(fid, _)| *fid);
    let mut writer = KvWriterU16::memory();
    for (fid, json) in entries {
        writer.insert(fid, json)?;
    }
    Ok(writer.into_inner()?)
}

/// Adds the document to, and takes it from, the counts of its top-level fields.
pub(super) fn count_fields(
    sides: &Sides<'_>,
    fields: &FieldsIdsMap,
    distribution: &mut FxHashMap<FieldId, i64>,
) {
    for (content, sign) in [(&sides.old, -1), (&sides.new, 1)] {
        let names = content.iter().flat_map(Content::iter).map(|(name, _)| name);
        for fid in names.filter(|name| *name != VECTORS_FIELD).filter_map(|name| fields.id(name)) {
            *distribution.entry(fid).or_default() += sign;
        }
    }
}

fn id_of(name: &str, fields: &FieldsIdsMap) -> Result<FieldId> {
    fields.id(name).ok_or_else(|| {
        Error::from(InternalError::Inconsistent(format!("field `{name}` has no id")))
    })
}
