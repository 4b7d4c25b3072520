//! A snapshot of the whole instance (tasks.md 18, storage-instance.md 12): the queue, the payloads of what is
//! enqueued, every index and the keys, in one archive. All snapshot tasks that are enqueued are satisfied by
//! one.
//!
//! It runs on the main lane, so no index changes meanwhile. Beside it, requests are registered, tasks canceled,
//! and an import of an index may be committed; what the copied queue names stays on disk until it ends
//! (`Shared::delete_payloads`, `Applied::committed`). Everything but the queue goes straight into the archive.
//! The queue is copied to the snapshot directory first, because a restored instance must not find the snapshot
//! tasks themselves.

use std::fs::{self, File, OpenOptions};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;

use heed::{BytesDecode, BytesEncode, CompactionOption, RwTxn};
use index_snapshot::{ReplacementFile, Tarball, write_tarball};
use meilisearch_types::progress::{AtomicStep, NamedStep};
use meilisearch_types::tasks::{Status, Task};
use roaring::RoaringBitmap;
use uuid::Uuid;

use crate::error::{Error, Result};
use crate::processing::{RunningBatch, SnapshotCreationProgress as Step};
use crate::queue::commit::Outcome;
use crate::queue::tables::{Postings, Tables, open_env};
use crate::testing::Fault;
use crate::{Options, Shared};

/// Threads that compress, at most.
const MAX_COMPRESSION_THREADS: usize = 8;
/// Name of the data directory where it has none that is text.
const DEFAULT_NAME: &str = "data.ms";
const DATA_FILE: &str = "data.mdb";
const VERSION_FILE: &str = "VERSION";

/// Makes the snapshot that the tasks ask for.
pub(super) fn run(
    shared: &Shared,
    running: &RunningBatch,
    mut tasks: Vec<Task>,
) -> Result<Outcome> {
    let snapshot = Snapshot { shared, running, tasks: &tasks };
    snapshot.create()?;
    for task in &mut tasks {
        task.status = Status::Succeeded;
    }
    Ok(Outcome { finished: tasks, ..Outcome::default() })
}

/// Start-up: removes what a killed server left half done.
pub(crate) fn clean_up(options: &Options) {
    let name = file_name(&options.db_path);
    let directory = &options.snapshots_path;
    if !ReplacementFile::is_in_the_making(directory, &name)
        && !queue_directory(directory, &name).exists()
    {
        return;
    }
    // Held while another server makes a snapshot of the same name.
    let cleaned = ReplacementFile::create(directory, &name)
        .map_err(Error::from)
        .and_then(|_held| QueueDirectory::remove(&queue_directory(directory, &name)));
    if let Err(error) = cleaned {
        tracing::warn!("left-overs of a snapshot are kept: {error}");
    }
}

/// Name of the archive of a data directory.
fn file_name(db_path: &Path) -> String {
    let name = db_path.file_name().and_then(|name| name.to_str()).unwrap_or(DEFAULT_NAME);
    format!("{name}.snapshot")
}

/// Where the copy of the queue lies while an archive is made.
fn queue_directory(snapshots_path: &Path, file_name: &str) -> PathBuf {
    snapshots_path.join(format!(".{file_name}.queue"))
}

struct Snapshot<'a> {
    shared: &'a Shared,
    running: &'a RunningBatch,
    tasks: &'a [Task],
}

/// What the copied queue says must be in the archive.
struct Contents {
    payloads: Vec<Uuid>,
    /// Uid and UUID of every index, reserved ones included.
    indexes: Vec<(String, Uuid)>,
}

impl Snapshot<'_> {
    fn create(&self) -> Result<()> {
        self.enter(Step::StartTheSnapshotCreation)?;
        let options = &self.shared.options;
        let name = file_name(&options.db_path);
        let archive = ReplacementFile::create(&options.snapshots_path, &name)?;
        let threads = std::thread::available_parallelism()
            .map_or(1, |cores| cores.get().min(MAX_COMPRESSION_THREADS));
        let modified = self.running.batch.started_at.unix_timestamp().try_into().unwrap_or(0);
        let must_stop = || self.running.cancel.is_raised();
        write_tarball(archive.file(), threads, modified, &must_stop, |tar| {
            tar.directory("./")?;
            let version = options.db_path.join(VERSION_FILE);
            tar.bytes(VERSION_FILE, &fs::read(&version).map_err(Error::io("read", &version))?)?;
            let contents = self.add_queue(tar, &queue_directory(&options.snapshots_path, &name))?;
            self.add_payloads(tar, &contents.payloads)?;
            self.add_indexes(tar, &contents.indexes)?;
            self.enter(Step::SnapshotTheApiKeys)?;
            tar.directory("auth")?;
            tar.environment(&format!("auth/{DATA_FILE}"), &options.auth_env)?;
            self.enter(Step::CreateTheTarball)
        })?;
        self.pass(Fault::BeforePublishInstanceSnapshot)?;
        Ok(archive.publish()?)
    }

    fn add_queue(&self, tar: &mut Tarball<'_, '_>, directory: &Path) -> Result<Contents> {
        self.enter(Step::SnapshotTheIndexScheduler)?;
        let copy = QueueDirectory::create(directory)?;
        copy.fill(self.shared)?;
        let contents = copy.edit(self.shared, self.tasks)?;
        tar.directory("tasks")?;
        let data = copy.path.join(DATA_FILE);
        tar.file(
            &format!("tasks/{DATA_FILE}"),
            File::open(&data).map_err(Error::io("open", &data))?,
        )?;
        Ok(contents)
    }

    fn add_payloads(&self, tar: &mut Tarball<'_, '_>, payloads: &[Uuid]) -> Result<()> {
        self.enter(Step::SnapshotTheUpdateFiles)?;
        tar.directory("update_files")?;
        let (counter, step) = AtomicStep::new("update file", payloads.len() as u32);
        self.running.progress.update(step);
        for uuid in payloads {
            match self.shared.file_store.get(*uuid) {
                Ok(payload) => tar.file(&format!("update_files/{uuid}"), payload)?,
                // Its task will fail here and there alike.
                Err(error) if is_missing(&error) => tracing::warn!("left out: {error}"),
                Err(error) => return Err(error.into()),
            }
            counter.fetch_add(1, Ordering::Relaxed);
        }
        Ok(())
    }

    fn add_indexes(&self, tar: &mut Tarball<'_, '_>, indexes: &[(String, Uuid)]) -> Result<()> {
        self.enter(Step::SnapshotTheIndexes)?;
        if !indexes.is_empty() {
            tar.directory("indexes")?;
        }
        for (number, (uid, uuid)) in (0..).zip(indexes) {
            let step = NamedStep::<Uuid>::new(uid, number, indexes.len() as u32);
            self.running.progress.update(step);
            self.pass(Fault::WhileCopying)?;
            let pinned = self.shared.mapper.pin_as_seen(uid, *uuid)?;
            tar.directory(&format!("indexes/{uuid}"))?;
            tar.environment(&format!("indexes/{uuid}/{DATA_FILE}"), pinned.index().env())?;
        }
        Ok(())
    }

    fn enter(&self, step: Step) -> Result<()> {
        self.running.progress.update(step);
        self.pass(step.into())
    }

    fn pass(&self, fault: Fault) -> Result<()> {
        self.shared.faults.hit(fault)?;
        if self.running.cancel.is_raised() { Err(Error::Aborted) } else { Ok(()) }
    }
}

