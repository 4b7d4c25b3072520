//! An open instance: the key store, the scheduler and what the routes share
//! (operations.md section 1 step 6, storage-instance.md section 3 "Opening").

use std::path::PathBuf;
use std::sync::Arc;

use actix_web::web::{Data, ServiceConfig};
use embedders::PoolOptions;
use index_scheduler::{
    ExportOptions, FeatureFlags, IndexScheduler, IndexerOptions, WebhookOptions,
};
use meilisearch_auth::AuthStore;
use meilisearch_types::outgoing::Policy;
use meilisearch_types::sizes::ByteSize;
use meilisearch_types::webhooks::Webhook;

use crate::data_directory::{DataDirectory, DataDirectoryError};
use crate::import::{Archive, Import, ImportError};
use crate::metrics::Metrics;
use crate::options::Options;
use crate::search_queue::SearchQueue;
use crate::version_file::{self, VersionFileError};
use crate::{import_dump, import_snapshot, instance_uid};

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
    /// The data directory cannot be used.
    #[error(transparent)]
    DataDirectory(#[from] DataDirectoryError),
    /// The directory of dumps could not be created.
    #[error("cannot create the directory `{}` (--dump-dir): {source}", path.display())]
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
    /// What was to be imported is not.
    #[error(transparent)]
    Import(#[from] ImportError),
    /// The data directory is not ours.
    #[error(transparent)]
    Version(#[from] VersionFileError),
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
    /// Keeps other servers away.
    _directory: Arc<DataDirectory>,
}

impl Instance {
    /// Opens or creates the database and starts the scheduler.
    ///
    /// # Errors
    ///
    /// See [`OpenError`]; an existing database is left as it is, one that was to be imported goes.
    pub fn open(options: Options) -> Result<Self, OpenError> {
        let directory = DataDirectory::lock(&options.db_path)?;
        let db_path = directory.path();
        Import::clear_left_over(&directory)?;
        // Dropped by whatever fails before it is finished, and then all that it made goes.
        let import = match Archive::wanted(&options, &directory)? {
            Some(archive) => {
                let import = Import::begin(&directory)?;
                fill(archive, &options)?;
                Some(import)
            }
            None => {
                if !version_file::is_empty_database(db_path) {
                    version_file::check(db_path)?;
                }
                None
            }
        };
        let auth = AuthStore::open(&db_path.join("auth"), options.master_key.as_deref())?;
        let scheduler = IndexScheduler::open(scheduler_options(&options, &auth)?)?;
        let metrics = Data::new(Metrics::new()?);
        metrics.observe(&scheduler)?;
        version_file::write(db_path)?;
        import.map(Import::finish).transpose()?;
        let dumps = &options.dump_dir;
        std::fs::create_dir_all(dumps)
            .map_err(|source| OpenError::CreateDirectory { path: dumps.clone(), source })?;
        scheduler.run()?;
        Ok(Instance {
            auth: Data::new(auth),
            scheduler: Data::new(scheduler),
            search_queue: Data::new(SearchQueue::from_options(&options)),
            metrics,
            _directory: Arc::new(directory),
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

/// Brings what the archive holds into the data directory.
fn fill(archive: Archive<'_>, options: &Options) -> Result<(), OpenError> {
    let db_path = &options.db_path;
    match archive {
        Archive::Dump(path) => {
            tracing::info!("importing the dump `{}`", path.display());
            let scheduler_options = |auth: &AuthStore| scheduler_options(options, auth);
            import_dump::fill(path, db_path, options.master_key.as_deref(), scheduler_options)
        }
        Archive::Snapshot(path) => {
            tracing::info!("importing the snapshot `{}`", path.display());
            Ok(import_snapshot::unpack(path, db_path).map_err(ImportError::from)?)
        }
    }
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
        embedders: PoolOptions {
            policy: Policy::new(&options.experimental_allowed_ip_networks.0),
            cache_entries: options.experimental_embedding_cache_entries,
        },
        features: FeatureFlags {
            metrics: options.experimental_enable_metrics,
            logs_route: options.experimental_enable_logs_route,
            contains_filter: options.experimental_contains_filter,
            legacy_search: options.experimental_legacy_search_default.then_some(true),
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
