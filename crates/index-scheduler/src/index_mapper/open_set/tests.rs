//! Look-ups, pins, evictions and closing, with real environments.

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
    let options = milli::OpenOptions { map_size: map_size.unwrap_or(OPTIONS.map_size), ..OPTIONS };
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
fn what_is_open_apart_from_the_set_takes_places_in_it() {
    let (dir, set) = (Dir::new(), set(3));
    let uuids = [1, 2, 3].map(Uuid::from_u128);
    let open = |set: &OpenSet| {
        let state = set.shared.lock();
        uuids.map(|uuid| state.recent.contains(&uuid))
    };
    for uuid in uuids {
        set.get(uuid, dir.open(uuid)).unwrap();
    }
    let first = set.make_room(&|| false).unwrap();
    assert_eq!(open(&set), [false, true, true], "the least recent one made room");
    set.get(uuids[0], dir.open(uuids[0])).unwrap();
    assert_eq!(open(&set), [true, false, true]);
    let second = set.make_room(&|| false).unwrap();
    assert_eq!(open(&set), [true, false, false]);
    assert!(matches!(set.make_room(&|| true), Err(Error::Aborted)), "the set keeps one");
    drop(first);
    let third = set.make_room(&|| true).unwrap();
    drop((second, third));
    for uuid in uuids {
        set.get(uuid, dir.open(uuid)).unwrap();
    }
    assert_eq!(open(&set), [true; 3]);
}

#[test]
fn a_set_of_one_leaves_room_for_one_at_a_time() {
    let (dir, set) = (Dir::new(), set(1));
    let a = Uuid::from_u128(1);
    set.get(a, dir.open(a)).unwrap();
    let room = set.make_room(&|| false).unwrap();
    set.get(a, never).unwrap();
    assert!(set.make_room(&|| true).is_err());
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| set.make_room(&|| false).map(drop));
        drop(room);
        waiting.join().unwrap().unwrap();
    });
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
