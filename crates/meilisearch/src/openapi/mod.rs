//! The description of the API in the form of OpenAPI 3.1, for people and for generators of clients.
//!
//! Nothing of it is written down twice: paths and methods are those of the table of routes
//! ([`crate::routes::table`]), actions, parameters and bodies those of the types that the handlers
//! take ([`arguments`](self)), schemas those of the types that are read and written (`schemars`, whose
//! JSON Schema 2020-12 is the language of OpenAPI 3.1). Only the texts, the answers and the bodies that
//! a handler reads by itself stand beside the routes ([`Operation`]).

mod arguments;
mod operation;
mod texts;

use std::collections::BTreeMap;

use meilisearch_types::error::ResponseError;
use meilisearch_types::settings::{SettingName, Settings};
use meilisearch_types::versioning::VERSION_STR;
use schemars::generate::{Contract, SchemaSettings};
use schemars::{JsonSchema, SchemaGenerator};
use serde_json::{Map, Value, json};

pub(crate) use self::arguments::Arguments;
use self::arguments::Parts;
use self::operation::{Content, JSON, Shape};
pub(crate) use self::operation::{Operation, about};
use crate::routes;
use crate::routes::table::{Resource, Routes};

/// Name of the way to authenticate.
const BEARER: &str = "bearer";

/// Parts of the API: first segment of a path (the third one below an index), name, description.
const TAGS: &[(&[&str], &str, &str)] = &[
    (
        &["search", "multi-search", "facet-search", "similar"],
        "Search",
        "Finding documents by words, by vectors, by likeness.",
    ),
    (&["documents"], "Documents", "Writing, reading and deleting documents."),
    (&["settings"], "Settings", "What an index searches, filters and ranks by."),
    (&["indexes", "swap-indexes"], "Indexes", "Sets of documents with their settings."),
    (
        &["tasks", "batches"],
        "Tasks",
        "Every write is a task, which waits in a queue; tasks that run together are a batch.",
    ),
    (&["keys"], "Keys", "API keys and what they allow."),
    (
        &["snapshots", "dumps", "export"],
        "Backups",
        "Snapshots of an instance or of one index, dumps, transfer to another instance.",
    ),
    (&["stats", "metrics", "health", "version", "logs"], "Instance", "How the server is doing."),
    (&["experimental-features"], "Experimental features", "Switches for what may still change."),
    (&["webhooks"], "Webhooks", "Who is told of finished tasks."),
    (&["network"], "Network", "Instances that search together."),
    (&["chats", "render-template"], "Chats", "Conversations about the documents."),
    (&["dynamic-search-rules"], "Dynamic search rules", "Hits that are pinned on conditions."),
];

/// What the parameters of paths are.
const PATH_PARAMETERS: &[(&str, &str)] = &[
    ("index_uid", "Uid of the index: 1 to 400 of the characters `a-z`, `A-Z`, `0-9`, `-`, `_`."),
    ("document_id", "Value of the document's primary key."),
    ("task_id", "Uid of the task."),
    ("batch_id", "Uid of the batch."),
    ("uid_or_key", "Uid of the API key, or the key itself."),
    ("uuid", "UUID of the webhook."),
    ("workspace_uid", "Uid of the chat workspace."),
    ("uid", "Uid of the rule."),
    ("snapshot_uid", "Uid of the snapshot: its moment, `YYYYMMDD-HHMMSSmmm`."),
];

