//! Who may search now, who waits, who is refused (operations.md section 16).
//!
//! A request takes a [`Permit`] before it works and gives it back by dropping it. At most
//! `parallel` permits are out at any moment. Waiting requests get their turn in random order, so
//! that under a flood some requests are answered quickly instead of all too late.

use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use meilisearch_types::error::{Code, ErrorCode};
use tokio::sync::oneshot;

use crate::options::Options;

/// Processors to count with when the machine does not tell.
const UNKNOWN_PROCESSORS: usize = 2;

/// Why a request got no permit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SearchQueueError {
    /// The queue is full, or the request waited too long.
    #[error(
        "Too many requests want to search: the queue of {capacity} waiting requests is full or \
         moves too slowly. Try again later."
    )]
    TooManyRequests {
        /// How many requests may wait.
        capacity: usize,
    },
    /// The turn of a waiting request was lost; a fault of the server.
    #[error("The search queue lost this request; please report it.")]
    Lost,
}

impl ErrorCode for SearchQueueError {
    fn error_code(&self) -> Code {
        match self {
            SearchQueueError::TooManyRequests { .. } => Code::TooManySearchRequests,
            SearchQueueError::Lost => Code::Internal,
        }
    }
}

/// The queue; clones share it.
#[derive(Clone)]
pub struct SearchQueue(Arc<Shared>);

struct Shared {
    parallel: usize,
    capacity: usize,
    drop_after: Duration,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    running: usize,
    waiting: Vec<Waiter>,
}

struct Waiter {
    since: Instant,
    turn: oneshot::Sender<Result<Permit, SearchQueueError>>,
}

/// The right to search; dropping it hands the place to a waiting request.
pub struct Permit {
    /// `None` once the permit was handed to nobody and its place goes elsewhere.
    queue: Option<Arc<Shared>>,
}

impl SearchQueue {
    /// A queue where `parallel` requests run, `capacity` wait, none longer than `drop_after`.
    pub fn new(parallel: NonZeroUsize, capacity: usize, drop_after: Duration) -> Self {
        let state = Mutex::default();
        SearchQueue(Arc::new(Shared { parallel: parallel.get(), capacity, drop_after, state }))
    }

    /// The queue that the options ask for.
    pub fn from_options(options: &Options) -> Self {
        let processors = std::thread::available_parallelism()
            .unwrap_or(NonZeroUsize::MIN.saturating_add(UNKNOWN_PROCESSORS - 1));
        SearchQueue::new(
            processors.saturating_mul(options.experimental_nb_searches_per_core),
            options.experimental_search_queue_size,
            Duration::from_secs(options.experimental_drop_search_after.get() as u64),
        )
    }

    /// Waits for a permit.
    ///
    /// # Errors
    ///
    /// [`SearchQueueError::TooManyRequests`] when the queue is full and this request was the one
    /// chosen to make room, or when its turn came too late.
    pub async fn acquire(&self) -> Result<Permit, SearchQueueError> {
        let (turn, my_turn) = oneshot::channel();
        let refused = {
            let mut state = self.0.lock();
            state.waiting.retain(|waiter| !waiter.turn.is_closed());
            if state.running < self.0.parallel && state.waiting.is_empty() {
                state.running += 1;
                return Ok(Permit { queue: Some(self.0.clone()) });
            }
            if self.0.capacity == 0 {
                return Err(self.0.too_many());
            }
            let refused = (state.waiting.len() >= self.0.capacity).then(|| state.take_random());
            state.waiting.push(Waiter { since: Instant::now(), turn });
            refused.flatten()
        };
        if let Some(refused) = refused {
            // Fails only when that request has gone meanwhile.
            let _ = refused.turn.send(Err(self.0.too_many()));
        }
        my_turn.await.unwrap_or(Err(SearchQueueError::Lost))
    }

    /// How many requests may wait.
    pub(crate) fn capacity(&self) -> usize {
        self.0.capacity
    }

    /// How many requests hold a permit and how many wait.
    pub(crate) fn occupancy(&self) -> (usize, usize) {
        let state = self.0.lock();
        (state.running, state.waiting.len())
    }
}

