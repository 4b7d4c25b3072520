//! Embedders that compute vectors while tasks run: what tasks and batches tell of it, and what a provider that
//! fails does to them (vectors.md 14 and 21.3).

use std::io::Read;
use std::time::Duration;

use embedder_mock::{Mock, Reply, answer, vector};
use serde_json::{Value, json};

use crate::common::{Server, eventually};

/// A server that may ask providers on this machine, and asks again at once; with further variables.
fn server(variables: &[&str]) -> Server {
    let always = [
        "env",
        "MEILI_EXPERIMENTAL_ALLOWED_IP_NETWORKS=127.0.0.0/8",
        "MEILI_EXPERIMENTAL_REST_EMBEDDER_MAX_RETRY_DURATION_SECONDS=0",
    ];
    Server::start_by(&[&always, variables].concat())
}

fn rest(url: &str, template: &str) -> Value {
    json!({
        "source": "rest", "url": url, "dimensions": 3, "documentTemplate": template,
        "request": { "input": ["{{text}}", "{{..}}"] },
        "response": { "output": ["{{embedding}}", "{{..}}"] },
    })
}

/// An index with an embedder that a provider stands behind.
fn with_provider(server: &Server, uid: &str, mock: &Mock) {
    let settings = json!({ "embedders": { "e": rest(&mock.url("/"), "{{doc.t}}") } });
    server.succeed(server.patch(&format!("/indexes/{uid}/settings"), settings));
}

fn batch_of(server: &Server, task: &Value) -> Value {
    server.get(&format!("/batches/{}", task["batchUid"])).1
}

/// The vectors of a document.
fn embeddings(server: &Server, uid: &str, id: u32) -> Vec<Vec<f32>> {
    let path = format!("/indexes/{uid}/documents/{id}?retrieveVectors=true");
    let embeddings = &server.get(&path).1["_vectors"]["e"]["embeddings"];
    serde_json::from_value(embeddings.clone()).unwrap()
}

#[track_caller]
fn assert_failed(task: &Value, code: &str) {
    assert_eq!(
        (&task["status"], &task["error"]["code"]),
        (&json!("failed"), &json!(code)),
        "{task}"
    );
    assert_eq!(task["error"]["type"], json!("invalid_request"));
}

#[test]
fn batches_count_the_requests() {
    let (server, mock) = (server(&[]), Mock::start(3).unwrap());
    with_provider(&server, "items", &mock);
    let documents: Value = (0..25).map(|id| json!({ "id": id, "t": format!("t {id}") })).collect();
    let task = server.succeed(server.post("/indexes/items/documents", documents.clone()));
    let counted = json!({ "total": 3, "failed": 0 });
    assert_eq!(batch_of(&server, &task)["stats"]["embedderRequests"], counted);
    assert_eq!(mock.take_requests().len(), 3);

    let task = server.succeed(server.put("/indexes/items/documents", documents));
    assert!(batch_of(&server, &task)["stats"].get("embedderRequests").is_none());
    mock.push([Reply::status(500, "busy"), Reply::status(500, "busy")]);
    let task =
        server.succeed(server.put("/indexes/items/documents", json!([{ "id": 1, "t": "x" }])));
    let counted = &batch_of(&server, &task)["stats"]["embedderRequests"];
    assert_eq!((&counted["total"], &counted["failed"]), (&json!(3), &json!(2)), "{counted}");
    assert!(counted["lastError"].as_str().unwrap().contains("busy"), "{counted}");

    let stats = server.get("/indexes/items/stats").1;
    assert_eq!(stats["numberOfEmbeddings"], json!(25), "{stats}");
    assert_eq!(embeddings(&server, "items", 1), [vector("x", 3)]);
}

#[test]
fn tasks_of_a_batch_fail_together() {
    let server = server(&[]);
    // The first request takes long enough for the next tasks to come.
    let mock = Mock::with(|request| match request.text() {
        text if text.contains("slow") => answer(request, 3).delayed(Duration::from_millis(700)),
        text if text.contains("bad") => Reply::status(400, "not this one"),
        _ => answer(request, 3),
    })
    .unwrap();
    with_provider(&server, "items", &mock);
    let add =
        |id: u32, t: &str| server.post("/indexes/items/documents", json!([{ "id": id, "t": t }]));
    let (first, good, bad) = (add(1, "slow"), add(2, "good"), add(3, "bad"));
    server.succeed(first);
    let (good, bad) = (server.wait(good), server.wait(bad));
    assert_eq!(good["batchUid"], bad["batchUid"]);
    for task in [&good, &bad] {
        assert_failed(task, "vector_embedding_error");
        assert_eq!(task["details"]["indexedDocuments"], json!(0));
        assert_eq!(task["error"], good["error"]);
    }
    let message = good["error"]["message"].as_str().unwrap();
    for part in ["items", "`e`", "not this one"] {
        assert!(message.contains(part), "{part}: {message}");
    }
    assert_eq!(server.get("/indexes/items/documents").1["total"], json!(1));
    let task = server.wait(server.post("/indexes/items/documents", json!([{ "id": 4, "x": 1 }])));
    assert_failed(&task, "invalid_document_fields");
}

