//! `POST /render-template` (http-api.md section 15).

use serde_json::{Value, json};

use crate::common::Server;

const ROUTE: &str = "/render-template";

/// An index with a template and one with fragments, and a document.
fn server() -> Server {
    let server = Server::start();
    let features = json!({ "renderRoute": true, "multimodal": true });
    assert_eq!(server.patch("/experimental-features", features).0, 200);
    let embedders = json!({
        "text": { "documentTemplate": "{{doc.t}} and {{doc.n}}", "documentTemplateMaxBytes": 10 },
        "default": {},
        "user": { "source": "userProvided", "dimensions": 2 },
        "parts": {
            "source": "rest", "url": "http://127.0.0.1:9/", "dimensions": 2,
            "request": "{{fragment}}", "response": "{{embedding}}",
            "indexingFragments": { "i": { "value": { "img": "{{doc.u}}", "n": 1 } }, "t": { "value": "{{doc.t}}" } },
            "searchFragments": { "q": { "value": "{{q}}" }, "m": { "value": ["{{media.u}}"] } },
        },
    });
    let without = json!({ "regenerate": false });
    let documents = json!([{
        "id": 1, "t": "héhé", "n": 2.0, "_geo": { "lat": 1, "lng": 2 },
        "_vectors": { "text": without, "default": without, "user": null, "parts": without },
    }]);
    let settings = json!({ "searchableAttributes": ["t", "n"] });
    server.succeed(server.patch("/indexes/a/settings", settings));
    server.succeed(server.post("/indexes/a/documents", documents));
    // Of documents that are there, nothing is embedded without being asked for.
    server.succeed(server.patch("/indexes/a/settings/embedders", embedders));
    server
}

fn of_index(kind: &str, embedder: &str, fragment: Option<&str>) -> Value {
    let mut template = json!({ "kind": kind, "indexUid": "a", "embedder": embedder });
    if let Some(fragment) = fragment {
        template["fragment"] = json!(fragment);
    }
    template
}

#[test]
fn templates_on_inputs() {
    let server = server();
    let text = |text: &str| json!({ "kind": "inlineDocumentTemplate", "inline": text });
    let fragment = |value: Value| json!({ "kind": "inlineFragment", "inline": value });
    let stored = json!({ "kind": "indexDocument", "indexUid": "a", "id": "1" });
    let document = |inline: Value| json!({ "kind": "inlineDocument", "inline": inline });
    let search = |inline: Value| json!({ "kind": "inlineSearch", "inline": inline });
    let default = "{% for field in fields %}{% if field.is_searchable and field.value != nil %}{{ field.name }}: {{ field.value }}\n{% endif %}{% endfor %}";
    let image = json!({ "img": "{{doc.u}}", "n": 1 });
    let mut long = of_index("documentTemplate", "text", None);
    long["documentTemplateMaxBytes"] = json!(100);
    let mut short = text("{{doc.t}}");
    short["documentTemplateMaxBytes"] = json!(2);
    for (template, input, shown, rendered) in [
        // Cut to ten bytes: `é` has two.
        (
            of_index("documentTemplate", "text", None),
            stored.clone(),
            json!("{{doc.t}} and {{doc.n}}"),
            json!("héhé and"),
        ),
        (long, stored.clone(), json!("{{doc.t}} and {{doc.n}}"), json!("héhé and 2")),
        (
            of_index("documentTemplate", "default", None),
            stored.clone(),
            json!(default),
            json!("t: héhé\nn: 2\n"),
        ),
        (
            of_index("documentTemplate", "default", None),
            document(json!({ "n": [1, "x"], "other": 1, "_geo": 1 })),
            json!(default),
            json!("n: 1x\n"),
        ),
        (text(default), stored.clone(), json!(default), json!("t: héhé\nn: 2\n")),
        (
            text(default),
            document(json!({ "z": 1, "a": null, "b": true })),
            json!(default),
            json!("z: 1\nb: true\n"),
        ),
        (short, document(json!({ "t": "aé" })), json!("{{doc.t}}"), json!("a")),
        (
            of_index("indexingFragment", "parts", Some("i")),
            document(json!({ "u": "x" })),
            image.clone(),
            json!({ "img": "x", "n": 1 }),
        ),
        (
            of_index("indexingFragment", "parts", Some("t")),
            stored.clone(),
            json!("{{doc.t}}"),
            json!("héhé"),
        ),
        (
            of_index("searchFragment", "parts", Some("q")),
            search(json!({ "q": "words" })),
            json!("{{q}}"),
            json!("words"),
        ),
        (
            of_index("searchFragment", "parts", Some("m")),
            search(json!({ "media": { "u": 1 } })),
            json!(["{{media.u}}"]),
            json!(["1"]),
        ),
        (
            fragment(json!({ "a": "{{doc.t}}", "b": 1 })),
            stored,
            json!({ "a": "{{doc.t}}", "b": 1 }),
            json!({ "a": "héhé", "b": 1 }),
        ),
        (
            fragment(json!("{{q}}{{media}}")),
            search(json!({ "q": "a", "media": [1, 2] })),
            json!("{{q}}{{media}}"),
            json!("a12"),
        ),
    ] {
        let (status, answer) = server.post(ROUTE, json!({ "template": template, "input": input }));
        assert_eq!(status, 200, "{template} {input}: {answer}");
        assert_eq!(
            answer,
            json!({ "template": shown, "rendered": rendered }),
            "{template} {input}"
        );
    }
    let alone = json!({ "template": of_index("indexingFragment", "parts", Some("i")) });
    assert_eq!(server.post(ROUTE, alone), (200, json!({ "template": image, "rendered": null })));
}

