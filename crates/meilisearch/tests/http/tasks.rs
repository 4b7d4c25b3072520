//! `/tasks` and `/batches` (http-api.md section 12).

use serde_json::{Value, json};

use crate::common::Server;

/// Tasks 0 to 3: creation of `a`, creation that fails, documents into `b`, a swap.
fn with_history() -> Server {
    let server = Server::start();
    server.succeed(server.post("/indexes", json!({ "uid": "a" })));
    server.wait(server.post("/indexes", json!({ "uid": "a" })));
    server.succeed(server.post("/indexes/b/documents", json!([{ "id": 1 }])));
    server.succeed(server.post("/swap-indexes", json!([{ "indexes": ["a", "b"] }])));
    server
}

fn uids(listing: &Value) -> Vec<u64> {
    let uid = |item: &Value| item["uid"].as_u64().unwrap();
    listing["results"].as_array().unwrap().iter().map(uid).collect()
}

#[test]
fn filters_of_the_listing() {
    let server = with_history();
    for (query, expected) in [
        ("", vec![3, 2, 1, 0]),
        ("?reverse=true", vec![0, 1, 2, 3]),
        ("?uids=1,3", vec![3, 1]),
        ("?uids=", vec![]),
        ("?uids=*", vec![3, 2, 1, 0]),
        ("?statuses=FAILED", vec![1]),
        ("?statuses=failed,succeeded&types=indexCreation", vec![1, 0]),
        ("?indexUids=b", vec![1, 0]),
        ("?canceledBy=3", vec![]),
        ("?beforeEnqueuedAt=2000-01-01", vec![]),
        ("?afterEnqueuedAt=2000-01-01&limit=1", vec![3]),
        ("?from=2&limit=2", vec![2, 1]),
        ("?from=1&reverse=true", vec![1, 2, 3]),
    ] {
        let (status, listing) = server.get(&format!("/tasks{query}"));
        assert_eq!((status, uids(&listing)), (200, expected), "{query}: {listing}");
    }
    let (_, page) = server.get("/tasks?limit=2");
    assert_eq!(page["total"], 4);
    assert_eq!((&page["limit"], &page["from"], &page["next"]), (&json!(2), &json!(3), &json!(1)));
    let (_, last) = server.get("/tasks?limit=2&from=1");
    assert_eq!((&last["from"], &last["next"]), (&json!(1), &Value::Null));
}

#[test]
fn refused_filters_have_their_codes() {
    let server = Server::start();
    for (query, code) in [
        ("limit=-1", "invalid_task_limit"),
        ("from=x", "invalid_task_from"),
        ("reverse=maybe", "invalid_task_reverse"),
        ("uids=x", "invalid_task_uids"),
        ("batchUids=x", "invalid_batch_uids"),
        ("canceledBy=x", "invalid_task_canceled_by"),
        ("types=x", "invalid_task_types"),
        ("statuses=x", "invalid_task_statuses"),
        ("indexUids=a%20b", "invalid_index_uid"),
        ("afterEnqueuedAt=x", "invalid_task_after_enqueued_at"),
        ("beforeStartedAt=x", "invalid_task_before_started_at"),
        ("afterFinishedAt=x", "invalid_task_after_finished_at"),
        ("nope=1", "bad_request"),
    ] {
        for route in ["tasks", "batches"] {
            let (status, error) = server.get(&format!("/{route}?{query}"));
            assert_eq!((status, &error["code"]), (400, &json!(code)), "{route} {query}");
        }
    }
    for (path, status, code) in [
        ("/tasks/x", 400, "invalid_task_uids"),
        ("/tasks/7", 404, "task_not_found"),
        ("/batches/x", 400, "invalid_batch_uids"),
        ("/batches/7", 404, "batch_not_found"),
    ] {
        let (found, error) = server.get(path);
        assert_eq!((found, &error["code"]), (status, &json!(code)), "{path}");
    }
}

#[test]
fn shapes_on_the_wire() {
    let server = with_history();
    let (_, mut task) = server.get("/tasks/2");
    let (_, mut batch) = server.get("/batches/2");
    for volatile in ["duration", "enqueuedAt", "startedAt", "finishedAt"] {
        for shape in [&mut task, &mut batch] {
            if let Some(value) = shape.get_mut(volatile) {
                assert!(value.is_string(), "{volatile}: {value}");
                *value = json!("[time]");
            }
        }
    }
    let measures = batch["stats"].as_object_mut().unwrap();
    measures.retain(|name, _| ["totalNbTasks", "status", "types", "indexUids"].contains(&&**name));
    batch["batchStrategy"] = json!("[text]");
    insta::assert_json_snapshot!("task", task);
    insta::assert_json_snapshot!("batch", batch);
}

#[test]
fn cancelation_and_deletion_need_a_filter() {
    let server = with_history();
    assert_eq!(server.raw("POST", "/tasks/cancel", &[], b"").status(), 400);
    let (_, error) = server.post("/tasks/cancel", Value::Null);
    assert_eq!(error["code"], "missing_task_filters");
    let (status, error) = server.delete("/tasks");
    assert_eq!((status, &error["code"]), (400, &json!("missing_task_filters")));

    let (status, summary) = server.post("/tasks/cancel?uids=*", Value::Null);
    assert_eq!((status, &summary["indexUid"]), (200, &Value::Null));
    let task = server.succeed((status, summary));
    let expected = json!({ "matchedTasks": 4, "canceledTasks": 0, "originalFilter": "?uids=*" });
    assert_eq!(task["details"], expected);

    let answer = server.delete("/tasks?statuses=failed");
    assert_eq!(answer.0, 200);
    let task = server.succeed(answer);
    let expected =
        json!({ "matchedTasks": 1, "deletedTasks": 1, "originalFilter": "?statuses=failed" });
    assert_eq!(task["details"], expected);
    assert_eq!(server.get("/tasks/1").1["code"], "task_not_found");
}

#[test]
fn a_stored_switch_wins_over_the_default_of_legacy_search() {
    let mut server = Server::start_with(&["--experimental-legacy-search-default"]);
    let is_on = |server: &Server| server.get("/experimental-features").1["legacySearch"].clone();
    assert_eq!(is_on(&server), true);
    assert_eq!(server.patch("/experimental-features", json!({ "legacySearch": false })).0, 200);
    server.kill_and_restart();
    assert_eq!(is_on(&server), false);
}

#[test]
fn experimental_features_are_switched_and_kept() {
    let mut server = Server::start();
    let (_, features) = server.get("/experimental-features");
    assert_eq!(features.as_object().unwrap().len(), 15);
    assert!(features.as_object().unwrap().values().all(|state| state == false), "{features}");
    let change = json!({ "containsFilter": true, "metrics": null });
    let (status, features) = server.patch("/experimental-features", change);
    assert_eq!((status, &features["containsFilter"]), (200, &json!(true)));
    server.kill_and_restart();
    assert_eq!(server.get("/experimental-features").1, features);
    let flagged = Server::start_with(&["--experimental-contains-filter"]);
    assert_eq!(flagged.get("/experimental-features").1["containsFilter"], true);
    let (_, features) = flagged.patch("/experimental-features", json!({ "containsFilter": false }));
    assert_eq!(features["containsFilter"], false);
    for wrong in [json!({ "nope": true }), json!({ "metrics": 1 })] {
        assert_eq!(server.patch("/experimental-features", wrong).1["code"], "bad_request");
    }
}
