//! Creation of a dump (tasks.md 17, storage-instance.md 13). It runs on the main lane: no index changes
//! meanwhile but by an import of a snapshot, which comes or goes as a whole. The queue is read in one
//! transaction, the indexes one after the other.
//!
//! The archive grows under a hidden name and gets its own only when it is complete and synced. What is being
//! collected lies in nameless files beside it, so a kill leaves the hidden file at most, which the next
//! start removes.

use std::fs;
use std::io::{self, Write};
use std::path::Path;
use std::sync::atomic::Ordering;

use dump::{DumpedTask, IndexMetadata, Lines, Writer};
use heed::RoTxn;
use index_snapshot::{NewFile, SnapshotUid, remove_unlocked};
use meilisearch_types::progress::{AtomicStep, NamedStep};
use meilisearch_types::tasks::{Details, Kind, KindWithContent, Status, Task};
use meilisearch_types::webhooks::DumpedWebhooks;
use milli::document::OutgoingDocuments;
use serde_json::value::RawValue;
use time::OffsetDateTime;

use crate::Shared;
use crate::error::{Error, Result};
use crate::processing::{DumpCreationProgress as Step, RunningBatch};
use crate::queue::commit::Outcome;
use crate::testing::Fault;

const SUFFIX: &str = ".dump";
/// Kinds of tasks that dumps leave out, with their batches (index-snapshots.md 4.1).
const LEFT_OUT: [Kind; 2] = [Kind::SingleIndexSnapshotCreation, Kind::SingleIndexSnapshotImport];

/// Start-up: removes what a killed server left in the directory of dumps.
pub(crate) fn clean_up(directory: &Path) {
    let Ok(entries) = fs::read_dir(directory) else { return };
    for entry in entries.flatten() {
        let name = entry.file_name();
        let name = name.to_string_lossy();
        let dump = name.strip_prefix('.').and_then(|name| name.strip_suffix(".part"));
        let uid = dump.and_then(|name| name.strip_suffix(SUFFIX)).and_then(SnapshotUid::parse);
        if uid.is_some() {
            match remove_unlocked(&entry.path()) {
                Ok(true) => tracing::info!("removed the unfinished dump `{name}`"),
                Ok(false) => {}
                Err(error) => tracing::warn!("cannot remove the unfinished dump `{name}`: {error}"),
            }
        }
    }
}

/// Makes the dump of a task.
pub(super) fn run(shared: &Shared, running: &RunningBatch, mut task: Task) -> Result<Outcome> {
    let KindWithContent::DumpCreation { keys, instance_uid } = &task.kind else {
        return Err(Error::CorruptedQueue(format!(
            "task {} is not the creation of a dump",
            task.uid
        )));
    };
    let creation = Creation { shared, running, task: &task };
    creation.enter(Step::StartTheDumpCreation)?;
    let directory = &shared.options.dumps_path;
    fs::create_dir_all(directory).map_err(Error::io("create", directory))?;
    let (uid, file) = new_file(directory, running.batch.started_at)?;
    let mut writer = Writer::new(file.file(), directory, running.batch.started_at)?;
    if let Some(uid) = instance_uid {
        writer.instance_uid(*uid)?;
    }
    creation.enter(Step::DumpTheApiKeys)?;
    writer.keys(keys)?;
    let index_names = creation.queue(&mut writer)?;
    creation.enter(Step::DumpTheIndexes)?;
    creation.indexes(&mut writer, &index_names)?;
    creation.enter(Step::DumpTheExperimentalFeatures)?;
    let rtxn = shared.queue.read_txn()?;
    writer.features(&shared.features.effective())?;
    writer.network(&shared.queue.network(&rtxn)?)?;
    creation.enter(Step::DumpTheWebhooks)?;
    writer.webhooks(&DumpedWebhooks { webhooks: shared.queue.webhooks(&rtxn)? })?;
    drop(rtxn);
    creation.enter(Step::CompressTheDump)?;
    writer.finish()?;
    file.publish().map_err(|error| file_error(directory, error))?;

    task.details = Some(Details::Dump { dump_uid: Some(uid.to_string()) });
    task.status = Status::Succeeded;
    Ok(Outcome { finished: vec![task], ..Outcome::default() })
}

/// The hidden file of a dump of that time; a later millisecond where the name is taken.
fn new_file(directory: &Path, time: OffsetDateTime) -> Result<(SnapshotUid, NewFile)> {
    let out_of_range = || Error::CorruptedQueue(format!("the clock says {time}"));
    let mut uid = SnapshotUid::from_time(time).ok_or_else(out_of_range)?;
    loop {
        match NewFile::create(directory, &format!("{uid}{SUFFIX}")) {
            Ok(file) => return Ok((uid, file)),
            Err(index_snapshot::Error::AlreadyExists { .. }) => {
                uid = uid.next().ok_or_else(out_of_range)?;
            }
            Err(error) => return Err(file_error(directory, error)),
        }
    }
}

/// The errors of files in the making, without talk of snapshots.
fn file_error(directory: &Path, error: index_snapshot::Error) -> Error {
    let source = match error {
        index_snapshot::Error::DirectoryUnwritable { source, .. }
        | index_snapshot::Error::Io { source, .. } => source,
        index_snapshot::Error::NoSpace { .. } => io::ErrorKind::StorageFull.into(),
        error => io::Error::other(error),
    };
    Error::io("write a dump to", directory)(source)
}

struct Creation<'a> {
    shared: &'a Shared,
    running: &'a RunningBatch,
    task: &'a Task,
}

