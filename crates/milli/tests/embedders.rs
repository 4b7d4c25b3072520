//! Vectors that providers compute while documents and settings are indexed (vectors.md 4, 14 and 21.3).

#![allow(clippy::unwrap_used, reason = "a failure here is a failed test")]

mod common;

use std::sync::atomic::{AtomicBool, Ordering};

use common::{TestIndex, payload};
use embedder_mock::{Mock, Reply, vector};
use embedders::RequestCounters;
use meilisearch_types::error::ErrorCode;
use milli::indexing::{MissingDocument, Operation, index_documents};
use milli::{CheckOptions, check_index};
use serde_json::{Value, json};

/// An index, and a provider that gives vectors of 3 numbers.
struct Setup {
    index: TestIndex,
    mock: Mock,
}

impl Setup {
    /// With an embedder `e` that takes texts.
    fn new(template: &str) -> Setup {
        let setup = Setup { index: TestIndex::new(), mock: Mock::start(3).unwrap() };
        setup.embedder(json!({
            "source": "rest", "url": setup.mock.url("/"), "dimensions": 3, "documentTemplate": template,
            "request": {"input": ["{{text}}", "{{..}}"]}, "response": {"output": ["{{embedding}}", "{{..}}"]},
        }));
        setup
    }

    /// With an embedder `e` that takes fragments.
    fn with_fragments(fragments: Value) -> Setup {
        let setup = Setup { index: TestIndex::new(), mock: Mock::start(3).unwrap() };
        setup.embedder(json!({
            "source": "rest", "url": setup.mock.url("/"), "dimensions": 3,
            "indexingFragments": fragments, "searchFragments": {"q": {"value": "{{q}}"}},
            "request": {"input": ["{{fragment}}", "{{..}}"]}, "response": {"output": ["{{embedding}}", "{{..}}"]},
        }));
        setup
    }

    fn embedder(&self, settings: Value) {
        self.index.settings(json!({"embedders": {"e": settings}}));
    }

    /// The code of the failure of a change of settings.
    fn refused(&self, settings: Value) -> String {
        let error = self.index.try_settings(json!({"embedders": {"e": settings}})).unwrap_err();
        error.error_code().name().to_owned()
    }

    /// The inputs of each request since the last call.
    fn requests(&self) -> Vec<Vec<Value>> {
        let inputs = |body: Value| body["input"].as_array().unwrap().clone();
        self.mock.take_requests().iter().map(|request| inputs(request.json())).collect()
    }

    /// The inputs since the last call, sorted.
    fn inputs(&self) -> Vec<String> {
        let mut inputs: Vec<String> = self
            .requests()
            .concat()
            .iter()
            .map(|input| input.as_str().map_or_else(|| input.to_string(), str::to_owned))
            .collect();
        inputs.sort();
        inputs
    }

    /// That the index contradicts itself nowhere.
    #[track_caller]
    fn check(&self) {
        let rtxn = self.index.index.read_txn().unwrap();
        let report = check_index(&self.index.index, &rtxn, &CheckOptions::default()).unwrap();
        assert_eq!(report.findings, []);
    }

    fn shown(&self, id: &str) -> Value {
        self.index.shown_vectors(id).0["e"].clone()
    }

    /// That a document has the vectors of these inputs.
    #[track_caller]
    fn assert_has(&self, id: &str, inputs: &[&str], regenerate: bool) {
        let vectors: Vec<Vec<f32>> = inputs.iter().map(|input| vector(input, 3)).collect();
        assert_eq!(self.shown(id), json!({"embeddings": vectors, "regenerate": regenerate}));
    }
}

