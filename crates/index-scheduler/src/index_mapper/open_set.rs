//! The open environments, by UUID: at most so many in least-recently-used order, the pinned ones
//! apart from them, and those that are closing.
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
    recent: LruCache<Uuid, Index>,
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
            recent: LruCache::new(capacity),
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
mod tests {
    use std::path::Path;

    use super::*;

    const OPTIONS: milli::OpenOptions =
        milli::OpenOptions { map_size: 1 << 26, max_readers: 16, write_map: false };

    struct Dir(tempfile::TempDir);

    impl Dir {
        fn new() -> Dir {
            Dir(tempfile::tempdir().unwrap())
        }

        fn open(&self, uuid: Uuid) -> impl FnOnce(Option<usize>) -> Result<Index> + use<> {
            let dir = self.0.path().join(uuid.to_string());
            move |map_size| create(&dir, map_size)
        }
    }

    fn create(dir: &Path, map_size: Option<usize>) -> Result<Index> {
        std::fs::create_dir_all(dir).unwrap();
        let now = time::OffsetDateTime::now_utc();
        let options =
            milli::OpenOptions { map_size: map_size.unwrap_or(OPTIONS.map_size), ..OPTIONS };
        Index::create(dir, &options, now, now).map_err(Error::index("test"))
    }

    fn set(capacity: usize) -> OpenSet {
        OpenSet::with_max_wait(NonZeroUsize::new(capacity).unwrap(), Duration::from_millis(50))
    }

    fn never(_: Option<usize>) -> Result<Index> {
        panic!("must be found open")
    }

    #[test]
    fn the_least_recently_used_is_closed() {
        let (dir, set) = (Dir::new(), set(2));
        let [a, b, c] = [Uuid::from_u128(1), Uuid::from_u128(2), Uuid::from_u128(3)];
        set.get(a, dir.open(a)).unwrap();
        set.get(b, dir.open(b)).unwrap();
        set.get(a, never).unwrap();
        set.get(c, dir.open(c)).unwrap();
        set.get(a, never).unwrap();
        set.get(c, never).unwrap();
        let mut opened_again = false;
        let open = dir.open(b);
        set.get(b, |size| {
            opened_again = true;
            open(size)
        })
        .unwrap();
        assert!(opened_again);
    }

    #[test]
    fn a_handle_in_use_delays_opening_again_but_not_for_ever() {
        let (dir, set) = (Dir::new(), set(1));
        let [a, b] = [Uuid::from_u128(1), Uuid::from_u128(2)];
        let held = set.get(a, dir.open(a)).unwrap();
        set.get(b, dir.open(b)).unwrap();
        let error = set.get(a, dir.open(a)).err().unwrap();
        assert!(matches!(error, Error::IndexStillInUse { uuid, .. } if uuid == a), "{error}");
        drop(held);
        set.get(a, dir.open(a)).unwrap();
    }

    #[test]
    fn a_pinned_index_is_neither_evicted_nor_counted() {
        let (dir, set) = (Dir::new(), set(1));
        let [a, b, c] = [Uuid::from_u128(1), Uuid::from_u128(2), Uuid::from_u128(3)];
        let first = set.pin(a, dir.open(a)).unwrap();
        let second = set.pin(a, never).unwrap();
        set.get(b, dir.open(b)).unwrap();
        set.get(c, dir.open(c)).unwrap();
        drop(first);
        set.get(a, never).unwrap();
        set.get(c, never).unwrap();
        drop(second);
        set.get(a, never).unwrap();
        set.get(c, dir.open(c)).unwrap();
    }

    #[test]
    fn resizing_waits_for_pins_and_reopens_larger() {
        let (dir, set) = (Dir::new(), set(4));
        let a = Uuid::from_u128(1);
        let pin = set.pin(a, dir.open(a)).unwrap();
        assert!(matches!(set.resize(a, 1 << 27), Err(Error::IndexStillInUse { .. })));
        assert_eq!(pin.index().map_size(), 1 << 26);
        drop(pin);
        set.resize(a, 1 << 27).unwrap();
        assert_eq!(set.get(a, dir.open(a)).unwrap().map_size(), 1 << 27);
    }

    #[test]
    fn files_are_changed_only_while_nothing_has_them_open() {
        let (dir, set) = (Dir::new(), set(4));
        let a = Uuid::from_u128(1);
        let pin = set.pin(a, dir.open(a)).unwrap();
        let in_use = |error: Option<Error>| matches!(error, Some(Error::IndexStillInUse { .. }));
        assert!(in_use(set.reopen(a, || panic!("pinned"), never).err()));
        let handle = pin.index().clone();
        drop(pin);
        assert!(in_use(set.reopen(a, || panic!("held"), never).err()));
        assert!(handle.read_txn().is_ok());
        drop(handle);
        let changed = std::cell::Cell::new(false);
        let change = || {
            assert!(set.shared.lock().find(a).is_none());
            changed.set(true);
            Ok(())
        };
        set.reopen(a, change, dir.open(a)).unwrap();
        assert!(changed.get());
        set.get(a, never).unwrap();

        let failed = set.reopen(a, || Err(Error::Aborted), never);
        assert!(matches!(failed, Err(Error::Aborted)));
        set.get(a, dir.open(a)).unwrap();
    }

    #[test]
    fn a_forbidden_index_is_gone_once_its_last_handle_is() {
        let (dir, set) = (Dir::new(), set(4));
        let a = Uuid::from_u128(1);
        let pin = set.pin(a, dir.open(a)).unwrap();
        set.forbid(a);
        assert!(matches!(set.get(a, never), Err(Error::IndexBeingDeleted(_))));
        assert!(set.wait_gone(a).is_err());
        let handle = pin.index().clone();
        drop(pin);
        assert!(set.wait_gone(a).is_err());
        drop(handle);
        set.wait_gone(a).unwrap();
    }

    #[test]
    fn many_threads_open_an_index_once() {
        let (dir, set) = (Dir::new(), OpenSet::new(NonZeroUsize::new(4).unwrap()));
        let a = Uuid::from_u128(1);
        let opened = std::sync::atomic::AtomicUsize::new(0);
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    let open = dir.open(a);
                    set.get(a, |size| {
                        opened.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                        open(size)
                    })
                    .unwrap();
                });
            }
        });
        assert_eq!(opened.into_inner(), 1);
    }

    #[test]
    fn look_ups_pins_and_evictions_at_once() {
        let (dir, set) = (Dir::new(), OpenSet::new(NonZeroUsize::new(2).unwrap()));
        let uuids: Vec<_> = (0..5).map(Uuid::from_u128).collect();
        std::thread::scope(|scope| {
            for thread in 0..6_usize {
                let (dir, set, uuids) = (&dir, &set, &uuids);
                scope.spawn(move || {
                    for round in 0..60_usize {
                        let uuid = uuids[(round * (thread + 1)) % uuids.len()];
                        if round % 7 == thread {
                            let pin = set.pin(uuid, dir.open(uuid)).unwrap();
                            let found = set.get(uuid, never).unwrap();
                            assert_eq!(found.path(), pin.index().path());
                        } else if round % 13 == thread {
                            set.resize(uuid, (1 << 26) + (round << 16)).unwrap();
                        } else {
                            let index = set.get(uuid, dir.open(uuid)).unwrap();
                            assert!(index.read_txn().is_ok());
                        }
                    }
                });
            }
        });
        let state = set.shared.lock();
        assert!(state.recent.len() <= 2 && state.pinned.is_empty() && state.opening.is_empty());
    }
}
