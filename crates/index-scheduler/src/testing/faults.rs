//! Named points of the run of a batch at which a test may fail, panic, or look at the disk. In
//! other builds they cost nothing and do nothing.

use crate::error::Result;
use crate::processing::{
    DumpCreationProgress, SingleIndexSnapshotCreationProgress, SingleIndexSnapshotImportProgress,
    SnapshotCreationProgress,
};

/// A point in the run of a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// The batch is chosen and not published yet.
    BeforePublish,
    /// The batch is published and nothing is done yet.
    BeforeRun,
    /// A step of the creation of a single-index snapshot begins.
    Creation(SingleIndexSnapshotCreationProgress),
    /// A step of the import of a single-index snapshot begins.
    Import(SingleIndexSnapshotImportProgress),
    /// A step of the creation of a snapshot of the whole instance begins.
    InstanceSnapshot(SnapshotCreationProgress),
    /// The archive of the whole instance is complete and has no name yet.
    BeforePublishInstanceSnapshot,
    /// The next request of an export is about to be tried.
    BeforeExportRequest,
    /// A step of the creation of a dump begins.
    Dump(DumpCreationProgress),
    /// The next mebibyte of an index is about to be copied, in either direction.
    WhileCopying,
    /// The sum of an archive has its name and the archive has none yet.
    BetweenNames,
    /// An index was changed and its own transaction is not committed.
    BeforeIndexCommit,
    /// The transaction of the index is committed and the outcome is not.
    AfterIndexCommit,
    /// The work is done and the outcome is not written.
    BeforeCommit,
    /// The outcome and what changes for the indexes are written and not committed.
    BeforeQueueCommit,
    /// They are committed, and directories of indexes still have their markers.
    AfterQueueCommit,
    /// The outcome is written and files that it leaves over are still there.
    AfterCommit,
}

impl From<SingleIndexSnapshotCreationProgress> for Fault {
    fn from(step: SingleIndexSnapshotCreationProgress) -> Fault {
        Fault::Creation(step)
    }
}

impl From<SingleIndexSnapshotImportProgress> for Fault {
    fn from(step: SingleIndexSnapshotImportProgress) -> Fault {
        Fault::Import(step)
    }
}

impl From<SnapshotCreationProgress> for Fault {
    fn from(step: SnapshotCreationProgress) -> Fault {
        Fault::InstanceSnapshot(step)
    }
}

/// What a test does at the points.
#[derive(Default)]
pub(crate) struct Faults {
    #[cfg(test)]
    hook: std::sync::Mutex<Option<Hook>>,
}

#[cfg(test)]
type Hook = std::sync::Arc<dyn Fn(Fault) -> Result<()> + Send + Sync>;

impl Faults {
    /// Passes a point.
    #[cfg(not(test))]
    pub(crate) fn hit(&self, _: Fault) -> Result<()> {
        Ok(())
    }

    /// Passes a point.
    #[cfg(test)]
    pub(crate) fn hit(&self, fault: Fault) -> Result<()> {
        let hook = self.hook.lock().unwrap().clone();
        hook.map_or(Ok(()), |hook| hook(fault))
    }

    /// Passes a point at which nothing can go wrong any more.
    pub(crate) fn pass(&self, fault: Fault) {
        let _ = self.hit(fault);
    }

    /// Sets what happens at the points from now on.
    #[cfg(test)]
    pub(crate) fn set(&self, hook: impl Fn(Fault) -> Result<()> + Send + Sync + 'static) {
        *self.hook.lock().unwrap() = Some(std::sync::Arc::new(hook));
    }

    /// Nothing happens at the points from now on.
    #[cfg(test)]
    pub(crate) fn clear(&self) {
        *self.hook.lock().unwrap() = None;
    }
}
