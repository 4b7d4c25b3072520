//! Opening an archive: only a regular file, never through a link, never a hang on a FIFO (index-snapshots.md 6.1).

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;

use crate::error::{Error, Result};
use crate::manifest::Compatibility;
use crate::reader::{Head, read_head};

/// Opens a regular file for reading. Links, FIFOs, directories and refusals of the system are
/// [`Error::Unreadable`], a missing file is [`Error::NotFound`].
pub fn open_regular_file(path: &Path) -> Result<File> {
    let unreadable = |reason: String| Error::Unreadable { path: path.to_path_buf(), reason };
    let flags =
        OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC | OFlags::NOCTTY;
    let file = match rustix::fs::open(path, flags, Mode::empty()) {
        Ok(descriptor) => File::from(descriptor),
        Err(Errno::NOENT) => return Err(Error::NotFound { path: path.to_path_buf() }),
        Err(Errno::LOOP) => return Err(unreadable("it is a symbolic link".into())),
        Err(error) => return Err(unreadable(io::Error::from(error).to_string())),
    };
    let kind = file.metadata().map_err(|e| unreadable(e.to_string()))?.file_type();
    if kind.is_dir() {
        return Err(unreadable("it is a directory".into()));
    }
    if !kind.is_file() {
        return Err(unreadable("it is not a regular file".into()));
    }
    Ok(file)
}

/// Opens an archive and reads its head, judged if a rule is given.
pub fn read_archive_head(path: &Path, compatibility: Option<&Compatibility>) -> Result<Head> {
    Ok(read_head(open_regular_file(path)?, compatibility, false)?.0)
}

/// A failure of the source itself, wrapped so that it can be told from a failure of the decoder above it.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct SourceFailure(io::Error);

/// Marks the errors of a source.
pub(crate) struct Marked<R>(pub(crate) R);

impl<R: Read> Read for Marked<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.read(buffer).map_err(|e| io::Error::new(e.kind(), SourceFailure(e)))
    }
}

/// What a failed read of the decoded stream means: the source failed, or the archive is damaged.
pub(crate) fn classify(error: io::Error) -> Error {
    if error.get_ref().is_some_and(|e| e.is::<SourceFailure>()) {
        return Error::io("reading the archive", error);
    }
    if error.kind() == io::ErrorKind::UnexpectedEof {
        return Error::corrupted("it is truncated");
    }
    Error::corrupted(format!("it cannot be decompressed ({error})"))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn only_regular_files_are_opened() {
        let dir = tempfile::tempdir().unwrap();
        let path = |name: &str| dir.path().join(name);
        std::fs::write(path("file"), "content").unwrap();
        symlink(path("file"), path("link")).unwrap();
        std::fs::create_dir(path("directory")).unwrap();
        rustix::fs::mknodat(
            rustix::fs::CWD,
            path("fifo"),
            rustix::fs::FileType::Fifo,
            Mode::RUSR,
            0,
        )
        .unwrap();

        let mut text = String::new();
        open_regular_file(&path("file")).unwrap().read_to_string(&mut text).unwrap();
        assert_eq!(text, "content");
        for (name, reason) in
            [("link", "symbolic link"), ("directory", "directory"), ("fifo", "regular file")]
        {
            let error = open_regular_file(&path(name)).unwrap_err();
            assert!(matches!(error, Error::Unreadable { .. }), "{name}");
            let text = error.to_string();
            assert!(text.contains(reason) && text.contains(name), "{text}");
        }
        assert!(matches!(open_regular_file(&path("missing")), Err(Error::NotFound { .. })));
    }
}
