//! Parts of a document by attribute names: `a.b` keeps only that part of `a` (search.md 17.1).

use serde_json::{Map, Value};

use crate::schema::covers;

/// The part of `document` that the names cover. What is left empty by a nested name is left out.
pub fn project<'n>(
    document: &Map<String, Value>,
    names: impl IntoIterator<Item = &'n str>,
) -> Map<String, Value> {
    let names: Vec<&str> = names.into_iter().collect();
    object_part(document, "", &names)
}

fn object_part(object: &Map<String, Value>, parent: &str, names: &[&str]) -> Map<String, Value> {
    let mut part = Map::new();
    for (key, value) in object {
        let path = join(parent, key);
        if names.iter().any(|name| covers(name, &path)) {
            part.insert(key.clone(), value.clone());
        } else if names.iter().any(|name| covers(&path, name))
            && let Some(value) = value_part(value, &path, names)
        {
            part.insert(key.clone(), value);
        }
    }
    part
}

fn value_part(value: &Value, path: &str, names: &[&str]) -> Option<Value> {
    match value {
        Value::Object(object) => {
            let part = object_part(object, path, names);
            (!part.is_empty()).then_some(Value::Object(part))
        }
        Value::Array(items) => {
            let parts: Vec<_> =
                items.iter().filter_map(|item| value_part(item, path, names)).collect();
            (!parts.is_empty()).then_some(Value::Array(parts))
        }
        _ => None,
    }
}

/// The path of a member of `parent`, itself a path or empty.
pub(crate) fn join(parent: &str, key: &str) -> String {
    if parent.is_empty() { key.to_owned() } else { format!("{parent}.{key}") }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[track_caller]
    fn check(document: Value, names: &[&str], expected: Value) {
        let Value::Object(document) = document else { panic!("an object is expected") };
        assert_eq!(Value::Object(project(&document, names.iter().copied())), expected);
    }

    #[test]
    fn nested_names_keep_their_part() {
        let document =
            json!({"id": 1, "a": {"b": 2, "c": {"d": 3}}, "ab": 4, "l": [{"x": 1, "y": 2}, 3]});
        check(document.clone(), &["a"], json!({"a": {"b": 2, "c": {"d": 3}}}));
        check(document.clone(), &["a.b", "id"], json!({"id": 1, "a": {"b": 2}}));
        check(document.clone(), &["a.c.d"], json!({"a": {"c": {"d": 3}}}));
        check(document.clone(), &["l.x"], json!({"l": [{"x": 1}]}));
        check(document.clone(), &["a.nope", "nope"], json!({}));
        check(document, &[], json!({}));
    }

    #[test]
    fn a_key_with_a_dot_is_a_path() {
        check(json!({"a.b": 1, "a": {"b": 2, "c": 3}}), &["a.b"], json!({"a.b": 1, "a": {"b": 2}}));
    }
}
