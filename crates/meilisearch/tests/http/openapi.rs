//! The description of the API against the server, and against the contract of the original.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use serde_json::{Map, Value, json};

use crate::common::Server;

type Operations = BTreeMap<(String, String), Value>;

/// Method and path → operation.
fn operations(document: &Value) -> Operations {
    let paths = document["paths"].as_object().unwrap().iter();
    let of_path = |(path, operations): (&String, &Value)| {
        let operations = operations.as_object().unwrap().clone().into_iter();
        let path = path.clone();
        operations.map(move |(method, told)| ((method.to_uppercase(), path.clone()), told))
    };
    paths.flat_map(of_path).collect()
}

fn parameters<'d>(operation: &'d Value, place: &str) -> Vec<&'d Value> {
    let all = operation["parameters"].as_array().into_iter().flatten();
    all.filter(|parameter| parameter["in"] == place).collect()
}

fn name(parameter: &Value) -> &str {
    parameter["name"].as_str().unwrap()
}

/// A path with something for each of its parameters.
fn filled(path: &str) -> String {
    let fill = |part: &str| if part.starts_with('{') { "7" } else { part }.to_owned();
    path.split('/').map(fill).collect::<Vec<_>>().join("/")
}

fn every_object(value: &Value, look: &mut dyn FnMut(&Map<String, Value>)) {
    match value {
        Value::Object(members) => {
            look(members);
            members.values().for_each(|member| every_object(member, look));
        }
        Value::Array(items) => items.iter().for_each(|item| every_object(item, look)),
        _ => {}
    }
}

#[test]
fn the_document_is_served_to_everybody_and_printed() {
    let mut server = Server::start_with(&["--master-key", "a-master-key-of-the-test"]);
    server.use_key(None);
    let (status, served) = server.get("/openapi.json");
    assert_eq!((status, &served["openapi"]), (200, &json!("3.1.0")));

    let directory = tempfile::tempdir().unwrap();
    let printed = Command::new(env!("CARGO_BIN_EXE_meilisearch"))
        .arg("--print-openapi")
        .current_dir(directory.path())
        .output()
        .unwrap();
    assert!(printed.status.success());
    assert_eq!(serde_json::from_slice::<Value>(&printed.stdout).unwrap(), served);
    assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 0);
}

#[test]
fn references_and_names_hold() {
    let document = meilisearch::openapi::document();
    every_object(&document, &mut |members| {
        if let Some(Value::String(reference)) = members.get("$ref") {
            let target = document.pointer(reference.strip_prefix('#').unwrap());
            assert!(target.is_some(), "{reference}");
        }
    });
    // Nor do texts speak to those who read the code.
    every_object(&document, &mut |members| {
        if let Some(Value::String(text)) = members.get("description") {
            assert!(!text.contains(".md") && !text.contains("[`"), "{text}");
        }
    });
    // schemars numbers types that share a name.
    for (name, schema) in document["components"]["schemas"].as_object().unwrap() {
        assert!(!name.ends_with(|c: char| c.is_ascii_digit()), "{name}");
        for (member, told) in schema["properties"].as_object().into_iter().flatten() {
            assert!(told["description"].is_string(), "{name}.{member}");
        }
    }
    let tags: Vec<_> =
        document["tags"].as_array().unwrap().iter().map(|tag| &tag["name"]).collect();
    let mut ids = BTreeSet::new();
    for ((method, path), operation) in operations(&document) {
        assert!(ids.insert(operation["operationId"].to_string()), "{method} {path}");
        assert!(tags.contains(&&operation["tags"][0]), "{method} {path}");
        assert!(operation["summary"].is_string(), "{method} {path}");
        let in_path = path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'));
        let told: Vec<_> = parameters(&operation, "path").into_iter().map(name).collect();
        assert_eq!(told, in_path.collect::<Vec<_>>(), "{method} {path}");
        for parameter in operation["parameters"].as_array().into_iter().flatten() {
            let description = parameter["description"].as_str().unwrap_or_default();
            assert!(!description.is_empty(), "{method} {path} {}", name(parameter));
        }
    }
}

#[test]
fn what_is_told_of_an_operation() {
    let document = meilisearch::openapi::document();
    let create = &document["paths"]["/indexes"]["post"];
    assert_eq!(create["security"], json!([{ "bearer": ["indexes.create"] }]));
    let body = &create["requestBody"]["content"]["application/json"]["schema"]["$ref"];
    let schema = document.pointer(body.as_str().unwrap().strip_prefix('#').unwrap()).unwrap();
    assert_eq!(schema["required"], json!(["uid"]));
    assert_eq!(schema["properties"]["primaryKey"]["type"], json!(["string", "null"]));
    assert_eq!(
        create["responses"]["202"]["content"]["application/json"]["schema"]["$ref"],
        "#/components/schemas/SummarizedTaskView"
    );
    let health = &document["paths"]["/health"]["get"];
    assert_eq!(health.get("security"), None);
    let network = &document["paths"]["/network"]["get"];
    assert_eq!(network["x-not-implemented"], true);
    assert!(network["responses"]["501"].is_object());
    let typo = &document["paths"]["/indexes/{index_uid}/settings/typo-tolerance"]["patch"];
    let value = &typo["requestBody"]["content"]["application/json"]["schema"];
    assert_eq!(value["anyOf"][0]["$ref"], "#/components/schemas/TypoSettings");
}

