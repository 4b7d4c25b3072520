//! An open instance: the key store and what the routes share
//! (operations.md section 1 step 6, storage-instance.md section 3 "Opening").

use std::path::PathBuf;

use actix_web::web::{Data, ServiceConfig};
use meilisearch_auth::AuthStore;

use crate::options::Options;
use crate::search_queue::SearchQueue;
use crate::version_file::{self, VersionFileError};

/// Why an instance cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// A directory could not be created.
    #[error("cannot create the directory `{}`: {source}", path.display())]
    CreateDirectory {
        /// The directory.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// The data directory is not ours.
    #[error(transparent)]
    Version(#[from] VersionFileError),
    /// The key store does not open.
    #[error(transparent)]
    Auth(#[from] meilisearch_auth::AuthStoreError),
}

/// What the routes work on; clones share it.
#[derive(Clone)]
pub struct Instance {
    options: Data<Options>,
    auth: Data<AuthStore>,
    search_queue: Data<SearchQueue>,
}

impl Instance {
    /// Opens or creates the database.
    ///
    /// # Errors
    ///
    /// See [`OpenError`]; an existing database is left as it is.
    pub fn open(options: Options) -> Result<Self, OpenError> {
        let db_path = &options.db_path;
        if !version_file::is_empty_database(db_path) {
            version_file::check(db_path)?;
        }
        for path in [db_path, &options.dump_dir] {
            std::fs::create_dir_all(path)
                .map_err(|source| OpenError::CreateDirectory { path: path.clone(), source })?;
        }
        let auth = AuthStore::open(&db_path.join("auth"), options.master_key.as_deref())?;
        version_file::write(db_path)?;
        Ok(Instance {
            auth: Data::new(auth),
            search_queue: Data::new(SearchQueue::from_options(&options)),
            options: Data::new(options),
        })
    }

    /// Hands the shared parts to the routes of one worker.
    pub(crate) fn share(&self, config: &mut ServiceConfig) {
        config
            .app_data(self.options.clone())
            .app_data(self.auth.clone())
            .app_data(self.search_queue.clone());
    }

    /// The options that it was opened with.
    pub(crate) fn options(&self) -> &Options {
        &self.options
    }
}
