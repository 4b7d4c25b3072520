//! Sizes and statistics over all indexes, for `GET /stats` and `GET /metrics`.

use index_scheduler::{IndexScheduler, IndexStats};
use meilisearch_auth::AuthStore;
use meilisearch_types::error::ResponseError;

/// The instance at one moment.
pub(crate) struct InstanceStats {
    /// Bytes of the files of all indexes, the queue and the key store.
    pub(crate) size: u64,
    /// Bytes of them that are in use.
    pub(crate) used_size: u64,
    /// Every index of users, by uid.
    pub(crate) indexes: Vec<(String, IndexStats)>,
}

impl InstanceStats {
    /// Reads them from disk.
    ///
    /// # Errors
    /// Something cannot be read.
    pub(crate) fn read(
        scheduler: &IndexScheduler,
        keys: &AuthStore,
    ) -> Result<Self, ResponseError> {
        let mut size = scheduler.size_bytes()? + keys.size()?;
        let mut used_size = scheduler.used_size_bytes()? + keys.used_size()?;
        let mut indexes = Vec::new();
        for uid in scheduler.index_names()? {
            let stats = scheduler.index_stats(&uid)?;
            size += stats.inner.database_size;
            used_size += stats.inner.used_database_size;
            indexes.push((uid, stats));
        }
        Ok(InstanceStats { size, used_size, indexes })
    }
}
