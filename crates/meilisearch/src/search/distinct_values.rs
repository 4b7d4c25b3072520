//! One hit a value: values are read from the documents, so that hits of different queries and indexes
//! can be compared (search.md 19.4).

use std::collections::HashSet;

use milli::text::normalize_facet;
use serde_json::{Map, Value};

/// The values of a field that accepted hits have.
#[derive(Debug)]
pub(super) struct DistinctValues<'f> {
    field: &'f str,
    seen: HashSet<String>,
}

impl<'f> DistinctValues<'f> {
    pub(super) fn new(field: &'f str) -> Self {
        Self { field, seen: HashSet::new() }
    }

    /// Whether none of the document's values has been seen; they are from now on.
    pub(super) fn accept(&mut self, document: &Map<String, Value>) -> bool {
        let mut values = Vec::new();
        collect_below(document, self.field, &mut values);
        if values.iter().any(|value| self.seen.contains(value)) {
            return false;
        }
        self.seen.extend(values);
        true
    }
}

/// The values at a path of an object; a key may itself hold dots.
fn collect_below(object: &Map<String, Value>, path: &str, values: &mut Vec<String>) {
    for (key, value) in object {
        match path.strip_prefix(key.as_str()) {
            Some("") => collect_leaf(value, values),
            Some(rest) => {
                if let Some(rest) = rest.strip_prefix('.') {
                    collect(value, rest, values);
                }
            }
            None => {}
        }
    }
}

fn collect(value: &Value, path: &str, values: &mut Vec<String>) {
    match value {
        Value::Object(object) => collect_below(object, path, values),
        Value::Array(items) => items.iter().for_each(|item| collect(item, path, values)),
        _ => {}
    }
}

fn collect_leaf(value: &Value, values: &mut Vec<String>) {
    match value {
        Value::String(text) => values.push(format!("text {}", normalize_facet(text))),
        Value::Bool(flag) => values.push(format!("text {flag}")),
        Value::Number(number) => values.push(format!("number {number}")),
        Value::Array(items) => items.iter().for_each(|item| collect_leaf(item, values)),
        Value::Object(_) | Value::Null => {}
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_value_is_accepted_once() {
        let mut distinct = DistinctValues::new("a.b");
        let mut accept = |document: Value| match document {
            Value::Object(document) => distinct.accept(&document),
            other => panic!("{other}"),
        };
        assert!(accept(json!({"a": {"b": "X"}})));
        assert!(!accept(json!({"a": [{"b": ["y", " x "]}]})));
        // The refused document did not bring `y` in.
        assert!(accept(json!({"a.b": "y"})));
        assert!(accept(json!({"a": {"b": 1}})));
        assert!(accept(json!({"a": {"b": 1.0}})));
        assert!(!accept(json!({"a": {"b": 1}})));
        assert!(accept(json!({"a": {"b": {"c": 1}}})));
        assert!(accept(json!({"a": {"b": null}})));
        assert!(accept(json!({})));
    }
}