#[test]
fn inputs_go_in_groups_and_attempts_are_counted() {
    let setup = Setup::new("{{doc.t}}");
    assert!(setup.requests().is_empty());
    setup.mock.push([Reply::status(500, "one"), Reply::status(500, "two")]);
    let documents: Value = (0..25).map(|id| json!({"id": id, "t": format!("text {id}")})).collect();
    let payload = payload(&documents);
    let on_missing = MissingDocument::Create;
    let operations = [Operation::Replace { payload: &payload, on_missing }];
    let counters = RequestCounters::default();
    let index = &setup.index.index;
    setup
        .index
        .write_counting(&counters, &|| false, |wtxn, context| {
            index_documents(index, wtxn, &operations, None, context)
        })
        .unwrap();
    let stats = counters.stats();
    assert_eq!((stats.total, stats.failed), (5, 2));
    assert!(stats.last_error.is_some());
    let mut sizes: Vec<usize> = setup.requests().iter().map(Vec::len).collect();
    sizes.sort_unstable();
    assert_eq!(sizes.iter().filter(|size| **size > 10).count(), 0);
    for id in [0, 9, 10, 24] {
        setup.assert_has(&id.to_string(), &[&format!("text {id}")], true);
    }
}

#[test]
fn only_texts_that_change_are_embedded() {
    let setup = Setup::new("{{doc.t}} {{doc.n}}");
    setup
        .index
        .replace(json!([{"id": 1, "t": "one", "n": 1}, {"id": 2, "t": "two", "n": 2, "x": 1}]));
    assert_eq!(setup.inputs(), ["one 1", "two 2"]);
    setup
        .index
        .replace(json!([{"n": 1, "t": "one", "id": 1}, {"id": 2, "t": "two", "n": 2, "x": 2}]));
    setup.index.update(json!([{"id": 1, "new": "field"}]));
    assert!(setup.inputs().is_empty());
    setup.index.update(json!([{"id": 2, "n": 3}, {"id": 1, "t": "one"}]));
    assert_eq!(setup.inputs(), ["two 3"]);
    setup.assert_has("1", &["one 1"], true);
    setup.assert_has("2", &["two 3"], true);
    setup.index.delete(&["1"]);
    assert!(setup.inputs().is_empty());
    let stats = setup.index.index.stats(&setup.index.index.read_txn().unwrap()).unwrap();
    assert_eq!(stats.number_of_embeddings, Some(1));
}

#[test]
fn vectors_of_users_and_of_providers_take_turns() {
    let setup = Setup::new("{{doc.t}}");
    setup.index.replace(json!([
        {"id": 1, "t": "one", "_vectors": {"e": [[1, 0, 0], [0, 1, 0]]}},
        {"id": 2, "t": "two", "_vectors": {"e": null}},
        {"id": 3, "t": "three", "_vectors": {"e": {"regenerate": true, "embeddings": [[0, 0, 1], [1, 0, 0]]}}},
        {"id": 4, "t": "four", "_vectors": {"e": {"regenerate": false}}},
        {"id": 5, "t": "five", "_vectors": {"e": {"regenerate": true}}},
    ]));
    assert_eq!(setup.inputs(), ["five"]);
    setup.index.update(
        json!([{"id": 1, "t": "1"}, {"id": 2, "t": "2"}, {"id": 3, "x": 3}, {"id": 4, "t": "4"}]),
    );
    assert!(setup.inputs().is_empty());
    assert_eq!(setup.shown("1")["embeddings"], json!([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]));
    assert_eq!(setup.shown("3")["regenerate"], json!(true));
    // Both vectors of the user go for the one of the text.
    setup.index.update(json!([{"id": 3, "t": "3"}]));
    setup.assert_has("3", &["3"], true);
    let regenerate = json!({"e": {"regenerate": true}});
    setup
        .index
        .update(json!([{"id": 1, "_vectors": regenerate}, {"id": 4, "_vectors": regenerate}]));
    setup.assert_has("1", &["1"], true);
    setup.assert_has("4", &["4"], true);
    assert_eq!(setup.inputs(), ["1", "3", "4"]);
    setup.index.update(json!([{"id": 5, "_vectors": {"e": [0, 1, 0]}}]));
    assert_eq!(setup.shown("5"), json!({"embeddings": [[0.0, 1.0, 0.0]], "regenerate": false}));
    assert_eq!(
        setup.index.failure(json!([{"id": 1, "_vectors": {"e": [1]}}])).0,
        "invalid_vector_dimensions"
    );
}

