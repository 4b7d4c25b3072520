//! Document operations (tasks.md 10): imports with the deletions among them, deletions alone, and
//! deletion of everything.

use file_store::Payload;
use meilisearch_types::error::ResponseError;
use meilisearch_types::tasks::{
    Details, DocumentMethod, KindWithContent, MissingDocument as TaskMissingDocument, Status, Task,
};
use milli::indexing::{
    DocumentDeletionStep, DocumentImportStep, MissingDocument, Operation, clear_documents,
    index_documents,
};
use milli::query::filter::Filter;
use milli::{RwTxn, Schema};
use roaring::RoaringBitmap;
use serde_json::Value;

use super::fail;
use super::index_batch::IndexBatch;
use crate::error::{Error, Result};

/// Imports, and the deletions that came between them. A fault of its own documents fails only its
/// task; everything else, a bad filter included, fails the batch.
pub(super) fn import(
    batch: &IndexBatch<'_>,
    wtxn: &mut RwTxn<'_>,
    mut tasks: Vec<Task>,
) -> Result<Vec<Task>> {
    let progress = batch.context.progress;
    progress.update(DocumentImportStep::RetrievingConfig);
    let payloads = tasks
        .iter()
        .map(|task| task.content_uuid().map(|uuid| batch.shared.file_store.read(uuid)).transpose())
        .collect::<Result<Vec<_>, _>>()?;
    let operations = tasks
        .iter()
        .zip(&payloads)
        .map(|(task, payload)| operation(batch, wtxn, &task.kind, payload.as_ref()))
        .collect::<Result<Vec<_>>>()?;
    let first_import = tasks.iter().find_map(|task| match &task.kind {
        KindWithContent::DocumentAdditionOrUpdate { primary_key, .. } => Some(primary_key.clone()),
        _ => None,
    });
    progress.update(DocumentImportStep::ComputingDocumentChanges);
    run(batch, wtxn, &operations, first_import.flatten().as_deref())?.report(&mut tasks);
    Ok(tasks)
}

/// Deletions only. A bad filter fails its task alone.
pub(super) fn delete(
    batch: &IndexBatch<'_>,
    wtxn: &mut RwTxn<'_>,
    mut tasks: Vec<Task>,
) -> Result<Vec<Task>> {
    let progress = batch.context.progress;
    progress.update(DocumentDeletionStep::RetrievingConfig);
    let kinds: Vec<_> = tasks.iter().map(|task| task.kind.clone()).collect();
    let mut operations = Vec::with_capacity(tasks.len());
    for (task, kind) in tasks.iter_mut().zip(&kinds) {
        operations.push(match operation(batch, wtxn, kind, None) {
            Ok(operation) => operation,
            Err(error @ Error::Filter { .. }) => {
                fail(task, ResponseError::from(error));
                Operation::DeleteByDocids(RoaringBitmap::new())
            }
            Err(error) => return Err(error),
        });
    }
    progress.update(DocumentDeletionStep::DeleteDocuments);
    run(batch, wtxn, &operations, None)?.report(&mut tasks);
    Ok(tasks)
}

/// Deletes all documents. The first task that clears counts them; what it absorbed is done and
/// counts nothing.
pub(super) fn clear(
    batch: &IndexBatch<'_>,
    wtxn: &mut RwTxn<'_>,
    mut tasks: Vec<Task>,
) -> Result<Vec<Task>> {
    let mut count = clear_documents(batch.index, wtxn).map_err(|error| batch.error(error))?;
    for task in &mut tasks {
        task.status = Status::Succeeded;
        if let Some(Details::ClearAll { deleted_documents }) = &mut task.details {
            *deleted_documents = Some(std::mem::take(&mut count));
        }
    }
    Ok(tasks)
}

/// What became of each operation.
struct Outcomes(Vec<milli::indexing::OperationOutcome>);

fn run(
    batch: &IndexBatch<'_>,
    wtxn: &mut RwTxn<'_>,
    operations: &[Operation<'_>],
    primary_key: Option<&str>,
) -> Result<Outcomes> {
    let outcomes = index_documents(batch.index, wtxn, operations, primary_key, &batch.context);
    Ok(Outcomes(outcomes.map_err(|error| batch.error(error))?))
}

impl Outcomes {
    /// Writes the outcomes into the tasks that have none yet.
    fn report(self, tasks: &mut [Task]) {
        let waiting = |task: &Task| task.status == Status::Enqueued;
        for (task, outcome) in tasks.iter_mut().zip(self.0).filter(|(task, _)| waiting(task)) {
            if let Some(error) = outcome.error {
                fail(task, ResponseError::from(error));
                continue;
            }
            task.status = Status::Succeeded;
            if let Some(
                Details::DocumentAdditionOrUpdate { indexed_documents: count, .. }
                | Details::DocumentDeletion { deleted_documents: count, .. }
                | Details::DocumentDeletionByFilter { deleted_documents: count, .. },
            ) = &mut task.details
            {
                *count = Some(outcome.count);
            }
        }
    }
}

/// A task in the terms of the engine. Filters are evaluated here, so on the index as it was before
/// the batch.
fn operation<'a>(
    batch: &IndexBatch<'_>,
    wtxn: &RwTxn<'_>,
    kind: &'a KindWithContent,
    payload: Option<&'a Payload>,
) -> Result<Operation<'a>> {
    Ok(match kind {
        KindWithContent::DocumentAdditionOrUpdate { method, on_missing_document, .. } => {
            let payload = payload.map(Payload::as_bytes).unwrap_or_default();
            let on_missing = match on_missing_document {
                TaskMissingDocument::Create => MissingDocument::Create,
                TaskMissingDocument::Skip => MissingDocument::Skip,
            };
            match method {
                DocumentMethod::ReplaceDocuments => Operation::Replace { payload, on_missing },
                DocumentMethod::UpdateDocuments => Operation::Update { payload, on_missing },
            }
        }
        KindWithContent::DocumentDeletion { documents_ids, .. } => {
            Operation::DeleteByIds(documents_ids)
        }
        KindWithContent::DocumentDeletionByFilter { filter_expr, .. } => {
            Operation::DeleteByDocids(matching(batch, wtxn, filter_expr)?)
        }
        other => {
            let error = format!("a task of type `{}` is in a batch of documents", other.kind());
            return Err(Error::CorruptedQueue(error));
        }
    })
}

fn matching(batch: &IndexBatch<'_>, wtxn: &RwTxn<'_>, filter: &Value) -> Result<RoaringBitmap> {
    let features = batch.shared.features.effective();
    let evaluate = || {
        let Some(filter) = Filter::from_json(filter)? else { return Ok(RoaringBitmap::new()) };
        let schema = Schema::load(batch.index, wtxn)?;
        filter.evaluate(batch.index, wtxn, &schema, &features)
    };
    evaluate().map_err(|error| match error {
        milli::Error::Filter(error) => Error::Filter { uid: batch.uid.to_owned(), source: error },
        error => batch.error(error),
    })
}
