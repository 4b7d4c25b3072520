//! Batches on one index: documents, deletions, settings.

use std::io::Write as _;

use meilisearch_types::settings::{Setting, Settings};
use meilisearch_types::tasks::{DocumentMethod, KindWithContent, MissingDocument, Status, TaskId};
use serde_json::json;

use crate::testing::TestScheduler;

fn count(scheduler: &TestScheduler, index: &str) -> u64 {
    scheduler.index_stats(index).unwrap().inner.number_of_documents()
}

fn delete_ids(scheduler: &TestScheduler, index: &str, ids: &[&str]) -> TaskId {
    scheduler.enqueue(KindWithContent::DocumentDeletion {
        index_uid: index.into(),
        documents_ids: ids.iter().map(|id| (*id).to_owned()).collect(),
    })
}

fn delete_matching(scheduler: &TestScheduler, index: &str, filter: &str) -> TaskId {
    let filter_expr = json!(filter);
    let index_uid = index.into();
    scheduler.enqueue(KindWithContent::DocumentDeletionByFilter { index_uid, filter_expr })
}

fn clear(scheduler: &TestScheduler, index: &str) -> TaskId {
    scheduler.enqueue(KindWithContent::DocumentClear { index_uid: index.into() })
}

fn filterable(scheduler: &TestScheduler, index: &str, attribute: &str) -> TaskId {
    let new_settings: Settings =
        serde_json::from_value(json!({ "filterableAttributes": [attribute] })).unwrap();
    scheduler.enqueue(KindWithContent::SettingsUpdate {
        index_uid: index.into(),
        new_settings: Box::new(new_settings),
        is_deletion: false,
        allow_index_creation: true,
    })
}

