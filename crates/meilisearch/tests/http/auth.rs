//! The table of http-api.md section 2.

use serde_json::json;

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
