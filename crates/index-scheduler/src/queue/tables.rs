//! The 22 databases of the `tasks` environment (storage-instance.md, section 4): the only place
//! that names them, with the codecs of keys and values and what happens to an emptied set.

use std::ops::Deref;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use heed::types::{Bytes, Str};
use heed::{BytesDecode, BytesEncode, Database, EnvOpenOptions, RoTxn, RwTxn, WithoutTls};
use meilisearch_types::batches::Batch;
use meilisearch_types::features::RuntimeTogglableFeatures;
use meilisearch_types::tasks::Task;
use meilisearch_types::webhooks::StoredWebhooks;
use roaring::RoaringBitmap;

use super::codec::{Cbo, Json, Number, Roaring, Timestamp, Uid, UuidBytes, Version};
use crate::error::{Error, Result};

/// LMDB environment whose read transactions may move between threads. It can be retired: when another
/// file has taken the place of the one that is open, nothing may be written to that any more. Clones
/// share this.
#[derive(Clone)]
pub(crate) struct Env {
    inner: heed::Env<WithoutTls>,
    retired: Arc<AtomicBool>,
}

impl Deref for Env {
    type Target = heed::Env<WithoutTls>;

    fn deref(&self) -> &Self::Target {
        &self.inner
    }
}

impl Env {
    /// The only way to write.
    ///
    /// # Errors
    /// The environment is retired, or LMDB fails.
    pub(crate) fn write_txn(&self) -> Result<RwTxn<'_>> {
        let wtxn = self.inner.write_txn()?;
        // It is retired inside a write transaction, so whoever waited for that one sees it.
        if self.is_retired() { Err(Error::QueueRetired) } else { Ok(wtxn) }
    }

    /// Whether nothing can be written any more.
    pub(crate) fn is_retired(&self) -> bool {
        self.retired.load(Ordering::Acquire)
    }

    /// Ends all writing, by the holder of the write transaction.
    pub(crate) fn retire(&self, _: RwTxn<'_>) {
        self.retired.store(true, Ordering::Release);
    }
}

/// One more than the databases that exist, as upstream leaves it.
const MAX_DATABASES: u32 = 23;

/// What is left of an entry whose set of uids became empty.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum WhenEmpty {
    DeleteEntry,
    KeepEmptySet,
}

/// An inverted index: key → set of task or batch uids.
pub(crate) struct Postings<K, V> {
    database: Database<K, V>,
    when_empty: WhenEmpty,
}

impl<K, V> Clone for Postings<K, V> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<K, V> Copy for Postings<K, V> {}

impl<K, V> Postings<K, V>
where
    K: 'static,
    V: for<'a> BytesEncode<'a, EItem = RoaringBitmap>
        + for<'a> BytesDecode<'a, DItem = RoaringBitmap>
        + 'static,
{
    /// The set of a key, empty when there is no entry.
    pub(crate) fn get<'a>(&self, rtxn: &RoTxn<'_>, key: &'a K::EItem) -> Result<RoaringBitmap>
    where
        K: BytesEncode<'a>,
    {
        Ok(self.database.get(rtxn, key)?.unwrap_or_default())
    }

    /// Changes the set of a key.
    pub(crate) fn update<'a>(
        &self,
        wtxn: &mut RwTxn<'_>,
        key: &'a K::EItem,
        change: impl FnOnce(&mut RoaringBitmap),
    ) -> Result<()>
    where
        K: BytesEncode<'a>,
    {
        // As bytes, because a database ties the lifetime of a key to that of its value.
        let key = K::bytes_encode(key).map_err(heed::Error::Encoding)?;
        let database = self.database.remap_key_type::<Bytes>();
        let before = database.get(wtxn, &key)?;
        let before = before.unwrap_or_default();
        let mut uids = before.clone();
        change(&mut uids);
        if before == uids {
            return Ok(());
        }
        if uids.is_empty() && self.when_empty == WhenEmpty::DeleteEntry {
            database.delete(wtxn, &key)?;
        } else {
            database.put(wtxn, &key, &uids)?;
        }
        Ok(())
    }

    /// Adds one uid to the set of a key.
    pub(crate) fn insert<'a>(&self, wtxn: &mut RwTxn<'_>, key: &'a K::EItem, uid: u32) -> Result<()>
    where
        K: BytesEncode<'a>,
    {
        self.update(wtxn, key, |uids| {
            uids.insert(uid);
        })
    }

    /// Takes one uid out of the set of a key.
    pub(crate) fn remove<'a>(&self, wtxn: &mut RwTxn<'_>, key: &'a K::EItem, uid: u32) -> Result<()>
    where
        K: BytesEncode<'a>,
    {
        self.update(wtxn, key, |uids| {
            uids.remove(uid);
        })
    }

    /// The database itself, for walks over several keys.
    pub(crate) fn database(&self) -> Database<K, V> {
        self.database
    }
}