impl State {
    fn take_random(&mut self) -> Option<Waiter> {
        (!self.waiting.is_empty())
            .then(|| self.waiting.swap_remove(rand::random_range(0..self.waiting.len())))
    }
}

impl Shared {
    /// Nothing panics while the lock is held, so a poisoned state is a consistent one.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn too_many(&self) -> SearchQueueError {
        SearchQueueError::TooManyRequests { capacity: self.capacity }
    }

    /// Passes the place of a finished search to a random waiting one that is still wanted.
    fn pass_on(self: Arc<Self>) {
        loop {
            let waiter = {
                let mut state = self.lock();
                let Some(waiter) = state.take_random() else {
                    state.running -= 1;
                    return;
                };
                waiter
            };
            let turn = if waiter.since.elapsed() > self.drop_after {
                Err(self.too_many())
            } else {
                Ok(Permit { queue: Some(self.clone()) })
            };
            let granted = turn.is_ok();
            match waiter.turn.send(turn) {
                Ok(()) if granted => return,
                Ok(()) => (),
                // The request has gone: disarm its permit and offer the place to the next.
                Err(turn) => drop(turn.map(|mut permit| permit.queue.take())),
            }
        }
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        if let Some(queue) = self.queue.take() {
            queue.pass_on();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn queue(parallel: usize, capacity: usize, drop_after: Duration) -> SearchQueue {
        SearchQueue::new(NonZeroUsize::new(parallel).unwrap(), capacity, drop_after)
    }

    const LONG: Duration = Duration::from_secs(60);

    #[actix_web::test]
    async fn runs_at_once_while_there_is_room() {
        let queue = queue(2, 0, LONG);
        let first = queue.acquire().await.unwrap();
        let _second = queue.acquire().await.unwrap();
        assert!(queue.acquire().await.is_err());
        drop(first);
        let _third = queue.acquire().await.unwrap();
        assert_eq!(queue.occupancy(), (2, 0));
    }

    #[actix_web::test]
    async fn a_waiting_request_gets_the_place_of_a_finished_one() {
        let queue = queue(1, 5, LONG);
        let first = queue.acquire().await.unwrap();
        let waiting = actix_web::rt::spawn({
            let queue = queue.clone();
            async move { queue.acquire().await.map(drop) }
        });
        tokio::task::yield_now().await;
        assert_eq!(queue.occupancy(), (1, 1));
        drop(first);
        waiting.await.unwrap().unwrap();
        assert_eq!(queue.occupancy(), (0, 0));
    }

    #[actix_web::test]
    async fn a_full_queue_refuses_one_waiting_request() {
        let queue = queue(1, 1, LONG);
        let first = queue.acquire().await.unwrap();
        let wait = || {
            let queue = queue.clone();
            actix_web::rt::spawn(async move { queue.acquire().await.map(drop) })
        };
        let (a, b) = (wait(), wait());
        tokio::task::yield_now().await;
        let refused = a.await.unwrap().unwrap_err();
        assert_eq!(refused, SearchQueueError::TooManyRequests { capacity: 1 });
        drop(first);
        b.await.unwrap().unwrap();
    }

    #[actix_web::test]
    async fn who_waited_too_long_is_refused_when_its_turn_comes() {
        let queue = queue(1, 5, Duration::ZERO);
        let first = queue.acquire().await.unwrap();
        let waiting = actix_web::rt::spawn({
            let queue = queue.clone();
            async move { queue.acquire().await.map(drop) }
        });
        tokio::task::yield_now().await;
        std::thread::sleep(Duration::from_millis(2));
        drop(first);
        assert!(waiting.await.unwrap().is_err());
        assert_eq!(queue.occupancy(), (0, 0));
    }

    #[actix_web::test]
    async fn a_request_that_left_gives_its_place_away() {
        let queue = queue(1, 1, LONG);
        let first = queue.acquire().await.unwrap();
        {
            let mut left = Box::pin(queue.acquire());
            let timeout = tokio::time::timeout(Duration::from_millis(1), &mut left).await;
            assert!(timeout.is_err());
        }
        drop(first);
        assert_eq!(queue.occupancy(), (0, 0));
        let _again = queue.acquire().await.unwrap();
    }
}
