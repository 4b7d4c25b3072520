//! What can go wrong with an archive, apart by what the caller has to do about it (index-snapshots.md 3 and 7).

use std::io;
use std::path::{Path, PathBuf};

use crate::foreign::ForeignArchive;
use crate::manifest::Version;

/// Result of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// An error of creating, reading or managing an index snapshot.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The archive is not what its writer made: truncated, changed, or never an index snapshot.
    #[error(
        "The index snapshot is corrupted: {reason}. Nothing was imported; use an intact copy of the archive."
    )]
    Corrupted {
        /// What is wrong, without a final stop.
        reason: String,
    },

    /// The archive is whole, but of another kind.
    #[error("{0}")]
    Foreign(ForeignArchive),

    /// The archive was made by a version whose indexes this server cannot open.
    #[error(
        "The index snapshot was made by version {archive}, and this server has version {server}: {reason}. \
         Import it on a server that has a fitting version, or carry the documents over with a dump."
    )]
    VersionMismatch {
        /// Version of the server that made the archive.
        archive: Version,
        /// Version of this server.
        server: Version,
        /// Which rule refuses it.
        reason: &'static str,
    },

    /// The manifest's format is newer than this code.
    #[error(
        "The index snapshot has format version {found}, and this server reads only up to version {known}. \
         Import it on a newer server, or carry the documents over with a dump."
    )]
    UnknownFormat {
        /// The format version of the manifest.
        found: u64,
        /// The greatest that this code reads.
        known: u64,
    },

    /// The archive holds an LMDB file of a machine that this one cannot read.
    #[error(
        "The index snapshot was made on another kind of machine: {reason}. Carry the documents over with a dump."
    )]
    PlatformMismatch {
        /// What differs.
        reason: String,
    },

    /// There is no such file.
    #[error("There is no index snapshot `{}`.", .path.display())]
    NotFound {
        /// The file that was looked for.
        path: PathBuf,
    },

    /// The file exists, but is not a regular file or the system refuses to open it.
    #[error("The index snapshot `{}` cannot be read: {reason}.", .path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What it is, or the system's error.
        reason: String,
    },

    /// The snapshot directory cannot be made or written.
    #[error(
        "The snapshot directory `{}` cannot be written: {source}. Create it, or give the server the right to \
         write there.",
        .path.display()
    )]
    DirectoryUnwritable {
        /// The directory.
        path: PathBuf,
        /// The system's error.
        source: io::Error,
    },

    /// A file of the wanted name exists and belongs to somebody else.
    #[error(
        "The file `{}` already exists and was not made by this task. Move it away, then create the snapshot again.",
        .path.display()
    )]
    AlreadyExists {
        /// The file.
        path: PathBuf,
    },

    /// The environment holds pages that no database uses and that are not free either.
    #[error(
        "The index has leaked pages{}: they are neither in use nor free, and a copy of such a file cannot be \
         completed. Make a dump and import it to rebuild the index.",
        .leaked.map(|pages| format!(" ({pages})")).unwrap_or_default()
    )]
    LeakedPages {
        /// How many, if LMDB went far enough to tell.
        leaked: Option<u64>,
    },

    /// The disk or the quota is full.
    #[error("No space left on device while {doing}.")]
    NoSpace {
        /// What was being written.
        doing: String,
    },

    /// The monitor asked to stop.
    #[error("The work was stopped.")]
    Stopped,

    /// Any other failure of the system.
    #[error("Failure while {doing}: {source}")]
    Io {
        /// What was being done, with the path.
        doing: String,
        /// The system's error.
        source: io::Error,
    },

    /// LMDB could not copy or read the environment.
    #[error("LMDB failed while copying the index: {0}")]
    Lmdb(#[from] heed::Error),

    /// A helper thread panicked.
    #[error("The thread `{0}` of the index snapshot panicked.")]
    Panicked(&'static str),
}

impl Error {
    pub(crate) fn corrupted(reason: impl Into<String>) -> Error {
        Error::Corrupted { reason: reason.into() }
    }

    /// Classes a failure of the system: a full disk is told apart from the rest.
    pub fn io(doing: impl Into<String>, source: io::Error) -> Error {
        let doing = doing.into();
        match source.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Error::NoSpace { doing },
            _ => Error::Io { doing, source },
        }
    }

    /// As [`Error::io`], for what is made in the snapshot directory: a refusal concerns the directory.
    pub(crate) fn in_directory(directory: &Path, source: io::Error) -> Error {
        match source.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
                Error::NoSpace { doing: format!("writing to `{}`", directory.display()) }
            }
            _ => Error::DirectoryUnwritable { path: directory.to_path_buf(), source },
        }
    }
}
