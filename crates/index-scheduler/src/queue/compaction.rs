//! Compaction of the queue (tasks.md 21): a copy without free pages takes the place of its file. The
//! process goes on with the old file, for reading only, until it is restarted.

use std::path::Path;

use super::Queue;
use crate::compacted_copy::{self, CompactedCopy, DATA_FILE};
use crate::error::{Error, Result};
use crate::space::Space;

/// What a compaction of the queue came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct QueueCompaction {
    /// Bytes of the file before.
    pub size_before: u64,
    /// Bytes of the file from the restart on.
    pub size_after: u64,
}

impl Queue {
    /// Compacts the queue, unless that was done since the start of the server. Nobody writes meanwhile,
    /// and after a success nobody does any more: whoever tries gets [`Error::QueueRetired`].
    pub(crate) fn compact(&self, space: &Space) -> Result<QueueCompaction> {
        let wtxn = self.env.write_txn()?;
        let directory = self.env.path();
        let data = directory.join(DATA_FILE);
        let size_before = size(&data)?;
        space.require(directory, self.used_bytes()?, "compacting the task queue")?;
        let mut copy = CompactedCopy::create(directory)?;
        copy.fill(&self.env)?;
        copy.sync()?;
        copy.replace_data_file(directory)?;
        self.env.retire(wtxn);
        if let Err(error) = compacted_copy::settle(directory) {
            // At worst a power cut brings the old file back, which holds the same.
            tracing::warn!("{error}");
        }
        Ok(QueueCompaction { size_before, size_after: size(&data)? })
    }
}

fn size(path: &Path) -> Result<u64> {
    Ok(std::fs::metadata(path).map_err(Error::io("examine", path))?.len())
}
