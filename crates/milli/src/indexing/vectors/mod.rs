//! Vectors while documents and settings are indexed (indexing.md 15, vectors.md 14).
//!
//! | File | What |
//! |---|---|
//! | `rules.rs` | a changed document × an embedder → what becomes of its vectors |
//! | `inputs.rs` | templates and fragments: a document → what is embedded |
//! | `write.rs` | inputs → vectors, in groups → the stores |
//! | `error.rs` | what can go wrong, and what an operator lets pass |

mod error;
mod inputs;
mod rules;
mod write;

use embedders::{EmbedderConfig, EmbedderOptions};

pub(super) use error::FailureModes;
pub use error::GenerationError;
pub(super) use inputs::{Inputs, Views};
pub(super) use rules::Cause;
pub(super) use write::{EmbeddersWriter, Scene};

use super::change::{Change, NewContent, Sides};
use crate::document::{VECTORS_FIELD, vectors};
use crate::error::Result;
use crate::schema::Schema;
use crate::store::{Index, RoTxn};
use crate::vector::{EmbedderStatus, VectorStore, config};

/// The embedders of an index, as an operation finds them.
#[derive(Debug, Default)]
pub(super) struct Embedders(pub(super) Vec<Embedder>);

/// One of them.
#[derive(Debug)]
pub(super) struct Embedder {
    pub(super) name: String,
    pub(super) options: EmbedderOptions,
    pub(super) inputs: Inputs,
    /// Ids and statuses before the operation.
    pub(super) status: EmbedderStatus,
    /// Its stores, when the length of vectors is known: from the options, or from vectors that are there.
    pub(super) store: Option<VectorStore>,
    pub(super) is_quantized: bool,
    pub(super) failures: FailureModes,
}

/// What becomes of the vectors of a document.
#[derive(Debug)]
pub(in crate::indexing) struct DocumentVectors {
    pub(in crate::indexing) docid: u32,
    pub(in crate::indexing) writes: Vec<VectorsWrite>,
}

/// What becomes of the vectors of a document for one embedder.
#[derive(Debug)]
pub(in crate::indexing) struct VectorsWrite {
    /// Place of the embedder in the list.
    pub(super) embedder: usize,
    pub(super) change: VectorsChange,
}

/// A change of a document's vectors for one embedder.
#[derive(Debug, PartialEq)]
pub(super) enum VectorsChange {
    /// These take the place of all it had; users sent them.
    Replace { vectors: Vec<Vec<f32>>, regenerate: bool },
    /// Vectors are computed, and those of inputs that the document no longer gives go. The status becomes
    /// "not user provided, regenerated".
    Generate {
        /// Whether all vectors that it had go first.
        clears: bool,
        /// Store and input.
        inputs: Vec<(u8, Option<embedders::Input>)>,
    },
    /// It goes without, by the will of the user.
    Without,
    /// The vectors stay; the status becomes "not user provided, regenerated".
    Status,
    /// The document is deleted.
    Forget,
}

impl DocumentVectors {
    /// Notes what becomes of them for an embedder, which is given by its place.
    pub(in crate::indexing) fn push(&mut self, embedder: usize, change: Option<VectorsChange>) {
        self.writes.extend(change.map(|change| VectorsWrite { embedder, change }));
    }

    /// Memory in use, in bytes.
    pub(in crate::indexing) fn memory(&self) -> usize {
        size_of::<Self>() + self.writes.iter().map(VectorsWrite::memory).sum::<usize>()
    }
}

impl VectorsWrite {
    fn memory(&self) -> usize {
        let held = match &self.change {
            VectorsChange::Replace { vectors, .. } => vectors.iter().map(|v| v.len() * 4).sum(),
            VectorsChange::Generate { inputs, .. } => {
                inputs.iter().map(|(_, input)| inputs::memory(input.as_ref())).sum()
            }
            _ => 0,
        };
        size_of::<Self>() + held
    }
}

impl Embedders {
    /// Reads embedders and statuses.
    ///
    /// # Errors
    /// A stored value is damaged.
    pub(super) fn load(index: &Index, rtxn: &RoTxn<'_>, schema: &Schema) -> Result<Embedders> {
        let load = |config: &EmbedderConfig| Embedder::load(index, rtxn, config);
        schema.embedders.iter().map(load).collect::<Result<_>>().map(Embedders)
    }

    /// Whether there is none.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether an embedder has this name.
    pub(super) fn contains(&self, name: &str) -> bool {
        self.0.iter().any(|embedder| embedder.name == name)
    }

    /// What a document of a batch means for every embedder.
    ///
    /// # Errors
    /// `_vectors` is at fault, a template cannot be rendered, or an embedder that only takes vectors would
    /// have to make some.
    pub(super) fn writes(
        &self,
        change: &Change<'_>,
        sides: &Sides<'_>,
        views: &Views<'_>,
    ) -> Result<Vec<VectorsWrite>> {
        let mut writes = Vec::new();
        for (number, embedder) in self.0.iter().enumerate() {
            let change = match (&change.new, &sides.new) {
                (NewContent::Nothing, _) | (_, None) => Some(VectorsChange::Forget),
                (_, Some(content)) => {
                    let id = &*change.external_id;
                    let json = content.get(VECTORS_FIELD);
                    let given = json.map(|json| vectors::given(json, &embedder.name, id));
                    let given = given.transpose()?.flatten();
                    match change.is_stored {
                        true => embedder.updated(given, change.docid, views, id)?,
                        false => Some(embedder.inserted(given, views, id)?),
                    }
                }
            };
            writes.extend(change.map(|change| VectorsWrite { embedder: number, change }));
        }
        Ok(writes)
    }
}

impl Embedder {
    /// Reads an embedder with its status.
    ///
    /// # Errors
    /// A stored value is damaged.
    pub(super) fn load(
        index: &Index,
        rtxn: &RoTxn<'_>,
        config: &EmbedderConfig,
    ) -> Result<Embedder> {
        let status = EmbedderStatus::get(index, rtxn, &config.name)?.unwrap_or_default();
        let store = match config::store(config, status.id) {
            Some(store) => Some(store),
            None => VectorStore::find(index, rtxn, status.id, config.is_quantized())?,
        };
        Embedder::new(config, status, store)
    }

    /// An embedder with its status and its stores.
    ///
    /// # Errors
    /// A stored template is damaged.
    pub(super) fn new(
        config: &EmbedderConfig,
        status: EmbedderStatus,
        store: Option<VectorStore>,
    ) -> Result<Embedder> {
        Ok(Embedder {
            name: config.name.clone(),
            options: config.config.embedder_options.clone(),
            inputs: Inputs::parse(config)?,
            status,
            store,
            is_quantized: config.is_quantized(),
            failures: FailureModes::of_environment(),
        })
    }

    /// Whether it makes vectors itself.
    pub(super) fn computes(&self) -> bool {
        !matches!(self.options, EmbedderOptions::UserProvided(_))
    }
}
