//! What can go wrong with a dump.

use std::io;
use std::path::{Path, PathBuf};

use meilisearch_types::error::{Code, ErrorCode};
use meilisearch_types::versioning::VERSION_STR;

/// Result of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// An error of writing or reading a dump.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The archive cannot be unpacked: it is no gzip file, truncated or damaged.
    #[error("The dump `{}` cannot be unpacked: {source}. Use an intact copy.", path.display())]
    Archive {
        /// The archive.
        path: PathBuf,
        /// What the decoder says.
        source: io::Error,
    },
    /// The archive is whole and something else.
    #[error(
        "`{}` is a snapshot, not a dump. Give the snapshot of a whole instance to `--import-snapshot`, and that \
         of one index to `POST /indexes/{{uid}}/snapshots/import` of a running server.",
        path.display()
    )]
    Snapshot {
        /// The archive.
        path: PathBuf,
    },
    /// A file that every dump has is not there.
    #[error("The dump is incomplete: it has no `{0}`. Use an intact copy.")]
    Missing(String),
    /// A version that is not read.
    #[error(
        "The dump has version {found}, and this server reads only versions V5 and V6. Import it into a release of \
         the original from 1.0 to {VERSION_STR}, make a new dump there, and import that one."
    )]
    Version {
        /// The version that the dump names.
        found: String,
    },
    /// A file does not hold what it should.
    #[error("The dump is damaged: `{file}`{}: {reason}.", line.map(|line| format!(", line {line}")).unwrap_or_default())]
    Damaged {
        /// The entry of the archive.
        file: String,
        /// Its line, from 1, where the file has lines.
        line: Option<usize>,
        /// What is wrong.
        reason: String,
    },
    /// A name that cannot be that of an entry.
    #[error("`{0}` cannot be the name of a file, so it cannot be dumped: rename it.")]
    UnwritableName(String),
    /// The system refused an operation.
    #[error("Cannot {operation} `{}`: {source}", path.display())]
    Io {
        /// What was tried, as a verb.
        operation: &'static str,
        /// The file or directory.
        path: PathBuf,
        /// The system's error.
        source: io::Error,
    },
    /// The archive cannot be written.
    #[error("The dump cannot be written: {0}")]
    Write(#[from] io::Error),
}

impl Error {
    pub(crate) fn io(operation: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Error {
        let path = path.to_path_buf();
        move |source| Error::Io { operation, path, source }
    }

    /// A file that does not hold what it should.
    pub fn damaged(file: &str, line: Option<usize>, reason: impl ToString) -> Error {
        Error::Damaged { file: file.to_owned(), line, reason: reason.to_string() }
    }
}

impl ErrorCode for Error {
    fn error_code(&self) -> Code {
        match self {
            Error::Write(source) | Error::Io { source, .. } => source.error_code(),
            _ => Code::Internal,
        }
    }
}
