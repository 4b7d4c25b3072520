//! A file of the snapshot directory in the making: `.<final name>.part`, locked and mode 0600, becomes
//! `<final name>` and `<final name>.sha256`, mode 0440, only when complete (index-snapshots.md 5.2 and 5.5).
//!
//! The lock tells a file in the making from a left-over; two servers may share a directory. Renames never
//! replace. Dropped before it is published, a part leaves nothing.

use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::{CWD, RenameFlags, renameat_with};
use rustix::io::Errno;

use crate::error::{Error, Result};
use crate::sums::sums_file;

/// An archive holds every document: never readable by others.
const FINISHED_MODE: u32 = 0o440;
/// Mode of the archive of a whole instance, as storage-instance.md 12 has it.
const REPLACEMENT_MODE: u32 = 0o444;
const PART_MODE: u32 = 0o600;

/// The name of a finished file while it is being made.
pub(crate) fn part_name(final_name: &str) -> String {
    format!(".{final_name}.part")
}

/// The name of the file beside an archive that holds its sum.
pub(crate) fn sum_name(archive_name: &str) -> String {
    format!("{archive_name}.sha256")
}

/// An archive in the making.
pub struct PartFile {
    directory: PathBuf,
    archive: Part,
}

impl PartFile {
    /// Makes the part file of an archive. A left-over of the same name goes; one that somebody still holds
    /// is [`Error::AlreadyExists`].
    pub(crate) fn create(directory: &Path, final_name: &str) -> Result<PartFile> {
        Ok(PartFile {
            directory: directory.to_path_buf(),
            archive: Part::create(directory, final_name)?,
        })
    }

    /// The file to write the archive to.
    pub fn file(&self) -> &File {
        &self.archive.file
    }

    /// Opens the same file again, for reading, with a position of its own.
    pub fn reopen(&self) -> Result<File> {
        File::open(&self.archive.path)
            .map_err(|e| Error::io(format!("opening `{}`", self.archive.path.display()), e))
    }

    /// Brings everything written to the disk.
    pub fn sync(&self) -> Result<()> {
        self.archive.seal(FINISHED_MODE)
    }

    /// Gives the archive's sum its name. It comes before the archive's, so that no archive ever stands
    /// without one.
    ///
    /// # Errors
    /// [`Error::AlreadyExists`], or the sum cannot be written.
    pub fn publish_sum(&self, sha256: &str) -> Result<PublishedSum> {
        let archive_name = self.archive.final_name.as_str();
        let mut sum = Part::create(&self.directory, &sum_name(archive_name))?;
        sum.file
            .write_all(sums_file([(sha256, archive_name)]).as_bytes())
            .map_err(|e| Error::in_directory(&self.directory, e))?;
        sum.seal(FINISHED_MODE)?;
        Ok(PublishedSum { path: sum.publish(&self.directory)?, has_archive: false })
    }

    /// Gives the synced archive its name, beside its sum.
    ///
    /// # Errors
    /// [`Error::AlreadyExists`], or the directory cannot be written; the sum goes with the archive.
    pub fn publish(mut self, mut sum: PublishedSum) -> Result<()> {
        self.archive.publish(&self.directory)?;
        sum.has_archive = true;
        sync_directory(&self.directory)
    }
}

/// The sum of an archive that has no name yet. Dropped before it has one, the sum goes again.
#[derive(Debug)]
#[must_use]
pub struct PublishedSum {
    path: PathBuf,
    has_archive: bool,
}

