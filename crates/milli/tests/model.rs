//! Any sequence of additions, updates, deletions, clears and changes of settings leaves the index that
//! the final documents give when they are added once under the final settings.
//!
//! Internal ids of documents and fields may differ, so entries are compared with ids translated. The
//! levels of facet trees may be grouped in any way; they are covered by the invariants.
//!
//! `PROPTEST_CASES=2000 cargo test --release -p milli --test model` plays more of them.

#![allow(clippy::unwrap_used, reason = "a failure here is a failed test")]

mod common;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use common::{TestIndex, readable};
use embedder_mock::Mock;
use heed::BytesDecode;
use milli::codec::{Cbo, FacetGroupValue, Roaring};
use milli::{CheckOptions, check_index};
use proptest::prelude::*;
use serde_json::{Map, Value, json};

#[derive(Clone, Debug)]
enum Action {
    Replace(Vec<Map<String, Value>>),
    Update(Vec<Map<String, Value>>),
    Delete(Vec<u8>),
    Clear,
    Settings(Value),
}

fn text() -> impl Strategy<Value = String> {
    let word = prop::sample::select(vec![
        "red",
        "Fox",
        "the",
        "42",
        "3.5",
        "naïve",
        "co-op",
        "end.",
        "x,",
        "日本語",
    ]);
    prop::collection::vec(word, 0..6).prop_map(|words| words.join(" "))
}

/// Sixty words; two blocks make prefixes of a hundred words.
fn block() -> impl Strategy<Value = String> {
    prop::sample::select(vec![0, 60, 120]).prop_map(|start| {
        (start..start + 60).map(|n| format!("w{n:03}")).collect::<Vec<_>>().join(" ")
    })
}

fn value() -> impl Strategy<Value = Value> {
    prop_oneof![
        4 => text().prop_map(Value::from),
        1 => (-3..4_i32).prop_map(Value::from),
        1 => Just(json!(2.5)),
        1 => Just(Value::Null),
        1 => any::<bool>().prop_map(Value::from),
        1 => Just(json!([])),
        1 => Just(json!("")),
        2 => prop::collection::vec(text(), 0..3).prop_map(Value::from),
        1 => (text(), -2..3_i32).prop_map(|(text, n)| json!({"k": [text, {"z": n}], "e": {}})),
        1 => text().prop_map(|text| json!([{"k": text}, {"k": null}, [1, "a"]])),
    ]
}

fn geo() -> impl Strategy<Value = Value> {
    prop_oneof![
        1 => Just(Value::Null),
        4 => (-2..3_i32, -2..3_i32).prop_map(|(lat, lng)| json!({"lat": lat, "lng": lng.to_string()})),
    ]
}

/// A point or a triangle.
fn shape() -> impl Strategy<Value = Value> {
    (any::<bool>(), -2..3_i32, -2..3_i32).prop_map(|(is_point, lng, lat)| {
        if is_point {
            json!({"type": "Point", "coordinates": [lng, lat]})
        } else {
            let ring = [[lng, lat], [lng + 1, lat], [lng, lat + 1], [lng, lat]];
            json!({"type": "Polygon", "coordinates": [ring]})
        }
    })
}

fn document() -> impl Strategy<Value = Map<String, Value>> {
    let field = prop_oneof![
        4 => (prop::sample::select(vec!["title", "tag", "n"]), value().boxed()),
        1 => (Just("block"), block().prop_map(Value::from).boxed()),
        1 => (Just("_geo"), geo().boxed()),
        1 => (Just("_geojson"), shape().boxed()),
    ];
    let field = field.prop_map(|(name, value)| (name.to_owned(), value));
    (0..6_u8, prop::collection::vec(field, 0..4)).prop_map(|(id, fields)| {
        let mut document = Map::new();
        document.insert("id".to_owned(), id.into());
        document.extend(fields);
        document
    })
}

