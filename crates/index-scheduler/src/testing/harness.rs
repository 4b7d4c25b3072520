//! A scheduler on a temporary directory that is stepped by hand, crash images of it, and the queue
//! as text.

use std::fmt::Write as _;
use std::io::Write as _;
use std::ops::Deref;
use std::path::Path;
use std::sync::Arc;

use meilisearch_types::tasks::{
    DetailsView, DocumentMethod, Kind, KindWithContent, MissingDocument, Status, Task, TaskId,
};
use roaring::RoaringBitmap;
use serde_json::Value;
use tempfile::TempDir;

use super::{Fault, invariants};
use crate::error::Result;
use crate::queue::{Queue, tables};
use crate::scheduler::Started;
use crate::{FeatureFlags, IndexScheduler, IndexerOptions, Options};

/// A scheduler without a loop, on a directory of its own.
pub(crate) struct TestScheduler {
    scheduler: IndexScheduler,
    dir: Arc<TempDir>,
}

impl Deref for TestScheduler {
    type Target = IndexScheduler;

    fn deref(&self) -> &IndexScheduler {
        &self.scheduler
    }
}

impl TestScheduler {
    pub(crate) fn new() -> TestScheduler {
        TestScheduler::with(|_| ())
    }

    /// With other options than the usual ones.
    pub(crate) fn with(change: impl FnOnce(&mut Options)) -> TestScheduler {
        TestScheduler::open(Arc::new(tempfile::tempdir().unwrap()), change)
    }

    fn open(dir: Arc<TempDir>, change: impl FnOnce(&mut Options)) -> TestScheduler {
        let db_path = dir.path().join("data.ms");
        let auth = db_path.join("auth");
        std::fs::create_dir_all(&auth).unwrap();
        std::fs::write(db_path.join("VERSION"), "1.50.0").unwrap();
        let mut options = Options {
            auth_env: (*tables::open_env(&auth, 1 << 20).unwrap()).clone(),
            db_path,
            snapshots_path: dir.path().join("snapshots"),
            dumps_path: dir.path().join("dumps"),
            instance_uid: None,
            index_max_readers: 128,
            index_write_map: false,
            embedders: Default::default(),
            indexer: IndexerOptions { threads: Some(2), max_memory_bytes: None },
            max_batched_tasks: usize::MAX,
            batched_tasks_size_limit: u64::MAX,
            max_concurrent_index_snapshots: 1,
            export: Default::default(),
            webhooks: crate::WebhookOptions::default(),
            features: FeatureFlags::default(),
        };
        change(&mut options);
        TestScheduler { scheduler: IndexScheduler::open(options).unwrap(), dir }
    }

    /// The directory that holds `data.ms`.
    pub(crate) fn dir(&self) -> &Path {
        self.dir.path()
    }

    /// Closes everything and opens it again, as a restart does.
    pub(crate) fn reopen(self) -> TestScheduler {
        let TestScheduler { scheduler, dir } = self;
        scheduler.shutdown();
        drop(scheduler);
        for name in ["tasks", "auth"] {
            if let Some(closing) = heed::env_closing_event(dir.path().join("data.ms").join(name)) {
                let timeout = std::time::Duration::from_secs(10);
                assert!(closing.wait_timeout(timeout), "`{name}` stays open");
            }
        }
        TestScheduler::open(dir, |_| ())
    }

    pub(crate) fn enqueue(&self, kind: KindWithContent) -> TaskId {
        self.register(kind, None).unwrap().uid
    }

    /// An addition of documents, which may create the index.
    pub(crate) fn add(&self, index: &str, documents: &str) -> TaskId {
        self.add_with(index, documents, None, true)
    }

