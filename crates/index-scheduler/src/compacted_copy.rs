//! A copy of an environment without free pages that takes the place of the environment's file
//! (storage-instance.md 11). It is complete and synced before it gets the name of the file, so a crash at any
//! step leaves one of the two, and at worst a left-over beside it.

use std::fs::{File, OpenOptions};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use heed::{CompactionOption, Env, WithoutTls};
use index_snapshot::sync_directory;
use tempfile::TempPath;

use crate::error::{Error, Result};

/// The file of an environment.
pub(crate) const DATA_FILE: &str = "data.mdb";
const LOCK_FILE: &str = "lock.mdb";
/// The copy as long as it is not the environment's file.
const COPY_FILE: &str = "data.mdb.cpy";

/// A copy in the environment's directory; removed when dropped, unless it replaced the file.
pub(crate) struct CompactedCopy {
    file: File,
    path: TempPath,
}

impl CompactedCopy {
    /// Creates it, readable for nobody else, like every file of an environment.
    pub(crate) fn create(directory: &Path) -> Result<CompactedCopy> {
        let path = directory.join(COPY_FILE);
        let created = || {
            let file = OpenOptions::new()
                .write(true)
                .create(true)
                .truncate(true)
                .mode(0o600)
                .open(&path)?;
            Ok(CompactedCopy { file, path: TempPath::try_from_path(&path)? })
        };
        created().map_err(Error::io("create", &path))
    }

    /// Copies the environment as it is now.
    pub(crate) fn fill(&mut self, env: &Env<WithoutTls>) -> Result<(), heed::Error> {
        env.copy_to_file(&mut self.file, CompactionOption::Enabled)
    }

    /// Brings the copy to the disk.
    pub(crate) fn sync(&self) -> Result<()> {
        self.file.sync_all().map_err(Error::io("sync", self.path.to_path_buf()))
    }

    /// Gives it the name of the environment's file. Who has that open goes on with the old one.
    pub(crate) fn replace_data_file(self, directory: &Path) -> Result<()> {
        let data = directory.join(DATA_FILE);
        self.path.persist(&data).map_err(|error| Error::io("replace", &data)(error.error))
    }
}

/// To be done after the file was replaced.
pub(crate) fn settle(directory: &Path) -> Result<()> {
    // The transactions of the copy are counted from the start again, so the counters of the lock file,
    // which another process may keep alive, do not fit any more. LMDB makes a new one.
    remove_if_there(directory.join(LOCK_FILE))?;
    Ok(sync_directory(directory)?)
}

/// Removes a copy that a killed server left.
pub(crate) fn remove_left_over(directory: &Path) -> Result<()> {
    remove_if_there(directory.join(COPY_FILE))
}

fn remove_if_there(path: PathBuf) -> Result<()> {
    match std::fs::remove_file(&path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(Error::io("remove", path)(error))
        }
        _ => Ok(()),
    }
}
