//! What runs right now: several batches at once, each with its own progress and cancel flag, and
//! the steps that their progress goes through (tasks.md 16, index-snapshots.md 4.4).
//!
//! Only memory holds this. On disk a running task is still enqueued, so a killed server runs it
//! again; views put what is here on top of what is stored.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use embedders::RequestCounters;
use meilisearch_types::batches::Batch;
use meilisearch_types::progress::Progress;
use meilisearch_types::progress_steps;
use meilisearch_types::tasks::{BatchId, Kind, Task};
use roaring::RoaringBitmap;

progress_steps! {
    /// The whole of a batch.
    pub(crate) enum BatchProgress {
        ProcessingTasks => "processing tasks",
        WritingTasksToDisk => "writing tasks to disk",
    }
}

progress_steps! {
    /// Cancelation of tasks.
    pub(crate) enum TaskCancelationProgress {
        RetrievingTasks => "retrieving tasks",
        CancelingUpgrade => "canceling upgrade",
        CleaningCompactionLeftover => "cleaning compaction leftover",
        UpdatingTasks => "updating tasks",
    }
}

progress_steps! {
    /// Deletion of tasks.
    pub(crate) enum TaskDeletionProgress {
        RetrievingTasks => "retrieving tasks",
        RetrievingBatchTasks => "retrieving batch tasks",
        DeletingTasksDateTime => "deleting tasks date time",
        DeletingBatchesDateTime => "deleting batches date time",
        DeletingTasksMetadata => "deleting tasks metadata",
        DeletingBatchesMetadata => "deleting batches metadata",
        DeletingTasks => "deleting tasks",
        DeletingBatches => "deleting batches",
    }
}

progress_steps! {
    /// Creation of an index.
    pub(crate) enum IndexCreationProgress { CreatingTheIndex => "creating the index" }
}

progress_steps! {
    /// Change of an index's primary key or name.
    pub(crate) enum IndexUpdateProgress { UpdatingTheIndex => "updating the index" }
}

progress_steps! {
    /// Deletion of an index.
    pub(crate) enum IndexDeletionProgress { DeletingTheIndex => "deleting the index" }
}

progress_steps! {
    /// Compaction of an index.
    pub(crate) enum IndexCompactionProgress {
        RetrieveTheIndex => "retrieve the index",
        CreateTemporaryFile => "create temporary file",
        CopyAndCompactTheIndex => "copy and compact the index",
        PersistTheCompactedIndex => "persist the compacted index",
        CloseTheIndex => "close the index",
        ReopenTheIndex => "reopen the index",
    }
}

progress_steps! {
    /// Creation of a snapshot of the whole instance.
    pub(crate) enum SnapshotCreationProgress {
        StartTheSnapshotCreation => "start the snapshot creation",
        SnapshotTheIndexScheduler => "snapshot the index scheduler",
        SnapshotTheUpdateFiles => "snapshot the update files",
        SnapshotTheIndexes => "snapshot the indexes",
        SnapshotTheApiKeys => "snapshot the api keys",
        CreateTheTarball => "create the tarball",
    }
}

progress_steps! {
    /// Swap of indexes.
    pub(crate) enum SwapProgress {
        EnsuringCorrectness => "ensuring correctness of the swap",
        SwappingTheIndexes => "swapping the indexes",
    }
}

progress_steps! {
    /// What the swap of two names does to the queue.
    pub(crate) enum InnerSwapProgress {
        RetrieveTheTasks => "retrieve the tasks",
        UpdateTheTasks => "update the tasks",
        UpdateTheIndexesMetadata => "update the indexes metadata",
    }
}

progress_steps! {
    /// Change of settings.
    pub(crate) enum SettingsProgress {
        RetrievingAndMergingTheSettings => "retrieving and merging the settings",
        ApplyTheSettings => "apply the settings",
    }
}

progress_steps! {
    /// The end of a batch on an index.
    pub(crate) enum FinalizingIndexProgress {
        Committing => "committing",
        ComputingStats => "computing stats",
    }
}

progress_steps! {
    /// Creation of a single-index snapshot.
    pub(crate) enum SingleIndexSnapshotCreationProgress {
        StartTheSnapshotCreation => "start the snapshot creation",
        CopyAndCompressTheIndex => "copy and compress the index",
        SyncTheArchive => "sync the archive",
        CheckTheArchive => "check the archive",
        PersistTheSnapshot => "persist the snapshot",
    }
}

progress_steps! {
    /// Import of a single-index snapshot.
    pub(crate) enum SingleIndexSnapshotImportProgress {
        ReadTheManifest => "read the manifest",
        CheckTheCompatibility => "check the compatibility",
        ExtractTheIndex => "extract the index",
        VerifyTheChecksums => "verify the checksums",
        OpenTheIndex => "open the index",
        RegisterTheIndex => "register the index",
    }
}

progress_steps! {
    /// Creation of a dump.
    pub(crate) enum DumpCreationProgress {
        StartTheDumpCreation => "start the dump creation",
        DumpTheApiKeys => "dump the api keys",
        DumpTheChatCompletionSettings => "dump the chat completion settings",
        DumpTheTasks => "dump the tasks",
        DumpTheBatches => "dump the batches",
        DumpTheIndexes => "dump the indexes",
        DumpTheExperimentalFeatures => "dump the experimental features",
        DumpTheWebhooks => "dump the webhooks",
        // Rules are documents of an index; the step is kept for the length of the list.
        DumpDynamicSearchRules => "dump dynamic search rules",
        CompressTheDump => "compress the dump",
    }
}

