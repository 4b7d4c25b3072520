//! The queue, the indexes and the loop: every write is a task, run in batches (tasks.md).
//!
//! [`IndexScheduler`] is the handle that routes use. Below it, data flows one way: a request is
//! registered in the queue; the planner turns enqueued tasks into a batch; the batch runs to an
//! outcome; one commit writes the outcome and what changes for the indexes.
//!
//! | Place | What |
//! |---|---|
//! | `queue/` | the durable queue: databases, registration, filters, commit, clean-up |
//! | `index_mapper/` | names → UUIDs → open environments |
//! | `processing.rs` | what runs now, and the steps of its progress |
//! | `scheduler/mod.rs` | the tick: wake → plan → run → commit |
//! | `scheduler/create_batch.rs`, `autobatcher.rs` | which tasks are the next batch; pure |
//! | `scheduler/side_jobs.rs` | what runs beside the loop |
//! | `scheduler/process_*.rs` | what a batch of each kind does |
//! | `import_dump.rs` | a dump into a fresh database, before any task runs |
//! | `features.rs` | experimental features |
//! | `monitoring.rs` | what `/metrics` needs: the state of the queue, an observer of ended tasks |
//! | `index_snapshots.rs` | what routes need of single-index snapshots |
//! | `compacted_copy.rs` | a copy without free pages in the place of an environment's file |
//! | `space.rs` | room on the data volume, and what of it is promised |
//! | `views.rs` | tasks and batches as they are shown |
//! | `webhooks.rs`, `webhooks/delivery.rs` | who is told of finished tasks; the thread that tells them |
//! | `testing/` | a scheduler stepped by hand, fault points |

mod compacted_copy;
mod error;
mod features;
mod import_dump;
mod index_mapper;
mod index_snapshots;
mod monitoring;
mod options;
mod processing;
mod queue;
mod scheduler;
mod space;
mod testing;
mod views;
mod webhooks;

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use embedders::EmbedderPool;
use file_store::FileStore;
use meilisearch_types::features::RuntimeTogglableFeatures;
use meilisearch_types::index_uid::is_reserved;
use meilisearch_types::not_implemented::NotImplemented;
use meilisearch_types::tasks::{Details, Kind, KindWithContent, Task};
use uuid::Uuid;

pub use self::error::{Error, Result};
pub use self::features::FeatureFlags;
pub use self::import_dump::import_dump;
pub use self::index_snapshots::{COMPATIBILITY, ImportRequest};
pub use self::monitoring::QueueState;
pub use self::options::{ExportOptions, IndexerOptions, Options};
pub use self::queue::compaction::QueueCompaction;
pub use self::queue::filter::{IndexFilter, Query};
pub use self::webhooks::WebhookOptions;

use self::features::Features;
use self::index_mapper::IndexMapper;
use self::index_mapper::budget::Budget;
use self::monitoring::Observer;
use self::processing::Processing;
use self::queue::Queue;
use self::scheduler::{
    Wake, process_dump_creation, process_instance_snapshot, process_single_index_snapshot, run_loop,
};
use self::space::Space;
use self::testing::Faults;
use self::webhooks::Deliveries;

/// How long the end of the server waits for running batches.
const MAX_SHUTDOWN_WAIT: Duration = Duration::from_secs(60);

/// Statistics of an index.
#[derive(Debug, Clone)]
pub struct IndexStats {
    /// Whether a running task is listed under it.
    pub is_indexing: bool,
    /// The index's own.
    pub inner: milli::IndexStats,
}

/// Handle on the queue and the indexes; clones share them.
#[derive(Clone)]
pub struct IndexScheduler {
    shared: Arc<Shared>,
}

