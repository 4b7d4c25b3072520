//! Vectors that users provide: from documents to their stores, and back (indexing.md 15).

#![allow(clippy::unwrap_used, reason = "a failure here is a failed test")]

mod common;

use common::TestIndex;
use meilisearch_types::error::ErrorCode;
use serde_json::{Value, json};

fn embedder(dimensions: usize) -> Value {
    json!({"source": "userProvided", "dimensions": dimensions})
}

fn with_embedder() -> TestIndex {
    let index = TestIndex::new();
    index.settings(json!({"embedders": {"e": embedder(2)}}));
    index
}

fn vectors(index: &TestIndex, id: &str) -> Value {
    index.shown_vectors(id).0["e"].clone()
}

fn counts(index: &TestIndex) -> (Option<u64>, Option<u64>) {
    let rtxn = index.index.read_txn().unwrap();
    let stats = index.index.stats(&rtxn).unwrap();
    (stats.number_of_embeddings, stats.number_of_embedded_documents)
}

fn failure(index: &TestIndex, documents: Value) -> String {
    index.failure(documents).0
}

#[test]
fn every_shape_of_entry_is_stored() {
    let index = with_embedder();
    index.replace(json!([
        {"id": 1, "_vectors": {"e": [0.5, 0.1], "other": [1]}},
        {"id": 2, "_vectors": {"e": [[1, 0], [0, 1], [1, 1]]}},
        {"id": 3, "_vectors": {"e": null}},
        {"id": 4, "_vectors": {"e": {"regenerate": false}}},
        {"id": 5, "_vectors": {"e": {"regenerate": true, "embeddings": [2, 3]}}},
    ]));
    let entry =
        |embeddings, regenerate| json!({"embeddings": embeddings, "regenerate": regenerate});
    let one = entry(json!([[0.5, 0.10000000149011612]]), false);
    assert_eq!(
        index.shown_vectors("1"),
        (json!({"e": one, "other": [1.0]}), Some(json!({"other": [1.0]})))
    );
    let three = entry(json!([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]]), false);
    assert_eq!(index.shown_vectors("2"), (json!({"e": three}), None));
    assert_eq!(vectors(&index, "3"), entry(json!([]), false));
    assert_eq!(vectors(&index, "4"), entry(json!([]), false));
    assert_eq!(vectors(&index, "5"), entry(json!([[2.0, 3.0]]), true));
    assert_eq!(counts(&index), (Some(5), Some(3)));
}

#[test]
fn every_store_has_a_header_and_no_mark() {
    let index = with_embedder();
    index.replace(json!([{"id": 1, "_vectors": {"e": [0, 1]}}]));
    let kinds: Vec<u8> = index
        .dump()
        .into_iter()
        .filter(|(table, _, _)| *table == "vector_store")
        .map(|(_, key, _)| key[2])
        .collect();
    let of_kind = |kind| kinds.iter().filter(|other| **other == kind).count();
    assert_eq!((of_kind(0), of_kind(1)), (512, 0));
    assert!(of_kind(2) >= 1);
    assert_eq!(of_kind(3), 1);
}

#[test]
fn documents_must_bring_vectors_of_the_right_length() {
    let index = with_embedder();
    let fails = |documents, code| assert_eq!(failure(&index, documents), code);
    fails(json!([{"id": 1}]), "vector_embedding_error");
    fails(json!([{"id": 1, "_vectors": {"e": {"regenerate": true}}}]), "vector_embedding_error");
    fails(json!([{"id": 1, "_vectors": {"e": [1]}}]), "invalid_vector_dimensions");
    fails(json!([{"id": 1, "_vectors": {"e": "x"}}]), "invalid_vectors_type");
    fails(json!([{"id": 1, "_vectors": null}]), "invalid_vectors_type");
    assert_eq!(counts(&index), (Some(0), Some(0)));
}

#[test]
fn vectors_stay_until_others_are_sent() {
    let index = with_embedder();
    index.replace(json!([{"id": 1, "_vectors": {"e": [[1, 0], [0, 1]]}}]));
    index.replace(json!([{"id": 1, "a": 1}]));
    index.update(json!([{"id": 1, "_vectors": {"e": {"regenerate": false}}}]));
    assert_eq!(vectors(&index, "1")["embeddings"], json!([[1.0, 0.0], [0.0, 1.0]]));
    index.update(json!([{"id": 1, "_vectors": {"e": [2, 2]}}]));
    assert_eq!(vectors(&index, "1")["embeddings"], json!([[2.0, 2.0]]));
    let asks = json!([{"id": 1, "_vectors": {"e": {"regenerate": true}}}]);
    assert_eq!(failure(&index, asks), "vector_embedding_error");
    index.delete(&["1"]);
    assert_eq!(counts(&index), (Some(0), Some(0)));
}