/// The description of every route of the server.
pub fn document() -> Value {
    let mut schemas = Schemas::new();
    let paths = schemas.paths(&routes::all());
    let error = schemas.answers.subschema_for::<ResponseError>();
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Meilisearch-compatible search server",
            "description": "The HTTP API of an independent search server that is compatible with \
                Meilisearch 1.50. Members and parameters that are not known are refused, not ignored.",
            "license": { "name": "MIT", "identifier": "MIT" },
            "version": VERSION_STR,
        },
        "paths": paths,
        "components": {
            "schemas": schemas.definitions(),
            "responses": {
                "Error": {
                    "description": "The request is refused, or it failed.",
                    "content": { JSON: { "schema": error } },
                },
            },
            "securitySchemes": {
                BEARER: {
                    "type": "http",
                    "scheme": "bearer",
                    "description": "An API key or the master key; routes of the action `search` also \
                        take tenant tokens. A server without a master key asks for none. The roles of \
                        a route are the actions that the key must allow.",
                },
            },
        },
        "tags": TAGS
            .iter()
            .map(|(_, name, description)| json!({ "name": name, "description": description }))
            .collect::<Vec<_>>(),
    })
}

/// Collects the schemas that routes refer to. What a request may leave out, an answer always has: so
/// each side has its own generator.
struct Schemas {
    requests: SchemaGenerator,
    answers: SchemaGenerator,
}

impl Schemas {
    fn new() -> Schemas {
        let generator = |contract| {
            let mut settings = SchemaSettings::draft2020_12();
            settings.definitions_path = "/components/schemas".into();
            settings.meta_schema = None;
            settings.contract = contract;
            settings.into_generator()
        };
        Schemas {
            requests: generator(Contract::Deserialize),
            answers: generator(Contract::Serialize),
        }
    }

    fn paths(&mut self, routes: &Routes) -> Map<String, Value> {
        let mut paths = Map::new();
        for resource in routes.iter() {
            let operations = resource.operations().map(|(method, operation)| {
                let method = method.as_str().to_ascii_lowercase();
                let told = self.operation(resource, &method, operation);
                (method, told)
            });
            paths.insert(resource.path().to_owned(), operations.collect::<Map<_, _>>().into());
        }
        paths
    }

    /// All schemas by name. Of a type that is both read and written it is the schema of requests, which
    /// ask for less.
    fn definitions(mut self) -> BTreeMap<String, Value> {
        let requests = self.requests.take_definitions(true);
        let answers = self.answers.take_definitions(true);
        let mut schemas: BTreeMap<_, _> = answers.into_iter().chain(requests).collect();
        schemas.values_mut().for_each(texts::describe_members);
        schemas
    }

    fn operation(&mut self, resource: &Resource, method: &str, operation: &Operation) -> Value {
        let mut parts = Parts {
            generator: &mut self.requests,
            actions: Vec::new(),
            parameters: Vec::new(),
            body: None,
        };
        (operation.arguments)(&mut parts);
        for describe in &operation.further_arguments {
            describe(&mut parts);
        }
        let Parts { actions, parameters: queried, body, .. } = parts;

        let path = resource.path();
        let mut parameters: Vec<Value> = path_parameters(path).map(path_parameter).collect();
        parameters.extend(operation.headers.iter().map(|(name, description)| {
            json!({
                "name": name,
                "in": "header",
                "description": description,
                "schema": { "type": "string" },
            })
        }));
        parameters.extend(queried);

        let mut told = Map::new();
        let mut tell = |name: &str, value: Value| told.insert(name.to_owned(), value);
        tell("operationId", operation_id(path, method).into());
        tell("summary", operation.summary.clone().into());
        if !operation.description.is_empty() {
            tell("description", operation.description.join(" ").into());
        }
        tell("tags", json!([tag(path)]));
        if !operation.is_built {
            tell("x-not-implemented", true.into());
        }
        if !actions.is_empty() {
            let actions: Vec<_> = actions.iter().map(|action| action.name()).collect();
            tell("security", json!([{ BEARER: actions }]));
        }
        if !parameters.is_empty() {
            tell("parameters", parameters.into());
        }
        let content = match (operation.body.as_slice(), body) {
            ([], None) => None,
            ([], Some(schema)) => Some(json!({ JSON: { "schema": schema } })),
            (explicit, _) => Some(content(&mut self.requests, explicit)),
        };
        if let Some(content) = content {
            let required = !operation.is_body_optional;
            tell("requestBody", json!({ "required": required, "content": content }));
        }
        tell("responses", self.responses(operation, !actions.is_empty()));
        Value::Object(told)
    }

