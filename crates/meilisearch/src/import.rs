//! Filling an empty data directory from an archive, all or nothing (storage-instance.md section 3).
//!
//! As long as the import is not finished a marker lies in the directory. An import that fails takes away all
//! that it made; one that was killed is taken away at the next start, by the marker.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

/// In the data directory from the first moment of an import to its end.
const MARKER: &str = ".importing";

/// An import that is under way; when dropped unfinished, the data directory goes.
#[derive(Debug)]
#[must_use]
pub(crate) struct Import {
    db_path: PathBuf,
    finished: bool,
}

impl Import {
    /// Begins to fill a data directory that is empty or does not exist.
    pub(crate) fn begin(db_path: &Path) -> io::Result<Import> {
        fs::create_dir_all(db_path)?;
        let import = Import { db_path: db_path.to_owned(), finished: false };
        File::create(db_path.join(MARKER))?.sync_all()?;
        sync(db_path)?;
        Ok(import)
    }

    /// The directory is complete and on disk: from now on it is a database.
    pub(crate) fn finish(mut self) -> io::Result<()> {
        sync(&self.db_path)?;
        fs::remove_file(self.db_path.join(MARKER))?;
        self.finished = true;
        sync(&self.db_path)
    }

    /// Empties a data directory in which an import was killed.
    pub(crate) fn clear_left_over(db_path: &Path) -> io::Result<()> {
        if !db_path.join(MARKER).is_file() {
            return Ok(());
        }
        tracing::warn!(
            "an import into `{}` was interrupted; what it left is removed",
            db_path.display()
        );
        clear(db_path)
    }
}

impl Drop for Import {
    fn drop(&mut self) {
        if !self.finished
            && let Err(error) = clear(&self.db_path)
        {
            let path = self.db_path.display();
            tracing::error!("the half-filled directory `{path}` cannot be removed: {error}");
        }
    }
}

/// Removes what is in a data directory, the marker last, and the directory itself, unless something is mounted
/// there.
fn clear(db_path: &Path) -> io::Result<()> {
    for entry in fs::read_dir(db_path)? {
        let entry = entry?;
        if entry.file_name() == MARKER {
            continue;
        }
        if entry.file_type()?.is_dir() {
            fs::remove_dir_all(entry.path())?;
        } else {
            fs::remove_file(entry.path())?;
        }
    }
    fs::remove_file(db_path.join(MARKER))?;
    match fs::remove_dir(db_path) {
        Err(error) if error.kind() != io::ErrorKind::ResourceBusy => Err(error),
        _ => Ok(()),
    }
}

fn sync(directory: &Path) -> io::Result<()> {
    index_snapshot::sync_directory(directory).map_err(io::Error::other)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_finished_goes_at_once_or_at_the_next_start() {
        let dir = tempfile::tempdir().unwrap();
        let db_path = dir.path().join("data.ms");
        let fill = |path: &Path| {
            fs::create_dir(path.join("tasks")).unwrap();
            fs::write(path.join("tasks/data.mdb"), "half").unwrap();
            fs::write(path.join("VERSION"), "1.50.0").unwrap();
        };
        let import = Import::begin(&db_path).unwrap();
        fill(&db_path);
        drop(import);
        assert!(!db_path.exists());

        let import = Import::begin(&db_path).unwrap();
        fill(&db_path);
        // As a kill leaves it.
        std::mem::forget(import);
        Import::clear_left_over(&db_path).unwrap();
        assert!(!db_path.exists());

        let import = Import::begin(&db_path).unwrap();
        fill(&db_path);
        import.finish().unwrap();
        Import::clear_left_over(&db_path).unwrap();
        let names: Vec<_> =
            fs::read_dir(&db_path).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(names.len(), 2, "{names:?}");
    }

    #[test]
    fn directories_without_a_marker_are_left_alone() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("VERSION"), "1.50.0").unwrap();
        Import::clear_left_over(dir.path()).unwrap();
        Import::clear_left_over(&dir.path().join("missing")).unwrap();
        assert!(dir.path().join("VERSION").exists());
    }
}
