//! What of `_vectors` stays in a stored document: the entries of names that are no configured embedder
//! (indexing.md 15.1 and 15.3); and what the entry of an embedder says.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use serde_json::value::{RawValue, to_raw_value};

use super::DocumentError;
use crate::error::{Error, Result};

pub(super) type Entries<'a> = BTreeMap<String, &'a RawValue>;

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
pub(crate) fn stored_form(
    json: &str,
    document_id: &str,
    is_embedder: impl Fn(&str) -> bool,
) -> Result<Option<String>> {
    let mut entries = parse_entries(json, document_id)?;
    entries.retain(|name, _| !is_embedder(name));
    if entries.is_empty() {
        return Ok(None);
    }
    let stored: BTreeMap<String, Box<RawValue>> = entries
        .into_iter()
        .map(|(name, entry)| match stored_entry(entry.get()) {
            Ok(stored) => Ok((name, stored)),
            Err(cause) => Err(invalid_entry(document_id, &name, &cause)),
        })
        .collect::<Result<_, _>>()?;
    Ok(Some(serde_json::to_string(&stored)?))
}

/// What a document says about its vectors for one embedder.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Given {
    /// The vectors, when it brings some; none at all is an answer too.
    pub(crate) embeddings: Option<Vec<Vec<f32>>>,
    /// Whether they follow the content from now on.
    pub(crate) regenerate: bool,
}

/// Reads the entry of an embedder from `_vectors`; `None` when there is none.
///
/// # Errors
/// `_vectors` or the entry has another shape.
pub(crate) fn given(json: &str, name: &str, document_id: &str) -> Result<Option<Given>> {
    let entries = parse_entries(json, document_id)?;
    let Some(entry) = entries.get(name) else { return Ok(None) };
    match parse_given(entry.get()) {
        Ok(given) => Ok(Some(given)),
        Err(cause) => Err(invalid_entry(document_id, name, &cause).into()),
    }
}

/// The names of the entries of `_vectors`; none when it is no object.
pub(crate) fn names(json: &str) -> Vec<String> {
    serde_json::from_str::<Entries<'_>>(json)
        .map(|entries| entries.into_keys().collect())
        .unwrap_or_default()
}

/// Rewrites the stored `_vectors` when embedders come and go (indexing.md 15.3): entries that
/// `is_moved` accepts leave the document, the vectors of former embedders come back. Names are sorted;
/// `None` when nothing is left.
///
/// # Errors
/// What is stored is damaged.
pub(crate) fn rewrite(
    stored: Option<&str>,
    is_moved: impl Fn(&str) -> bool,
    former: impl IntoIterator<Item = (String, Vec<Vec<f32>>)>,
) -> Result<Option<String>> {
    let mut entries: BTreeMap<String, Box<RawValue>> =
        stored.map(serde_json::from_str).transpose()?.unwrap_or_default();
    entries.retain(|name, _| !is_moved(name));
    for (name, vectors) in former {
        // By way of a value, which widens the numbers.
        let entry = serde_json::json!({ "regenerate": false, "embeddings": vectors });
        entries.insert(name, to_raw_value(&entry)?);
    }
    Ok(if entries.is_empty() { None } else { Some(serde_json::to_string(&entries)?) })
}

fn parse_given(json: &str) -> serde_json::Result<Given> {
    let none = |embeddings| Given { embeddings, regenerate: false };
    Ok(match serde_json::from_str(json)? {
        Value::Null => none(Some(Vec::new())),
        Value::Object(_) => {
            let explicit: Explicit = serde_json::from_str(json)?;
            Given {
                embeddings: explicit.embeddings.map(Embeddings::into_list),
                regenerate: explicit.regenerate,
            }
        }
        _ => none(Some(serde_json::from_str::<Embeddings>(json)?.into_list())),
    })
}

impl Embeddings {
    fn into_list(self) -> Vec<Vec<f32>> {
        match self {
            Embeddings::One(vector) if vector.is_empty() => Vec::new(),
            Embeddings::One(vector) => vec![vector],
            Embeddings::Several(vectors) => vectors,
        }
    }
}

fn invalid_entry(document_id: &str, name: &str, cause: &serde_json::Error) -> DocumentError {
    DocumentError::InvalidVectors {
        document_id: document_id.to_owned(),
        embedder: Some(name.to_owned()),
        cause: cause.to_string(),
    }
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

/// The entries of `_vectors`.
///
/// # Errors
/// It is not an object.
pub(super) fn parse_entries<'a>(json: &'a str, document_id: &str) -> Result<Entries<'a>> {
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
        assert_eq!(stored_form(sent, "1", |_| false).unwrap().unwrap(), stored);
        assert_eq!(stored_form("{}", "1", |_| false).unwrap(), None);
        let others = stored_form(sent, "1", |name| name != "a").unwrap();
        assert_eq!(others.unwrap(), r#"{"a":[]}"#);
        assert_eq!(stored_form(sent, "1", |_| true).unwrap(), None);
    }

    #[test]
    fn what_an_entry_says() {
        for (entry, embeddings, regenerate) in [
            ("null", Some(vec![]), false),
            ("[]", Some(vec![]), false),
            ("[0.5, 1]", Some(vec![vec![0.5, 1.0]]), false),
            ("[[0.5], [1]]", Some(vec![vec![0.5], vec![1.0]]), false),
            (r#"{"regenerate": true}"#, None, true),
            (r#"{"regenerate": true, "embeddings": [2]}"#, Some(vec![vec![2.0]]), true),
            (r#"{"regenerate": false, "embeddings": null}"#, None, false),
        ] {
            let json = format!(r#"{{"e": {entry}}}"#);
            let expected = Given { embeddings, regenerate };
            assert_eq!(given(&json, "e", "1").unwrap(), Some(expected), "{entry}");
            assert_eq!(given(&json, "other", "1").unwrap(), None);
        }
    }

    #[test]
    fn vectors_of_a_former_embedder_are_widened() {
        let former = [("a".to_owned(), vec![vec![0.1]])];
        let stored = rewrite(Some(r#"{"m":[1.0],"z":[]}"#), |name| name == "m", former).unwrap();
        let expected = r#"{"a":{"regenerate":false,"embeddings":[[0.10000000149011612]]},"z":[]}"#;
        assert_eq!(stored.unwrap(), expected);
        assert_eq!(rewrite(None, |_| false, []).unwrap(), None);
    }

    #[test]
    fn other_shapes_are_refused() {
        for json in ["null", "[1]", r#"{"a":"x"}"#, r#"{"a":{"regenerate":1}}"#, r#"{"a":{"x":1}}"#]
        {
            let error = stored_form(json, "1", |_| false).unwrap_err();
            assert_eq!(error.error_code(), Code::InvalidVectorsType, "{json}");
        }
    }
}
