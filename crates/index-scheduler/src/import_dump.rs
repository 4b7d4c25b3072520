//! Import of a dump into a fresh database (storage-instance.md 13), before any task runs: what the queue's
//! environment carries, the indexes one after the other, then batches and tasks in one transaction.
//!
//! It is not atomic: whoever calls it removes the whole database when it fails.

use std::collections::{BTreeMap, HashSet};
use std::fs::File;
use std::io::{BufReader, BufWriter, Write};
use std::path::Path;

use dump::{Dump, DumpedIndex, DumpedKind, DumpedTask};
use embedders::RequestCounters;
use meilisearch_types::batches::{Batch, BatchEnqueuedAt};
use meilisearch_types::index_uid::{IndexUid, is_reserved};
use meilisearch_types::progress::Progress;
use meilisearch_types::settings::{Setting, Settings};
use meilisearch_types::tasks::{BatchId, Status, Task, TaskId};
use milli::Index;
use milli::indexing::{
    IndexingContext, MissingDocument, Operation, apply_settings, index_documents, set_primary_key,
};
use roaring::RoaringBitmap;
use serde_json::value::RawValue;
use uuid::Uuid;

use crate::error::{Error, Result};
use crate::index_mapper::Effect;
use crate::queue::Queue;
use crate::{Options, Shared};

/// Fills the fresh database of these options with what a dump holds, all but its keys and the uid of the
/// instance, and closes it.
///
/// # Errors
/// The dump is damaged or asks for what is not built, or the database cannot be written. What is there then
/// is half a database.
pub fn import_dump(options: Options, dump: &Dump) -> Result<()> {
    let scheduler = crate::IndexScheduler::open(options)?;
    let imported = Import { shared: &scheduler.shared, dump }.run();
    scheduler.shutdown();
    // An environment is opened once in a process, and the server is about to open this one.
    let env: heed::Env<_> = (**scheduler.shared.queue.env()).clone();
    let closing = env.prepare_for_closing();
    drop(scheduler);
    closing.wait();
    imported
}

struct Import<'a> {
    shared: &'a Shared,
    dump: &'a Dump,
}

