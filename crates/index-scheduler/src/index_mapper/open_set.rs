//! The open environments, by UUID: at most so many in least-recently-used order, the pinned ones
//! apart from them, and those that are closing.
//!
//! All share one budget of address space. What is opened apart from the set, to be checked before it is
//! registered, takes the place of unpinned environments ([`OpenSet::make_room`]).
//!
//! An environment may be open once in a process, so opening again waits until the last handle of
//! the closing one is dropped. All waits are bounded and end in an error, never in a panic. The
//! lock is held only to look at the maps: never while an environment opens or while waiting.

use std::collections::{HashMap, HashSet};
use std::num::NonZeroUsize;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use heed::EnvClosingEvent;
use lru::LruCache;
use milli::Index;
use uuid::Uuid;

use crate::error::{Error, Result};

/// How long a look-up, a resize or a deletion waits for handles that are in use.
const MAX_WAIT: Duration = Duration::from_secs(600);

/// How long a wait for room may not notice that it is to stop.
const MAX_UNAWARE: Duration = Duration::from_millis(100);

/// Shared handle on the set.
#[derive(Clone)]
pub(crate) struct OpenSet {
    shared: Arc<Shared>,
}

struct Shared {
    state: Mutex<State>,
    /// Fires when something opened, was unpinned or closed.
    changed: Condvar,
    max_wait: Duration,
}

struct State {
    /// Unpinned environments that may be open when nothing is opened apart from the set.
    capacity: NonZeroUsize,
    recent: LruCache<Uuid, Index>,
    /// Environments that are open apart from the set.
    apart: usize,
    pinned: HashMap<Uuid, Pinned>,
    closing: HashMap<Uuid, EnvClosingEvent>,
    /// A thread is opening these.
    opening: HashSet<Uuid>,
    /// Never to be opened again.
    deleted: HashSet<Uuid>,
    /// Map sizes, in bytes, that differ from the base size.
    map_sizes: HashMap<Uuid, usize>,
}

struct Pinned {
    index: Index,
    count: usize,
}

/// Keeps an environment open and findable until dropped. Any number may be held at once.
pub(crate) struct PinnedIndex {
    shared: Arc<Shared>,
    uuid: Uuid,
    index: Index,
}

impl PinnedIndex {
    /// The index.
    pub(crate) fn index(&self) -> &Index {
        &self.index
    }

    /// UUID of its directory.
    pub(crate) fn uuid(&self) -> Uuid {
        self.uuid
    }
}

impl Drop for PinnedIndex {
    fn drop(&mut self) {
        let mut state = self.shared.lock();
        if let Some(pinned) = state.pinned.get_mut(&self.uuid) {
            pinned.count -= 1;
            if pinned.count == 0
                && let Some(pinned) = state.pinned.remove(&self.uuid)
            {
                state.keep_recent(self.uuid, pinned.index);
            }
        }
        self.shared.changed.notify_all();
    }
}

/// Address space for one environment that is opened apart from the set.
pub(crate) struct Room {
    shared: Arc<Shared>,
}

impl Drop for Room {
    fn drop(&mut self) {
        let mut state = self.shared.lock();
        state.apart -= 1;
        state.fit();
        self.shared.changed.notify_all();
    }
}

/// Only the thread that holds this opens the environment; the others wait.
struct Opening<'a> {
    shared: &'a Shared,
    uuid: Uuid,
}

impl Drop for Opening<'_> {
    fn drop(&mut self) {
        self.shared.lock().opening.remove(&self.uuid);
        self.shared.changed.notify_all();
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        // Every change leaves the maps whole, so a panic elsewhere cannot have broken them.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn find(&mut self, uuid: Uuid) -> Option<Index> {
        match self.pinned.get(&uuid) {
            Some(pinned) => Some(pinned.index.clone()),
            None => self.recent.get(&uuid).cloned(),
        }
    }

    /// Environments that may be open apart from the set: the set keeps one, and there is always room for
    /// one more than the set may hold.
    fn max_apart(&self) -> usize {
        (self.capacity.get() - 1).max(1)
    }

    /// Gives the recent ones the room that is left, closing the least recent ones.
    fn fit(&mut self) {
        let left = self.capacity.get().saturating_sub(self.apart);
        let left = NonZeroUsize::new(left).unwrap_or(NonZeroUsize::MIN);
        while self.recent.len() > left.get()
            && let Some((evicted, index)) = self.recent.pop_lru()
        {
            self.close(evicted, index);
        }
        self.recent.resize(left);
    }

    /// Puts an index in front of the recent ones; the least recent one may have to close for it.
    fn keep_recent(&mut self, uuid: Uuid, index: Index) {
        if let Some((evicted, index)) = self.recent.push(uuid, index) {
            self.close(evicted, index);
        }
    }

    fn close(&mut self, uuid: Uuid, index: Index) {
        self.closing.insert(uuid, index.prepare_for_closing());
    }
}

