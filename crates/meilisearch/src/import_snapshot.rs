//! `--import-snapshot`: the archive of a whole instance → an empty data directory (storage-instance.md
//! section 12, operations.md section 6).
//!
//! Only the entries that such an archive has are unpacked, each to its own place, and only plain files: so no
//! name can lead outside of the directory. Archives of another kind or version are recognised before anything
//! is written.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use index_snapshot::{FlushedFile, decompress};
use meilisearch_types::versioning::VERSION_STR;
use uuid::Uuid;

/// Bytes that are moved at once.
const BUFFER_BYTES: usize = 256 * 1024;
/// What a version may be long, and the head of an entry that tells what an archive is, in bytes.
const MAX_VERSION_BYTES: u64 = 64;
const MAX_METADATA_BYTES: u64 = 1024 * 1024;

/// Why a snapshot cannot be imported.
#[derive(Debug, thiserror::Error)]
pub enum SnapshotImportError {
    /// It cannot be opened.
    #[error("cannot open the snapshot `{}` (--import-snapshot): {source}", path.display())]
    Open {
        /// The archive.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// It cannot be read to its end.
    #[error(
        "the snapshot `{}` is damaged or cannot be read: {source}. Nothing was imported; use an intact copy",
        path.display()
    )]
    Read {
        /// The archive.
        path: PathBuf,
        /// What is wrong.
        source: io::Error,
    },
    /// What it holds cannot be written.
    #[error("cannot write `{}` while importing a snapshot: {source}. Nothing was imported", path.display())]
    Write {
        /// The file of the data directory.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// It is an archive of another kind.
    #[error("`{}` {what}", path.display())]
    OtherKind {
        /// The archive.
        path: PathBuf,
        /// What it is, and the right way in.
        what: &'static str,
    },
    /// It was made by another version.
    #[error(
        "the snapshot `{}` was made by version {found}, and this is version {VERSION_STR}: a snapshot fits its own \
         version only. Restore it with that version, make a dump there (`POST /dumps`), and import the dump here",
        path.display()
    )]
    OtherVersion {
        /// The archive.
        path: PathBuf,
        /// The version in it.
        found: String,
    },
    /// It holds something that no snapshot holds.
    #[error("`{}` is no snapshot of an instance: its entry `{entry}` {why}. Nothing was imported", path.display())]
    Unexpected {
        /// The archive.
        path: PathBuf,
        /// Name of the entry.
        entry: String,
        /// What is wrong with it.
        why: &'static str,
    },
    /// It lacks something that every snapshot holds.
    #[error("`{}` is no snapshot of an instance: it has no entry `{entry}`. Nothing was imported", path.display())]
    Missing {
        /// The archive.
        path: PathBuf,
        /// Name of the entry.
        entry: &'static str,
    },
}

const INDEX_SNAPSHOT: &str = "is the snapshot of a single index, not of a whole instance. Start the server \
     without `--import-snapshot`, and import the file with `POST /indexes/{index_uid}/snapshots/import`";
const DUMP: &str = "is a dump, not a snapshot. Import it with `--import-dump`";

/// Where an entry goes.
#[derive(Debug, PartialEq, Eq)]
enum Place {
    /// A directory of the layout; made when a file needs it.
    Directory,
    /// Made anew by LMDB.
    LockFile,
    Version,
    File(PathBuf),
    /// Tells by its content what the archive is.
    Metadata,
    OtherKind(&'static str),
    Unknown,
}

fn place(name: &str) -> Place {
    if name.starts_with('/') {
        return Place::Unknown;
    }
    let segments: Vec<&str> = name.split('/').filter(|s| !s.is_empty() && *s != ".").collect();
    let is_uuid = |text: &str| Uuid::try_parse(text).is_ok();
    let file = || Place::File(segments.iter().collect());
    match segments.as_slice() {
        [] | ["tasks" | "auth" | "update_files" | "indexes"] => Place::Directory,
        ["indexes", uuid] if is_uuid(uuid) => Place::Directory,
        ["VERSION"] => Place::Version,
        ["tasks" | "auth", "data.mdb"] => file(),
        ["tasks" | "auth", "lock.mdb"] => Place::LockFile,
        ["indexes", uuid, "data.mdb"] if is_uuid(uuid) => file(),
        ["indexes", uuid, "lock.mdb"] if is_uuid(uuid) => Place::LockFile,
        ["update_files", uuid] if is_uuid(uuid) => file(),
        ["metadata.json"] => Place::Metadata,
        ["data.mdb" | "SHA256SUMS"] => Place::OtherKind(INDEX_SNAPSHOT),
        [.., last] if last.ends_with(".jsonl") => Place::OtherKind(DUMP),
        ["instance_uid.uuid" | "experimental-features.json" | "network.json" | "webhooks.json"]
        | ["batches" | "chat-completions-settings", ..] => Place::OtherKind(DUMP),
        _ => Place::Unknown,
    }
}

/// Unpacks an archive into a data directory, and brings it to the disk. The version file is left to the caller,
/// who writes it when the database has opened.
pub(crate) fn unpack(archive: &Path, db_path: &Path) -> Result<(), SnapshotImportError> {
    let open = |source| SnapshotImportError::Open { path: archive.to_owned(), source };
    let file = File::open(archive).map_err(open)?;
    if !file.metadata().map_err(open)?.is_file() {
        return Err(open(io::Error::other("it is not a regular file")));
    }
    let decompressed = decompress(file).map_err(|error| open(io::Error::other(error)))?;
    Unpacking { archive, db_path, has_version: false, has_queue: false }.run(decompressed)
}

struct Unpacking<'a> {
    archive: &'a Path,
    db_path: &'a Path,
    has_version: bool,
    has_queue: bool,
}

