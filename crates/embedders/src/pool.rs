//! The instances of embedders that a process shares (vectors.md 5).

use std::collections::HashMap;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use meilisearch_types::outgoing::Policy;

use crate::client::Client;
use crate::embedder::Embedder;
use crate::environment::Environment;
use crate::error::{EmbeddingError, EmbeddingErrorKind};
use crate::options::EmbedderOptions;
use crate::request::{POLL, RequestContext};
use crate::threads::Threads;

/// What all instances obey.
#[derive(Clone, Debug, Default)]
pub struct PoolOptions {
    /// Whom requests may go to.
    pub policy: Policy,
    /// Queries whose vectors an instance remembers; 0 for none.
    pub cache_entries: usize,
}

/// The instances in use, by their options. None is ever dropped.
#[derive(Debug)]
pub struct EmbedderPool {
    shared: Shared,
    /// By the JSON of their options. Held for moments only, never while an instance is made.
    slots: Mutex<HashMap<String, Arc<Slot>>>,
}

/// What instances share.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) environment: Environment,
    pub(crate) client: Arc<Client>,
    pub(crate) threads: Arc<Threads>,
    pub(crate) cache_entries: usize,
}

/// The place of one instance.
#[derive(Debug, Default)]
struct Slot {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
enum State {
    #[default]
    Empty,
    /// Somebody makes the instance.
    Busy,
    Ready(Arc<Embedder>),
}

impl EmbedderPool {
    /// A pool without instances, which reads the environment.
    pub fn new(options: PoolOptions) -> EmbedderPool {
        EmbedderPool::with_environment(options, Environment::read())
    }

    /// A pool without instances in a given environment.
    pub fn with_environment(options: PoolOptions, environment: Environment) -> EmbedderPool {
        let PoolOptions { policy, cache_entries } = options;
        let client = Arc::new(Client::new(&policy, environment.timeout, environment.max_wait));
        let shared = Shared { environment, client, threads: Arc::default(), cache_entries };
        EmbedderPool { shared, slots: Mutex::default() }
    }

    /// The instance with these options, made when there is none. A failure is not remembered: whoever waits
    /// for the same instance meanwhile then tries on its own.
    ///
    /// # Errors
    /// It cannot be made, or not before the deadline, or the caller gives up.
    pub fn get(
        &self,
        options: &EmbedderOptions,
        context: &RequestContext<'_>,
    ) -> Result<Arc<Embedder>, EmbeddingError> {
        let key = serde_json::to_string(options).map_err(|error| {
            EmbeddingErrorKind::Internal(format!("the options are not JSON: {error}"))
        })?;
        let slot = Arc::clone(lock(&self.slots).entry(key).or_default());
        let mut state = lock(&slot.state);
        loop {
            match &*state {
                State::Ready(embedder) => return Ok(Arc::clone(embedder)),
                State::Empty => break,
                State::Busy => {
                    context.go_on()?;
                    let wait = context.time_left().map_or(POLL, |left| left.min(POLL));
                    let waited = slot.changed.wait_timeout(state, wait);
                    state = waited.unwrap_or_else(PoisonError::into_inner).0;
                }
            }
        }
        *state = State::Busy;
        drop(state);
        // Should it panic, the place is free again too.
        let mut making = Making { slot: &slot, made: None };
        let embedder = Arc::new(Embedder::new(options, &self.shared, context)?);
        making.made = Some(Arc::clone(&embedder));
        Ok(embedder)
    }
}

impl Default for EmbedderPool {
    fn default() -> EmbedderPool {
        EmbedderPool::new(PoolOptions::default())
    }
}

/// Whoever makes an instance; when it is done, the others hear of it.
struct Making<'s> {
    slot: &'s Slot,
    made: Option<Arc<Embedder>>,
}

impl Drop for Making<'_> {
    fn drop(&mut self) {
        *lock(&self.slot.state) = self.made.take().map_or(State::Empty, State::Ready);
        self.slot.changed.notify_all();
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
