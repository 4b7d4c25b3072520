//! Points and shapes of documents: kept with every change, filtered and sorted by.

#![allow(clippy::unwrap_used, reason = "a failure here is a failed test")]

mod common;

use common::TestIndex;
use meilisearch_types::error::{Code, ErrorCode};
use meilisearch_types::features::RuntimeTogglableFeatures;
use milli::document::GeoPoint;
use milli::geo::DistanceCriterion;
use milli::indexing::{MissingDocument, Operation, index_documents};
use milli::query::filter::Filter;
use milli::search::keyword::{MatchingStrategy, SearchOutcome, SearchRequest, SortBy, search};
use milli::search::scores::ScoreDetail;
use milli::{CheckOptions, Schema, check_index};
use proptest::prelude::*;
use serde_json::{Value, json};

fn check(index: &TestIndex) {
    let rtxn = index.index.read_txn().unwrap();
    let report = check_index(&index.index, &rtxn, &CheckOptions::default()).unwrap();
    assert_eq!(report.findings, []);
}

fn filtered(index: &TestIndex, filter: &str) -> Vec<u32> {
    let rtxn = index.index.read_txn().unwrap();
    let schema = Schema::load(&index.index, &rtxn).unwrap();
    let filter = Filter::from_json(&json!(filter)).unwrap().unwrap();
    let features = RuntimeTogglableFeatures::default();
    filter.evaluate(&index.index, &rtxn, &schema, &features).unwrap().iter().collect()
}

fn sorted(
    index: &TestIndex,
    from: GeoPoint,
    ascending: bool,
    distinct: Option<&str>,
) -> SearchOutcome {
    let rtxn = index.index.read_txn().unwrap();
    let schema = Schema::load(&index.index, &rtxn).unwrap();
    let sort = [SortBy::Distance(DistanceCriterion { from, ascending })];
    let request = SearchRequest {
        query: None,
        vector: None,
        locales: None,
        universe: index.index.documents_ids(&rtxn).unwrap(),
        offset: 0,
        limit: 10_000,
        exhaustive: false,
        matching_strategy: MatchingStrategy::Last,
        attributes_to_search_on: None,
        sort: &sort,
        distinct,
        ranking_score_threshold: None,
        scored: true,
        deadline: None,
    };
    search(&index.index, &rtxn, &schema, request).unwrap()
}

fn point(lat: f64, lng: f64) -> GeoPoint {
    GeoPoint { lat, lng }
}

/// Six places, one of them at sea without a point.
fn places() -> TestIndex {
    let index = TestIndex::new();
    index.settings(json!({"filterableAttributes": ["_geo"], "sortableAttributes": ["_geo"]}));
    index.replace(json!([
        {"id": 0, "_geo": {"lat": 0, "lng": 0}},
        {"id": 1, "_geo": {"lat": "10.5", "lng": "170"}},
        {"id": 2, "_geo": null},
        {"id": 3, "_geo": {"lat": -10, "lng": -175}},
        {"id": 4, "_geo": {"lat": 0, "lng": 0.000001}},
        {"id": 5},
    ]));
    index
}

#[test]
fn filters() {
    let index = places();
    check(&index);
    assert_eq!(filtered(&index, "_geoRadius(0, 0, 1000)"), [0, 4]);
    assert_eq!(filtered(&index, "_geoRadius(0, 0, 0)"), [0]);
    assert_eq!(filtered(&index, "_geoRadius(0, 180, 3000000)"), [1, 3]);
    assert_eq!(filtered(&index, "_geoBoundingBox([1, 1], [-1, -1])"), [0, 4]);
    // Across the meridian of 180 degrees.
    assert_eq!(filtered(&index, "_geoBoundingBox([20, -160], [-20, 160])"), [1, 3]);
    assert_eq!(filtered(&index, "_geo.lat > 0"), [1]);
    assert_eq!(filtered(&index, "_geo.lng EXISTS"), [0, 1, 3, 4]);
    assert_eq!(filtered(&index, "NOT _geoRadius(0, 0, 1000)"), [1, 2, 3, 5]);
}