    fn responses(&mut self, operation: &Operation, is_guarded: bool) -> Value {
        let mut responses = Map::new();
        for (status, meaning, contents) in &operation.answers {
            let mut response = json!({ "description": meaning });
            if !contents.is_empty() {
                response["content"] = content(&mut self.answers, contents);
            }
            responses.insert(status.to_string(), response);
        }
        let error = json!({ "$ref": "#/components/responses/Error" });
        let refusals: &[&str] = if is_guarded { &["401", "403"] } else { &[] };
        for status in refusals.iter().chain(if operation.is_built { None } else { Some(&"501") }) {
            responses.insert((*status).to_owned(), error.clone());
        }
        responses.insert("default".to_owned(), error);
        Value::Object(responses)
    }
}

fn content(generator: &mut SchemaGenerator, contents: &[Content]) -> Value {
    let shape = |content: &Content, generator: &mut SchemaGenerator| match content.shape {
        Shape::Any => json!({}),
        Shape::Of(schema) => json!({ "schema": schema(generator) }),
        Shape::Setting(setting) => json!({ "schema": setting_schema(generator, setting) }),
    };
    contents
        .iter()
        .map(|content| (content.media_type.to_owned(), shape(content, generator)))
        .collect::<Map<_, _>>()
        .into()
}

/// The schema of a member of the settings.
fn setting_schema(generator: &mut SchemaGenerator, setting: SettingName) -> Value {
    let mut settings = Settings::json_schema(generator).to_value();
    settings["properties"][setting.key()].take()
}

fn path_parameters(path: &str) -> impl Iterator<Item = &str> {
    path.split('/').filter_map(|segment| segment.strip_prefix('{')?.strip_suffix('}'))
}

fn path_parameter(name: &str) -> Value {
    let description =
        PATH_PARAMETERS.iter().find(|(known, _)| *known == name).map(|(_, text)| *text);
    json!({
        "name": name,
        "in": "path",
        "required": true,
        "description": description,
        "schema": { "type": "string" },
    })
}

/// A name for generated clients, e.g. `get_indexes_index_uid_documents`.
fn operation_id(path: &str, method: &str) -> String {
    let words = path.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
    std::iter::once(method).chain(words).collect::<Vec<_>>().join("_")
}

/// The part of the API that a path belongs to: where a segment below an index is not known, that of
/// the index.
fn tag(path: &str) -> &'static str {
    let mut segments = path.split('/').skip(1);
    let first = segments.next().unwrap_or_default();
    let below = segments.nth(1).filter(|_| first == "indexes");
    let find = |segment| TAGS.iter().find(|(segments, _, _)| segments.contains(&segment));
    // Statistics of an index are about the index.
    let below = below.filter(|segment| *segment != "stats").and_then(find);
    below.or_else(|| find(first)).map_or("Instance", |(_, name, _)| name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_means_the_same_in_requests_and_answers() {
        let mut schemas = Schemas::new();
        schemas.paths(&routes::all());
        let answers = schemas.answers.take_definitions(true);
        let without_required = |schema: &Value| {
            let mut schema = schema.clone();
            schema.as_object_mut().and_then(|schema| schema.shift_remove("required"));
            schema
        };
        for (name, request) in schemas.requests.take_definitions(true) {
            if let Some(answer) = answers.get(&name) {
                assert_eq!(without_required(answer), without_required(&request), "{name}");
            }
        }
    }

    #[test]
    fn tags() {
        for (path, expected) in [
            ("/", "Instance"),
            ("/indexes", "Indexes"),
            ("/indexes/{index_uid}", "Indexes"),
            ("/indexes/{index_uid}/stats", "Indexes"),
            ("/indexes/{index_uid}/documents/{document_id}", "Documents"),
            ("/indexes/{index_uid}/snapshots/import", "Backups"),
            ("/multi-search", "Search"),
        ] {
            assert_eq!(tag(path), expected, "{path}");
        }
    }
}
