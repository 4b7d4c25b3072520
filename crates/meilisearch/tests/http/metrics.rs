//! `GET /metrics` (operations.md section 21).

use std::collections::HashMap;

use serde_json::json;

use crate::common::{Server, eventually, json as body_of};

const KEY: &str = "a-master-key-of-the-test";

/// Series as they are written → value.
fn metrics(server: &Server) -> HashMap<String, f64> {
    let mut response = server.raw("GET", "/metrics", &[], b"");
    assert_eq!(response.status(), 200);
    assert_eq!(response.headers()["content-type"], "text/plain; version=0.0.4");
    let text = response.body_mut().read_to_string().unwrap();
    let series = text.lines().filter(|line| !line.starts_with('#'));
    series
        .map(|line| {
            let (series, value) = line.rsplit_once(' ').unwrap();
            (series.to_owned(), value.parse().unwrap())
        })
        .collect()
}

#[test]
fn every_name_and_some_values() {
    let server = Server::start_with(&["--experimental-enable-metrics"]);
    assert_eq!(server.get("/experimental-features").1["metrics"], true);
    let documents = json!([{ "id": 1, "title": "a" }, { "id": 2, "title": "b" }]);
    server.succeed(server.post("/indexes/films/documents", documents));
    server.wait(server.post("/indexes", json!({ "uid": "films" })));
    server.succeed(server.patch("/indexes/films/settings", json!({ "searchCutoffMs": 0 })));
    server.post("/indexes/films/search", json!({ "q": "a" }));
    server.get("/indexes/films/search?q=b");
    server.get("/nowhere/at/all");

    let series = metrics(&server);
    for (name, value) in [
        ("meilisearch_index_count", 1.0),
        ("meilisearch_index_docs_count{index=\"films\"}", 2.0),
        ("meilisearch_is_indexing", 0.0),
        ("meilisearch_task_queue_latency_seconds", 0.0),
        ("meilisearch_task_queue_max_size", 21_474_836_480.0),
        ("meilisearch_nb_tasks{kind=\"statuses\",value=\"succeeded\"}", 2.0),
        ("meilisearch_nb_tasks{kind=\"statuses\",value=\"failed\"}", 1.0),
        ("meilisearch_nb_tasks{kind=\"statuses\",value=\"enqueued\"}", 0.0),
        ("meilisearch_nb_tasks{kind=\"statuses\",value=\"processing\"}", 0.0),
        ("meilisearch_nb_tasks{kind=\"statuses\",value=\"canceled\"}", 0.0),
        ("meilisearch_nb_tasks{kind=\"types\",value=\"indexCreation\"}", 1.0),
        ("meilisearch_nb_tasks{kind=\"types\",value=\"dumpCreation\"}", 0.0),
        ("meilisearch_nb_tasks{kind=\"indexes\",value=\"films\"}", 3.0),
        ("meilisearch_last_indexed_documents_count{batch_uid=\"0\",index=\"films\"}", 2.0),
        ("meilisearch_search_queue_size", 1000.0),
        ("meilisearch_searches_running", 0.0),
        ("meilisearch_searches_waiting_to_be_processed", 0.0),
        ("meilisearch_degraded_search_requests", 2.0),
        ("meilisearch_personalized_search_requests", 0.0),
        ("meilisearch_chat_searches_total{type=\"internal\"}", 0.0),
        (
            "meilisearch_http_requests_total{method=\"GET\",path=\"/indexes/{index_uid}/search\",status=\"200\"}",
            1.0,
        ),
        (
            "meilisearch_http_requests_total{method=\"GET\",path=\"/nowhere/at/all\",status=\"404\"}",
            1.0,
        ),
        (
            "meilisearch_http_response_time_seconds_count{method=\"POST\",path=\"/indexes/{index_uid}/search\"}",
            1.0,
        ),
        (
            "meilisearch_http_response_time_seconds_bucket{method=\"POST\",path=\"/indexes/{index_uid}/search\",le=\"10\"}",
            1.0,
        ),
    ] {
        assert_eq!(series.get(name), Some(&value), "{name} among {series:#?}");
    }
    let positive = |name: &str| series.get(name).is_some_and(|value| *value > 0.0);
    for name in [
        "meilisearch_db_size_bytes",
        "meilisearch_used_db_size_bytes",
        "meilisearch_last_update",
        "meilisearch_task_queue_used_size",
        "meilisearch_task_queue_size_until_stop_registering",
    ] {
        assert!(positive(name), "{name} among {series:#?}");
    }
    let has = |start: &str| series.keys().any(|name| name.starts_with(start));
    assert!(has("meilisearch_last_indexed_documents_duration_ms{batch_uid=\"0\",index=\"films\"}"));
    assert!(has(
        "meilisearch_last_finished_batches_progress_trace_ms{batch_uid=\"2\",step_name=\"processing tasks"
    ));
    assert!(!has("meilisearch_batch_running_progress_trace"), "nothing runs");
    assert!(!has("meilisearch_http_response_time_seconds_count{method=\"GET\",path=\"/nowhere"));

    server.succeed(server.delete("/indexes/films"));
    let series = metrics(&server);
    assert_eq!(series["meilisearch_index_count"], 0.0);
    assert!(!series.contains_key("meilisearch_last_update"));
}

#[test]
fn the_key_must_cover_all_indexes_and_the_feature_be_on() {
    let mut server = Server::start_with(&["--master-key", KEY]);
    let code = |server: &Server| body_of(server.raw("GET", "/metrics", &[], b""))["code"].clone();
    assert_eq!(code(&server), "missing_authorization_header");
    server.use_key(Some(KEY));
    assert_eq!(code(&server), "feature_not_enabled");
    let key = |indexes| {
        let body = json!({ "actions": ["*"], "indexes": indexes, "expiresAt": null });
        server.post("/keys", body).1["key"].as_str().map(str::to_owned)
    };
    let (narrow, wide) = (key(json!(["films"])), key(json!(["*"])));
    server.use_key(narrow.as_deref());
    assert_eq!(code(&server), "invalid_api_key", "before the feature is looked at");
    server.use_key(Some(KEY));
    assert_eq!(server.patch("/experimental-features", json!({ "metrics": true })).0, 200);
    server.use_key(wide.as_deref());
    let series = metrics(&server);
    let refused =
        "meilisearch_http_requests_total{method=\"GET\",path=\"/metrics\",status=\"400\"}";
    assert_eq!(series[refused], 1.0, "counted while the feature was off");
}

#[test]
fn a_running_batch_shows_its_progress() {
    let server = Server::start_with(&["--experimental-enable-metrics"]);
    let documents: Vec<_> = (0..20_000)
        .map(|id| json!({ "id": id, "text": format!("word{id} and more{id}") }))
        .collect();
    assert_eq!(server.post("/indexes/films/documents", json!(documents)).0, 202);
    eventually(|| {
        let series = metrics(&server);
        let trace = "meilisearch_batch_running_progress_trace{batch_uid=\"0\"";
        let is_over = series["meilisearch_nb_tasks{kind=\"statuses\",value=\"succeeded\"}"] == 1.0;
        assert!(!is_over, "it ended unseen");
        let shows = series.iter().any(|(name, share)| name.starts_with(trace) && *share <= 1.0);
        shows && series["meilisearch_is_indexing"] == 1.0
    });
}
