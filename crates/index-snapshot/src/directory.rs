//! The snapshot directory: what lies in it, by index and uid (index-snapshots.md 2, 3 and 5).
//!
//! Only names of the form of [`ArchiveName`] are listed, downloaded and deleted. Nothing but a bare file
//! name is ever joined to the directory.

use std::collections::HashMap;
use std::fs::{self, DirEntry, File};
use std::io::{self, Read, Seek};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use schemars::JsonSchema;
use serde::Serialize;
use time::OffsetDateTime;
use uuid::Uuid;

use crate::compression::Compression;
use crate::error::{Error, Result};
use crate::manifest::Manifest;
use crate::name::{ArchiveName, SnapshotUid};
use crate::part::{PartFile, part_name, remove_unlocked, sum_name, sync_directory};
use crate::reader::read_head;
use crate::source::{open_regular_file, read_archive_head};
use crate::sums::parse_sum;

/// One archive of the directory, as it is listed.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SnapshotEntry {
    /// Uid of the snapshot.
    pub snapshot_uid: String,
    /// Index that it was taken of.
    pub index_uid: String,
    /// Name of the archive.
    pub file_name: String,
    /// Bytes of the archive.
    pub size: u64,
    /// Bytes of the index in it.
    pub data_size: u64,
    /// `gzip`, `zstd` or `none`.
    pub compression: &'static str,
    /// The archive's SHA-256, from the file beside it.
    pub sha256: Option<String>,
    /// Time of the cut.
    #[serde(with = "time::serde::rfc3339")]
    #[schemars(with = "String", extend("format" = "date-time"))]
    pub created_at: OffsetDateTime,
    /// Version of the server that made it.
    pub meilisearch_version: String,
    /// Number of documents.
    pub number_of_documents: u64,
    /// Greatest uid of a finished task of the index at the cut.
    pub last_task_uid: Option<u32>,
}

/// Who makes an archive: decides whether a file of the same name may be made anew.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Owner {
    /// Uid of the task.
    pub task_uid: u32,
    /// Uid of the instance.
    pub instance_uid: Uuid,
}

/// Size and time of change of a file whose head was decoded.
type Stamp = (u64, SystemTime);
/// Decoded heads by file name; `None` for a file that cannot be read.
type Heads = HashMap<String, (Stamp, Option<SnapshotEntry>)>;

/// A snapshot directory. Cheap to clone; clones share what they remember.
#[derive(Debug, Clone)]
pub struct Directory {
    path: Arc<PathBuf>,
    heads: Arc<Mutex<Heads>>,
}

impl Directory {
    /// The directory of a path; it need not exist yet.
    pub fn new(path: PathBuf) -> Directory {
        Directory { path: Arc::new(path), heads: Arc::default() }
    }

    /// Its path.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Makes the hidden file that becomes the archive of this name, and the directory at need.
    ///
    /// A finished file of the name goes if an earlier run of the same task made it, else it is
    /// [`Error::AlreadyExists`].
    pub fn create(&self, name: &ArchiveName, owner: Owner) -> Result<PartFile> {
        fs::create_dir_all(self.path()).map_err(|e| Error::in_directory(self.path(), e))?;
        let path = self.path().join(name.file_name());
        // While this is held, nobody else gives the name to an archive or its sum.
        let part = PartFile::create(self.path(), &name.file_name())?;
        self.remove_if_own(name, owner)?;
        if fs::symlink_metadata(&path).is_ok() {
            return Err(Error::AlreadyExists { path });
        }
        Ok(part)
    }

    /// Removes the archive of this name, with its sum, if this task made it. Nothing is removed while
    /// somebody is making an archive of the name.
    ///
    /// # Errors
    /// The directory cannot be read or written.
    pub fn remove_own(&self, name: &ArchiveName, owner: Owner) -> Result<()> {
        let part = self.path().join(part_name(&name.file_name()));
        match remove_unlocked(&part) {
            Ok(true) => self.remove_if_own(name, owner),
            Ok(false) => Ok(()),
            Err(error) => Err(Error::in_directory(self.path(), error)),
        }
    }

    fn remove_if_own(&self, name: &ArchiveName, owner: Owner) -> Result<()> {
        let path = self.path().join(name.file_name());
        match read_archive_head(&path, None) {
            Ok(head) if owner == owner_of(&head.manifest) => self.remove(name),
            // A sum alone is what a run leaves that ended between the two renames.
            Err(Error::NotFound { .. }) => self.remove(name),
            Ok(_) | Err(_) => Ok(()),
        }
    }

