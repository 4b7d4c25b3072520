//! A document as JSON → what templates see of it (vectors.md 6).

use embedders::TemplateDocument;
use serde_json::{Map, Value};

use super::is_reserved_field;
use crate::error::Result;
use crate::schema::{PatternMatch, Schema};

/// What templates see of a document: its fields, in their order, and which of them are searched. Without a
/// schema all are.
///
/// # Errors
/// None that can happen: the values are JSON.
pub fn template_view(
    document: &Map<String, Value>,
    schema: Option<&Schema>,
) -> Result<TemplateDocument> {
    let is_searched = |name: &str| {
        schema.is_none_or(|schema| schema.match_searchable(name) == PatternMatch::Match)
    };
    let fields: Vec<(&str, String)> = document
        .iter()
        .filter(|(name, _)| !is_reserved_field(name))
        .map(|(name, value)| (name.as_str(), value.to_string()))
        .collect();
    let seen = fields.iter().map(|(name, json)| (*name, json.as_str(), is_searched(name)));
    Ok(TemplateDocument::new(seen)?)
}
