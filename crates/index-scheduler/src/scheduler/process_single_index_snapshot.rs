//! The two tasks of single-index snapshots (index-snapshots.md 5 and 6). Both are side jobs: they read an
//! index that is pinned, or fill a directory that nobody sees; the commit of the outcome makes it visible.
//!
//! Creation: pin the index → manifest → archive under a hidden name → sync → read back → publish.
//! Import: judge the head → hidden directory → extract and verify → open as an index → effect.

#[cfg(test)]
mod tests;

use std::collections::HashSet;
use std::fs::{File, OpenOptions};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use index_snapshot::{
    ArchiveName, Body, Directory, FlushedFile, Head, Manifest, ManifestIndex, Monitor, Owner,
    Platform, SnapshotUid, WriteOptions, check_archive, open_regular_file, read_head,
    sync_directory, write_archive,
};
use meilisearch_types::error::{Code, ErrorCode};
use meilisearch_types::progress::AtomicStep;
use meilisearch_types::tasks::{
    Details, Kind, KindWithContent, SnapshotCompression, SnapshotSource, Task,
};
use meilisearch_types::versioning::{VERSION, VERSION_STR};
use milli::{CheckOptions, Depth, Index, IndexStats, Severity, Tables, check_directory};
use uuid::Uuid;

use super::side_jobs::{Job, JobOutcome};
use crate::Options;
use crate::error::{Error, Result};
use crate::index_mapper::directories::NewDirectory;
use crate::index_mapper::{self, Effect};
use crate::index_snapshots::{COMPATIBILITY, IMPORTING, compression};
use crate::processing::{SingleIndexSnapshotCreationProgress, SingleIndexSnapshotImportProgress};
use crate::queue::register::Registration;
use crate::testing::Fault;

/// Threads that compress one archive, at most.
const MAX_COMPRESSION_THREADS: usize = 8;
const FORMAT_VERSION: u64 = 1;
const DATA_FILE: &str = "data.mdb";

/// Fixes the uid of a snapshot that is being registered and gives its first details.
pub(crate) fn complete(
    kind: &mut KindWithContent,
    registration: &Registration<'_, '_>,
    snapshots_path: &Path,
) -> Result<Option<Details>> {
    let KindWithContent::SingleIndexSnapshotCreation { index_uid, snapshot_uid, compression } =
        kind
    else {
        return Ok(kind.default_details());
    };
    let directory = Directory::new(snapshots_path.to_path_buf());
    let uid = free_uid(index_uid, &directory, registration)?;
    *snapshot_uid = uid.to_string();
    let name = ArchiveName::new(index_uid, uid, self::compression(*compression));
    Ok(Some(Details::SingleIndexSnapshotCreation {
        snapshot_uid: snapshot_uid.clone(),
        file_name: name.file_name(),
        compression: *compression,
        number_of_documents: None,
        data_size: None,
        size: None,
        sha256: None,
    }))
}

/// The uid of the task's date, raised until no task and no file of the index has it.
fn free_uid(
    index_uid: &str,
    directory: &Directory,
    registration: &Registration<'_, '_>,
) -> Result<SnapshotUid> {
    let Registration { queue, wtxn, enqueued_at } = registration;
    let tables = &queue.tables().tasks;
    let tasks = tables.index.get(wtxn, index_uid)?
        & tables.kind.get(wtxn, &Kind::SingleIndexSnapshotCreation.number())?;
    let mut taken = HashSet::new();
    for task in queue.listed_tasks(wtxn, tasks)? {
        if let KindWithContent::SingleIndexSnapshotCreation { snapshot_uid, .. } = task.kind {
            taken.insert(snapshot_uid);
        }
    }
    let out_of_range = || Error::CorruptedQueue(format!("the clock says {enqueued_at}"));
    let mut uid = SnapshotUid::from_time(*enqueued_at).ok_or_else(out_of_range)?;
    while taken.contains(uid.as_str()) || directory.is_taken(index_uid, &uid) {
        uid = uid.next().ok_or_else(out_of_range)?;
    }
    Ok(uid)
}

/// Removes the archive that a run of a creation left that is about to end failed or canceled: it may have
/// come as far as its name before a crash. Before the outcome is committed, so that a crash in between only
/// makes the task end again.
pub(crate) fn discard(task: &Task, options: &Options) {
    let KindWithContent::SingleIndexSnapshotCreation { index_uid, snapshot_uid, compression } =
        &task.kind
    else {
        return;
    };
    if let Some(uid) = SnapshotUid::parse(snapshot_uid) {
        let name = ArchiveName::new(index_uid, uid, self::compression(*compression));
        let directory = Directory::new(options.snapshots_path.clone());
        if let Err(error) = directory.remove_own(&name, owner(task, options.instance_uid)) {
            let file = name.file_name();
            tracing::warn!(file, "cannot remove the archive of an ended task: {error}");
        }
    }
}

