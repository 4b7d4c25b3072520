//! Compaction of an index (tasks.md 11, storage-instance.md 11): a copy without free pages takes the
//! place of the index's file. It runs on the main lane, so nothing writes to the index meanwhile;
//! searches go on, on the old file, and those that come while it is closed wait.
//!
//! The copy is complete and synced before it gets the name of the file, so a crash at any step leaves
//! one of the two, and at worst a copy that the next run overwrites or the cancelation removes.

use std::fs::{File, OpenOptions};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use heed::CompactionOption;
use index_snapshot::sync_directory;
use meilisearch_types::sizes::ByteSize;
use meilisearch_types::tasks::{Details, KindWithContent, Status, Task};
use tempfile::TempPath;

use crate::Shared;
use crate::error::{Error, Result};
use crate::index_mapper::Effect;
use crate::processing::{IndexCompactionProgress as Step, RunningBatch};
use crate::queue::commit::Outcome;
use crate::testing::Fault;

const DATA_FILE: &str = "data.mdb";
const LOCK_FILE: &str = "lock.mdb";
/// The copy as long as it is not the index's file.
const COPY_FILE: &str = "data.mdb.cpy";

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
    let mut copy = Copy::create(&directory)?;
    running.progress.update(Step::CopyAndCompactTheIndex);
    pin.index()
        .env()
        .copy_to_file(&mut copy.file, CompactionOption::Enabled)
        .map_err(|error| Error::index(uid)(error.into()))?;
    running.progress.update(Step::PersistTheCompactedIndex);
    copy.sync()?;

    running.progress.update(Step::CloseTheIndex);
    drop(pin);
    let index = shared.mapper.reopen(uid, uuid, || {
        shared.faults.hit(Fault::BeforeIndexCommit)?;
        copy.replace_data_file(&directory)?;
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
    remove_if_there(directory.join(COPY_FILE))
}

/// A copy of an index's file in its directory; removed when dropped, unless it replaced the file.
struct Copy {
    file: File,
    path: TempPath,
}

impl Copy {
    /// Creates it, readable for nobody else, like every file of an environment.
    fn create(directory: &Path) -> Result<Copy> {
        let path = directory.join(COPY_FILE);
        let created = || {
            let file = OpenOptions::new()
                .write(true)
                .create(true)
                .truncate(true)
                .mode(0o600)
                .open(&path)?;
            Ok(Copy { file, path: TempPath::try_from_path(&path)? })
        };
        created().map_err(Error::io("create", &path))
    }

    fn sync(&self) -> Result<()> {
        self.file.sync_all().map_err(Error::io("sync", self.path.to_path_buf()))
    }

    /// Gives it the name of the index's file, which nothing may have open.
    fn replace_data_file(self, directory: &Path) -> Result<()> {
        let data = directory.join(DATA_FILE);
        self.path.persist(&data).map_err(|error| Error::io("replace", &data)(error.error))?;
        // Its transactions are counted from the start again, so the counters of the lock file, which
        // another process may keep alive, do not fit any more. LMDB makes a new one.
        remove_if_there(directory.join(LOCK_FILE))?;
        Ok(sync_directory(directory)?)
    }
}

fn remove_if_there(path: PathBuf) -> Result<()> {
    match std::fs::remove_file(&path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(Error::io("remove", path)(error))
        }
        _ => Ok(()),
    }
}

fn file_size(path: &Path) -> Result<u64> {
    Ok(std::fs::metadata(path).map_err(Error::io("examine", path))?.len())
}
