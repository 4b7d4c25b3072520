//! What is not built yet: behind an experimental feature it answers as every server does while the
//! feature is off; otherwise it says that it is not built (501) instead of pretending.

use serde_json::{Value, json};

use crate::common::Server;

/// Method, path, a body that is right, the feature.
fn gated() -> Vec<(&'static str, &'static str, Value, &'static str)> {
    let control = json!({ "origin": {}, "message": {} });
    let completion = json!({ "model": "m", "messages": [], "unknown": 1 });
    vec![
        ("GET", "/network", Value::Null, "network"),
        ("PATCH", "/network", json!({ "self": "a", "remotes": { "b": null } }), "network"),
        ("POST", "/network/control", control, "network"),
        ("GET", "/chats", Value::Null, "chatCompletions"),
        ("GET", "/chats/shop", Value::Null, "chatCompletions"),
        ("DELETE", "/chats/shop", Value::Null, "chatCompletions"),
        ("GET", "/chats/shop/settings", Value::Null, "chatCompletions"),
        ("PATCH", "/chats/shop/settings", json!({ "source": "openAi" }), "chatCompletions"),
        ("DELETE", "/chats/shop/settings", Value::Null, "chatCompletions"),
        ("POST", "/chats/shop/chat/completions", completion, "chatCompletions"),
        ("POST", "/dynamic-search-rules", json!({ "limit": 3 }), "dynamicSearchRules"),
        ("DELETE", "/dynamic-search-rules", Value::Null, "dynamicSearchRules"),
        ("GET", "/dynamic-search-rules/a", Value::Null, "dynamicSearchRules"),
        ("PATCH", "/dynamic-search-rules/a", json!({ "active": true }), "dynamicSearchRules"),
        ("DELETE", "/dynamic-search-rules/a", Value::Null, "dynamicSearchRules"),
        (
            "POST",
            "/indexes/a/documents/edit",
            json!({ "function": "doc.x = 1" }),
            "editDocumentsByFunction",
        ),
    ]
}

fn send(server: &Server, method: &str, path: &str, body: &Value) -> (u16, Value) {
    match method {
        "GET" => server.get(path),
        "DELETE" => server.delete(path),
        "POST" => server.post(path, body.clone()),
        _ => server.patch(path, body.clone()),
    }
}

#[test]
fn features_that_are_off_are_named() {
    let server = Server::start();
    for (method, path, body, feature) in gated() {
        let (status, error) = send(&server, method, path, &body);
        let code = &error["code"];
        assert_eq!((status, code), (400, &json!("feature_not_enabled")), "{method} {path}");
        assert!(error["message"].as_str().unwrap().contains(feature), "{error}");
    }
}

#[test]
fn features_that_are_on_but_not_built_say_so() {
    let server = Server::start();
    for (method, path, body, feature) in gated() {
        assert_eq!(server.patch("/experimental-features", json!({ feature: true })).0, 200);
        let (status, error) = send(&server, method, path, &body);
        let code = error["code"].as_str().unwrap();
        match path {
            "/network/control" => assert_eq!((status, code), (451, "requires_enterprise_edition")),
            _ => assert_eq!((status, code), (501, "not_implemented"), "{method} {path}"),
        }
    }
}

#[test]
fn a_wrong_body_is_told_before_the_feature() {
    let server = Server::start();
    for (method, path, body, code) in [
        (
            "PATCH",
            "/network",
            json!({ "previousRemotes": null }),
            "unexpected_network_previous_remotes",
        ),
        ("PATCH", "/network", json!({ "remotes": { "a": { "url": 1 } } }), "invalid_network_url"),
        (
            "PATCH",
            "/network",
            json!({ "remotes": { "a": { "uri": 1 } } }),
            "invalid_network_remotes",
        ),
        ("PATCH", "/network", json!({ "shards": [] }), "invalid_network_shards"),
        ("POST", "/network/control", json!({}), "bad_request"),
        ("PATCH", "/chats/a/settings", json!({ "source": "me" }), "bad_request"),
        (
            "PATCH",
            "/chats/a/settings",
            json!({ "prompts": { "searchQParam": 1 } }),
            "invalid_chat_completion_search_query_param_prompt",
        ),
        ("POST", "/chats/a/chat/completions", json!({ "model": "m" }), "bad_request"),
        ("GET", "/chats?limit=x", Value::Null, "invalid_index_limit"),
        ("POST", "/render-template", json!({ "template": {} }), "invalid_render_template"),
        (
            "POST",
            "/dynamic-search-rules",
            json!({ "filter": { "active": 1 } }),
            "invalid_dynamic_search_rule_filter_active",
        ),
        (
            "PATCH",
            "/dynamic-search-rules/a",
            json!({ "precedence": "high" }),
            "invalid_dynamic_search_rule_priority",
        ),
        ("POST", "/indexes/a/documents/edit", json!({}), "missing_document_edition_function"),
        (
            "POST",
            "/indexes/a/documents/edit",
            json!({ "function": 1 }),
            "invalid_document_edition_function_filter",
        ),
    ] {
        let (status, error) = send(&server, method, path, &body);
        assert_eq!((status, &error["code"]), (400, &json!(code)), "{method} {path} {body}");
    }
}

#[test]
fn a_key_must_hold_both_actions_of_rendering() {
    let mut server = Server::start_with(&["--master-key", "a-master-key-of-the-test"]);
    server.use_key(Some("a-master-key-of-the-test"));
    let secret = |actions: Value| {
        let key = json!({ "actions": actions, "indexes": ["*"], "expiresAt": null });
        server.post("/keys", key).1["key"].as_str().unwrap().to_owned()
    };
    let one = secret(json!(["settings.get"]));
    let both = secret(json!(["settings.get", "documents.get"]));
    for (key, status) in [(one, 403), (both, 400)] {
        server.use_key(Some(&key));
        assert_eq!(server.post("/render-template", json!({})).0, status);
    }
}
