//! Filters and facets over an index that was written by indexing.

#![allow(clippy::unwrap_used, reason = "a failure here is a failed test")]

mod common;

use common::TestIndex;
use meilisearch_types::features::RuntimeTogglableFeatures;
use milli::facet::search::{FacetQuery, search};
use milli::facet::{distribution, select, stats};
use milli::query::filter::Filter;
use milli::{FieldsIdsMap, Schema};
use roaring::RoaringBitmap;
use serde_json::{Value, json};

/// Five cities; `6` has no tag.
fn cities(settings: Value) -> TestIndex {
    let test = TestIndex::new();
    test.settings(settings);
    test.replace(json!([
        { "id": 1, "name": "Kyoto", "tags": ["Temple", "garden"], "size": { "km": 10 }, "note": null },
        { "id": 2, "name": "Köln", "tags": ["temple", "Tempel"], "size": { "km": 2.5 }, "note": "" },
        { "id": 3, "name": "Oslo", "tags": ["Gärden"], "size": { "km": 10 }, "note": [null] },
        { "id": 4, "name": "Lima", "tags": "10", "size": [{ "km": 7 }, { "km": "big" }], "note": {} },
        { "id": 5, "name": "Rome", "size": {}, "note": 0 },
    ]));
    test
}

fn load(test: &TestIndex) -> (Schema, FieldsIdsMap, RoaringBitmap) {
    let rtxn = test.index.read_txn().unwrap();
    (
        Schema::load(&test.index, &rtxn).unwrap(),
        test.index.fields_ids_map(&rtxn).unwrap(),
        test.index.documents_ids(&rtxn).unwrap(),
    )
}

fn everything() -> Value {
    json!({ "filterableAttributes": ["tags", "size", "note"] })
}

#[track_caller]
fn check_filter(test: &TestIndex, filter: &str, expected: &[u32]) {
    let (schema, _, _) = load(test);
    let rtxn = test.index.read_txn().unwrap();
    let filter = Filter::from_json(&json!(filter)).unwrap().unwrap();
    let features = RuntimeTogglableFeatures::default();
    let found = filter.evaluate(&test.index, &rtxn, &schema, &features).unwrap();
    let docids: Vec<u32> = expected.iter().map(|id| id - 1).collect();
    assert_eq!(found.iter().collect::<Vec<_>>(), docids, "{filter:?}");
}

#[test]
fn filters() {
    let test = cities(everything());
    check_filter(&test, "tags = temple", &[1, 2]);
    check_filter(&test, "size.km > 5", &[1, 3, 4]);
    check_filter(&test, "size.km > 9", &[1, 3, 4]);
    check_filter(&test, "size.km 2 TO 8", &[2, 4]);
    check_filter(&test, "note IS NULL", &[1]);
    check_filter(&test, "note IS EMPTY", &[2, 4]);
    check_filter(&test, "note EXISTS", &[1, 2, 3, 4, 5]);
    check_filter(&test, "tags NOT EXISTS", &[5]);
    check_filter(&test, "size IS EMPTY", &[5]);
    check_filter(&test, "tags STARTS WITH TEMP", &[1, 2]);
}

fn facets(test: &TestIndex, patterns: &[&str]) -> String {
    let (schema, fields, all) = load(test);
    let rtxn = test.index.read_txn().unwrap();
    let patterns: Vec<_> = patterns.iter().map(ToString::to_string).collect();
    match select(&schema, &fields, &patterns) {
        Err(refused) => format!("refused {:?}", refused.refused),
        Ok(selected) => {
            let counts = distribution(&test.index, &rtxn, &schema, &selected, &all).unwrap();
            let stats = stats(&test.index, &rtxn, &selected, &all).unwrap();
            serde_json::to_string(&json!({ "counts": counts, "stats": stats })).unwrap()
        }
    }
}

#[test]
fn facet_patterns() {
    let test = cities(everything());
    insta::assert_snapshot!(facets(&test, &["size"]), @r#"{"counts":{"size":{},"size.km":{"10":2,"2.5":1,"7":1,"big":1}},"stats":{"size.km":{"min":2.5,"max":10.0}}}"#);
    insta::assert_snapshot!(facets(&test, &["t*"]), @r#"{"counts":{"tags":{"10":1,"garden":1,"Gärden":1,"Tempel":1,"Temple":2}},"stats":{}}"#);
    insta::assert_snapshot!(facets(&test, &["*km", "no"]), @r#"refused ["*km", "no"]"#);
    insta::assert_snapshot!(facets(&test, &["size.nope"]), @r#"{"counts":{},"stats":{}}"#);
    insta::assert_snapshot!(facets(&test, &["name"]), @r#"refused ["name"]"#);

    let rule = |patterns: Value, equality: bool| {
        json!({
            "attributePatterns": patterns,
            "features": { "facetSearch": false, "filter": { "equality": equality, "comparison": false } },
        })
    };
    let rules = json!([rule(json!(["size.*"]), true), rule(json!(["tags"]), false), "*"]);
    let test = cities(json!({ "filterableAttributes": rules }));
    insta::assert_snapshot!(facets(&test, &["size"]), @r#"{"counts":{},"stats":{}}"#);
    insta::assert_snapshot!(facets(&test, &["tags"]), @r#"refused ["tags"]"#);
}

fn values(test: &TestIndex, text: Option<&str>) -> String {
    let (schema, _, all) = load(test);
    let rtxn = test.index.read_txn().unwrap();
    let query = FacetQuery { facet: "tags", text, locales: None };
    let hits = search(&test.index, &rtxn, &schema, query, &all).unwrap();
    hits.iter().map(|hit| format!("{} {}", hit.value, hit.count)).collect::<Vec<_>>().join(", ")
}

#[test]
fn facet_values_are_found_by_prefix_and_typo() {
    let test = cities(everything());
    assert_eq!(values(&test, None), "10 1, garden 1, Gärden 1, Tempel 1, Temple 2");
    assert_eq!(values(&test, Some("GARD")), "garden 1, Gärden 1");
    assert_eq!(values(&test, Some("tamp")), "");
    assert_eq!(values(&test, Some("tampl")), "Temple 2");
    assert_eq!(values(&test, Some("1")), "10 1");
    test.settings(json!({ "typoTolerance": { "disableOnAttributes": ["tags"] } }));
    assert_eq!(values(&test, Some("tampl")), "");
    test.settings(
        json!({ "typoTolerance": { "disableOnAttributes": [], "disableOnWords": ["templ"] } }),
    );
    assert_eq!(values(&test, Some("templ")), "");
}

#[test]
fn facet_values_by_count() {
    let test = cities(everything());
    test.settings(
        json!({ "faceting": { "sortFacetValuesBy": { "*": "count" }, "maxValuesPerFacet": 2 } }),
    );
    // Of equal counts the smallest value gives way to a later one.
    assert_eq!(values(&test, Some("")), "Temple 2, garden 1");
    assert_eq!(values(&test, None), "Temple 2, garden 1");
}
