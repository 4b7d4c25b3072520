//! Which batch comes next: a view of the queue and what runs → at most one batch to start
//! (tasks.md 7, index-snapshots.md 4.3). Pure: it reads the view and changes nothing.
//!
//! First rule that finds something wins:
//!
//! | Rule | Tasks | Batch | Lane |
//! |---|---|---|---|
//! | 0 | cancelation | the one with the greatest uid; waits for the running batches that it names | queue |
//! | 1 to 3 | upgrade, topology change, task deletion | see the chapter | queue |
//! | 4 | compaction | the one with the lowest uid that may start | main |
//! | 5 | export | the one with the lowest uid; no index may change meanwhile | main |
//! | 6 | instance snapshot | all together; no index may change meanwhile | main |
//! | 7 | dump | the one with the lowest uid; no index may change meanwhile | main |
//! | jobs | single-index snapshots whose predecessors are done | one task | side |
//! | 8 | the rest, lowest uid first | the autobatch of its index | main |
//!
//! Within an index tasks run strictly by uid. A snapshot that runs or waits blocks every younger
//! task of its index, and a blocked task blocks the younger tasks of every index it is listed
//! under. While a snapshot waits for older tasks, every second batch of rule 8 is taken from its
//! closure: those older tasks, and the older ones of the indexes that they name.

use std::collections::BTreeMap;

use meilisearch_types::tasks::{Kind, KindWithContent, Task, TaskId};
use roaring::RoaringBitmap;

use super::autobatcher::{Autobatch, BatchKind, autobatch};
use super::stop_reason::StopReason;
use crate::error::Result;
use crate::processing::{Lane, RunningSet};
use crate::queue::filter::View;

/// What a batch is to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Work {
    Cancelation,
    TaskDeletion,
    /// A snapshot of the whole instance.
    InstanceSnapshot,
    /// Kinds that this version cannot run: their tasks fail.
    NotBuilt,
    /// A single-index snapshot.
    SideJob,
    /// What the autobatcher made of the tasks of an index.
    Index {
        uid: String,
        kind: BatchKind,
        must_create_index: bool,
    },
    /// A swap.
    Swap,
    /// The compaction of an index.
    Compaction,
    /// An export to another instance.
    Export,
    /// A dump. It changes no index, but must see none change.
    Dump,
}

/// The next batch.
#[derive(Debug)]
pub(crate) struct NextBatch {
    pub(crate) work: Work,
    pub(crate) lane: Lane,
    pub(crate) tasks: Vec<Task>,
    pub(crate) stop: StopReason,
    /// Taken for the sake of a waiting snapshot.
    pub(crate) from_closure: bool,
}

/// What limits a batch.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    /// Tasks of one batch.
    pub(crate) tasks: usize,
    /// Bytes of the payloads of one batch.
    pub(crate) payload_bytes: u64,
    /// Side jobs at once.
    pub(crate) side_jobs: usize,
}

/// What the autobatcher needs to know of an index. One that cannot be read exists and has no key:
/// its batch will fail with the reason, unless it deletes the index.
#[derive(Debug, Clone, Default)]
pub(crate) struct IndexFacts {
    pub(crate) exists: bool,
    pub(crate) primary_key: Option<String>,
}

/// What is looked up outside the queue.
pub(crate) trait Facts {
    /// Facts about the index of that uid.
    fn index(&self, uid: &str) -> Result<IndexFacts>;
    /// Bytes of the task's payload file, 0 when it has none.
    fn payload_bytes(&self, task: &Task) -> u64;
}

/// Kinds of side jobs.
const SNAPSHOT_KINDS: [Kind; 2] =
    [Kind::SingleIndexSnapshotCreation, Kind::SingleIndexSnapshotImport];
/// Kinds that rules before the last one take.
const EARLIER_KINDS: [Kind; 8] = [
    Kind::TaskCancelation,
    Kind::UpgradeDatabase,
    Kind::NetworkTopologyChange,
    Kind::TaskDeletion,
    Kind::IndexCompaction,
    Kind::Export,
    Kind::SnapshotCreation,
    Kind::DumpCreation,
];

