//! Content → visits of (path, value) (indexing.md 7.2 and section 11).
//!
//! Visited are: every top-level value; below it every value of an object key, before it is entered; every
//! scalar of an array, under the path of the array; and an empty object or array when it is entered.
//! Array indices are not part of paths, and arrays in arrays are flattened.

use std::borrow::Cow;

use serde_json::{Number, Value};

use super::DocumentError;
use crate::error::Result;

/// A visited value. Objects and arrays that hold something are told apart from empty ones.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Visited<'v> {
    Null,
    Bool(bool),
    Number(&'v Number),
    String(&'v str),
    Container { is_empty: bool },
}

/// How a value was reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// As the value of a top-level field.
    TopLevel,
    /// As the value of a key of an object.
    Key,
    /// As an element of an array.
    Element,
}

/// What a walk feeds.
pub(crate) trait Visitor {
    /// Is shown a value.
    fn visit(&mut self, path: &str, value: Visited<'_>, place: Place);

    /// Whether the values below a path are of interest.
    fn enters(&mut self, path: &str) -> bool;
}

/// Walks one top-level field.
///
/// # Errors
/// The value is not valid JSON, or nested too deep to be read.
pub(crate) fn walk(name: &str, json: &str, visitor: &mut impl Visitor) -> Result<()> {
    let unreadable = |cause: serde_json::Error| DocumentError::UnreadableField {
        field: name.to_owned(),
        cause: cause.to_string(),
    };
    // Most values are plain strings: they are read without a copy.
    if json.starts_with('"') {
        let text: Text<'_> = serde_json::from_str(json).map_err(unreadable)?;
        visitor.visit(name, Visited::String(&text.0), Place::TopLevel);
        return Ok(());
    }
    let value: Value = serde_json::from_str(json).map_err(unreadable)?;
    visitor.visit(name, visited(&value), Place::TopLevel);
    if is_container(&value) && visitor.enters(name) {
        let mut path = name.to_owned();
        enter(&mut path, &value, Place::Key, visitor);
    }
    Ok(())
}

#[derive(serde::Deserialize)]
struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

fn enter(path: &mut String, container: &Value, place: Place, visitor: &mut impl Visitor) {
    match container {
        Value::Object(members) if !members.is_empty() => {
            for (key, value) in members {
                let length = path.len();
                if !path.is_empty() {
                    path.push('.');
                }
                path.push_str(key);
                visitor.visit(path, visited(value), Place::Key);
                if is_container(value) && visitor.enters(path) {
                    enter(path, value, Place::Key, visitor);
                }
                path.truncate(length);
            }
        }
        Value::Array(elements) if !elements.is_empty() => {
            for element in elements {
                if is_container(element) {
                    enter(path, element, Place::Element, visitor);
                } else {
                    visitor.visit(path, visited(element), Place::Element);
                }
            }
        }
        empty => visitor.visit(path, visited(empty), place),
    }
}

fn is_container(value: &Value) -> bool {
    matches!(value, Value::Object(_) | Value::Array(_))
}

fn visited(value: &Value) -> Visited<'_> {
    match value {
        Value::Null => Visited::Null,
        Value::Bool(bool) => Visited::Bool(*bool),
        Value::Number(number) => Visited::Number(number),
        Value::String(text) => Visited::String(text),
        Value::Array(elements) => Visited::Container { is_empty: elements.is_empty() },
        Value::Object(members) => Visited::Container { is_empty: members.is_empty() },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Default)]
    struct Log(Vec<String>);

    impl Visitor for Log {
        fn visit(&mut self, path: &str, value: Visited<'_>, place: Place) {
            let value = match value {
                Visited::Null => "null".to_owned(),
                Visited::Bool(bool) => bool.to_string(),
                Visited::Number(number) => number.to_string(),
                Visited::String(text) => format!("{text:?}"),
                Visited::Container { is_empty: true } => "empty".to_owned(),
                Visited::Container { is_empty: false } => "...".to_owned(),
            };
            let place = match place {
                Place::TopLevel => "top",
                Place::Key => "key",
                Place::Element => "in",
            };
            self.0.push(format!("{place} {path} {value}"));
        }

        fn enters(&mut self, path: &str) -> bool {
            !path.ends_with("skip")
        }
    }

    fn check(json: &str, expected: &[&str]) {
        let mut log = Log::default();
        walk("a", json, &mut log).unwrap();
        assert_eq!(log.0, expected, "{json}");
    }

    #[test]
    fn scalars() {
        check(r#""x\n""#, &[r#"top a "x\n""#]);
        check("1e3", &["top a 1000.0"]);
        check("null", &["top a null"]);
    }

    #[test]
    fn containers() {
        check(r#"["x",[null,[true]]]"#, &["top a ...", r#"in a "x""#, "in a null", "in a true"]);
        check("[]", &["top a empty", "key a empty"]);
        check("[[],{}]", &["top a ...", "in a empty", "in a empty"]);
        check(r#"{"b":[]}"#, &["top a ...", "key a.b empty", "key a.b empty"]);
        check(r#"[{"b":"x"},{"b":null}]"#, &["top a ...", r#"key a.b "x""#, "key a.b null"]);
        check(
            r#"{"skip":[1],"b":{"c":1}}"#,
            &["top a ...", "key a.skip ...", "key a.b ...", "key a.b.c 1"],
        );
    }

    #[test]
    fn of_a_repeated_key_the_last_value_counts_at_the_first_place() {
        check(r#"{"b":1,"c":2,"b":3}"#, &["top a ...", "key a.b 3", "key a.c 2"]);
    }

    #[test]
    fn values_nested_too_deep_are_refused() {
        let json = format!("{}{}", "[".repeat(200), "]".repeat(200));
        assert!(walk("a", &json, &mut Log::default()).is_err());
    }

    #[test]
    fn numbers_are_converted_as_upstream_converts_them() {
        // Not correctly rounded: serde_json must be built without `float_roundtrip` (indexing.md 7.2).
        check("2.9110066930859038", &["top a 2.911006693085904"]);
    }
}