/// The inverted indexes that tasks and batches share.
#[derive(Clone, Copy)]
pub(crate) struct Inverted {
    /// Status number → uids.
    pub(crate) status: Postings<Number, Roaring>,
    /// Kind number → uids.
    pub(crate) kind: Postings<Number, Roaring>,
    /// Index uid → uids.
    pub(crate) index: Postings<Str, Roaring>,
    pub(crate) enqueued_at: Postings<Timestamp, Cbo>,
    pub(crate) started_at: Postings<Timestamp, Cbo>,
    pub(crate) finished_at: Postings<Timestamp, Cbo>,
}

/// Every database of the environment.
#[derive(Clone, Copy)]
pub(crate) struct Tables {
    /// Under the key [`VERSION_KEY`]: the version of the program that last opened the queue.
    pub(crate) version: Database<Str, Version>,
    pub(crate) all_tasks: Database<Uid, Json<Task>>,
    pub(crate) tasks: Inverted,
    /// Uid of a cancelation → the tasks that it canceled.
    pub(crate) canceled_by: Postings<Uid, Roaring>,
    pub(crate) all_batches: Database<Uid, Json<Batch>>,
    pub(crate) batches: Inverted,
    /// Batch uid → its tasks; may still name tasks that were deleted since.
    pub(crate) batch_to_tasks: Postings<Uid, Cbo>,
    /// Index uid → UUID of its directory.
    pub(crate) index_mapping: Database<Str, UuidBytes>,
    /// UUID → statistics of that index.
    pub(crate) index_stats: Database<UuidBytes, Json<milli::IndexStats>>,
    /// Under one key the experimental features; under `network`, what remote search will need.
    pub(crate) features: Database<Str, Json<RuntimeTogglableFeatures>>,
    /// Under one key the webhooks.
    pub(crate) persisted: Database<Str, Json<StoredWebhooks>>,
}

/// The one key of the `version` database.
pub(crate) const VERSION_KEY: &str = "main";

/// Databases that hold values of features to come; they exist from the start as upstream's do.
const RESERVED: [&str; 2] = ["chat-settings", "dynamic-search-rules"];

/// Opens the environment in the directory `dir`, which must exist.
pub(crate) fn open_env(dir: &Path, map_size: usize) -> Result<Env> {
    let mut options = EnvOpenOptions::new().read_txn_without_tls();
    options.map_size(map_size).max_dbs(MAX_DATABASES);
    // SAFETY: no process changes the file but through LMDB, and the environment is opened once.
    #[allow(unsafe_code, reason = "the file is mapped; heed asks the caller to vouch for it")]
    let inner = unsafe { options.open(dir) }?;
    Ok(Env { inner, retired: Arc::default() })
}

impl Tables {
    /// Opens all databases, creating those that are missing.
    pub(crate) fn create(env: &Env, wtxn: &mut RwTxn<'_>) -> Result<Tables> {
        use WhenEmpty::{DeleteEntry, KeepEmptySet};
        for name in RESERVED {
            env.create_database::<Bytes, Bytes>(wtxn, Some(name))?;
        }
        Ok(Tables {
            version: env.create_database(wtxn, Some("version"))?,
            all_tasks: env.create_database(wtxn, Some("all-tasks"))?,
            tasks: Inverted {
                status: postings(env, wtxn, "status", KeepEmptySet)?,
                kind: postings(env, wtxn, "kind", KeepEmptySet)?,
                index: postings(env, wtxn, "index-tasks", DeleteEntry)?,
                enqueued_at: postings(env, wtxn, "enqueued-at", DeleteEntry)?,
                started_at: postings(env, wtxn, "started-at", DeleteEntry)?,
                finished_at: postings(env, wtxn, "finished-at", DeleteEntry)?,
            },
            canceled_by: postings(env, wtxn, "canceled_by", DeleteEntry)?,
            all_batches: env.create_database(wtxn, Some("all-batches"))?,
            batches: Inverted {
                status: postings(env, wtxn, "batch-status", DeleteEntry)?,
                kind: postings(env, wtxn, "batch-kind", KeepEmptySet)?,
                index: postings(env, wtxn, "batch-index-tasks", DeleteEntry)?,
                enqueued_at: postings(env, wtxn, "batch-enqueued-at", DeleteEntry)?,
                started_at: postings(env, wtxn, "batch-started-at", DeleteEntry)?,
                finished_at: postings(env, wtxn, "batch-finished-at", DeleteEntry)?,
            },
            batch_to_tasks: postings(env, wtxn, "batch-to-tasks-mapping", KeepEmptySet)?,
            index_mapping: env.create_database(wtxn, Some("index-mapping"))?,
            index_stats: env.create_database(wtxn, Some("index-stats"))?,
            features: env.create_database(wtxn, Some("experimental-features"))?,
            persisted: env.create_database(wtxn, Some("persisted"))?,
        })
    }
}

fn postings<K: 'static, V: 'static>(
    env: &Env,
    wtxn: &mut RwTxn<'_>,
    name: &str,
    when_empty: WhenEmpty,
) -> Result<Postings<K, V>> {
    Ok(Postings { database: env.create_database(wtxn, Some(name))?, when_empty })
}
