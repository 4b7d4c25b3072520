//! Real answers have the shapes that the description of the API tells: every member that it promises,
//! and none that it does not know.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::common::Server;

/// Checks a value against a schema, as far as our schemas go; members that no part of a schema names
/// are collected by the caller, because parts complete each other.
fn check(document: &Value, schema: &Value, value: &Value) -> Result<BTreeSet<String>, String> {
    let mut known = BTreeSet::new();
    if let Some(reference) = schema["$ref"].as_str() {
        let target = document.pointer(reference.strip_prefix('#').unwrap()).unwrap();
        known.extend(check(document, target, value)?);
    }
    let kinds = match &schema["type"] {
        Value::String(kind) => vec![kind.as_str()],
        Value::Array(kinds) => kinds.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    };
    if !kinds.is_empty() && !kinds.iter().any(|kind| is_a(kind, value)) {
        return Err(format!("{value} is not {kinds:?}"));
    }
    let choices = schema["enum"].as_array().into_iter().flatten().chain(schema.get("const"));
    let choices: Vec<_> = choices.collect();
    if !choices.is_empty() && !choices.contains(&value) {
        return Err(format!("{value} is none of {choices:?}"));
    }
    for alternatives in ["anyOf", "oneOf"] {
        let Some(alternatives) = schema[alternatives].as_array() else { continue };
        let results = alternatives.iter().map(|schema| check(document, schema, value));
        let (fitting, refused): (Vec<_>, Vec<_>) = results.partition(Result::is_ok);
        if fitting.is_empty() {
            return Err(format!("no alternative fits {value}: {refused:?}"));
        }
        known.extend(fitting.into_iter().flatten().flatten());
    }
    if let (Some(items), Some(values)) = (schema.get("items"), value.as_array()) {
        for value in values {
            whole(document, items, value)?;
        }
    }
    if let Some(members) = value.as_object() {
        for required in schema["required"].as_array().into_iter().flatten() {
            if !members.contains_key(required.as_str().unwrap()) {
                return Err(format!("{value} has no {required}"));
            }
        }
        for (name, member) in members {
            if let Some(schema) = schema["properties"].get(name) {
                whole(document, schema, member).map_err(|error| format!("{name}: {error}"))?;
                known.insert(name.clone());
            } else if let Some(schema) = schema.get("additionalProperties")
                && *schema != false
            {
                whole(document, schema, member).map_err(|error| format!("{name}: {error}"))?;
                known.insert(name.clone());
            }
        }
    }
    Ok(known)
}

/// Checks a value with all its members.
fn whole(document: &Value, schema: &Value, value: &Value) -> Result<(), String> {
    let is_free = |schema: &Value| {
        let Some(schema) = schema.as_object() else { return true };
        schema.keys().all(|key| key == "description" || key == "type")
    };
    let known = check(document, schema, value)?;
    let members = value.as_object().into_iter().flatten().map(|(name, _)| name);
    match members.filter(|name| !known.contains(*name)).collect::<Vec<_>>() {
        unknown if unknown.is_empty() || is_free(schema) => Ok(()),
        unknown => Err(format!("{unknown:?} are not described")),
    }
}

