//! Embedders as searches use them: from what a query says to the vector that it is ranked by
//! (vectors.md 16.1 and 16.2).

use std::time::Instant;

use meilisearch_types::error::{Code, ErrorCode};
use meilisearch_types::not_implemented::NotImplemented;
use roaring::RoaringBitmap;
use serde_json::Value;

use super::config::{Distribution, EmbedderConfig, EmbedderOptions};
use super::{EmbedderStatus, Nearest, VectorStore};
use crate::error::Result;
use crate::schema::Schema;
use crate::store::{Index, RoTxn};

/// What of a query is embedded.
#[derive(Clone, Copy, Debug, Default)]
pub struct QueryInput<'q> {
    /// The text, as it was sent.
    pub text: Option<&'q str>,
    /// The parameter `media`.
    pub media: Option<&'q Value>,
}

/// Turns what a query says into a vector. Each source of vectors implements it once.
pub trait QueryEmbedder: Send + Sync {
    /// The vector of a query. Its length is checked by the caller.
    ///
    /// # Errors
    /// The source cannot embed this, or could not before the deadline.
    fn embed(
        &self,
        input: QueryInput<'_>,
        deadline: Option<Instant>,
    ) -> Result<Vec<f32>, EmbeddingFailure>;
}

/// Why a query has no vector.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EmbeddingFailure {
    /// Users give the vectors of this embedder.
    #[error("it does not compute vectors, users provide them: give the query's `vector`")]
    UserProvided,
}

/// A vector that cannot be had or used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum VectorError {
    /// A given vector has another length than those of the embedder.
    #[error(
        "the embedder `{embedder}` has vectors of {expected} numbers, but the given vector has {found}"
    )]
    InvalidDimensions {
        /// Name of the embedder.
        embedder: String,
        /// Its length of vectors.
        expected: usize,
        /// Length of the vector given.
        found: usize,
    },
    /// What the query says could not be embedded.
    #[error("the embedder `{embedder}` cannot embed the query: {failure}")]
    Embedding {
        /// Name of the embedder.
        embedder: String,
        /// Why.
        failure: EmbeddingFailure,
    },
}

impl ErrorCode for VectorError {
    fn error_code(&self) -> Code {
        match self {
            VectorError::InvalidDimensions { .. } => Code::InvalidVectorDimensions,
            VectorError::Embedding { .. } => Code::VectorEmbeddingError,
        }
    }
}

/// The source `userProvided`.
struct UserProvided;

impl QueryEmbedder for UserProvided {
    fn embed(
        &self,
        _input: QueryInput<'_>,
        _deadline: Option<Instant>,
    ) -> Result<Vec<f32>, EmbeddingFailure> {
        Err(EmbeddingFailure::UserProvided)
    }
}

/// An embedder of an index, ready to search with.
pub struct SearchEmbedder {
    name: String,
    store: VectorStore,
    distribution: Option<Distribution>,
    source: Box<dyn QueryEmbedder>,
}

impl SearchEmbedder {
    /// The embedder of this name; `None` when the index has none.
    ///
    /// # Errors
    /// Its source is not built, or its entry cannot be read.
    pub fn open(
        index: &Index,
        rtxn: &RoTxn<'_>,
        schema: &Schema,
        name: &str,
    ) -> Result<Option<SearchEmbedder>> {
        let named = |config: &&EmbedderConfig| config.name == name;
        let Some(config) = schema.embedders.iter().find(named) else { return Ok(None) };
        let status = EmbedderStatus::get(index, rtxn, name)?.unwrap_or_default();
        let EmbedderOptions::UserProvided { distribution, .. } = config.config.embedder_options
        else {
            return Err(NotImplemented::EmbeddersSetting.into());
        };
        let store = config.store(status.id).ok_or(NotImplemented::EmbeddersSetting)?;
        let name = name.to_owned();
        Ok(Some(SearchEmbedder { name, store, distribution, source: Box::new(UserProvided) }))
    }

    /// Ranks by nearness to a given vector.
    ///
    /// # Errors
    /// Its length is not that of the embedder.
    pub fn query(&self, vector: Vec<f32>) -> Result<VectorQuery> {
        if vector.len() != self.store.dimensions {
            return Err(VectorError::InvalidDimensions {
                embedder: self.name.clone(),
                expected: self.store.dimensions,
                found: vector.len(),
            }
            .into());
        }
        Ok(VectorQuery { store: self.store, distribution: self.distribution, vector })
    }

    /// Ranks by nearness to what a query says.
    ///
    /// # Errors
    /// It cannot be embedded ([`VectorError::Embedding`]), or not to a vector of the right length.
    pub fn embed(&self, input: QueryInput<'_>, deadline: Option<Instant>) -> Result<VectorQuery> {
        let vector = self
            .source
            .embed(input, deadline)
            .map_err(|failure| VectorError::Embedding { embedder: self.name.clone(), failure })?;
        self.query(vector)
    }

    pub(crate) fn store(&self) -> VectorStore {
        self.store
    }

    /// The similarity of vectors at a distance, spread as the embedder says (search.md 18.2).
    pub(crate) fn similarity(&self, distance: f32) -> f32 {
        similarity(distance, self.distribution)
    }
}

/// A vector that documents are ranked by, and where their vectors are.
#[derive(Clone, Debug, PartialEq)]
pub struct VectorQuery {
    store: VectorStore,
    distribution: Option<Distribution>,
    vector: Vec<f32>,
}

impl VectorQuery {
    /// The vector alone.
    pub fn into_vector(self) -> Vec<f32> {
        self.vector
    }

    /// The documents of a universe that are nearest, at most `limit`.
    ///
    /// # Errors
    /// A stored value is damaged, or LMDB fails.
    pub(crate) fn nearest(
        &self,
        index: &Index,
        rtxn: &RoTxn<'_>,
        universe: &RoaringBitmap,
        limit: usize,
        deadline: Option<Instant>,
    ) -> Result<Nearest> {
        self.store.nearest(index, rtxn, &self.vector, universe, limit, deadline)
    }

    /// The similarity of vectors at a distance.
    pub(crate) fn similarity(&self, distance: f32) -> f32 {
        similarity(distance, self.distribution)
    }
}

fn similarity(distance: f32, distribution: Option<Distribution>) -> f32 {
    let similarity = 1.0 - distance;
    distribution.map_or(similarity, |distribution| distribution.shift(similarity))
}
