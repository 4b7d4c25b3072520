//! An instance of an embedder: inputs → vectors.

use serde_json::Value;

use crate::error::{EmbeddingError, EmbeddingErrorKind};
use crate::request::RequestContext;

/// One thing of a document that is embedded.
#[derive(Clone, Debug, PartialEq)]
pub enum Input {
    /// A rendered template.
    Text(String),
    /// A rendered fragment.
    Fragment(Value),
}

/// What of a query is embedded.
#[derive(Clone, Copy, Debug, Default)]
pub struct QueryInput<'q> {
    /// The text, as it was sent.
    pub text: Option<&'q str>,
    /// The parameter `media`.
    pub media: Option<&'q Value>,
}

/// An embedder that is ready: it knows the length of its vectors.
#[derive(Debug)]
pub struct Embedder {
    dimensions: usize,
}

impl Embedder {
    /// Numbers of a vector.
    pub fn dimensions(&self) -> usize {
        self.dimensions
    }

    /// How many inputs of documents are best handed over at once.
    pub fn group_size(&self) -> usize {
        400
    }

    /// The vectors of inputs of documents, in their order.
    ///
    /// # Errors
    /// An input cannot be embedded; those before it are lost too.
    pub fn embed_documents(
        &self,
        _inputs: &[Input],
        _context: &RequestContext<'_>,
    ) -> Result<Vec<Vec<f32>>, EmbeddingError> {
        Err(EmbeddingErrorKind::UserProvided.into())
    }

    /// The vector of a query.
    ///
    /// # Errors
    /// The query cannot be embedded, or not before the deadline.
    pub fn embed_query(
        &self,
        _query: QueryInput<'_>,
        _context: &RequestContext<'_>,
    ) -> Result<Vec<f32>, EmbeddingError> {
        Err(EmbeddingErrorKind::UserProvided.into())
    }
}
