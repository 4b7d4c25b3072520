//! Listings, cancelation and deletion of tasks, limits of the queue.

use meilisearch_types::tasks::{IndexSwap, Kind, KindWithContent, Status, TaskId};
use roaring::RoaringBitmap;
use time::Duration;

use crate::testing::TestScheduler;
use crate::{Error, IndexFilter, Query};

fn cancel(scheduler: &TestScheduler, tasks: &[TaskId]) -> TaskId {
    let (query, tasks) = ("?uids=*".into(), tasks.iter().collect());
    scheduler.enqueue(KindWithContent::TaskCancelation { query, tasks })
}

fn delete(scheduler: &TestScheduler, tasks: &[TaskId]) -> TaskId {
    let (query, tasks) = ("?uids=*".into(), tasks.iter().collect());
    scheduler.enqueue(KindWithContent::TaskDeletion { query, tasks })
}

fn tasks(scheduler: &TestScheduler, query: &Query) -> (Vec<TaskId>, u64) {
    let (tasks, total) = scheduler.tasks(query, IndexFilter::All).unwrap();
    (tasks.into_iter().map(|task| task.uid).collect(), total)
}

fn batches(scheduler: &TestScheduler, query: &Query) -> Vec<u32> {
    let (batches, _) = scheduler.batches(query, IndexFilter::All).unwrap();
    batches.into_iter().map(|batch| batch.uid).collect()
}