#[test]
fn sorting_and_its_scores() {
    let index = places();
    let outcome = sorted(&index, point(0.0, 0.0), true, None);
    assert_eq!(outcome.docids, [0, 4, 1, 3, 2, 5]);
    let told = |at: usize| match &outcome.scores[at][..] {
        [ScoreDetail::GeoSort { point, .. }] => *point,
        other => panic!("{other:?}"),
    };
    // The documents of a bucket tell the point of the first of them.
    assert_eq!((told(0), told(1)), (Some(point(0.0, 0.0)), Some(point(0.0, 0.0))));
    assert_eq!((told(2), told(4)), (Some(point(10.5, 170.0)), None));
    assert_eq!(sorted(&index, point(0.0, 0.0), false, None).docids, [3, 1, 0, 4, 2, 5]);
}

#[test]
fn changes_of_documents_and_settings_keep_the_points() {
    let index = places();
    index.update(json!([
        {"id": 0, "_geo": {"lat": 50, "lng": 3}},
        {"id": 1, "_geo": {"lat": 10.5, "lng": 170.0}},
        {"id": 2, "_geo": {"lat": 50, "lng": 3}},
        {"id": 3, "_geo": null},
    ]));
    check(&index);
    assert_eq!(filtered(&index, "_geoRadius(50, 3, 1)"), [0, 2]);
    assert_eq!(filtered(&index, "_geoBoundingBox([90, 180], [-90, -180])"), [0, 1, 2, 4]);
    index.delete(&["0"]);
    check(&index);
    assert_eq!(filtered(&index, "_geoRadius(50, 3, 1)"), [2]);

    let geo_entries = |index: &TestIndex| {
        let is_geo = |(_, key, _): &(&str, Vec<u8>, Vec<u8>)| {
            key.starts_with(b"geo-") || key.starts_with(b"\x00\x02") || key.starts_with(b"\x00\x03")
        };
        index.dump().into_iter().filter(is_geo).count()
    };
    assert!(geo_entries(&index) > 0);
    // A pattern does not index points.
    index.settings(
        json!({"filterableAttributes": [{"attributePatterns": ["*"]}], "sortableAttributes": []}),
    );
    check(&index);
    assert_eq!(geo_entries(&index), 0);
    index.settings(json!({"sortableAttributes": ["_geo"], "filterableAttributes": ["_geo"]}));
    check(&index);
    assert_eq!(filtered(&index, "_geoBoundingBox([90, 180], [-90, -180])"), [1, 2, 4]);
    index.clear();
    check(&index);
    assert_eq!(filtered(&index, "_geoRadius(50, 3, 1)"), [0_u32; 0]);
}

#[test]
fn an_emptied_index_forgets_its_tree_with_the_setting() {
    let index = TestIndex::new();
    index.settings(json!({"filterableAttributes": ["_geo"]}));
    index.replace(json!([{"id": 1, "_geo": {"lat": 1, "lng": 2}}]));
    index.delete(&["1"]);
    index.settings(json!({"filterableAttributes": null}));
    check(&index);
}

#[test]
fn a_bad_point_fails_the_batch() {
    let index = places();
    let before = index.dump();
    let error = index
        .write(|wtxn, context| {
            let payload = common::payload(&json!([{"id": "x", "_geo": {"lat": 1}}]));
            let on_missing = MissingDocument::Create;
            let operations = [Operation::Replace { payload: &payload, on_missing }];
            index_documents(&index.index, wtxn, &operations, None, context)
        })
        .unwrap_err();
    assert_eq!(error.error_code(), Code::InvalidDocumentGeoField);
    assert_eq!(
        error.to_string(),
        "`_geo` of the document `x` cannot be indexed: the longitude `lng` is missing"
    );
    assert_eq!(index.dump(), before);
}

#[test]
fn a_bad_point_is_found_when_points_are_indexed_at_last() {
    let index = TestIndex::new();
    index.replace(json!([{"id": 7, "_geo": "here"}]));
    check(&index);
    let error = index.try_settings(json!({"sortableAttributes": ["_geo"]})).unwrap_err();
    assert_eq!(error.error_code(), Code::InvalidDocumentGeoField);
    assert!(error.to_string().contains("document `7`"), "{error}");
    // Other settings do not care.
    index.settings(json!({"stopWords": ["the"]}));
}

