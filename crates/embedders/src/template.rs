//! A document → the text that is embedded, by a Liquid template (vectors.md 6).

use std::fmt;
use std::sync::LazyLock;

use liquid::model::KString;
use liquid::{ObjectView, Parser, ParserBuilder, Template, ValueView};
use serde_json::Value;

use crate::template_value::{TemplateObject, TemplateValue};

/// The template of an embedder that is given none (vectors.md 2.2).
pub const DEFAULT_TEMPLATE: &str = "{% for field in fields %}{% if field.is_searchable and field.value \
                                    != nil %}{{ field.name }}: {{ field.value }}\n{% endif %}{% endfor %}";
/// Greatest length in bytes of a text, when none is given.
pub const DEFAULT_TEMPLATE_MAX_BYTES: usize = 400;

/// A template, parsed.
#[derive(Debug)]
pub struct DocumentTemplate {
    text: ParsedText,
    max_bytes: usize,
}

/// A document as templates see it.
#[derive(Debug, Default)]
pub struct TemplateDocument {
    doc: TemplateObject,
    /// Whether each field is searched.
    searchable: Vec<bool>,
}

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
        Ok(DocumentTemplate { text: ParsedText::parse(text)?, max_bytes })
    }

    /// The text of a document, of at most the greatest length.
    ///
    /// # Errors
    /// It asks for what the document has not.
    pub fn render(&self, document: &TemplateDocument) -> Result<String, TemplateError> {
        let fields = document.doc.members().zip(&document.searchable);
        let fields =
            fields.map(|((name, value), is_searchable)| FieldView { name, value, is_searchable });
        let variables = DocumentView { doc: &document.doc, fields: fields.collect() };
        let mut text = self.text.render(&variables)?;
        let mut end = self.max_bytes.min(text.len());
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        text.truncate(end);
        Ok(text)
    }
}

impl TemplateDocument {
    /// A document of top-level fields: name, JSON, and whether it is searched. Fields that templates do not
    /// see (`_vectors`, `_geo`, `_geojson`) are left out by the caller. A name comes once.
    ///
    /// # Errors
    /// A value is not JSON.
    pub fn new<'d>(
        fields: impl IntoIterator<Item = (&'d str, &'d str, bool)>,
    ) -> Result<TemplateDocument, serde_json::Error> {
        let mut document = TemplateDocument::default();
        for (name, json, is_searchable) in fields {
            document.doc.insert(name, TemplateValue::from(&serde_json::from_str::<Value>(json)?));
            document.searchable.push(is_searchable);
        }
        Ok(document)
    }

    /// The variables of a fragment: the document only.
    pub(crate) fn fragment_variables(&self) -> impl ObjectView {
        FragmentView { doc: &self.doc }
    }
}

/// The variables of a document template.
#[derive(Debug, ObjectView, ValueView)]
struct DocumentView<'d> {
    doc: &'d TemplateObject,
    fields: Vec<FieldView<'d>>,
}

/// The variables of an indexing fragment.
#[derive(Debug, ObjectView, ValueView)]
struct FragmentView<'d> {
    doc: &'d TemplateObject,
}

/// An item of `fields`.
#[derive(Debug, ObjectView, ValueView)]
struct FieldView<'d> {
    name: &'d KString,
    value: &'d TemplateValue,
    is_searchable: &'d bool,
}

/// A text with placeholders, parsed.
pub(crate) struct ParsedText(Template);

impl ParsedText {
    /// Parses a text.
    ///
    /// # Errors
    /// It is no Liquid.
    pub(crate) fn parse(text: &str) -> Result<ParsedText, TemplateError> {
        static PARSER: LazyLock<Result<Parser, String>> =
            LazyLock::new(|| ParserBuilder::with_stdlib().build().map_err(|e| one_line(&e)));
        let parser = PARSER.as_ref().map_err(|error| TemplateError::Parse(error.clone()))?;
        let template = parser.parse(text).map_err(|e| TemplateError::Parse(one_line(&e)))?;
        Ok(ParsedText(template))
    }

    /// The text with values in place of its placeholders.
    ///
    /// # Errors
    /// It uses a variable that there is not, or a filter with values that it cannot take.
    pub(crate) fn render(&self, variables: &dyn ObjectView) -> Result<String, TemplateError> {
        self.0.render(variables).map_err(|error| TemplateError::Render(one_line(&error)))
    }
}