#[test]
fn what_is_refused() {
    let server = server();
    let template = |template: Value| json!({ "template": template });
    let input = |input: Value| json!({ "template": { "kind": "inlineDocumentTemplate", "inline": "{{doc.t}}" }, "input": input });
    let wrong_template = "invalid_render_template";
    let wrong_input = "invalid_render_input";
    for (body, status, code) in [
        (json!({}), 400, "bad_request"),
        (template(json!({ "kind": "inlineDocumentTemplate" })), 400, wrong_template),
        (template(json!({ "kind": "inlineDocumentTemplate", "inline": 1 })), 400, wrong_template),
        (
            template(json!({ "kind": "inlineDocumentTemplate", "inline": "", "indexUid": "a" })),
            400,
            wrong_template,
        ),
        (
            template(
                json!({ "kind": "inlineDocumentTemplate", "inline": "", "documentTemplateMaxBytes": 0 }),
            ),
            400,
            wrong_template,
        ),
        (
            template(
                json!({ "kind": "inlineFragment", "inline": "", "documentTemplateMaxBytes": 1 }),
            ),
            400,
            wrong_template,
        ),
        (template(json!({ "kind": "documentTemplate", "indexUid": "a" })), 400, wrong_template),
        (
            template(json!({ "kind": "indexingFragment", "indexUid": "a", "embedder": "parts" })),
            400,
            wrong_template,
        ),
        (template(of_index("documentTemplate", "text", Some("i"))), 400, wrong_template),
        (template(of_index("documentTemplate", "none", None)), 400, wrong_template),
        (template(of_index("documentTemplate", "user", None)), 400, wrong_template),
        (template(of_index("documentTemplate", "parts", None)), 400, wrong_template),
        (template(of_index("searchFragment", "parts", Some("i"))), 400, wrong_template),
        (template(of_index("searchFragment", "text", Some("i"))), 400, wrong_template),
        (
            template(json!({ "kind": "documentTemplate", "indexUid": "none", "embedder": "e" })),
            404,
            "index_not_found",
        ),
        (
            template(json!({ "kind": "inlineDocumentTemplate", "inline": "{{" })),
            400,
            "template_parsing_error",
        ),
        (
            template(json!({ "kind": "inlineFragment", "inline": ["{{"] })),
            400,
            "template_parsing_error",
        ),
        (input(json!({ "kind": "indexDocument", "indexUid": "a" })), 400, wrong_input),
        (
            input(json!({ "kind": "indexDocument", "indexUid": "a", "id": "1", "inline": {} })),
            400,
            wrong_input,
        ),
        (input(json!({ "kind": "inlineDocument" })), 400, wrong_input),
        (input(json!({ "kind": "inlineDocument", "inline": [] })), 400, wrong_input),
        (input(json!({ "kind": "inlineSearch", "inline": { "q": 1 } })), 400, wrong_input),
        (input(json!({ "kind": "inlineSearch", "inline": { "nope": 1 } })), 400, wrong_input),
        (input(json!({ "kind": "inlineSearch", "inline": { "q": "a" } })), 400, wrong_input),
        (
            input(json!({ "kind": "indexDocument", "indexUid": "a", "id": "9" })),
            404,
            "render_document_not_found",
        ),
        (
            input(json!({ "kind": "indexDocument", "indexUid": "b", "id": "9" })),
            404,
            "index_not_found",
        ),
        (
            input(json!({ "kind": "inlineDocument", "inline": { "n": 1 } })),
            400,
            "template_rendering_error",
        ),
    ] {
        let (found, error) = server.post(ROUTE, body.clone());
        assert_eq!((found, &error["code"]), (status, &json!(code)), "{body}: {error}");
    }
}

