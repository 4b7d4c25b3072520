//! `/indexes`, `/stats`, `/swap-indexes` (http-api.md sections 6 and 14).

use serde_json::{Value, json};

use crate::common::Server;

#[test]
fn life_of_an_index() {
    let server = Server::start();
    let (status, mut summary) =
        server.post("/indexes", json!({ "uid": "films", "primaryKey": "id" }));
    server.succeed((status, summary.clone()));
    assert!(summary["enqueuedAt"].as_str().unwrap().ends_with('Z'), "{summary}");
    summary["enqueuedAt"] = json!("[date]");
    insta::assert_json_snapshot!(summary, @r#"
    {
      "taskUid": 0,
      "indexUid": "films",
      "status": "enqueued",
      "type": "indexCreation",
      "enqueuedAt": "[date]"
    }
    "#);
    let (_, mut index) = server.get("/indexes/films");
    index["createdAt"] = json!("[date]");
    index["updatedAt"] = json!("[date]");
    insta::assert_json_snapshot!(index, @r#"
    {
      "uid": "films",
      "createdAt": "[date]",
      "updatedAt": "[date]",
      "primaryKey": "id"
    }
    "#);

    server.succeed(server.patch("/indexes/films", json!({ "primaryKey": "isan" })));
    assert_eq!(server.get("/indexes/films").1["primaryKey"], "isan");
    let again = server.wait(server.post("/indexes", json!({ "uid": "films" })));
    assert_eq!(again["error"]["code"], "index_already_exists");

    server.succeed(server.delete("/indexes/films"));
    let (status, error) = server.get("/indexes/films");
    assert_eq!((status, &error["code"]), (404, &json!("index_not_found")));
    assert_eq!(server.wait(server.delete("/indexes/films"))["error"]["code"], "index_not_found");
}

#[test]
fn lists_are_sorted_pages() {
    let server = Server::start();
    for uid in ["b", "a", "C", "d"] {
        server.succeed(server.post("/indexes", json!({ "uid": uid })));
    }
    let (_, page) = server.get("/indexes?offset=1&limit=2");
    let uids: Vec<_> = page["results"].as_array().unwrap().iter().map(|it| &it["uid"]).collect();
    assert_eq!(uids, ["a", "b"]);
    assert_eq!(
        (&page["offset"], &page["limit"], &page["total"]),
        (&json!(1), &json!(2), &json!(4))
    );
    for (query, code) in [
        ("offset=x", "invalid_index_offset"),
        ("limit=-1", "invalid_index_limit"),
        ("page=1", "bad_request"),
    ] {
        let (status, error) = server.get(&format!("/indexes?{query}"));
        assert_eq!((status, &error["code"]), (400, &json!(code)), "{query}");
    }
}

#[test]
fn refused_fields_have_their_codes() {
    let server = Server::start();
    for (body, code) in [
        (json!({ "createdAt": 1 }), "immutable_index_created_at"),
        (json!({ "updatedAt": 1 }), "immutable_index_updated_at"),
        (json!({ "primaryKey": [] }), "invalid_index_primary_key"),
        (json!({ "uid": "a b" }), "invalid_index_uid"),
        (json!({ "nope": 1 }), "bad_request"),
    ] {
        let (status, error) = server.patch("/indexes/films", body.clone());
        assert_eq!((status, &error["code"]), (400, &json!(code)), "{body}");
    }
    let (status, error) = server.get("/indexes/a%20b");
    assert_eq!((status, &error["code"]), (400, &json!("invalid_index_uid")));
}

#[test]
fn statistics_count_documents() {
    let server = Server::start();
    let documents = json!([{ "id": 1, "title": "a" }, { "id": 2 }]);
    server.succeed(server.post("/indexes/films/documents", documents));
    let (_, stats) = server.get("/indexes/films/stats");
    assert_eq!(stats["numberOfDocuments"], 2);
    assert_eq!(stats["isIndexing"], false);
    assert_eq!(stats["fieldDistribution"], json!({ "id": 2, "title": 1 }));
    assert!(stats.get("internalDatabaseSizes").is_none());
    let (_, all) = server.get("/stats");
    assert_eq!(all["indexes"]["films"], stats);
    assert!(all["databaseSize"].as_u64() >= all["usedDatabaseSize"].as_u64());
    assert!(all["lastUpdate"].is_string());

    let (_, human) =
        server.get("/indexes/films/stats?sizeFormat=human&showInternalDatabaseSizes=true");
    assert!(human["rawDocumentDbSize"].as_str().unwrap().ends_with("iB"), "{human}");
    assert!(human["internalDatabaseSizes"]["documents"].is_string(), "{human}");
    let (status, error) = server.get("/stats?sizeFormat=loud");
    assert_eq!((status, &error["code"]), (400, &json!("invalid_stats_size_format")));
    assert_eq!(server.get("/indexes/nope/stats").0, 404);
}

#[test]
fn compaction_keeps_the_documents_and_tells_the_sizes() {
    let server = Server::start();
    let documents = json!([{ "id": 1, "title": "a" }, { "id": 2 }]);
    server.succeed(server.post("/indexes/films/documents", documents));
    // A body, of whatever type, is not looked at.
    let compaction = server.raw("POST", "/indexes/films/compact", &[], b"nothing");
    let (status, summary) = (compaction.status().as_u16(), crate::common::json(compaction));
    assert_eq!((status, &summary["type"]), (202, &json!("indexCompaction")));
    let task = server.succeed((status, summary));
    for size in ["preCompactionSize", "postCompactionSize"] {
        assert!(task["details"][size].as_str().unwrap().contains("KiB"), "{task}");
    }
    assert_eq!(server.get("/indexes/films/stats").1["numberOfDocuments"], 2);
    let found = server.post("/indexes/films/search", json!({ "q": "a" })).1;
    assert_eq!(found["hits"], json!([{ "id": 1, "title": "a" }]));

    let missing = server.wait(server.post("/indexes/nope/compact", json!({})));
    assert_eq!(missing["error"]["code"], "index_not_found");
    assert_eq!(missing["details"], json!({}));
    let (status, error) = server.post("/indexes/a%20b/compact", json!({}));
    assert_eq!((status, &error["code"]), (400, &json!("invalid_index_uid")));
}

#[test]
fn swaps_are_checked_before_they_are_enqueued() {
    let server = Server::start();
    let code = |body: Value| server.post("/swap-indexes", body).1["code"].clone();
    assert_eq!(code(json!([{ "indexes": ["a"] }])), "invalid_swap_indexes");
    assert_eq!(code(json!([{ "indexes": ["a", "b c"] }])), "invalid_swap_indexes");
    assert_eq!(code(json!([{}])), "missing_swap_indexes");
    assert_eq!(code(json!([{ "indexes": ["a", "b"], "rename": 1 }])), "invalid_swap_rename");
    let twice = json!([{ "indexes": ["a", "b"] }, { "indexes": ["b", "c"] }]);
    assert_eq!(code(twice), "invalid_swap_duplicate_index_found");

    server.succeed(server.post("/indexes", json!({ "uid": "a", "primaryKey": "of_a" })));
    server.succeed(server.post("/indexes", json!({ "uid": "b", "primaryKey": "of_b" })));
    server.succeed(server.post("/swap-indexes", json!([{ "indexes": ["a", "b"] }])));
    assert_eq!(server.get("/indexes/a").1["primaryKey"], "of_b");
}
