//! How much address space the queue and the open indexes may map (storage-instance.md, section 11).

use std::num::NonZeroUsize;
use std::path::Path;

use heed::EnvOpenOptions;

/// Map size of the queue, in bytes.
const QUEUE_MAP_BYTES: usize = 20 << 30;
/// Map size that an index starts with, in bytes.
const INDEX_MAP_BYTES: usize = 2 << 40;
/// Environments kept open at most.
const MAX_OPEN_INDEXES: usize = 20;
/// The address space that is asked for first, in bytes.
const FIRST_PROBE_BYTES: usize = 80 << 40;
/// Below this the search for a possible size ends, in bytes.
const SMALLEST_PROBE_BYTES: usize = 1 << 20;
/// Common multiple of the page sizes of the systems that we run on, in bytes.
const PAGE_BYTES: usize = 64 << 10;

/// Sizes of the maps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Budget {
    /// Map size of the queue, in bytes.
    pub(crate) queue_map_size: usize,
    /// Map size that an index starts with, in bytes.
    pub(crate) index_map_size: usize,
    /// Environments kept open at most.
    pub(crate) max_open_indexes: NonZeroUsize,
}

impl Budget {
    /// Tries how much address space the system grants, by opening the environment of the queue,
    /// which must not be open yet, in the existing directory `tasks_dir`.
    pub(crate) fn measure(tasks_dir: &Path) -> Budget {
        Budget::of(largest_map(|map_size| can_map(tasks_dir, map_size)))
    }

    /// Divides that many bytes of address space; half of it is left to everything else.
    fn of(address_space: usize) -> Budget {
        let half = address_space / 2;
        let queue_map_size =
            if QUEUE_MAP_BYTES > half / 2 { whole_pages(half / 5 * 2) } else { QUEUE_MAP_BYTES };
        let left = half - queue_map_size;
        match NonZeroUsize::new((left / INDEX_MAP_BYTES).saturating_sub(1)) {
            Some(open) => Budget {
                queue_map_size,
                index_map_size: INDEX_MAP_BYTES,
                max_open_indexes: open.min(NonZeroUsize::MIN.saturating_add(MAX_OPEN_INDEXES - 1)),
            },
            None => Budget {
                queue_map_size,
                index_map_size: whole_pages(left / 5 * 2),
                max_open_indexes: NonZeroUsize::MIN,
            },
        }
    }
}

fn whole_pages(bytes: usize) -> usize {
    bytes - bytes % PAGE_BYTES
}

/// The largest size that works, 80 TiB at most, by doubling or halving and then bisecting.
fn largest_map(works: impl Fn(usize) -> bool) -> usize {
    if works(FIRST_PROBE_BYTES) {
        return FIRST_PROBE_BYTES;
    }
    let mut bad = FIRST_PROBE_BYTES;
    let mut good = FIRST_PROBE_BYTES / 2;
    while !works(good) {
        bad = good;
        good /= 2;
        if good < SMALLEST_PROBE_BYTES {
            return SMALLEST_PROBE_BYTES;
        }
    }
    loop {
        let middle = whole_pages(good + (bad - good) / 2);
        if middle <= good {
            return good;
        }
        if works(middle) { good = middle } else { bad = middle }
    }
}

fn can_map(dir: &Path, map_size: usize) -> bool {
    let mut options = EnvOpenOptions::new().read_txn_without_tls();
    options.map_size(map_size);
    // SAFETY: nobody else has the environment open yet, and it is closed again at once.
    #[allow(unsafe_code, reason = "heed asks the caller to vouch for the mapped file")]
    match unsafe { options.open(dir) } {
        Ok(env) => {
            env.prepare_for_closing().wait();
            true
        }
        Err(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ordinary_linux() {
        let budget = Budget::of(FIRST_PROBE_BYTES);
        assert_eq!(budget.queue_map_size, 21_474_836_480);
        assert_eq!(budget.index_map_size, 2_199_023_255_552);
        assert_eq!(budget.max_open_indexes.get(), 18);
    }

    #[test]
    fn tight_address_space_still_works() {
        let budget = Budget::of(100 << 30);
        assert_eq!(budget.queue_map_size, 20 << 30);
        assert_eq!(budget.max_open_indexes.get(), 1);
        assert_eq!(budget.index_map_size, whole_pages((30 << 30) / 5 * 2));
        assert!(Budget::of(40 << 30).queue_map_size < QUEUE_MAP_BYTES);
    }

    #[test]
    fn the_search_finds_the_limit() {
        for limit in [1 << 21, 3 << 30, (7 << 40) + (5 << 20), FIRST_PROBE_BYTES - PAGE_BYTES] {
            assert_eq!(largest_map(|size| size <= limit), limit);
        }
    }
}
