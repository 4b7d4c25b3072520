//! What a caller says of the requests made for it, and when one is made again (vectors.md 9.3).

use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use meilisearch_types::batches::EmbedderStats;

use crate::error::EmbeddingErrorKind;

/// How often a caller is asked whether to go on.
pub(crate) const POLL: Duration = Duration::from_millis(20);
/// The attempts of a request in all.
const ATTEMPTS: u32 = 11;

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

/// Counts of the attempts of a batch (vectors.md 14.5); clones share them.
#[derive(Clone, Debug, Default)]
pub struct RequestCounters(Arc<Mutex<EmbedderStats>>);

/// An attempt that failed.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) kind: EmbeddingErrorKind,
    pub(crate) retry: Retry,
}

/// Whether another attempt may succeed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Retry {
    Never,
    Soon,
    /// The provider wants to be left alone.
    Later,
}

impl RequestContext<'_> {
    /// The same without counters: for queries and probes.
    pub(crate) fn uncounted(self) -> Self {
        RequestContext { counters: None, ..self }
    }

    /// The time left until the deadline, if there is one.
    pub(crate) fn time_left(&self) -> Option<Duration> {
        self.deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()))
    }

    /// Whether to go on.
    ///
    /// # Errors
    /// The deadline passed, or the caller gives up.
    pub(crate) fn go_on(&self) -> Result<(), EmbeddingErrorKind> {
        if (self.must_stop)() {
            Err(EmbeddingErrorKind::Stopped)
        } else if self.time_left() == Some(Duration::ZERO) {
            Err(EmbeddingErrorKind::OutOfTime)
        } else {
            Ok(())
        }
    }

    /// Makes an attempt, and others after it while they fail in ways that may pass; `max_wait` bounds the
    /// time between two.
    ///
    /// # Errors
    /// That of the last attempt; or the caller gives up, or the deadline passed before the first one.
    pub(crate) fn retry<T>(
        &self,
        max_wait: Duration,
        mut attempt: impl FnMut() -> Result<T, Failure>,
    ) -> Result<T, EmbeddingErrorKind> {
        self.go_on()?;
        let mut number = 0;
        loop {
            let Failure { kind, retry } = match attempt() {
                Ok(value) => {
                    self.count(|counters| counters.succeeded());
                    return Ok(value);
                }
                Err(failure) => failure,
            };
            self.count(|counters| counters.failed(&kind.to_string()));
            let wait = Duration::from_millis(10_u64.saturating_pow(number));
            number += 1;
            let wait = match retry {
                Retry::Never => return Err(kind),
                _ if number == ATTEMPTS => return Err(kind),
                Retry::Soon => wait,
                Retry::Later => wait + Duration::from_millis(100),
            };
            let wait = wait.min(max_wait).min(self.time_left().unwrap_or(Duration::MAX));
            self.wait(wait.mul_f64(rand::random_range(0.5..=1.0)))?;
            if self.time_left() == Some(Duration::ZERO) {
                return Err(kind);
            }
        }
    }

    fn count(&self, count: impl FnOnce(&RequestCounters)) {
        if let Some(counters) = self.counters {
            count(counters);
        }
    }

    /// Waits, unless the caller gives up.
    fn wait(&self, duration: Duration) -> Result<(), EmbeddingErrorKind> {
        let end = Instant::now() + duration;
        loop {
            if (self.must_stop)() {
                return Err(EmbeddingErrorKind::Stopped);
            }
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(());
            }
            thread::sleep(left.min(POLL));
        }
    }
}

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
