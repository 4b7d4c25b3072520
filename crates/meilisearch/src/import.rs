//! Filling an empty data directory from a dump or a snapshot, all or nothing (storage-instance.md section 3,
//! operations.md section 6).
//!
//! The directory is locked before it is looked at. As long as the import is not finished a marker lies in it: an
//! import that fails takes away all that it made, and what a killed one left is taken away at the next start, by
//! the marker. Whatever else lies there by then belongs to somebody else and stays.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use crate::data_directory::DataDirectory;
use crate::import_snapshot::SnapshotImportError;
use crate::options::Options;
use crate::version_file;

/// In the data directory from the first moment of an import to its end.
const MARKER: &str = ".importing";
/// What the layout of a data directory has (storage-instance.md section 2).
const LAYOUT: [&str; 6] = ["VERSION", "instance-uid", "auth", "tasks", "update_files", "indexes"];
/// How the names of what lies in it for a moment only begin.
const TEMPORARY: [&str; 3] =
    [version_file::TEMPORARY, crate::instance_uid::TEMPORARY, crate::import_dump::TEMPORARY];

/// Why nothing is imported.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// There is no such archive.
    #[error(
        "there is no file `{}` (--import-{kind}); with `--ignore-missing-{kind}` the server starts without it",
        path.display()
    )]
    Missing {
        /// `dump` or `snapshot`.
        kind: &'static str,
        /// The archive.
        path: PathBuf,
    },
    /// There is a database that the import would have to replace.
    #[error(
        "there is a database in `{}` already, so the {kind} is not imported: give an empty directory (--db-path), \
         or start with the database that is there by `--ignore-{kind}-if-db-exists`",
        path.display()
    )]
    DatabaseExists {
        /// `dump` or `snapshot`.
        kind: &'static str,
        /// The data directory.
        path: PathBuf,
    },
    /// The dump cannot be read.
    #[error(transparent)]
    Dump(#[from] dump::Error),
    /// The snapshot cannot be read or unpacked.
    #[error(transparent)]
    Snapshot(#[from] SnapshotImportError),
    /// The data directory cannot be written or cleaned.
    #[error("cannot write to the data directory `{}`: {source}", path.display())]
    Io {
        /// The directory.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
}

impl ImportError {
    pub(crate) fn io(directory: &Path) -> impl Fn(io::Error) -> ImportError + use<> {
        let path = directory.to_owned();
        move |source| ImportError::Io { path: path.clone(), source }
    }
}

/// The archive to import.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Archive<'a> {
    Dump(&'a Path),
    Snapshot(&'a Path),
}

impl<'a> Archive<'a> {
    /// The archive of these options, none where the database is to be opened as it is.
    pub(crate) fn wanted(
        options: &'a Options,
        directory: &DataDirectory,
    ) -> Result<Option<Archive<'a>>, ImportError> {
        let (archive, ignore_missing, ignore_if_db_exists) =
            match (&options.import_dump, &options.import_snapshot) {
                (Some(path), _) => (
                    Archive::Dump(path),
                    options.ignore_missing_dump,
                    options.ignore_dump_if_db_exists,
                ),
                (None, Some(path)) => (
                    Archive::Snapshot(path),
                    options.ignore_missing_snapshot,
                    options.ignore_snapshot_if_db_exists,
                ),
                (None, None) => return Ok(None),
            };
        let (kind, path) = match archive {
            Archive::Dump(path) => ("dump", path),
            Archive::Snapshot(path) => ("snapshot", path),
        };
        let is_empty = version_file::is_empty_database(directory.path());
        if !is_empty && !ignore_if_db_exists {
            let path = directory.path().to_owned();
            return Err(ImportError::DatabaseExists { kind, path });
        }
        if !path.exists() && !ignore_missing {
            return Err(ImportError::Missing { kind, path: path.to_owned() });
        }
        Ok((is_empty && path.exists()).then_some(archive))
    }
}

/// An import that is under way; when dropped unfinished, all that it made goes.
#[derive(Debug)]
#[must_use]
pub(crate) struct Import<'a> {
    directory: &'a DataDirectory,
    finished: bool,
}

impl<'a> Import<'a> {
    /// Begins to fill an empty data directory.
    pub(crate) fn begin(directory: &'a DataDirectory) -> Result<Import<'a>, ImportError> {
        let path = directory.path();
        let import = Import { directory, finished: false };
        let marked = File::create_new(path.join(MARKER)).and_then(|marker| marker.sync_all());
        marked.and_then(|()| sync(path)).map_err(ImportError::io(path))?;
        Ok(import)
    }

    /// The directory is complete and on disk: from now on it is a database.
    pub(crate) fn finish(mut self) -> Result<(), ImportError> {
        let path = self.directory.path();
        sync(path)
            .and_then(|()| fs::remove_file(path.join(MARKER)))
            .map_err(ImportError::io(path))?;
        self.finished = true;
        sync(path).map_err(ImportError::io(path))
    }

    /// Removes what a killed import left.
    pub(crate) fn clear_left_over(directory: &DataDirectory) -> Result<(), ImportError> {
        let path = directory.path();
        if !path.join(MARKER).is_file() {
            return Ok(());
        }
        tracing::warn!(
            "an import into `{}` was interrupted; what it left is removed",
            path.display()
        );
        clear(path).map_err(ImportError::io(path))
    }
}

impl Drop for Import<'_> {
    fn drop(&mut self) {
        let path = self.directory.path();
        if !self.finished
            && let Err(error) = clear(path)
        {
            tracing::error!(
                "what was imported into `{}` cannot be removed: {error}",
                path.display()
            );
        }
    }
}

/// Removes what an import made, the marker last.
fn clear(path: &Path) -> io::Result<()> {
    for entry in fs::read_dir(path)? {
        let entry = entry?;
        match is_ours(&entry.file_name()) {
            true if entry.file_type()?.is_dir() => fs::remove_dir_all(entry.path())?,
            true => fs::remove_file(entry.path())?,
            false => {}
        }
    }
    sync(path)?;
    match fs::remove_file(path.join(MARKER)) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => sync(path),
    }
}