#[test]
fn additions_and_deletions_share_a_batch() {
    let scheduler = TestScheduler::new();
    let first = scheduler.add("films", r#"{"id":1}{"id":2}"#);
    let deletion = delete_ids(&scheduler, "films", &["2", "9"]);
    let second = scheduler.add("films", r#"{"id":3}"#);
    assert!(scheduler.step());
    assert_eq!(count(&scheduler, "films"), 2);
    assert_eq!(scheduler.details(first), r#"{"receivedDocuments":2,"indexedDocuments":2}"#);
    assert_eq!(
        scheduler.details(deletion),
        r#"{"providedIds":2,"deletedDocuments":2,"originalFilter":null}"#
    );
    assert_eq!(scheduler.status(second), Status::Succeeded);
    assert!(scheduler.file_store().all_uuids().unwrap().is_empty(), "payloads go with their tasks");
    let batch = scheduler.batch(0).unwrap();
    assert_eq!(batch.stats.total_nb_tasks, 3);
    assert!(batch.stats.internal_database_sizes.contains_key("documents"));
    let steps: Vec<_> = batch.stats.progress_trace.keys().collect();
    let position = |step: &str| steps.iter().position(|path| *path == step);
    let computing = position("processing tasks > computing document changes").unwrap();
    assert!(computing < position("processing tasks > indexing").unwrap(), "{steps:?}");
    assert!(position("writing tasks to disk > task").is_some(), "{steps:?}");
}

#[test]
fn a_task_with_bad_documents_fails_alone() {
    let scheduler = TestScheduler::new();
    let good = scheduler.add("films", r#"{"id":1}"#);
    let bad = scheduler.add("films", r#"{"id":"no spaces please"}"#);
    let other = scheduler.add("films", r#"{"id":2}"#);
    assert!(scheduler.step());
    assert_eq!(scheduler.status(good), Status::Succeeded);
    assert_eq!(scheduler.error(bad), "invalid_document_id");
    assert_eq!(scheduler.details(bad), r#"{"receivedDocuments":1,"indexedDocuments":0}"#);
    assert_eq!(scheduler.status(other), Status::Succeeded);
    assert_eq!(count(&scheduler, "films"), 2);
}

#[test]
fn methods_and_policies_stay_with_their_tasks() {
    let scheduler = TestScheduler::new();
    scheduler.add("films", r#"{"id":1,"a":1}"#);
    let import = |documents: &str, method, on_missing_document| {
        let (content_file, mut file) = scheduler.update_file().unwrap();
        file.write_all(documents.as_bytes()).unwrap();
        file.persist().unwrap();
        scheduler.enqueue(KindWithContent::DocumentAdditionOrUpdate {
            index_uid: "films".into(),
            primary_key: None,
            method,
            content_file,
            documents_count: 1,
            allow_index_creation: true,
            on_missing_document,
        })
    };
    import(r#"{"id":1,"b":2}"#, DocumentMethod::UpdateDocuments, MissingDocument::Create);
    import(r#"{"id":2,"b":2}"#, DocumentMethod::UpdateDocuments, MissingDocument::Skip);
    assert!(scheduler.step());
    assert!(!scheduler.step());
    let stats = scheduler.index_stats("films").unwrap().inner;
    let fields: Vec<_> = stats.field_distribution.into_iter().collect();
    assert_eq!(fields, [("a".to_owned(), 1), ("b".to_owned(), 1), ("id".to_owned(), 1)]);
}

#[test]
fn without_the_right_to_create_it_a_missing_index_fails_the_batch() {
    let scheduler = TestScheduler::new();
    let task = scheduler.add_with("films", r#"{"id":1}"#, None, false);
    assert!(scheduler.step());
    assert_eq!(scheduler.error(task), "index_not_found");
    assert!(!scheduler.index_exists("films").unwrap());
    assert!(scheduler.file_store().all_uuids().unwrap().is_empty());
}

#[test]
fn another_primary_key_stops_the_batch_and_fails() {
    let scheduler = TestScheduler::new();
    let first = scheduler.add_with("films", r#"{"a":1,"b":1}"#, Some("a"), true);
    let second = scheduler.add_with("films", r#"{"a":2,"b":2}"#, Some("b"), true);
    assert!(scheduler.step());
    assert_eq!(scheduler.status(second), Status::Enqueued);
    assert!(scheduler.batch(0).unwrap().stop_reason.contains("primary key `b`"));
    assert!(scheduler.step());
    assert_eq!(scheduler.status(first), Status::Succeeded);
    assert_eq!(scheduler.error(second), "index_primary_key_already_exists");
}

#[test]
fn deletions_by_filter() {
    let scheduler = TestScheduler::new();
    filterable(&scheduler, "films", "year");
    scheduler.add("films", r#"{"id":1,"year":1990}{"id":2,"year":2000}{"id":3,"year":2010}"#);
    scheduler.run_all();
    let bad = delete_matching(&scheduler, "films", "title = x");
    let ids = delete_ids(&scheduler, "films", &["1"]);
    let good = delete_matching(&scheduler, "films", "year < 2005");
    assert!(scheduler.step());
    assert_eq!(scheduler.error(bad), "invalid_document_filter");
    assert_eq!(
        scheduler.details(good),
        r#"{"providedIds":0,"deletedDocuments":1,"originalFilter":"\"year < 2005\""}"#
    );
    assert_eq!(scheduler.status(ids), Status::Succeeded);
    assert_eq!(count(&scheduler, "films"), 1);
}

#[test]
fn a_bad_filter_before_an_import_fails_the_whole_batch() {
    let scheduler = TestScheduler::new();
    scheduler.add("films", r#"{"id":1}"#);
    scheduler.run_all();
    let filter = delete_matching(&scheduler, "films", "title = x");
    let import = scheduler.add("films", r#"{"id":2}"#);
    assert!(scheduler.step());
    assert_eq!(scheduler.error(filter), "invalid_document_filter");
    assert_eq!(scheduler.error(import), "invalid_document_filter");
    assert_eq!(count(&scheduler, "films"), 1);
}

#[test]
fn a_clear_absorbs_what_came_before_it() {
    let scheduler = TestScheduler::new();
    scheduler.add("films", r#"{"id":1}{"id":2}"#);
    scheduler.run_all();
    let import = scheduler.add("films", r#"{"id":3}"#);
    let first = clear(&scheduler, "films");
    let second = clear(&scheduler, "films");
    assert!(scheduler.step());
    assert_eq!(scheduler.details(import), r#"{"receivedDocuments":1,"indexedDocuments":null}"#);
    assert_eq!(scheduler.details(first), r#"{"deletedDocuments":2}"#);
    assert_eq!(scheduler.details(second), r#"{"deletedDocuments":0}"#);
    assert_eq!(count(&scheduler, "films"), 0);
}

#[test]
fn settings_and_clears_share_a_batch() {
    let scheduler = TestScheduler::new();
    scheduler.add("films", r#"{"id":1,"year":1}"#);
    scheduler.run_all();
    let first = filterable(&scheduler, "films", "id");
    let cleared = clear(&scheduler, "films");
    let second = filterable(&scheduler, "films", "year");
    assert!(scheduler.step());
    for task in [first, cleared, second] {
        assert_eq!(scheduler.status(task), Status::Succeeded);
    }
    assert_eq!(scheduler.details(first), r#"{"filterableAttributes":["id"]}"#);
    assert_eq!(count(&scheduler, "films"), 0);
    let index = scheduler.index("films").unwrap();
    let rtxn = index.read_txn().unwrap();
    let settings = milli::settings(&index, &rtxn).unwrap();
    let Setting::Set(rules) = settings.filterable_attributes else { panic!("not set") };
    assert_eq!(serde_json::to_string(&rules).unwrap(), r#"["year"]"#);
}

#[test]
fn a_deletion_of_the_index_absorbs_what_came_before_it() {
    let scheduler = TestScheduler::new();
    scheduler.add("films", r#"{"id":1}{"id":2}"#);
    scheduler.run_all();
    let import = scheduler.add("films", r#"{"id":3}"#);
    let ids = delete_ids(&scheduler, "films", &["1"]);
    let index_uid = "films".into();
    let deletion = scheduler.enqueue(KindWithContent::IndexDeletion { index_uid });
    assert!(scheduler.step());
    assert_eq!(scheduler.details(import), r#"{"receivedDocuments":1,"indexedDocuments":0}"#);
    assert!(scheduler.details(ids).contains(r#""deletedDocuments":0"#));
    assert_eq!(scheduler.details(deletion), r#"{"deletedDocuments":2}"#);
    assert!(!scheduler.index_exists("films").unwrap());
    assert!(scheduler.file_store().all_uuids().unwrap().is_empty());
}

#[test]
fn a_missing_payload_fails_the_batch() {
    let scheduler = TestScheduler::new();
    let task = scheduler.add("films", r#"{"id":1}"#);
    let uuid = scheduler.task(task).unwrap().content_uuid().unwrap();
    scheduler.file_store().delete(uuid).unwrap();
    assert!(scheduler.step());
    assert_eq!(scheduler.error(task), "internal");
    assert_eq!(count(&scheduler, "films"), 0, "the index made for it stays, empty");
}

#[test]
fn payloads_are_limited_by_their_bytes() {
    let documents = r#"{"id":1}"#;
    let limit = documents.len() as u64 * 2;
    let scheduler = TestScheduler::with(|options| options.batched_tasks_size_limit = limit);
    for _ in 0..3 {
        scheduler.add("films", documents);
    }
    assert!(scheduler.step());
    let batch = scheduler.batch(0).unwrap();
    assert_eq!(batch.stats.total_nb_tasks, 2);
    assert_eq!(
        batch.stop_reason,
        "one more task would bring the payloads to 24 bytes, and 16 are allowed"
    );
    assert!(scheduler.step());
    assert!(!scheduler.step());
}
