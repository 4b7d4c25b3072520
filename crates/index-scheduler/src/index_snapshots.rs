//! What routes need of single-index snapshots: registering the two tasks, and judging an archive at the
//! request by the same rules that the task applies again (index-snapshots.md 2, 3 and 6.1).

use index_snapshot::{
    Compatibility, Compression, Directory, Head, Manifest, Version, read_archive_head,
};
use meilisearch_types::error::{Code, ErrorCode};
use meilisearch_types::tasks::{
    Details, KindWithContent, SnapshotCompression, SnapshotSource, Task,
};
use meilisearch_types::versioning::VERSION;

use crate::IndexScheduler;
use crate::error::{Error, Result};

/// Archives that this server imports: those of its own version only, because it has no steps yet that
/// would bring an older index up to date.
pub const COMPATIBILITY: Compatibility = {
    let (major, minor, patch) = VERSION;
    let ours = Version(major, minor, patch);
    Compatibility { server: ours, oldest: ours }
};

/// What an import does, for errors about space.
pub(crate) const IMPORTING: &str = "importing an index snapshot";

/// The archive's compression for the one that a task names.
pub(crate) fn compression(compression: SnapshotCompression) -> Compression {
    match compression {
        SnapshotCompression::Gzip => Compression::Gzip,
        SnapshotCompression::Zstd => Compression::Zstd,
        SnapshotCompression::None => Compression::None,
    }
}

/// What an import is asked to do.
#[derive(Debug, Clone)]
pub struct ImportRequest {
    /// Uid of the index that is made or replaced.
    pub index_uid: String,
    /// Where the archive lies.
    pub source: SnapshotSource,
    /// The archive's own SHA-256, if the client demands one.
    pub sha256: Option<String>,
    /// Whether an existing index is replaced.
    pub overwrite: bool,
    /// Whether everything but the registration is done.
    pub dry_run: bool,
}

impl IndexScheduler {
    /// The snapshot directory.
    pub fn index_snapshots(&self) -> &Directory {
        &self.shared.index_snapshots
    }

    /// Enqueues the creation of a snapshot of an index. Its uid comes from the date of the task.
    ///
    /// # Errors
    /// The queue is full, or cannot be written.
    pub fn register_index_snapshot(
        &self,
        index_uid: String,
        compression: SnapshotCompression,
    ) -> Result<Task> {
        let snapshot_uid = String::new();
        let kind =
            KindWithContent::SingleIndexSnapshotCreation { index_uid, snapshot_uid, compression };
        self.register(kind, None)
    }

    /// Enqueues an import of an archive whose manifest was read and judged. An upload belongs to the task
    /// from then on; if the task is refused, it is deleted.
    ///
    /// # Errors
    /// The queue is full, or cannot be written.
    pub fn register_index_snapshot_import(
        &self,
        request: ImportRequest,
        manifest: &Manifest,
    ) -> Result<Task> {
        let ImportRequest { index_uid, source, sha256, overwrite, dry_run } = request;
        let details = Details::SingleIndexSnapshotImport {
            file_name: match &source {
                SnapshotSource::File(name) => Some(name.clone()),
                SnapshotSource::Upload(_) => None,
            },
            snapshot_uid: manifest.snapshot_uid.clone(),
            source_index_uid: manifest.index_uid.clone(),
            overwrite,
            dry_run,
            replaced_index: None,
            number_of_documents: None,
            data_size: None,
        };
        let kind = KindWithContent::SingleIndexSnapshotImport {
            index_uid,
            source,
            source_index_uid: manifest.index_uid.clone(),
            sha256,
            overwrite,
            dry_run,
        };
        self.register_with_details(kind, Some(details), None)
    }

    /// Reads and judges the head of an archive in the snapshot directory, and whether its index fits on the
    /// data volume.
    ///
    /// # Errors
    /// Every reason for which the import would fail already now.
    pub fn judge_index_snapshot(&self, file_name: &str) -> Result<Head> {
        let path = self.index_snapshots().path().join(file_name);
        let head = read_archive_head(&path, Some(&COMPATIBILITY))?;
        self.require_space(head.manifest.data_size)?;
        Ok(head)
    }

    /// Refuses so many bytes if they do not fit on the data volume.
    ///
    /// # Errors
    /// `no_space_left_on_device`.
    pub fn require_space(&self, bytes: u64) -> Result<()> {
        self.shared.space.require(&self.shared.options.db_path, bytes, IMPORTING)
    }
}

impl From<index_snapshot::Error> for Error {
    fn from(error: index_snapshot::Error) -> Error {
        match error {
            index_snapshot::Error::Stopped => Error::Aborted,
            error => Error::IndexSnapshot(error),
        }
    }
}

/// The code of an error of an archive (index-snapshots.md 3).
pub(crate) fn error_code(error: &index_snapshot::Error) -> Code {
    use index_snapshot::Error as E;
    match error {
        E::Corrupted { .. } | E::Foreign(_) => Code::IndexSnapshotCorrupted,
        E::VersionMismatch { .. } | E::UnknownFormat { .. } => Code::IndexSnapshotVersionMismatch,
        E::PlatformMismatch { .. } => Code::IndexSnapshotPlatformMismatch,
        E::NotFound { .. } => Code::IndexSnapshotNotFound,
        E::Unreadable { .. } => Code::IndexSnapshotUnreadable,
        E::DirectoryUnwritable { .. } => Code::IndexSnapshotDirectoryUnwritable,
        E::AlreadyExists { .. } => Code::IndexSnapshotAlreadyExists,
        E::LeakedPages { .. } => Code::IndexSnapshotLeakedPages,
        E::NoSpace { .. } => Code::NoSpaceLeftOnDevice,
        E::Io { source, .. } => source.error_code(),
        E::Lmdb(heed::Error::Io(source)) => source.error_code(),
        E::Lmdb(_) | E::Stopped | E::Panicked(_) => Code::Internal,
    }
}