    /// The archive of an index by its uid: its entry, and the manifest in full.
    pub fn get(
        &self,
        index_uid: &str,
        snapshot_uid: &SnapshotUid,
    ) -> Result<(SnapshotEntry, Manifest)> {
        let (name, mut file) = self.open_of(index_uid, snapshot_uid)?;
        let size =
            file.metadata().map_err(|e| Error::io("reading the size of an archive", e))?.len();
        let (head, _body) = read_head(&mut file, None, false)?;
        let mut entry = entry_of(&name, size, head.compression, &head.manifest);
        entry.sha256 = self.read_sum(&entry.file_name);
        Ok((entry, head.manifest))
    }

    /// Opens the archive of an index for download.
    pub fn open(&self, index_uid: &str, snapshot_uid: &SnapshotUid) -> Result<(String, File)> {
        let (name, file) = self.open_of(index_uid, snapshot_uid)?;
        Ok((name.file_name(), file))
    }

    /// Opens the archive that has the name and whose manifest says so too: a name is only a hint, and who
    /// may see one index may not see another one under its name.
    fn open_of(&self, index_uid: &str, snapshot_uid: &SnapshotUid) -> Result<(ArchiveName, File)> {
        let name = self.find(index_uid, snapshot_uid)?;
        let path = self.path().join(name.file_name());
        let mut file = open_regular_file(&path)?;
        let (head, _body) = read_head(&mut file, None, false)?;
        if head.manifest.index_uid != index_uid {
            return Err(Error::NotFound { path });
        }
        file.rewind().map_err(|e| Error::io(format!("reading `{}`", path.display()), e))?;
        Ok((name, file))
    }

    /// Removes the archive of an index, with its sum. Whoever has it open reads on.
    pub fn delete(&self, index_uid: &str, snapshot_uid: &SnapshotUid) -> Result<()> {
        self.remove(&self.find(index_uid, snapshot_uid)?)
    }

    /// Whether any archive of this index has this uid, finished or in the making.
    pub fn is_taken(&self, index_uid: &str, snapshot_uid: &SnapshotUid) -> bool {
        Compression::ALL.into_iter().any(|compression| {
            let name = ArchiveName::new(index_uid, snapshot_uid.clone(), compression).file_name();
            [part_name(&name), name]
                .iter()
                .any(|n| fs::symlink_metadata(self.path().join(n)).is_ok())
        })
    }

    /// A page of the archives of an index, newest first, and how many there are. A missing directory is empty.
    pub fn list(
        &self,
        index_uid: &str,
        offset: usize,
        limit: usize,
    ) -> Result<(Vec<SnapshotEntry>, usize)> {
        let mut entries = Vec::new();
        let mut present = HashMap::new();
        for (file_name, entry) in self.files()? {
            let Some(name) = ArchiveName::parse(&file_name) else { continue };
            if !name.is_of_index(index_uid) {
                continue;
            }
            let Some((stamp, snapshot)) = self.head_of(&name, &entry) else { continue };
            entries.extend(snapshot.clone().filter(|s| s.index_uid == index_uid));
            present.insert(file_name, (stamp, snapshot));
        }
        self.forget_missing(index_uid, present);
        entries.sort_by(|a, b| {
            (b.created_at, &b.snapshot_uid, &b.file_name).cmp(&(
                a.created_at,
                &a.snapshot_uid,
                &a.file_name,
            ))
        });
        let total = entries.len();
        let mut page: Vec<_> = entries.into_iter().skip(offset).take(limit).collect();
        for entry in &mut page {
            entry.sha256 = self.read_sum(&entry.file_name);
        }
        Ok((page, total))
    }

    /// At start-up: removes parts that nobody holds, and sums without their archive.
    pub fn clean_up(&self) -> Result<()> {
        let log = |name: &str, result: io::Result<()>| match result {
            Ok(()) => tracing::info!(file = name, "removed a left-over of an index snapshot"),
            Err(error) => {
                tracing::warn!(file = name, %error, "cannot remove a left-over of an index snapshot")
            }
        };
        let mut sums = Vec::new();
        for (file_name, _) in self.files()? {
            let path = self.path().join(&file_name);
            let part = file_name.strip_prefix('.').and_then(|n| n.strip_suffix(".part"));
            if let Some(final_name) = part {
                if ArchiveName::parse(final_name.strip_suffix(".sha256").unwrap_or(final_name))
                    .is_some()
                {
                    match remove_unlocked(&path) {
                        Ok(true) => log(&file_name, Ok(())),
                        Ok(false) => {}
                        Err(error) => log(&file_name, Err(error)),
                    }
                }
            } else if let Some(archive) = file_name.strip_suffix(".sha256")
                && ArchiveName::parse(archive).is_some()
            {
                sums.push(archive.to_string());
            }
        }
        for archive in sums {
            // While another server holds the part, its archive is about to follow the sum.
            let exists = |name: &str| fs::symlink_metadata(self.path().join(name)).is_ok();
            if !exists(&archive) && !exists(&part_name(&archive)) && !exists(&archive) {
                let sum = sum_name(&archive);
                log(&sum, fs::remove_file(self.path().join(&sum)));
            }
        }
        Ok(())
    }

