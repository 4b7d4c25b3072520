//! Creation, update, deletion and swap of indexes.

use std::time::{Duration, Instant};

use meilisearch_types::tasks::{IndexSwap, KindWithContent, Status, TaskId};

use crate::testing::TestScheduler;

fn swap(scheduler: &TestScheduler, pairs: &[(&str, &str)], rename: bool) -> TaskId {
    let swaps = pairs.iter().map(|(left, right)| IndexSwap {
        indexes: ((*left).to_owned(), (*right).to_owned()),
        rename,
    });
    scheduler.enqueue(KindWithContent::IndexSwap { swaps: swaps.collect() })
}

fn update(
    scheduler: &TestScheduler,
    index: &str,
    primary_key: Option<&str>,
    new_uid: Option<&str>,
) -> TaskId {
    scheduler.enqueue(KindWithContent::IndexUpdate {
        index_uid: index.into(),
        primary_key: primary_key.map(str::to_owned),
        new_index_uid: new_uid.map(str::to_owned),
    })
}

fn directories(scheduler: &TestScheduler) -> usize {
    std::fs::read_dir(scheduler.dir().join("data.ms/indexes")).unwrap().count()
}

#[test]
fn creation_happens_once() {
    let scheduler = TestScheduler::new();
    let first = scheduler.create("films");
    let second = scheduler.create("films");
    scheduler.run_all();
    assert_eq!(scheduler.status(first), Status::Succeeded);
    assert_eq!(scheduler.error(second), "index_already_exists");
    assert_eq!(scheduler.details(second), r#"{"primaryKey":null}"#);
    assert_eq!(scheduler.index_names().unwrap(), ["films"]);
    assert_eq!(directories(&scheduler), 1);
}

#[test]
fn the_names_of_the_server_are_refused() {
    let scheduler = TestScheduler::new();
    let task = scheduler.create(".meili_dsr");
    scheduler.run_all();
    assert_eq!(scheduler.error(task), "invalid_index_uid");
    assert_eq!(directories(&scheduler), 0);
}

#[test]
fn primary_keys_and_names_change_together_or_not_at_all() {
    let scheduler = TestScheduler::new();
    scheduler.create("films");
    scheduler.add_with("books", r#"{"isbn":1}"#, Some("isbn"), true);
    scheduler.run_all();

    let key = update(&scheduler, "films", Some("id"), None);
    let both = update(&scheduler, "films", Some("sku"), Some("movies"));
    let refused = update(&scheduler, "books", Some("id"), Some("papers"));
    let taken = update(&scheduler, "books", None, Some("movies"));
    let same = update(&scheduler, "books", None, Some("books"));
    let missing = update(&scheduler, "films", None, None);
    scheduler.run_all();
    for task in [key, both, same] {
        assert_eq!(scheduler.status(task), Status::Succeeded);
    }
    let stats = scheduler.index_stats("movies").unwrap().inner;
    assert_eq!(stats.primary_key.as_deref(), Some("sku"));
    assert_eq!(scheduler.error(refused), "index_primary_key_already_exists");
    assert_eq!(scheduler.error(taken), "index_already_exists");
    assert_eq!(scheduler.error(missing), "index_not_found");
    assert_eq!(scheduler.index_names().unwrap(), ["books", "movies"]);
    assert_eq!(scheduler.task(key).unwrap().index_uid(), Some("movies"), "older tasks follow");
}

#[test]
fn swaps_exchange_indexes_and_older_tasks() {
    let scheduler = TestScheduler::new();
    scheduler.add("a", r#"{"id":1}"#);
    scheduler.add("b", r#"{"id":1}{"id":2}"#);
    scheduler.run_all();
    let task = swap(&scheduler, &[("a", "b")], false);
    let younger = scheduler.add("a", r#"{"id":3}"#);
    scheduler.run_all();
    let count = |index| scheduler.index_stats(index).unwrap().inner.number_of_documents();
    assert_eq!((count("a"), count("b")), (3, 1));
    assert_eq!(scheduler.status(task), Status::Succeeded);
    assert_eq!(scheduler.task(0).unwrap().index_uid(), Some("b"));
    assert_eq!(scheduler.task(younger).unwrap().index_uid(), Some("a"));
    insta::assert_snapshot!(scheduler.print());
}

#[test]
fn a_swap_that_cannot_be_done_changes_nothing() {
    let scheduler = TestScheduler::new();
    scheduler.create("a");
    scheduler.create("b");
    scheduler.run_all();
    let missing = swap(&scheduler, &[("a", "b"), ("y", "x")], false);
    let one_missing = swap(&scheduler, &[("a", "x")], false);
    let taken = swap(&scheduler, &[("a", "b")], true);
    scheduler.run_all();
    let message = scheduler.task(missing).unwrap().error.unwrap().message;
    assert!(message.contains("`x`, `y`"), "{message}");
    assert_eq!(scheduler.error(one_missing), "index_not_found");
    assert_eq!(scheduler.error(taken), "index_already_exists");
    let rename = swap(&scheduler, &[("a", "c")], true);
    scheduler.run_all();
    assert_eq!(scheduler.status(rename), Status::Succeeded);
    assert_eq!(scheduler.index_names().unwrap(), ["b", "c"]);
}

#[test]
fn an_index_named_twice_is_refused_before_it_is_queued() {
    let scheduler = TestScheduler::new();
    let pair =
        |left: &str, right: &str| IndexSwap { indexes: (left.into(), right.into()), rename: false };
    let swaps = vec![pair("a", "b"), pair("b", "c")];
    let error = scheduler.register(KindWithContent::IndexSwap { swaps }, None).unwrap_err();
    assert!(error.to_string().contains("`b`"), "{error}");
    assert!(scheduler.task(0).is_err());
}

#[test]
fn a_deleted_index_goes_once_nobody_uses_it() {
    let scheduler = TestScheduler::new();
    scheduler.create("films");
    scheduler.run_all();
    let held = scheduler.index("films").unwrap();
    let deletion = scheduler.enqueue(KindWithContent::IndexDeletion { index_uid: "films".into() });
    let missing = scheduler.enqueue(KindWithContent::IndexDeletion { index_uid: "films".into() });
    scheduler.run_all();
    assert_eq!(scheduler.details(deletion), r#"{"deletedDocuments":0}"#);
    assert_eq!(scheduler.error(missing), "index_not_found");
    assert!(scheduler.index("films").is_err());
    assert!(held.read_txn().is_ok(), "a search that runs goes on");
    assert_eq!(directories(&scheduler), 1);
    drop(held);
    let deadline = Instant::now() + Duration::from_secs(10);
    while directories(&scheduler) > 0 {
        assert!(Instant::now() < deadline, "the directory stays");
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn an_index_that_cannot_be_opened_fails_its_tasks_and_can_be_deleted() {
    let scheduler = TestScheduler::new();
    scheduler.create("broken");
    scheduler.create("fine");
    scheduler.run_all();
    let scheduler = scheduler.reopen();
    let rtxn = scheduler.shared().queue.read_txn().unwrap();
    let uuid = scheduler.shared().mapper.uuid(&rtxn, "broken").unwrap().unwrap();
    drop(rtxn);
    let data = scheduler.dir().join(format!("data.ms/indexes/{uuid}/data.mdb"));
    std::fs::write(data, vec![0xAB; 8192]).unwrap();

    let import = scheduler.add("broken", r#"{"id":1}"#);
    let other = scheduler.add("fine", r#"{"id":1}"#);
    let create = update(&scheduler, "broken", Some("id"), None);
    let delete = scheduler.enqueue(KindWithContent::IndexDeletion { index_uid: "broken".into() });
    scheduler.run_all();
    assert_eq!(scheduler.error(import), "invalid_store_file");
    assert_eq!(scheduler.error(create), "invalid_store_file");
    assert_eq!(scheduler.status(other), Status::Succeeded);
    assert_eq!(scheduler.status(delete), Status::Succeeded);
    assert_eq!(scheduler.index_names().unwrap(), ["fine"]);
}
