//! The threads on which the requests of a process wait for providers.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::sync::{Arc, Mutex, PoisonError};

use rayon::{ThreadPool, ThreadPoolBuilder};

use crate::error::EmbeddingErrorKind;
use crate::request::{POLL, RequestContext};

/// The most requests under way in a process.
pub(crate) const PARALLEL_REQUESTS: usize = 40;

/// Threads that are made when they are first needed.
#[derive(Debug, Default)]
pub(crate) struct Threads(Mutex<Option<Arc<ThreadPool>>>);

impl Threads {
    /// Does `count` jobs, many at once; their results are in order.
    ///
    /// # Errors
    /// That of the first job that fails: those that have not begun are dropped. Or the caller gives up: what
    /// is under way is then left alone.
    pub(crate) fn run<T: Send + 'static>(
        &self,
        count: usize,
        context: &RequestContext<'_>,
        job: impl Fn(usize, &RequestContext<'_>) -> Result<T, EmbeddingErrorKind>
        + Send
        + Sync
        + 'static,
    ) -> Result<Vec<T>, EmbeddingErrorKind> {
        context.go_on()?;
        let threads = self.get()?;
        let job = Arc::new(job);
        let stop = Arc::new(AtomicBool::new(false));
        let (sender, receiver) = mpsc::channel();
        for number in 0..count {
            let (job, stop, sender) = (Arc::clone(&job), Arc::clone(&stop), sender.clone());
            let (deadline, counters) = (context.deadline, context.counters.cloned());
            threads.spawn_fifo(move || {
                let must_stop = || stop.load(Ordering::Relaxed);
                let counters = counters.as_ref();
                let context = RequestContext { deadline, must_stop: &must_stop, counters };
                let result = context.go_on().and_then(|()| job(number, &context));
                // Nobody listens any more when the caller gave up.
                let _ = sender.send((number, result));
            });
        }
        drop(sender);
        let mut results: Vec<Option<T>> = (0..count).map(|_| None).collect();
        let mut failure = None;
        loop {
            if (context.must_stop)() {
                stop.store(true, Ordering::Relaxed);
                return Err(EmbeddingErrorKind::Stopped);
            }
            match receiver.recv_timeout(POLL) {
                Ok((number, Ok(result))) => {
                    if let Some(place) = results.get_mut(number) {
                        *place = Some(result);
                    }
                }
                Ok((_, Err(kind))) => {
                    stop.store(true, Ordering::Relaxed);
                    failure.get_or_insert(kind);
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => break,
            }
        }
        if let Some(kind) = failure {
            return Err(kind);
        }
        let panicked =
            || EmbeddingErrorKind::Internal("a request to a provider panicked".to_owned());
        results.into_iter().collect::<Option<_>>().ok_or_else(panicked)
    }

    fn get(&self) -> Result<Arc<ThreadPool>, EmbeddingErrorKind> {
        let mut threads = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(threads) = &*threads {
            return Ok(Arc::clone(threads));
        }
        let made = ThreadPoolBuilder::new()
            .num_threads(PARALLEL_REQUESTS)
            .thread_name(|number| format!("embedding-{number}"))
            // The hook of the process has told of it; whoever waits finds the result missing.
            .panic_handler(|_| ())
            .build();
        let made = made.map_err(|error| {
            EmbeddingErrorKind::Internal(format!("no threads for requests: {error}"))
        })?;
        Ok(Arc::clone(threads.insert(Arc::new(made))))
    }
}
