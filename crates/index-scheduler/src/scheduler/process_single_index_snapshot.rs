//! The two tasks of single-index snapshots (index-snapshots.md 5 and 6).

use std::path::Path;

use meilisearch_types::not_implemented::NotImplemented;
use meilisearch_types::tasks::{Details, KindWithContent, Task};

use super::side_jobs::{Job, JobOutcome};
use crate::error::Result;
use crate::queue::register::Registration;

/// Writes an archive of the index.
pub(crate) fn create(job: &Job<'_>) -> JobOutcome {
    not_built(job.task)
}

/// Makes an index out of an archive.
pub(crate) fn import(job: &Job<'_>) -> JobOutcome {
    not_built(job.task)
}

/// Fixes the uid of a snapshot that is being registered and gives its first details.
pub(crate) fn complete(
    kind: &mut KindWithContent,
    _registration: &Registration<'_, '_>,
    _snapshots_path: &Path,
) -> Result<Option<Details>> {
    Err(NotImplemented::TaskKind(kind.kind()).into())
}

/// Removes what an earlier run of a task left that is canceled now.
pub(crate) fn discard(_task: &Task, _snapshots_path: &Path) {}

/// Start-up: removes what a killed server left half done in the snapshot directory.
pub(crate) fn clean_up(_snapshots_path: &Path) {}

fn not_built(task: &Task) -> JobOutcome {
    let error = NotImplemented::TaskKind(task.kind());
    JobOutcome { details: task.details.clone(), result: Err(error.into()) }
}
