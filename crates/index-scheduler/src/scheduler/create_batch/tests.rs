//! The rules of tasks.md 7 and the order of index-snapshots.md 4.3, on a real queue.

use meilisearch_types::tasks::{IndexSwap, SnapshotCompression, Status};

use super::*;
use crate::testing::TestScheduler;

/// What would run next, as `lane: tasks`, nothing started.
fn next(scheduler: &TestScheduler, serve_closure: bool) -> String {
    let shared = scheduler.shared();
    let rtxn = shared.queue.read_txn().unwrap();
    let view = View::new(&shared.queue, &rtxn, shared.processing.now()).unwrap();
    let limits = Limits { tasks: usize::MAX, payload_bytes: u64::MAX, side_jobs: 1 };
    match create_batch(&view, &limits, shared, serve_closure).unwrap() {
        Some(next) => {
            let tasks: Vec<_> = next.tasks.iter().map(|task| task.uid).collect();
            format!("{:?}: {tasks:?}", next.lane)
        }
        None => "nothing".to_owned(),
    }
}

fn clear(index: &str) -> KindWithContent {
    KindWithContent::DocumentClear { index_uid: index.into() }
}

fn compaction(index: &str) -> KindWithContent {
    KindWithContent::IndexCompaction { index_uid: index.into() }
}

fn swap(left: &str, right: &str) -> KindWithContent {
    let indexes = (left.into(), right.into());
    KindWithContent::IndexSwap { swaps: vec![IndexSwap { indexes, rename: false }] }
}

fn snapshot(index: &str) -> KindWithContent {
    KindWithContent::SingleIndexSnapshotCreation {
        index_uid: index.into(),
        snapshot_uid: "20260101-000000000".into(),
        compression: SnapshotCompression::Gzip,
    }
}

/// Writes tasks straight into the queue: what the server would not register is planned as well.
fn queue(kinds: impl IntoIterator<Item = KindWithContent>) -> TestScheduler {
    let scheduler = TestScheduler::new();
    enqueue(&scheduler, kinds);
    scheduler
}

fn enqueue(scheduler: &TestScheduler, kinds: impl IntoIterator<Item = KindWithContent>) {
    for kind in kinds {
        let details = kind.default_details();
        scheduler.shared().queue.register(kind, None, |_, _| Ok(details)).unwrap();
    }
}

fn uids(uids: &[TaskId]) -> RoaringBitmap {
    uids.iter().collect()
}

