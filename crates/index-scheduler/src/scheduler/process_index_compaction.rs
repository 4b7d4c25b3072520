//! Compaction of an index (tasks.md 11, storage-instance.md 11): a copy without free pages takes the
//! place of the index's file. It runs on the main lane, so nothing writes to the index meanwhile;
//! searches go on, on the old file, and those that come while it is closed wait.
//!
//! The copy is complete and synced before it gets the name of the file, so a crash at any step leaves
//! one of the two, and at worst a copy that the next run overwrites or the cancelation removes.

use std::path::Path;

use meilisearch_types::sizes::ByteSize;
use meilisearch_types::tasks::{Details, KindWithContent, Status, Task};

use crate::Shared;
use crate::compacted_copy::{self, CompactedCopy, DATA_FILE};
use crate::error::{Error, Result};
use crate::index_mapper::Effect;
use crate::processing::{IndexCompactionProgress as Step, RunningBatch};
use crate::queue::commit::Outcome;
use crate::testing::Fault;

/// Compacts the index of a task.
pub(super) fn run(shared: &Shared, running: &RunningBatch, mut task: Task) -> Result<Outcome> {
    let KindWithContent::IndexCompaction { index_uid: uid } = &task.kind else {
        let error = format!("task {} is not the compaction of an index", task.uid);
        return Err(Error::CorruptedQueue(error));
    };
    running.progress.update(Step::RetrieveTheIndex);
    let pin = shared.mapper.pin(uid)?;
    let (uuid, directory) = (pin.uuid(), pin.index().path().to_path_buf());
    let size_before = file_size(&directory.join(DATA_FILE))?;
    let used = shared.mapper.compute_stats(uid, pin.index())?.used_database_size;
    shared.space.require(&directory, used, "compacting an index")?;

    running.progress.update(Step::CreateTemporaryFile);
    let mut copy = CompactedCopy::create(&directory)?;
    running.progress.update(Step::CopyAndCompactTheIndex);
    copy.fill(pin.index().env()).map_err(|error| Error::index(uid)(error.into()))?;
    running.progress.update(Step::PersistTheCompactedIndex);
    copy.sync()?;

    running.progress.update(Step::CloseTheIndex);
    drop(pin);
    let index = shared.mapper.reopen(uid, uuid, || {
        shared.faults.hit(Fault::BeforeIndexCommit)?;
        copy.replace_data_file(&directory)?;
        compacted_copy::settle(&directory)?;
        shared.faults.hit(Fault::AfterIndexCommit)?;
        running.progress.update(Step::ReopenTheIndex);
        Ok(())
    })?;

    let stats = shared.mapper.compute_stats(uid, &index);
    let size_after = stats.as_ref().map_or(0, |stats| stats.database_size);
    if let Some(Details::IndexCompaction { pre_compaction_size, post_compaction_size, .. }) =
        &mut task.details
    {
        *pre_compaction_size = Some(ByteSize(size_before));
        *post_compaction_size = Some(ByteSize(size_after));
    }
    let mut effects = Vec::new();
    match stats {
        Ok(stats) => effects.push(Effect::Stats { uuid, stats: Box::new(stats) }),
        // The file is compacted, so the task succeeded.
        Err(error) => tracing::error!("statistics stay as they were: {error}"),
    }
    task.status = Status::Succeeded;
    Ok(Outcome { finished: vec![task], effects, ..Outcome::default() })
}

/// Removes the copy that a killed run of a compaction left, which is being canceled.
pub(super) fn discard(shared: &Shared, task: &Task) -> Result<()> {
    let KindWithContent::IndexCompaction { index_uid: uid } = &task.kind else { return Ok(()) };
    let rtxn = shared.queue.read_txn()?;
    let Some(directory) = shared.mapper.directory(&rtxn, uid)? else { return Ok(()) };
    compacted_copy::remove_left_over(&directory)
}

fn file_size(path: &Path) -> Result<u64> {
    Ok(std::fs::metadata(path).map_err(Error::io("examine", path))?.len())
}