    fn find(&self, index_uid: &str, snapshot_uid: &SnapshotUid) -> Result<ArchiveName> {
        let names = Compression::ALL.map(|c| ArchiveName::new(index_uid, snapshot_uid.clone(), c));
        let [first, ..] = &names;
        let missing = Error::NotFound { path: self.path().join(first.file_name()) };
        names
            .into_iter()
            .find(|name| fs::symlink_metadata(self.path().join(name.file_name())).is_ok())
            .ok_or(missing)
    }

    fn remove(&self, name: &ArchiveName) -> Result<()> {
        let archive = name.file_name();
        for file_name in [&archive, &sum_name(&archive)] {
            match fs::remove_file(self.path().join(file_name)) {
                Ok(()) => {}
                Err(e) if e.kind() == io::ErrorKind::NotFound => {}
                Err(e) => return Err(Error::in_directory(self.path(), e)),
            }
        }
        match sync_directory(self.path()) {
            Err(Error::Io { source, .. }) if source.kind() == io::ErrorKind::NotFound => Ok(()),
            result => result,
        }
    }

    fn files(&self) -> Result<Vec<(String, DirEntry)>> {
        let failed = |e: io::Error| Error::Unreadable {
            path: self.path().to_path_buf(),
            reason: e.to_string(),
        };
        let entries = match fs::read_dir(self.path()) {
            Ok(entries) => entries,
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(e) => return Err(failed(e)),
        };
        let mut files = Vec::new();
        for entry in entries {
            let entry = entry.map_err(failed)?;
            if let Ok(name) = entry.file_name().into_string() {
                files.push((name, entry));
            }
        }
        Ok(files)
    }

    /// The head of a file, decoded once for each size and time of change.
    fn head_of(
        &self,
        name: &ArchiveName,
        file: &DirEntry,
    ) -> Option<(Stamp, Option<SnapshotEntry>)> {
        let metadata = file.metadata().ok()?;
        let stamp = (metadata.len(), metadata.modified().ok()?);
        let file_name = name.file_name();
        if let Some((known, snapshot)) = self.heads().get(&file_name)
            && *known == stamp
        {
            return Some((stamp, snapshot.clone()));
        }
        let snapshot = match read_archive_head(&file.path(), None) {
            Ok(head) if head.manifest.snapshot_uid == name.snapshot_uid().as_str() => {
                Some(entry_of(name, stamp.0, head.compression, &head.manifest))
            }
            Ok(head) => {
                let uid = &head.manifest.snapshot_uid;
                tracing::warn!(
                    file = file_name,
                    "not listed: the archive's own snapshot uid is `{uid}`"
                );
                None
            }
            Err(error) => {
                tracing::warn!(file = file_name, %error, "not listed: the head of the archive cannot be read");
                None
            }
        };
        Some((stamp, snapshot))
    }

    fn forget_missing(&self, index_uid: &str, present: Heads) {
        let mut heads = self.heads();
        heads.retain(|name, _| !ArchiveName::parse(name).is_some_and(|n| n.is_of_index(index_uid)));
        heads.extend(present);
    }

    fn heads(&self) -> MutexGuard<'_, Heads> {
        self.heads.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn read_sum(&self, archive_name: &str) -> Option<String> {
        let file = open_regular_file(&self.path().join(sum_name(archive_name))).ok()?;
        let mut text = String::new();
        file.take(1024).read_to_string(&mut text).ok()?;
        parse_sum(&text)
    }
}

fn owner_of(manifest: &Manifest) -> Owner {
    Owner { task_uid: manifest.task_uid, instance_uid: manifest.instance_uid }
}

fn entry_of(
    name: &ArchiveName,
    size: u64,
    compression: Compression,
    manifest: &Manifest,
) -> SnapshotEntry {
    SnapshotEntry {
        snapshot_uid: manifest.snapshot_uid.clone(),
        index_uid: manifest.index_uid.clone(),
        file_name: name.file_name(),
        size,
        data_size: manifest.data_size,
        compression: compression.name(),
        sha256: None,
        created_at: manifest.created_at,
        meilisearch_version: manifest.meilisearch_version.clone(),
        number_of_documents: manifest.index.number_of_documents,
        last_task_uid: manifest.last_task_uid,
    }
}