/// Tasks 0 to 5: creations of `a` and `b`, one failed creation of `a`, an addition to `b`, a
/// cancelation (5) of an enqueued addition to `c` (4).
fn some_history() -> TestScheduler {
    let scheduler = TestScheduler::new();
    scheduler.create("a");
    scheduler.create("b");
    scheduler.create("a");
    scheduler.add("b", r#"{"id":1}"#);
    scheduler.run_all();
    scheduler.add("c", r#"{"id":1}"#);
    cancel(&scheduler, &[0, 4]);
    scheduler.run_all();
    scheduler
}

#[test]
fn the_queue_as_it_is_stored() {
    insta::assert_snapshot!(some_history().print());
}

#[test]
fn what_a_deletion_leaves() {
    let scheduler = some_history();
    delete(&scheduler, &[0, 1, 4]);
    let counted_first = delete(&scheduler, &[0, 3]);
    scheduler.run_all();
    assert!(scheduler.details(counted_first).contains(r#""deletedTasks":1"#));
    insta::assert_snapshot!(scheduler.print());
}

#[test]
fn pages() {
    let scheduler = some_history();
    let page = |limit, from, reverse| {
        tasks(&scheduler, &Query { limit: Some(limit), from, reverse, ..Query::default() })
    };
    assert_eq!(page(2, None, false), (vec![5, 4], 6));
    assert_eq!(page(2, Some(3), false), (vec![3, 2], 6));
    assert_eq!(page(2, Some(3), true), (vec![3, 4], 6));
    assert_eq!(page(0, None, false), (vec![], 6));
}

#[test]
fn filters_are_intersected_and_their_values_united() {
    let scheduler = some_history();
    let check = |query: Query, expected: &[TaskId]| {
        assert_eq!(tasks(&scheduler, &query).0, expected, "{query:?}");
    };
    let all = Query::default;
    check(Query { uids: Some(vec![1, 3, 9]), ..all() }, &[3, 1]);
    check(Query { statuses: Some(vec![Status::Failed, Status::Canceled]), ..all() }, &[4, 2]);
    check(Query { types: Some(vec![Kind::IndexCreation]), ..all() }, &[2, 1, 0]);
    check(Query { index_uids: Some(vec!["b".into(), "c".into()]), ..all() }, &[4, 3, 1]);
    check(Query { canceled_by: Some(vec![5]), ..all() }, &[4]);
    check(Query { canceled_by: Some(vec![4]), ..all() }, &[]);
    check(Query { batch_uids: Some(vec![0, 4]), ..all() }, &[5, 4, 0]);
    let types = Some(vec![Kind::IndexCreation]);
    check(Query { types, index_uids: Some(vec!["a".into()]), ..all() }, &[2, 0]);
    let date = scheduler.task(3).unwrap().enqueued_at;
    check(Query { after_enqueued_at: Some(date), ..all() }, &[5, 4]);
    check(Query { before_enqueued_at: Some(date), ..all() }, &[2, 1, 0]);
    let until = Some(date + Duration::nanoseconds(1));
    let from = Some(date - Duration::nanoseconds(1));
    check(Query { after_enqueued_at: from, before_enqueued_at: until, ..all() }, &[3]);
    check(Query { after_enqueued_at: until, before_enqueued_at: from, ..all() }, &[]);
    let finished = scheduler.task(2).unwrap().finished_at;
    check(Query { before_finished_at: finished, ..all() }, &[1, 0]);
}

#[test]
fn global_tasks_count_under_an_index_and_are_not_shown() {
    let scheduler = TestScheduler::new();
    scheduler.create("a");
    scheduler.create("b");
    let indexes = ("a".to_owned(), "b".to_owned());
    let swaps = vec![IndexSwap { indexes, rename: false }];
    scheduler.enqueue(KindWithContent::IndexSwap { swaps });
    scheduler.run_all();
    let of_a = Query { index_uids: Some(vec!["a".into()]), ..Query::default() };
    assert_eq!(tasks(&scheduler, &of_a), (vec![1], 2));
    assert_eq!(scheduler.task_uids(&of_a, IndexFilter::All).unwrap().len(), 1);
    assert_eq!(batches(&scheduler, &of_a), [0], "batches keep the name that they ran under");
}

#[test]
fn filters_of_batches() {
    let scheduler = some_history();
    let check = |query: Query, expected: &[u32]| {
        assert_eq!(batches(&scheduler, &query), expected, "{query:?}");
    };
    let all = Query::default;
    check(all(), &[4, 3, 2, 1, 0]);
    check(Query { uids: Some(vec![3, 4]), ..all() }, &[4, 3]);
    check(Query { statuses: Some(vec![Status::Failed]), ..all() }, &[2]);
    check(Query { statuses: Some(vec![Status::Enqueued]), ..all() }, &[]);
    check(Query { types: Some(vec![Kind::DocumentAdditionOrUpdate]), ..all() }, &[4, 3]);
    check(Query { index_uids: Some(vec!["c".into()]), ..all() }, &[]);
    check(Query { canceled_by: Some(vec![5]), ..all() }, &[4]);
    check(Query { canceled_by: Some(vec![3]), ..all() }, &[]);
    assert!(matches!(scheduler.batch(9), Err(Error::BatchNotFound(9))));
}

#[test]
fn a_key_sees_its_indexes_only() {
    let scheduler = some_history();
    let only_b = IndexFilter::Only(&|uid| uid == "b");
    let (seen, total) = scheduler.tasks(&Query::default(), only_b).unwrap();
    assert_eq!(seen.iter().map(|task| task.uid).collect::<Vec<_>>(), [3, 1]);
    assert_eq!(total, 6);
    let uids = scheduler.task_uids(&Query::default(), only_b).unwrap();
    assert_eq!(uids, RoaringBitmap::from_iter([1, 3]));
    let (seen, _) = scheduler.batches(&Query::default(), only_b).unwrap();
    assert_eq!(seen.iter().map(|batch| batch.uid).collect::<Vec<_>>(), [3, 1]);
}

#[test]
fn a_running_batch_is_laid_over_the_stored_queue() {
    let scheduler = TestScheduler::new();
    let task = scheduler.add("films", r#"{"id":1}"#);
    let waiting = scheduler.add("books", r#"{"id":1}"#);
    let started = scheduler.plan().unwrap();
    let shown = scheduler.task(task).unwrap();
    assert_eq!((shown.status, shown.batch_uid), (Status::Processing, Some(0)));
    assert_eq!(shown.started_at, Some(scheduler.batch(0).unwrap().started_at));
    let with = |status| Query { statuses: Some(vec![status]), ..Query::default() };
    assert_eq!(tasks(&scheduler, &with(Status::Processing)).0, [task]);
    assert_eq!(tasks(&scheduler, &with(Status::Enqueued)).0, [waiting]);
    assert_eq!(batches(&scheduler, &with(Status::Processing)), [0]);
    let by_index = Query { index_uids: Some(vec!["films".into()]), ..Query::default() };
    assert_eq!(batches(&scheduler, &by_index), [0]);
    let by_batch = Query { batch_uids: Some(vec![0]), ..Query::default() };
    assert_eq!(tasks(&scheduler, &by_batch).0, [task]);
    let batch = scheduler.batch(0).unwrap();
    assert_eq!(batch.stats.status, [(Status::Processing, 1)].into());
    assert!(batch.progress.is_some() && batch.finished_at.is_none());
    scheduler.finish(started);
    assert_eq!(scheduler.status(task), Status::Succeeded);
    assert!(scheduler.batch(0).unwrap().progress.is_none());
}

#[test]
fn a_cancelation_stops_the_running_batch_and_takes_its_uid() {
    let scheduler = TestScheduler::new();
    let task = scheduler.add("films", r#"{"id":1}"#);
    let started = scheduler.plan().unwrap();
    let cancelation = cancel(&scheduler, &[task]);
    scheduler.finish(started);
    assert_eq!(scheduler.status(task), Status::Enqueued, "stopped, and nothing written");
    scheduler.run_all();
    let canceled = scheduler.task(task).unwrap();
    assert_eq!((canceled.status, canceled.canceled_by), (Status::Canceled, Some(cancelation)));
    assert_eq!(canceled.batch_uid, Some(0));
    assert_eq!(scheduler.details(task), r#"{"receivedDocuments":1,"indexedDocuments":0}"#);
    assert!(scheduler.file_store().all_uuids().unwrap().is_empty());
    assert_eq!(scheduler.index_stats("films").unwrap().inner.number_of_documents(), 0);
}

#[test]
fn a_cancelation_names_no_newer_task_and_can_be_canceled() {
    let scheduler = TestScheduler::new();
    scheduler.create("a");
    let first = cancel(&scheduler, &[0, 1, 2, 3]);
    assert!(scheduler.details(first).contains(r#""matchedTasks":1"#));
    let second = cancel(&scheduler, &[first]);
    scheduler.run_all();
    assert_eq!(scheduler.status(first), Status::Canceled);
    assert!(scheduler.details(second).contains(r#""canceledTasks":1"#));
    assert_eq!(scheduler.status(0), Status::Succeeded);
}

#[test]
fn a_deletion_spares_what_waits_or_runs() {
    let scheduler = TestScheduler::new();
    let task = scheduler.create("a");
    let started = scheduler.plan().unwrap();
    let waiting = scheduler.create("b");
    let deletion = delete(&scheduler, &[task, waiting]);
    assert!(scheduler.step(), "it runs beside the batch");
    assert!(scheduler.details(deletion).contains(r#""deletedTasks":0"#));
    scheduler.finish(started);
    assert_eq!(scheduler.batch(0).unwrap().uid, 0);
    assert_eq!(scheduler.task(deletion).unwrap().batch_uid, Some(1), "running ones count");
    assert_eq!(scheduler.task(task).unwrap().batch_uid, Some(0));
}

#[test]
fn too_many_tasks_make_room_by_themselves() {
    let scheduler = some_history();
    let queue = &scheduler.shared().queue;
    queue.clean_up(7).unwrap();
    assert!(!scheduler.step(), "six tasks are below the limit");
    queue.clean_up(6).unwrap();
    queue.clean_up(6).unwrap();
    assert_eq!(tasks(&scheduler, &Query::default()).1, 7, "asked for once");
    let date = scheduler.task(5).unwrap().enqueued_at + Duration::nanoseconds(1);
    scheduler.run_all();
    assert_eq!(tasks(&scheduler, &Query::default()), (vec![6], 1));
    let rfc3339 = time::format_description::well_known::Rfc3339;
    let query = format!(
        "?beforeEnqueuedAt={}&statuses=succeeded,failed,canceled",
        date.format(&rfc3339).unwrap()
    );
    assert!(scheduler.details(6).contains(&query), "{}", scheduler.details(6));
}

#[test]
fn uids_of_deleted_last_tasks_are_given_again() {
    let scheduler = TestScheduler::new();
    scheduler.create("a");
    scheduler.run_all();
    delete(&scheduler, &[0]);
    scheduler.run_all();
    assert_eq!(scheduler.create("b"), 2, "the deletion itself remains");
}

#[test]
fn what_is_not_built_is_refused_before_it_is_queued() {
    let scheduler = TestScheduler::new();
    let error = scheduler
        .register(KindWithContent::UpgradeDatabase { from: (1, 49, 0) }, None)
        .unwrap_err();
    assert!(matches!(error, Error::NotImplemented(_)), "{error}");
    assert!(scheduler.task(0).is_err());
}

#[test]
fn metadata_and_inverted_dates_are_kept() {
    let scheduler = TestScheduler::new();
    let kind = |index: &str| KindWithContent::DocumentClear { index_uid: index.into() };
    let first = scheduler.register(kind("a"), Some("from the shop".into())).unwrap();
    let second = scheduler.register(kind("a"), None).unwrap();
    scheduler.run_all();
    let task = scheduler.task(first.uid).unwrap();
    assert_eq!(task.custom_metadata.as_deref(), Some("from the shop"));
    let dates = scheduler.batch(0).unwrap().enqueued_at.unwrap();
    assert_eq!((dates.oldest, dates.earliest), (first.enqueued_at, second.enqueued_at));
}

#[test]
fn features_are_stored_as_they_were_in_force() {
    let scheduler = TestScheduler::with(|options| {
        options.features.metrics = true;
        options.features.logs_route = true;
    });
    let mut features = scheduler.features();
    assert!(features.metrics && features.logs_route && !features.contains_filter);
    features.contains_filter = true;
    features.metrics = false;
    scheduler.put_features(features).unwrap();
    assert!(!scheduler.features().metrics, "until the next start");
    let scheduler = scheduler.reopen();
    assert_eq!(scheduler.features(), features, "opened without the command line's switches");
}
