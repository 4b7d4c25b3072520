//! The `instance-uid` file of a data directory: who this instance is among others, also without analytics
//! (storage-instance.md section 2, index-snapshots.md section 2). Archives name the instance that made them.

use std::io::{self, Write};
use std::path::Path;

use uuid::Uuid;

const FILE_NAME: &str = "instance-uid";
/// How the name of the file begins before it is complete.
pub(crate) const TEMPORARY: &str = ".instance-uid-";

/// Reads the uid of an existing data directory, or gives it one. A file that holds no uid is replaced.
pub(crate) fn read_or_create(db_path: &Path) -> io::Result<Uuid> {
    let path = db_path.join(FILE_NAME);
    match std::fs::read_to_string(&path) {
        Ok(text) => match Uuid::try_parse(text.trim_ascii()) {
            Ok(uid) => return Ok(uid),
            Err(error) => {
                tracing::warn!("`{}` holds no uid and is replaced: {error}", path.display());
            }
        },
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(error),
    }
    let uid = Uuid::new_v4();
    write(db_path, uid)?;
    Ok(uid)
}

/// Gives the data directory this uid.
pub(crate) fn write(db_path: &Path, uid: Uuid) -> io::Result<()> {
    let mut file = tempfile::Builder::new().prefix(TEMPORARY).tempfile_in(db_path)?;
    file.write_all(uid.hyphenated().to_string().as_bytes())?;
    file.as_file().sync_all()?;
    file.persist(db_path.join(FILE_NAME))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_uid_is_made_once() {
        let dir = tempfile::tempdir().unwrap();
        let uid = read_or_create(dir.path()).unwrap();
        assert_eq!(read_or_create(dir.path()).unwrap(), uid);
        let text = std::fs::read_to_string(dir.path().join(FILE_NAME)).unwrap();
        assert_eq!(text, uid.to_string());
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1);

        std::fs::write(dir.path().join(FILE_NAME), "nonsense").unwrap();
        assert_ne!(read_or_create(dir.path()).unwrap(), uid);
        assert!(read_or_create(Path::new("/missing")).is_err());
    }
}