/// More documents than are ordered at a time, so that the tree is asked.
#[test]
fn many_documents_are_ordered_by_the_tree() {
    let index = TestIndex::new();
    index.settings(
        json!({"sortableAttributes": ["_geo"], "filterableAttributes": ["_geo", "half"]}),
    );
    let documents: Vec<Value> = (0..2500)
        .map(|n| json!({"id": n, "half": n / 2, "_geo": {"lat": f64::from(n * 37 % 2500) / 50.0, "lng": 1}}))
        .collect();
    index.replace(Value::from(documents));
    check(&index);
    let from = point(0.0, 1.0);
    for ascending in [true, false] {
        let outcome = sorted(&index, from, ascending, None);
        let mut expected: Vec<u32> = (0..2500).collect();
        expected.sort_by_key(|n| n * 37 % 2500);
        if !ascending {
            expected.reverse();
        }
        assert_eq!(outcome.docids, expected);
        let halves = sorted(&index, from, ascending, Some("half"));
        assert_eq!(halves.docids.len(), 1250);
    }
}

/// Shapes near the place where equator and first meridian cross, and one across the Pacific.
fn shapes() -> TestIndex {
    let index = TestIndex::new();
    index.settings(json!({"filterableAttributes": ["_geojson"]}));
    index.replace(json!([
        {"id": 0, "_geojson": {"type": "Point", "coordinates": [0.5, 0.5]}},
        {"id": 1, "_geojson": square(0.0, 0.0)},
        {"id": 2, "_geojson": {"type": "Feature", "properties": {}, "geometry":
            {"type": "LineString", "coordinates": [[-1, -1], [3, 3]]}}},
        {"id": 3, "_geojson": {"type": "MultiPoint", "coordinates": [[40, 40], [-179, 0.47]]}},
        {"id": 4},
    ]));
    index
}

/// A degree in width and height.
fn square(lng: f64, lat: f64) -> Value {
    let (right, top) = (lng + 1.0, lat + 1.0);
    json!({"type": "Polygon", "coordinates": [[[lng, lat], [right, lat], [right, top], [lng, top], [lng, lat]]]})
}

#[test]
fn shapes_are_filtered() {
    let index = shapes();
    check(&index);
    assert_eq!(filtered(&index, "_geoPolygon([0.4,0.4],[0.4,0.6],[0.6,0.6],[0.6,0.4])"), [0, 1, 2]);
    assert_eq!(filtered(&index, "_geoPolygon([2,2],[2,3],[3,3])"), [2]);
    assert_eq!(filtered(&index, "_geoRadius(40, 40, 1000)"), [3]);
    assert_eq!(filtered(&index, "_geoRadius(0.5, 0.9, 1000, 12)"), [1]);
    assert_eq!(filtered(&index, "_geoBoundingBox([1, 1], [0.8, 0.8])"), [1, 2]);
    // Across the meridian of 180 degrees.
    assert_eq!(filtered(&index, "_geoBoundingBox([1, -178], [0, 178])"), [3]);
    assert_eq!(filtered(&index, "NOT _geoBoundingBox([90, 180], [-90, -180])"), [4]);
}

/// Areas that make the grid's library give up are split, or refused; shapes are refused.
#[test]
fn areas_and_shapes_without_measure() {
    let index = shapes();
    assert_eq!(filtered(&index, "_geoBoundingBox([90, 180], [-90, -180])"), [0, 1, 2, 3]);
    let rtxn = index.index.read_txn().unwrap();
    let schema = Schema::load(&index.index, &rtxn).unwrap();
    let filter = Filter::from_json(&json!("_geoPolygon([0,0],[0,0],[0,0])")).unwrap().unwrap();
    let features = RuntimeTogglableFeatures::default();
    let error = filter.evaluate(&index.index, &rtxn, &schema, &features).unwrap_err();
    assert_eq!(error.error_code(), Code::InvalidSearchFilter);
    drop(rtxn);

    let before = index.dump();
    let world = json!([[[-180, -90], [180, -90], [180, 90], [-180, 90], [-180, -90]]]);
    let payload = common::payload(
        &json!([{"id": "x", "_geojson": {"type": "Polygon", "coordinates": world}}]),
    );
    let error = index
        .write(|wtxn, context| {
            let on_missing = MissingDocument::Create;
            let operations = [Operation::Replace { payload: &payload, on_missing }];
            index_documents(&index.index, wtxn, &operations, None, context)
        })
        .unwrap_err();
    assert_eq!(error.error_code(), Code::InvalidDocumentGeoField);
    assert_eq!(index.dump(), before);
}

