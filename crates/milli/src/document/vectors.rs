//! What of `_vectors` stays in a stored document: the entries of names that are no configured embedder
//! (indexing.md 15.1 and 15.3). No embedder can be configured yet, so every entry stays.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use serde_json::value::{RawValue, to_raw_value};

use super::DocumentError;
use crate::error::{Error, Result};

type Entries<'a> = BTreeMap<String, &'a RawValue>;

/// An entry as an object.
#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Explicit {
    regenerate: bool,
    #[serde(default)]
    embeddings: Option<Embeddings>,
}

/// One or several embeddings, as sent.
#[derive(Deserialize, Serialize)]
#[serde(untagged)]
enum Embeddings {
    One(Vec<f32>),
    Several(Vec<Vec<f32>>),
}

/// Rewrites `_vectors` for storing, names sorted; `None` when nothing is left of it.
///
/// # Errors
/// It is not an object of entries.
pub(crate) fn stored_form(json: &str, document_id: &str) -> Result<Option<String>> {
    let entries = parse_entries(json, document_id)?;
    if entries.is_empty() {
        return Ok(None);
    }
    let stored: BTreeMap<String, Box<RawValue>> = entries
        .into_iter()
        .map(|(name, entry)| match stored_entry(entry.get()) {
            Ok(stored) => Ok((name, stored)),
            Err(cause) => Err(DocumentError::InvalidVectors {
                document_id: document_id.to_owned(),
                embedder: Some(name),
                cause: cause.to_string(),
            }),
        })
        .collect::<Result<_, _>>()?;
    Ok(Some(serde_json::to_string(&stored)?))
}

/// Puts the entries of `newer` over those of `older`.
///
/// # Errors
/// One of them is not an object.
pub(crate) fn merge_entries(older: &str, newer: &str, document_id: &str) -> Result<String> {
    let mut entries = parse_entries(older, document_id)?;
    entries.extend(parse_entries(newer, document_id)?);
    Ok(serde_json::to_string(&entries)?)
}

fn parse_entries<'a>(json: &'a str, document_id: &str) -> Result<Entries<'a>> {
    serde_json::from_str(json).map_err(|cause| {
        Error::Document(DocumentError::InvalidVectors {
            document_id: document_id.to_owned(),
            embedder: None,
            cause: cause.to_string(),
        })
    })
}

fn stored_entry(json: &str) -> serde_json::Result<Box<RawValue>> {
    match serde_json::from_str(json)? {
        Value::Null => to_raw_value(&[(); 0]),
        Value::Object(_) => to_raw_value(&serde_json::from_str::<Explicit>(json)?),
        _ => to_raw_value(&serde_json::from_str::<Embeddings>(json)?),
    }
}

#[cfg(test)]
mod tests {
    use meilisearch_types::error::{Code, ErrorCode};

    use super::*;

    #[test]
    fn entries_are_sorted_and_written_anew() {
        let sent = r#"{"z": [1, 0.1], "a": null, "m": {"regenerate": true}}"#;
        let stored = r#"{"a":[],"m":{"regenerate":true,"embeddings":null},"z":[1.0,0.1]}"#;
        assert_eq!(stored_form(sent, "1").unwrap().unwrap(), stored);
        assert_eq!(stored_form("{}", "1").unwrap(), None);
    }

    #[test]
    fn other_shapes_are_refused() {
        for json in ["null", "[1]", r#"{"a":"x"}"#, r#"{"a":{"regenerate":1}}"#, r#"{"a":{"x":1}}"#]
        {
            let error = stored_form(json, "1").unwrap_err();
            assert_eq!(error.error_code(), Code::InvalidVectorsType, "{json}");
        }
    }
}
