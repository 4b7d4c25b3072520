//! Which field of a document is its id, and which ids are allowed (indexing.md section 3).

use std::borrow::Cow;

use super::error::{DocumentError, excerpt};
use super::payload::{Entries, PayloadDocument};
use crate::limits::MAX_DOCUMENT_ID_BYTES;

/// Guesses the primary key from the field names of a document: the only one that ends with `id`,
/// whatever its case.
///
/// # Errors
/// No name, or several names end so.
pub(crate) fn infer<'n>(names: impl Iterator<Item = &'n str>) -> Result<&'n str, DocumentError> {
    let mut candidates: Vec<&str> =
        names.filter(|name| name.to_lowercase().ends_with("id")).collect();
    candidates.sort_unstable();
    candidates.dedup();
    match candidates[..] {
        [] => Err(DocumentError::PrimaryKeyNoCandidate),
        [one] => Ok(one),
        [first, second, ..] => Err(DocumentError::PrimaryKeyMultipleCandidates {
            count: candidates.len(),
            first: first.to_owned(),
            second: second.to_owned(),
        }),
    }
}

/// Whether a primary key may name a field inside an object.
pub(crate) fn is_nested(primary_key: &str) -> bool {
    primary_key.contains('.')
}

/// The id of a document, as text.
///
/// # Errors
/// The document has no value under the primary key, several, or one that is not a valid id.
pub(crate) fn document_id<'p>(
    document: &PayloadDocument<'p>,
    primary_key: &str,
) -> Result<Cow<'p, str>, DocumentError> {
    let mut found = Vec::new();
    find(&document.entries, primary_key, &mut found);
    match found[..] {
        [] => Err(DocumentError::MissingDocumentId {
            primary_key: primary_key.to_owned(),
            document: excerpt(document.text),
        }),
        [value] => parse_id(value)
            .ok_or_else(|| DocumentError::InvalidDocumentId { value: excerpt(value) }),
        _ => Err(DocumentError::SeveralDocumentIds {
            primary_key: primary_key.to_owned(),
            document: excerpt(document.text),
        }),
    }
}

/// The id among the fields of a stored document, if there is exactly one and it is valid.
pub(crate) fn id_among(entries: &[(Cow<'_, str>, &str)], primary_key: &str) -> Option<String> {
    let mut found = Vec::new();
    find(entries, primary_key, &mut found);
    match found[..] {
        [value] => parse_id(value).map(Cow::into_owned),
        _ => None,
    }
}

/// Whether an id has the allowed length and characters.
pub fn is_valid_id(id: &str) -> bool {
    (1..=MAX_DOCUMENT_ID_BYTES).contains(&id.len())
        && id.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
}

/// Collects the values that `path` may mean: `a.b` is the key `a.b`, and `b` inside the object `a`.
fn find<'p>(entries: &[(Cow<'p, str>, &'p str)], path: &str, found: &mut Vec<&'p str>) {
    for (name, json) in entries {
        match path.strip_prefix(&**name) {
            Some("") => found.push(json),
            Some(rest) if json.starts_with('{') => {
                let inner = rest.strip_prefix('.').zip(serde_json::from_str(json).ok());
                if let Some((rest, Entries(inner))) = inner {
                    find(&inner, rest, found);
                }
            }
            _ => {}
        }
    }
}

/// A string that [`is_valid_id`], or an integer that fits `i64` or `u64`.
fn parse_id(json: &str) -> Option<Cow<'_, str>> {
    if json.starts_with('"') {
        let id: String = serde_json::from_str(json).ok()?;
        return is_valid_id(&id).then_some(Cow::Owned(id));
    }
    let is_integer = json.parse::<i64>().is_ok() || json.parse::<u64>().is_ok();
    (is_integer && json != "-0").then_some(Cow::Borrowed(json))
}

#[cfg(test)]
mod tests {
    use meilisearch_types::error::{Code, ErrorCode};

    use super::*;

    #[test]
    fn inference() {
        let infer = |names: &[&str]| infer(names.iter().copied()).map(str::to_owned);
        assert_eq!(infer(&["title", "movieID"]).unwrap(), "movieID");
        assert_eq!(infer(&["Id"]).unwrap(), "Id");
        assert_eq!(infer(&["grid", "name"]).unwrap(), "grid");
        assert_eq!(
            infer(&["name"]).unwrap_err().error_code(),
            Code::IndexPrimaryKeyNoCandidateFound
        );
        let error = infer(&["zid", "id", "bid"]).unwrap_err();
        assert!(
            matches!(&error, DocumentError::PrimaryKeyMultipleCandidates { count: 3, first, second }
            if first == "bid" && second == "id")
        );
        assert_eq!(error.error_code(), Code::IndexPrimaryKeyMultipleCandidatesFound);
    }

    fn id(primary_key: &str, document: &str) -> Result<String, DocumentError> {
        let document = PayloadDocument::parse(document).unwrap();
        document_id(&document, primary_key).map(Cow::into_owned)
    }

    #[test]
    fn ids() {
        for (json, expected) in [
            ("7", "7"),
            ("\"7\"", "7"),
            ("\"07\"", "07"),
            ("-9", "-9"),
            ("18446744073709551615", "18446744073709551615"),
            ("\"A_b-9\"", "A_b-9"),
            ("\"\\u0041\"", "A"),
        ] {
            assert_eq!(id("id", &format!("{{\"id\":{json}}}")).unwrap(), expected);
        }
        let long = format!("\"{}\"", "x".repeat(512));
        for json in [
            "1.0",
            "1e3",
            "-0",
            "18446744073709551616",
            "true",
            "null",
            "[1]",
            "{}",
            "\"\"",
            "\" a\"",
            "\"é\"",
            &long,
        ] {
            let error = id("id", &format!("{{\"id\":{json}}}")).unwrap_err();
            assert_eq!(error.error_code(), Code::InvalidDocumentId, "{json}");
        }
    }

    #[test]
    fn exactly_one_value() {
        assert_eq!(id("id", r#"{"a":1}"#).unwrap_err().error_code(), Code::MissingDocumentId);
        assert_eq!(
            id("id", r#"{"id":1,"id":2}"#).unwrap_err().error_code(),
            Code::InvalidDocumentId
        );
    }

    #[test]
    fn nested_keys() {
        assert_eq!(id("a.b.c", r#"{"a":{"b":{"c":1}}}"#).unwrap(), "1");
        assert_eq!(id("a.b.c", r#"{"a.b":{"c":"x"}}"#).unwrap(), "x");
        assert_eq!(id("a.b.c", r#"{"a":{"b.c":2}}"#).unwrap(), "2");
        assert_eq!(id("a.b.c", r#"{"a.b.c":3}"#).unwrap(), "3");
        assert_eq!(id("a.b", r#"{"a":[{"b":1}],"a.b":4}"#).unwrap(), "4");
        assert_eq!(
            id("a.b", r#"{"ab":{"b":1}}"#).unwrap_err().error_code(),
            Code::MissingDocumentId
        );
        let twice = r#"{"a":{"b":1},"a.b":1}"#;
        assert_eq!(id("a.b", twice).unwrap_err().error_code(), Code::InvalidDocumentId);
    }
}
