//! The `VERSION` file of a data directory (storage-instance.md section 3): which version of the
//! server wrote it, and whether this one may open it.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use meilisearch_types::versioning::{VERSION, VERSION_STR};

/// How the name of the file begins before it is complete.
pub(crate) const TEMPORARY: &str = ".VERSION-";

/// Why a data directory is not opened.
#[derive(Debug, thiserror::Error)]
pub enum VersionFileError {
    /// The directory holds something, but no readable version.
    #[error(
        "cannot tell which version wrote the database in `{}`: its `VERSION` file is missing or \
         empty. Is this the right directory (--db-path)?", .0.display()
    )]
    Missing(PathBuf),
    /// The file is not three numbers.
    #[error("the file `{}` is corrupt: it holds `{content}` instead of three numbers such as {VERSION_STR}", path.display())]
    Corrupt {
        /// The file.
        path: PathBuf,
        /// What it holds.
        content: String,
    },
    /// Written by another version.
    #[error(
        "the database in `{}` was written by version {found}, this is version {VERSION_STR}. \
         Upgrading in place is not built yet: start the version that wrote it, make a dump there \
         (`POST /dumps`), and import it into an empty directory (`--import-dump`).", path.display()
    )]
    OtherVersion {
        /// The data directory.
        path: PathBuf,
        /// The version that wrote it.
        found: String,
    },
    /// The file could not be read or written.
    #[error("cannot access the file `{}`: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
}

/// Whether the data directory counts as empty: it does not exist, cannot be listed, or has no
/// entry at all.
pub(crate) fn is_empty_database(db_path: &Path) -> bool {
    std::fs::read_dir(db_path).map_or(true, |mut entries| entries.next().is_none())
}

/// Refuses a non-empty data directory that another version wrote.
pub(crate) fn check(db_path: &Path) -> Result<(), VersionFileError> {
    let path = db_path.join("VERSION");
    let content = match std::fs::read_to_string(&path) {
        Ok(content) => content,
        Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
        Err(source) => return Err(VersionFileError::Io { path, source }),
    };
    let content = content.trim();
    if content.is_empty() {
        return Err(VersionFileError::Missing(db_path.to_owned()));
    }
    let numbers: Option<Vec<u32>> = content.split('.').map(|part| part.parse().ok()).collect();
    match numbers.as_deref() {
        Some(&[major, minor, patch]) if (major, minor, patch) == VERSION => Ok(()),
        Some(&[_, _, _]) => Err(VersionFileError::OtherVersion {
            path: db_path.to_owned(),
            found: content.to_owned(),
        }),
        _ => Err(VersionFileError::Corrupt { path, content: content.to_owned() }),
    }
}

/// Writes this server's version, through a temporary file that is renamed.
pub(crate) fn write(db_path: &Path) -> Result<(), VersionFileError> {
    let path = db_path.join("VERSION");
    let written = (|| {
        let mut file = tempfile::Builder::new().prefix(TEMPORARY).tempfile_in(db_path)?;
        file.write_all(VERSION_STR.as_bytes())?;
        file.as_file().sync_all()?;
        file.persist(&path).map_err(|error| error.error)
    })();
    written.map(drop).map_err(|source| VersionFileError::Io { path, source })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fresh_directory_is_empty_and_a_written_one_is_not() {
        let dir = tempfile::tempdir().unwrap();
        assert!(is_empty_database(dir.path()));
        assert!(is_empty_database(&dir.path().join("nowhere")));
        write(dir.path()).unwrap();
        assert!(!is_empty_database(dir.path()));
        assert_eq!(std::fs::read_to_string(dir.path().join("VERSION")).unwrap(), VERSION_STR);
        check(dir.path()).unwrap();
    }

    #[test]
    fn other_contents_are_refused_with_their_reason() {
        let dir = tempfile::tempdir().unwrap();
        assert!(matches!(check(dir.path()), Err(VersionFileError::Missing(_))));
        let file = dir.path().join("VERSION");
        for (content, expected) in [
            ("  \n", "missing or empty"),
            ("1.50", "corrupt"),
            ("1.x.0", "corrupt"),
            ("1.49.0", "1.49.0"),
        ] {
            std::fs::write(&file, content).unwrap();
            let error = check(dir.path()).unwrap_err().to_string();
            assert!(error.contains(expected), "{content:?}: {error}");
        }
        std::fs::write(&file, " 1.50.0\n").unwrap();
        check(dir.path()).unwrap();
    }
}
