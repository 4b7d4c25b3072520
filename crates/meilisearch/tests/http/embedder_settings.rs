//! Setting `embedders` of every source: what is refused at once and in the task, how requests merge, what is
//! shown, and that it travels (vectors.md 2 and 3).

use std::io::Read;

use embedder_mock::Mock;
use serde_json::{Value, json};

use crate::common::Server;

const SETTING: &str = "/indexes/a/settings/embedders";
const DEFAULT_TEMPLATE: &str = "{% for field in fields %}{% if field.is_searchable and field.value != nil %}{{ field.name }}: {{ field.value }}\n{% endif %}{% endfor %}";

fn enable(server: &Server, features: &[&str]) {
    for feature in features {
        assert_eq!(server.patch("/experimental-features", json!({ *feature: true })).0, 200);
    }
}

fn rest(more: Value) -> Value {
    let mut rest = json!({
        "source": "rest", "url": "http://127.0.0.1:9/", "dimensions": 2,
        "request": { "in": ["{{text}}", "{{..}}"] }, "response": ["{{embedding}}", "{{..}}"],
    });
    rest.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    rest
}

fn fragments() -> Value {
    rest(json!({
        "request": { "in": ["{{fragment}}", "{{..}}"] },
        "indexingFragments": { "t": { "value": "{{doc.t}}" }, "i": { "value": { "u": "{{doc.u}}" } } },
        "searchFragments": { "q": { "value": "{{q}}" } },
    }))
}

fn composite(provider: &Mock) -> Value {
    let url = provider.url("/api/embed");
    let side =
        json!({ "source": "ollama", "model": "m", "url": url, "apiKey": "a secret of 22 bytes." });
    let mut indexing = side.clone();
    indexing["documentTemplate"] = json!("{{doc.t}}");
    json!({ "source": "composite", "searchEmbedder": side, "indexingEmbedder": indexing })
}

/// A server that may ask providers on this machine; with further variables.
fn server_near(variables: &[&str]) -> Server {
    let always = ["env", "MEILI_EXPERIMENTAL_ALLOWED_IP_NETWORKS=127.0.0.0/8"];
    Server::start_by(&[&always, variables].concat())
}

#[test]
fn refused_at_once() {
    let server = Server::start();
    let refused = |embedder: &Value, code: &str| {
        let (status, error) = server.patch(SETTING, json!({ "e": embedder }));
        assert_eq!((status, &error["code"]), (400, &json!(code)), "{embedder}: {error}");
        assert!(
            error["message"].as_str().unwrap().contains("`.embedders.e`")
                || code.starts_with("feature"),
            "{error}"
        );
    };
    let wrong = "invalid_settings_embedders";
    // Types come before features, and these before everything else.
    refused(&json!({ "source": "composite", "dimensions": "2" }), wrong);
    refused(&json!({ "source": "composite", "dimensions": 0 }), "feature_not_enabled");
    refused(&json!({ "searchEmbedder": {} }), "feature_not_enabled");
    refused(&json!({ "indexingFragments": {}, "url": "x" }), "feature_not_enabled");
    refused(&json!({ "searchFragments": { "a": { "value": 1 } } }), "feature_not_enabled");
    enable(&server, &["multimodal", "compositeEmbedders"]);
    for embedder in [
        json!(1),
        json!({ "source": "me" }),
        json!({ "nope": 1 }),
        json!({ "pooling": "none" }),
        json!({ "distribution": { "mean": 1.5, "sigma": 0.5 } }),
        json!({ "distribution": { "mean": 0.5, "sigma": 0 } }),
        json!({ "searchFragments": { "a": {} } }),
        json!({ "documentTemplate": "{{" }),
        json!({ "documentTemplateMaxBytes": 0 }),
        json!({ "dimensions": 0 }),
        json!({ "url": "/embed" }),
        json!({ "source": "ollama" }),
        json!({ "source": "userProvided", "dimensions": 2, "apiKey": null }),
        json!({ "source": "openAi", "model": "gpt" }),
        json!({ "source": "openAi", "model": "text-embedding-ada-002", "dimensions": 3 }),
        json!({ "source": "openAi", "model": "text-embedding-3-large", "dimensions": 3073 }),
        json!({ "source": "composite", "searchEmbedder": { "source": "openAi" } }),
        json!({ "source": "composite", "searchEmbedder": {}, "indexingEmbedder": { "source": "openAi" } }),
    ] {
        refused(&embedder, wrong);
    }
    for embedder in [
        json!({ "documentTemplate": "x", "indexingFragments": { "a": { "value": 1 } } }),
        json!({ "request": "no placeholder" }),
        json!({ "request": "{{text}}", "response": ["{{embedding}}", "{{..}}"] }),
        json!({ "request": "{{fragment}}", "indexingFragments": { "a": { "value": "{{" } } }),
    ] {
        refused(&embedder, "vector_embedding_error");
    }
    // Resetting needs no feature, and embedders are checked in the order of their names.
    let two = json!({ "b": { "dimensions": 0 }, "a": { "request": 1 } });
    assert_eq!(server.patch(SETTING, two).1["code"], "vector_embedding_error");
    assert_eq!(server.get("/tasks").1["total"], 0);
}

