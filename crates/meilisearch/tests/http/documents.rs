//! `/indexes/{index_uid}/documents` (http-api.md section 7).

use serde_json::{Value, json};

use crate::common::{Server, json as body_of};

fn upload(server: &Server, path: &str, content_type: &str, body: &str) -> (u16, Value) {
    let response = server.raw("POST", path, &[("Content-Type", content_type)], body.as_bytes());
    (response.status().as_u16(), body_of(response))
}

/// An index of three documents.
fn shop() -> Server {
    let server = Server::start();
    server.succeed(server.post(
        "/indexes/shop/documents",
        json!([
            { "id": 1, "name": "lamp", "price": 30, "size": { "w": 1, "h": 2 } },
            { "id": "two", "name": "chair", "price": 80 },
            { "id": 3, "name": "table", "price": 120, "_vectors": { "mine": [0.5] } },
        ]),
    ));
    server
}

fn ids(page: &Value) -> Vec<&Value> {
    page["results"].as_array().unwrap().iter().map(|document| &document["id"]).collect()
}

#[test]
fn three_formats_say_the_same() {
    let server = Server::start();
    for (index, content_type, body) in [
        ("json", "application/json", r#"[{"id":1,"t":"a"},{"id":2,"t":"b"}]"#),
        ("ndjson", "application/x-ndjson", "{\"id\":1,\"t\":\"a\"}\n{\"id\":2,\"t\":\"b\"}\n"),
        ("csv", "text/csv", "id:number,t\n1,a\n2,b\n"),
    ] {
        let path = format!("/indexes/{index}/documents");
        let task = server.succeed(upload(&server, &path, content_type, body));
        assert_eq!(task["details"], json!({ "receivedDocuments": 2, "indexedDocuments": 2 }));
        let (_, page) = server.get(&path);
        let expected = json!({
            "results": [{ "id": 1, "t": "a" }, { "id": 2, "t": "b" }],
            "offset": 0, "limit": 20, "total": 2,
        });
        assert_eq!(page, expected, "{content_type}");
    }
    let task =
        upload(&server, "/indexes/csv/documents?csvDelimiter=%3B", "text/csv", "id;t\n3;c\n");
    server.succeed(task);
    assert_eq!(server.get("/indexes/csv/documents/3").1, json!({ "id": "3", "t": "c" }));
}

#[test]
fn uploads_are_refused_with_their_codes() {
    let server = Server::start();
    let json = "application/json";
    for (path, content_type, body, status, code) in [
        ("/indexes/a/documents", json, "", 400, "missing_payload"),
        ("/indexes/a/documents", json, "[{]", 400, "malformed_payload"),
        ("/indexes/a/documents", json, "\"text\"", 400, "malformed_payload"),
        ("/indexes/a/documents", "application/x-ndjson", "{\"id\":1}\n{", 400, "malformed_payload"),
        ("/indexes/a/documents", "text/csv", "id,t\n1\n", 400, "malformed_payload"),
        ("/indexes/a/documents", "text/plain", "[]", 415, "invalid_content_type"),
        ("/indexes/a/documents?csvDelimiter=;", json, "[]", 415, "invalid_content_type"),
        (
            "/indexes/a/documents?csvDelimiter=ab",
            "text/csv",
            "i\n",
            400,
            "invalid_document_csv_delimiter",
        ),
        ("/indexes/a/documents?primaryKey=id&x=1", json, "[]", 400, "bad_request"),
        ("/indexes/a/documents?skipCreation=maybe", json, "[]", 400, "invalid_skip_creation"),
        ("/indexes/a%20b/documents", json, "[]", 400, "invalid_index_uid"),
    ] {
        let (found, error) = upload(&server, path, content_type, body);
        assert_eq!((found, &error["code"]), (status, &Value::from(code)), "{path} {body}: {error}");
    }
    let missing = server.raw("POST", "/indexes/a/documents", &[], b"[]");
    assert_eq!(
        (missing.status().as_u16(), &body_of(missing)["code"]),
        (415, &Value::from("missing_content_type"))
    );
    // Nothing was enqueued, and no payload was left behind.
    assert_eq!(server.get("/tasks").1["total"], 0);
    let payloads = std::fs::read_dir(server.dir().join("data.ms/update_files")).unwrap();
    assert_eq!(payloads.count(), 0);
}

#[test]
fn an_upload_above_the_limit_is_refused() {
    let server = Server::start_with(&["--http-payload-size-limit", "1 KiB"]);
    let body = format!(r#"[{{"id":1,"t":"{}"}}]"#, "x".repeat(2_000));
    let (status, error) = upload(&server, "/indexes/a/documents", "application/json", &body);
    assert_eq!((status, &error["code"]), (413, &json!("payload_too_large")));
    assert!(error["message"].as_str().unwrap().contains("1 KiB"), "{error}");
}

#[test]
fn post_replaces_and_put_merges() {
    let server = shop();
    server.succeed(server.put("/indexes/shop/documents", json!([{ "id": 1, "price": 25 }])));
    assert_eq!(server.get("/indexes/shop/documents/1").1["name"], "lamp");
    server.succeed(server.post("/indexes/shop/documents", json!([{ "id": 1, "price": 20 }])));
    assert_eq!(server.get("/indexes/shop/documents/1").1, json!({ "id": 1, "price": 20 }));

    let skipped = server.put(
        "/indexes/shop/documents?skipCreation=TRUE&customMetadata=nightly",
        json!([{ "id": 1, "price": 15 }, { "id": 99 }]),
    );
    assert_eq!(skipped.1["customMetadata"], "nightly");
    let task = server.succeed(skipped);
    assert_eq!(task["customMetadata"], "nightly");
    assert_eq!(server.get("/indexes/shop/documents/1").1["price"], 15);
    assert_eq!(server.get("/indexes/shop/documents/99").0, 404);
}

#[test]
fn pages_of_documents() {
    let server = shop();
    let get = |query: &str| {
        let (status, page) = server.get(&format!("/indexes/shop/documents{query}"));
        assert_eq!(status, 200, "{query}: {page}");
        page
    };
    assert_eq!(ids(&get("")), [&json!(1), &json!("two"), &json!(3)]);
    let page = get("?offset=1&limit=1");
    assert_eq!(ids(&page), [&json!("two")]);
    assert_eq!(
        (&page["offset"], &page["limit"], &page["total"]),
        (&json!(1), &json!(1), &json!(3))
    );
    let named = get("?ids=3,nope,1");
    assert_eq!((ids(&named), &named["total"]), (vec![&json!(1), &json!(3)], &json!(2)));
    assert_eq!(
        get("?ids=1&fields=size.h,name")["results"],
        json!([{ "name": "lamp", "size": { "h": 2 } }])
    );
    assert_eq!(get("?fields=&limit=1")["results"], json!([{}]));
    assert_eq!(
        get("?fields=*&ids=two")["results"],
        json!([{ "id": "two", "name": "chair", "price": 80 }])
    );
    assert_eq!(get("?ids=two&retrieveVectors=true")["results"][0]["_vectors"], json!({}));
    assert_eq!(
        get("?ids=3&retrieveVectors=true")["results"][0]["_vectors"],
        json!({ "mine": [0.5] })
    );
    assert!(get("?ids=3")["results"][0].get("_vectors").is_none());

    let (status, page) = server.post(
        "/indexes/shop/documents/fetch",
        json!({ "ids": ["two", 3], "fields": ["id"], "limit": 1, "offset": null }),
    );
    assert_eq!((status, &page["code"]), (400, &json!("invalid_document_offset")));
    let (_, page) = server
        .post("/indexes/shop/documents/fetch", json!({ "ids": ["two", 3], "fields": ["id"] }));
    assert_eq!(page["results"], json!([{ "id": "two" }, { "id": 3 }]));
}

#[test]
fn filtered_and_sorted_pages() {
    let server = shop();
    let fetch = |body: Value| server.post("/indexes/shop/documents/fetch", body);
    assert_eq!(fetch(json!({ "filter": "price > 50" })).1["code"], "invalid_document_filter");
    assert_eq!(fetch(json!({ "sort": ["price:asc"] })).1["code"], "invalid_document_sort");
    server.succeed(server.patch(
        "/indexes/shop/settings",
        json!({ "filterableAttributes": ["price"], "sortableAttributes": ["price", "name"] }),
    ));
    let (_, page) = fetch(json!({ "filter": "price > 50" }));
    assert_eq!((ids(&page), &page["total"]), (vec![&json!("two"), &json!(3)], &json!(2)));
    let (_, page) = server.get("/indexes/shop/documents?filter=price%20%3E%2050&sort=price:desc");
    assert_eq!(ids(&page), [&json!(3), &json!("two")]);
    let (_, page) = fetch(json!({ "sort": ["name:asc"], "limit": 2 }));
    assert_eq!((ids(&page), &page["total"]), (vec![&json!("two"), &json!(1)], &json!(3)));
    for (body, code) in [
        (json!({ "filter": 7 }), "invalid_document_filter"),
        (json!({ "filter": "price >" }), "invalid_document_filter"),
        (json!({ "sort": "price:asc" }), "invalid_document_sort"),
        (json!({ "sort": ["price:up"] }), "invalid_document_sort"),
        (json!({ "fields": "id" }), "invalid_document_fields"),
        (json!({ "ids": [[]] }), "invalid_document_ids"),
        (json!({ "retrieveVectors": 1 }), "invalid_document_retrieve_vectors"),
        (json!({ "useNetwork": true }), "feature_not_enabled"),
    ] {
        let (status, error) = fetch(body.clone());
        assert_eq!((status, &error["code"]), (400, &json!(code)), "{body}");
    }
}

#[test]
fn one_document() {
    let server = shop();
    let (_, document) = server.get("/indexes/shop/documents/two?fields=price");
    assert_eq!(document, json!({ "price": 80 }));
    for (path, status, code) in [
        ("/indexes/shop/documents/nope", 404, "document_not_found"),
        ("/indexes/nope/documents/1", 404, "index_not_found"),
        ("/indexes/shop/documents/1?x=1", 400, "bad_request"),
        ("/indexes/shop/documents/1?useNetwork=false", 400, "invalid_document_use_network"),
    ] {
        let (found, error) = server.get(path);
        assert_eq!((found, &error["code"]), (status, &json!(code)), "{path}");
    }
}

#[test]
fn four_ways_to_delete() {
    let server = shop();
    let left =
        || ids(&server.get("/indexes/shop/documents").1).into_iter().cloned().collect::<Vec<_>>();
    let task = server.succeed(server.delete("/indexes/shop/documents/1"));
    let expected = json!({ "providedIds": 1, "deletedDocuments": 1, "originalFilter": null });
    assert_eq!(task["details"], expected);
    assert_eq!(left(), [json!("two"), json!(3)]);

    server.succeed(server.post("/indexes/shop/documents/delete-batch", json!([3, "nope"])));
    assert_eq!(left(), [json!("two")]);

    let by_filter =
        |filter: Value| server.post("/indexes/shop/documents/delete", json!({ "filter": filter }));
    for empty in [json!(""), json!([]), json!(7), json!("price >")] {
        assert_eq!(by_filter(empty.clone()).1["code"], "invalid_document_filter", "{empty}");
    }
    let (_, error) = server.post("/indexes/shop/documents/delete", json!({}));
    assert_eq!(error["code"], "missing_document_filter");
    assert_eq!(
        server.wait(by_filter(json!("price = 80")))["error"]["code"],
        "invalid_document_filter"
    );
    server.succeed(server.put("/indexes/shop/settings/filterable-attributes", json!(["price"])));
    let task = server.succeed(by_filter(json!("price = 80")));
    assert_eq!(task["details"]["originalFilter"], "\"price = 80\"");
    assert!(left().is_empty());

    server.succeed(server.post("/indexes/shop/documents", json!([{ "id": 5 }])));
    let task = server.succeed(server.delete("/indexes/shop/documents"));
    assert_eq!(task["details"], json!({ "deletedDocuments": 1 }));
    assert!(left().is_empty());
}
