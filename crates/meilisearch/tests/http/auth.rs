//! The table of http-api.md section 2.

use serde_json::{Value, json};

use crate::common::{Server, json as body_of};

const MASTER_KEY: &str = "a-master-key-of-the-test";

fn outcome(server: &Server, path: &str, authorization: Option<&str>) -> (u16, String) {
    let headers: Vec<_> = authorization.map(|it| ("Authorization", it)).into_iter().collect();
    let response = server.raw("GET", path, &headers, b"");
    let status = response.status().as_u16();
    (status, body_of(response)["code"].as_str().unwrap_or_default().to_owned())
}

#[test]
fn a_protected_server() {
    let server = Server::start_with(&["--master-key", MASTER_KEY]);
    let indexes = |authorization| outcome(&server, "/indexes", authorization);
    assert_eq!(indexes(Some("Basic abc")), (401, "missing_authorization_header".into()));
    assert_eq!(indexes(Some("bearer abc")), (401, "missing_authorization_header".into()));
    assert_eq!(indexes(Some("Bearer")), (403, "invalid_api_key".into()));
    assert_eq!(indexes(None), (401, "missing_authorization_header".into()));
    assert_eq!(indexes(Some("Bearer nonsense")), (403, "invalid_api_key".into()));
    assert_eq!(indexes(Some(&format!("Bearer {MASTER_KEY}"))), (200, String::new()));
    for open in ["/health", "/"] {
        assert_eq!(outcome(&server, open, None), (200, String::new()), "{open}");
    }
    // Authentication comes before everything else, missing routes included.
    for guarded in
        ["/indexes/a%20b", "/stats?nope", "/tasks?limit=x", "/version", "/keys", "/metrics"]
    {
        let expected = (401, "missing_authorization_header".into());
        assert_eq!(outcome(&server, guarded, None), expected, "{guarded}");
    }
}

#[test]
fn an_open_server() {
    let server = Server::start();
    assert_eq!(outcome(&server, "/indexes", None).0, 200);
    assert_eq!(outcome(&server, "/indexes", Some("Bearer whatever")).0, 200);
    let expected = (401, "missing_authorization_header".into());
    assert_eq!(outcome(&server, "/indexes", Some("Basic abc")), expected);
    assert_eq!(outcome(&server, "/indexes", Some("Bearer")), (403, "invalid_api_key".into()));
    assert_eq!(outcome(&server, "/keys", None), (401, "missing_master_key".into()));
}

#[test]
fn writing_needs_the_key_too() {
    let mut server = Server::start_with(&["--master-key", MASTER_KEY]);
    assert_eq!(server.post("/indexes", json!({ "uid": "a" })).0, 401);
    server.use_key(Some(MASTER_KEY));
    server.succeed(server.post("/indexes", json!({ "uid": "a" })));
    assert_eq!(server.get("/indexes/a").0, 200);
}

#[test]
fn default_keys_do_what_their_names_say() {
    let mut server = Server::start_with(&["--master-key", MASTER_KEY]);
    server.use_key(Some(MASTER_KEY));
    let (_, page) = server.get("/keys");
    let keys = page["results"].as_array().unwrap();
    let names: Vec<_> = keys.iter().map(|key| key["name"].as_str().unwrap()).collect();
    assert_eq!(
        names,
        [
            "Default Search API Key",
            "Default Admin API Key",
            "Default Read-Only Admin API Key",
            "Default Chat API Key",
        ]
    );
    let secret = |at: usize| keys[at]["key"].as_str().unwrap();
    for (at, path, status) in [
        (0, "/indexes", 403),
        (0, "/keys", 403),
        (1, "/indexes", 200),
        (2, "/tasks", 200),
        (1, "/keys", 200),
    ] {
        server.use_key(Some(secret(at)));
        assert_eq!(server.get(path).0, status, "{} {path}", names[at]);
    }
}

#[test]
fn life_of_a_key() {
    let mut server = Server::start_with(&["--master-key", MASTER_KEY]);
    server.use_key(Some(MASTER_KEY));
    let (status, key) = server.post(
        "/keys",
        json!({ "actions": ["indexes.get"], "indexes": ["*"], "expiresAt": null, "name": "one" }),
    );
    assert_eq!(status, 201, "{key}");
    let path = format!("/keys/{}", key["uid"].as_str().unwrap());
    assert_eq!(server.get(&path), (200, key.clone()));
    assert_eq!(server.get(&format!("/keys/{}", key["key"].as_str().unwrap())).1, key);
    let (_, renamed) = server.patch(&path, json!({ "name": "two" }));
    assert_eq!(renamed["name"], "two");
    let (status, error) = server.patch(&path, json!({ "actions": [] }));
    assert_eq!((status, &error["code"]), (400, &json!("immutable_api_key_actions")));
    assert_eq!(server.delete(&path), (204, Value::Null));
    assert_eq!(server.get(&path).1["code"], "api_key_not_found");
    assert_eq!(server.get("/keys?limit=x").1["code"], "invalid_api_key_limit");
    let (status, error) = server.post("/keys", json!({ "actions": ["*"], "indexes": ["*"] }));
    assert_eq!((status, &error["code"]), (400, &json!("missing_api_key_expires_at")));
}

#[test]
fn a_key_limited_to_some_indexes_sees_only_these() {
    let mut server = Server::start_with(&["--master-key", MASTER_KEY]);
    server.use_key(Some(MASTER_KEY));
    for uid in ["public-a", "private"] {
        server.succeed(server.post("/indexes", json!({ "uid": uid })));
    }
    let actions = ["indexes.*", "tasks.get", "stats.get"];
    let (_, key) = server
        .post("/keys", json!({ "actions": actions, "indexes": ["public-*"], "expiresAt": null }));
    server.use_key(key["key"].as_str());

    let (_, page) = server.get("/indexes");
    assert_eq!((&page["results"][0]["uid"], &page["total"]), (&json!("public-a"), &json!(1)));
    let (status, error) = server.get("/indexes/private");
    assert_eq!((status, &error["code"]), (403, &json!("invalid_api_key")));
    assert!(error["message"].as_str().unwrap().contains("public-*"), "{error}");
    let (_, tasks) = server.get("/tasks");
    assert_eq!(tasks["results"].as_array().unwrap().len(), 1);
    assert_eq!(server.get("/tasks/1").1["code"], "task_not_found");
    assert_eq!(server.get("/batches").1["results"].as_array().unwrap().len(), 1);
    let (_, stats) = server.get("/stats");
    assert_eq!(stats["indexes"].as_object().unwrap().keys().collect::<Vec<_>>(), ["public-a"]);

    assert_eq!(server.post("/indexes", json!({ "uid": "other" })).0, 403);
    assert_eq!(server.post("/indexes", json!({ "uid": "public-b" })).0, 202);
    let swap = json!([{ "indexes": ["public-a", "private"] }]);
    assert_eq!(server.post("/swap-indexes", swap).0, 403);
}
