//! The data directory of a running server, locked: two servers on one directory would run the same tasks twice,
//! and one could remove what the other is importing (storage-instance.md section 16).
//!
//! The lock lies on the directory itself, so the directory holds nothing that other versions do not know, and
//! an empty one stays empty. The system takes the lock away when the process ends, however it ends.

use std::fs::{self, File, TryLockError};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// How often a directory may vanish between its creation and its lock.
const ATTEMPTS: usize = 3;

/// Why a data directory cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum DataDirectoryError {
    /// Another process has it.
    #[error(
        "another process uses the data directory `{}`: wait until it has ended, or choose another directory \
         (--db-path)",
        .0.display()
    )]
    InUse(PathBuf),
    /// It can be neither made nor opened.
    #[error("cannot create or open the data directory `{}`: {source}", path.display())]
    Io {
        /// The directory.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
}

/// A data directory that no other server uses as long as this lives. One that was made for it and is still
/// empty at the end goes.
#[derive(Debug)]
pub(crate) struct DataDirectory {
    path: PathBuf,
    is_new: bool,
    _lock: File,
}

impl DataDirectory {
    /// Locks a data directory, which is made if there is none.
    pub(crate) fn lock(path: &Path) -> Result<DataDirectory, DataDirectoryError> {
        let failed = |source| DataDirectoryError::Io { path: path.to_owned(), source };
        let in_use = || DataDirectoryError::InUse(path.to_owned());
        for _ in 0..ATTEMPTS {
            let is_new = !path.exists();
            fs::create_dir_all(path).map_err(failed)?;
            let lock = match File::open(path) {
                // A process that has ended meanwhile had made it, too.
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                opened => opened.map_err(failed)?,
            };
            match lock.try_lock() {
                Ok(()) => {}
                Err(TryLockError::WouldBlock) => return Err(in_use()),
                // Some network file systems have no locks.
                Err(TryLockError::Error(error)) => tracing::warn!(
                    "the data directory `{}` cannot be locked, so take care that only one server uses it: {error}",
                    path.display()
                ),
            }
            if is_at(&lock, path).map_err(failed)? {
                return Ok(DataDirectory { path: path.to_owned(), is_new, _lock: lock });
            }
        }
        Err(in_use())
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for DataDirectory {
    fn drop(&mut self) {
        if self.is_new {
            // Fails when there is something in it.
            let _ = fs::remove_dir(&self.path);
        }
    }
}

/// Whether an open directory still has this path: its last user may have removed it before it was locked.
fn is_at(directory: &File, path: &Path) -> io::Result<bool> {
    let opened = directory.metadata()?;
    match fs::metadata(path) {
        Ok(there) => Ok((there.dev(), there.ino()) == (opened.dev(), opened.ino())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_has_one_user() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("some/data.ms");
        let first = DataDirectory::lock(&path).unwrap();
        let error = DataDirectory::lock(&path).unwrap_err().to_string();
        assert!(error.contains("another process uses"), "{error}");
        fs::write(path.join("VERSION"), "1.50.0").unwrap();
        drop(first);
        drop(DataDirectory::lock(&path).unwrap());
        assert_eq!(fs::read(path.join("VERSION")).unwrap(), b"1.50.0");
    }

    #[test]
    fn only_an_empty_directory_that_it_made_goes() {
        let dir = tempfile::tempdir().unwrap();
        drop(DataDirectory::lock(dir.path()).unwrap());
        assert!(dir.path().exists());
        let path = dir.path().join("data.ms");
        drop(DataDirectory::lock(&path).unwrap());
        assert!(!path.exists());
        fs::write(&path, "a file").unwrap();
        assert!(matches!(DataDirectory::lock(&path), Err(DataDirectoryError::Io { .. })));
    }

    #[test]
    fn a_directory_that_its_last_user_removed_is_made_anew() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("data.ms");
        fs::create_dir(&path).unwrap();
        let removed = File::open(&path).unwrap();
        fs::remove_dir(&path).unwrap();
        assert!(!is_at(&removed, &path).unwrap());
        let _again = DataDirectory::lock(&path).unwrap();
        assert!(!is_at(&removed, &path).unwrap());
    }
}
