//! Room on the data volume (index-snapshots.md 6.1): what is free, less a reserve, and less what running
//! imports were promised and have not taken yet.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use index_snapshot::available_space;

use crate::error::Result;

/// Bytes of a block, as the system counts those of a file.
const BLOCK_BYTES: u64 = 512;
/// What [`is_full`] writes, and takes away again.
const PROBE_BYTES: u32 = 1 << 20;

/// What is promised on the data volume; clones share it.
#[derive(Clone, Default)]
pub(crate) struct Space {
    promises: Arc<Mutex<Promises>>,
}

#[derive(Default)]
struct Promises {
    next: u64,
    open: BTreeMap<u64, Promised>,
}

struct Promised {
    /// The file that will take the room.
    file: PathBuf,
    bytes: u64,
}

impl Promised {
    fn not_taken_yet(&self) -> u64 {
        let taken = fs::metadata(&self.file).map_or(0, |file| file.blocks() * BLOCK_BYTES);
        self.bytes.saturating_sub(taken)
    }
}

/// Room that nobody else is promised as long as this lives.
pub(crate) struct Promise {
    space: Space,
    number: u64,
}

impl Drop for Promise {
    fn drop(&mut self) {
        self.space.lock().open.remove(&self.number);
    }
}

impl Space {
    /// Refuses what does not fit on the data volume, in which `directory` lies, with both numbers. `doing`
    /// begins the sentence, e.g. "compacting an index".
    pub(crate) fn require(&self, directory: &Path, bytes: u64, doing: &str) -> Result<()> {
        self.lock().require(directory, bytes, doing)
    }

    /// As [`Space::require`], for a file that is about to be written in `directory`; what it has not taken
    /// yet stays promised to it.
    pub(crate) fn promise(
        &self,
        directory: &Path,
        file_name: &str,
        bytes: u64,
        doing: &str,
    ) -> Result<Promise> {
        let mut promises = self.lock();
        promises.require(directory, bytes, doing)?;
        let number = promises.next;
        promises.next += 1;
        promises.open.insert(number, Promised { file: directory.join(file_name), bytes });
        Ok(Promise { space: self.clone(), number })
    }

    fn lock(&self) -> MutexGuard<'_, Promises> {
        // Every change leaves the map whole, so a panic elsewhere cannot have broken it.
        self.promises.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Promises {
    fn require(&self, directory: &Path, bytes: u64, doing: &str) -> Result<()> {
        // First what is promised: bytes that are written in between count twice rather than not at all.
        let promised: u64 = self.open.values().map(Promised::not_taken_yet).sum();
        let available = available_space(directory)?;
        if bytes <= available.saturating_sub(promised) {
            return Ok(());
        }
        let others = match promised {
            0 => String::new(),
            _ => format!(", {promised} of them kept for other imports that are running"),
        };
        let doing = format!(
            "{doing}: it takes {bytes} bytes, and only {available} may be used in `{}`{others}",
            directory.display()
        );
        Err(index_snapshot::Error::NoSpace { doing }.into())
    }
}

/// Whether the disk or the quota of a directory is full, as far as writing [`PROBE_BYTES`] can tell.
///
/// LMDB reports a write that the disk cut short as any other failure of the disk (EIO). Counting free blocks
/// would not tell of quotas, nor of blocks that are kept for the superuser; a write meets them all.
pub(crate) fn is_full(directory: &Path) -> bool {
    let probe = || {
        // No two blocks are equal, so that a file system that compresses needs all of them.
        let bytes: Vec<u8> = (0..PROBE_BYTES / 4)
            .flat_map(|i: u32| i.wrapping_mul(0x9e37_79b1).to_le_bytes())
            .collect();
        let mut file = tempfile::tempfile_in(directory)?;
        file.write_all(&bytes)?;
        file.sync_data()
    };
    match probe() {
        Ok(()) => false,
        Err(error) => {
            matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
        }
    }
}

#[cfg(test)]
mod tests {
    use meilisearch_types::error::{Code, ErrorCode};

    use super::*;

    #[test]
    fn a_disk_with_room_is_not_full() {
        let dir = tempfile::tempdir().unwrap();
        assert!(!is_full(dir.path()));
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
        assert!(!is_full(&dir.path().join("missing")), "that fails for another reason");
    }

    #[test]
    fn what_is_promised_counts_until_it_is_taken() {
        let dir = tempfile::tempdir().unwrap();
        let space = Space::default();
        // Other processes use the disk at the same time: compare with wide margins.
        let available = available_space(dir.path()).unwrap();
        let half = available / 2;
        let doing = "importing";
        space.require(dir.path(), half + half / 2, doing).unwrap();
        let promise = space.promise(dir.path(), "data.mdb", half, doing).unwrap();
        space.require(dir.path(), half / 2, doing).unwrap();
        let refused = space.require(dir.path(), half + half / 2, doing).unwrap_err();
        assert_eq!(refused.error_code(), Code::NoSpaceLeftOnDevice);
        let text = refused.to_string();
        assert!(text.contains(&format!("{half} of them kept")), "{text}");
        assert!(space.promise(dir.path(), "other.mdb", half + half / 2, doing).is_err());

        let taken = 1 << 20;
        fs::write(dir.path().join("data.mdb"), vec![1; taken as usize]).unwrap();
        let left: u64 = space.lock().open.values().map(Promised::not_taken_yet).sum();
        assert!(left <= half - taken, "{left} of {half}");
        drop(promise);
        space.require(dir.path(), half + half / 2, doing).unwrap();
    }
}