#[test]
fn regenerated_vectors_cannot_outlive_their_text() {
    let index = with_embedder();
    let entry = json!({"regenerate": true, "embeddings": [1, 2]});
    index.replace(json!([{"id": 1, "a": "x", "_vectors": {"e": entry}}]));
    index.update(json!([{"id": 1, "a": "x"}]));
    assert_eq!(vectors(&index, "1")["embeddings"], json!([[1.0, 2.0]]));
    assert_eq!(failure(&index, json!([{"id": 1, "a": "y"}])), "vector_embedding_error");
}

#[test]
fn embedders_come_and_go_over_documents() {
    let index = TestIndex::new();
    index.replace(json!([
        {"id": 1, "_vectors": {"e": [0.1, 1], "z": null}},
        {"id": 2, "_vectors": {"e": {"regenerate": true, "embeddings": [1, 1]}}},
    ]));
    assert_eq!(counts(&index), (Some(0), Some(0)));
    index.settings(json!({"embedders": {"e": embedder(2)}}));
    assert_eq!(index.shown_vectors("1").1, Some(json!({"z": []})));
    assert_eq!(index.shown_vectors("2").1, None);
    assert_eq!(counts(&index), (Some(2), Some(2)));
    let error = index.try_settings(json!({"embedders": {"f": embedder(2)}})).unwrap_err();
    assert_eq!(error.error_code().name(), "vector_embedding_error");

    index.settings(json!({"embedders": {"e": null}}));
    let returned = json!({"regenerate": false, "embeddings": [[0.10000000149011612, 1.0]]});
    assert_eq!(index.shown_vectors("1").1, Some(json!({"e": returned, "z": []})));
    assert_eq!(index.shown_vectors("2").1, None);
    assert!(!index.dump().iter().any(|(table, _, _)| *table == "vector_store"));
}

#[test]
fn quantised_vectors_are_bits_and_stay_so() {
    let index = with_embedder();
    index.replace(json!([{"id": 1, "_vectors": {"e": [0.7, -0.2]}}]));
    index.settings(json!({"embedders": {"e": {"binaryQuantized": true}}}));
    assert_eq!(vectors(&index, "1")["embeddings"], json!([[1.0, 0.0]]));
    index.replace(json!([{"id": 2, "_vectors": {"e": [0, 3]}}]));
    assert_eq!(vectors(&index, "2")["embeddings"], json!([[0.0, 1.0]]));
    assert_eq!(counts(&index), (Some(2), Some(2)));
    for back in [json!(false), json!(null)] {
        let settings = json!({"embedders": {"e": {"binaryQuantized": back}}});
        let error = index.try_settings(settings).unwrap_err();
        assert_eq!(error.error_code().name(), "invalid_settings_embedders");
    }
}

#[test]
fn settings_are_shown_as_they_are_in_force() {
    let index = with_embedder();
    let distribution = json!({"mean": 0.7, "sigma": 0.3});
    index.settings(json!({"embedders": {"e": {"distribution": distribution}, "f": embedder(3)}}));
    let rtxn = index.index.read_txn().unwrap();
    let settings = serde_json::to_value(milli::settings(&index.index, &rtxn).unwrap()).unwrap();
    let e = json!({"source": "userProvided", "dimensions": 2, "distribution": distribution});
    assert_eq!(settings["embedders"], json!({"e": e, "f": embedder(3)}));
    drop(rtxn);
    let long = json!({"embedders": {"e": {"dimensions": 4}}});
    index.settings(long.clone());
    index.replace(json!([{"id": 1, "_vectors": {"e": [1, 2, 3, 4], "f": null}}]));
    let error = index.try_settings(json!({"embedders": {"e": {"dimensions": 2}}})).unwrap_err();
    assert_eq!(error.error_code().name(), "invalid_settings_embedders");
    index.settings(long);
}

#[test]
fn clearing_documents_forgets_vectors_and_statuses() {
    let index = with_embedder();
    index.replace(json!([{"id": 1, "_vectors": {"e": [1, 2]}}]));
    index.clear();
    assert_eq!(counts(&index), (Some(0), Some(0)));
    index.replace(json!([{"id": 1, "_vectors": {"e": [2, 1]}}]));
    assert_eq!(vectors(&index, "1")["embeddings"], json!([[2.0, 1.0]]));
}