/// The next batch to start, none when there is none or what runs has to end first. With
/// `serve_closure` the closure of a waiting snapshot goes before the other tasks of rule 8.
pub(crate) fn create_batch(
    view: &View<'_>,
    limits: &Limits,
    facts: &impl Facts,
    serve_closure: bool,
) -> Result<Option<NextBatch>> {
    let lanes = Lanes::of(&view.running);
    if lanes.queue {
        return Ok(None);
    }
    let plan = Plan::new(view)?;
    if let Some(id) = plan.of_kind(Kind::TaskCancelation)?.max() {
        return plan.cancelation(id);
    }
    // Upgrades and topology changes go before all others; neither is built.
    for (kind, all_together) in
        [(Kind::UpgradeDatabase, true), (Kind::NetworkTopologyChange, false)]
    {
        if let Some(next) = plan.whole_kind(kind, all_together, Work::NotBuilt, Lane::Queue)? {
            return Ok(Some(next));
        }
    }
    let deletion = plan.whole_kind(Kind::TaskDeletion, true, Work::TaskDeletion, Lane::Queue)?;
    if let Some(next) = deletion {
        return Ok(Some(next));
    }
    match plan.before_documents()? {
        Some(next) if next.lane != Lane::Main || !lanes.main => return Ok(Some(next)),
        // It waits for the batch that changes an index, and only jobs start meanwhile.
        Some(_) | None => {}
    }
    if lanes.side_jobs < limits.side_jobs
        && let Some(next) = plan.side_job()?
    {
        return Ok(Some(next));
    }
    if lanes.main { Ok(None) } else { plan.index_batch(limits, facts, serve_closure) }
}

/// Which lanes are taken.
struct Lanes {
    queue: bool,
    main: bool,
    side_jobs: usize,
}

impl Lanes {
    fn of(running: &RunningSet) -> Lanes {
        let count = |lane| running.values().filter(|batch| batch.lane == lane).count();
        Lanes {
            queue: count(Lane::Queue) > 0,
            main: count(Lane::Main) > 0,
            side_jobs: count(Lane::Side),
        }
    }
}

struct Plan<'a> {
    view: &'a View<'a>,
    /// Tasks that wait.
    enqueued: RoaringBitmap,
    /// Tasks that wait or run.
    unfinished: RoaringBitmap,
    /// Those of them that are snapshots.
    snapshots: RoaringBitmap,
}