impl Unpacking<'_> {
    fn run(mut self, decompressed: impl Read) -> Result<(), SnapshotImportError> {
        let mut tar = tar::Archive::new(decompressed);
        for entry in tar.entries().map_err(self.read())? {
            let entry = entry.map_err(self.read())?;
            self.entry(entry)?;
        }
        // The sums of the compressed data stand behind the end of the tar.
        io::copy(&mut tar.into_inner(), &mut io::sink()).map_err(self.read())?;
        for (is_there, entry) in [(self.has_version, "VERSION"), (self.has_queue, "tasks/data.mdb")]
        {
            if !is_there {
                return Err(SnapshotImportError::Missing { path: self.archive.to_owned(), entry });
            }
        }
        Ok(())
    }

    fn entry(&mut self, mut entry: tar::Entry<'_, impl Read>) -> Result<(), SnapshotImportError> {
        let name = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
        let unexpected = |why| {
            let path = self.archive.to_owned();
            SnapshotImportError::Unexpected { path, entry: name.clone(), why }
        };
        let kind = entry.header().entry_type();
        let place = place(&name);
        if place == Place::Directory && kind.is_dir() {
            return Ok(());
        }
        if let Place::OtherKind(what) = place {
            return Err(self.other_kind(what));
        }
        if place == Place::Unknown || place == Place::Directory {
            return Err(unexpected("is none that it may have"));
        }
        if !kind.is_file() && !kind.is_gnu_sparse() {
            return Err(unexpected("is a link, a device or a directory instead of a file"));
        }
        match place {
            Place::Version => {
                let mut text = String::new();
                entry.take(MAX_VERSION_BYTES).read_to_string(&mut text).map_err(self.read())?;
                self.has_version = true;
                let found = text.trim();
                if found != VERSION_STR {
                    let (path, found) = (self.archive.to_owned(), found.to_owned());
                    return Err(SnapshotImportError::OtherVersion { path, found });
                }
                Ok(())
            }
            Place::Metadata => {
                let mut text = Vec::new();
                entry.take(MAX_METADATA_BYTES).read_to_end(&mut text).map_err(self.read())?;
                let metadata: serde_json::Value = serde_json::from_slice(&text).unwrap_or_default();
                let is_dump = metadata.get("dumpVersion").is_some();
                Err(self.other_kind(if is_dump { DUMP } else { INDEX_SNAPSHOT }))
            }
            Place::File(path) => {
                self.has_queue |= path == Path::new("tasks/data.mdb");
                self.write(&mut entry, &self.db_path.join(path))
            }
            _ => Ok(()),
        }
    }

    /// Writes a new file and brings it to the disk.
    fn write(&self, content: &mut impl Read, path: &Path) -> Result<(), SnapshotImportError> {
        let failed = |source| SnapshotImportError::Write { path: path.to_owned(), source };
        let directory = path.parent().unwrap_or(self.db_path);
        fs::create_dir_all(directory).map_err(failed)?;
        let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
        let file = file.map_err(failed)?;
        let mut flushed = FlushedFile::new(&file).map_err(failed)?;
        let mut buffer = vec![0; BUFFER_BYTES];
        loop {
            match content.read(&mut buffer) {
                Ok(0) => break,
                Ok(read) => {
                    flushed.write_all(buffer.get(..read).unwrap_or_default()).map_err(failed)?;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(self.read()(error)),
            }
        }
        flushed.finish().map_err(failed)?;
        file.sync_all().map_err(failed)?;
        // The name of the file, and that of its directory.
        for directory in [Some(directory), directory.parent()].into_iter().flatten() {
            index_snapshot::sync_directory(directory)
                .map_err(|error| failed(io::Error::other(error)))?;
        }
        Ok(())
    }

    fn read(&self) -> impl Fn(io::Error) -> SnapshotImportError + use<> {
        let path = self.archive.to_owned();
        move |source| SnapshotImportError::Read { path: path.clone(), source }
    }

    fn other_kind(&self, what: &'static str) -> SnapshotImportError {
        SnapshotImportError::OtherKind { path: self.archive.to_owned(), what }
    }
}

#[cfg(test)]
mod tests;