#[test]
fn features_and_what_is_not_built() {
    let server = Server::start();
    let inline = json!({ "template": { "kind": "inlineDocumentTemplate", "inline": "" } });
    let chat = json!({ "template": { "kind": "chatDocumentTemplate", "indexUid": "a" } });
    let fragment = json!({ "template": { "kind": "inlineFragment", "inline": 1 } });
    let mut search = inline.clone();
    search["input"] = json!({ "kind": "inlineSearch", "inline": {} });
    let off = |body: &Value, feature: &str| {
        let (status, error) = server.post(ROUTE, body.clone());
        assert_eq!((status, &error["code"]), (400, &json!("feature_not_enabled")), "{body}");
        assert!(error["message"].as_str().unwrap().contains(&format!("`{feature}`")), "{error}");
    };
    off(&inline, "renderRoute");
    server.patch("/experimental-features", json!({ "renderRoute": true }));
    assert_eq!(server.post(ROUTE, inline).0, 200);
    off(&chat, "chatCompletions");
    off(&fragment, "multimodal");
    off(&search, "multimodal");
    server.patch("/experimental-features", json!({ "chatCompletions": true }));
    let (status, error) = server.post(ROUTE, chat);
    assert_eq!((status, &error["code"]), (501, &json!("not_implemented")));
    assert!(error["message"].as_str().unwrap().contains("`chat`"), "{error}");
}

#[test]
fn a_key_sees_its_indexes_only() {
    let mut server = Server::start_with(&["--master-key", "a master key of 24 bytes"]);
    server.use_key(Some("a master key of 24 bytes"));
    server.patch("/experimental-features", json!({ "renderRoute": true }));
    server.succeed(server.post("/indexes/a/documents", json!([{ "id": 1 }])));
    let key = json!({ "actions": ["settings.get", "documents.get"], "indexes": ["b"], "expiresAt": null });
    let key = server.post("/keys", key).1["key"].as_str().unwrap().to_owned();
    server.use_key(Some(&key));
    let template = json!({ "kind": "inlineDocumentTemplate", "inline": "{{doc.id}}" });
    let input = json!({ "kind": "indexDocument", "indexUid": "a", "id": "1" });
    for body in [
        json!({ "template": template, "input": input }),
        json!({ "template": of_index("documentTemplate", "e", None) }),
    ] {
        let (status, error) = server.post(ROUTE, body);
        assert_eq!((status, &error["code"]), (403, &json!("invalid_api_key")));
    }
    assert_eq!(server.post(ROUTE, json!({ "template": template })).0, 200);
}
