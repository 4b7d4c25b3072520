//! Experimental features: what is stored, together with what the command line switches on
//! (storage-instance.md 7). Routes behind features that are not built answer so themselves.

use std::sync::{PoisonError, RwLock};

use meilisearch_types::features::RuntimeTogglableFeatures;

use crate::error::Result;
use crate::queue::Queue;

/// The one key of the features in their database.
const KEY: &str = "experimental-features";

/// Features that the command line switches on, whatever is stored.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct FeatureFlags {
    /// `--experimental-enable-metrics`.
    pub metrics: bool,
    /// `--experimental-enable-logs-route`.
    pub logs_route: bool,
    /// `--experimental-contains-filter`.
    pub contains_filter: bool,
    /// The older way of searching, for as long as none is stored.
    pub legacy_search: Option<bool>,
}

impl FeatureFlags {
    fn apply(self, stored: RuntimeTogglableFeatures) -> RuntimeTogglableFeatures {
        RuntimeTogglableFeatures {
            metrics: stored.metrics || self.metrics,
            logs_route: stored.logs_route || self.logs_route,
            contains_filter: stored.contains_filter || self.contains_filter,
            legacy_search: stored.legacy_search.or(self.legacy_search),
            ..stored
        }
    }
}

/// The features in force.
pub(crate) struct Features {
    effective: RwLock<RuntimeTogglableFeatures>,
}

impl Features {
    /// Reads what is stored.
    pub(crate) fn load(queue: &Queue, flags: FeatureFlags) -> Result<Features> {
        let rtxn = queue.read_txn()?;
        let stored = queue.tables().features.get(&rtxn, KEY)?.unwrap_or_default();
        Ok(Features { effective: RwLock::new(flags.apply(stored)) })
    }

    /// The features in force now.
    pub(crate) fn effective(&self) -> RuntimeTogglableFeatures {
        *self.effective.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Stores new features, which are in force at once: until the next start they also switch off
    /// what the command line switched on.
    pub(crate) fn store(&self, queue: &Queue, features: RuntimeTogglableFeatures) -> Result<()> {
        // Held over the commit, so that memory and disk see changes in the same order.
        let mut effective = self.effective.write().unwrap_or_else(PoisonError::into_inner);
        let mut wtxn = queue.env().write_txn()?;
        queue.tables().features.put(&mut wtxn, KEY, &features)?;
        wtxn.commit()?;
        *effective = features;
        Ok(())
    }
}
