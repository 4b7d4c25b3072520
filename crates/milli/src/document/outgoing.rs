//! Stored documents as JSON text that can be imported again with the same effect: for dumps and exports
//! (storage-instance.md 13, tasks.md 19).

use super::vectors::parse_entries;
use super::{Content, VECTORS_FIELD, document};
use crate::error::{InternalError, Result};
use crate::schema::FieldsIdsMap;
use crate::store::{Index, RoTxn};
use crate::vector::ShownEmbedders;

/// The documents of an index at one moment.
pub struct OutgoingDocuments<'t> {
    index: &'t Index,
    rtxn: &'t RoTxn<'t>,
    fields: FieldsIdsMap,
    embedders: ShownEmbedders,
}

impl<'t> OutgoingDocuments<'t> {
    /// The documents that a transaction sees.
    ///
    /// # Errors
    /// The index cannot be read.
    pub fn new(index: &'t Index, rtxn: &'t RoTxn<'t>) -> Result<OutgoingDocuments<'t>> {
        Ok(OutgoingDocuments {
            index,
            rtxn,
            fields: index.fields_ids_map(rtxn)?,
            embedders: ShownEmbedders::load(index, rtxn)?,
        })
    }

    /// Writes a document behind `text`, its values as they are stored, its vectors beside those it keeps
    /// itself.
    ///
    /// # Errors
    /// There is no such document, it is damaged, or its `_vectors` is no object.
    pub fn write(&self, docid: u32, text: &mut String) -> Result<()> {
        let missing = || InternalError::Inconsistent(format!("document {docid} is missing"));
        let stored = document(self.index, self.rtxn, docid)?.ok_or_else(missing)?;
        let content = Content::of_stored(stored, &self.fields)?;
        text.push('{');
        let start = text.len();
        for (name, json) in content.iter() {
            if name != VECTORS_FIELD || self.embedders.is_empty() {
                push_member(text, start, name, json)?;
            }
        }
        if !self.embedders.is_empty() {
            let mut vectors = self.embedders.vectors_to_send(self.index, self.rtxn, docid)?;
            if let Some(kept) = content.get(VECTORS_FIELD) {
                for (name, entry) in parse_entries(kept, &docid.to_string())? {
                    vectors.entry(name).or_insert(serde_json::from_str(entry.get())?);
                }
            }
            push_member(text, start, VECTORS_FIELD, &serde_json::to_string(&vectors)?)?;
        }
        text.push('}');
        Ok(())
    }
}

fn push_member(text: &mut String, start: usize, name: &str, json: &str) -> Result<()> {
    if text.len() > start {
        text.push(',');
    }
    text.push_str(&serde_json::to_string(name)?);
    text.push(':');
    text.push_str(json);
    Ok(())
}