/// Asks a running batch to stop. Clones share the flag.
#[derive(Debug, Clone, Default)]
pub(crate) struct CancelFlag(Arc<AtomicBool>);

impl CancelFlag {
    /// Asks to stop.
    pub(crate) fn raise(&self) {
        self.0.store(true, Ordering::Release);
    }

    /// Whether somebody asked to stop.
    pub(crate) fn is_raised(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }
}

/// Where a batch runs, which says what may run beside it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Lane {
    /// Changes only the queue; nothing is started while one runs.
    Queue,
    /// Changes an index; one at a time.
    Main,
    /// A side job; as many as the option allows.
    Side,
}

/// A batch that runs.
#[derive(Debug)]
pub(crate) struct RunningBatch {
    pub(crate) lane: Lane,
    pub(crate) tasks: RoaringBitmap,
    /// What views show of it until it is stored.
    pub(crate) batch: Batch,
    pub(crate) kinds: BTreeSet<Kind>,
    /// Every index uid that its tasks are listed under.
    pub(crate) indexes: BTreeSet<String>,
    pub(crate) progress: Progress,
    /// Counts what its indexing sends to providers of vectors.
    pub(crate) embedder_requests: RequestCounters,
    pub(crate) cancel: CancelFlag,
}

impl RunningBatch {
    /// A batch about to start with these tasks.
    pub(crate) fn new(lane: Lane, batch: Batch, tasks: &[Task]) -> RunningBatch {
        RunningBatch {
            lane,
            tasks: tasks.iter().map(|task| task.uid).collect(),
            batch,
            kinds: tasks.iter().map(Task::kind).collect(),
            indexes: tasks.iter().flat_map(Task::indexes).map(str::to_owned).collect(),
            progress: Progress::default(),
            embedder_requests: RequestCounters::default(),
            cancel: CancelFlag::default(),
        }
    }

    pub(crate) fn uid(&self) -> BatchId {
        self.batch.uid
    }
}

/// All batches that run. Clones share the set.
#[derive(Clone, Default)]
pub(crate) struct Processing {
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    batches: Mutex<BTreeMap<BatchId, Arc<RunningBatch>>>,
    ended: Condvar,
}

/// The batches that ran at one moment, by uid. Take it before the read transaction that it is laid
/// over: a batch that ends in between is then stored already, and what is stored wins.
pub(crate) type RunningSet = BTreeMap<BatchId, Arc<RunningBatch>>;

impl Processing {
    /// What runs at this moment.
    pub(crate) fn now(&self) -> RunningSet {
        self.lock().clone()
    }

    /// Publishes a batch.
    pub(crate) fn start(&self, batch: Arc<RunningBatch>) {
        self.lock().insert(batch.uid(), batch);
    }

    /// Takes a batch away; only after its outcome is committed or given up.
    pub(crate) fn end(&self, uid: BatchId) {
        self.lock().remove(&uid);
        self.shared.ended.notify_all();
    }

    /// Asks every batch that holds one of these tasks to stop.
    pub(crate) fn cancel_tasks(&self, tasks: &RoaringBitmap) {
        for batch in self.lock().values() {
            if !batch.tasks.is_disjoint(tasks) {
                batch.cancel.raise();
            }
        }
    }

    /// Asks every batch to stop.
    pub(crate) fn cancel_all(&self) {
        self.lock().values().for_each(|batch| batch.cancel.raise());
    }

    /// The batches that run beside one.
    pub(crate) fn others(&self, own: &RunningBatch) -> Older {
        let mut batches = self.now();
        batches.remove(&own.uid());
        Older { processing: self.clone(), batches }
    }

    /// Waits until nothing runs; false when that takes longer.
    pub(crate) fn wait_until_idle(&self, timeout: Duration) -> bool {
        let deadline = Instant::now() + timeout;
        let mut batches = self.lock();
        while !batches.is_empty() {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return false;
            }
            let waited = self.shared.ended.wait_timeout(batches, left);
            batches = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        true
    }

    fn lock(&self) -> MutexGuard<'_, RunningSet> {
        // Every change leaves the map whole, so a panic elsewhere cannot have broken it.
        self.shared.batches.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Batches that ran at one moment, to be outlived.
#[derive(Clone, Default)]
pub(crate) struct Older {
    processing: Processing,
    batches: RunningSet,
}

impl Older {
    /// Those of them that read payload files which other batches may make superfluous meanwhile.
    pub(crate) fn readers_of_payloads(mut self) -> Older {
        self.batches.retain(|_, batch| {
            [Kind::SnapshotCreation, Kind::DumpCreation]
                .iter()
                .any(|kind| batch.kinds.contains(kind))
        });
        self
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.batches.is_empty()
    }

    /// Waits until none of them runs any more.
    pub(crate) fn wait(&self) {
        let mut now = self.processing.lock();
        while self
            .batches
            .iter()
            .any(|(uid, old)| now.get(uid).is_some_and(|b| Arc::ptr_eq(b, old)))
        {
            let ended = self.processing.shared.ended.wait(now);
            now = ended.unwrap_or_else(PoisonError::into_inner);
        }
    }
}

/// Every running task.
pub(crate) fn running_tasks(running: &RunningSet) -> RoaringBitmap {
    running.values().fold(RoaringBitmap::new(), |all, batch| all | &batch.tasks)
}
