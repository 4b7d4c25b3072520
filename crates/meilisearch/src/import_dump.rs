//! `--import-dump`: an empty database is filled with a dump before the server serves
//! (operations.md section 6, storage-instance.md sections 3, 13 and 14).
//!
//! A database being filled has a locked marker from its first file to its last sync. A failed import removes
//! the database; that of a killed server is removed by the next start, which finds the marker unlocked.

use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

use dump::Dump;
use meilisearch_auth::AuthStore;

use crate::instance::OpenError;
use crate::options::Options;
use crate::{instance_uid, version_file};

/// Name of the marker in the data directory.
const MARKER: &str = ".importing-dump";

/// Why a dump is not imported.
#[derive(Debug, thiserror::Error)]
pub enum ImportDumpError {
    /// There is a database that the import would have to replace.
    #[error(
        "there is a database in `{}` already, and `--import-dump` needs an empty one: choose another \
         `--db-path`, or pass `--ignore-dump-if-db-exists` to serve the database that is there",
        .0.display()
    )]
    DatabaseExists(PathBuf),
    /// Another server fills the same directory.
    #[error("another server is importing a dump into `{}`: wait for it, or stop it", .0.display())]
    Busy(PathBuf),
    /// There is no dump.
    #[error(
        "there is no dump `{}` (--import-dump); with `--ignore-missing-dump` the server starts without it",
        .0.display()
    )]
    Missing(PathBuf),
    /// The dump cannot be read.
    #[error(transparent)]
    Dump(#[from] dump::Error),
    /// The data directory cannot be written.
    #[error("cannot write to `{}`: {source}", path.display())]
    Io {
        /// The data directory.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
}

/// The dump to import, none where the database is to be opened as it is. Removes the database of an import
/// that was killed.
pub(crate) fn wanted(options: &Options) -> Result<Option<&Path>, ImportDumpError> {
    let db_path = &options.db_path;
    if let Some(_marker) = abandoned(db_path)? {
        tracing::warn!(
            "an import was interrupted: its half database in `{}` goes",
            db_path.display()
        );
        remove_database(db_path).map_err(io_error(db_path))?;
    }
    let Some(archive) = &options.import_dump else { return Ok(None) };
    if !version_file::is_empty_database(db_path) {
        return match options.ignore_dump_if_db_exists {
            true => Ok(None),
            false => Err(ImportDumpError::DatabaseExists(db_path.clone())),
        };
    }
    match archive.exists() {
        true => Ok(Some(archive)),
        false if options.ignore_missing_dump => Ok(None),
        false => Err(ImportDumpError::Missing(archive.clone())),
    }
}

/// The marker of an import that was killed, locked.
fn abandoned(db_path: &Path) -> Result<Option<File>, ImportDumpError> {
    let marker = match File::open(db_path.join(MARKER)) {
        Ok(marker) => marker,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(io_error(db_path)(error)),
    };
    lock(db_path, &marker).map(|()| Some(marker))
}

fn lock(db_path: &Path, marker: &File) -> Result<(), ImportDumpError> {
    marker.try_lock().map_err(|error| match error {
        TryLockError::WouldBlock => ImportDumpError::Busy(db_path.to_path_buf()),
        TryLockError::Error(error) => io_error(db_path)(error),
    })
}

/// Fills the empty database with a dump. A failure removes the database.
pub(crate) fn run(
    archive: &Path,
    options: &Options,
    scheduler_options: impl FnOnce(&AuthStore) -> Result<index_scheduler::Options, OpenError>,
) -> Result<(), OpenError> {
    tracing::info!("importing the dump `{}`", archive.display());
    let db_path = &options.db_path;
    let imported = fill(archive, options, scheduler_options);
    match imported {
        Ok(()) => tracing::info!("the dump is imported"),
        Err(_) => {
            if let Err(error) = remove_database(db_path) {
                tracing::error!(
                    "the half database in `{}` cannot be removed, do it by hand: {error}",
                    db_path.display()
                );
            }
        }
    }
    imported
}

fn fill(
    archive: &Path,
    options: &Options,
    scheduler_options: impl FnOnce(&AuthStore) -> Result<index_scheduler::Options, OpenError>,
) -> Result<(), OpenError> {
    let db_path = &options.db_path;
    let failed = || io_error(db_path);
    fs::create_dir_all(db_path).map_err(failed())?;
    let marker = File::create_new(db_path.join(MARKER)).map_err(failed())?;
    lock(db_path, &marker)?;
    marker.sync_all().and_then(|()| sync(db_path)).map_err(failed())?;

    let unpacked =
        tempfile::Builder::new().prefix(".dump-").tempdir_in(db_path).map_err(failed())?;
    let dump = Dump::unpack(archive, unpacked.path()).map_err(ImportDumpError::from)?;
    match dump.instance_uid() {
        Ok(Some(uid)) => instance_uid::write(db_path, uid).map_err(failed())?,
        Ok(None) => {}
        // The instance gets a new one, which harms nobody.
        Err(error) => tracing::warn!("{error}"),
    }
    let keys = AuthStore::open(&db_path.join("auth"), options.master_key.as_deref())?;
    keys.replace_keys(&dump.keys().map_err(ImportDumpError::from)?)?;
    index_scheduler::import_dump(scheduler_options(&keys)?, &dump)?;
    drop(keys);

    unpacked.close().map_err(failed())?;
    version_file::write(db_path)?;
    sync(db_path).map_err(failed())?;
    fs::remove_file(db_path.join(MARKER)).and_then(|()| sync(db_path)).map_err(failed())?;
    Ok(())
}

/// Removes what is in a data directory, the marker last, and the directory unless it is a mount point.
fn remove_database(db_path: &Path) -> io::Result<()> {
    for entry in fs::read_dir(db_path)? {
        let entry = entry?;
        if entry.file_name() == MARKER {
            continue;
        }
        match entry.file_type()?.is_dir() {
            true => fs::remove_dir_all(entry.path())?,
            false => fs::remove_file(entry.path())?,
        }
    }
    match fs::remove_file(db_path.join(MARKER)) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let _ = fs::remove_dir(db_path);
    Ok(())
}

fn sync(directory: &Path) -> io::Result<()> {
    File::open(directory)?.sync_all()
}

fn io_error(db_path: &Path) -> impl FnOnce(io::Error) -> ImportDumpError {
    let path = db_path.to_path_buf();
    move |source| ImportDumpError::Io { path, source }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    fn options(db_path: &Path, archive: &Path, flags: &[&str]) -> Options {
        let (db_path, archive) = (db_path.to_str().unwrap(), archive.to_str().unwrap());
        let fixed = ["meilisearch", "--db-path", db_path, "--import-dump", archive];
        Options::try_parse_from(fixed.iter().chain(flags)).unwrap()
    }

    #[test]
    fn when_a_dump_is_wanted() {
        let dir = tempfile::tempdir().unwrap();
        let (empty, full) = (dir.path().join("empty"), dir.path().join("full"));
        let (archive, missing) = (dir.path().join("a.dump"), dir.path().join("b.dump"));
        fs::create_dir(&full).unwrap();
        fs::write(full.join("VERSION"), "1.50.0").unwrap();
        fs::write(&archive, "").unwrap();
        let (lenient, both) = ("--ignore-missing-dump", "--ignore-dump-if-db-exists");
        for (db_path, archive, flags, expected) in [
            (&empty, &archive, &[][..], "import"),
            (&empty, &archive, &[lenient, both], "import"),
            (&empty, &missing, &[], "there is no dump"),
            (&empty, &missing, &[both], "there is no dump"),
            (&empty, &missing, &[lenient], "open"),
            (&full, &archive, &[], "there is a database"),
            (&full, &archive, &[lenient], "there is a database"),
            (&full, &archive, &[both], "open"),
            (&full, &missing, &[lenient], "there is a database"),
            (&full, &missing, &[both], "open"),
        ] {
            let options = options(db_path, archive, flags);
            let found = match wanted(&options) {
                Ok(Some(_)) => "import".to_owned(),
                Ok(None) => "open".to_owned(),
                Err(error) => error.to_string(),
            };
            assert!(found.starts_with(expected), "{db_path:?} {archive:?} {flags:?}: {found}");
        }
    }

    #[test]
    fn the_database_of_a_killed_import_goes() {
        let dir = tempfile::tempdir().unwrap();
        let (db_path, archive) = (dir.path().join("data.ms"), dir.path().join("a.dump"));
        fs::create_dir_all(db_path.join("tasks")).unwrap();
        fs::write(db_path.join("tasks/data.mdb"), "half").unwrap();
        fs::write(db_path.join(MARKER), "").unwrap();
        fs::write(&archive, "").unwrap();
        let held = File::open(db_path.join(MARKER)).unwrap();
        held.lock().unwrap();
        let error = wanted(&options(&db_path, &archive, &[])).unwrap_err();
        assert!(matches!(error, ImportDumpError::Busy(_)), "{error}");
        assert!(db_path.join("tasks/data.mdb").exists());
        drop(held);
        assert_eq!(wanted(&options(&db_path, &archive, &[])).unwrap(), Some(archive.as_path()));
        assert!(!db_path.exists());
    }
}