/// What all handles, the planner and the batches share.
pub(crate) struct Shared {
    pub(crate) options: Options,
    pub(crate) queue: Queue,
    pub(crate) mapper: IndexMapper,
    pub(crate) file_store: FileStore,
    pub(crate) features: Features,
    pub(crate) index_snapshots: index_snapshot::Directory,
    pub(crate) space: Space,
    pub(crate) processing: Processing,
    pub(crate) wake: Wake,
    pub(crate) observer: Observer,
    pub(crate) deliveries: Deliveries,
    pub(crate) indexing_threads: rayon::ThreadPool,
    pub(crate) embedders: Arc<EmbedderPool>,
    /// The next batch of rule 8 is taken for a waiting snapshot, if there is one.
    pub(crate) serve_closure: AtomicBool,
    pub(crate) stopping: AtomicBool,
    pub(crate) faults: Faults,
    planner: Mutex<Option<JoinHandle<()>>>,
}

impl IndexScheduler {
    /// Opens or creates the queue and the indexes in the data directory, and finishes what a
    /// killed server left half done. No task runs before [`IndexScheduler::run`].
    ///
    /// # Errors
    /// A directory or the queue cannot be opened, or belongs to another version.
    pub fn open(options: Options) -> Result<IndexScheduler> {
        let directory = |name: &str| {
            let path = options.db_path.join(name);
            std::fs::create_dir_all(&path).map_err(Error::io("create", &path))?;
            Ok::<_, Error>(path)
        };
        let tasks_dir = directory("tasks")?;
        let indexes_dir = directory("indexes")?;
        let file_store = FileStore::new(directory("update_files")?)?;
        let budget = Budget::measure(&tasks_dir);
        let queue = Queue::open(&tasks_dir, budget.queue_map_size)?;
        let mapper = IndexMapper::open(
            queue.env().clone(),
            *queue.tables(),
            &indexes_dir,
            &budget,
            options.index_max_readers,
            options.index_write_map,
        )?;
        queue.delete_orphan_payloads(&file_store)?;
        process_single_index_snapshot::clean_up(&options.snapshots_path);
        process_instance_snapshot::clean_up(&options);
        process_dump_creation::clean_up(&options.dumps_path);
        let threads = rayon::ThreadPoolBuilder::new()
            .thread_name(|number| format!("indexing-{number}"))
            .num_threads(options.indexer.threads.unwrap_or(0))
            .build()
            .map_err(std::io::Error::other)
            .map_err(Error::io("start indexing threads for", &options.db_path))?;
        let deliveries = Deliveries::start(options.webhooks.policy.clone())
            .map_err(Error::io("start the webhooks' thread for", &options.db_path))?;
        let features = Features::load(&queue, options.features)?;
        let index_snapshots = index_snapshot::Directory::new(options.snapshots_path.clone());
        Ok(IndexScheduler {
            shared: Arc::new(Shared {
                index_snapshots,
                embedders: Arc::new(EmbedderPool::new(options.embedders.clone())),
                options,
                queue,
                mapper,
                file_store,
                features,
                space: Space::default(),
                processing: Processing::default(),
                wake: Wake::default(),
                observer: Observer::default(),
                deliveries,
                indexing_threads: threads,
                serve_closure: AtomicBool::new(true),
                stopping: AtomicBool::new(false),
                faults: Faults::default(),
                planner: Mutex::new(None),
            }),
        })
    }

    /// Starts to run tasks, unless a batch may hold none.
    ///
    /// # Errors
    /// The system gives no thread.
    pub fn run(&self) -> Result<()> {
        if self.shared.options.max_batched_tasks == 0 {
            return Ok(());
        }
        let shared = Arc::clone(&self.shared);
        let thread = std::thread::Builder::new()
            .name("scheduler".into())
            .spawn(move || run_loop(&shared))
            .map_err(Error::io("start the scheduler's thread for", &self.shared.options.db_path))?;
        *self.shared.planner.lock().unwrap_or_else(PoisonError::into_inner) = Some(thread);
        Ok(())
    }

