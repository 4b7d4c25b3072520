//! Embedders as searches use them: from what a query says to the vector that it is ranked by
//! (vectors.md 16.1 and 16.2).

use std::sync::Arc;
use std::time::Instant;

use embedders::{
    Distribution, EmbedderConfig, EmbedderOptions, EmbedderPool, EmbeddingError, QueryInput,
    RequestContext,
};
use meilisearch_types::error::{Code, ErrorCode};
use meilisearch_types::not_implemented::NotImplemented;
use roaring::RoaringBitmap;

use super::{EmbedderStatus, Nearest, VectorStore, config};
use crate::error::Result;
use crate::schema::Schema;
use crate::store::{Index, RoTxn};

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
        failure: EmbeddingError,
    },
}

impl ErrorCode for VectorError {
    fn error_code(&self) -> Code {
        match self {
            VectorError::InvalidDimensions { .. } => Code::InvalidVectorDimensions,
            VectorError::Embedding { failure, .. } => failure.error_code(),
        }
    }
}

/// An embedder of an index, ready to search with.
pub struct SearchEmbedder {
    name: String,
    store: VectorStore,
    distribution: Option<Distribution>,
    options: EmbedderOptions,
    pool: Arc<EmbedderPool>,
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
        pool: &Arc<EmbedderPool>,
    ) -> Result<Option<SearchEmbedder>> {
        let named = |config: &&EmbedderConfig| config.name == name;
        let Some(config) = schema.embedders.iter().find(named) else { return Ok(None) };
        let status = EmbedderStatus::get(index, rtxn, name)?.unwrap_or_default();
        let store = config::store(config, status.id).ok_or(NotImplemented::EmbeddersSetting)?;
        let options = config.config.embedder_options.clone();
        let distribution = options.distribution();
        let (name, pool) = (name.to_owned(), Arc::clone(pool));
        Ok(Some(SearchEmbedder { name, store, distribution, options, pool }))
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
        let context = RequestContext { deadline, must_stop: &|| false, counters: None };
        let vector = self
            .pool
            .get(&self.options, &context)
            .and_then(|embedder| embedder.embed_query(input, &context))
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
