//! Payload files that wait for their task (storage-instance.md, section 10).
//!
//! One directory holds one file per waiting task, named by a UUID. A file is written under a
//! temporary name that starts with a dot and appears under its own name only when it is complete
//! and on disk: content synced, renamed, directory synced. What the bytes mean is not known here.
//!
//! - [`FileStore`]: the directory; reads, sizes, deletes and lists the files.
//! - [`File`]: a file being written; [`File::persist`] makes it appear.
//! - [`Payload`]: the content of a complete file.

use std::fs;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;
use uuid::Uuid;

/// First character of the name of a file that is still being written.
const TEMPORARY_PREFIX: &str = ".";

/// Length from which on a file is mapped instead of read, in bytes.
const SMALLEST_MAPPED_BYTES: u64 = 256 << 10;

/// What can go wrong with the files of a [`FileStore`].
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The operating system refused an operation on a file or on the directory.
    #[error("cannot {operation} the payload file or directory `{path}`: {source}")]
    Io {
        /// What was tried, as a verb.
        operation: &'static str,
        /// The file or directory.
        path: PathBuf,
        /// The system's error.
        source: io::Error,
    },
    /// The directory holds an entry that is neither a payload file nor a temporary file.
    #[error(
        "`{path}` is in the payload directory but its name is no UUID: move it away and try again"
    )]
    UnexpectedEntry {
        /// The entry.
        path: PathBuf,
    },
}

impl Error {
    fn io(operation: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Error {
        let path = path.to_path_buf();
        move |source| Error::Io { operation, path, source }
    }

    /// The operating system's error, if it is one.
    pub fn io_error(&self) -> Option<&io::Error> {
        match self {
            Error::Io { source, .. } => Some(source),
            Error::UnexpectedEntry { .. } => None,
        }
    }
}

/// Result of an operation on payload files.
pub type Result<T> = std::result::Result<T, Error>;

/// The directory of payload files.
#[derive(Debug, Clone)]
pub struct FileStore {
    dir: PathBuf,
}

impl FileStore {
    /// Opens the store in `dir`, which is created when missing.
    pub fn new(dir: impl Into<PathBuf>) -> Result<FileStore> {
        let dir = dir.into();
        fs::create_dir_all(&dir).map_err(Error::io("create", &dir))?;
        Ok(FileStore { dir })
    }

    /// Starts a new payload file; dropping it without [`File::persist`] leaves no trace.
    pub fn new_update(&self) -> Result<(Uuid, File)> {
        let uuid = Uuid::new_v4();
        // `tempfile` creates with mode 0600: a payload is for the server alone.
        let temporary = tempfile::Builder::new()
            .prefix(TEMPORARY_PREFIX)
            .tempfile_in(&self.dir)
            .map_err(Error::io("create", &self.dir))?;
        Ok((uuid, File { temporary, path: self.path(uuid) }))
    }

    /// Opens a payload file for reading.
    pub fn get(&self, uuid: Uuid) -> Result<fs::File> {
        let path = self.path(uuid);
        fs::File::open(&path).map_err(Error::io("open", &path))
    }

    /// The whole content of a payload file.
    pub fn read(&self, uuid: Uuid) -> Result<Payload> {
        let path = self.path(uuid);
        let mut file = self.get(uuid)?;
        if self.size(uuid)? < SMALLEST_MAPPED_BYTES {
            let mut bytes = Vec::new();
            file.read_to_end(&mut bytes).map_err(Error::io("read", &path))?;
            return Ok(Payload::Read(bytes));
        }
        // SAFETY: a payload file is complete before it has its name, nothing writes to it
        // afterwards, and deleting it leaves the mapped pages alone.
        #[allow(unsafe_code, reason = "mapping a file is unsafe: others could truncate it")]
        let map = unsafe { memmap2::Mmap::map(&file) }.map_err(Error::io("map", &path))?;
        Ok(Payload::Mapped(map))
    }

    /// Length of a payload file, in bytes.
    pub fn size(&self, uuid: Uuid) -> Result<u64> {
        let path = self.path(uuid);
        Ok(fs::metadata(&path).map_err(Error::io("read the size of", &path))?.len())
    }

    /// Deletes a payload file. One that is already gone is no error.
    pub fn delete(&self, uuid: Uuid) -> Result<()> {
        let path = self.path(uuid);
        match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(Error::io("delete", &path)(error))
            }
            _ => Ok(()),
        }
    }

    /// Where the payload file of that UUID lies or would lie.
    pub fn path(&self, uuid: Uuid) -> PathBuf {
        self.dir.join(uuid.to_string())
    }

    /// The UUIDs of all complete payload files, in no order.
    pub fn all_uuids(&self) -> Result<Vec<Uuid>> {
        let mut uuids = Vec::new();
        for path in self.entries()? {
            let name = file_name(&path);
            if name.starts_with(TEMPORARY_PREFIX) {
                continue;
            }
            match Uuid::try_parse(&name) {
                Ok(uuid) => uuids.push(uuid),
                Err(_) => return Err(Error::UnexpectedEntry { path }),
            }
        }
        Ok(uuids)
    }

    /// Deletes the temporary files that a killed server left. Only for start-up, before anything
    /// is written; returns how many there were.
    pub fn delete_temporary_files(&self) -> Result<usize> {
        let mut deleted = 0;
        for path in self.entries()? {
            if file_name(&path).starts_with(TEMPORARY_PREFIX) && path.is_file() {
                fs::remove_file(&path).map_err(Error::io("delete", &path))?;
                deleted += 1;
            }
        }
        Ok(deleted)
    }

    fn entries(&self) -> Result<Vec<PathBuf>> {
        fs::read_dir(&self.dir)
            .and_then(|entries| entries.map(|entry| Ok(entry?.path())).collect())
            .map_err(Error::io("list", &self.dir))
    }
}