#[test]
fn a_provider_that_dies_on_the_way_changes_nothing() {
    let server = server(&[]);
    let mock = Mock::with(|request| match request.text().contains("t 500") {
        true => Reply::hang_up(),
        false => answer(request, 3),
    })
    .unwrap();
    with_provider(&server, "items", &mock);
    server.succeed(server.post("/indexes/items/documents", json!([{ "id": "a", "t": "a" }])));
    let seen = || {
        let documents = server.get("/indexes/items/documents?retrieveVectors=true").1;
        (documents, server.get("/indexes/items/stats").1)
    };
    let before = seen();
    let documents: Value = (0..900).map(|id| json!({ "id": id, "t": format!("t {id}") })).collect();
    let task = server.wait(server.post("/indexes/items/documents", documents));
    assert_failed(&task, "vector_embedding_error");
    assert_eq!(seen(), before);
    let counted = &batch_of(&server, &task)["stats"]["embedderRequests"];
    assert!(counted["failed"].as_u64() >= Some(11), "{counted}");
}

#[test]
fn other_work_goes_on_while_a_provider_is_down() {
    let (server, mock) = (server(&[]), Mock::start(3).unwrap());
    with_provider(&server, "items", &mock);
    let dead = Mock::start(3).unwrap();
    let settings = |embedders: Value| {
        server.patch("/indexes/items/settings", json!({ "embedders": embedders }))
    };
    server.succeed(settings(json!({ "dead": rest(&dead.url("/"), "{{doc.t}}") })));
    drop(dead);
    let without = json!({ "dead": null });
    let documents = json!([{ "id": 1, "t": "one", "_vectors": without }]);
    server.succeed(server.post("/indexes/items/documents", documents));
    server.succeed(settings(json!({ "e": { "documentTemplate": "{{doc.t}}!" } })));
    server.succeed(settings(
        json!({ "dead": { "apiKey": "k", "distribution": { "mean": 0.5, "sigma": 0.1 } } }),
    ));
    let other = json!({ "searchableAttributes": ["t"], "stopWords": ["the"] });
    server.succeed(server.patch("/indexes/items/settings", other));
    let task =
        server.wait(server.post("/indexes/items/documents", json!([{ "id": 2, "t": "two" }])));
    assert_failed(&task, "vector_embedding_error");
    server.succeed(server.delete("/indexes/items/documents/1"));
    server.succeed(settings(json!({ "dead": null })));
    server.succeed(server.post("/indexes/items/documents", json!([{ "id": 2, "t": "two" }])));
}

#[test]
fn a_task_that_waits_for_a_provider_can_be_canceled() {
    let server = server(&[]);
    // Answers so late that nobody waits for them.
    let mock = Mock::with(|request| answer(request, 3).delayed(Duration::from_secs(20))).unwrap();
    with_provider(&server, "items", &mock);
    let documents: Value =
        (0..2000).map(|id| json!({ "id": id, "t": format!("t {id}") })).collect();
    let added = server.post("/indexes/items/documents", documents);
    eventually(|| !mock.requests().is_empty());
    let uid = added.1["taskUid"].clone();
    let steps =
        || server.get("/batches?statuses=processing").1["results"][0]["progress"].to_string();
    eventually(|| steps().contains("extracting embeddings"));
    server.succeed(server.raw_post(&format!("/tasks/cancel?uids={uid}")));
    assert_eq!(server.wait(added)["status"], json!("canceled"));
    assert_eq!(server.get("/indexes/items/documents").1["total"], json!(0));
}

#[test]
fn operators_can_let_failures_pass() {
    let modes = "ignore_embedder_failures,ignore_document_template_failures";
    let variable = format!("MEILI_EXPERIMENTAL_CONFIG_EMBEDDER_FAILURE_MODES={modes}");
    let (server, mock) = (server(&[&variable]), Mock::start(3).unwrap());
    with_provider(&server, "items", &mock);
    let add = |documents| server.succeed(server.post("/indexes/items/documents", documents));
    add(json!([{ "id": 1, "t": "one" }, { "id": 2, "x": "no t" }]));
    mock.push([Reply::status(401, "who are you")]);
    add(json!([{ "id": 1, "t": "other" }]));
    add(json!([{ "id": 3, "t": "three" }]));
    let vectors = |id: u32| embeddings(&server, "items", id);
    assert_eq!(vectors(1), [vector("one", 3)]);
    assert!(vectors(2).is_empty());
    assert_eq!(vectors(3), [vector("three", 3)]);
    // A text that is no more takes its vector along.
    add(json!([{ "id": 3 }]));
    assert!(vectors(3).is_empty());
}

