//! Changes of settings (tasks.md 10): all tasks of the batch are merged in their order and applied
//! once, so they succeed or fail together.

use meilisearch_types::settings::Settings;
use meilisearch_types::tasks::{Details, KindWithContent, Status, Task};
use milli::RwTxn;
use milli::indexing::apply_settings;

use super::index_batch::IndexBatch;
use super::process_documents;
use crate::error::Result;
use crate::processing::SettingsProgress;

/// Applies the settings of all tasks.
pub(super) fn apply(
    batch: &IndexBatch<'_>,
    wtxn: &mut RwTxn<'_>,
    mut tasks: Vec<Task>,
) -> Result<Vec<Task>> {
    let progress = batch.context.progress;
    progress.update(SettingsProgress::RetrievingAndMergingTheSettings);
    let mut merged = Settings::default();
    for task in &mut tasks {
        let KindWithContent::SettingsUpdate { new_settings, .. } = &task.kind else { continue };
        merged.merge((**new_settings).clone());
        task.status = Status::Succeeded;
        task.details = Some(Details::SettingsUpdate { settings: new_settings.clone() });
    }
    progress.update(SettingsProgress::ApplyTheSettings);
    apply_settings(batch.index, wtxn, &merged, &batch.context)
        .map_err(|error| batch.error(error))?;
    Ok(tasks)
}

/// Deletes all documents, then applies the settings.
pub(super) fn clear_and_apply(
    batch: &IndexBatch<'_>,
    wtxn: &mut RwTxn<'_>,
    tasks: Vec<Task>,
) -> Result<Vec<Task>> {
    let (settings, cleared): (Vec<_>, Vec<_>) = tasks
        .into_iter()
        .partition(|task| matches!(task.kind, KindWithContent::SettingsUpdate { .. }));
    let cleared = process_documents::clear(batch, wtxn, cleared)?;
    let mut tasks = apply(batch, wtxn, settings)?;
    tasks.extend(cleared);
    Ok(tasks)
}
