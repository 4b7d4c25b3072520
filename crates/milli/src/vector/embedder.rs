//! Embedders as searches use them: from what a query says to the vector that it is ranked by
//! (vectors.md 16.1 and 16.2).

use std::sync::Arc;
use std::time::Instant;

use embedders::{
    Distribution, Embedder, EmbedderConfig, EmbedderOptions, EmbedderPool, EmbeddingError,
    EmbeddingErrorKind, QueryInput, RequestContext,
};
use meilisearch_types::error::{Code, ErrorCode};
use roaring::RoaringBitmap;

use super::{EmbedderStatus, Nearest, VectorStore};
use crate::error::{Error, Result};
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

/// An embedder of an index, ready to search with. Its instance is made when there is something to embed.
pub struct SearchEmbedder {
    name: String,
    id: u8,
    is_quantized: bool,
    /// Numbers of a vector, where the options or the stored vectors tell; else the instance knows.
    dimensions: Option<usize>,
    distribution: Option<Distribution>,
    options: EmbedderOptions,
    pool: Arc<EmbedderPool>,
}

impl SearchEmbedder {
    /// The embedder of this name; `None` when the index has none.
    ///
    /// # Errors
    /// Its entry or its vectors cannot be read.
    pub fn open(
        index: &Index,
        rtxn: &RoTxn<'_>,
        schema: &Schema,
        name: &str,
        pool: &Arc<EmbedderPool>,
    ) -> Result<Option<SearchEmbedder>> {
        let named = |config: &&EmbedderConfig| config.name == name;
        let Some(config) = schema.embedders.iter().find(named) else { return Ok(None) };
        let EmbedderStatus { id, .. } = EmbedderStatus::get(index, rtxn, name)?.unwrap_or_default();
        let options = config.config.embedder_options.clone();
        let is_quantized = config.is_quantized();
        let dimensions = match options.dimensions() {
            Some(dimensions) => Some(dimensions),
            None => VectorStore::find(index, rtxn, id, is_quantized)?.map(|store| store.dimensions),
        };
        let distribution = options.distribution();
        let (name, pool) = (name.to_owned(), Arc::clone(pool));
        let embedder =
            SearchEmbedder { name, id, is_quantized, dimensions, distribution, options, pool };
        Ok(Some(embedder))
    }

    /// Ranks by nearness to a given vector. Until `deadline`, the instance may be asked for its length.
    ///
    /// # Errors
    /// Its length is not that of the embedder, or nobody can tell that length.
    pub fn query(&self, vector: Vec<f32>, deadline: Instant) -> Result<VectorQuery> {
        let dimensions = match self.dimensions {
            Some(dimensions) => dimensions,
            None => self.with_instance(deadline, |embedder, _| Ok(embedder.dimensions()))?,
        };
        if vector.len() != dimensions {
            return Err(VectorError::InvalidDimensions {
                embedder: self.name.clone(),
                expected: dimensions,
                found: vector.len(),
            }
            .into());
        }
        Ok(self.ranking_by(vector))
    }

    /// Ranks by nearness to what a query says, embedded before `deadline`.
    ///
    /// # Errors
    /// It cannot be embedded ([`VectorError::Embedding`]), or not to a vector of the right length.
    pub fn embed(&self, input: QueryInput<'_>, deadline: Instant) -> Result<VectorQuery> {
        let vector =
            self.with_instance(deadline, |embedder, context| embedder.embed_query(input, context))?;
        match self.dimensions {
            // A provider may have changed since the stored vectors were computed.
            Some(expected) if expected != vector.len() => {
                let failure = EmbeddingErrorKind::WrongDimensions { expected, found: vector.len() };
                Err(self.failed(failure.into()))
            }
            _ => Ok(self.ranking_by(vector)),
        }
    }

    fn with_instance<T>(
        &self,
        deadline: Instant,
        work: impl FnOnce(&Embedder, &RequestContext<'_>) -> Result<T, EmbeddingError>,
    ) -> Result<T> {
        let context =
            RequestContext { deadline: Some(deadline), must_stop: &|| false, counters: None };
        let done = self.pool.get(&self.options, &context).and_then(|it| work(&it, &context));
        done.map_err(|failure| self.failed(failure))
    }

    fn failed(&self, failure: EmbeddingError) -> Error {
        VectorError::Embedding { embedder: self.name.clone(), failure }.into()
    }

    fn ranking_by(&self, vector: Vec<f32>) -> VectorQuery {
        VectorQuery { store: self.store(vector.len()), distribution: self.distribution, vector }
    }

    fn store(&self, dimensions: usize) -> VectorStore {
        VectorStore { id: self.id, dimensions, is_quantized: self.is_quantized }
    }

    /// Where its vectors are; `None` when nothing tells their length, and so there are none.
    pub(crate) fn known_store(&self) -> Option<VectorStore> {
        self.dimensions.map(|dimensions| self.store(dimensions))
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
