//! What can go wrong when vectors are computed (vectors.md 19).

use meilisearch_types::error::{Code, ErrorCode};

/// Who is at fault (vectors.md 19.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The settings, the documents or the query.
    User,
    /// The provider or the network.
    Runtime,
    /// It cannot be told.
    Undecided,
    /// This program.
    Bug,
}

/// Why there is no vector.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{kind}")]
pub struct EmbeddingError {
    /// What happened.
    pub kind: EmbeddingErrorKind,
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EmbeddingErrorKind {
    /// Users give the vectors of this embedder.
    #[error(
        "it does not compute vectors, users provide them: give `vector` with a query, `_vectors` with a document"
    )]
    UserProvided,
    /// The server cannot run models itself.
    #[error("this server runs no models itself: use a source such as `rest`, `ollama` or `openAi`")]
    NoLocalModels,
}

impl EmbeddingError {
    /// Who is at fault.
    pub fn fault(&self) -> Fault {
        match self.kind {
            EmbeddingErrorKind::UserProvided | EmbeddingErrorKind::NoLocalModels => Fault::User,
        }
    }
}

impl From<EmbeddingErrorKind> for EmbeddingError {
    fn from(kind: EmbeddingErrorKind) -> EmbeddingError {
        EmbeddingError { kind }
    }
}

impl ErrorCode for EmbeddingError {
    fn error_code(&self) -> Code {
        match self.fault() {
            Fault::Bug => Code::Internal,
            _ => Code::VectorEmbeddingError,
        }
    }
}