fn file_name(path: &Path) -> std::borrow::Cow<'_, str> {
    path.file_name().map(|name| name.to_string_lossy()).unwrap_or_default()
}

/// The content of a payload file.
#[derive(Debug)]
pub enum Payload {
    /// Of a small file: a process has a limited number of maps, and a batch may have many files.
    Read(Vec<u8>),
    /// Of a large file: only the pages in use take memory.
    Mapped(memmap2::Mmap),
}

impl Payload {
    /// The content.
    pub fn as_bytes(&self) -> &[u8] {
        match self {
            Payload::Read(bytes) => bytes,
            Payload::Mapped(map) => map,
        }
    }
}

/// A payload file being written.
#[derive(Debug)]
pub struct File {
    temporary: NamedTempFile,
    path: PathBuf,
}

impl File {
    /// Makes the file appear under its name. When this returns, neither its content nor its name
    /// can be lost in a power cut.
    pub fn persist(self) -> Result<()> {
        let File { temporary, path } = self;
        temporary.as_file().sync_all().map_err(Error::io("sync", &path))?;
        temporary.persist(&path).map_err(|error| Error::io("rename", &path)(error.error))?;
        if let Some(dir) = path.parent() {
            fs::File::open(dir).and_then(|dir| dir.sync_all()).map_err(Error::io("sync", dir))?;
        }
        Ok(())
    }
}

impl Write for File {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.temporary.as_file_mut().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.temporary.as_file_mut().flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn store() -> (tempfile::TempDir, FileStore) {
        let dir = tempfile::tempdir().unwrap();
        let store = FileStore::new(dir.path().join("update_files")).unwrap();
        (dir, store)
    }

    #[test]
    fn a_file_appears_only_when_persisted() {
        let (_dir, store) = store();
        let (uuid, mut file) = store.new_update().unwrap();
        file.write_all(br#"{"id":1}"#).unwrap();
        assert!(store.get(uuid).is_err());
        assert!(store.all_uuids().unwrap().is_empty());

        file.persist().unwrap();
        let mut content = String::new();
        store.get(uuid).unwrap().read_to_string(&mut content).unwrap();
        assert_eq!(content, r#"{"id":1}"#);
        assert_eq!(store.read(uuid).unwrap().as_bytes(), content.as_bytes());
        assert_eq!(store.size(uuid).unwrap(), 8);
        assert_eq!(store.all_uuids().unwrap(), vec![uuid]);
    }

    #[test]
    fn a_dropped_file_leaves_nothing() {
        let (_dir, store) = store();
        let (_uuid, file) = store.new_update().unwrap();
        drop(file);
        assert_eq!(fs::read_dir(&store.dir).unwrap().count(), 0);
    }

    #[cfg(unix)]
    #[test]
    fn a_file_is_readable_by_its_owner_alone() {
        use std::os::unix::fs::PermissionsExt as _;
        let (_dir, store) = store();
        let (uuid, file) = store.new_update().unwrap();
        file.persist().unwrap();
        assert_eq!(store.read(uuid).unwrap().as_bytes(), b"");
        let mode = fs::metadata(store.path(uuid)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }

    #[test]
    fn a_large_file_is_mapped() {
        let (_dir, store) = store();
        let content = vec![b'x'; SMALLEST_MAPPED_BYTES as usize];
        let (uuid, mut file) = store.new_update().unwrap();
        file.write_all(&content).unwrap();
        file.persist().unwrap();
        let payload = store.read(uuid).unwrap();
        assert!(matches!(payload, Payload::Mapped(_)));
        store.delete(uuid).unwrap();
        assert_eq!(payload.as_bytes(), content);
    }

    #[test]
    fn deleting_twice_is_fine() {
        let (_dir, store) = store();
        let (uuid, file) = store.new_update().unwrap();
        file.persist().unwrap();
        store.delete(uuid).unwrap();
        store.delete(uuid).unwrap();
        assert!(store.size(uuid).is_err());
    }

    #[test]
    fn leftovers_of_a_killed_server_are_deleted_and_strangers_named() {
        let (_dir, store) = store();
        fs::write(store.dir.join(".tmpAbc"), "half").unwrap();
        assert!(store.all_uuids().unwrap().is_empty());
        assert_eq!(store.delete_temporary_files().unwrap(), 1);
        assert_eq!(store.delete_temporary_files().unwrap(), 0);

        fs::write(store.dir.join("notes.txt"), "").unwrap();
        let error = store.all_uuids().unwrap_err();
        assert!(error.to_string().contains("notes.txt"), "{error}");
    }
}