    /// Stops running tasks. Batches that can be stopped are, and run again at the next start; the
    /// others are waited for, within reason. Closes the indexes that nobody uses.
    pub fn shutdown(&self) {
        let shared = &self.shared;
        shared.stopping.store(true, Ordering::Release);
        shared.wake.raise();
        let planner = shared.planner.lock().unwrap_or_else(PoisonError::into_inner).take();
        if planner.is_some_and(|planner| planner.join().is_err()) {
            tracing::error!("the scheduler's thread crashed");
        }
        // Only now can no further batch start.
        shared.processing.cancel_all();
        if !shared.processing.wait_until_idle(MAX_SHUTDOWN_WAIT) {
            tracing::warn!("a batch does not stop; it will run again at the next start");
        }
        if let Err(error) = shared.mapper.close_all() {
            tracing::warn!("{error}");
        }
    }

    /// Enqueues a task. If that fails, its payload file is deleted.
    ///
    /// # Errors
    /// The kind is not built, its content is refused, or the queue is full or cannot be written.
    pub fn register(&self, kind: KindWithContent, metadata: Option<String>) -> Result<Task> {
        self.register_with_details(kind, None, metadata)
    }

    /// As [`IndexScheduler::register`], with first details that do not follow from the content
    /// alone.
    ///
    /// # Errors
    /// As [`IndexScheduler::register`].
    pub fn register_with_details(
        &self,
        kind: KindWithContent,
        details: Option<Details>,
        metadata: Option<String>,
    ) -> Result<Task> {
        let content_file = kind.content_uuid();
        let registered = self
            .try_register(kind, details, metadata)
            .map_err(|error| error.or_disk_full(&self.shared.options.db_path));
        match &registered {
            Ok(task) => {
                if let KindWithContent::TaskCancelation { tasks, .. } = &task.kind {
                    // Now that it is stored: a batch that stops finds it first in the queue.
                    self.shared.processing.cancel_tasks(tasks);
                }
                self.shared.wake.raise();
            }
            Err(_) => {
                if let Some(uuid) = content_file
                    && let Err(error) = self.shared.file_store.delete(uuid)
                {
                    tracing::error!("the next start of the server will try again: {error}");
                }
            }
        }
        registered
    }

    fn try_register(
        &self,
        kind: KindWithContent,
        details: Option<Details>,
        metadata: Option<String>,
    ) -> Result<Task> {
        if !is_built(&kind) {
            return Err(NotImplemented::TaskKind(kind.kind()).into());
        }
        self.shared.queue.register(kind, metadata, |kind, registration| match kind.kind() {
            Kind::SingleIndexSnapshotCreation => {
                let snapshots_path = &self.shared.options.snapshots_path;
                process_single_index_snapshot::complete(kind, registration, snapshots_path)
            }
            _ => Ok(details.or_else(|| kind.default_details())),
        })
    }

    /// Refuses when the queue has no room for another task; for uploads, before they arrive.
    ///
    /// # Errors
    /// [`Error::QueueFull`], or the queue cannot be read.
    pub fn check_room(&self) -> Result<()> {
        self.shared.queue.check_room()
    }

    /// The index of that uid; the handle keeps it open.
    ///
    /// # Errors
    /// There is no such index, or it cannot be opened.
    pub fn index(&self, uid: &str) -> Result<milli::Index> {
        if is_reserved(uid) {
            return Err(Error::IndexNotFound(uid.to_owned()));
        }
        self.shared.mapper.index(uid)
    }

    /// Whether there is such an index.
    ///
    /// # Errors
    /// The queue cannot be read.
    pub fn index_exists(&self, uid: &str) -> Result<bool> {
        let rtxn = self.shared.queue.read_txn()?;
        Ok(!is_reserved(uid) && self.shared.mapper.uuid(&rtxn, uid)?.is_some())
    }

    /// Uids of all indexes, ascending.
    ///
    /// # Errors
    /// The queue cannot be read.
    pub fn index_names(&self) -> Result<Vec<String>> {
        self.shared.mapper.names(&*self.shared.queue.read_txn()?)
    }