fn is_missing(error: &file_store::Error) -> bool {
    error.io_error().is_some_and(|error| error.kind() == std::io::ErrorKind::NotFound)
}

/// The directory that holds the copy of the queue; removed when dropped. Only who holds the hidden file of the
/// archive may make one.
struct QueueDirectory {
    path: PathBuf,
}

impl QueueDirectory {
    fn create(path: &Path) -> Result<QueueDirectory> {
        QueueDirectory::remove(path)?;
        fs::create_dir(path).map_err(Error::io("create", path))?;
        Ok(QueueDirectory { path: path.to_path_buf() })
    }

    fn remove(path: &Path) -> Result<()> {
        match fs::remove_dir_all(path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                Err(Error::io("remove", path)(error))
            }
            _ => Ok(()),
        }
    }

    fn fill(&self, shared: &Shared) -> Result<()> {
        let data = self.path.join(DATA_FILE);
        let created = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&data);
        let mut file = created.map_err(Error::io("create", &data))?;
        Ok(shared.queue.env().copy_to_file(&mut file, CompactionOption::Enabled)?)
    }

    /// Takes the snapshot tasks out of the copy, so that a restored instance does not run them again, and reads
    /// what else must be in the archive.
    fn edit(&self, shared: &Shared, tasks: &[Task]) -> Result<Contents> {
        let env = open_env(&self.path, shared.queue.env().info().map_size)?;
        let mut wtxn = env.write_txn()?;
        let tables = Tables::create(&env, &mut wtxn)?;
        forget(&tables, &mut wtxn, tasks)?;
        let mut payloads = Vec::new();
        for uid in tables.tasks.status.get(&wtxn, &Status::Enqueued.number())? {
            let task = tables.all_tasks.get(&wtxn, &uid)?;
            payloads.extend(task.and_then(|task| task.content_uuid()));
        }
        let indexes = tables
            .index_mapping
            .iter(&wtxn)?
            .map(|entry| entry.map(|(uid, uuid)| (uid.to_owned(), uuid)))
            .collect::<Result<_, _>>()?;
        wtxn.commit()?;
        let closing = (*env).clone().prepare_for_closing();
        drop(env);
        closing.wait();
        Ok(Contents { payloads, indexes })
    }
}

impl Drop for QueueDirectory {
    fn drop(&mut self) {
        if let Err(error) = QueueDirectory::remove(&self.path) {
            tracing::warn!("the next snapshot will try again: {error}");
        }
    }
}

/// Removes tasks from the lists that every task is in. Emptied sets stay, as upstream leaves them here.
fn forget(tables: &Tables, wtxn: &mut RwTxn<'_>, tasks: &[Task]) -> Result<()> {
    let uids: RoaringBitmap = tasks.iter().map(|task| task.uid).collect();
    let inverted = &tables.tasks;
    take_out(inverted.status, wtxn, &Status::Enqueued.number(), &uids)?;
    for task in tasks {
        tables.all_tasks.delete(wtxn, &task.uid)?;
        take_out(inverted.kind, wtxn, &task.kind().number(), &uids)?;
        take_out(inverted.enqueued_at, wtxn, &task.enqueued_at, &uids)?;
        tables.canceled_by.database().delete(wtxn, &task.uid)?;
    }
    Ok(())
}

fn take_out<K, V, T>(
    postings: Postings<K, V>,
    wtxn: &mut RwTxn<'_>,
    key: &T,
    uids: &RoaringBitmap,
) -> Result<()>
where
    K: for<'a> BytesEncode<'a, EItem = T> + 'static,
    V: for<'a> BytesEncode<'a, EItem = RoaringBitmap>
        + for<'a> BytesDecode<'a, DItem = RoaringBitmap>
        + 'static,
{
    if let Some(before) = postings.database().get(wtxn, key)? {
        postings.database().put(wtxn, key, &(before - uids))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests;