impl<'a> Plan<'a> {
    fn new(view: &'a View<'a>) -> Result<Plan<'a>> {
        let unfinished = view.queue.enqueued(view.rtxn)?;
        let running = crate::processing::running_tasks(&view.running);
        let kinds = &view.queue.tables().tasks.kind;
        let mut snapshots = RoaringBitmap::new();
        for kind in SNAPSHOT_KINDS {
            snapshots |= kinds.get(view.rtxn, &kind.number())? & &unfinished;
        }
        Ok(Plan { view, enqueued: &unfinished - running, unfinished, snapshots })
    }

    fn of_kind(&self, kind: Kind) -> Result<RoaringBitmap> {
        let kinds = &self.view.queue.tables().tasks.kind;
        Ok(kinds.get(self.view.rtxn, &kind.number())? & &self.enqueued)
    }

    fn listed_under(&self, index: &str) -> Result<RoaringBitmap> {
        Ok(self.view.queue.tables().tasks.index.get(self.view.rtxn, index)? & &self.unfinished)
    }

    fn task(&self, id: TaskId) -> Result<Task> {
        self.view.queue.listed_task(self.view.rtxn, id)
    }

    /// Rule 0.
    fn cancelation(&self, id: TaskId) -> Result<Option<NextBatch>> {
        let task = self.task(id)?;
        if let KindWithContent::TaskCancelation { tasks, .. } = &task.kind
            && self.view.running.values().any(|batch| !batch.tasks.is_disjoint(tasks))
        {
            // Their flags are raised; the end of the last of them asks again for a batch.
            return Ok(None);
        }
        Ok(Some(alone(Work::Cancelation, Lane::Queue, task)))
    }

    /// Rule 4: the oldest compaction that may start. It goes before older tasks of its index, but
    /// not where one of them or of the younger ones is a snapshot: there tasks run strictly by uid.
    fn compaction(&self) -> Result<Option<Task>> {
        for id in self.of_kind(Kind::IndexCompaction)? {
            let task = self.task(id)?;
            let mut may_start = true;
            for index in task.indexes() {
                let listed = self.listed_under(index)?;
                may_start &= listed.is_disjoint(&self.snapshots) || listed.min() == Some(id);
            }
            if may_start {
                return Ok(Some(task));
            }
        }
        Ok(None)
    }

    /// Rules 4 to 7.
    fn before_documents(&self) -> Result<Option<NextBatch>> {
        if let Some(task) = self.compaction()? {
            return Ok(Some(alone(Work::Compaction, Lane::Main, task)));
        }
        if let Some(next) = self.whole_kind(Kind::Export, false, Work::Export, Lane::Main)? {
            return Ok(Some(next));
        }
        let snapshot = Kind::SnapshotCreation;
        if let Some(next) = self.whole_kind(snapshot, true, Work::InstanceSnapshot, Lane::Main)? {
            return Ok(Some(next));
        }
        self.whole_kind(Kind::DumpCreation, false, Work::Dump, Lane::Main)
    }

    /// Rules 1 to 3 and 5 to 7: the tasks of a kind, all of them or the one with the lowest uid.
    fn whole_kind(
        &self,
        kind: Kind,
        all: bool,
        work: Work,
        lane: Lane,
    ) -> Result<Option<NextBatch>> {
        let uids = self.of_kind(kind)?;
        let Some(lowest) = uids.min() else { return Ok(None) };
        if !all {
            return Ok(Some(alone(work, lane, self.task(lowest)?)));
        }
        Ok(Some(NextBatch {
            work,
            lane,
            tasks: self.view.queue.listed_tasks(self.view.rtxn, &uids)?,
            stop: StopReason::KindCannotMix { kind },
            from_closure: false,
        }))
    }

    /// The oldest snapshot that has no older unfinished task under its index.
    fn side_job(&self) -> Result<Option<NextBatch>> {
        for id in &self.snapshots & &self.enqueued {
            let task = self.task(id)?;
            let mut is_first = true;
            for index in task.indexes() {
                is_first &= self.listed_under(index)?.min() == Some(id);
            }
            if is_first {
                return Ok(Some(alone(Work::SideJob, Lane::Side, task)));
            }
        }
        Ok(None)
    }

    /// Rule 8.
    fn index_batch(
        &self,
        limits: &Limits,
        facts: &impl Facts,
        serve_closure: bool,
    ) -> Result<Option<NextBatch>> {
        let mut candidates = &self.enqueued - &self.snapshots;
        for kind in EARLIER_KINDS {
            candidates -= self.of_kind(kind)?;
        }
        candidates -= self.blocked()?;
        let urgent = if serve_closure {
            self.closure_of_waiting()? & &candidates
        } else {
            RoaringBitmap::new()
        };
        let Some(first) = urgent.min().or_else(|| candidates.min()) else { return Ok(None) };
        let mut next = self.batch_of(first, limits, facts)?;
        next.from_closure = !urgent.is_empty();
        Ok(Some(next))
    }

    /// Tasks that snapshots hold back.
    fn blocked(&self) -> Result<RoaringBitmap> {
        let mut spread = Spread::new(self, Direction::Younger)?;
        for id in &self.snapshots {
            for index in self.task(id)?.indexes() {
                spread.from(index, id)?;
            }
        }
        Ok(spread.reached)
    }

    /// Older tasks that the first waiting snapshot that has any needs done.
    fn closure_of_waiting(&self) -> Result<RoaringBitmap> {
        for id in &self.snapshots & &self.enqueued {
            let mut spread = Spread::new(self, Direction::Older)?;
            for index in self.task(id)?.indexes() {
                spread.from(index, id)?;
            }
            let waits_for = spread.reached & (&self.enqueued - &self.snapshots);
            if !waits_for.is_empty() {
                return Ok(waits_for);
            }
        }
        Ok(RoaringBitmap::new())
    }

    /// The autobatch that begins with a task.
    fn batch_of(&self, first: TaskId, limits: &Limits, facts: &impl Facts) -> Result<NextBatch> {
        let task = self.task(first)?;
        if matches!(task.kind, KindWithContent::IndexSwap { .. }) {
            return Ok(alone(Work::Swap, Lane::Main, task));
        }
        let Some(uid) = task.indexes().first().map(|uid| (*uid).to_owned()) else {
            return Ok(alone(Work::NotBuilt, Lane::Queue, task));
        };
        let (mut tasks, collected) = self.collect(first, &uid, limits, facts)?;
        let index = facts.index(&uid)?;
        let content = tasks.iter().map(|task| (task.uid, &task.kind));
        let Some(Autobatch { kind, len, must_create_index, stop }) =
            autobatch(content, index.exists, index.primary_key.as_deref())
        else {
            return Ok(alone(Work::NotBuilt, Lane::Queue, task));
        };
        tasks.truncate(len);
        Ok(NextBatch {
            work: Work::Index { uid, kind, must_create_index },
            lane: Lane::Main,
            tasks,
            stop: stop.unwrap_or(collected),
            from_closure: false,
        })
    }

    /// The enqueued tasks of an index from one on, within the limits, and why no more.
    fn collect(
        &self,
        first: TaskId,
        uid: &str,
        limits: &Limits,
        facts: &impl Facts,
    ) -> Result<(Vec<Task>, StopReason)> {
        let mut waiting = self.listed_under(uid)? & &self.enqueued;
        waiting.remove_range(..first);
        let mut tasks = Vec::new();
        let mut total_bytes = 0_u64;
        for id in waiting {
            if tasks.len() >= limits.tasks.max(1) {
                return Ok((tasks, StopReason::TaskLimit { limit: limits.tasks }));
            }
            let task = self.task(id)?;
            total_bytes = total_bytes.saturating_add(facts.payload_bytes(&task));
            if total_bytes > limits.payload_bytes && !tasks.is_empty() {
                let limit_bytes = limits.payload_bytes;
                return Ok((tasks, StopReason::SizeLimit { limit_bytes, total_bytes }));
            }
            tasks.push(task);
        }
        let stop = match tasks.len() as u64 == self.enqueued.len() {
            true => StopReason::AllEnqueued,
            false => StopReason::AllEnqueuedForIndex { uid: uid.to_owned() },
        };
        Ok((tasks, stop))
    }
}