fn is_ours(name: &OsStr) -> bool {
    let is_temporary = |name: &str| TEMPORARY.iter().any(|beginning| name.starts_with(beginning));
    name.to_str().is_some_and(|name| LAYOUT.contains(&name) || is_temporary(name))
}

fn sync(directory: &Path) -> io::Result<()> {
    index_snapshot::sync_directory(directory).map_err(io::Error::other)
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    fn fill(path: &Path) {
        fs::create_dir(path.join("tasks")).unwrap();
        fs::create_dir(path.join(".dump-x1")).unwrap();
        fs::write(path.join("tasks/data.mdb"), "half").unwrap();
        fs::write(path.join(".VERSION-x1"), "1.50").unwrap();
        fs::write(path.join("VERSION"), "1.50.0").unwrap();
    }

    fn names(path: &Path) -> Vec<String> {
        let name = |entry: io::Result<fs::DirEntry>| entry.unwrap().file_name();
        let mut names: Vec<_> =
            fs::read_dir(path).unwrap().map(|entry| name(entry).into_string().unwrap()).collect();
        names.sort();
        names
    }

    #[test]
    fn a_failed_import_leaves_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let new = dir.path().join("data.ms");
        let directory = DataDirectory::lock(&new).unwrap();
        let import = Import::begin(&directory).unwrap();
        fill(&new);
        drop(import);
        assert_eq!(names(&new), [""; 0]);
        drop(directory);
        assert!(!new.exists());
        // A directory that was there stays.
        fs::create_dir(&new).unwrap();
        let directory = DataDirectory::lock(&new).unwrap();
        drop(Import::begin(&directory).unwrap());
        drop(directory);
        assert_eq!(names(&new), [""; 0]);
    }

    #[test]
    fn what_a_killed_import_left_goes_and_nothing_else() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path();
        let directory = DataDirectory::lock(path).unwrap();
        // As a kill leaves it.
        std::mem::forget(Import::begin(&directory).unwrap());
        fill(path);
        for name in ["notes.txt", "dumps", ".hidden", "tasks-of-mine"] {
            fs::create_dir(path.join(name)).unwrap();
        }
        Import::clear_left_over(&directory).unwrap();
        assert_eq!(names(path), [".hidden", "dumps", "notes.txt", "tasks-of-mine"]);
    }

    #[test]
    fn a_finished_import_is_a_database() {
        let dir = tempfile::tempdir().unwrap();
        let directory = DataDirectory::lock(dir.path()).unwrap();
        let import = Import::begin(&directory).unwrap();
        assert_eq!(names(dir.path()), [MARKER]);
        fs::write(dir.path().join("VERSION"), "1.50.0").unwrap();
        import.finish().unwrap();
        Import::clear_left_over(&directory).unwrap();
        assert_eq!(names(dir.path()), ["VERSION"]);
    }

    /// What the options ask for.
    fn wanted(db_path: &Path, archive: &Path, kind: &str, flags: &[String]) -> String {
        let mut arguments = vec!["meilisearch".to_owned()];
        arguments.push(format!("--import-{kind}={}", archive.display()));
        arguments.extend_from_slice(flags);
        let options = Options::try_parse_from(arguments).unwrap();
        let directory = DataDirectory::lock(db_path).unwrap();
        match Archive::wanted(&options, &directory) {
            Ok(Some(Archive::Dump(_))) => "dump".to_owned(),
            Ok(Some(Archive::Snapshot(_))) => "snapshot".to_owned(),
            Ok(None) => "open".to_owned(),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn when_an_archive_is_wanted() {
        let dir = tempfile::tempdir().unwrap();
        let (empty, full) = (dir.path().join("empty"), dir.path().join("full"));
        let (archive, missing) = (dir.path().join("a"), dir.path().join("b"));
        fs::create_dir(&full).unwrap();
        fs::write(full.join("VERSION"), "1.50.0").unwrap();
        fs::write(&archive, "").unwrap();
        for kind in ["dump", "snapshot"] {
            let no_file = &*format!("--ignore-missing-{kind}");
            let no_import = &*format!("--ignore-{kind}-if-db-exists");
            for (db_path, archive, flags, expected) in [
                (&empty, &archive, &[][..], kind),
                (&empty, &archive, &[no_file, no_import], kind),
                (&empty, &missing, &[], "there is no file"),
                (&empty, &missing, &[no_import], "there is no file"),
                (&empty, &missing, &[no_file], "open"),
                (&full, &archive, &[], "there is a database"),
                (&full, &archive, &[no_file], "there is a database"),
                (&full, &archive, &[no_import], "open"),
                (&full, &missing, &[no_file], "there is a database"),
                (&full, &missing, &[no_import], "there is no file"),
                (&full, &missing, &[no_file, no_import], "open"),
            ] {
                let flags: Vec<String> = flags.iter().map(ToString::to_string).collect();
                let found = wanted(db_path, archive, kind, &flags);
                assert!(found.starts_with(expected), "{db_path:?} {archive:?} {flags:?}: {found}");
            }
        }
    }
}
