//! What a caller says of the requests made for it.

use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use meilisearch_types::batches::EmbedderStats;

/// The circumstances of requests to a provider.
#[derive(Clone, Copy)]
pub struct RequestContext<'a> {
    /// When a search ends; indexing has no deadline.
    pub deadline: Option<Instant>,
    /// Asked before every attempt and while waiting: `true` gives up.
    pub must_stop: &'a (dyn Fn() -> bool + Sync),
    /// Counts attempts; queries and probes are not counted.
    pub counters: Option<&'a RequestCounters>,
}

/// Counts of the attempts of a batch (vectors.md 14.5).
#[derive(Debug, Default)]
pub struct RequestCounters(Mutex<EmbedderStats>);

impl RequestCounters {
    /// Counts an attempt that was answered well.
    pub fn succeeded(&self) {
        self.change(|stats| stats.total += 1);
    }

    /// Counts an attempt that failed.
    pub fn failed(&self, error: &str) {
        self.change(|stats| {
            stats.total += 1;
            stats.failed += 1;
            stats.last_error = Some(error.to_owned());
        });
    }

    /// The counts so far.
    pub fn stats(&self) -> EmbedderStats {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn change(&self, change: impl FnOnce(&mut EmbedderStats)) {
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner));
    }
}