#[test]
fn a_provider_that_fails_leaves_the_index_as_it_was() {
    let setup = Setup::new("{{doc.t}}");
    setup.index.replace(json!([{"id": 1, "t": "one"}]));
    let before = setup.index.dump();
    setup.requests();
    setup.mock.push([Reply::status(401, "who are you")]);
    let (code, message) = setup.index.failure(json!([
        {"id": 1, "t": "other"}, {"id": 2, "t": "two", "_vector": {}, "_vectors": {"f": null}},
    ]));
    assert_eq!(code, "vector_embedding_error");
    for part in ["`e`", "`1`", "who are you", "`_vector`", "`_vectors.f`"] {
        assert!(message.contains(part), "{part}: {message}");
    }
    assert_eq!(setup.requests().len(), 1);
    setup.mock.push((0..11).map(|_| Reply::status(429, "slowly")));
    assert_eq!(setup.index.failure(json!([{"id": 2, "t": "two"}])).0, "vector_embedding_error");
    assert_eq!(setup.requests().len(), 11);
    let long = Reply::json(&json!({"output": [[1, 2, 3, 4]]}));
    setup.mock.push([long, Reply::json(&json!({"output": []}))]);
    for _ in 0..2 {
        assert_eq!(setup.index.failure(json!([{"id": 2, "t": "two"}])).0, "vector_embedding_error");
    }
    let (code, message) = setup.index.failure(json!([{"id": 7, "x": "no t"}]));
    assert_eq!(code, "invalid_document_fields");
    assert!(message.contains("`7`") && message.contains("`e`"), "{message}");
    assert_eq!(setup.index.dump(), before);
}

#[test]
fn a_batch_ends_between_groups() {
    let mock = Mock::start(3).unwrap();
    let setup = Setup { index: TestIndex::new(), mock };
    setup.embedder(json!({
        "source": "rest", "url": setup.mock.url("/"), "dimensions": 3, "documentTemplate": "{{doc.t}}",
        "request": {"input": "{{text}}"}, "response": {"output": "{{embedding}}"},
    }));
    let documents: Value =
        (0..100).map(|id| json!({"id": id, "t": format!("text {id}")})).collect();
    let payload = payload(&documents);
    let on_missing = MissingDocument::Create;
    let operations = [Operation::Replace { payload: &payload, on_missing }];
    let before = setup.index.dump();
    let stopped = AtomicBool::new(false);
    let must_stop = || {
        stopped.fetch_or(!setup.mock.requests().is_empty(), Ordering::SeqCst);
        stopped.load(Ordering::SeqCst)
    };
    let outcome =
        setup.index.write_counting(&RequestCounters::default(), &must_stop, |wtxn, context| {
            index_documents(&setup.index.index, wtxn, &operations, None, context)
        });
    assert!(matches!(outcome, Err(milli::Error::Aborted)));
    assert!(setup.mock.requests().len() <= 40);
    assert_eq!(setup.index.dump(), before);
}