impl Import<'_> {
    fn run(&self) -> Result<()> {
        self.carried()?;
        let mut uids = HashSet::new();
        for index in self.dump.indexes() {
            let uid = &index.metadata.uid;
            check_uid(uid, &format!("indexes/{uid}/metadata.json"))?;
            if !uids.insert(uid) {
                let reason = format!("two indexes have the uid `{uid}`");
                return Err(dump::Error::damaged("indexes", None, reason).into());
            }
            tracing::info!("importing the index `{uid}`");
            self.index(index)?;
        }
        self.queue()
    }

    fn carried(&self) -> Result<()> {
        let queue = &self.shared.queue;
        let mut wtxn = queue.env().write_txn()?;
        if let Some(webhooks) = self.dump.webhooks()? {
            queue.put_dumped_webhooks(&mut wtxn, webhooks)?;
        }
        for (workspace, settings) in self.dump.chat_settings()? {
            queue.put_chat_settings(&mut wtxn, &workspace, &settings)?;
        }
        if let Some(network) = self.dump.network()? {
            queue.put_dumped_network(&mut wtxn, network)?;
        }
        wtxn.commit()?;
        self.shared.features.store(queue, self.dump.features()?.unwrap_or_default())
    }

    /// Makes an index and fills it. Its map grows as often as it has to.
    fn index(&self, dumped: &DumpedIndex) -> Result<()> {
        let metadata = &dumped.metadata;
        let mapper = &self.shared.mapper;
        mapper.commit_alone(mapper.new_dumped_index(&metadata.uid, metadata.created_at)?)?;
        let settings = without_defaults_of_unbuilt(dumped.settings()?);
        let documents = map(&dumped.documents()?)?;
        let (uid, primary_key) = (&metadata.uid, metadata.primary_key.as_deref());
        loop {
            let pin = mapper.pin(uid)?;
            let filled = self.fill(pin.index(), primary_key, &settings, &documents);
            match filled {
                Ok(()) => {
                    let stats = Box::new(mapper.compute_stats(uid, pin.index())?);
                    return mapper.commit_alone(Effect::Stats { uuid: pin.uuid(), stats });
                }
                Err(milli::Error::MapFull) => {
                    let (uuid, map_size) = (pin.uuid(), pin.index().map_size());
                    drop(pin);
                    mapper.grow(uuid, map_size)?;
                }
                Err(error) => return Err(Error::index(uid)(error)),
            }
        }
    }

    fn fill(
        &self,
        index: &Index,
        primary_key: Option<&str>,
        settings: &Settings,
        documents: &[u8],
    ) -> milli::Result<()> {
        let context = IndexingContext {
            threads: &self.shared.indexing_threads,
            max_memory_bytes: self.shared.options.indexer.max_memory_bytes,
            embedders: &self.shared.embedders,
            tries_embedders: false,
            embedder_requests: &RequestCounters::default(),
            progress: &Progress::default(),
            must_stop: &|| false,
        };
        let mut wtxn = index.write_txn()?;
        if let Some(key) = primary_key {
            set_primary_key(index, &mut wtxn, key, &context)?;
        }
        apply_settings(index, &mut wtxn, settings, &context)?;
        wtxn.commit()?;
        let mut wtxn = index.write_txn()?;
        let import =
            [Operation::Replace { payload: documents, on_missing: MissingDocument::Create }];
        let outcomes = index_documents(index, &mut wtxn, &import, primary_key, &context)?;
        if let Some(error) = outcomes.into_iter().find_map(|outcome| outcome.error) {
            return Err(error);
        }
        wtxn.commit()?;
        Ok(())
    }

    fn queue(&self) -> Result<()> {
        let mut batches = RoaringBitmap::new();
        for batch in self.dump.batches()? {
            let uid = batch?.uid;
            if uid == BatchId::MAX || !batches.insert(uid) {
                let reason = format!("the batch {uid} appears twice or cannot be");
                return Err(dump::Error::damaged("batches/queue.jsonl", None, reason).into());
            }
        }
        let mut restored = Restored::default();
        let queue = &self.shared.queue;
        let mut wtxn = queue.env().write_txn()?;
        for task in self.dump.tasks()? {
            let mut task = self.task(task?)?;
            // The number of a batch that is not there will be that of another one.
            task.batch_uid = task.batch_uid.filter(|uid| batches.contains(*uid));
            restored.note(&task)?;
            queue.put_restored_task(&mut wtxn, &task)?;
        }
        for batch in self.dump.batches()? {
            let batch = batch?;
            // A batch without any task would stay for ever: they go with their last task.
            if restored.by_batch.contains_key(&batch.uid) {
                queue.put_restored_batch(&mut wtxn, &batch)?;
            }
        }
        queue.put_restored_lists(&mut wtxn, &restored)?;
        Ok(wtxn.commit()?)
    }

    /// A dumped task as the queue stores it, with a payload file of its own.
    fn task(&self, task: DumpedTask) -> Result<Task> {
        let uid = task.uid;
        let damaged = |reason: String| {
            Error::from(dump::Error::damaged(
                "tasks/queue.jsonl",
                None,
                format!("task {uid}: {reason}"),
            ))
        };
        if let Some(index_uid) = &task.index_uid {
            check_uid(index_uid, "tasks/queue.jsonl")?;
        }
        let content_file = match (&task.kind, task.status) {
            (_, Status::Processing) => return Err(damaged("a dump holds no running task".into())),
            (DumpedKind::DocumentImport { documents_count, .. }, Status::Enqueued) => {
                let payload = self.dump.payload(uid);
                if payload.is_none() && *documents_count > 0 {
                    return Err(damaged("its documents are missing".into()));
                }
                self.content_file(uid, payload.as_deref())?
            }
            _ => Uuid::nil(),
        };
        task.into_task(content_file).map_err(damaged)
    }

    fn content_file(&self, task: TaskId, documents: Option<&Path>) -> Result<Uuid> {
        let (uuid, mut file) = self.shared.file_store.new_update()?;
        if let Some(path) = documents {
            let source = File::open(path).map_err(Error::io("open", path))?;
            let objects = serde_json::Deserializer::from_reader(BufReader::new(source)).into_iter();
            let mut output = BufWriter::new(&mut file);
            for object in objects {
                let object: Box<RawValue> = object.map_err(|error| {
                    dump::Error::damaged(&format!("tasks/update_files/{task}.jsonl"), None, error)
                })?;
                let written = output.write_all(object.get().as_bytes());
                written.map_err(Error::io("write a payload file for", path))?;
            }
            output.flush().map_err(Error::io("write a payload file for", path))?;
        }
        file.persist()?;
        Ok(uuid)
    }
}

/// What the inverted lists need to know of all restored tasks.
#[derive(Default)]
pub(crate) struct Restored {
    pub(crate) tasks: RoaringBitmap,
    /// Status, kind or index → tasks.
    pub(crate) by_status: BTreeMap<u32, RoaringBitmap>,
    pub(crate) by_kind: BTreeMap<u32, RoaringBitmap>,
    pub(crate) by_index: BTreeMap<String, RoaringBitmap>,
    /// Cancelation → the tasks that it canceled.
    pub(crate) by_canceler: BTreeMap<TaskId, RoaringBitmap>,
    pub(crate) by_batch: BTreeMap<BatchId, RoaringBitmap>,
}

impl Restored {
    fn note(&mut self, task: &Task) -> Result<()> {
        if task.uid == TaskId::MAX || !self.tasks.insert(task.uid) {
            let reason = format!("the task {} appears twice or cannot be", task.uid);
            return Err(dump::Error::damaged("tasks/queue.jsonl", None, reason).into());
        }
        self.by_status.entry(task.status.number()).or_default().insert(task.uid);
        self.by_kind.entry(task.kind().number()).or_default().insert(task.uid);
        for index in task.indexes() {
            self.by_index.entry(index.to_owned()).or_default().insert(task.uid);
        }
        if let Some(canceler) = task.canceled_by {
            self.by_canceler.entry(canceler).or_default().insert(task.uid);
        }
        if let Some(batch) = task.batch_uid {
            self.by_batch.entry(batch).or_default().insert(task.uid);
        }
        Ok(())
    }
}