impl fmt::Debug for ParsedText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ParsedText")
    }
}

/// The message of an error, whose details are on lines of their own.
fn one_line(error: &liquid::Error) -> String {
    let message = error.to_string();
    let lines = message.lines().map(str::trim).filter(|line| !line.is_empty());
    lines.collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn document(json: &str) -> TemplateDocument {
        let fields: serde_json::Map<String, Value> = serde_json::from_str(json).unwrap();
        let fields: Vec<(String, String)> =
            fields.into_iter().map(|(name, value)| (name, value.to_string())).collect();
        TemplateDocument::new(
            fields.iter().map(|(name, json)| (&**name, &**json, name != "hidden")),
        )
        .unwrap()
    }

    fn render(template: &str, json: &str) -> Result<String, TemplateError> {
        DocumentTemplate::parse(template, usize::MAX)?.render(&document(json))
    }

    #[test]
    fn default_template() {
        let json = r#"{"id": 1, "t": "x", "n": null, "hidden": "y"}"#;
        assert_eq!(render(DEFAULT_TEMPLATE, json).unwrap(), "id: 1\nt: x\n");
    }

    #[test]
    fn text_of_values() {
        let json = r#"{"s": "a b", "i": -1, "h": 0.5, "f": 2.0, "big": 18446744073709551615, "t": true,
                       "n": null, "a": [1, "x", [2, null]], "o": {"k": "v", "l": [1]}}"#;
        for (template, text) in [
            ("{{doc.s}}", "a b"),
            ("{{doc.i}} {{doc.h}} {{doc.f}}", "-1 0.5 2"),
            ("{{doc.big}}", "18446744073709552000"),
            ("{{doc.t}}{{doc.n}}", "true"),
            ("{{doc.a}}", "1x2"),
            ("{{doc.o}}", "kvl1"),
            ("{{doc.o.k}} {{doc['o']['l'][0]}}", "v 1"),
            ("{{doc.a.size}} {{doc.a.first}} {{doc.a.last}}", "3 1 2"),
            ("{{doc.o.size}} {{doc.s.size}}", "2 3"),
            ("{{doc.s | upcase | append: '!'}}", "A B!"),
            (
                "{% for f in fields %}{{f.name}}{{f.is_searchable}} {% endfor %}",
                "strue itrue htrue ftrue bigtrue ttrue ntrue atrue otrue ",
            ),
            ("{% if doc.x %}a{% else %}b{% endif %}{% unless doc.x %}c{% endunless %}", "bc"),
            ("{% if doc.x or doc.s %}a{% endif %}{% if doc.x and doc.s %}b{% endif %}", "a"),
            ("no variables", "no variables"),
        ] {
            assert_eq!(render(template, json).as_deref(), Ok(text), "{template}");
        }
    }

    #[test]
    fn what_a_document_lacks_is_an_error() {
        for template in [
            "{{doc.x}}",
            "{{x}}",
            "{{doc.s.x}}",
            "{% if doc.x == 1 %}{% endif %}",
            "{% if doc.x != nil %}{% endif %}",
            "{{doc.x | upcase}}",
            "{% for x in doc.x %}{% endfor %}",
        ] {
            let error = render(template, r#"{"s": "a"}"#).unwrap_err();
            assert!(matches!(error, TemplateError::Render(_)), "{template}: {error}");
            assert!(!error.to_string().contains('\n'), "{error}");
        }
    }

    #[test]
    fn templates_that_are_no_liquid() {
        for template in
            ["{{", "{% for %}", "{% if doc.x %}", "{{doc | nofilter}}", "{{doc | upcase: 1}}"]
        {
            let error = DocumentTemplate::parse(template, 1).unwrap_err();
            assert!(matches!(error, TemplateError::Parse(_)), "{template}: {error}");
        }
    }

    #[test]
    fn texts_are_cut_between_characters() {
        let document = document(r#"{"t": "aé€"}"#);
        for (max_bytes, text) in [(1, "a"), (2, "a"), (3, "aé"), (5, "aé"), (6, "aé€"), (9, "aé€")]
        {
            let template = DocumentTemplate::parse("{{doc.t}}", max_bytes).unwrap();
            assert_eq!(template.render(&document).unwrap(), text, "{max_bytes}");
        }
    }
}
