//! Why a command ends without an answer, in one line.

use std::io;
use std::path::PathBuf;

/// Result of a command.
pub(crate) type Result<T> = std::result::Result<T, Error>;

/// Why a command fails.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// The archive is bad or cannot be read.
    #[error("{}: {source}", file.display())]
    Archive {
        /// The archive.
        file: PathBuf,
        /// What is wrong with it.
        source: index_snapshot::Error,
    },
    /// The archive is whole, but not the one that was asked for.
    #[error(
        "{}: the archive has the SHA-256 {found}, and {expected} is {whence}; it is not the file that was \
         made",
        file.display()
    )]
    OtherSum {
        /// The archive.
        file: PathBuf,
        /// Its sum.
        found: String,
        /// The sum that it should have.
        expected: String,
        /// Where that one comes from.
        whence: String,
    },
    /// The file beside an archive that should hold its sum does not.
    #[error(
        "{}: no SHA-256 is in this file; compare with `--sha256`, or remove it to verify the archive by \
         itself",
        .0.display()
    )]
    NoSum(PathBuf),
    /// There is a data file already.
    #[error("{}: the file exists; extract into another directory or move it away", .0.display())]
    Exists(PathBuf),
    /// A file or directory cannot be read or written.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file or directory.
        path: PathBuf,
        /// The system's error.
        source: io::Error,
    },
    /// Neither a data directory nor an index.
    #[error(
        "{}: neither `data.mdb` nor `indexes` is in this directory; give a data directory (data.ms) or the \
         directory of one index",
        .0.display()
    )]
    NoIndex(PathBuf),
    /// An index cannot be checked at all.
    #[error("{}: {source}", path.display())]
    Check {
        /// The directory of the index.
        path: PathBuf,
        /// Why not.
        source: milli::Error,
    },
}

impl Error {
    pub(crate) fn io(path: impl Into<PathBuf>, source: io::Error) -> Error {
        Error::Io { path: path.into(), source }
    }
}