#[test]
fn vectors_travel_and_nothing_is_embedded_again() {
    let (home, mock) = (server(&[]), Mock::start(3).unwrap());
    assert_eq!(home.patch("/experimental-features", json!({ "multimodal": true })).0, 200);
    with_provider(&home, "items", &mock);
    let mut fragments = rest(&mock.url("/"), "");
    let members = fragments.as_object_mut().unwrap();
    members.remove("documentTemplate");
    members.insert("request".into(), json!({ "input": ["{{fragment}}", "{{..}}"] }));
    members.insert("searchFragments".into(), json!({ "q": { "value": "{{q}}" } }));
    let parts = json!({ "a": { "value": "a {{doc.a}}" }, "b": { "value": "b {{doc.b}}" } });
    members.insert("indexingFragments".into(), parts);
    let settings = json!({ "embedders": { "f": fragments } });
    home.succeed(home.patch("/indexes/items/settings", settings));
    let documents = json!([
        { "id": 1, "t": "one", "b": 1 },
        { "id": 2, "t": "two", "a": 2, "b": 2 },
        { "id": 3, "t": "3", "_vectors": { "e": [1, 0, 0], "f": null } },
        { "id": 4, "t": "4", "_vectors": { "e": { "regenerate": true, "embeddings": [0, 1, 0] } } },
    ]);
    home.succeed(home.post("/indexes/items/documents", documents));
    mock.take_requests();
    let seen = |server: &Server, uid: &str, id: u32| {
        let path = format!("/indexes/{uid}/documents/{id}?retrieveVectors=true");
        let mut vectors = server.get(&path).1["_vectors"].clone();
        // A dump hands over vectors of fragments as the user's.
        vectors["f"].as_object_mut().unwrap().remove("regenerate");
        vectors
    };

    let task = home.succeed(home.post("/indexes/items/snapshots", json!({})));
    let snapshot = format!(
        "/indexes/items/snapshots/{}/download",
        task["details"]["snapshotUid"].as_str().unwrap()
    );
    let mut archive = Vec::new();
    let mut response = home.raw("GET", &snapshot, &[], b"");
    response.body_mut().as_reader().read_to_end(&mut archive).unwrap();
    let headers = [("Content-Type", "application/octet-stream")];
    let mut response = home.raw("POST", "/indexes/copy/snapshots/import", &headers, &archive);
    let summary = response.body_mut().read_to_string().unwrap();
    home.succeed((202, serde_json::from_str(&summary).unwrap()));

    let task = home.succeed(home.raw_post("/dumps"));
    let dump =
        home.dir().join(format!("dumps/{}.dump", task["details"]["dumpUid"].as_str().unwrap()));
    let abroad = server(&[&format!("MEILI_IMPORT_DUMP={}", dump.display())]);
    assert!(mock.take_requests().is_empty());
    for (server, uid) in [(&home, "copy"), (&abroad, "items")] {
        for id in 1..=4 {
            assert_eq!(seen(server, uid, id), seen(&home, "items", id), "{uid} {id}");
        }
        let unchanged = json!([{ "id": 1, "t": "one", "b": 1 }, { "id": 4, "t": "4" }]);
        server.succeed(server.put(&format!("/indexes/{uid}/documents"), unchanged));
        assert!(mock.take_requests().is_empty(), "{uid}");
        let changed =
            json!([{ "id": 1, "t": "new" }, { "id": 3, "t": "new" }, { "id": 4, "t": "newer" }]);
        server.succeed(server.put(&format!("/indexes/{uid}/documents"), changed));
        assert_eq!(embeddings(server, uid, 1), [vector("new", 3)]);
        assert_eq!(embeddings(server, uid, 3), [[1.0, 0.0, 0.0]]);
        assert_eq!(embeddings(server, uid, 4), [vector("newer", 3)]);
        mock.take_requests();
    }
}

/// A dump brings computed vectors along: its import asks nobody, not even for their length.
#[test]
fn a_dump_is_imported_while_the_provider_is_down() {
    let (home, mock) = (server(&[]), Mock::start(3).unwrap());
    let unsized_one = json!({ "source": "ollama", "model": "m", "url": mock.url("/api/embed"), "documentTemplate": "{{doc.t}}" });
    for (uid, embedder) in [("items", rest(&mock.url("/"), "{{doc.t}}")), ("others", unsized_one)] {
        let settings = json!({ "embedders": { "e": embedder } });
        home.succeed(home.patch(&format!("/indexes/{uid}/settings"), settings));
        let documents = json!([{ "id": 1, "t": "one" }]);
        home.succeed(home.post(&format!("/indexes/{uid}/documents"), documents));
    }
    let model = json!({ "embedders": { "e": { "source": "huggingFace" } } });
    home.succeed(home.patch("/indexes/models/settings", model));
    let own = json!([{ "id": 1, "_vectors": { "e": [1, 0] } }]);
    home.succeed(home.post("/indexes/models/documents", own));
    let task = home.succeed(home.raw_post("/dumps"));
    let dump =
        home.dir().join(format!("dumps/{}.dump", task["details"]["dumpUid"].as_str().unwrap()));
    drop(mock);
    let abroad = server(&[&format!("MEILI_IMPORT_DUMP={}", dump.display())]);
    for uid in ["items", "others"] {
        assert_eq!(embeddings(&abroad, uid, 1), [vector("one", 3)]);
    }
    assert_eq!(embeddings(&abroad, "models", 1), [vec![1.0, 0.0]]);
}