impl Creation<'_> {
    /// Begins a step, unless the batch is canceled.
    fn enter(&self, step: Step) -> Result<()> {
        self.running.progress.update(step);
        self.shared.faults.hit(Fault::Dump(step))?;
        self.check_stop()
    }

    fn check_stop(&self) -> Result<()> {
        if self.running.cancel.is_raised() { Err(Error::Aborted) } else { Ok(()) }
    }

    /// Writes what the queue holds as one moment shows it; gives the uids of all indexes at that moment.
    fn queue<W: Write>(&self, writer: &mut Writer<W>) -> Result<Vec<String>> {
        let queue = &self.shared.queue;
        let rtxn = queue.read_txn()?;
        self.enter(Step::DumpTheChatCompletionSettings)?;
        for (workspace, settings) in queue.chat_settings(&rtxn)? {
            writer.chat_settings(&workspace, &settings)?;
        }
        self.enter(Step::DumpTheTasks)?;
        self.tasks(writer, &rtxn)?;
        self.enter(Step::DumpTheBatches)?;
        self.batches(writer, &rtxn)?;
        self.shared.mapper.all_names(&rtxn)
    }

    fn tasks<W: Write>(&self, writer: &mut Writer<W>, rtxn: &RoTxn<'_>) -> Result<()> {
        let tasks = self.shared.queue.tables().all_tasks;
        let (counter, step) = AtomicStep::new("task", tasks.len(rtxn)? as u32);
        self.running.progress.update(step);
        let mut lines = writer.lines()?;
        for entry in tasks.iter(rtxn)? {
            self.check_stop()?;
            let (uid, mut task) = entry?;
            if uid == self.task.uid {
                task.status = Status::Succeeded;
                task.started_at = Some(self.running.batch.started_at);
                task.finished_at = Some(OffsetDateTime::now_utc());
            }
            self.payload(writer, &task)?;
            if let Some(task) = DumpedTask::from_task(task) {
                lines.push(&task)?;
            }
            counter.fetch_add(1, Ordering::Relaxed);
        }
        Ok(writer.tasks(lines)?)
    }

    /// Writes the documents that an enqueued task imports. Its file stays as long as this batch runs, also
    /// when the task is canceled meanwhile.
    fn payload<W: Write>(&self, writer: &mut Writer<W>, task: &Task) -> Result<()> {
        let KindWithContent::DocumentAdditionOrUpdate { content_file, documents_count, .. } =
            task.kind
        else {
            return Ok(());
        };
        if task.status != Status::Enqueued || documents_count == 0 {
            return Ok(());
        }
        let payload = self.shared.file_store.read(content_file)?;
        let mut lines = writer.lines()?;
        let documents = serde_json::Deserializer::from_slice(payload.as_bytes()).into_iter();
        for document in documents {
            self.check_stop()?;
            let document: &RawValue = document.map_err(|error| {
                let uid = task.uid;
                Error::CorruptedQueue(format!("the payload file of task {uid}: {error}"))
            })?;
            lines.push_text(document.get())?;
        }
        Ok(writer.payload(task.uid, lines)?)
    }

    fn batches<W: Write>(&self, writer: &mut Writer<W>, rtxn: &RoTxn<'_>) -> Result<()> {
        let batches = self.shared.queue.tables().all_batches;
        let (counter, step) = AtomicStep::new("batch", batches.len(rtxn)? as u32);
        self.running.progress.update(step);
        let mut lines = writer.lines()?;
        for entry in batches.iter(rtxn)? {
            self.check_stop()?;
            let (_, batch) = entry?;
            if !LEFT_OUT.iter().any(|kind| batch.stats.types.contains_key(kind)) {
                lines.push(&batch)?;
            }
            counter.fetch_add(1, Ordering::Relaxed);
        }
        Ok(writer.batches(lines)?)
    }

    fn indexes<W: Write>(&self, writer: &mut Writer<W>, uids: &[String]) -> Result<()> {
        let mut text = String::new();
        for (number, uid) in uids.iter().enumerate() {
            let (number, total) = (number as u32, uids.len() as u32);
            self.running.progress.update(NamedStep::<Creation<'static>>::new(uid, number, total));
            self.index(writer, uid, &mut text)?;
        }
        Ok(())
    }

    fn index<W: Write>(&self, writer: &mut Writer<W>, uid: &str, text: &mut String) -> Result<()> {
        let pin = self.shared.mapper.pin(uid)?;
        let index = pin.index();
        let failed = |error| Error::index(uid)(error);
        let rtxn = index.read_txn().map_err(failed)?;
        milli::refuse_unshown_settings(index, &rtxn).map_err(failed)?;
        let documents = OutgoingDocuments::new(index, &rtxn).map_err(failed)?;
        let metadata = IndexMetadata {
            uid: uid.to_owned(),
            primary_key: index.primary_key(&rtxn).map_err(failed)?.map(str::to_owned),
            created_at: index.created_at(&rtxn).map_err(failed)?,
            updated_at: index.updated_at(&rtxn).map_err(failed)?,
        };
        let settings = milli::settings(index, &rtxn).map_err(failed)?;
        let docids = index.documents_ids(&rtxn).map_err(failed)?;
        let (counter, step) = AtomicStep::new("document", docids.len() as u32);
        self.running.progress.update(step);
        let mut lines: Lines = writer.lines()?;
        for docid in docids {
            self.check_stop()?;
            text.clear();
            documents.write(docid, text).map_err(failed)?;
            lines.push_text(text)?;
            counter.fetch_add(1, Ordering::Relaxed);
        }
        Ok(writer.index(&metadata, &settings, lines)?)
    }
}