    /// Statistics of an index.
    ///
    /// # Errors
    /// There is no such index, or it cannot be read.
    pub fn index_stats(&self, uid: &str) -> Result<IndexStats> {
        if is_reserved(uid) {
            return Err(Error::IndexNotFound(uid.to_owned()));
        }
        self.view(|view| {
            let is_indexing = view.running.values().any(|batch| batch.indexes.contains(uid));
            Ok(IndexStats { is_indexing, inner: self.shared.mapper.stats(view.rtxn, uid)? })
        })
    }

    /// Bytes of the queue's file.
    ///
    /// # Errors
    /// The file cannot be examined.
    pub fn size_bytes(&self) -> Result<u64> {
        Ok(self.shared.queue.env().real_disk_size()?)
    }

    /// Bytes of it that are in use.
    ///
    /// # Errors
    /// The queue cannot be read.
    pub fn used_size_bytes(&self) -> Result<u64> {
        self.shared.queue.used_bytes()
    }

    /// Compacts the queue. From then on, nothing can be written until the server is restarted.
    ///
    /// # Errors
    /// There is no room for the copy, it cannot be written, or the queue was compacted already.
    pub fn compact_queue(&self) -> Result<QueueCompaction> {
        self.shared.queue.compact(&self.shared.space)
    }

    /// Whether nothing can be written until the server is restarted.
    pub fn must_restart(&self) -> bool {
        self.shared.queue.env().is_retired()
    }

    /// Fails when the queue cannot be read.
    ///
    /// # Errors
    /// That it cannot.
    pub fn health(&self) -> Result<()> {
        self.shared.queue.read_txn().map(drop)
    }

    /// A new payload file and the UUID that its task will name.
    ///
    /// # Errors
    /// The file cannot be created.
    pub fn update_file(&self) -> Result<(Uuid, file_store::File)> {
        Ok(self.shared.file_store.new_update()?)
    }

    /// The payload files.
    pub fn file_store(&self) -> &FileStore {
        &self.shared.file_store
    }

    /// The uid of this instance, if it has one.
    pub fn instance_uid(&self) -> Option<Uuid> {
        self.shared.options.instance_uid
    }

    /// What computes vectors, for indexing and for searches.
    pub fn embedders(&self) -> &Arc<EmbedderPool> {
        &self.shared.embedders
    }

    /// The experimental features in force.
    pub fn features(&self) -> RuntimeTogglableFeatures {
        self.shared.features.effective()
    }

    /// Stores experimental features, which are in force at once.
    ///
    /// # Errors
    /// The queue cannot be written.
    pub fn put_features(&self, features: RuntimeTogglableFeatures) -> Result<()> {
        self.shared.features.store(&self.shared.queue, features)
    }

    /// Where single-index snapshots lie.
    pub fn snapshots_path(&self) -> &Path {
        &self.shared.options.snapshots_path
    }
}

/// Whether tasks of this kind can run.
fn is_built(kind: &KindWithContent) -> bool {
    match kind.kind() {
        Kind::DocumentAdditionOrUpdate
        | Kind::DocumentDeletion
        | Kind::SettingsUpdate
        | Kind::IndexCreation
        | Kind::IndexDeletion
        | Kind::IndexUpdate
        | Kind::IndexSwap
        | Kind::IndexCompaction
        | Kind::DumpCreation
        | Kind::Export
        | Kind::TaskCancelation
        | Kind::TaskDeletion
        | Kind::SnapshotCreation
        | Kind::SingleIndexSnapshotCreation
        | Kind::SingleIndexSnapshotImport => true,
        Kind::DocumentEdition
        | Kind::UpgradeDatabase
        | Kind::NetworkTopologyChange
        | Kind::DsrUpdate
        | Kind::DsrClear => false,
    }
}