fn settings() -> impl Strategy<Value = Value> {
    let features = |search: bool, equality: bool, comparison: bool| {
        json!({"attributePatterns": ["t*", "n.k"], "features":
            {"facetSearch": search, "filter": {"equality": equality, "comparison": comparison}}})
    };
    let choices: Vec<(&str, Vec<Value>)> = vec![
        (
            "searchableAttributes",
            vec![json!(["title"]), json!(["tag", "title"]), json!(["n.k", "block"]), json!([])],
        ),
        (
            "filterableAttributes",
            vec![
                json!(["tag"]),
                json!(["n", "title"]),
                json!([features(true, true, true)]),
                json!([features(true, false, false), "n"]),
                json!([features(false, true, false)]),
                json!(["_geo", "tag"]),
                json!(["_geojson"]),
                json!([{"attributePatterns": ["*"]}]),
            ],
        ),
        ("sortableAttributes", vec![json!(["tag"]), json!(["n", "_geo"]), json!([])]),
        ("rankingRules", vec![json!(["words", "title:asc"]), json!(["n:desc"])]),
        ("distinctAttribute", vec![json!("tag"), json!("n.k")]),
        ("stopWords", vec![json!(["the"]), json!(["red", "w001"])]),
        ("separatorTokens", vec![json!(["a"])]),
        ("nonSeparatorTokens", vec![json!(["-", "."])]),
        ("dictionary", vec![json!(["co-op"])]),
        ("proximityPrecision", vec![json!("byAttribute"), json!("byWord")]),
        ("prefixSearch", vec![json!("disabled"), json!("indexingTime")]),
        ("facetSearch", vec![json!(false), json!(true)]),
        (
            "localizedAttributes",
            vec![json!([{"attributePatterns": ["t*"], "locales": ["jpn", "cmn"]}])],
        ),
        (
            "typoTolerance",
            vec![
                json!({"disableOnNumbers": true}),
                json!({"disableOnAttributes": ["title"]}),
                json!({"disableOnNumbers": false, "disableOnAttributes": ["block", "n"]}),
            ],
        ),
    ];
    let one = choices
        .into_iter()
        .map(|(name, values)| {
            let values: Vec<Value> = values.into_iter().chain([Value::Null]).collect();
            prop::sample::select(values).prop_map(move |value| (name.to_owned(), value)).boxed()
        })
        .collect::<Vec<_>>();
    prop::collection::vec(prop::strategy::Union::new(one), 1..4)
        .prop_map(|members| Value::Object(members.into_iter().collect()))
}

fn action() -> impl Strategy<Value = Action> {
    let documents = || prop::collection::vec(document(), 1..5);
    prop_oneof![
        4 => documents().prop_map(Action::Replace),
        3 => documents().prop_map(Action::Update),
        2 => prop::collection::vec(0..6_u8, 1..3).prop_map(Action::Delete),
        1 => Just(Action::Clear),
        4 => settings().prop_map(Action::Settings),
    ]
}

fn values(documents: Vec<Map<String, Value>>) -> Value {
    documents.into_iter().map(Value::Object).collect()
}

/// Plays the actions, and answers the documents that should be left.
fn play(index: &TestIndex, actions: Vec<Action>) -> BTreeMap<u64, Map<String, Value>> {
    let mut model: BTreeMap<u64, Map<String, Value>> = BTreeMap::new();
    let id = |document: &Map<String, Value>| document["id"].as_u64().unwrap();
    for action in actions {
        match action {
            Action::Replace(documents) => {
                model.extend(documents.iter().map(|document| (id(document), document.clone())));
                index.replace(values(documents));
            }
            Action::Update(documents) => {
                for document in &documents {
                    model.entry(id(document)).or_default().extend(document.clone());
                }
                index.update(values(documents));
            }
            Action::Delete(ids) => {
                model.retain(|id, _| !ids.iter().any(|deleted| u64::from(*deleted) == *id));
                let ids: Vec<String> = ids.iter().map(u8::to_string).collect();
                index.delete(&ids.iter().map(String::as_str).collect::<Vec<_>>());
            }
            Action::Clear => {
                model.clear();
                index.clear();
            }
            Action::Settings(settings) => index.settings(settings),
        }
        let rtxn = index.index.read_txn().unwrap();
        let report = check_index(&index.index, &rtxn, &CheckOptions::default()).unwrap();
        assert_eq!(report.findings, []);
    }
    model
}

