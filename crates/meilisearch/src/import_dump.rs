//! `--import-dump`: a dump → an empty data directory, before the server serves (operations.md section 6,
//! storage-instance.md sections 13 and 14).

use std::path::Path;

use dump::Dump;
use meilisearch_auth::AuthStore;

use crate::import::ImportError;
use crate::instance::OpenError;
use crate::instance_uid;

/// How the name of the directory begins in which the archive is unpacked.
pub(crate) const TEMPORARY: &str = ".dump-";

/// Fills an empty data directory with what a dump holds, and closes it. The version file is left to the caller,
/// who writes it when the database has opened.
pub(crate) fn fill(
    archive: &Path,
    db_path: &Path,
    master_key: Option<&str>,
    scheduler_options: impl FnOnce(&AuthStore) -> Result<index_scheduler::Options, OpenError>,
) -> Result<(), OpenError> {
    let failed = ImportError::io(db_path);
    let unpacked =
        tempfile::Builder::new().prefix(TEMPORARY).tempdir_in(db_path).map_err(&failed)?;
    let dump = Dump::unpack(archive, unpacked.path()).map_err(ImportError::from)?;
    match dump.instance_uid() {
        Ok(Some(uid)) => instance_uid::write(db_path, uid).map_err(&failed)?,
        Ok(None) => {}
        // The instance gets a new one, which harms nobody.
        Err(error) => tracing::warn!("{error}"),
    }
    let keys = AuthStore::open(&db_path.join("auth"), master_key)?;
    keys.replace_keys(&dump.keys().map_err(ImportError::from)?)?;
    index_scheduler::import_dump(scheduler_options(&keys)?, &dump)?;
    Ok(unpacked.close().map_err(&failed)?)
}