/// Start-up: removes what a killed server left half done in the snapshot directory.
pub(crate) fn clean_up(snapshots_path: &Path) {
    if let Err(error) = Directory::new(snapshots_path.to_path_buf()).clean_up() {
        tracing::warn!("left-overs in the snapshot directory are kept: {error}");
    }
}

/// Makes an archive of an index.
pub(super) fn create(job: &Job<'_>) -> JobOutcome {
    let mut details = job.task.details.clone();
    let result = match &job.task.kind {
        KindWithContent::SingleIndexSnapshotCreation { index_uid, snapshot_uid, compression } => {
            create_archive(job, index_uid, snapshot_uid, *compression, &mut details).map(|()| None)
        }
        _ => Err(wrong_kind(job)),
    };
    JobOutcome { details, result }
}

/// Makes an index of an archive.
pub(super) fn import(job: &Job<'_>) -> JobOutcome {
    let mut details = job.task.details.clone();
    let result = match &job.task.kind {
        KindWithContent::SingleIndexSnapshotImport {
            index_uid,
            source,
            source_index_uid,
            sha256,
            overwrite,
            dry_run,
        } => {
            let import =
                Import { job, index_uid, source, source_index_uid, sha256: sha256.as_deref() };
            import.run(*overwrite, *dry_run, &mut details)
        }
        _ => Err(wrong_kind(job)),
    };
    JobOutcome { details, result }
}

fn wrong_kind(job: &Job<'_>) -> Error {
    Error::CorruptedQueue(format!("task {} is not one of single-index snapshots", job.task.uid))
}

fn create_archive(
    job: &Job<'_>,
    index_uid: &str,
    snapshot_uid: &str,
    compression: SnapshotCompression,
    details: &mut Option<Details>,
) -> Result<()> {
    use SingleIndexSnapshotCreationProgress as Step;

    job.enter(Step::StartTheSnapshotCreation)?;
    let uid = SnapshotUid::parse(snapshot_uid).ok_or_else(|| {
        Error::CorruptedQueue(format!(
            "task {} has the snapshot uid `{snapshot_uid}`",
            job.task.uid
        ))
    })?;
    let compression = self::compression(compression);
    let name = ArchiveName::new(index_uid, uid, compression);
    let owner = owner(job.task, job.instance_uid);
    let directory = Directory::new(job.snapshots_path.to_path_buf());

    let pinned = job.mapper.pin(index_uid)?;
    let manifest = manifest(job, index_uid, snapshot_uid, pinned.index())?;
    if let Some(Details::SingleIndexSnapshotCreation { number_of_documents, .. }) = details {
        *number_of_documents = Some(manifest.index.number_of_documents);
    }
    let part = directory.create(&name, owner)?;

    job.enter(Step::CopyAndCompressTheIndex)?;
    let options =
        WriteOptions { databases: &Tables::NAMES, compression, threads: compression_threads() };
    let monitor = JobMonitor::new(job);
    let copied = write_archive(pinned.index().env(), manifest, &options, part.file(), &monitor);
    if let Some(Details::SingleIndexSnapshotCreation { data_size, .. }) = details {
        *data_size = monitor.total.get().copied();
    }
    let written = copied?;
    drop(pinned);

    job.enter(Step::SyncTheArchive)?;
    part.sync()?;
    job.enter(Step::CheckTheArchive)?;
    check_archive(part.reopen()?, &written)?;
    job.enter(Step::PersistTheSnapshot)?;
    let sum = part.publish_sum(&written.sha256)?;
    job.pass(Fault::BetweenNames)?;
    part.publish(sum)?;
    if let Some(Details::SingleIndexSnapshotCreation { size, sha256, .. }) = details {
        *size = Some(written.size);
        *sha256 = Some(written.sha256);
    }
    Ok(())
}

/// Who makes the archive of a task; the nil instance as long as the server has no uid.
fn owner(task: &Task, instance_uid: Option<Uuid>) -> Owner {
    Owner { task_uid: task.uid, instance_uid: instance_uid.unwrap_or_default() }
}

fn compression_threads() -> usize {
    std::thread::available_parallelism().map_or(1, |cores| cores.get().min(MAX_COMPRESSION_THREADS))
}

