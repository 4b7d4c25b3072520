//! A document → the text that is embedded, by a Liquid template (vectors.md 6).

/// A template, parsed.
#[derive(Debug)]
pub struct DocumentTemplate {
    _text: String,
    _max_bytes: usize,
}

/// A document as templates see it.
#[derive(Debug, Default)]
pub struct TemplateDocument {}

/// A template that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TemplateError {
    /// It is no Liquid.
    #[error("the template cannot be parsed: {0}")]
    Parse(String),
    /// It asks for what the document has not.
    #[error("the template cannot be rendered: {0}")]
    Render(String),
}

impl DocumentTemplate {
    /// Parses a template whose text is cut at `max_bytes`.
    ///
    /// # Errors
    /// It is no Liquid.
    pub fn parse(text: &str, max_bytes: usize) -> Result<DocumentTemplate, TemplateError> {
        Ok(DocumentTemplate { _text: text.to_owned(), _max_bytes: max_bytes })
    }

    /// The text of a document.
    ///
    /// # Errors
    /// It asks for what the document has not.
    pub fn render(&self, _document: &TemplateDocument) -> Result<String, TemplateError> {
        Err(TemplateError::Render(String::new()))
    }
}

impl TemplateDocument {
    /// A document of top-level fields: name, JSON, and whether it is searched. Fields that templates do not
    /// see (`_vectors`, `_geo`, `_geojson`) are left out by the caller.
    ///
    /// # Errors
    /// A value is not JSON.
    pub fn new<'d>(
        _fields: impl IntoIterator<Item = (&'d str, &'d str, bool)>,
    ) -> Result<TemplateDocument, serde_json::Error> {
        Ok(TemplateDocument {})
    }
}