#[test]
fn refused_in_the_task() {
    let (server, provider) = (server_near(&[]), Mock::start(3).unwrap());
    enable(&server, &["multimodal", "compositeEmbedders"]);
    let embedders = json!({
        "user": { "source": "userProvided", "dimensions": 2, "binaryQuantized": true },
        "open": {}, "parts": fragments(), "both": composite(&provider),
    });
    server.succeed(server.patch(SETTING, embedders));
    let before = server.get(SETTING).1;
    for (embedders, code) in [
        (json!({ "user": { "binaryQuantized": false } }), "invalid_settings_embedders"),
        (json!({ "user": { "binaryQuantized": null } }), "invalid_settings_embedders"),
        (json!({ "user": { "url": null } }), "invalid_settings_embedders"),
        (json!({ "user": { "dimensions": null } }), "invalid_settings_embedders"),
        (json!({ "open": { "model": "gpt" } }), "invalid_settings_embedders"),
        (json!({ "open": { "dimensions": 2000 } }), "invalid_settings_embedders"),
        (json!({ "parts": { "searchFragments": { "q": null } } }), "vector_embedding_error"),
        (json!({ "parts": { "documentTemplate": "x" } }), "vector_embedding_error"),
        (json!({ "parts": { "dimensions": null } }), "vector_embedding_error"),
        (json!({ "both": { "searchEmbedder": { "model": "m" } } }), "invalid_settings_embedders"),
        (json!({ "both": { "indexingEmbedder": null } }), "invalid_settings_embedders"),
        (
            json!({ "new": { "source": "ollama", "model": "m", "url": "http://a/embed" } }),
            "vector_embedding_error",
        ),
    ] {
        let body = json!({ "embedders": embedders, "stopWords": ["the"] });
        let task = server.wait(server.patch("/indexes/a/settings", body));
        assert_eq!(task["error"]["code"], code, "{embedders}: {task}");
        assert!(task["error"]["message"].as_str().unwrap().contains("`a`"), "{task}");
    }
    assert_eq!(server.get(SETTING).1, before);
    assert_eq!(server.get("/indexes/a/settings/stop-words").1, json!([]));
}