/// What the archive says about the index; sizes are filled in while it is copied.
fn manifest(job: &Job<'_>, index_uid: &str, snapshot_uid: &str, index: &Index) -> Result<Manifest> {
    let described = (|| {
        let rtxn = index.read_txn()?;
        let mut settings = milli::settings(index, &rtxn)?;
        settings.hide_secrets();
        Ok(ManifestIndex {
            created_at: index.created_at(&rtxn)?,
            updated_at: index.updated_at(&rtxn)?,
            primary_key: index.primary_key(&rtxn)?.map(str::to_owned),
            number_of_documents: index.number_of_documents(&rtxn)?,
            settings: serde_json::to_value(settings).ok(),
        })
    })();
    Ok(Manifest {
        format_version: FORMAT_VERSION,
        snapshot_uid: snapshot_uid.to_owned(),
        index_uid: index_uid.to_owned(),
        created_at: job.started_at,
        task_uid: job.task.uid,
        instance_uid: job.instance_uid.unwrap_or_default(),
        meilisearch_version: VERSION_STR.to_owned(),
        platform: Platform::current(0),
        data_size: 0,
        last_task_uid: job.last_finished_task(index_uid)?,
        tokenizer: milli::text::LANGUAGE_FEATURES
            .iter()
            .map(|&feature| feature.to_owned())
            .collect(),
        index: described
            .map(ManifestIndex::with_bounded_settings)
            .map_err(Error::index(index_uid))?,
    })
}

/// An import, as its task asks for it.
struct Import<'a> {
    job: &'a Job<'a>,
    /// The target.
    index_uid: &'a str,
    source: &'a SnapshotSource,
    source_index_uid: &'a str,
    sha256: Option<&'a str>,
}

impl Import<'_> {
    fn run(
        &self,
        overwrite: bool,
        dry_run: bool,
        details: &mut Option<Details>,
    ) -> Result<Option<Effect>> {
        use SingleIndexSnapshotImportProgress as Step;
        let job = self.job;

        job.enter(Step::ReadTheManifest)?;
        let (head, body) = self.open_source()?;
        job.enter(Step::CheckTheCompatibility)?;
        head.manifest.check_source(self.source_index_uid)?;
        let replaces = self.job.index_exists(self.index_uid)?;
        note(&head.manifest, replaces, details);
        if replaces && !overwrite {
            return Err(Error::IndexAlreadyExists(self.index_uid.to_owned()));
        }
        if head.manifest.tokenizer != milli::text::LANGUAGE_FEATURES {
            tracing::warn!(
                index = self.index_uid,
                theirs = ?head.manifest.tokenizer,
                ours = ?milli::text::LANGUAGE_FEATURES,
                "the imported index was made with another set of language features: words of these languages \
                 may be split otherwise from now on"
            );
        }

        let directory = self.job.mapper.new_directory()?;
        let data_size = head.manifest.data_size;
        let promise = job.space.promise(directory.path(), DATA_FILE, data_size, IMPORTING)?;
        job.enter(Step::ExtractTheIndex)?;
        self.extract(body, data_size, directory.path())?;
        // By now the file has taken it.
        drop(promise);
        let room = job.mapper.make_room(&|| job.cancel.is_raised())?;
        job.enter(Step::OpenTheIndex)?;
        let stats = self.open_index(&directory)?;
        drop(room);
        sync_directory(directory.path())?;
        job.enter(Step::RegisterTheIndex)?;
        if dry_run {
            return Ok(None);
        }
        Ok(Some(Effect::Register {
            uid: self.index_uid.to_owned(),
            directory,
            stats: Box::new(stats),
        }))
    }

    /// Opens the archive and reads its head, judged by version and platform.
    fn open_source(&self) -> Result<(Head, Body<File>)> {
        let path = match self.source {
            SnapshotSource::File(name) => self.job.snapshots_path.join(name),
            SnapshotSource::Upload(uuid) => self.job.file_store.path(*uuid),
        };
        let file = open_regular_file(&path)?;
        Ok(read_head(file, Some(&COMPATIBILITY), self.sha256.is_some())?)
    }

    /// Writes and syncs the index's file; every byte of the archive is checked when this returns.
    fn extract(&self, body: Body<File>, data_size: u64, directory: &Path) -> Result<()> {
        let path = directory.join(DATA_FILE);
        let data = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&path)
            .map_err(Error::io("create", &path))?;
        index_snapshot::preallocate(&data, data_size)?;
        let mut flushed = FlushedFile::new(&data).map_err(Error::io("write", &path))?;
        let trailer = body.extract(&mut flushed, &Tables::NAMES, &JobMonitor::new(self.job))?;
        flushed.finish().map_err(Error::io("write", &path))?;
        self.job.enter(SingleIndexSnapshotImportProgress::VerifyTheChecksums)?;
        let imported = trailer.verify()?;
        if let (Some(wanted), Some(found)) = (self.sha256, imported.archive_sha256)
            && !wanted.eq_ignore_ascii_case(&found)
        {
            return Err(corrupted(format!(
                "the SHA-256 of the archive is {found}, not {wanted} as requested"
            )));
        }
        data.sync_all().map_err(Error::io("sync", &path))
    }

    /// Checks the layout of every value while the file is only an LMDB environment, then opens it as an
    /// index, reads what every index must have, and closes it again.
    fn open_index(&self, directory: &NewDirectory) -> Result<IndexStats> {
        let refused = |error: milli::Error| match error.error_code() {
            _ if matches!(error, milli::Error::Aborted) => Error::Aborted,
            Code::Internal | Code::InvalidStoreFile | Code::DatabaseSizeLimitReached => {
                corrupted(format!("what it holds is not an index ({error})"))
            }
            _ => Error::index(self.index_uid)(error),
        };
        let open_options = self.job.mapper.open_options();
        let check = CheckOptions {
            depth: Depth::Layout,
            max_findings: 1,
            must_stop: &|| self.job.cancel.is_raised(),
        };
        let report =
            check_directory(directory.path(), open_options.map_size, &check).map_err(refused)?;
        if let Some(finding) = report.findings.iter().find(|f| f.severity == Severity::Fault) {
            return Err(corrupted(format!("what it holds is not a sound index ({finding})")));
        }
        let index = Index::open(directory.path(), &open_options).map_err(refused)?;
        let checked = check_index(&index).map_err(refused);
        index_mapper::close(directory.uuid(), index)?;
        checked?.map_err(corrupted)
    }
}

