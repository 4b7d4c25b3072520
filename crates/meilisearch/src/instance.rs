//! An open instance: the key store, the scheduler and what the routes share
//! (operations.md section 1 step 6, storage-instance.md section 3 "Opening").

use std::path::{Path, PathBuf};

use actix_web::web::{Data, ServiceConfig};
use index_scheduler::{
    ExportOptions, FeatureFlags, IndexScheduler, IndexerOptions, WebhookOptions,
};
use meilisearch_auth::AuthStore;
use meilisearch_types::outgoing::Policy;
use meilisearch_types::sizes::ByteSize;
use meilisearch_types::webhooks::Webhook;

use crate::import::Import;
use crate::import_dump::{self, ImportDumpError};
use crate::import_snapshot::SnapshotImportError;
use crate::metrics::Metrics;
use crate::options::Options;
use crate::search_queue::SearchQueue;
use crate::version_file::{self, VersionFileError};
use crate::{import_snapshot, instance_uid};

/// Environment variable of the number of LMDB readers per index.
const INDEX_MAX_READERS: &str = "MEILI_EXPERIMENTAL_INDEX_MAX_READERS";
/// Readers per index where that variable is not set.
const DEFAULT_INDEX_MAX_READERS: u32 = 1024;
/// Bytes of documents in one batch at most, where no option tells.
const MAX_DEFAULT_BATCH_BYTES: u64 = 10 << 30;

