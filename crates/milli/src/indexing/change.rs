//! A document to index anew: what the store holds of it and what it becomes.

use obkv::KvReaderU16;
use smallvec::SmallVec;

use crate::document::payload::PayloadDocument;
use crate::document::{Content, merge};
use crate::error::Result;
use crate::schema::FieldsIdsMap;

/// A document that a batch changes.
#[derive(Debug)]
pub(super) struct Change<'p> {
    pub(super) docid: u32,
    /// External id; empty when settings change, where it is not needed.
    pub(super) external_id: Box<str>,
    /// Whether the store holds the document before the batch.
    pub(super) is_stored: bool,
    pub(super) new: NewContent<'p>,
}

/// What a document becomes.
#[derive(Debug)]
pub(super) enum NewContent<'p> {
    /// It is deleted.
    Nothing,
    /// It stays as it is; the settings change around it.
    Stored,
    /// Objects of payloads, merged from left to right, over the stored document or from scratch.
    Versions { texts: SmallVec<[&'p str; 1]>, over_stored: bool },
}

/// The content of a document before and after.
pub(super) struct Sides<'a> {
    pub(super) old: Option<Content<'a>>,
    pub(super) new: Option<Content<'a>>,
}

impl Change<'_> {
    /// Reads both sides.
    ///
    /// # Errors
    /// The stored document or a payload is damaged, or `_vectors` has a wrong shape.
    pub(super) fn sides<'a>(
        &'a self,
        stored: Option<&'a KvReaderU16>,
        fields: &'a FieldsIdsMap,
    ) -> Result<Sides<'a>> {
        let old = stored.map(|stored| Content::of_stored(stored, fields)).transpose()?;
        let new = match &self.new {
            NewContent::Nothing => None,
            NewContent::Stored => old.clone(),
            NewContent::Versions { texts, over_stored } => {
                let versions = texts
                    .iter()
                    .map(|text| Ok(PayloadDocument::parse(text)?.into_content()))
                    .collect::<Result<Vec<_>>>()?;
                let base = old.clone().filter(|_| *over_stored);
                Some(merge::merge(versions, base, &self.external_id)?)
            }
        };
        Ok(Sides { old, new })
    }
}

impl Sides<'_> {
    /// Whether the two sides differ in a top-level field that `is_relevant` accepts.
    pub(super) fn differ_in(&self, is_relevant: impl Fn(&str) -> bool) -> bool {
        let (Some(old), Some(new)) = (&self.old, &self.new) else { return true };
        let relevant =
            |content: &Content<'_>| content.iter().filter(|(name, _)| is_relevant(name)).count();
        relevant(old) != relevant(new)
            || new.iter().any(|(name, json)| is_relevant(name) && old.get(name) != Some(json))
    }
}