#[test]
fn fragments_have_stores_of_their_own() {
    let setup = Setup::with_fragments(json!({
        "a": {"value": "{{doc.a}}"}, "b": {"value": {"of": "{{doc.b}}"}}, "c": {"value": "{{doc.c}}"},
    }));
    setup.index.replace(json!([
        {"id": 1, "a": "1a", "b": "1b", "c": "1c"}, {"id": 2, "b": "2b", "c": "2c"}, {"id": 3},
        {"id": 4, "_vectors": {"e": [[1, 0, 0], [0, 1, 0]]}},
    ]));
    assert_eq!(
        setup.requests(),
        [vec![json!("1a"), json!({"of": "1b"}), json!("1c"), json!({"of": "2b"}), json!("2c"),]]
    );
    setup.assert_has("1", &["1a", r#"{"of":"1b"}"#, "1c"], true);
    setup.assert_has("2", &[r#"{"of":"2b"}"#, "2c"], true);
    setup.assert_has("3", &[], true);
    setup.index.replace(json!([{"id": 1, "a": "1a", "c": "other"}]));
    setup.assert_has("1", &["1a", "other"], true);
    assert_eq!(setup.inputs(), ["other"]);

    // The place of a fragment that goes is taken by one that comes.
    setup.embedder(
        json!({"indexingFragments": {"a": null, "d": {"value": "{{doc.id}} {{doc.c}}"}}}),
    );
    assert_eq!(setup.inputs(), ["1 other", "2 2c"]);
    setup.assert_has("1", &["1 other", "other"], true);
    setup.assert_has("2", &["2 2c", r#"{"of":"2b"}"#, "2c"], true);
    assert_eq!(setup.shown("4")["embeddings"], json!([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]));
    setup.embedder(json!({"indexingFragments": {"b": null, "d": null}}));
    assert!(setup.inputs().is_empty());
    setup.assert_has("1", &["other"], true);
    assert_eq!(setup.shown("4")["embeddings"], json!([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]));
    setup.embedder(json!({"indexingFragments": {"c": {"value": "new {{doc.c}}"}}}));
    assert_eq!(setup.inputs(), ["new 2c", "new other"]);

    setup.index.update(json!([{"id": 4, "c": "4c", "_vectors": {"e": {"regenerate": true}}}]));
    setup.assert_has("4", &["new 4c"], true);
    setup.check();
    setup.index.delete(&["1", "2", "4"]);
    setup.check();
    let stats = setup.index.index.stats(&setup.index.index.read_txn().unwrap()).unwrap();
    assert_eq!(stats.number_of_embeddings, Some(0));
}

#[test]
fn settings_embed_what_they_change() {
    let setup = Setup::new("{{doc.t}}");
    setup.index.replace(json!([
        {"id": 1, "t": "one", "u": "one"}, {"id": 2, "t": "two", "u": "two"}, {"id": 3, "t": "three", "u": "3"},
        {"id": 4, "t": "four", "u": "4", "_vectors": {"e": [1, 0, 0]}},
    ]));
    setup.requests();
    setup.embedder(json!({"documentTemplate": "{{doc.u}}"}));
    assert_eq!(setup.inputs(), ["3"]);
    setup.embedder(json!({"apiKey": "k", "headers": {"x": "y"}, "dimensions": 3}));
    setup.index.settings(json!({"searchableAttributes": ["u"]}));
    assert!(setup.inputs().is_empty());
    setup.embedder(json!({"url": setup.mock.url("/other")}));
    assert_eq!(setup.inputs(), ["3", "one", "two"]);
    assert_eq!(setup.shown("4")["embeddings"], json!([[1.0, 0.0, 0.0]]));

    let all = "{% for field in fields %}{% if field.is_searchable %}{{ field.name }}{% endif %}{% endfor %}";
    setup.embedder(json!({"documentTemplate": all}));
    assert_eq!(setup.inputs(), ["u"; 3]);
    setup.index.settings(json!({"searchableAttributes": ["t", "u"]}));
    assert_eq!(setup.inputs(), ["tu"; 3]);
    setup.index.settings(json!({"searchableAttributes": ["u", "t"]}));
    assert!(setup.inputs().is_empty());
    setup.index.settings(json!({"searchableAttributes": null}));
    assert_eq!(setup.inputs(), ["idtu"; 3]);
    assert_eq!(
        setup.refused(json!({"documentTemplate": "{{doc.missing}}"})),
        "invalid_document_fields"
    );

    setup.embedder(json!({"binaryQuantized": true}));
    assert!(setup.inputs().is_empty());
    let bits: Vec<f32> =
        vector("idtu", 3).iter().map(|x| if *x > 0.0 { 1.0 } else { 0.0 }).collect();
    assert_eq!(setup.shown("1")["embeddings"], json!([bits]));
    setup.index.replace(json!([{"id": 5, "t": "", "u": ""}]));
    setup.check();
    assert_eq!(setup.shown("5")["embeddings"], json!([bits]));
}

#[test]
fn embedders_come_over_documents() {
    let setup = Setup { index: TestIndex::new(), mock: Mock::start(3).unwrap() };
    setup.index.replace(json!([
        {"id": 1, "t": "one"}, {"id": 2, "t": "two", "_vectors": {"e": [0, 1, 0], "f": null}},
        {"id": 3, "t": "three", "_vectors": {"e": {"regenerate": false}}},
    ]));
    // Nothing tells the length of vectors: the provider is asked.
    let settings = json!({
        "source": "rest", "url": setup.mock.url("/"), "documentTemplate": "{{doc.t}}",
        "request": {"input": ["{{text}}", "{{..}}"]}, "response": {"output": ["{{embedding}}", "{{..}}"]},
    });
    setup.embedder(settings);
    assert_eq!(setup.requests(), [vec![json!("test")], vec![json!("one")]]);
    setup.assert_has("1", &["one"], true);
    assert_eq!(setup.shown("2"), json!({"embeddings": [[0.0, 1.0, 0.0]], "regenerate": false}));
    assert_eq!(setup.shown("3"), json!({"embeddings": [], "regenerate": false}));
    assert_eq!(setup.index.shown_vectors("2").1, Some(json!({"f": []})));
    assert_eq!(
        setup.index.failure(json!([{"id": 4, "_vectors": {"e": [1]}}])).0,
        "invalid_vector_dimensions"
    );

    setup.embedder(json!({"binaryQuantized": true}));
    setup.check();
    let bits = |vector: Vec<f32>| -> Vec<f32> {
        vector.into_iter().map(|number| if number > 0.0 { 1.0 } else { 0.0 }).collect()
    };
    assert_eq!(setup.shown("1")["embeddings"], json!([bits(vector("one", 3))]));

    // A model with longer vectors: those that do not follow the content cannot stay.
    let longer = Mock::start(4).unwrap();
    setup.embedder(json!({"url": longer.url("/")}));
    assert_eq!(setup.shown("1")["embeddings"], json!([bits(vector("one", 4))]));
    setup.check();
    assert_eq!(setup.shown("2"), json!({"embeddings": [], "regenerate": false}));
    setup.index.settings(json!({"embedders": {"e": null}}));
    assert!(!setup.index.dump().iter().any(|(table, _, _)| *table == "vector_store"));
}

#[test]
fn an_embedder_is_asked_only_when_it_must() {
    let setup = Setup::new("{{doc.t}}");
    let gone = Mock::start(3).unwrap().url("/");
    let text = json!({"input": "{{text}}"});
    let f = json!({
        "source": "rest", "url": gone, "dimensions": 3, "documentTemplate": "{{doc.f}}",
        "request": text, "response": {"output": "{{embedding}}"},
    });
    setup.index.settings(json!({"embedders": {"f": f}}));
    let without = json!({"f": {"regenerate": false}});
    setup.index.replace(json!([{"id": 1, "t": "one", "f": "f", "_vectors": without}]));
    setup.embedder(json!({"documentTemplate": "new {{doc.t}}"}));
    setup.index.settings(json!({"rankingRules": ["words"], "searchableAttributes": ["t"]}));
    setup.index.delete(&["1"]);
    assert_eq!(
        setup.index.failure(json!([{"id": 2, "t": "t", "f": "f"}])).0,
        "vector_embedding_error"
    );
    // One that must be asked for the length of its vectors fails at once.
    let asks = json!({"source": "rest", "dimensions": null, "url": gone, "request": text, "response": {"output": "{{embedding}}"}});
    assert_eq!(setup.refused(asks), "vector_embedding_error");
}
