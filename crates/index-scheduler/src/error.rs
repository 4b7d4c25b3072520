//! What can go wrong between a route and an index: faults of the user's task apart from failures
//! of the queue itself.

use std::path::{Path, PathBuf};

use meilisearch_types::error::{Code, ErrorCode};
use meilisearch_types::not_implemented::NotImplemented;
use meilisearch_types::tasks::{BatchId, TaskId};
use milli::query::filter::{FilterError, FilterProblem};
use uuid::Uuid;

use crate::space;

/// Result of the scheduler.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Anything that the scheduler tells a route or writes into a failed task.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No such index.
    #[error("Index `{0}` does not exist.")]
    IndexNotFound(String),
    /// Indexes that a swap names.
    #[error("These indexes do not exist: {}. Create them, or leave them out of the swap.", quoted(.0))]
    IndexesNotFound(Vec<String>),
    /// The name is taken.
    #[error("Index `{0}` exists already.")]
    IndexAlreadyExists(String),
    /// The name is kept for the server's own indexes.
    #[error("`{0}` cannot be the uid of an index: names that start with `.meili` are reserved.")]
    ReservedIndexUid(String),
    /// A swap list that names an index twice.
    #[error("An index may appear once in a list of swaps, but these appear more often: {}.", quoted(.0))]
    SwapDuplicateIndexes(Vec<String>),
    /// No such task.
    #[error("Task `{0}` does not exist.")]
    TaskNotFound(TaskId),
    /// No such batch.
    #[error("Batch `{0}` does not exist.")]
    BatchNotFound(BatchId),
    /// The queue has no room for another task.
    #[error(
        "The task queue is full: it uses more than 40 % of its {map_size_bytes} bytes. \
         Delete finished tasks (`DELETE /tasks`) and try again."
    )]
    QueueFull {
        /// Size of the memory map, in bytes.
        map_size_bytes: usize,
    },
    /// The kind is not built yet.
    #[error(transparent)]
    NotImplemented(#[from] NotImplemented),
    /// The engine refuses or fails; the index is named.
    #[error("Index `{uid}`: {source}")]
    Index {
        /// Uid of the index, or UUID of its directory where no uid is known.
        uid: String,
        /// The engine's error.
        source: milli::Error,
    },
    /// A filter of a task, which has the codes of documents.
    #[error("Index `{uid}`: {source}")]
    Filter {
        /// Uid of the index.
        uid: String,
        /// What is wrong with the filter.
        source: FilterError,
    },
    /// The index was written by another version of the program.
    #[error(
        "Index `{uid}` was written by version {found} and this is {expected}: upgrade it first."
    )]
    IndexVersionMismatch {
        /// Uid of the index.
        uid: String,
        /// Version found in the index.
        found: String,
        /// Version of the program.
        expected: &'static str,
    },
    /// Handles on an index are still in use after all waiting.
    #[error(
        "The index in `{uuid}` is still in use after {waited_seconds} s, so it cannot be closed. \
         Wait for long requests to end, or restart the server."
    )]
    IndexStillInUse {
        /// UUID of the index's directory.
        uuid: Uuid,
        /// How long was waited, in seconds.
        waited_seconds: u64,
    },
    /// The index is being deleted: whoever holds its UUID holds an old view of the mapping.
    #[error("The index in `{0}` is being deleted.")]
    IndexBeingDeleted(Uuid),
    /// An archive of one index, or the directory of such archives.
    #[error(transparent)]
    IndexSnapshot(index_snapshot::Error),
    /// A dump.
    #[error(transparent)]
    Dump(#[from] dump::Error),
    /// The URL of an export leads nowhere.
    #[error("`{url}` cannot be the address of another instance: {reason}.")]
    ExportUrl {
        /// What was given.
        url: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The other instance cannot be reached.
    #[error("`{method} {url}` of the other instance failed: {reason}")]
    ExportUnreachable {
        /// Method of the request.
        method: &'static str,
        /// Its address.
        url: String,
        /// Why the last attempt failed.
        reason: String,
    },
    /// The other instance answers a request with an error.
    #[error("`{method} {url}` of the other instance answered with status {status}: {answer}")]
    ExportRefused {
        /// Method of the request.
        method: &'static str,
        /// Its address.
        url: String,
        /// Status of the answer.
        status: u16,
        /// Its error, in one line.
        answer: String,
    },
    /// Payload files.
    #[error(transparent)]
    FileStore(#[from] file_store::Error),
    /// The environment of the queue failed.
    #[error("The task queue cannot be read or written: {0}")]
    Queue(#[from] heed::Error),
    /// The queue was compacted, and the file that this process has open is the old one.
    #[error(
        "The task queue has been compacted and takes no changes until the server is restarted."
    )]
    QueueRetired,
    /// The queue was written by another version of the program.
    #[error(
        "The task queue was written by version {found} and this is {expected}. Upgrading in place is not \
         built: start that version, make a dump there, and import it into an empty data directory."
    )]
    QueueVersionMismatch {
        /// Version found in the queue.
        found: String,
        /// Version of the program.
        expected: &'static str,
    },
    /// The queue contradicts itself.
    #[error("The task queue is corrupted: {0}")]
    CorruptedQueue(String),
    /// The disk is full, and what failed on it did not say so.
    #[error(
        "There is no space left on the device of `{}`: make room, then send the request again. What failed: {source}",
        directory.display()
    )]
    DiskFull {
        /// The data directory.
        directory: PathBuf,
        /// What failed.
        source: Box<Error>,
    },
    /// A file or directory of the data directory.
    #[error("Cannot {operation} `{path}`: {source}")]
    Io {
        /// What was tried, as a verb.
        operation: &'static str,
        /// The file or directory.
        path: PathBuf,
        /// The system's error.
        source: std::io::Error,
    },
    /// Our own code crashed while it ran a batch.
    #[error(
        "The batch crashed: {0}. This is a bug of the server; its other tasks are not affected."
    )]
    Panic(String),
    /// The batch was stopped by a cancelation or by the end of the server; it will be planned anew.
    #[error("The batch was stopped.")]
    Aborted,
    /// The index needs a larger memory map; the batch will be planned anew with one.
    #[error("The memory map of the index in `{uuid}` is full at {map_size} bytes.")]
    IndexMapFull {
        /// UUID of the index's directory.
        uuid: Uuid,
        /// Size of the map, in bytes.
        map_size: usize,
    },
    /// An error that already is in the form of the wire, from a job outside this crate's kinds.
    #[error("{0}")]
    Response(meilisearch_types::error::ResponseError),
}

