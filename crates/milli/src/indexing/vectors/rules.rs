//! What becomes of the vectors of a document for one embedder (indexing.md 15.2, vectors.md 4).

use std::collections::BTreeSet;

use super::error::hints;
use super::inputs::{Inputs, Rendered, Views};
use super::{Embedder, GenerationError, VectorsChange};
use crate::document::VECTORS_FIELD;
use crate::document::vectors::{self, Given};
use crate::error::Result;
use crate::vector::MAX_VECTORS;

/// Why the vectors of a stored document that follow its content are looked at anew.
#[derive(Debug)]
pub(in crate::indexing) enum Cause {
    /// Another model: nothing that was made can stay.
    Full,
    /// Another template, or other fields that it sees as searched; these are the former inputs.
    Prompts(Inputs),
    /// These fragments are new or others; the former inputs beside them.
    Fragments(Inputs, BTreeSet<String>),
}

impl Embedder {
    /// A document is new, to the index or to the embedder.
    ///
    /// # Errors
    /// It has no text, or it brings no vectors for an embedder that only takes them.
    pub(in crate::indexing) fn inserted(
        &self,
        given: Option<Given>,
        views: &Views<'_>,
        id: &str,
    ) -> Result<VectorsChange> {
        match given {
            Some(Given { embeddings: Some(vectors), regenerate }) => {
                Ok(replace(vectors, regenerate))
            }
            Some(Given { embeddings: None, regenerate: false }) => Ok(VectorsChange::Without),
            Some(Given { embeddings: None, regenerate: true }) | None => {
                self.generate_all(false, views, id)
            }
        }
    }

    /// A document that the embedder knows is sent again.
    ///
    /// # Errors
    /// As for a new document.
    pub(super) fn updated(
        &self,
        given: Option<Given>,
        docid: u32,
        views: &Views<'_>,
        id: &str,
    ) -> Result<Option<VectorsChange>> {
        let regenerated = self.status.regenerates(docid);
        match given {
            Some(Given { embeddings: Some(vectors), regenerate }) => {
                Ok(Some(replace(vectors, regenerate)))
            }
            Some(Given { embeddings: None, regenerate: false }) => Ok(None),
            None if !regenerated => Ok(None),
            _ if !regenerated => self.generate_all(true, views, id).map(Some),
            _ if self.gave_up_fragments(docid) => self.generate_all(true, views, id).map(Some),
            _ if views.are_same() => Ok(Some(VectorsChange::Status)),
            _ => {
                let changed = self.changed_inputs(&self.inputs, views, id, |_| true)?;
                let clears = self.replaces_all(docid);
                self.generate_changed(changed, clears, views, id).map(Some)
            }
        }
    }

    /// The settings of the embedder change around a stored document; `None` when its vectors stay.
    ///
    /// # Errors
    /// As for a new document.
    pub(in crate::indexing) fn revisited(
        &self,
        cause: &Cause,
        docid: u32,
        views: &Views<'_>,
        id: &str,
    ) -> Result<Option<VectorsChange>> {
        if !self.status.regenerates(docid) {
            return Ok(None);
        }
        let clears = self.replaces_all(docid);
        let changed = match cause {
            Cause::Full => {
                return self.generate_all(true, views, id).map(Some);
            }
            Cause::Fragments(..) if self.gave_up_fragments(docid) => {
                return self.generate_all(true, views, id).map(Some);
            }
            Cause::Prompts(before) => self.changed_inputs(before, views, id, |_| true)?,
            Cause::Fragments(before, names) => {
                self.changed_inputs(before, views, id, |name| names.contains(name))?
            }
        };
        match changed.is_empty() {
            true => Ok(None),
            false => self.generate(changed, clears, views, id).map(Some),
        }
    }

    /// Whether a document has vectors of users that are to be made of fragments now: nothing tells which
    /// of them stands for which fragment.
    fn gave_up_fragments(&self, docid: u32) -> bool {
        self.inputs.are_fragments() && self.status.is_user_provided(docid)
    }

    /// Whether a new vector takes the place of all others of the document. A text's always does: those that a
    /// user sent may have outlived the note that they are the user's.
    fn replaces_all(&self, docid: u32) -> bool {
        !self.inputs.are_fragments() || self.status.is_user_provided(docid)
    }

    /// Every input of the document.
    fn all_inputs(&self, views: &Views<'_>, id: &str) -> Result<Vec<Rendered<'_>>> {
        match views.new_side().and_then(|document| self.inputs.render(document)) {
            Ok(inputs) => Ok(inputs),
            Err(_) if self.failures.ignores_template => Ok(Inputs::unrendered()),
            Err(failure) => {
                let (embedder, document_id) = (self.name.clone(), id.to_owned());
                Err(GenerationError::Template { embedder, document_id, failure }.into())
            }
        }
    }

    /// The inputs of a name that `is_asked` accepts which were not the same before. What could not be
    /// rendered then was not the same.
    fn changed_inputs(
        &self,
        before: &Inputs,
        views: &Views<'_>,
        id: &str,
        is_asked: impl Fn(&str) -> bool,
    ) -> Result<Vec<Rendered<'_>>> {
        let mut inputs = self.all_inputs(views, id)?;
        let old = views.old().ok();
        inputs.retain(|Rendered { name, input, .. }| {
            is_asked(name) && old.and_then(|old| before.render_one(old, name)) != *input
        });
        Ok(inputs)
    }

    fn generate_changed(
        &self,
        changed: Vec<Rendered<'_>>,
        clears: bool,
        views: &Views<'_>,
        id: &str,
    ) -> Result<VectorsChange> {
        match changed.is_empty() {
            true => Ok(VectorsChange::Status),
            false => self.generate(changed, clears, views, id),
        }
    }

    fn generate_all(&self, clears: bool, views: &Views<'_>, id: &str) -> Result<VectorsChange> {
        // Without a look at the template, which this source does not have.
        let inputs = if self.computes() { self.all_inputs(views, id)? } else { Vec::new() };
        self.generate(inputs, clears, views, id)
    }

    fn generate(
        &self,
        inputs: Vec<Rendered<'_>>,
        clears: bool,
        views: &Views<'_>,
        id: &str,
    ) -> Result<VectorsChange> {
        if !self.computes() {
            let entries = views.field(VECTORS_FIELD).map_or_else(Vec::new, vectors::names);
            let hints = hints(&self.name, views.field_names(), entries.iter().map(String::as_str));
            let (embedder, document_id) = (self.name.clone(), id.to_owned());
            return Err(GenerationError::NotProvided { embedder, document_id, hints }.into());
        }
        let inputs = inputs.into_iter().map(|rendered| (rendered.store, rendered.input)).collect();
        Ok(VectorsChange::Generate { clears, inputs })
    }
}

fn replace(mut vectors: Vec<Vec<f32>>, regenerate: bool) -> VectorsChange {
    vectors.truncate(MAX_VECTORS);
    VectorsChange::Replace { vectors, regenerate }
}
