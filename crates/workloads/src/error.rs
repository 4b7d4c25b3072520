//! Why a workload cannot be finished.

use std::io;
use std::path::PathBuf;

/// Result of a workload.
pub(crate) type Result<T> = std::result::Result<T, Error>;

/// Why a workload cannot be finished.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// A file or directory.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file or directory.
        path: PathBuf,
        /// The system's error.
        source: io::Error,
    },
    /// A line of a data or query file.
    #[error("{}, line {line}: {reason}", path.display())]
    Line {
        /// The file.
        path: PathBuf,
        /// Counted from 1.
        line: usize,
        /// What is wrong.
        reason: String,
    },
    /// The server ended, or did not answer in time.
    #[error("{bin}: the server {what}; the end of its log:\n{log}")]
    Server {
        /// The binary.
        bin: String,
        /// What happened.
        what: String,
        /// What it printed last.
        log: String,
    },
    /// A request failed.
    #[error("{request}: {reason}")]
    Request {
        /// Method and path.
        request: String,
        /// The answer or the transport's error.
        reason: String,
    },
    /// Another program failed.
    #[error("`{command}` failed: {reason}")]
    Tool {
        /// The command line.
        command: String,
        /// Its error output or the system's error.
        reason: String,
    },
    /// The data is not fit for this workload.
    #[error("{0}")]
    Unfit(String),
}

impl Error {
    pub(crate) fn io(path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Error {
        let path = path.into();
        |source| Error::Io { path, source }
    }
}
