//! What monitoring needs of the queue: its state at one moment, and a call for every task that ended
//! (operations.md 21, tasks.md 24).

use std::sync::OnceLock;

use meilisearch_types::batches::Batch;
use meilisearch_types::tasks::{Kind, Status, Task};
use roaring::RoaringBitmap;
use time::OffsetDateTime;

use crate::IndexScheduler;
use crate::error::Result;
use crate::queue::filter::View;
use crate::views::shown_batch;

/// Kinds that change documents one by one.
const DOCUMENT_KINDS: [Kind; 3] =
    [Kind::DocumentAdditionOrUpdate, Kind::DocumentEdition, Kind::DocumentDeletion];

type TaskCallback = Box<dyn Fn(&Task) + Send + Sync>;

/// Who is told of tasks that ended.
#[derive(Default)]
pub(crate) struct Observer(OnceLock<TaskCallback>);

impl Observer {
    /// To be called once the end of the tasks is committed.
    pub(crate) fn ended(&self, tasks: &[Task]) {
        if let Some(observer) = self.0.get() {
            tasks.iter().for_each(observer);
        }
    }
}

/// The queue at one moment.
#[derive(Debug)]
pub struct QueueState {
    /// Number of tasks of every status, as views show it.
    pub statuses: Vec<(Status, u64)>,
    /// Number of tasks of every kind.
    pub kinds: Vec<(Kind, u64)>,
    /// Number of tasks listed under each index.
    pub indexes: Vec<(String, u64)>,
    /// When the oldest task that waits or runs was registered.
    pub oldest_unfinished: Option<OffsetDateTime>,
    /// What runs, with its progress.
    pub running: Vec<Batch>,
    /// The newest batch that succeeded or failed.
    pub last_finished: Option<Batch>,
    /// The newest batch that succeeded and changed documents.
    pub last_documents: Option<Batch>,
    /// Size of the queue's memory map.
    pub map_size_bytes: u64,
    /// Bytes of it that are in use.
    pub used_bytes: u64,
    /// Bytes that may still be used before new tasks are refused.
    pub room_bytes: u64,
}

impl IndexScheduler {
    /// Lets `observer` see every task right after its end is committed. It is called by the threads
    /// that run batches, so it has to be quick. The first observer stays.
    pub fn observe_ended_tasks(&self, observer: impl Fn(&Task) + Send + Sync + 'static) {
        let set = self.shared.observer.0.set(Box::new(observer));
        debug_assert!(set.is_ok(), "there is an observer already");
    }

    /// The queue at this moment.
    ///
    /// # Errors
    /// The queue cannot be read.
    pub fn queue_state(&self) -> Result<QueueState> {
        let queue = &self.shared.queue;
        self.view(|view| {
            let tasks = &queue.tables().tasks;
            let mut statuses = Vec::new();
            for status in Status::ALL {
                statuses.push((status, view.tasks_of_status(status)?.len()));
            }
            let mut kinds = Vec::new();
            for kind in Kind::ALL {
                kinds.push((*kind, tasks.kind.get(view.rtxn, &kind.number())?.len()));
            }
            let mut indexes = Vec::new();
            for entry in tasks.index.database().iter(view.rtxn)? {
                let (index, uids) = entry?;
                indexes.push((index.to_owned(), uids.len()));
            }
            let oldest = queue.enqueued(view.rtxn)?.min();
            let oldest = oldest.map(|uid| queue.listed_task(view.rtxn, uid)).transpose()?;
            let running = view.running.keys().map(|uid| shown_batch(view, *uid));
            let succeeded = batches_of_status(view, Status::Succeeded)?;
            let finished = &succeeded | batches_of_status(view, Status::Failed)?;
            let mut documents = RoaringBitmap::new();
            for kind in DOCUMENT_KINDS {
                documents |= queue.tables().batches.kind.get(view.rtxn, &kind.number())?;
            }
            Ok(QueueState {
                statuses,
                kinds,
                indexes,
                oldest_unfinished: oldest.map(|task| task.enqueued_at),
                running: running.collect::<Result<_>>()?,
                last_finished: newest(view, &finished)?,
                last_documents: newest(view, &(documents & succeeded))?,
                map_size_bytes: queue.env().info().map_size as u64,
                used_bytes: queue.used_bytes()?,
                room_bytes: queue.room_bytes()?,
            })
        })
    }
}

fn batches_of_status(view: &View<'_>, status: Status) -> Result<RoaringBitmap> {
    view.queue.tables().batches.status.get(view.rtxn, &status.number())
}

fn newest(view: &View<'_>, batches: &RoaringBitmap) -> Result<Option<Batch>> {
    Ok(batches.max().map(|uid| view.queue.batch(view.rtxn, uid)).transpose()?.flatten())
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;
    use crate::testing::TestScheduler;

    #[test]
    fn the_state_counts_what_waits_runs_and_ended() {
        let scheduler = TestScheduler::new();
        let empty = scheduler.queue_state().unwrap();
        assert_eq!(empty.statuses.len(), Status::ALL.len());
        assert!(empty.oldest_unfinished.is_none() && empty.last_finished.is_none());
        assert_eq!(empty.room_bytes, empty.map_size_bytes * 40 / 100 - empty.used_bytes);

        let ended: Arc<Mutex<Vec<(u32, Status)>>> = Arc::default();
        let seen = Arc::clone(&ended);
        scheduler.observe_ended_tasks(move |task| {
            assert!(task.finished_at >= task.started_at && task.batch_uid.is_some());
            seen.lock().unwrap().push((task.uid, task.status));
        });
        scheduler.add("films", r#"{"id":1}"#);
        scheduler.create("films");
        scheduler.create("books");
        scheduler.step();
        scheduler.step();
        let running = scheduler.plan().unwrap();
        let state = scheduler.queue_state().unwrap();
        let count = |status| state.statuses.iter().find(|(it, _)| *it == status).unwrap().1;
        assert_eq!((count(Status::Succeeded), count(Status::Failed)), (1, 1));
        assert_eq!((count(Status::Processing), count(Status::Enqueued)), (1, 0));
        assert_eq!(state.indexes, [("books".into(), 1), ("films".into(), 2)]);
        assert!(state.kinds.contains(&(Kind::IndexCreation, 2)));
        assert_eq!(state.running[0].uid, 2);
        assert!(state.running[0].progress.is_some());
        assert_eq!(state.last_finished.unwrap().uid, 1);
        assert_eq!(state.last_documents.unwrap().uid, 0);
        let waits_since = scheduler.task(2).unwrap().enqueued_at;
        assert_eq!(state.oldest_unfinished, Some(waits_since));
        scheduler.finish(running);
        assert_eq!(
            *ended.lock().unwrap(),
            [(0, Status::Succeeded), (1, Status::Failed), (2, Status::Succeeded)]
        );
    }
}