#[test]
fn a_model_that_cannot_run_here_is_accepted_and_takes_vectors() {
    let server = Server::start();
    let embedder =
        json!({ "source": "huggingFace", "model": "m", "documentTemplate": "{{doc.t}}" });
    let settings = json!({ "embedders": { "e": embedder } });
    server.succeed(server.patch("/indexes/a/settings", settings.clone()));
    let shown = server.get(SETTING).1;
    assert_eq!((&shown["e"]["source"], &shown["e"]["model"]), (&json!("huggingFace"), &json!("m")));
    let add = |document: Value| server.wait(server.post("/indexes/a/documents", document));
    let task = add(json!({ "id": 1, "t": "kite" }));
    assert_eq!(task["error"]["code"], "vector_embedding_error", "{task}");
    let own = json!({ "id": 1, "t": "kite", "_vectors": { "e": [1, 0] } });
    assert_eq!(add(own.clone())["status"], "succeeded");
    let search = |body: Value| server.post("/indexes/a/search", body);
    let by = |ratio: f64| json!({ "embedder": "e", "semanticRatio": ratio });
    let found = search(json!({ "vector": [1, 0], "hybrid": by(1.0) })).1;
    assert_eq!(found["hits"][0]["id"], 1, "{found}");
    let found = search(json!({ "q": "kite", "hybrid": by(0.6) })).1;
    assert_eq!((&found["hits"][0]["id"], &found["semanticHitCount"]), (&json!(1), &json!(0)));
    let refused = search(json!({ "q": "kite", "hybrid": by(1.0) }));
    assert_eq!((refused.0, &refused.1["code"]), (400, &json!("vector_embedding_error")));
    // Where documents wait for vectors, it is of no use.
    server.succeed(server.post("/indexes/b/documents", json!({ "id": 1, "t": "kite" })));
    let task = server.wait(server.patch("/indexes/b/settings", settings));
    assert_eq!(task["error"]["code"], "vector_embedding_error", "{task}");
}