impl Error {
    /// A system error with what was tried on which path.
    pub(crate) fn io(
        operation: &'static str,
        path: impl Into<PathBuf>,
    ) -> impl FnOnce(std::io::Error) -> Error {
        let path = path.into();
        move |source| Error::Io { operation, path, source }
    }

    /// Tells a full disk apart from a failing one: LMDB reports both as EIO. What fails for other reasons
    /// stays as it is.
    pub(crate) fn or_disk_full(self, directory: &Path) -> Error {
        match self.error_code() {
            Code::IoError if space::is_full(directory) => {
                Error::DiskFull { directory: directory.to_owned(), source: Box::new(self) }
            }
            _ => self,
        }
    }

    /// An engine error with the index that it is about.
    pub(crate) fn index(uid: &str) -> impl FnOnce(milli::Error) -> Error {
        let uid = uid.to_owned();
        move |source| match source {
            milli::Error::Aborted => Error::Aborted,
            source => Error::Index { uid, source },
        }
    }
}

impl ErrorCode for Error {
    fn error_code(&self) -> Code {
        match self {
            Error::IndexNotFound(_) | Error::IndexesNotFound(_) | Error::IndexBeingDeleted(_) => {
                Code::IndexNotFound
            }
            Error::IndexAlreadyExists(_) => Code::IndexAlreadyExists,
            Error::ReservedIndexUid(_) => Code::InvalidIndexUid,
            Error::SwapDuplicateIndexes(_) => Code::InvalidSwapDuplicateIndexFound,
            Error::TaskNotFound(_) => Code::TaskNotFound,
            Error::BatchNotFound(_) => Code::BatchNotFound,
            Error::QueueFull { .. } | Error::DiskFull { .. } => Code::NoSpaceLeftOnDevice,
            Error::NotImplemented(error) => error.error_code(),
            Error::Index { source, .. } => source.error_code(),
            Error::Filter { source, .. } => match source {
                // The one problem of a filter for which clients see the code of searches.
                FilterError::InPlace {
                    problem: FilterProblem::OperatorNotAllowed { .. }, ..
                } => Code::InvalidSearchFilter,
                source => source.code_on(Code::InvalidDocumentFilter),
            },
            Error::IndexSnapshot(error) => crate::index_snapshots::error_code(error),
            Error::Dump(error) => error.error_code(),
            Error::FileStore(error) => {
                error.io_error().map_or(Code::Internal, ErrorCode::error_code)
            }
            Error::Queue(heed::Error::Io(error)) => error.error_code(),
            Error::Queue(heed::Error::Mdb(heed::MdbError::MapFull))
            | Error::IndexMapFull { .. } => Code::DatabaseSizeLimitReached,
            Error::Io { source, .. } => source.error_code(),
            Error::Response(error) => {
                let named = |code: &&Code| code.name() == error.code();
                Code::ALL.iter().find(named).copied().unwrap_or(Code::Internal)
            }
            Error::Queue(_)
            | Error::ExportUrl { .. }
            | Error::ExportUnreachable { .. }
            | Error::ExportRefused { .. }
            | Error::IndexVersionMismatch { .. }
            | Error::QueueVersionMismatch { .. }
            | Error::QueueRetired
            | Error::IndexStillInUse { .. }
            | Error::CorruptedQueue(_)
            | Error::Panic(_)
            | Error::Aborted => Code::Internal,
        }
    }
}

fn quoted(uids: &[String]) -> String {
    let quoted: Vec<_> = uids.iter().map(|uid| format!("`{uid}`")).collect();
    quoted.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failing_disk_with_room_is_no_full_one() {
        let dir = tempfile::tempdir().unwrap();
        let failed = |number| {
            let error = heed::Error::Io(std::io::Error::from_raw_os_error(number));
            Error::Queue(error).or_disk_full(dir.path())
        };
        assert_eq!(failed(5).error_code(), Code::IoError);
        assert!(matches!(failed(5), Error::Queue(_)));
        assert_eq!(failed(28).error_code(), Code::NoSpaceLeftOnDevice);
        assert_eq!(failed(13).error_code(), Code::Internal);
    }
}
