//! What can go wrong in an index: the user's faults by area, and failures of storage apart from them.

use std::path::PathBuf;

use meilisearch_types::error::{Code, ErrorCode};
use meilisearch_types::not_implemented::NotImplemented;

use crate::document::DocumentError;
use crate::indexing::{GenerationError, SettingsError};
use crate::schema::FieldsLimitReached;

/// Result of the engine.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Anything that a call of the engine can return.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Storage failed, or holds what it should not.
    #[error(transparent)]
    Internal(#[from] InternalError),
    /// The filter cannot be evaluated.
    #[error(transparent)]
    Filter(#[from] crate::query::filter::FilterError),
    /// `attributesToSearchOn` names an attribute that is not searched.
    #[error(transparent)]
    UnsearchableAttribute(#[from] crate::query::fields::UnsearchableAttribute),
    /// A document of the user is at fault.
    #[error(transparent)]
    Document(#[from] DocumentError),
    /// A setting of the user is at fault.
    #[error(transparent)]
    Settings(#[from] SettingsError),
    /// Vectors of documents cannot be made.
    #[error(transparent)]
    Generation(#[from] GenerationError),
    /// The vector of a query cannot be had or used.
    #[error(transparent)]
    Vector(#[from] crate::vector::VectorError),
    /// What is asked for is not built yet.
    #[error(transparent)]
    NotImplemented(#[from] NotImplemented),
    /// The memory map is full: reopen the index with a larger one and try again.
    #[error("the index has outgrown its memory map")]
    MapFull,
    /// The caller raised its stop flag; nothing has been written.
    #[error("the operation was stopped on request")]
    Aborted,
}

/// A failure that is not the user's fault.
#[derive(Debug, thiserror::Error)]
pub enum InternalError {
    /// LMDB failed.
    #[error("the index's storage failed: {0}")]
    Storage(heed::Error),
    /// The environment cannot be opened.
    #[error("the index in `{}` cannot be opened: {source}", path.display())]
    OpenEnvironment {
        /// Directory of the environment.
        path: PathBuf,
        /// What LMDB says.
        source: heed::Error,
    },
    /// The directory of an index has no data file.
    #[error("`{}` is missing; restore it from a backup or delete the index", .path.display())]
    MissingDataFile {
        /// Where the file should be.
        path: PathBuf,
    },
    /// A key of the `main` database cannot be decoded.
    #[error("the index's entry `{key}` cannot be read: {source}")]
    MainKey {
        /// Name of the key.
        key: &'static str,
        /// What is wrong with it.
        source: heed::Error,
    },
    /// A key of the `main` database that every index has is absent.
    #[error("the index's entry `{key}` is missing")]
    MissingMainKey {
        /// Name of the key.
        key: &'static str,
    },
    /// A stored word set cannot be read or built.
    #[error("a word set of the index is damaged: {0}")]
    Fst(#[from] fst::Error),
    /// A stored JSON value cannot be read.
    #[error("a stored JSON value is damaged: {0}")]
    Json(#[from] serde_json::Error),
    /// The file of a task cannot be read as documents; it was checked when the task was registered.
    #[error("a task's documents are damaged: {0}")]
    Payload(serde_json::Error),
    /// A file or a stored set cannot be read.
    #[error("reading or writing failed: {0}")]
    Io(#[from] std::io::Error),
    /// Two databases of the index contradict each other.
    #[error("the index is inconsistent: {0}")]
    Inconsistent(String),
}

impl From<heed::Error> for Error {
    fn from(error: heed::Error) -> Error {
        match error {
            heed::Error::Mdb(heed::MdbError::MapFull) => Error::MapFull,
            other => Error::Internal(InternalError::Storage(other)),
        }
    }
}

impl From<FieldsLimitReached> for Error {
    fn from(_: FieldsLimitReached) -> Error {
        Error::Document(DocumentError::TooManyFields)
    }
}

impl From<std::io::Error> for Error {
    fn from(error: std::io::Error) -> Error {
        Error::Internal(error.into())
    }
}

impl From<serde_json::Error> for Error {
    fn from(error: serde_json::Error) -> Error {
        Error::Internal(error.into())
    }
}

impl From<fst::Error> for Error {
    fn from(error: fst::Error) -> Error {
        Error::Internal(error.into())
    }
}

impl ErrorCode for Error {
    fn error_code(&self) -> Code {
        match self {
            Error::Internal(error) => error.error_code(),
            Error::Filter(error) => error.error_code(),
            Error::UnsearchableAttribute(_) => Code::InvalidSearchAttributesToSearchOn,
            Error::Document(error) => error.error_code(),
            Error::Settings(error) => error.error_code(),
            Error::Generation(error) => error.error_code(),
            Error::Vector(error) => error.error_code(),
            Error::NotImplemented(error) => error.error_code(),
            Error::MapFull => Code::DatabaseSizeLimitReached,
            Error::Aborted => Code::Internal,
        }
    }
}

impl ErrorCode for InternalError {
    fn error_code(&self) -> Code {
        match self {
            InternalError::Storage(source)
            | InternalError::OpenEnvironment { source, .. }
            | InternalError::MainKey { source, .. } => match source {
                heed::Error::Io(error) => error.error_code(),
                heed::Error::Mdb(heed::MdbError::Invalid | heed::MdbError::Corrupted) => {
                    Code::InvalidStoreFile
                }
                _ => Code::Internal,
            },
            InternalError::Io(error) => error.error_code(),
            InternalError::MissingDataFile { .. } => Code::InvalidStoreFile,
            _ => Code::Internal,
        }
    }
}
