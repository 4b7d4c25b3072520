//! Directories of indexes that nobody may see yet or any more, told apart by a marker file so that
//! a crash at any step leaves nothing behind (index-snapshots.md, section 6).
//!
//! A new directory holds the marker `importing` until its mapping is committed. One that is given
//! up gets the marker `deleting` before the commit that takes its mapping away. At start-up
//! [`clean_up`] removes marked directories without a mapping, and the markers of mapped ones.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};

use uuid::Uuid;

use crate::error::{Error, Result};

const IMPORTING: &str = "importing";
const DELETING: &str = "deleting";

/// The directory of an index that no name leads to yet. Dropped, it is removed; made visible by
/// the commit of an [`Effect::Register`](super::Effect::Register), it stays.
#[derive(Debug)]
pub(crate) struct NewDirectory {
    uuid: Uuid,
    path: PathBuf,
    registered: bool,
}

impl NewDirectory {
    /// Creates it under a new UUID in `indexes`, marked and synced.
    pub(crate) fn create(indexes: &Path) -> Result<NewDirectory> {
        let uuid = Uuid::new_v4();
        let path = indexes.join(uuid.to_string());
        fs::create_dir(&path).map_err(Error::io("create", &path))?;
        let new = NewDirectory { uuid, path, registered: false };
        mark(&new.path, IMPORTING)?;
        sync_directory(indexes)?;
        Ok(new)
    }

    /// Its UUID.
    pub(crate) fn uuid(&self) -> Uuid {
        self.uuid
    }

    /// Where it lies.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Syncs the names of the files in it, which must have been synced themselves.
    pub(super) fn sync(&self) -> Result<()> {
        sync_directory(&self.path)
    }

    /// Tells that a committed mapping leads here now.
    pub(super) fn registered(mut self) {
        self.registered = true;
        // A marker that stays does no harm: the next start removes it.
        if let Err(error) = unmark(&self.path, IMPORTING) {
            tracing::warn!("{error}");
        }
    }
}

impl Drop for NewDirectory {
    fn drop(&mut self) {
        if !self.registered
            && let Err(error) = remove(&self.path, IMPORTING)
        {
            tracing::error!("the next start of the server will try again: {error}");
        }
    }
}

/// Marks a mapped directory whose mapping is about to be taken away. A missing one needs no marker.
pub(super) fn mark_deleting(path: &Path) -> Result<()> {
    if path.is_dir() { mark(path, DELETING) } else { Ok(()) }
}

/// Takes that marker away, because the mapping stays after all.
pub(super) fn unmark_deleting(path: &Path) -> Result<()> {
    unmark(path, DELETING)
}

/// Removes a directory that is marked as deleting and that nothing uses any more.
pub(super) fn remove_deleted(path: &Path) -> Result<()> {
    remove(path, DELETING)
}

/// Start-up: finishes what a killed server left half done. `is_mapped` tells whether a name leads
/// to that UUID. Directories without a marker are not ours to touch, unless they are empty.
pub(super) fn clean_up(indexes: &Path, is_mapped: impl Fn(Uuid) -> bool) -> Result<()> {
    let entries = fs::read_dir(indexes).map_err(Error::io("list", indexes))?;
    for entry in entries {
        let path = entry.map_err(Error::io("list", indexes))?.path();
        let name = path.file_name().and_then(|name| name.to_str());
        let Some(uuid) = name.and_then(|name| Uuid::try_parse(name).ok()) else { continue };
        if !path.is_dir() {
            continue;
        }
        let is_mapped = is_mapped(uuid);
        for marker in [IMPORTING, DELETING] {
            if path.join(marker).exists() {
                match is_mapped {
                    true => unmark(&path, marker)?,
                    false => remove(&path, marker)?,
                }
            }
        }
        if !is_mapped && path.is_dir() && is_empty(&path)? {
            unless_gone(fs::remove_dir(&path)).map_err(Error::io("remove", &path))?;
        }
    }
    Ok(())
}

fn is_empty(path: &Path) -> Result<bool> {
    Ok(fs::read_dir(path).map_err(Error::io("list", path))?.next().is_none())
}

fn mark(path: &Path, marker: &str) -> Result<()> {
    let file = path.join(marker);
    OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .open(&file)
        .and_then(|file| file.sync_all())
        .map_err(Error::io("create", &file))?;
    sync_directory(path)
}

fn unmark(path: &Path, marker: &str) -> Result<()> {
    let file = path.join(marker);
    unless_gone(fs::remove_file(&file)).map_err(Error::io("remove", &file))
}

/// That something to be removed is gone already is no error: another thread was faster.
fn unless_gone(removed: io::Result<()>) -> io::Result<()> {
    match removed {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        removed => removed,
    }
}

/// Removes a directory, its marker last, so that being killed in between is seen by [`clean_up`].
fn remove(path: &Path, marker: &str) -> Result<()> {
    let entries = match fs::read_dir(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        entries => entries.map_err(Error::io("list", path))?,
    };
    for entry in entries {
        let entry = entry.map_err(Error::io("list", path))?.path();
        if entry.file_name().is_some_and(|name| name == marker) {
            continue;
        }
        let removed =
            if entry.is_dir() { fs::remove_dir_all(&entry) } else { fs::remove_file(&entry) };
        unless_gone(removed).map_err(Error::io("remove", &entry))?;
    }
    unmark(path, marker)?;
    unless_gone(fs::remove_dir(path)).map_err(Error::io("remove", path))
}

fn sync_directory(path: &Path) -> Result<()> {
    File::open(path).and_then(|dir| dir.sync_all()).map_err(Error::io("sync", path))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn make(indexes: &Path, number: u128, files: &[&str]) -> PathBuf {
        let path = indexes.join(Uuid::from_u128(number).to_string());
        fs::create_dir(&path).unwrap();
        for file in files {
            fs::write(path.join(file), "").unwrap();
        }
        path
    }

    #[test]
    fn start_up_finishes_what_was_left_half_done() {
        let dir = tempfile::tempdir().unwrap();
        let indexes = dir.path();
        let half_imported = make(indexes, 1, &["data.mdb", IMPORTING]);
        let imported = make(indexes, 2, &["data.mdb", IMPORTING]);
        let half_deleted = make(indexes, 3, &["data.mdb", DELETING]);
        let kept = make(indexes, 4, &["data.mdb", DELETING]);
        let empty = make(indexes, 5, &[]);
        let foreign = make(indexes, 6, &["data.mdb"]);
        fs::write(indexes.join("notes.txt"), "").unwrap();

        clean_up(indexes, |uuid| [2, 4].contains(&uuid.as_u128())).unwrap();

        assert!(!half_imported.exists() && !half_deleted.exists() && !empty.exists());
        assert!(imported.join("data.mdb").exists() && !imported.join(IMPORTING).exists());
        assert!(kept.join("data.mdb").exists() && !kept.join(DELETING).exists());
        assert!(foreign.join("data.mdb").exists());
    }

    #[test]
    fn a_new_directory_stays_only_when_registered() {
        let dir = tempfile::tempdir().unwrap();
        let new = NewDirectory::create(dir.path()).unwrap();
        let path = new.path().to_path_buf();
        fs::write(path.join("data.mdb"), "").unwrap();
        assert!(path.join(IMPORTING).exists());
        drop(new);
        assert!(!path.exists());

        let new = NewDirectory::create(dir.path()).unwrap();
        let path = new.path().to_path_buf();
        new.registered();
        assert!(path.is_dir() && !path.join(IMPORTING).exists());
    }
}
