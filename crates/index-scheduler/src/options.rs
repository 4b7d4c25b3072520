//! How a scheduler is opened.

use std::path::PathBuf;

use embedders::PoolOptions;
use meilisearch_types::outgoing::Policy;
use uuid::Uuid;

use crate::{FeatureFlags, WebhookOptions};

/// How a scheduler is opened.
#[derive(Debug, Clone)]
pub struct Options {
    /// The data directory.
    pub db_path: PathBuf,
    /// Where snapshots lie, of single indexes and of the whole instance.
    pub snapshots_path: PathBuf,
    /// The key store, for snapshots of the whole instance.
    pub auth_env: heed::Env<heed::WithoutTls>,
    /// Where dumps lie.
    pub dumps_path: PathBuf,
    /// Content of the data directory's `instance-uid`.
    pub instance_uid: Option<Uuid>,
    /// Read transactions that may be open at once on an index.
    pub index_max_readers: u32,
    /// Map indexes writable: less memory while indexing.
    pub index_write_map: bool,
    /// Threads and memory for indexing.
    pub indexer: IndexerOptions,
    /// Tasks of one batch at most; with 0 no task ever runs.
    pub max_batched_tasks: usize,
    /// Bytes of the payloads of one batch at most.
    pub batched_tasks_size_limit: u64,
    /// Single-index snapshots made or imported at once.
    pub max_concurrent_index_snapshots: usize,
    /// What exports may do.
    pub export: ExportOptions,
    /// What embedders obey.
    pub embedders: PoolOptions,
    /// Experimental features that the command line switches on.
    pub features: FeatureFlags,
    /// Who is told of finished tasks.
    pub webhooks: WebhookOptions,
}

/// What indexing may use.
#[derive(Debug, Clone, Copy, Default)]
pub struct IndexerOptions {
    /// Threads that extract; none: as many as there are cores.
    pub threads: Option<usize>,
    /// Bytes of memory; none: the engine's default.
    pub max_memory_bytes: Option<usize>,
}

/// What exports may do.
#[derive(Debug, Clone, Default)]
pub struct ExportOptions {
    /// To whom they may send.
    pub policy: Policy,
    /// Bytes of documents in one request, before compression, where the task does not tell.
    pub payload_bytes: u64,
}
