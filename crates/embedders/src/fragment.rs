//! JSON whose strings are templates: a part of a document or of a query (vectors.md 7).

use serde_json::Value;

use crate::embedder::QueryInput;
use crate::template::{TemplateDocument, TemplateError};

/// A fragment, parsed.
#[derive(Debug)]
pub struct FragmentTemplate {
    _value: Value,
}

impl FragmentTemplate {
    /// Parses the strings of a fragment's value.
    ///
    /// # Errors
    /// One is no Liquid.
    pub fn parse(value: &Value) -> Result<FragmentTemplate, TemplateError> {
        Ok(FragmentTemplate { _value: value.clone() })
    }

    /// The fragment of a document, which its strings see as `doc`.
    ///
    /// # Errors
    /// It asks for what the document has not.
    pub fn of_document(&self, _document: &TemplateDocument) -> Result<Value, TemplateError> {
        Err(TemplateError::Render(String::new()))
    }

    /// The fragment of a query, which its strings see as `q` and `media`.
    ///
    /// # Errors
    /// It asks for what the query has not.
    pub fn of_query(&self, _query: QueryInput<'_>) -> Result<Value, TemplateError> {
        Err(TemplateError::Render(String::new()))
    }
}