#[test]
fn rules_in_their_order() {
    let cancelation = |tasks: &[TaskId]| KindWithContent::TaskCancelation {
        query: "?uids=1".into(),
        tasks: uids(tasks),
    };
    let deletion =
        || KindWithContent::TaskDeletion { query: "?statuses=failed".into(), tasks: uids(&[]) };
    let scheduler = queue([
        clear("a"),
        KindWithContent::DumpCreation { keys: vec![], instance_uid: None },
        KindWithContent::SnapshotCreation,
        KindWithContent::IndexCompaction { index_uid: "a".into() },
        deletion(),
        cancelation(&[0]),
        KindWithContent::UpgradeDatabase { from: (1, 49, 0) },
        deletion(),
        KindWithContent::SnapshotCreation,
        cancelation(&[1]),
        clear("b"),
    ]);
    let mut order = Vec::new();
    while let Some(started) = scheduler.plan() {
        order.push(next_of(&started));
        scheduler.finish(started);
    }
    insta::assert_snapshot!(order.join("\n"), @r"
    [9]
    [5]
    [6]
    [4, 7]
    [3]
    [2, 8]
    [10]
    ");
    assert_eq!(scheduler.status(0), Status::Canceled);
    assert_eq!(scheduler.error(6), "not_implemented");
}

/// First tasks, how many batches run of them, and what may start then.
#[test]
fn an_instance_snapshot_runs_while_no_index_changes_and_jobs_go_on() {
    let instance = || KindWithContent::SnapshotCreation;
    let dump = || KindWithContent::DumpCreation { keys: vec![], instance_uid: None };
    for (tasks, running, later, expected) in [
        // All together, before documents, whoever is older.
        (vec![clear("a"), instance(), clear("b"), instance()], 0, vec![], "Main: [1, 3]"),
        // Not beside a batch that changes an index; jobs may start meanwhile.
        (vec![clear("a")], 1, vec![instance(), clear("b")], "nothing"),
        (vec![clear("a")], 1, vec![instance(), snapshot("b")], "Side: [2]"),
        // Beside a job, which it does not wait for, nor the job for it.
        (vec![snapshot("a")], 1, vec![clear("b"), instance()], "Main: [2]"),
        (vec![snapshot("a"), instance()], 1, vec![], "Side: [0]"),
        // While it runs no index changes, and jobs start.
        (vec![instance()], 1, vec![clear("a")], "nothing"),
        (vec![instance()], 1, vec![clear("a"), snapshot("b")], "Side: [2]"),
        // After a compaction, before a dump.
        (vec![dump(), instance(), compaction("a")], 0, vec![], "Main: [2]"),
        (vec![dump(), instance()], 0, vec![], "Main: [1]"),
    ] {
        let described = format!("{tasks:?} then {later:?}");
        let scheduler = queue(tasks);
        let started: Vec<_> = (0..running).map(|_| scheduler.plan().unwrap()).collect();
        enqueue(&scheduler, later);
        assert_eq!(next(&scheduler, false), expected, "{described}");
        started.into_iter().for_each(|started| scheduler.finish(started));
    }
}

fn next_of(started: &crate::scheduler::Started) -> String {
    format!("{:?}", started.task_uids())
}

/// First tasks, how many batches of them run, what comes then, and what may start.
#[test]
fn a_dump_goes_before_older_documents_and_beside_jobs() {
    let dump = || KindWithContent::DumpCreation { keys: vec![], instance_uid: None };
    for (tasks, running, later, expected) in [
        (vec![clear("a"), swap("a", "b"), dump(), dump()], 0, vec![], "Main: [2]"),
        // No index changes while it runs, and it waits for a batch that changes one.
        (vec![clear("a")], 1, vec![dump()], "nothing"),
        (vec![dump()], 1, vec![clear("a"), dump()], "nothing"),
        // Jobs and it do not wait for each other, wherever the job stands.
        (vec![snapshot("a"), dump()], 0, vec![], "Main: [1]"),
        (vec![snapshot("a"), dump()], 1, vec![clear("a")], "Side: [0]"),
        (vec![dump(), snapshot("a")], 1, vec![clear("a")], "Side: [1]"),
        (vec![snapshot("a")], 1, vec![swap("a", "b"), clear("b"), dump()], "Main: [3]"),
        (vec![clear("a")], 1, vec![dump(), snapshot("b")], "Side: [2]"),
        // What is held back by a job stays so behind a dump.
        (vec![snapshot("a"), dump()], 2, vec![swap("a", "b"), clear("b")], "nothing"),
        (vec![compaction("a"), dump()], 0, vec![], "Main: [0]"),
    ] {
        let described = format!("{running} of {tasks:?}, then {later:?}");
        let scheduler = queue(tasks);
        for _ in 0..running {
            scheduler.plan().unwrap();
        }
        enqueue(&scheduler, later);
        assert_eq!(next(&scheduler, false), expected, "{described}");
    }
}

/// First tasks, what runs of them, and what may start then.
#[test]
fn compactions_go_first_except_around_snapshots() {
    for (tasks, running, expected) in [
        (vec![clear("a"), compaction("a")], 0, "Main: [1]"),
        (vec![clear("a"), compaction("b"), compaction("a")], 0, "Main: [1]"),
        (vec![clear("a"), snapshot("b"), compaction("a")], 0, "Main: [2]"),
        // Snapshots of its index wait for it, and it for them.
        (vec![compaction("a"), snapshot("a")], 0, "Main: [0]"),
        (vec![compaction("a"), snapshot("a")], 1, "nothing"),
        (vec![snapshot("a"), compaction("a")], 0, "Side: [0]"),
        (vec![snapshot("a"), compaction("a"), clear("a")], 1, "nothing"),
        (vec![clear("a"), compaction("a"), clear("a"), snapshot("a")], 0, "Main: [0]"),
        // One that may not start does not stop a younger one.
        (vec![snapshot("a"), compaction("a"), compaction("b")], 0, "Main: [2]"),
        (vec![compaction("a"), snapshot("b"), clear("c")], 1, "Side: [1]"),
        (vec![compaction("a"), clear("b")], 1, "nothing"),
    ] {
        let scheduler = queue(tasks.clone());
        for _ in 0..running {
            scheduler.plan().unwrap();
        }
        assert_eq!(next(&scheduler, true), expected, "{running} of {tasks:?}");
    }
}

#[test]
fn a_compaction_waits_for_the_batch_that_changes_an_index() {
    let scheduler = queue([clear("a")]);
    let running = scheduler.plan().unwrap();
    enqueue(&scheduler, [compaction("b"), KindWithContent::SnapshotCreation, clear("c")]);
    assert_eq!(next(&scheduler, true), "nothing");
    enqueue(&scheduler, [snapshot("d")]);
    assert_eq!(next(&scheduler, true), "Side: [4]", "jobs are urgent");
    scheduler.finish(running);
    assert_eq!(next(&scheduler, true), "Main: [1]");
}

#[test]
fn an_index_is_batched_whatever_lies_between() {
    let scheduler = queue([clear("a"), clear("b"), clear("a"), swap("a", "b"), clear("a")]);
    assert_eq!(next(&scheduler, false), "Main: [0, 2]");
}

#[test]
fn a_snapshot_waits_for_older_tasks_of_its_index_and_holds_back_younger_ones() {
    let scheduler = queue([clear("a"), snapshot("a"), clear("a"), clear("b")]);
    assert_eq!(next(&scheduler, false), "Main: [0]");
    let older = scheduler.plan().unwrap();
    assert_eq!(next(&scheduler, false), "nothing", "the older task runs and is not done");
    scheduler.finish(older);
    let job = scheduler.plan().unwrap();
    assert_eq!(next_of(&job), "[1]");
    assert_eq!(next(&scheduler, false), "Main: [3]", "other indexes go on");
    let other = scheduler.plan().unwrap();
    assert_eq!(next(&scheduler, false), "nothing");
    scheduler.finish(other);
    scheduler.finish(job);
    assert_eq!(next(&scheduler, false), "Main: [2]");
}

#[test]
fn a_blocked_swap_blocks_its_other_index() {
    let scheduler =
        queue([snapshot("a"), swap("a", "b"), clear("b"), swap("b", "c"), clear("c"), clear("d")]);
    let job = scheduler.plan().unwrap();
    assert_eq!(next_of(&job), "[0]");
    assert_eq!(next(&scheduler, false), "Main: [5]");
}

#[test]
fn a_rename_blocks_both_names() {
    let rename = KindWithContent::IndexUpdate {
        index_uid: "a".into(),
        primary_key: None,
        new_index_uid: Some("b".into()),
    };
    let scheduler = queue([snapshot("a"), rename, clear("b"), clear("c")]);
    let _job = scheduler.plan().unwrap();
    assert_eq!(next(&scheduler, false), "Main: [3]");
}

#[test]
fn no_job_starts_before_an_upgrade_or_a_deletion_of_tasks() {
    let deletion = KindWithContent::TaskDeletion { query: "?uids=9".into(), tasks: uids(&[9]) };
    let scheduler =
        queue([snapshot("a"), deletion, KindWithContent::UpgradeDatabase { from: (1, 49, 0) }]);
    for expected in ["Queue: [2]", "Queue: [1]", "Side: [0]"] {
        assert_eq!(next(&scheduler, true), expected);
        let started = scheduler.plan().unwrap();
        scheduler.finish(started);
    }
}

#[test]
fn waiting_snapshots_start_in_uid_order_as_slots_allow() {
    let scheduler = queue([snapshot("a"), snapshot("b"), clear("c")]);
    let first = scheduler.plan().unwrap();
    assert_eq!(next_of(&first), "[0]");
    assert_eq!(next(&scheduler, false), "Main: [2]", "the only slot is taken");
    scheduler.finish(first);
    assert_eq!(next(&scheduler, false), "Side: [1]");
}

#[test]
fn every_second_batch_serves_the_closure_of_a_waiting_snapshot() {
    let backlog = [clear("x"), clear("b"), swap("a", "b"), snapshot("a"), clear("x")];
    let scheduler = queue(backlog);
    assert_eq!(next(&scheduler, false), "Main: [0, 4]");
    assert_eq!(next(&scheduler, true), "Main: [1]", "it stands before the swap of `a`");

    let order: Vec<_> = std::iter::from_fn(|| {
        let started = scheduler.plan()?;
        let uids = next_of(&started);
        scheduler.finish(started);
        Some(uids)
    })
    .collect();
    assert_eq!(order, ["[1]", "[0, 4]", "[2]", "[3]"]);
}

#[test]
fn a_cancelation_waits_for_the_batches_that_it_names() {
    let scheduler = queue([snapshot("a"), clear("b")]);
    let job = scheduler.plan().unwrap();
    scheduler
        .enqueue(KindWithContent::TaskCancelation { query: "?uids=0".into(), tasks: uids(&[0]) });
    assert_eq!(next(&scheduler, false), "nothing");
    scheduler.finish(job);
    assert_eq!(next(&scheduler, false), "Queue: [2]");
    let cancelation = scheduler.plan().unwrap();
    assert_eq!(next(&scheduler, false), "nothing", "the queue lane runs alone");
    scheduler.finish(cancelation);
    assert_eq!(next(&scheduler, false), "Main: [1]");
}

#[test]
fn limits() {
    let scheduler = queue([clear("a"), clear("a"), clear("a")]);
    let shared = scheduler.shared();
    let rtxn = shared.queue.read_txn().unwrap();
    let view = View::new(&shared.queue, &rtxn, shared.processing.now()).unwrap();
    let plan = |tasks| {
        let limits = Limits { tasks, payload_bytes: 10, side_jobs: 1 };
        create_batch(&view, &limits, shared, false).unwrap().unwrap()
    };
    assert_eq!(plan(2).stop, StopReason::TaskLimit { limit: 2 });
    assert_eq!(plan(2).tasks.len(), 2);
    assert_eq!(plan(3).stop, StopReason::AllEnqueued);
}
