//! What is not built yet says so (501) instead of pretending.

use serde_json::json;

use crate::common::{Server, json as body_of};

#[test]
fn missing_routes_answer_501_and_name_themselves() {
    let mut server = Server::start_with(&["--master-key", "a-master-key-of-the-test"]);
    server.use_key(Some("a-master-key-of-the-test"));
    for (method, path) in [
        ("POST", "/dumps"),
        ("POST", "/snapshots"),
        ("POST", "/export"),
        ("PATCH", "/network"),
        ("POST", "/indexes/films/fields"),
        ("POST", "/indexes/films/documents/edit"),
        ("GET", "/tasks/3/documents"),
        ("DELETE", "/webhooks/c41e84cf-8a85-4b9f-a1c4-5b4f3f6e3a0d"),
        ("POST", "/chats/shop/chat/completions"),
    ] {
        let response = server.raw(method, path, &[], b"");
        let status = response.status().as_u16();
        let error = body_of(response);
        assert_eq!((status, &error["code"]), (501, &json!("not_implemented")), "{method} {path}");
        let first = path.split('/').nth(1).unwrap();
        assert!(error["message"].as_str().unwrap().contains(first), "{error}");
    }
    assert_eq!(server.raw("GET", "/dumps", &[], b"").status(), 405);
}