/// Refuses names that no index can have: they are keys of databases and parts of paths.
fn check_uid(uid: &str, file: &str) -> Result<()> {
    let name = uid.strip_prefix('.').filter(|_| is_reserved(uid)).unwrap_or(uid);
    match name.parse::<IndexUid>() {
        Ok(_) => Ok(()),
        Err(error) => Err(dump::Error::damaged(file, None, error).into()),
    }
}

/// Settings that are not built but have a value in every dump: values that mean nothing are left out, so
/// that only others are refused.
fn without_defaults_of_unbuilt(mut settings: Settings) -> Settings {
    if settings.foreign_keys.as_ref().set().is_some_and(Vec::is_empty) {
        settings.foreign_keys = Setting::NotSet;
    }
    let says_nothing = |chat: &serde_json::Value| {
        let is_empty = |member: &str| match chat.get(member) {
            None | Some(serde_json::Value::Null) => true,
            Some(serde_json::Value::String(text)) => text.is_empty(),
            Some(serde_json::Value::Object(members)) => members.is_empty(),
            Some(_) => false,
        };
        is_empty("description") && is_empty("searchParameters")
    };
    if settings.chat.as_ref().set().is_some_and(says_nothing) {
        settings.chat = Setting::NotSet;
    }
    settings
}

/// The content of an unpacked file. It belongs to the import alone, so nobody shortens it meanwhile.
fn map(path: &Path) -> Result<Documents> {
    let file = File::open(path).map_err(Error::io("open", path))?;
    let is_empty = file.metadata().map_err(Error::io("examine", path))?.len() == 0;
    if is_empty {
        return Ok(Documents(None));
    }
    // SAFETY: the file lies in a directory that only this process fills, and it is complete.
    #[allow(unsafe_code, reason = "mapping a file is unsafe: others could truncate it")]
    let map = unsafe { memmap2::Mmap::map(&file) }.map_err(Error::io("map", path))?;
    Ok(Documents(Some(map)))
}

struct Documents(Option<memmap2::Mmap>);

impl std::ops::Deref for Documents {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        self.0.as_deref().unwrap_or_default()
    }
}

impl Queue {
    fn put_restored_task(&self, wtxn: &mut heed::RwTxn<'_>, task: &Task) -> Result<()> {
        let tables = self.tables();
        tables.all_tasks.put(wtxn, &task.uid, task)?;
        tables.tasks.enqueued_at.insert(wtxn, &task.enqueued_at, task.uid)?;
        if let Some(date) = &task.started_at {
            tables.tasks.started_at.insert(wtxn, date, task.uid)?;
        }
        if let Some(date) = &task.finished_at {
            tables.tasks.finished_at.insert(wtxn, date, task.uid)?;
        }
        Ok(())
    }

    fn put_restored_batch(&self, wtxn: &mut heed::RwTxn<'_>, batch: &Batch) -> Result<()> {
        let (tables, uid) = (self.tables(), batch.uid);
        tables.all_batches.put(wtxn, &uid, batch)?;
        for status in batch.stats.status.keys() {
            tables.batches.status.insert(wtxn, &status.number(), uid)?;
        }
        for kind in batch.stats.types.keys() {
            tables.batches.kind.insert(wtxn, &kind.number(), uid)?;
        }
        for index in batch.stats.index_uids.keys() {
            tables.batches.index.insert(wtxn, index, uid)?;
        }
        if let Some(BatchEnqueuedAt { earliest, oldest }) = &batch.enqueued_at {
            tables.batches.enqueued_at.insert(wtxn, earliest, uid)?;
            tables.batches.enqueued_at.insert(wtxn, oldest, uid)?;
        }
        tables.batches.started_at.insert(wtxn, &batch.started_at, uid)?;
        if let Some(date) = &batch.finished_at {
            tables.batches.finished_at.insert(wtxn, date, uid)?;
        }
        Ok(())
    }

    fn put_restored_lists(&self, wtxn: &mut heed::RwTxn<'_>, restored: &Restored) -> Result<()> {
        let tables = self.tables();
        for (status, uids) in &restored.by_status {
            tables.tasks.status.update(wtxn, status, |all| *all |= uids)?;
        }
        for (kind, uids) in &restored.by_kind {
            tables.tasks.kind.update(wtxn, kind, |all| *all |= uids)?;
        }
        for (index, uids) in &restored.by_index {
            tables.tasks.index.update(wtxn, index, |all| *all |= uids)?;
        }
        for (canceler, uids) in &restored.by_canceler {
            tables.canceled_by.update(wtxn, canceler, |all| *all |= uids)?;
        }
        for (batch, uids) in &restored.by_batch {
            tables.batch_to_tasks.update(wtxn, batch, |all| *all |= uids)?;
        }
        Ok(())
    }
}
