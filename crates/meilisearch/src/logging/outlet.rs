//! From the layers to the one listener of the stream: a queue of bytes that never makes a thread
//! that logs wait.

use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use tokio::sync::Notify;
use tokio::time::{Instant, timeout_at};
use tracing_subscriber::fmt::MakeWriter;

use super::StreamMode;

/// Bytes that may wait for a slow listener.
const MAX_WAITING_BYTES: usize = 16 << 20;
/// Bytes of a profile that are sent at once, unless time runs out.
const PROFILE_BYTES: usize = 8192;
/// How long a profile waits for that many.
const PROFILE_WAIT: Duration = Duration::from_secs(1);

/// The listener did not take its bytes.
#[derive(Debug, thiserror::Error)]
#[error("more than {MAX_WAITING_BYTES} bytes of logs waited for the listener")]
pub(crate) struct TooSlow;

/// Where layers write to: the queue of the listener, if there is one.
#[derive(Clone, Default)]
pub(super) struct Outlet {
    place: Arc<Mutex<Option<Arc<Queue>>>>,
}

impl Outlet {
    /// The place of the listener.
    pub(super) fn lock(&self) -> MutexGuard<'_, Option<Arc<Queue>>> {
        self.place.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The queue of the listener.
    pub(super) fn queue(&self) -> Option<Arc<Queue>> {
        self.lock().clone()
    }
}

impl<'w> MakeWriter<'w> for Outlet {
    type Writer = Outlet;

    fn make_writer(&'w self) -> Outlet {
        self.clone()
    }
}

/// Each call writes one whole entry.
impl io::Write for Outlet {
    fn write(&mut self, entry: &[u8]) -> io::Result<usize> {
        if let Some(queue) = self.queue() {
            queue.push(entry);
        }
        Ok(entry.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// What the listener has not got yet.
pub(super) struct Queue {
    /// The form of the entries.
    pub(super) mode: StreamMode,
    /// When the stream began.
    pub(super) start: Instant,
    waiting: Mutex<Waiting>,
    changed: Notify,
}

#[derive(Default)]
struct Waiting {
    bytes: BytesMut,
    /// When the first of these bytes came.
    since: Option<Instant>,
    end: Option<End>,
}

/// Why there will be no more.
#[derive(Clone, Copy, PartialEq, Eq)]
enum End {
    Asked,
    TooSlow,
}

impl Queue {
    pub(super) fn new(mode: StreamMode) -> Queue {
        Queue { mode, start: Instant::now(), waiting: Mutex::default(), changed: Notify::new() }
    }

    /// Adds an entry, or ends the stream when too much waits: gaps could not be seen.
    pub(super) fn push(&self, entry: &[u8]) {
        let mut waiting = self.lock();
        if waiting.end.is_some() {
            return;
        }
        if waiting.bytes.len() + entry.len() > MAX_WAITING_BYTES {
            *waiting = Waiting { end: Some(End::TooSlow), ..Waiting::default() };
        } else {
            waiting.bytes.extend_from_slice(entry);
            waiting.since.get_or_insert_with(Instant::now);
        }
        drop(waiting);
        self.changed.notify_one();
    }

    /// Ends the stream behind what waits.
    pub(super) fn end(&self) {
        self.lock().end.get_or_insert(End::Asked);
        self.changed.notify_one();
    }

    /// Whether the stream ended because its listener was too slow.
    pub(super) fn is_overrun(&self) -> bool {
        self.lock().end == Some(End::TooSlow)
    }

    /// The next bytes as soon as they are due; none at the end.
    pub(super) async fn next(&self) -> Option<Result<Bytes, TooSlow>> {
        loop {
            let due = match self.take() {
                Taken::Bytes(bytes) => return Some(Ok(bytes)),
                Taken::End(End::TooSlow) => return Some(Err(TooSlow)),
                Taken::End(End::Asked) => return None,
                Taken::Nothing { due } => due,
            };
            let changed = self.changed.notified();
            match due {
                // What has changed when the time is over is looked at either way.
                Some(due) => drop(timeout_at(due, changed).await),
                None => changed.await,
            }
        }
    }

    fn take(&self) -> Taken {
        let mut waiting = self.lock();
        let Some(since) = waiting.since else {
            return waiting.end.map_or(Taken::Nothing { due: None }, Taken::End);
        };
        let due = since + PROFILE_WAIT;
        let is_due = !matches!(self.mode, StreamMode::Profile { .. })
            || waiting.end.is_some()
            || waiting.bytes.len() >= PROFILE_BYTES
            || due <= Instant::now();
        if !is_due {
            return Taken::Nothing { due: Some(due) };
        }
        waiting.since = None;
        Taken::Bytes(waiting.bytes.split().freeze())
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

enum Taken {
    Bytes(Bytes),
    End(End),
    Nothing { due: Option<Instant> },
}

#[cfg(test)]
mod tests {
    use super::*;

    const PROFILE: StreamMode = StreamMode::Profile { memory: false };

    fn text(next: Option<Result<Bytes, TooSlow>>) -> String {
        String::from_utf8(next.unwrap().unwrap().to_vec()).unwrap()
    }

    #[tokio::test]
    async fn lines_are_due_at_once_and_come_together() {
        let queue = Queue::new(StreamMode::Human);
        queue.push(b"a\n");
        queue.push(b"b\n");
        assert_eq!(text(queue.next().await), "a\nb\n");
        queue.push(b"c\n");
        queue.end();
        queue.push(b"too late\n");
        assert_eq!(text(queue.next().await), "c\n");
        assert!(queue.next().await.is_none());
    }

    #[tokio::test(start_paused = true)]
    async fn a_profile_waits_for_bytes_or_for_time() {
        let queue = Queue::new(PROFILE);
        queue.push(b"{}");
        let start = Instant::now();
        assert_eq!(text(queue.next().await), "{}");
        assert_eq!(start.elapsed(), PROFILE_WAIT);
        queue.push(&[b' '; PROFILE_BYTES]);
        let start = Instant::now();
        assert_eq!(text(queue.next().await).len(), PROFILE_BYTES);
        assert_eq!(start.elapsed(), Duration::ZERO);
        queue.push(b"{}");
        queue.end();
        assert_eq!(text(queue.next().await), "{}");
        assert_eq!(start.elapsed(), Duration::ZERO);
    }

    #[tokio::test]
    async fn a_listener_that_is_too_slow_is_cut_off() {
        let queue = Queue::new(StreamMode::Json);
        queue.push(&vec![b' '; MAX_WAITING_BYTES]);
        assert!(!queue.is_overrun());
        queue.push(b"{}");
        queue.end();
        assert!(queue.is_overrun());
        assert!(queue.next().await.unwrap().is_err());
    }
}
