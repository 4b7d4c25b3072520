//! Versions of one document → its new content (indexing.md section 4).

use super::{Content, VECTORS_FIELD, vectors};
use crate::error::Result;

/// Merges top-level fields: versions from left to right, over `base`.
///
/// A value replaces another whole. Fields of the versions come first, in order of first appearance, then
/// those that only the base has, in its order. Only `_vectors` merges with the base entry by entry.
///
/// # Errors
/// `_vectors` of the base or of a version has not the shape of vectors.
pub(crate) fn merge<'a>(
    versions: impl IntoIterator<Item = Content<'a>>,
    base: Option<Content<'a>>,
    document_id: &str,
) -> Result<Content<'a>> {
    let mut merged: Content<'a> = versions.into_iter().flatten().collect();
    for (name, json) in base.into_iter().flatten() {
        match merged.get(&name) {
            Some(newer) if name == VECTORS_FIELD => {
                let entries = vectors::merge_entries(&json, newer, document_id)?;
                merged.insert(name, entries.into());
            }
            Some(_) => {}
            None => merged.insert(name, json),
        }
    }
    Ok(merged)
}

#[cfg(test)]
mod tests {
    use super::super::payload::PayloadDocument;
    use super::*;

    fn check(versions: &[&str], base: Option<&str>, expected: &str) {
        let content = |text| PayloadDocument::parse(text).unwrap().into_content();
        let merged = merge(versions.iter().copied().map(content), base.map(content), "1").unwrap();
        let text: Vec<_> = merged.iter().map(|(name, json)| format!("\"{name}\":{json}")).collect();
        assert_eq!(format!("{{{}}}", text.join(",")), expected);
    }

    #[test]
    fn one_version_stays_as_it_is() {
        check(&[r#"{"b":1,"a":{"x":1}}"#], None, r#"{"b":1,"a":{"x":1}}"#);
    }

    #[test]
    fn values_replace_values_whole() {
        check(
            &[r#"{"a":{"x":1},"b":2}"#, r#"{"c":3,"a":{"y":2}}"#],
            None,
            r#"{"a":{"y":2},"b":2,"c":3}"#,
        );
        check(&[r#"{"a":1}"#, r#"{"a":null}"#], None, r#"{"a":null}"#);
    }

    #[test]
    fn fields_of_the_base_follow() {
        check(&[r#"{"z":1,"id":1}"#], Some(r#"{"id":1,"a":2,"z":0}"#), r#"{"z":1,"id":1,"a":2}"#);
    }

    #[test]
    fn vectors_merge_by_entry() {
        check(
            &[r#"{"_vectors":{"b":[2.0]}}"#],
            Some(r#"{"_vectors":{"a":[1],"b":[0]}}"#),
            r#"{"_vectors":{"a":[1],"b":[2.0]}}"#,
        );
    }
}
