//! Indexes are exported from one server to another.

use serde_json::{Value, json};

use crate::common::{Server, eventually};

const LOCAL: [&str; 2] = ["--experimental-allowed-ip-networks", "127.0.0.0/8"];
const MASTER_KEY: &str = "a master key of 24 bytes";

/// A server that may send to others on this machine, with two indexes.
fn source() -> Server {
    let server = Server::start_with(&LOCAL);
    let settings = json!({
        "filterableAttributes": ["year"],
        "stopWords": ["the"],
        "embedders": {"m": {"source": "userProvided", "dimensions": 2}},
    });
    server.succeed(server.patch("/indexes/films/settings", settings));
    let documents: Vec<_> = (0..50)
        .map(|id| json!({"key": id, "year": 1950 + id, "_vectors": {"m": [id, 1]}}))
        .collect();
    server.succeed(server.post("/indexes/films/documents?primaryKey=key", json!(documents)));
    server.succeed(server.post("/indexes", json!({"uid": "books", "primaryKey": "isbn"})));
    server
}

/// Exports to another server and waits until that has done its part too.
fn export(from: &Server, to: &Server, mut body: Value) -> Value {
    body["url"] = to.url().into();
    let task = from.wait(from.post("/export", body));
    eventually(|| to.get("/tasks?statuses=enqueued,processing").1["total"] == 0);
    task
}

#[test]
fn what_arrives_is_what_was_there() {
    let from = source();
    let mut to = Server::start_with(&["--master-key", MASTER_KEY]);
    to.use_key(Some(MASTER_KEY));
    // So small that each request holds one document.
    let body = json!({"apiKey": MASTER_KEY, "payloadSize": 10});
    let task = export(&from, &to, body);
    assert_eq!(task["status"], "succeeded", "{task}");
    let details = &task["details"];
    assert_eq!(details["apiKey"], "a mXXXXX...");
    assert_eq!(details["payloadSize"], "10 B");
    let all =
        |count| json!({"filter": null, "overrideSettings": false, "matched_documents": count});
    assert_eq!(details["indexes"], json!({"books": all(0), "films": all(50)}));
    for path in [
        "/indexes/films/settings",
        "/indexes/books/settings",
        "/indexes/films/documents?retrieveVectors=true&limit=100",
    ] {
        assert_eq!(to.get(path).1, from.get(path).1, "{path}");
    }
    assert_eq!(to.get("/indexes/books").1["primaryKey"], "isbn");
}

#[test]
fn filters_patterns_and_settings() {
    let from = source();
    let to = Server::start();
    to.succeed(to.post("/indexes", json!({"uid": "films", "primaryKey": "key"})));
    to.succeed(to.patch("/indexes/films/settings", json!({"stopWords": ["a"]})));
    let some = json!({"indexes": {"fil*": {"filter": "year < 1953"}}});
    let task = export(&from, &to, some);
    assert_eq!(task["status"], "succeeded", "{task}");
    assert_eq!(task["details"]["indexes"]["films"]["matched_documents"], 3);
    assert_eq!(to.get("/indexes/films/documents").1["total"], 3);
    assert_eq!(to.get("/indexes/films/settings/stop-words").1, json!(["a"]), "kept");
    assert_eq!(to.get("/indexes/books").0, 404);
    let all = json!({"indexes": {"films": {"overrideSettings": true}}});
    assert_eq!(export(&from, &to, all)["status"], "succeeded");
    assert_eq!(to.get("/indexes/films/documents").1["total"], 50);
    assert_eq!(to.get("/indexes/films/settings/stop-words").1, json!(["the"]));
}

#[test]
fn an_instance_that_refuses_or_is_away() {
    let from = source();
    let to = Server::start_with(&["--master-key", MASTER_KEY]);
    let task = from.wait(from.post("/export", json!({"url": to.url(), "apiKey": "wrong"})));
    assert_eq!(task["status"], "failed", "{task}");
    assert_eq!(task["error"]["code"], "internal");
    let message = task["error"]["message"].as_str().unwrap();
    assert!(message.contains("invalid_api_key") && message.contains("403"), "{message}");
    assert_eq!(task["details"]["indexes"]["*"]["overrideSettings"], false);

    let url = to.url().to_owned();
    drop(to);
    let (status, summary) = from.post("/export", json!({"url": url}));
    assert_eq!(status, 200, "{summary}");
    let uid = summary["taskUid"].as_u64().unwrap();
    eventually(|| from.get(&format!("/tasks/{uid}")).1["status"] == "processing");
    from.succeed(from.raw_post(&format!("/tasks/cancel?uids={uid}")));
    assert_eq!(from.wait_for(uid)["status"], "canceled");
    // The queue goes on.
    from.succeed(from.post("/indexes", json!({"uid": "later"})));
}

#[test]
fn addresses_are_refused_unless_they_are_allowed() {
    let server = Server::start();
    server.succeed(server.post("/indexes", json!({"uid": "films"})));
    let task = server.wait(server.post("/export", json!({"url": server.url()})));
    assert_eq!(task["status"], "failed", "{task}");
    assert!(task["error"]["message"].as_str().unwrap().contains("is not public"), "{task}");
}

#[test]
fn parameters() {
    let server = Server::start();
    for (body, code) in [
        (json!({"url": 1}), "invalid_export_url"),
        (json!({"url": "u", "apiKey": 1}), "invalid_export_api_key"),
        (json!({"url": "u", "payloadSize": "many"}), "invalid_export_payload_size"),
        (json!({"url": "u", "payloadSize": []}), "invalid_export_payload_size"),
        (json!({"url": "u", "indexes": {"a*b": {}}}), "bad_request"),
        (json!({"url": "u", "indexes": {"a": {"x": 1}}}), "bad_request"),
        (
            json!({"url": "u", "indexes": {"a": {"overrideSettings": 1}}}),
            "invalid_export_index_override_settings",
        ),
        (json!({"url": "u", "nope": 1}), "bad_request"),
    ] {
        let (status, error) = server.post("/export", body.clone());
        assert_eq!((status, &error["code"]), (400, &json!(code)), "{body}: {error}");
    }
}