/// How far requests of an export stay below the largest body that this server takes, in bytes.
const EXPORT_MARGIN_BYTES: u64 = 1 << 20;
/// Bytes of documents in one request of an export, however small that body is.
const MIN_EXPORT_PAYLOAD_BYTES: u64 = 20 << 20;

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
    /// The uid of the instance can be neither read nor written.
    #[error("cannot access the file `instance-uid` in `{}`: {source}", path.display())]
    InstanceUid {
        /// The data directory.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// An import of a file that does not exist.
    #[error("there is no file `{}` (--import-snapshot); `--ignore-missing-snapshot` starts without it", .0.display())]
    MissingSnapshot(PathBuf),
    /// An import into a database that exists.
    #[error(
        "there is a database in `{}` already, so the snapshot is not imported: give an empty directory \
         (--db-path), or start with the database by `--ignore-snapshot-if-db-exists`", .0.display()
    )]
    DatabaseExists(PathBuf),
    /// The import failed.
    #[error(transparent)]
    SnapshotImport(#[from] SnapshotImportError),
    /// The data directory cannot be prepared for an import.
    #[error("cannot prepare the directory `{}` for an import: {source}", path.display())]
    Import {
        /// The data directory.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// The data directory is not ours.
    #[error(transparent)]
    Version(#[from] VersionFileError),
    /// The dump is not imported.
    #[error(transparent)]
    ImportDump(#[from] ImportDumpError),
    /// The key store does not open.
    #[error(transparent)]
    Auth(#[from] meilisearch_auth::AuthStoreError),
    /// The number of readers is none.
    #[error("the environment variable `{INDEX_MAX_READERS}` must be a number, not `{0}`")]
    IndexMaxReaders(String),
    /// The scheduler does not open.
    #[error(transparent)]
    Scheduler(#[from] index_scheduler::Error),
    /// The metrics contradict each other; a fault of the program.
    #[error("the metrics cannot be set up: {0}")]
    Metrics(#[from] prometheus::Error),
}

/// What the routes work on; clones share it.
#[derive(Clone)]
pub struct Instance {
    options: Data<Options>,
    auth: Data<AuthStore>,
    scheduler: Data<IndexScheduler>,
    search_queue: Data<SearchQueue>,
    metrics: Data<Metrics>,
}

impl Instance {
    /// Opens or creates the database and starts the scheduler.
    ///
    /// # Errors
    ///
    /// See [`OpenError`]; an existing database is left as it is, one that was to be imported goes.
    pub fn open(options: Options) -> Result<Self, OpenError> {
        let db_path = &options.db_path;
        let failed = |source| OpenError::Import { path: db_path.clone(), source };
        Import::clear_left_over(db_path).map_err(failed)?;
        if let Some(archive) = import_dump::wanted(&options)? {
            import_dump::run(archive, &options, |auth| scheduler_options(&options, auth))?;
        }
        // Dropped by whatever fails before it is finished, and then the data directory goes.
        let import = match snapshot_to_import(&options)? {
            Some(archive) => {
                tracing::info!("importing the snapshot `{}`", archive.display());
                let import = Import::begin(db_path).map_err(failed)?;
                import_snapshot::unpack(archive, db_path)?;
                Some(import)
            }
            None => {
                if !version_file::is_empty_database(db_path) {
                    version_file::check(db_path)?;
                }
                None
            }
        };
        for path in [db_path, &options.dump_dir] {
            std::fs::create_dir_all(path)
                .map_err(|source| OpenError::CreateDirectory { path: path.clone(), source })?;
        }
        let auth = AuthStore::open(&db_path.join("auth"), options.master_key.as_deref())?;
        let scheduler = IndexScheduler::open(scheduler_options(&options, &auth)?)?;
        let metrics = Data::new(Metrics::new()?);
        metrics.observe(&scheduler)?;
        version_file::write(db_path)?;
        if let Some(import) = import {
            import.finish().map_err(failed)?;
        }
        scheduler.run()?;
        Ok(Instance {
            auth: Data::new(auth),
            scheduler: Data::new(scheduler),
            search_queue: Data::new(SearchQueue::from_options(&options)),
            metrics,
            options: Data::new(options),
        })
    }

    /// Hands the shared parts to the routes of one worker.
    pub(crate) fn share(&self, config: &mut ServiceConfig) {
        config
            .app_data(self.options.clone())
            .app_data(self.auth.clone())
            .app_data(self.scheduler.clone())
            .app_data(self.search_queue.clone())
            .app_data(self.metrics.clone());
    }

    /// The options that it was opened with.
    pub(crate) fn options(&self) -> &Options {
        &self.options
    }

    /// Handle on the queue and the indexes.
    pub(crate) fn scheduler(&self) -> &IndexScheduler {
        &self.scheduler
    }

    /// Ends the scheduler: the running batch is finished or given up, never half committed.
    pub(crate) fn close(&self) {
        self.scheduler.shutdown();
    }
}

/// The archive to import, if one was asked for that is to be imported (operations.md section 6).
fn snapshot_to_import(options: &Options) -> Result<Option<&Path>, OpenError> {
    let Some(archive) = &options.import_snapshot else { return Ok(None) };
    let is_empty = version_file::is_empty_database(&options.db_path);
    if is_empty && archive.exists() {
        return Ok(Some(archive));
    }
    if !is_empty && !options.ignore_snapshot_if_db_exists {
        return Err(OpenError::DatabaseExists(options.db_path.clone()));
    }
    if !archive.exists() && !options.ignore_missing_snapshot {
        return Err(OpenError::MissingSnapshot(archive.clone()));
    }
    Ok(None)
}

fn scheduler_options(
    options: &Options,
    auth: &AuthStore,
) -> Result<index_scheduler::Options, OpenError> {
    let max_memory_bytes = options.max_indexing_memory_bytes();
    let batched_tasks_size_limit = options.experimental_limit_batched_tasks_total_size.map_or_else(
        || (max_memory_bytes / 2).min(MAX_DEFAULT_BATCH_BYTES),
        |ByteSize(bytes)| bytes,
    );
    Ok(index_scheduler::Options {
        db_path: options.db_path.clone(),
        snapshots_path: options.snapshot_dir.clone(),
        auth_env: auth.env().clone(),
        dumps_path: options.dump_dir.clone(),
        instance_uid: Some(
            instance_uid::read_or_create(&options.db_path).map_err(|source| {
                OpenError::InstanceUid { path: options.db_path.clone(), source }
            })?,
        ),
        index_max_readers: index_max_readers()?,
        index_write_map: options.experimental_reduce_indexing_memory_usage,
        indexer: IndexerOptions {
            threads: options.max_indexing_threads.or_half_of_the_processors(),
            max_memory_bytes: Some(usize::try_from(max_memory_bytes).unwrap_or(usize::MAX)),
        },
        max_batched_tasks: options.experimental_max_number_of_batched_tasks,
        batched_tasks_size_limit,
        max_concurrent_index_snapshots: options.max_concurrent_index_snapshots.get(),
        export: ExportOptions {
            policy: Policy::new(&options.experimental_allowed_ip_networks.0),
            payload_bytes: options
                .http_payload_size_limit
                .0
                .saturating_sub(EXPORT_MARGIN_BYTES)
                .max(MIN_EXPORT_PAYLOAD_BYTES),
        },
        features: FeatureFlags {
            metrics: options.experimental_enable_metrics,
            contains_filter: options.experimental_contains_filter,
            legacy_search: options.experimental_legacy_search_default.then_some(true),
            ..FeatureFlags::default()
        },
        webhooks: webhook_options(options),
    })
}

fn webhook_options(options: &Options) -> WebhookOptions {
    let secret = options.task_webhook_authorization_header.iter();
    let headers = secret.map(|secret| ("Authorization".to_owned(), secret.clone())).collect();
    let url = options.task_webhook_url.as_ref();
    WebhookOptions {
        fixed: url.map(|url| Webhook { url: url.to_string(), headers }),
        policy: Policy::new(&options.experimental_allowed_ip_networks.0),
    }
}

/// LMDB readers per index, which only the environment can change (operations.md section 4).
fn index_max_readers() -> Result<u32, OpenError> {
    match std::env::var(INDEX_MAX_READERS) {
        Ok(text) => text.parse().map_err(|_| OpenError::IndexMaxReaders(text)),
        Err(_) => Ok(DEFAULT_INDEX_MAX_READERS),
    }
}