    /// An addition of documents given as concatenated JSON objects.
    pub(crate) fn add_with(
        &self,
        index: &str,
        documents: &str,
        primary_key: Option<&str>,
        allow_index_creation: bool,
    ) -> TaskId {
        let (content_file, mut file) = self.update_file().unwrap();
        file.write_all(documents.as_bytes()).unwrap();
        file.persist().unwrap();
        let documents = serde_json::Deserializer::from_str(documents).into_iter::<Value>();
        self.enqueue(KindWithContent::DocumentAdditionOrUpdate {
            index_uid: index.into(),
            primary_key: primary_key.map(str::to_owned),
            method: DocumentMethod::ReplaceDocuments,
            content_file,
            documents_count: documents.count() as u64,
            allow_index_creation,
            on_missing_document: MissingDocument::Create,
        })
    }

    pub(crate) fn create(&self, index: &str) -> TaskId {
        self.enqueue(KindWithContent::IndexCreation { index_uid: index.into(), primary_key: None })
    }

    /// Plans the next batch without running it.
    pub(crate) fn plan(&self) -> Option<Started> {
        self.scheduler.shared.plan().unwrap()
    }

    /// Runs the next batch to its end; false when there is none.
    pub(crate) fn step(&self) -> bool {
        let started = self.plan();
        let is_some = started.is_some();
        if let Some(started) = started {
            self.finish(started);
        }
        is_some
    }

    /// Runs a planned batch to its end.
    pub(crate) fn finish(&self, started: Started) {
        self.scheduler.shared.run_to_end(started);
        invariants::check(&self.scheduler.shared.queue);
    }

    /// Runs batches until there is none.
    pub(crate) fn run_all(&self) {
        while self.step() {}
    }

    pub(crate) fn status(&self, task: TaskId) -> Status {
        self.task(task).unwrap().status
    }

    /// The code of a task's error, empty when it has none.
    pub(crate) fn error(&self, task: TaskId) -> String {
        self.task(task).unwrap().error.map(|error| error.code().to_owned()).unwrap_or_default()
    }

    /// The message of a task's error, empty when it has none.
    pub(crate) fn message(&self, task: TaskId) -> String {
        self.task(task).unwrap().error.map(|error| error.message).unwrap_or_default()
    }

    pub(crate) fn details(&self, task: TaskId) -> String {
        details(&self.task(task).unwrap())
    }

    /// The stored queue as text, without dates and UUIDs.
    pub(crate) fn print(&self) -> String {
        print(&self.scheduler.shared.queue)
    }

    pub(crate) fn shared(&self) -> &crate::Shared {
        &self.scheduler.shared
    }
}

/// What a power cut would leave: a copy of the directory of a scheduler.
pub(crate) struct CrashImage(Arc<TempDir>);

impl CrashImage {
    pub(crate) fn take(dir: &Path) -> CrashImage {
        let image = tempfile::tempdir().unwrap();
        copy(dir, image.path());
        CrashImage(Arc::new(image))
    }

    /// A directory that a test filled itself, with `data.ms` in it.
    pub(crate) fn of(dir: TempDir) -> CrashImage {
        CrashImage(Arc::new(dir))
    }

    /// Where it lies.
    pub(crate) fn dir(&self) -> &Path {
        self.0.path()
    }

    pub(crate) fn open(self) -> TestScheduler {
        TestScheduler::open(self.0, |_| ())
    }
}

/// Copies a directory. What another thread removes meanwhile may be missing in the copy.
fn copy(from: &Path, to: &Path) {
    let copied = copy_entries(from, to);
    if let Err(error) = copied
        && error.kind() != std::io::ErrorKind::NotFound
    {
        panic!("{}: {error}", from.display());
    }
}

fn copy_entries(from: &Path, to: &Path) -> std::io::Result<()> {
    for entry in std::fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            std::fs::create_dir(&target)?;
            copy(&entry.path(), &target);
        } else if entry.file_name() != "lock.mdb"
            && let Err(error) = std::fs::copy(entry.path(), &target)
            && error.kind() != std::io::ErrorKind::NotFound
        {
            return Err(error);
        }
    }
    Ok(())
}

fn details(task: &Task) -> String {
    let view = task.details.clone().map(DetailsView::from);
    view.map(|view| serde_json::to_string(&view).unwrap()).unwrap_or_default()
}

