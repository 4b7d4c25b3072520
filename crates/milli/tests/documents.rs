//! Batches of operations on documents: outcomes, ids, merging, what is written (indexing.md 3 to 5, 16).

#![allow(clippy::unwrap_used, reason = "a failure here is a failed test")]

mod common;

use common::{TestIndex, payload, readable};
use meilisearch_types::error::{Code, ErrorCode};
use milli::document;
use milli::indexing::{
    MissingDocument, Operation, OperationOutcome, clear_documents, index_documents,
};
use serde_json::{Value, json};

fn replace(payload: &[u8]) -> Operation<'_> {
    Operation::Replace { payload, on_missing: MissingDocument::Create }
}

fn update(payload: &[u8]) -> Operation<'_> {
    Operation::Update { payload, on_missing: MissingDocument::Create }
}

fn skip_missing(operation: Operation<'_>) -> Operation<'_> {
    match operation {
        Operation::Replace { payload, .. } => {
            Operation::Replace { payload, on_missing: MissingDocument::Skip }
        }
        Operation::Update { payload, .. } => {
            Operation::Update { payload, on_missing: MissingDocument::Skip }
        }
        other => other,
    }
}

fn counts(outcomes: &[OperationOutcome]) -> Vec<u64> {
    outcomes.iter().map(|outcome| outcome.count).collect()
}

fn codes(outcomes: &[OperationOutcome]) -> Vec<Option<Code>> {
    outcomes.iter().map(|outcome| outcome.error.as_ref().map(ErrorCode::error_code)).collect()
}

/// External id → (docid, document), in the order of external ids.
fn documents(index: &TestIndex) -> Vec<(String, u32, Value)> {
    let rtxn = index.index.read_txn().unwrap();
    let fields = index.index.fields_ids_map(&rtxn).unwrap();
    let ids = index.index.tables().external_documents_ids.iter(&rtxn).unwrap();
    ids.map(|entry| {
        let (id, docid) = entry.unwrap();
        let stored = document::document(&index.index, &rtxn, docid).unwrap().unwrap();
        (id.to_owned(), docid, document::to_json(stored, &fields).unwrap().into())
    })
    .collect()
}

fn field_names(index: &TestIndex) -> Vec<String> {
    let rtxn = index.index.read_txn().unwrap();
    let fields = index.index.fields_ids_map(&rtxn).unwrap();
    fields.iter().map(|(_, name)| name.to_owned()).collect()
}

#[test]
fn operations_of_a_batch_fold_in_order() {
    let index = TestIndex::new();
    index.replace(json!([{"id": 1, "a": 1, "b": 1}, {"id": 2, "a": 2}]));
    let (first, second, third) = (
        payload(&json!([{"id": 1, "a": 10}, {"id": 3, "a": 30}])),
        payload(&json!([{"id": 2, "c": 1}, {"id": 4, "c": 4}])),
        payload(&json!([{"id": 5, "x": 5}, {"id": 3, "y": 3}])),
    );
    let ids = ["2".to_owned(), "9".to_owned(), "2".to_owned()];
    let outcomes = index.batch(&[
        update(&first),
        Operation::DeleteByIds(&ids),
        update(&second),
        skip_missing(update(&third)),
    ]);
    assert_eq!(counts(&outcomes), [2, 2, 2, 2]);
    // 9 and the skipped 5 took the docids 3 and 5 of this batch.
    assert_eq!(
        documents(&index),
        [
            ("1".to_owned(), 0, json!({"id": 1, "a": 10, "b": 1})),
            ("2".to_owned(), 1, json!({"id": 2, "c": 1})),
            ("3".to_owned(), 2, json!({"id": 3, "a": 30, "y": 3})),
            ("4".to_owned(), 4, json!({"id": 4, "c": 4})),
        ]
    );
    // What a batch freed or did not use is given by the next one.
    index.replace(json!([{"id": 7}, {"id": 8}]));
    let docids: Vec<u32> = documents(&index).into_iter().map(|(_, docid, _)| docid).collect();
    assert_eq!(docids, [0, 1, 2, 4, 3, 5]);
}

#[test]
fn evaluation_is_strictly_in_order() {
    let index = TestIndex::new();
    let document = payload(&json!([{"id": 1, "a": 1}]));
    let other = payload(&json!([{"id": 1, "b": 1}]));
    index.batch(&[update(&document), skip_missing(replace(&other))]);
    assert_eq!(documents(&index)[0].2, json!({"id": 1, "b": 1}));
}

#[test]
fn a_batch_of_deletions_counts_what_it_newly_deletes() {
    let index = TestIndex::new();
    index.replace(json!([{"id": 1}, {"id": 2}, {"id": 3}, {"id": 4}]));
    let ids = ["1".to_owned(), "1".to_owned(), "x".to_owned()];
    let more = ["1".to_owned(), "2".to_owned()];
    let docids = [1, 2, 77].into_iter().collect();
    let outcomes = index.batch(&[
        Operation::DeleteByIds(&ids),
        Operation::DeleteByIds(&more),
        Operation::DeleteByDocids(docids),
    ]);
    assert_eq!(counts(&outcomes), [1, 1, 1]);
    let left: Vec<String> = documents(&index).into_iter().map(|(id, _, _)| id).collect();
    assert_eq!(left, ["4"]);
}

#[test]
fn deletions_that_match_nothing_write_nothing() {
    let index = TestIndex::new();
    index.replace(json!([{"id": 1}]));
    let before = index.dump();
    index.delete(&["2", "", "not valid!"]);
    assert_eq!(index.dump(), before);
}

#[test]
fn documents_found_by_a_filter_can_be_sent_again_in_the_same_batch() {
    let index = TestIndex::new();
    index.replace(json!([{"id": "a", "x": 1}, {"id": "b", "x": 1}]));
    let again = payload(&json!([{"id": "a", "y": 2}]));
    let found = Operation::DeleteByDocids((0..2).collect());
    let outcomes = index.batch(&[found, update(&again)]);
    assert_eq!(counts(&outcomes), [2, 1]);
    assert_eq!(documents(&index), [("a".to_owned(), 0, json!({"id": "a", "y": 2}))]);
}

#[test]
fn a_bad_document_fails_its_payload_alone() {
    let index = TestIndex::new();
    let bad = payload(&json!([{"id": 1, "lost": 1}, {"id": 1.5}]));
    let none = payload(&json!([{"id": 2}, {"title": "no id"}]));
    let good = payload(&json!([{"id": 3, "kept": 1}]));
    let outcomes = index.batch(&[replace(&bad), replace(&none), replace(&good)]);
    let expected = [Some(Code::InvalidDocumentId), Some(Code::MissingDocumentId), None];
    assert_eq!(codes(&outcomes), expected);
    assert_eq!(counts(&outcomes), [0, 0, 1]);
    assert_eq!(documents(&index).len(), 1);
    // The first document was looked at to guess the key.
    assert_eq!(field_names(&index), ["id", "lost", "kept"]);
}

#[test]
fn the_key_is_guessed_from_the_first_payload_that_allows_it() {
    let index = TestIndex::new();
    let ids = ["1".to_owned()];
    let empty = payload(&json!([]));
    let none = payload(&json!([{"title": "x"}]));
    let several = payload(&json!([{"aId": 1, "bId": 2}]));
    let one = payload(&json!([{"name": "x", "movieId": 7}]));
    let outcomes = index.batch(&[
        Operation::DeleteByIds(&ids),
        replace(&empty),
        replace(&none),
        replace(&several),
        replace(&one),
        Operation::DeleteByIds(&ids),
    ]);
    assert_eq!(
        codes(&outcomes),
        [
            None,
            None,
            Some(Code::IndexPrimaryKeyNoCandidateFound),
            Some(Code::IndexPrimaryKeyMultipleCandidatesFound),
            None,
            None,
        ]
    );
    assert_eq!(counts(&outcomes), [0, 0, 0, 0, 1, 1]);
    let rtxn = index.index.read_txn().unwrap();
    assert_eq!(index.index.primary_key(&rtxn).unwrap(), Some("movieId"));
    drop(rtxn);
    assert_eq!(field_names(&index), ["title", "aId", "bId", "name", "movieId"]);
}

#[test]
fn a_batch_whose_payloads_all_fail_writes_nothing() {
    let index = TestIndex::new();
    let before = index.dump();
    let bad = payload(&json!([{"title": "x"}]));
    index.batch(&[replace(&bad)]);
    assert_eq!(index.dump(), before);
}

#[test]
fn a_key_other_than_that_of_the_index_is_refused() {
    let index = TestIndex::new();
    index.replace(json!([{"id": 1}]));
    let documents = payload(&json!([{"id": 2, "other": 2}]));
    let empty = payload(&json!([]));
    let outcomes = index
        .write(|wtxn, context| {
            let operations = [replace(&documents), replace(&empty)];
            index_documents(&index.index, wtxn, &operations, Some("other"), context)
        })
        .unwrap();
    assert_eq!(codes(&outcomes), [Some(Code::IndexPrimaryKeyAlreadyExists), None]);
}

#[test]
fn the_key_can_be_set_while_there_are_no_documents() {
    let index = TestIndex::new();
    index.set_primary_key("a.b").unwrap();
    assert_eq!(field_names(&index), ["a.b"]);
    index.replace(json!([{"a": {"b": "x"}}]));
    assert_eq!(documents(&index)[0].0, "x");
    index.set_primary_key("a.b").unwrap();
    let error = index.set_primary_key("c").unwrap_err();
    assert_eq!(error.error_code(), Code::IndexPrimaryKeyAlreadyExists);
    index.clear();
    index.set_primary_key("c").unwrap();
}

#[test]
fn field_ids_follow_the_order_of_one_thread() {
    let index = TestIndex::new();
    index.settings(json!({"filterableAttributes": ["z.y"], "rankingRules": ["n.m:asc"]}));
    index.replace(json!([
        {"x": {"w": 1}, "id": 1, "z": {"v": {"u": 1}, "y": [{"t": 1}]}},
        {"id": 2, "_geo": null, "n": {"m": {"l": 1}, "k": 1}},
    ]));
    assert_eq!(
        field_names(&index),
        [
            // Top-level names, then those of `_geo`, then faceted ones, then all others.
            "x", "id", "z", "_geo", "n", "_geo.lat", "_geo.lng", "z.y", "z.y.t", "n.m", "n.m.l",
            "x.w", "z.v", "z.v.u", "n.k",
        ]
    );
}

#[test]
fn positions_of_nested_values() {
    let check = |document: Value, expected: &[&str]| {
        let index = TestIndex::new();
        index.settings(json!({"searchableAttributes": ["a", "x"]}));
        index.replace(json!([document]));
        let found: Vec<String> =
            index.table("word_position_docids").into_iter().map(|(key, _)| key).collect();
        assert_eq!(found, expected);
    };
    check(json!({"id": 1, "a": ["x", "y"]}), &[r"x\x00\x00\x00", r"y\x00\x00\x08"]);
    // 16 is kept as 24.
    check(json!({"id": 1, "a": {"b": ["x", "y"]}}), &[r"x\x00\x00\x08", r"y\x00\x00\x18"]);
    check(json!({"id": 1, "a": [null, "x"]}), &[r"x\x00\x00\x08"]);
    check(
        json!({"id": 1, "a": [{"b": "x"}, {"b": "y z"}]}),
        &[r"x\x00\x00\x00", r"y\x00\x00\x08", r"z\x00\x00\t"],
    );
}

#[test]
fn vectors_without_an_embedder_stay_in_the_document() {
    let index = TestIndex::new();
    index.replace(json!([{"id": 1, "_vectors": {"b": [1, 2], "a": null}}]));
    index.update(json!([{"id": 1, "_vectors": {"c": {"regenerate": true}}}]));
    let vectors = json!({
        "a": [], "b": [1.0, 2.0], "c": {"regenerate": true, "embeddings": null},
    });
    assert_eq!(documents(&index)[0].2, json!({"id": 1, "_vectors": vectors}));
    let rtxn = index.index.read_txn().unwrap();
    let distribution = index.index.field_distribution(&rtxn).unwrap();
    assert_eq!(distribution.keys().collect::<Vec<_>>(), ["id"]);
    drop(rtxn);

    let bad = payload(&json!([{"id": 2, "_vectors": [1]}]));
    let error = index
        .write(|wtxn, context| index_documents(&index.index, wtxn, &[replace(&bad)], None, context))
        .unwrap_err();
    assert_eq!(error.error_code(), Code::InvalidVectorsType);
}

#[test]
fn clearing_keeps_settings_key_and_names() {
    let index = TestIndex::new();
    index.settings(json!({"filterableAttributes": ["n"], "synonyms": {"a": ["b"]}}));
    index.replace(json!([{"id": 1, "n": {"m": 1}, "t": "some words"}]));
    let count = index.write(|wtxn, _| clear_documents(&index.index, wtxn)).unwrap();
    assert_eq!(count, 1);
    let content: Vec<_> = index
        .dump()
        .into_iter()
        .filter(|(table, _, _)| *table != "main")
        .map(|(table, key, _)| (table, readable(&key)))
        .collect();
    assert_eq!(content, [("synonyms", "a".to_owned())]);
    assert_eq!(field_names(&index), ["id", "n", "t", "n.m"]);
    index.replace(json!([{"id": 5}]));
    assert_eq!(documents(&index)[0].1, 0);
}

#[test]
fn a_raised_stop_flag_ends_the_batch() {
    let index = TestIndex::new();
    let documents = payload(&json!([{"id": 1}]));
    let error = index
        .write(|wtxn, context| {
            let context = milli::indexing::IndexingContext { must_stop: &|| true, ..*context };
            index_documents(&index.index, wtxn, &[replace(&documents)], None, &context)
        })
        .unwrap_err();
    assert!(matches!(error, milli::Error::Aborted));
}

#[test]
fn rounds_of_little_memory_give_the_same_index() {
    let documents: Value = (0..1500)
        .map(|n| json!({"id": n, "t": format!("word{} common {}", n % 70, n % 7), "k": n % 11}))
        .collect();
    let documents = payload(&documents);
    let dump = |max_memory_bytes| {
        let index = TestIndex::new();
        index.settings(json!({"filterableAttributes": ["k"]}));
        index
            .write(|wtxn, context| {
                let context = milli::indexing::IndexingContext { max_memory_bytes, ..*context };
                index_documents(&index.index, wtxn, &[replace(&documents)], None, &context)
            })
            .unwrap();
        let mut dump = index.dump();
        dump.retain(|(table, _, _)| *table != "main");
        dump
    };
    assert_eq!(dump(Some(0)), dump(None));
}

#[test]
fn more_field_names_than_ids_fail_the_payload_alone() {
    let index = TestIndex::new();
    let wide: serde_json::Map<String, Value> =
        (0..65_536).map(|n| (format!("f{n}"), 1.into())).chain([("id".into(), 1.into())]).collect();
    let wide = payload(&json!([wide]));
    let good = payload(&json!([{"id": 2}]));
    let outcomes = index
        .write(|wtxn, context| {
            let operations = [replace(&wide), replace(&good)];
            index_documents(&index.index, wtxn, &operations, Some("id"), context)
        })
        .unwrap();
    assert_eq!(codes(&outcomes), [Some(Code::MaxFieldsLimitExceeded), None]);
    assert_eq!(field_names(&index), ["id"]);
}
