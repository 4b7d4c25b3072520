//! Vectors that documents bring → the stores of their embedders (indexing.md 15.2).

use embedders::EmbedderConfig;

use super::IndexingContext;
use super::change::{Change, NewContent, Sides};
use super::extract::DocumentWrite;
use super::steps::IndexingStep;
use crate::document::vectors::{self, Given};
use crate::document::{DocumentError, VECTORS_FIELD};
use crate::error::Result;
use crate::schema::Schema;
use crate::store::{Index, RoTxn, RwTxn};
use crate::vector::{EmbedderStatus, MAX_VECTORS, VectorStore, config};

/// The embedders of an index, as the batch finds them.
#[derive(Default)]
pub(super) struct Embedders(Vec<Embedder>);

/// One of them.
pub(super) struct Embedder {
    pub(super) name: String,
    pub(super) store: VectorStore,
    pub(super) status: EmbedderStatus,
}

/// What becomes of the vectors of a document for one embedder.
pub(in crate::indexing) struct VectorsWrite {
    /// Place of the embedder in the list.
    embedder: usize,
    change: VectorsChange,
}

/// A change of a document's vectors for one embedder.
#[derive(Debug, PartialEq)]
pub(super) enum VectorsChange {
    /// These take the place of all it had; users sent them.
    Replace { vectors: Vec<Vec<f32>>, regenerate: bool },
    /// It goes without, by the will of the user.
    Without,
    /// The vectors stay; the status becomes "not user provided, regenerated".
    Status,
    /// The document is deleted.
    Forget,
}

impl VectorsWrite {
    /// Memory in use, in bytes.
    pub(in crate::indexing) fn memory(&self) -> usize {
        let vectors = match &self.change {
            VectorsChange::Replace { vectors, .. } => vectors.iter().map(|v| v.len() * 4).sum(),
            _ => 0,
        };
        size_of::<Self>() + vectors
    }
}

impl Embedders {
    /// Reads embedders and statuses.
    ///
    /// # Errors
    /// A stored value is damaged.
    pub(super) fn load(index: &Index, rtxn: &RoTxn<'_>, schema: &Schema) -> Result<Embedders> {
        let load = |config: &EmbedderConfig| Embedder::load(index, rtxn, config);
        schema
            .embedders
            .iter()
            .filter_map(|config| load(config).transpose())
            .collect::<Result<_>>()
            .map(Embedders)
    }

    /// Whether an embedder has this name.
    pub(super) fn contains(&self, name: &str) -> bool {
        self.0.iter().any(|embedder| embedder.name == name)
    }

    /// The statuses before the batch.
    pub(super) fn statuses(&self) -> Vec<EmbedderStatus> {
        self.0.iter().map(|embedder| embedder.status.clone()).collect()
    }

    /// What a document of a batch means for every embedder. `is_text_changed` tells whether a text made
    /// of the document would be another one.
    ///
    /// # Errors
    /// `_vectors` is at fault, or an embedder would have to make vectors.
    pub(super) fn writes(
        &self,
        change: &Change<'_>,
        sides: &Sides<'_>,
        is_text_changed: impl Fn() -> bool,
    ) -> Result<Vec<VectorsWrite>> {
        let mut writes = Vec::new();
        for (number, embedder) in self.0.iter().enumerate() {
            let change = match (&change.new, &sides.new) {
                (NewContent::Nothing, _) | (_, None) => Some(VectorsChange::Forget),
                (_, Some(content)) => {
                    let id = &change.external_id;
                    let json = content.get(VECTORS_FIELD);
                    let given =
                        json.map(|json| vectors::given(json, &embedder.name, id)).transpose()?;
                    let given = given.flatten();
                    match change.is_stored {
                        true => embedder.updated(given, change.docid, id, &is_text_changed)?,
                        false => Some(embedder.inserted(given, id)?),
                    }
                }
            };
            writes.extend(change.map(|change| VectorsWrite { embedder: number, change }));
        }
        Ok(writes)
    }

    /// Writes the vectors of documents, and notes their statuses.
    ///
    /// # Errors
    /// LMDB fails, or the map is full.
    pub(super) fn apply(
        &self,
        index: &Index,
        wtxn: &mut RwTxn<'_>,
        documents: &[DocumentWrite],
        statuses: &mut [EmbedderStatus],
    ) -> Result<()> {
        for document in documents {
            for write in &document.vectors {
                let number = write.embedder;
                let (Some(embedder), Some(status)) = (self.0.get(number), statuses.get_mut(number))
                else {
                    continue;
                };
                write.change.apply(index, wtxn, document.docid, embedder.store, status)?;
            }
        }
        Ok(())
    }