/// The entries of all content databases with ids replaced by what they stand for.
fn content(index: &TestIndex) -> BTreeSet<String> {
    let rtxn = index.index.read_txn().unwrap();
    let fields = index.index.fields_ids_map(&rtxn).unwrap();
    let mut external = BTreeMap::new();
    for entry in index.index.tables().external_documents_ids.iter(&rtxn).unwrap() {
        let (id, docid) = entry.unwrap();
        external.insert(docid, id.to_owned());
    }
    let field = |bytes: &[u8]| {
        let fid = u16::from_be_bytes([bytes[0], bytes[1]]);
        fields.name(fid).unwrap().to_owned()
    };
    let document = |bytes: &[u8]| external[&u32::from_be_bytes(bytes.try_into().unwrap())].clone();
    let documents = |docids: roaring::RoaringBitmap| -> BTreeSet<String> {
        docids.iter().map(|docid| external[&docid].clone()).collect()
    };
    let cbo = |bytes: &[u8]| format!("{:?}", documents(Cbo::bytes_decode(bytes).unwrap()));

    let mut content = BTreeSet::new();
    let no_words = fst::SetBuilder::memory().into_inner().unwrap();
    for (table, key, value) in index.dump() {
        // An empty set of prefixes is as good as none.
        if key == b"words-prefixes-fst" && value == no_words {
            continue;
        }
        let entry = match table {
            "word_docids"
            | "exact_word_docids"
            | "word_prefix_docids"
            | "exact_word_prefix_docids"
            | "word_pair_proximity_docids"
            | "word_position_docids"
            | "word_prefix_position_docids" => {
                format!("{} {}", readable(&key), cbo(&value))
            }
            "word_fid_docids" | "word_prefix_fid_docids" => {
                let (word, fid) = key.split_at(key.len() - 2);
                format!("{} {} {}", readable(word), field(fid), cbo(&value))
            }
            "field_id_word_count_docids" => format!("{} {} {}", field(&key), key[2], cbo(&value)),
            "facet_id_exists_docids" | "facet_id_is_null_docids" | "facet_id_is_empty_docids" => {
                format!("{} {}", field(&key), cbo(&value))
            }
            "facet_id_f64_docids" | "facet_id_string_docids" if key[2] == 0 => {
                let (size, docids) = FacetGroupValue::bytes_decode(&value).unwrap();
                format!("{} {} {size} {:?}", field(&key), readable(&key[3..]), documents(docids))
            }
            "facet_id_normalized_string_strings" | "facet_id_string_fst" => {
                format!("{} {} {}", field(&key), readable(&key[2..]), readable(&value))
            }
            "field_id_docid_facet_f64s" | "field_id_docid_facet_strings" => {
                let (document, rest) = (document(&key[2..6]), readable(&key[6..]));
                format!("{} {document} {rest} {}", field(&key), readable(&value))
            }
            "main" if key == b"geo-faceted-documents-ids" => {
                let docids = Roaring::bytes_decode(&value).unwrap();
                format!("points {:?}", documents(docids))
            }
            "documents" => {
                let id = document(&key);
                let (vectors, _) = index.shown_vectors(&id);
                format!("{id} {vectors}")
            }
            "cellulite_item" => format!("{} {}", document(&key[4..]), readable(&value)),
            "cellulite_cell" => {
                let docids = Roaring::bytes_decode(&value).unwrap();
                format!("{} {:?}", readable(&key), documents(docids))
            }
            "main"
                if [&b"words-fst"[..], b"words-prefixes-fst", b"fields-distribution"]
                    .contains(&&key[..]) =>
            {
                format!("{} {}", readable(&key), readable(&value))
            }
            _ => continue,
        };
        content.insert(format!("{table}: {entry}"));
    }
    content
}

/// Settings with an embedder whose texts depend on the searched fields, and not on the ids of fields.
fn embedder() -> Value {
    static PROVIDER: LazyLock<Mock> = LazyLock::new(|| Mock::start(4).unwrap());
    let template = "{% assign names = fields | where: \"is_searchable\" | map: \"name\" | sort %}\
                    {{ names | join: \" \" }}{% if doc.title.size %} {{ doc.title.size }}{% endif %}";
    json!({"embedders": {"e": {
        "source": "rest", "url": PROVIDER.url("/"), "dimensions": 4, "documentTemplate": template,
        "request": {"input": ["{{text}}", "{{..}}"]},
        "response": {"output": ["{{embedding}}", "{{..}}"]},
    }}})
}

/// A small number of cases, unless `PROPTEST_CASES` says otherwise.
fn config() -> ProptestConfig {
    let default = ProptestConfig { failure_persistence: None, ..ProptestConfig::default() };
    let cases = if std::env::var_os("PROPTEST_CASES").is_some() { default.cases } else { 24 };
    ProptestConfig { cases, ..default }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn history_leaves_no_trace(
        actions in prop::collection::vec(action(), 1..9),
        one_document_a_round in any::<bool>(),
    ) {
        let index = TestIndex::with_memory(one_document_a_round.then_some(0));
        index.settings(embedder());
        let settings: Vec<Value> = actions
            .iter()
            .filter_map(|action| match action {
                Action::Settings(settings) => Some(settings.clone()),
                _ => None,
            })
            .collect();
        let model = play(&index, actions);

        let fresh = TestIndex::new();
        fresh.settings(embedder());
        for settings in settings {
            fresh.settings(settings);
        }
        fresh.replace(values(model.into_values().collect()));
        // A batch without any document still writes the keys of the end of a batch.
        index.replace(json!([]));

        let (found, expected) = (content(&index), content(&fresh));
        let extra: Vec<_> = found.difference(&expected).collect();
        let missing: Vec<_> = expected.difference(&found).collect();
        prop_assert!(extra.is_empty() && missing.is_empty(), "extra {extra:#?}\nmissing {missing:#?}");
    }
}
