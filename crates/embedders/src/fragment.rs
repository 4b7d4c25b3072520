//! JSON whose strings are templates: a part of a document or of a query (vectors.md 7).

use liquid::ObjectView;
use serde_json::{Map, Value};

use crate::embedder::QueryInput;
use crate::template::{ParsedText, TemplateDocument, TemplateError};
use crate::template_value::{TemplateObject, TemplateValue};

/// A fragment, parsed.
#[derive(Debug)]
pub struct FragmentTemplate(Part);

/// A value in a fragment.
#[derive(Debug)]
enum Part {
    /// A string.
    Text(ParsedText),
    /// An array.
    Array(Vec<Part>),
    /// An object; its keys are no templates.
    Object(Vec<(String, Part)>),
    /// A number, a boolean or null.
    Constant(Value),
}

impl FragmentTemplate {
    /// Parses the strings of a fragment's value.
    ///
    /// # Errors
    /// One is no Liquid.
    pub fn parse(value: &Value) -> Result<FragmentTemplate, TemplateError> {
        Part::parse(value).map(FragmentTemplate)
    }

    /// The fragment of a document, which its strings see as `doc`.
    ///
    /// # Errors
    /// It asks for what the document has not.
    pub fn of_document(&self, document: &TemplateDocument) -> Result<Value, TemplateError> {
        self.0.render(&document.fragment_variables())
    }

    /// The fragment of a query, which its strings see as `q` and `media`.
    ///
    /// # Errors
    /// It asks for what the query has not.
    pub fn of_query(&self, query: QueryInput<'_>) -> Result<Value, TemplateError> {
        let mut variables = TemplateObject::default();
        if let Some(text) = query.text {
            variables.insert("q", TemplateValue::from(&Value::from(text)));
        }
        if let Some(media) = query.media {
            variables.insert("media", TemplateValue::from(media));
        }
        self.0.render(&variables)
    }
}

impl Part {
    fn parse(value: &Value) -> Result<Part, TemplateError> {
        Ok(match value {
            Value::String(text) => Part::Text(ParsedText::parse(text)?),
            Value::Array(items) => {
                Part::Array(items.iter().map(Part::parse).collect::<Result<_, _>>()?)
            }
            Value::Object(members) => {
                let member = |(name, value): (&String, &Value)| {
                    Ok::<_, TemplateError>((name.clone(), Part::parse(value)?))
                };
                Part::Object(members.iter().map(member).collect::<Result<_, _>>()?)
            }
            constant => Part::Constant(constant.clone()),
        })
    }

    fn render(&self, variables: &dyn ObjectView) -> Result<Value, TemplateError> {
        Ok(match self {
            Part::Text(text) => Value::String(text.render(variables)?),
            Part::Array(items) => Value::Array(
                items.iter().map(|item| item.render(variables)).collect::<Result<_, _>>()?,
            ),
            Part::Object(members) => {
                let member = |(name, part): &(String, Part)| {
                    Ok::<_, TemplateError>((name.clone(), part.render(variables)?))
                };
                Value::Object(members.iter().map(member).collect::<Result<Map<_, _>, _>>()?)
            }
            Part::Constant(constant) => constant.clone(),
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn fragments_of_documents() {
        let document = TemplateDocument::new([("t", "\"x\"", true), ("n", "1", true)]).unwrap();
        for (value, rendered) in [
            (json!("{{doc.t}}"), Some(json!("x"))),
            (
                json!({"{{doc.t}}": ["{{doc.n}}", 1, null, true, {"k": "a{{doc.t}}"}]}),
                Some(json!({"{{doc.t}}": ["1", 1, null, true, {"k": "ax"}]})),
            ),
            (json!("constant"), Some(json!("constant"))),
            (json!({"a": "{{doc.t}}", "b": "{{doc.other}}"}), None),
            (json!("{{fields}}"), None),
            (json!("{{q}}"), None),
        ] {
            let fragment = FragmentTemplate::parse(&value).unwrap();
            assert_eq!(fragment.of_document(&document).ok(), rendered, "{value}");
        }
        assert!(FragmentTemplate::parse(&json!(["{{"])).is_err());
    }

    #[test]
    fn fragments_of_queries() {
        let media = json!({"u": ["z"]});
        let text = QueryInput { text: Some("words"), media: None };
        let image = QueryInput { text: None, media: Some(&media) };
        for (value, of_text, of_image) in [
            (json!("{{q}}"), Some(json!("words")), None),
            (json!({"img": "{{media.u[0]}}"}), None, Some(json!({"img": "z"}))),
            (json!("both"), Some(json!("both")), Some(json!("both"))),
        ] {
            let fragment = FragmentTemplate::parse(&value).unwrap();
            assert_eq!(fragment.of_query(text).ok(), of_text, "{value}");
            assert_eq!(fragment.of_query(image).ok(), of_image, "{value}");
        }
    }
}