impl OpenSet {
    /// An empty set that keeps at most `capacity` unpinned environments open.
    pub(crate) fn new(capacity: NonZeroUsize) -> OpenSet {
        OpenSet::with_max_wait(capacity, MAX_WAIT)
    }

    fn with_max_wait(capacity: NonZeroUsize, max_wait: Duration) -> OpenSet {
        let state = State {
            capacity,
            recent: LruCache::new(capacity),
            apart: 0,
            pinned: HashMap::new(),
            closing: HashMap::new(),
            opening: HashSet::new(),
            deleted: HashSet::new(),
            map_sizes: HashMap::new(),
        };
        OpenSet {
            shared: Arc::new(Shared {
                state: Mutex::new(state),
                changed: Condvar::new(),
                max_wait,
            }),
        }
    }

    /// The open index, or the one that `open` opens with the map size that this UUID needs (none:
    /// the base size).
    pub(crate) fn get(
        &self,
        uuid: Uuid,
        open: impl FnOnce(Option<usize>) -> Result<Index>,
    ) -> Result<Index> {
        self.get_with(uuid, open, |_, index| index)
    }

    /// As [`OpenSet::get`], pinned.
    pub(crate) fn pin(
        &self,
        uuid: Uuid,
        open: impl FnOnce(Option<usize>) -> Result<Index>,
    ) -> Result<PinnedIndex> {
        self.get_with(uuid, open, |state, index| {
            state.recent.pop(&uuid);
            state
                .pinned
                .entry(uuid)
                .or_insert_with(|| Pinned { index: index.clone(), count: 0 })
                .count += 1;
            PinnedIndex { shared: Arc::clone(&self.shared), uuid, index }
        })
    }

    /// Finds or opens an index and hands it to `take` before anything else can happen to it.
    fn get_with<T>(
        &self,
        uuid: Uuid,
        open: impl FnOnce(Option<usize>) -> Result<Index>,
        take: impl FnOnce(&mut State, Index) -> T,
    ) -> Result<T> {
        let deadline = Instant::now() + self.shared.max_wait;
        let mut state = self.shared.lock();
        loop {
            if state.deleted.contains(&uuid) {
                return Err(Error::IndexBeingDeleted(uuid));
            }
            if let Some(index) = state.find(uuid) {
                return Ok(take(&mut state, index));
            }
            if state.opening.contains(&uuid) {
                state = self.wait(state, uuid, deadline)?;
                continue;
            }
            return self.open_alone(state, uuid, open, take);
        }
    }

    /// Opens an index that is not open, once it is closed, and hands it to `take`. Others who look
    /// for it wait.
    fn open_alone<T>(
        &self,
        mut state: MutexGuard<'_, State>,
        uuid: Uuid,
        open: impl FnOnce(Option<usize>) -> Result<Index>,
        take: impl FnOnce(&mut State, Index) -> T,
    ) -> Result<T> {
        state.opening.insert(uuid);
        let closing = state.closing.get(&uuid).cloned();
        let map_size = state.map_sizes.get(&uuid).copied();
        drop(state);
        let _opening = Opening { shared: &self.shared, uuid };
        if let Some(closing) = closing {
            self.wait_closed(uuid, &closing)?;
        }
        let index = open(map_size)?;
        let mut state = self.shared.lock();
        state.closing.remove(&uuid);
        state.keep_recent(uuid, index.clone());
        Ok(take(&mut state, index))
    }