#[test]
fn every_source_is_shown_masked_and_travels() {
    let (server, provider) = (server_near(&[]), Mock::start(3).unwrap());
    enable(&server, &["multimodal", "compositeEmbedders"]);
    let embedders = json!({
        "both": composite(&provider),
        "llama": {
            "source": "ollama", "model": "m", "dimensions": 4, "url": "http://127.0.0.1:9/api/embed",
            "apiKey": "secret", "distribution": { "sigma": 0.1, "mean": 0.7 },
        },
        "open": { "documentTemplateMaxBytes": 9 },
        "parts": fragments(),
        "rest": rest(json!({ "headers": { "X-A": "b" }, "binaryQuantized": true })),
        "user": { "source": "userProvided", "dimensions": 2 },
    });
    let task = server.succeed(server.patch(SETTING, embedders));
    let of_task = &task["details"]["embedders"];
    assert_eq!(of_task["llama"]["apiKey"], "XXX...");
    assert_eq!(of_task["both"]["searchEmbedder"]["apiKey"], "a sXXXXX...");
    let template = serde_json::to_string(DEFAULT_TEMPLATE).unwrap();
    let text = |bytes: usize| {
        format!(r#""documentTemplate":{template},"documentTemplateMaxBytes":{bytes}"#)
    };
    let url = provider.url("/api/embed");
    let shown = [
        format!(r#"{{"both":{{"source":"composite","searchEmbedder":{{"source":"ollama","model":"m","apiKey":"a sXXXXX...","url":"{url}"}},"indexingEmbedder":{{"source":"ollama","model":"m","apiKey":"a sXXXXX...","documentTemplate":"{{{{doc.t}}}}","documentTemplateMaxBytes":400,"url":"{url}"}}}},"#),
        format!(r#""llama":{{"source":"ollama","model":"m","apiKey":"XXX...","dimensions":4,{},"url":"http://127.0.0.1:9/api/embed","distribution":{{"mean":0.7,"sigma":0.1}}}},"#, text(400)),
        format!(r#""open":{{"source":"openAi","model":"text-embedding-3-small",{}}},"#, text(9)),
        r#""parts":{"source":"rest","dimensions":2,"url":"http://127.0.0.1:9/","indexingFragments":{"i":{"value":{"u":"{{doc.u}}"}},"t":{"value":"{{doc.t}}"}},"searchFragments":{"q":{"value":"{{q}}"}},"request":{"in":["{{fragment}}","{{..}}"]},"response":["{{embedding}}","{{..}}"],"headers":{}},"#.to_owned(),
        format!(r#""rest":{{"source":"rest","dimensions":2,"binaryQuantized":true,{},"url":"http://127.0.0.1:9/","request":{{"in":["{{{{text}}}}","{{{{..}}}}"]}},"response":["{{{{embedding}}}}","{{{{..}}}}"],"headers":{{"X-A":"b"}}}},"#, text(400)),
        r#""user":{"source":"userProvided","dimensions":2}}"#.to_owned(),
    ].concat();
    let read = |server: &Server, path: &str| {
        let mut text = String::new();
        let mut response = server.raw("GET", path, &[], b"");
        response.body_mut().as_reader().read_to_string(&mut text).unwrap();
        text
    };
    assert_eq!(read(&server, SETTING), shown);

    let task = server.succeed(server.post("/indexes/a/snapshots", json!({})));
    let uid = task["details"]["snapshotUid"].as_str().unwrap();
    let mut archive = Vec::new();
    let mut response = server.raw("GET", &format!("/indexes/a/snapshots/{uid}/download"), &[], b"");
    response.body_mut().as_reader().read_to_end(&mut archive).unwrap();
    let headers = [("Content-Type", "application/octet-stream")];
    let mut response = server.raw("POST", "/indexes/copy/snapshots/import", &headers, &archive);
    let summary = response.body_mut().read_to_string().unwrap();
    server.succeed((202, serde_json::from_str(&summary).unwrap()));
    assert_eq!(read(&server, "/indexes/copy/settings/embedders"), shown);

    let task = server.succeed(server.raw_post("/dumps"));
    let dump =
        server.dir().join(format!("dumps/{}.dump", task["details"]["dumpUid"].as_str().unwrap()));
    let import = server_near(&[&format!("MEILI_IMPORT_DUMP={}", dump.display())]);
    assert_eq!(read(&import, SETTING), shown);
}

#[test]
fn requests_merge() {
    let server = Server::start();
    enable(&server, &["multimodal"]);
    let change = |embedders: Value| {
        server.succeed(server.patch(SETTING, embedders));
        server.get(SETTING).1
    };
    let first = json!({ "a": { "apiKey": "k", "documentTemplate": "{{doc.t}}" }, "b": {} });
    change(first);
    // What is not named stays.
    let shown = change(json!({ "a": { "dimensions": 2, "apiKey": null }, "c": null }));
    assert_eq!(
        shown["a"],
        json!({ "source": "openAi", "model": "text-embedding-3-small", "dimensions": 2,
                "documentTemplate": "{{doc.t}}", "documentTemplateMaxBytes": 400 })
    );
    assert!(shown["b"].is_object());
    // Another source keeps what it can have, in one step.
    change(json!({ "a": { "apiKey": "0123456789" } }));
    let shown = change(json!({ "b": null, "a": { "source": "userProvided", "dimensions": 3 } }));
    assert_eq!(shown, json!({ "a": { "source": "userProvided", "dimensions": 3 } }));
    let shown = change(json!({ "a": { "source": null } }));
    assert_eq!(
        (&shown["a"]["source"], &shown["a"]["dimensions"]),
        (&json!("openAi"), &Value::Null)
    );
    // Fragments by name, and back to the default template.
    change(json!({ "a": fragments() }));
    let shown = change(json!({ "a": { "indexingFragments": { "t": null, "z": { "value": 1 } } } }));
    let names: Vec<_> = shown["a"]["indexingFragments"].as_object().unwrap().keys().collect();
    assert_eq!(names, ["i", "z"]);
    assert!(shown["a"].get("documentTemplate").is_none());
    let request = json!({ "in": ["{{text}}", "{{..}}"] });
    let shown = change(json!({
        "a": { "indexingFragments": null, "searchFragments": null, "request": request },
    }));
    assert_eq!(shown["a"]["documentTemplate"], DEFAULT_TEMPLATE);
    server.succeed(server.delete(SETTING));
    assert_eq!(server.get(SETTING).1, json!({}));
}