fn list(uids: &RoaringBitmap) -> String {
    format!("{:?}", uids.iter().collect::<Vec<_>>())
}

/// Tasks, batches, and every list that is not empty.
fn print(queue: &Queue) -> String {
    let rtxn = queue.read_txn().unwrap();
    let tables = queue.tables();
    let mut text = String::new();
    for entry in tables.all_tasks.iter(&rtxn).unwrap() {
        let (uid, task) = entry.unwrap();
        let indexes = task.indexes().join(", ");
        let batch = task.batch_uid.map(|batch| format!(" in batch {batch}")).unwrap_or_default();
        let by = task.canceled_by.map(|by| format!(" by {by}")).unwrap_or_default();
        let error = task.error.as_ref().map(|error| format!(" {}", error.code()));
        writeln!(
            text,
            "task {uid} {} [{indexes}]: {}{by}{batch}{} {}",
            task.kind(),
            task.status,
            error.unwrap_or_default(),
            details(&task)
        )
        .unwrap();
    }
    for entry in tables.all_batches.iter(&rtxn).unwrap() {
        let (uid, batch) = entry.unwrap();
        let tasks = tables.batch_to_tasks.get(&rtxn, &uid).unwrap();
        let details = serde_json::to_string(&batch.details).unwrap();
        let status = serde_json::to_string(&batch.stats.status).unwrap();
        writeln!(text, "batch {uid} of {}: {status} {details} {}", list(&tasks), batch.stop_reason)
            .unwrap();
    }
    for (name, inverted) in [("tasks", &tables.tasks), ("batches", &tables.batches)] {
        for entry in inverted.status.database().iter(&rtxn).unwrap() {
            let (number, uids) = entry.unwrap();
            let status = Status::ALL[number as usize];
            writeln!(text, "{name} {status}: {}", list(&uids)).unwrap();
        }
        for entry in inverted.kind.database().iter(&rtxn).unwrap() {
            let (number, uids) = entry.unwrap();
            let kind = Kind::from_number(number).unwrap();
            writeln!(text, "{name} {kind}: {}", list(&uids)).unwrap();
        }
        for entry in inverted.index.database().iter(&rtxn).unwrap() {
            let (index, uids) = entry.unwrap();
            writeln!(text, "{name} of {index}: {}", list(&uids)).unwrap();
        }
        for (date, table) in [
            ("enqueued", inverted.enqueued_at),
            ("started", inverted.started_at),
            ("finished", inverted.finished_at),
        ] {
            let sets = table.database().iter(&rtxn).unwrap().map(|entry| entry.unwrap().1);
            let sets: Vec<_> = sets.map(|uids| list(&uids)).collect();
            writeln!(text, "{name} {date}: {}", sets.join(" ")).unwrap();
        }
    }
    for entry in tables.canceled_by.database().iter(&rtxn).unwrap() {
        let (by, uids) = entry.unwrap();
        writeln!(text, "canceled by {by}: {}", list(&uids)).unwrap();
    }
    let names = tables.index_mapping.iter(&rtxn).unwrap().map(|entry| entry.unwrap().0.to_owned());
    writeln!(text, "indexes: {}", names.collect::<Vec<_>>().join(", ")).unwrap();
    text
}

/// Does something at a point, whenever it is passed, until the guard is dropped.
pub(crate) struct Hooked<'a>(&'a TestScheduler);

impl<'a> Hooked<'a> {
    pub(crate) fn at(
        scheduler: &'a TestScheduler,
        fault: Fault,
        act: impl Fn() -> Result<()> + Send + Sync + 'static,
    ) -> Hooked<'a> {
        scheduler.shared().faults.set(move |at| if at == fault { act() } else { Ok(()) });
        Hooked(scheduler)
    }
}

impl Drop for Hooked<'_> {
    fn drop(&mut self) {
        self.0.shared().faults.clear();
    }
}