impl Drop for PublishedSum {
    fn drop(&mut self) {
        if !self.has_archive {
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// A file in the making that, once complete, gets a name that nobody has.
pub struct NewFile {
    directory: PathBuf,
    part: Part,
}

impl NewFile {
    /// Makes the hidden file of a name in an existing directory. A left-over of the same name goes; one that
    /// somebody still holds, and a finished file of the name, are [`Error::AlreadyExists`].
    pub fn create(directory: &Path, final_name: &str) -> Result<NewFile> {
        let part = Part::create(directory, final_name)?;
        let path = directory.join(final_name);
        match fs::symlink_metadata(&path) {
            Ok(_) => Err(Error::AlreadyExists { path }),
            Err(_) => Ok(NewFile { directory: directory.to_path_buf(), part }),
        }
    }

    /// The file to write to.
    pub fn file(&self) -> &File {
        &self.part.file
    }

    /// Syncs the file, takes from all the right to write and from others that to read, and gives it its
    /// name.
    pub fn publish(mut self) -> Result<()> {
        self.part.seal(FINISHED_MODE)?;
        self.part.publish(&self.directory)?;
        sync_directory(&self.directory)
    }
}

/// A file in the making that, once complete, takes the place of the one that has its name.
pub struct ReplacementFile {
    directory: PathBuf,
    part: Part,
}

impl ReplacementFile {
    /// Makes the hidden file of a name, and the directory at need. A left-over of the same name goes; one
    /// that somebody still holds is [`Error::AlreadyExists`].
    pub fn create(directory: &Path, final_name: &str) -> Result<ReplacementFile> {
        fs::create_dir_all(directory).map_err(|e| Error::in_directory(directory, e))?;
        Ok(ReplacementFile {
            directory: directory.to_path_buf(),
            part: Part::create(directory, final_name)?,
        })
    }

    /// The file to write to.
    pub fn file(&self) -> &File {
        &self.part.file
    }

    /// Whether a file of that name is in the making, or was when somebody was killed.
    pub fn is_in_the_making(directory: &Path, final_name: &str) -> bool {
        fs::symlink_metadata(directory.join(part_name(final_name))).is_ok()
    }

    /// Syncs the file, makes it readable for all and writable for nobody, and gives it its name.
    pub fn publish(mut self) -> Result<()> {
        self.part.seal(REPLACEMENT_MODE)?;
        fs::rename(&self.part.path, self.directory.join(&self.part.final_name))
            .map_err(|e| Error::in_directory(&self.directory, e))?;
        self.part.published = true;
        sync_directory(&self.directory)
    }
}

/// Syncs a directory, so that the names in it last. One that cannot be synced is not an error.
pub fn sync_directory(directory: &Path) -> Result<()> {
    match File::open(directory).and_then(|d| d.sync_all()) {
        Ok(()) => Ok(()),
        Err(e) if matches!(Errno::from_io_error(&e), Some(Errno::INVAL | Errno::NOTSUP)) => Ok(()),
        Err(e) => Err(Error::io(format!("syncing the directory `{}`", directory.display()), e)),
    }
}

/// Removes the file of a path if nobody holds its lock; tells whether it is gone.
///
/// # Errors
/// The file cannot be opened, locked or removed.
pub fn remove_unlocked(path: &Path) -> io::Result<bool> {
    let file = match OpenOptions::new().read(true).custom_flags(no_follow()).open(path) {
        Ok(file) => file,
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(true),
        Err(e) => return Err(e),
    };
    match file.try_lock() {
        Ok(()) if leads_to(path, &file)? => fs::remove_file(path).map(|()| true),
        Ok(()) => Ok(false),
        Err(fs::TryLockError::WouldBlock) => Ok(false),
        Err(fs::TryLockError::Error(e)) => Err(e),
    }
}

fn no_follow() -> i32 {
    rustix::fs::OFlags::NOFOLLOW.bits() as i32 | rustix::fs::OFlags::NONBLOCK.bits() as i32
}

/// Whether the path still names this open file.
fn leads_to(path: &Path, file: &File) -> io::Result<bool> {
    let open = file.metadata()?;
    match fs::symlink_metadata(path) {
        Ok(named) => Ok((named.dev(), named.ino()) == (open.dev(), open.ino())),
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(e) => Err(e),
    }
}

struct Part {
    file: File,
    path: PathBuf,
    final_name: String,
    published: bool,
}

impl Part {
    fn create(directory: &Path, final_name: &str) -> Result<Part> {
        let failed = |e| Error::in_directory(directory, e);
        let path = directory.join(part_name(final_name));
        // Another server's clean-up may take the new file between its creation and its lock.
        for _ in 0..16 {
            let options = OpenOptions::new()
                .read(true)
                .write(true)
                .create_new(true)
                .mode(PART_MODE)
                .open(&path);
            let file = match options {
                Ok(file) => file,
                Err(e) if e.kind() == io::ErrorKind::AlreadyExists => {
                    if !remove_unlocked(&path).map_err(failed)? {
                        break;
                    }
                    continue;
                }
                Err(e) => return Err(failed(e)),
            };
            if file.try_lock().is_ok() && leads_to(&path, &file).map_err(failed)? {
                return Ok(Part {
                    file,
                    path,
                    final_name: final_name.to_string(),
                    published: false,
                });
            }
        }
        Err(Error::AlreadyExists { path })
    }

    fn seal(&self, mode: u32) -> Result<()> {
        let failed = |e| Error::io(format!("syncing `{}`", self.path.display()), e);
        self.file.set_permissions(Permissions::from_mode(mode)).map_err(failed)?;
        self.file.sync_all().map_err(failed)
    }

    fn publish(&mut self, directory: &Path) -> Result<PathBuf> {
        let path = directory.join(&self.final_name);
        rename_without_replacing(&self.path, &path).map_err(|e| match e.kind() {
            io::ErrorKind::AlreadyExists => Error::AlreadyExists { path: path.clone() },
            _ => Error::in_directory(directory, e),
        })?;
        self.published = true;
        Ok(path)
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        if !self.published {
            let _ = fs::remove_file(&self.path);
        }
    }
}

fn rename_without_replacing(from: &Path, to: &Path) -> io::Result<()> {
    match renameat_with(CWD, from, CWD, to, RenameFlags::NOREPLACE) {
        // Not every file system knows the flag; a hard link does not replace either.
        Err(Errno::INVAL | Errno::NOSYS | Errno::NOTSUP) => {
            fs::hard_link(from, to)?;
            fs::remove_file(from)
        }
        result => Ok(result?),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(directory: &Path) -> Vec<String> {
        let mut names: Vec<_> = fs::read_dir(directory)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    #[test]
    fn a_part_becomes_two_files_or_none() {
        let dir = tempfile::tempdir().unwrap();
        let part = PartFile::create(dir.path(), "a.tar").unwrap();
        assert_eq!(names(dir.path()), [".a.tar.part"]);
        assert_eq!(part.file().metadata().unwrap().mode() & 0o777, 0o600);
        drop(part);
        assert_eq!(names(dir.path()), [""; 0]);

        let part = PartFile::create(dir.path(), "a.tar").unwrap();
        part.file().write_all(b"x").unwrap();
        part.sync().unwrap();
        drop(part.publish_sum("0123").unwrap());
        assert_eq!(names(dir.path()), [".a.tar.part"], "a sum alone goes");
        let sum = part.publish_sum("0123").unwrap();
        assert_eq!(names(dir.path()), [".a.tar.part", "a.tar.sha256"]);
        part.publish(sum).unwrap();
        assert_eq!(names(dir.path()), ["a.tar", "a.tar.sha256"]);
        assert_eq!(fs::read_to_string(dir.path().join("a.tar.sha256")).unwrap(), "0123  a.tar\n");
        for name in names(dir.path()) {
            assert_eq!(fs::metadata(dir.path().join(name)).unwrap().mode() & 0o777, 0o440);
        }

        let part = PartFile::create(dir.path(), "a.tar").unwrap();
        assert!(matches!(part.publish_sum("4567"), Err(Error::AlreadyExists { .. })));
        drop(part);
        assert_eq!(names(dir.path()), ["a.tar", "a.tar.sha256"]);
        assert_eq!(fs::read_to_string(dir.path().join("a.tar")).unwrap(), "x");
    }

    #[test]
    fn a_new_file_gets_its_name_only_when_it_is_complete() {
        let dir = tempfile::tempdir().unwrap();
        let file = NewFile::create(dir.path(), "a.dump").unwrap();
        assert!(NewFile::create(dir.path(), "a.dump").is_err(), "one at a time");
        drop(file);
        assert_eq!(names(dir.path()), [""; 0]);
        let file = NewFile::create(dir.path(), "a.dump").unwrap();
        file.file().write_all(b"x").unwrap();
        file.publish().unwrap();
        assert_eq!(names(dir.path()), ["a.dump"]);
        assert_eq!(fs::metadata(dir.path().join("a.dump")).unwrap().mode() & 0o777, 0o440);
        assert!(matches!(NewFile::create(dir.path(), "a.dump"), Err(Error::AlreadyExists { .. })));
        assert_eq!(names(dir.path()), ["a.dump"]);
    }

    #[test]
    fn a_replacement_takes_the_place_of_the_old_file_only_when_it_is_complete() {
        let parent = tempfile::tempdir().unwrap();
        let dir = parent.path().join("made at need");
        let file = ReplacementFile::create(&dir, "a.snapshot").unwrap();
        file.file().write_all(b"old").unwrap();
        file.publish().unwrap();
        let file = ReplacementFile::create(&dir, "a.snapshot").unwrap();
        assert!(ReplacementFile::is_in_the_making(&dir, "a.snapshot"));
        assert!(ReplacementFile::create(&dir, "a.snapshot").is_err(), "one at a time");
        file.file().write_all(b"half").unwrap();
        drop(file);
        assert_eq!(names(&dir), ["a.snapshot"]);
        let file = ReplacementFile::create(&dir, "a.snapshot").unwrap();
        file.file().write_all(b"new").unwrap();
        file.publish().unwrap();
        assert_eq!(names(&dir), ["a.snapshot"]);
        assert_eq!(fs::read_to_string(dir.join("a.snapshot")).unwrap(), "new");
        assert_eq!(fs::metadata(dir.join("a.snapshot")).unwrap().mode() & 0o777, 0o444);
    }

    #[test]
    fn an_archive_that_appears_meanwhile_is_not_replaced() {
        let dir = tempfile::tempdir().unwrap();
        let part = PartFile::create(dir.path(), "a.tar").unwrap();
        fs::write(dir.path().join("a.tar"), "theirs").unwrap();
        let sum = part.publish_sum("4567").unwrap();
        assert!(matches!(part.publish(sum), Err(Error::AlreadyExists { .. })));
        assert_eq!(names(dir.path()), ["a.tar"]);
        assert_eq!(fs::read_to_string(dir.path().join("a.tar")).unwrap(), "theirs");
    }

    #[test]
    fn left_overs_go_and_held_parts_stay() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join(".a.tar.part"), "left over").unwrap();
        let part = PartFile::create(dir.path(), "a.tar").unwrap();
        assert_eq!(part.file().metadata().unwrap().len(), 0);
        assert!(matches!(PartFile::create(dir.path(), "a.tar"), Err(Error::AlreadyExists { .. })));
        assert!(!remove_unlocked(&dir.path().join(".a.tar.part")).unwrap());
        drop(part);
        assert!(remove_unlocked(&dir.path().join(".a.tar.part")).unwrap());
    }

    #[test]
    fn a_directory_that_cannot_be_written_is_named() {
        let error = PartFile::create(Path::new("/proc/1"), "a.tar").err().unwrap();
        assert!(matches!(error, Error::DirectoryUnwritable { .. }), "{error}");
        assert!(error.to_string().contains("/proc/1"));
    }
}