    /// Builds the graphs, and stores the statuses.
    ///
    /// # Errors
    /// LMDB fails, the map is full, or the caller asked to stop.
    pub(super) fn finish(
        &self,
        index: &Index,
        wtxn: &mut RwTxn<'_>,
        context: &IndexingContext<'_>,
        statuses: &[EmbedderStatus],
    ) -> Result<()> {
        for (embedder, status) in self.0.iter().zip(statuses) {
            context.progress.update(IndexingStep::WritingEmbeddingsToDatabase);
            embedder.store.build(index, wtxn, context.must_stop)?;
            status.put(index, wtxn, &embedder.name)?;
        }
        Ok(())
    }
}

impl Embedder {
    /// Reads the status of an embedder; `None` when its source is not built.
    ///
    /// # Errors
    /// It is damaged.
    pub(super) fn load(
        index: &Index,
        rtxn: &RoTxn<'_>,
        config: &EmbedderConfig,
    ) -> Result<Option<Embedder>> {
        let status = EmbedderStatus::get(index, rtxn, &config.name)?.unwrap_or_default();
        let Some(store) = config::store(config, status.id) else { return Ok(None) };
        Ok(Some(Embedder { name: config.name.clone(), store, status }))
    }

    /// A document is new, to the index or to the embedder.
    ///
    /// # Errors
    /// It brings vectors of another length, or none though it does not opt out.
    pub(super) fn inserted(&self, given: Option<Given>, id: &str) -> Result<VectorsChange> {
        match given {
            Some(Given { embeddings: Some(vectors), regenerate }) => {
                self.replace(vectors, regenerate, id)
            }
            Some(Given { embeddings: None, regenerate: false }) => Ok(VectorsChange::Without),
            Some(Given { embeddings: None, regenerate: true }) | None => Err(self.must_embed(id)),
        }
    }

    /// A document that the embedder knows is sent again.
    fn updated(
        &self,
        given: Option<Given>,
        docid: u32,
        id: &str,
        is_text_changed: impl Fn() -> bool,
    ) -> Result<Option<VectorsChange>> {
        let regenerated = self.status.regenerates(docid);
        match given {
            Some(Given { embeddings: Some(vectors), regenerate }) => {
                self.replace(vectors, regenerate, id).map(Some)
            }
            Some(Given { embeddings: None, regenerate: false }) => Ok(None),
            None if !regenerated => Ok(None),
            _ if !regenerated || is_text_changed() => Err(self.must_embed(id)),
            _ => Ok(Some(VectorsChange::Status)),
        }
    }

    fn replace(
        &self,
        mut vectors: Vec<Vec<f32>>,
        regenerate: bool,
        id: &str,
    ) -> Result<VectorsChange> {
        let expected = self.store.dimensions;
        if let Some(number) = vectors.iter().position(|vector| vector.len() != expected) {
            let fault = DocumentError::InvalidVectorDimensions {
                document_id: id.to_owned(),
                embedder: self.name.clone(),
                number,
                expected,
                found: vectors[number].len(),
            };
            return Err(fault.into());
        }
        vectors.truncate(MAX_VECTORS);
        Ok(VectorsChange::Replace { vectors, regenerate })
    }

    fn must_embed(&self, id: &str) -> crate::error::Error {
        let (document_id, embedder) = (id.to_owned(), self.name.clone());
        DocumentError::VectorsNotProvided { document_id, embedder }.into()
    }
}

impl VectorsChange {
    /// Carries the change out.
    ///
    /// # Errors
    /// LMDB fails, or the map is full.
    pub(super) fn apply(
        &self,
        index: &Index,
        wtxn: &mut RwTxn<'_>,
        docid: u32,
        store: VectorStore,
        status: &mut EmbedderStatus,
    ) -> Result<()> {
        match self {
            VectorsChange::Replace { vectors, regenerate } => {
                status.set(docid, true, *regenerate);
                store.replace(index, wtxn, docid, vectors)
            }
            VectorsChange::Without => {
                status.set(docid, false, false);
                Ok(())
            }
            VectorsChange::Status => {
                status.set(docid, false, true);
                Ok(())
            }
            VectorsChange::Forget => {
                status.set(docid, false, true);
                store.replace(index, wtxn, docid, &[])
            }
        }
    }
}