fn is_a(kind: &str, value: &Value) -> bool {
    match kind {
        "null" => value.is_null(),
        "boolean" => value.is_boolean(),
        "integer" => value.is_i64() || value.is_u64(),
        "number" => value.is_number(),
        "string" => value.is_string(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        _ => false,
    }
}

#[test]
fn answers_have_the_shapes_of_the_document() {
    let document = meilisearch::openapi::document();
    let mut server = Server::start_with(&["--master-key", "a-master-key-of-the-test"]);
    server.use_key(Some("a-master-key-of-the-test"));
    let settings = json!({
        "filterableAttributes": ["genre", { "attributePatterns": ["year"] }],
        "sortableAttributes": ["year"],
        "localizedAttributes": [{ "attributePatterns": ["*"], "locales": ["eng"] }],
        "embedders": { "own": { "source": "userProvided", "dimensions": 2 } },
    });
    server.succeed(server.patch("/indexes/films/settings", settings));
    let documents = json!([
        { "id": 1, "title": "Alien", "genre": "horror", "year": 1979, "_vectors": { "own": [1, 0] } },
        { "id": 2, "title": "Aliens", "genre": "action", "year": 1986, "_vectors": { "own": [0, 1] } },
    ]);
    server.succeed(server.post("/indexes/films/documents?primaryKey=id", documents));
    server.succeed(server.raw_post("/indexes/films/snapshots"));
    server.wait(server.delete("/indexes/missing"));
    let hook = server.post("/webhooks", json!({ "url": "https://example.com" })).1;
    let hook = format!("/webhooks/{}", hook["uuid"].as_str().unwrap());
    let key = server.get("/keys").1["results"][0]["uid"].as_str().unwrap().to_owned();
    let key = format!("/keys/{key}");
    let snapshot = server.get("/indexes/films/snapshots").1["results"][0]["snapshotUid"].clone();
    let snapshot = format!("/indexes/films/snapshots/{}", snapshot.as_str().unwrap());
    let search = json!({
        "q": "alien", "facets": ["*"], "showPerformanceDetails": true, "showRankingScore": true,
        "hybrid": { "embedder": "own", "semanticRatio": 1.0 }, "vector": [1, 0], "retrieveVectors": true,
    });
    let pages = json!({ "hitsPerPage": 1 });
    let query = json!({ "indexUid": "films", "q": "alien" });
    let separate = json!({ "queries": [&query] });
    let federated = json!({
        "queries": [&query],
        "federation": { "facetsByIndex": { "films": ["year"] }, "showPerformanceDetails": true },
    });
    let facet = json!({ "facetName": "genre", "facetQuery": "h" });
    let similar = json!({ "id": 1, "embedder": "own", "showPerformanceDetails": true });
    let none = Value::Null;
    for (method, pattern, path, body) in [
        ("get", "/", "/", &none),
        ("get", "/health", "/health", &none),
        ("get", "/version", "/version", &none),
        ("get", "/stats", "/stats?showInternalDatabaseSizes=true&sizeFormat=human", &none),
        ("get", "/indexes", "/indexes", &none),
        ("get", "/indexes/{index_uid}", "/indexes/films", &none),
        ("get", "/indexes/{index_uid}/stats", "/indexes/films/stats", &none),
        ("post", "/indexes/{index_uid}/fields", "/indexes/films/fields", &json!({})),
        ("get", "/indexes/{index_uid}/settings", "/indexes/films/settings", &none),
        ("get", "/indexes/{index_uid}/documents", "/indexes/films/documents", &none),
        ("post", "/indexes/{index_uid}/search", "/indexes/films/search", &search),
        ("post", "/indexes/{index_uid}/search", "/indexes/films/search", &pages),
        ("get", "/indexes/{index_uid}/search", "/indexes/films/search?q=a", &none),
        ("post", "/indexes/{index_uid}/facet-search", "/indexes/films/facet-search", &facet),
        ("post", "/indexes/{index_uid}/similar", "/indexes/films/similar", &similar),
        ("post", "/multi-search", "/multi-search", &separate),
        ("post", "/multi-search", "/multi-search", &federated),
        ("get", "/tasks", "/tasks", &none),
        ("get", "/tasks/{task_id}", "/tasks/0", &none),
        ("post", "/tasks/cancel", "/tasks/cancel?uids=*", &json!({})),
        ("get", "/batches", "/batches", &none),
        ("get", "/batches/{batch_id}", "/batches/0", &none),
        ("get", "/keys", "/keys", &none),
        ("get", "/keys/{uid_or_key}", &key, &none),
        ("get", "/experimental-features", "/experimental-features", &none),
        ("get", "/webhooks", "/webhooks", &none),
        ("get", "/webhooks/{uuid}", &hook, &none),
        ("get", "/indexes/{index_uid}/snapshots", "/indexes/films/snapshots", &none),
        ("get", "/indexes/{index_uid}/snapshots/{snapshot_uid}", &snapshot, &none),
    ] {
        let json = [("Content-Type", "application/json"), ("Meili-Include-Metadata", "true")];
        let headers: &[_] = if body.is_null() { &json[1..] } else { &json };
        let sent = if body.is_null() { String::new() } else { body.to_string() };
        let answer = server.raw(&method.to_uppercase(), path, headers, sent.as_bytes());
        let status = answer.status().as_u16().to_string();
        let answer = crate::common::json(answer);
        let told = &document["paths"][pattern][method]["responses"][&status];
        let schema = &told["content"]["application/json"]["schema"];
        assert!(schema.is_object(), "{method} {path}: {status} {answer}");
        let fits = whole(&document, schema, &answer);
        assert_eq!(fits, Ok(()), "{method} {path} {body}: {answer}");
    }
    for setting in meilisearch_types::settings::SettingName::ALL {
        let path = format!("/indexes/films/settings/{}", setting.route());
        let (status, value) = server.get(&path);
        let pattern = format!("/indexes/{{index_uid}}/settings/{}", setting.route());
        let told = &document["paths"][pattern]["get"]["responses"][status.to_string()];
        let fits = whole(&document, &told["content"]["application/json"]["schema"], &value);
        assert_eq!(fits, Ok(()), "{path}: {value}");
    }
}

#[test]
fn wrong_shapes_are_found() {
    let document = meilisearch::openapi::document();
    let schema = json!({ "$ref": "#/components/schemas/IndexView" });
    let right = json!({ "uid": "a", "createdAt": "", "updatedAt": "", "primaryKey": null });
    assert_eq!(whole(&document, &schema, &right), Ok(()));
    for (member, value) in [("uid", json!(1)), ("primaryKey", json!([])), ("size", json!(1))] {
        let mut wrong = right.clone();
        wrong[member] = value;
        assert!(whole(&document, &schema, &wrong).is_err(), "{wrong}");
    }
    assert!(whole(&document, &schema, &json!({ "uid": "a" })).is_err());
}