    /// Closes an index, once nothing pins or holds it, lets `change` work on its files, and opens it
    /// again; when `change` fails it is closed, to be opened by the next look-up.
    pub(crate) fn reopen(
        &self,
        uuid: Uuid,
        change: impl FnOnce() -> Result<()>,
        open: impl FnOnce(Option<usize>) -> Result<Index>,
    ) -> Result<Index> {
        let mut state = self.wait_unpinned(uuid)?;
        if let Some(index) = state.recent.pop(&uuid) {
            state.close(uuid, index);
        }
        let change_and_open = |map_size| change().and_then(|()| open(map_size));
        self.open_alone(state, uuid, change_and_open, |_, index| index)
    }

    /// Closes an index, once nothing pins it, so that it opens again with a map of that many bytes.
    pub(crate) fn resize(&self, uuid: Uuid, map_size: usize) -> Result<()> {
        let mut state = self.wait_unpinned(uuid)?;
        if let Some(index) = state.recent.pop(&uuid) {
            state.close(uuid, index);
        }
        state.map_sizes.insert(uuid, map_size);
        Ok(())
    }

    /// Forbids to open an index again; look-ups fail from now on, handles in use stay valid.
    pub(crate) fn forbid(&self, uuid: Uuid) {
        let mut state = self.shared.lock();
        state.deleted.insert(uuid);
        state.map_sizes.remove(&uuid);
        if let Some(index) = state.recent.pop(&uuid) {
            state.close(uuid, index);
        }
    }

    /// Waits until the last handle of a forbidden index is dropped.
    pub(crate) fn wait_gone(&self, uuid: Uuid) -> Result<()> {
        let mut state = self.wait_unpinned(uuid)?;
        // A pin that ended after `forbid` has put the index back.
        if let Some(index) = state.recent.pop(&uuid) {
            state.close(uuid, index);
        }
        let closing = state.closing.get(&uuid).cloned();
        drop(state);
        if let Some(closing) = closing {
            self.wait_closed(uuid, &closing)?;
            self.shared.lock().closing.remove(&uuid);
        }
        Ok(())
    }

    /// Leaves address space for an environment that the caller opens apart from the set, until the guard
    /// is dropped. While as many are open as there may be it waits for one of them, as long as it takes,
    /// unless `must_stop` says so.
    pub(crate) fn make_room(&self, must_stop: &dyn Fn() -> bool) -> Result<Room> {
        let mut state = self.shared.lock();
        while state.apart >= state.max_apart() {
            if must_stop() {
                return Err(Error::Aborted);
            }
            let waited = self.shared.changed.wait_timeout(state, MAX_UNAWARE);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        state.apart += 1;
        state.fit();
        Ok(Room { shared: Arc::clone(&self.shared) })
    }

    /// Closes every index that nothing pins and waits for it; for the end of the server.
    pub(crate) fn close_all(&self) -> Result<()> {
        let mut state = self.shared.lock();
        while let Some((uuid, index)) = state.recent.pop_lru() {
            state.close(uuid, index);
        }
        let closing: Vec<_> = state.closing.drain().collect();
        drop(state);
        closing.iter().try_for_each(|(uuid, closing)| self.wait_closed(*uuid, closing))
    }

    fn wait_unpinned(&self, uuid: Uuid) -> Result<MutexGuard<'_, State>> {
        let deadline = Instant::now() + self.shared.max_wait;
        let mut state = self.shared.lock();
        while state.pinned.contains_key(&uuid) || state.opening.contains(&uuid) {
            state = self.wait(state, uuid, deadline)?;
        }
        Ok(state)
    }

    fn wait<'a>(
        &'a self,
        state: MutexGuard<'a, State>,
        uuid: Uuid,
        deadline: Instant,
    ) -> Result<MutexGuard<'a, State>> {
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(self.still_in_use(uuid));
        }
        let waited = self.shared.changed.wait_timeout(state, left);
        Ok(waited.unwrap_or_else(PoisonError::into_inner).0)
    }

    fn wait_closed(&self, uuid: Uuid, closing: &EnvClosingEvent) -> Result<()> {
        match closing.wait_timeout(self.shared.max_wait) {
            true => Ok(()),
            false => Err(self.still_in_use(uuid)),
        }
    }

    fn still_in_use(&self, uuid: Uuid) -> Error {
        Error::IndexStillInUse { uuid, waited_seconds: self.shared.max_wait.as_secs() }
    }
}

#[cfg(test)]
mod tests;