#[test]
fn a_shape_that_changes_leaves_its_old_cells() {
    let index = shapes();
    index.update(json!([{"id": 1, "_geojson": square(50.0, 50.0)}]));
    check(&index);
    assert_eq!(filtered(&index, "_geoRadius(0.5, 0.9, 1000)"), [0_u32; 0]);
    assert_eq!(filtered(&index, "_geoRadius(50.5, 50.5, 1000)"), [1]);
    index.replace(json!([{"id": 0}, {"id": 2, "_geojson": square(7.0, 7.0)}]));
    index.delete(&["3"]);
    check(&index);
    let fresh = TestIndex::new();
    fresh.settings(json!({"filterableAttributes": ["_geojson"]}));
    fresh.replace(json!([
        {"id": 0},
        {"id": 1, "_geojson": square(50.0, 50.0)},
        {"id": 2, "_geojson": square(7.0, 7.0)},
    ]));
    for table in ["cellulite_item", "cellulite_cell", "cellulite_update", "cellulite_metadata"] {
        assert_eq!(index.table(table), fresh.table(table), "{table}");
    }
}

#[test]
fn shapes_follow_the_settings() {
    let index = shapes();
    let items = |index: &TestIndex| index.table("cellulite_item").len();
    assert_eq!(items(&index), 4);
    index.settings(json!({"filterableAttributes": [{"attributePatterns": ["*"]}]}));
    check(&index);
    assert_eq!((items(&index), index.table("cellulite_cell").len()), (0, 0));
    index.settings(json!({"filterableAttributes": ["_geojson", "_geo"]}));
    index.update(json!([{"id": 4, "_geo": {"lat": 0.5, "lng": 0.5}}]));
    check(&index);
    assert_eq!(items(&index), 4);
    // Points and shapes together.
    assert_eq!(filtered(&index, "_geoRadius(0.5, 0.5, 1000)"), [0, 1, 2, 4]);
    assert_eq!(filtered(&index, "_geoBoundingBox([0.6, 0.6], [0.4, 0.4])"), [0, 1, 2, 4]);
    index.clear();
    check(&index);
    assert_eq!(items(&index), 0);
}

#[test]
fn what_is_no_shape_fails_the_batch() {
    let index = shapes();
    for wrong in [json!(null), json!("here"), json!({"type": "Point"})] {
        let payload = common::payload(&json!([{"id": "x", "_geojson": wrong}]));
        let error = index
            .write(|wtxn, context| {
                let on_missing = MissingDocument::Create;
                let operations = [Operation::Replace { payload: &payload, on_missing }];
                index_documents(&index.index, wtxn, &operations, None, context)
            })
            .unwrap_err();
        assert_eq!(error.error_code(), Code::InvalidDocumentGeoField);
        assert!(error.to_string().starts_with("`_geojson` of the document `x`"), "{error}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    /// The tree finds what a look at every document finds.
    #[test]
    fn a_radius_is_a_radius(
        points in prop::collection::vec((-90..=90_i32, -180..=180_i32), 1..60),
        center in (-90..=90_i32, -180..=180_i32),
        radius in 0..20_000_000_i32,
    ) {
        let index = TestIndex::new();
        index.settings(json!({"filterableAttributes": ["_geo"]}));
        let document = |(id, (lat, lng)): (usize, &(i32, i32))| json!({"id": id, "_geo": {"lat": lat, "lng": lng}});
        index.replace(points.iter().enumerate().map(document).collect());
        let place = |(lat, lng): (i32, i32)| point(lat.into(), lng.into());
        let within = |(_, at): &(usize, &(i32, i32))| {
            place(center).distance_to(place(**at)) <= f64::from(radius)
        };
        let expected: Vec<u32> =
            points.iter().enumerate().filter(within).map(|(id, _)| id as u32).collect();
        let filter = format!("_geoRadius({}, {}, {radius})", center.0, center.1);
        prop_assert_eq!(filtered(&index, &filter), expected);
    }
}
