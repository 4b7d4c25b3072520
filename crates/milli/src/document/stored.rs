//! Documents of the store: reading them, and their external and internal ids.

use obkv::KvReaderU16;
use serde_json::{Map, Value};

use super::{Content, primary_key};
use crate::error::{InternalError, Result};
use crate::schema::FieldsIdsMap;
use crate::store::{Index, RoTxn};

/// The stored form of a document.
///
/// # Errors
/// LMDB fails.
pub fn document<'t>(
    index: &Index,
    rtxn: &'t RoTxn<'_>,
    docid: u32,
) -> Result<Option<&'t KvReaderU16>> {
    Ok(index.tables().documents.get(rtxn, &docid)?)
}

/// The internal id of an external id.
///
/// # Errors
/// LMDB fails.
pub fn docid(index: &Index, rtxn: &RoTxn<'_>, external_id: &str) -> Result<Option<u32>> {
    // LMDB knows no empty key and none beyond its limit; no document has such an id.
    if !primary_key::is_valid_id(external_id) {
        return Ok(None);
    }
    Ok(index.tables().external_documents_ids.get(rtxn, external_id)?)
}

/// The external id of a stored document, read from its content.
///
/// # Errors
/// There is no such document, or its id cannot be found in it.
pub fn external_id(
    index: &Index,
    rtxn: &RoTxn<'_>,
    docid: u32,
    primary_key: &str,
    fields: &FieldsIdsMap,
) -> Result<Box<str>> {
    let inconsistent = |what: &str| InternalError::Inconsistent(format!("document {docid} {what}"));
    let stored = document(index, rtxn, docid)?.ok_or_else(|| inconsistent("is missing"))?;
    let content = Content::of_stored(stored, fields)?;
    let entries: Vec<_> = content.iter().map(|(name, json)| (name.into(), json)).collect();
    let id = primary_key::id_among(&entries, primary_key);
    Ok(id.ok_or_else(|| inconsistent("has no valid id"))?.into())
}

/// A stored document as JSON, fields in field id order.
///
/// # Errors
/// The document is damaged.
pub fn to_json(document: &KvReaderU16, fields: &FieldsIdsMap) -> Result<Map<String, Value>> {
    Content::of_stored(document, fields)?
        .into_iter()
        .map(|(name, json)| Ok((name.into_owned(), serde_json::from_str(&json)?)))
        .collect()
}