fn alone(work: Work, lane: Lane, task: Task) -> NextBatch {
    let stop = StopReason::Alone { kind: task.kind(), id: task.uid };
    NextBatch { work, lane, tasks: vec![task], stop, from_closure: false }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Direction {
    Younger,
    Older,
}

/// The unfinished tasks that are reached from tasks of an index, over those that are listed under
/// several indexes.
struct Spread<'p, 'a> {
    plan: &'p Plan<'a>,
    direction: Direction,
    reached: RoaringBitmap,
    /// Tasks that lead from one index to another.
    bridges: RoaringBitmap,
    /// Index → the task from which it was spread so far, to spread it once.
    seen: BTreeMap<String, TaskId>,
}

impl<'p, 'a> Spread<'p, 'a> {
    fn new(plan: &'p Plan<'a>, direction: Direction) -> Result<Spread<'p, 'a>> {
        let bridges = plan.of_kind(Kind::IndexSwap)? | plan.of_kind(Kind::IndexUpdate)?;
        let (reached, seen) = Default::default();
        Ok(Spread { plan, direction, reached, bridges, seen })
    }

    /// Reaches all tasks of an index that are younger, or older, than a task.
    fn from(&mut self, index: &str, from: TaskId) -> Result<()> {
        let mut todo = vec![(index.to_owned(), from)];
        while let Some((index, from)) = todo.pop() {
            let mut tasks = self.plan.listed_under(&index)?;
            let is_covered = match self.direction {
                Direction::Younger => {
                    tasks.remove_range(..=from);
                    self.seen.get(&index).is_some_and(|seen| *seen <= from)
                }
                Direction::Older => {
                    tasks.remove_range(from..);
                    self.seen.get(&index).is_some_and(|seen| *seen >= from)
                }
            };
            if is_covered {
                continue;
            }
            self.seen.insert(index, from);
            for bridge in &tasks & &self.bridges {
                let task = self.plan.task(bridge)?;
                todo.extend(task.indexes().into_iter().map(|index| (index.to_owned(), bridge)));
            }
            self.reached |= tasks;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
