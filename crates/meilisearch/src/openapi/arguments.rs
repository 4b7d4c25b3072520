//! What the types of a handler's arguments tell of its route: the actions that a key needs, the
//! query parameters, the body.

use actix_web::HttpRequest;
use actix_web::web::{Data, Path, Payload};
use meilisearch_types::keys::Action;
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde_json::{Map, Value, json};

use crate::extract::auth::{Guarded, RequiredAction};
use crate::extract::body::Json;
use crate::extract::query::Query;

/// What is collected from the arguments.
pub(crate) struct Parts<'g> {
    pub(super) generator: &'g mut SchemaGenerator,
    pub(super) actions: Vec<Action>,
    pub(super) parameters: Vec<Value>,
    /// Schema of the JSON body.
    pub(super) body: Option<Schema>,
}

/// An argument of a handler.
pub(crate) trait Argument {
    /// Adds what it tells to the description; by default nothing.
    fn describe(_parts: &mut Parts<'_>) {}
}

/// All arguments of a handler.
pub(crate) trait Arguments {
    /// Adds what they tell to the description.
    fn describe(parts: &mut Parts<'_>);
}

impl<A: RequiredAction> Argument for Guarded<A> {
    fn describe(parts: &mut Parts<'_>) {
        parts.actions.push(A::ACTION);
    }
}

impl<T: JsonSchema, E> Argument for Query<T, E> {
    fn describe(parts: &mut Parts<'_>) {
        let schema = T::json_schema(parts.generator).to_value();
        let is_required = |name: &str| {
            schema["required"].as_array().is_some_and(|names| names.iter().any(|n| n == name))
        };
        for (name, property) in schema["properties"].as_object().into_iter().flatten() {
            let required = is_required(name);
            parts.parameters.push(parameter(name, property.clone(), required));
        }
    }
}

impl<T: JsonSchema, E> Argument for Json<T, E> {
    fn describe(parts: &mut Parts<'_>) {
        parts.body = Some(parts.generator.subschema_for::<T>());
    }
}

// The parameters of a path stand in its pattern.
impl<T> Argument for Path<T> {}
impl<T> Argument for Data<T> {}
impl Argument for HttpRequest {}
impl Argument for Payload {}

/// A query parameter; several values are one text with commas.
fn parameter(name: &str, mut schema: Value, required: bool) -> Value {
    let mut parameter = Map::from_iter([
        ("name".to_owned(), name.into()),
        ("in".to_owned(), "query".into()),
        ("required".to_owned(), required.into()),
    ]);
    if let Some(schema) = schema.as_object_mut() {
        without_null(schema);
        if let Some(description) = schema.shift_remove("description") {
            parameter.insert("description".to_owned(), description);
        }
        if schema.get("type").is_some_and(|kind| kind == "array") {
            parameter.insert("style".to_owned(), "form".into());
            parameter.insert("explode".to_owned(), false.into());
        }
    }
    super::texts::describe(name, &mut parameter);
    parameter.insert("schema".to_owned(), schema);
    Value::Object(parameter)
}

/// A parameter that may be left out can be null in the code, but not in a query string.
fn without_null(schema: &mut Map<String, Value>) {
    if let Some(Value::Array(kinds)) = schema.get_mut("type") {
        kinds.retain(|kind| kind != "null");
        if let [kind] = kinds.as_slice() {
            let kind = kind.clone();
            schema.insert("type".to_owned(), kind);
        }
    }
    if let Some(Value::Array(choices)) = schema.get_mut("anyOf") {
        choices.retain(|choice| *choice != json!({ "type": "null" }));
        if let [Value::Object(choice)] = choices.as_slice() {
            let choice = choice.clone();
            schema.shift_remove("anyOf");
            schema.extend(choice);
        }
    }
    if schema.get("default").is_some_and(Value::is_null) {
        schema.shift_remove("default");
    }
}

/// Expands to [`Arguments`] of handlers with so many arguments.
macro_rules! tuples {
    ($($argument:ident)*) => {
        impl<$($argument: Argument),*> Arguments for ($($argument,)*) {
            fn describe(_parts: &mut Parts<'_>) {
                $($argument::describe(_parts);)*
            }
        }
    };
}

tuples! {}
tuples! { A }
tuples! { A B }
tuples! { A B C }
tuples! { A B C D }
tuples! { A B C D E }
tuples! { A B C D E F }
tuples! { A B C D E F G }
