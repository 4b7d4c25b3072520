//! Tasks and batches as they are shown: what is stored, with what runs laid over it (tasks.md 3).

use meilisearch_types::batches::Batch;
use meilisearch_types::tasks::{BatchId, Status, Task, TaskId};
use roaring::RoaringBitmap;

use crate::IndexScheduler;
use crate::error::{Error, Result};
use crate::queue::filter::{IndexFilter, Query, View, page};

impl IndexScheduler {
    /// The tasks to show and how many match without limit and key.
    ///
    /// # Errors
    /// The queue cannot be read.
    pub fn tasks(&self, query: &Query, filter: IndexFilter<'_>) -> Result<(Vec<Task>, u64)> {
        self.view(|view| {
            let matching = view.task_uids(query)?;
            let shown = RoaringBitmap::from_iter(page(&matching, query));
            let shown = page(&view.visible_tasks(shown, query, filter)?, query);
            let tasks =
                shown.into_iter().map(|uid| shown_task(view, uid)).collect::<Result<_>>()?;
            Ok((tasks, matching.len()))
        })
    }

    /// One task.
    ///
    /// # Errors
    /// There is none of that uid, or the queue cannot be read.
    pub fn task(&self, uid: TaskId) -> Result<Task> {
        self.view(|view| match view.queue.task(view.rtxn, uid)? {
            Some(_) => shown_task(view, uid),
            None => Err(Error::TaskNotFound(uid)),
        })
    }

    /// All tasks that match and may be seen, for tasks about tasks.
    ///
    /// # Errors
    /// The queue cannot be read.
    pub fn task_uids(&self, query: &Query, filter: IndexFilter<'_>) -> Result<RoaringBitmap> {
        self.view(|view| view.visible_tasks(view.task_uids(query)?, query, filter))
    }

    /// The batches to show and how many match without limit and key.
    ///
    /// # Errors
    /// The queue cannot be read.
    pub fn batches(&self, query: &Query, filter: IndexFilter<'_>) -> Result<(Vec<Batch>, u64)> {
        self.view(|view| {
            let matching = view.batch_uids(query)?;
            let shown = RoaringBitmap::from_iter(page(&matching, query));
            let shown = page(&view.visible_batches(shown, query, filter)?, query);
            let batches =
                shown.into_iter().map(|uid| shown_batch(view, uid)).collect::<Result<_>>()?;
            Ok((batches, matching.len()))
        })
    }

    /// One batch.
    ///
    /// # Errors
    /// There is none of that uid, or the queue cannot be read.
    pub fn batch(&self, uid: BatchId) -> Result<Batch> {
        self.view(|view| shown_batch(view, uid))
    }

    pub(crate) fn view<T>(&self, look: impl FnOnce(&View<'_>) -> Result<T>) -> Result<T> {
        let now = self.shared.processing.now();
        let rtxn = self.shared.queue.read_txn()?;
        look(&View::new(&self.shared.queue, &rtxn, now)?)
    }
}

/// A task with what runs laid over it.
fn shown_task(view: &View<'_>, uid: TaskId) -> Result<Task> {
    let mut task = view.queue.listed_task(view.rtxn, uid)?;
    if let Some(running) = view.running_batch_of(uid) {
        task.status = Status::Processing;
        task.batch_uid = Some(running.uid());
        task.started_at = Some(running.batch.started_at);
    }
    Ok(task)
}

/// A batch, running or stored.
pub(crate) fn shown_batch(view: &View<'_>, uid: BatchId) -> Result<Batch> {
    match view.running.get(&uid) {
        Some(running) => {
            let mut batch = running.batch.clone();
            batch.progress = Some(running.progress.view());
            batch.stats.progress_trace = running.progress.durations();
            batch.embedder_stats = running.embedder_requests.stats();
            Ok(batch)
        }
        None => view.queue.batch(view.rtxn, uid)?.ok_or(Error::BatchNotFound(uid)),
    }
}