#[test]
fn the_server_has_the_operations_of_the_document() {
    let server = Server::start();
    for (path, told) in meilisearch::openapi::document()["paths"].as_object().unwrap() {
        let told: BTreeSet<_> =
            told.as_object().unwrap().keys().map(|method| method.to_uppercase()).collect();
        // A method that no route has: the answer lists those that this one has.
        let answer = server.raw("OPTIONS", &filled(path), &[], b"");
        assert_eq!(answer.status(), 405, "{path}");
        let allowed = answer.headers()["allow"].to_str().unwrap();
        let allowed: BTreeSet<_> = allowed.split(", ").map(str::to_owned).collect();
        assert_eq!(allowed, told, "{path}");
    }
}

#[test]
fn the_server_knows_every_query_parameter_of_the_document() {
    let mut server = Server::start_with(&["--master-key", "a-master-key-of-the-test"]);
    server.use_key(Some("a-master-key-of-the-test"));
    for ((method, path), operation) in operations(&meilisearch::openapi::document()) {
        let told = parameters(&operation, "query");
        if told.is_empty() {
            continue;
        }
        // The last media type of a body: that of an upload, where there is one.
        let contents = operation["requestBody"]["content"].as_object();
        let media_type = contents.and_then(|contents| contents.keys().next_back());
        let code = |name: &str, value: &str| {
            let headers = media_type.map(|media_type| ("Content-Type", media_type.as_str()));
            let others = told.iter().filter(|other| other["required"] == true);
            let others: String = others.map(|other| format!("{}=x&", self::name(other))).collect();
            let path = format!("{}?{others}{name}={value}", filled(&path));
            let body: &[u8] = if path.contains("delete-batch") { b"[]" } else { b"" };
            let mut answer = server.raw(&method, &path, headers.as_slice(), body);
            let answer = answer.body_mut().read_to_string().unwrap();
            let answer: Value = serde_json::from_str(&answer).unwrap();
            (answer["code"].as_str().unwrap_or_default().to_owned(), answer)
        };
        let (unknown, answer) = code("ofTheTest", "1");
        assert_eq!(unknown, "bad_request", "{method} {path}: {answer}");
        for parameter in &told {
            let value = match parameter["schema"]["type"].as_str() {
                Some("boolean") => "true",
                Some("integer" | "number") => "1",
                _ => "x",
            };
            let (known, answer) = code(name(parameter), value);
            assert_ne!(known, "bad_request", "{method} {path} {parameter}: {answer}");
        }
    }
}

#[test]
fn the_server_knows_every_member_of_the_bodies_of_the_document() {
    let mut server = Server::start_with(&["--master-key", "a-master-key-of-the-test"]);
    server.use_key(Some("a-master-key-of-the-test"));
    let document = meilisearch::openapi::document();
    let mut checked = 0;
    for ((method, path), operation) in operations(&document) {
        let schema = &operation["requestBody"]["content"]["application/json"]["schema"];
        let Some(reference) = schema["$ref"].as_str() else { continue };
        let schema = document.pointer(reference.strip_prefix('#').unwrap()).unwrap();
        let message = |body: Value| {
            let json = [("Content-Type", "application/json")];
            let body = body.to_string();
            let mut answer = server.raw(&method, &filled(&path), &json, body.as_bytes());
            answer.body_mut().read_to_string().unwrap()
        };
        for member in schema["properties"].as_object().into_iter().flatten().map(|(name, _)| name) {
            let answer = message(json!({ member: null }));
            assert!(!answer.contains("Unknown field"), "{method} {path} {member}: {answer}");
            checked += 1;
        }
        if schema["additionalProperties"] == false {
            let answer = message(json!({ "ofTheTest": 1 }));
            assert!(answer.contains("Unknown field"), "{method} {path}: {answer}");
        }
        let is_missing = message(json!({})).contains("Missing field");
        let has_required = schema["required"].as_array().is_some_and(|names| !names.is_empty());
        assert_eq!(is_missing, has_required, "{method} {path}");
    }
    assert!(checked > 100, "{checked}");
}

#[test]
fn the_document_has_the_contract_of_the_original() {
    // Parameters of paths have names of our own.
    let shape = |path: &str| path.split('/').map(|part| !part.starts_with('{')).collect::<Vec<_>>();
    let operations = operations(&meilisearch::openapi::document());
    let lines = include_str!("contract.txt").lines().filter(|line| !line.starts_with('#'));
    for line in lines {
        let mut words = line.split(' ');
        let (method, path) = (words.next().unwrap(), words.next().unwrap());
        let same = |part: (&str, &str)| part.0 == part.1 || part.0.starts_with('{');
        let found = operations.iter().find(|((m, p), _)| {
            m == method && shape(p) == shape(path) && path.split('/').zip(p.split('/')).all(same)
        });
        let (_, operation) = found.unwrap_or_else(|| panic!("{line}"));
        let told: BTreeSet<_> = parameters(operation, "query")
            .into_iter()
            .map(|parameter| {
                let mark = if parameter["required"] == true { "*" } else { "" };
                format!("{}{mark}", name(parameter))
            })
            .collect();
        assert_eq!(told, words.map(str::to_owned).collect(), "{method} {path}");
    }
}