/// Fills in what is known as soon as the head of an archive is read.
fn note(manifest: &Manifest, replaces: bool, details: &mut Option<Details>) {
    if let Some(Details::SingleIndexSnapshotImport {
        snapshot_uid,
        replaced_index,
        number_of_documents,
        data_size,
        ..
    }) = details
    {
        snapshot_uid.clone_from(&manifest.snapshot_uid);
        *replaced_index = Some(replaces);
        *number_of_documents = Some(manifest.index.number_of_documents);
        *data_size = Some(manifest.data_size);
    }
}

/// Reads what the server relies on in every index; the inner error tells why it is none of ours.
fn check_index(index: &Index) -> milli::Result<Result<IndexStats, String>> {
    let rtxn = index.read_txn()?;
    let Some(version) = index.version(&rtxn)? else {
        return Ok(Err("what it holds is not an index (it has no version)".to_owned()));
    };
    if version != VERSION.into() {
        return Ok(Err(format!(
            "`VERSION` says {VERSION_STR}, but the index in it says {version}"
        )));
    }
    index.fields_ids_map(&rtxn)?;
    index.number_of_documents(&rtxn)?;
    milli::settings(index, &rtxn)?;
    Ok(Ok(index.stats(&rtxn)?))
}

fn corrupted(reason: String) -> Error {
    index_snapshot::Error::Corrupted { reason }.into()
}

/// Shows the bytes that pass as a counter of KiB under the running step, and passes the cancel flag on.
struct JobMonitor<'a> {
    job: &'a Job<'a>,
    /// Bytes of `data.mdb`, once known.
    total: OnceLock<u64>,
    passed_bytes: AtomicU64,
    counter: OnceLock<Arc<AtomicU32>>,
}

impl<'a> JobMonitor<'a> {
    fn new(job: &'a Job<'a>) -> JobMonitor<'a> {
        let (total, counter) = Default::default();
        JobMonitor { job, total, passed_bytes: AtomicU64::new(0), counter }
    }
}

impl Monitor for JobMonitor<'_> {
    fn must_stop(&self) -> bool {
        self.job.pass(Fault::WhileCopying).is_err()
    }

    fn total(&self, bytes: u64) {
        let _ = self.total.set(bytes);
        let (counter, step) = AtomicStep::new("KiB", kib(bytes));
        if self.counter.set(counter).is_ok() {
            self.job.progress.update(step);
        }
    }

    fn advance(&self, bytes: u64) {
        let passed = self.passed_bytes.fetch_add(bytes, Ordering::Relaxed) + bytes;
        if let Some(counter) = self.counter.get() {
            counter.store(kib(passed), Ordering::Relaxed);
        }
    }
}

/// KiB, rounded up: the counters of progress are 32 bits wide.
fn kib(bytes: u64) -> u32 {
    u32::try_from(bytes.div_ceil(1024)).unwrap_or(u32::MAX)
}
