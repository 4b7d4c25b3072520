//! Templates and fragments: a document → what is embedded of it (vectors.md 14.1).

use std::cell::OnceCell;

use embedders::{
    DEFAULT_TEMPLATE_MAX_BYTES, DocumentTemplate, EmbedderConfig, FragmentTemplate, Input,
    TemplateDocument, TemplateError,
};
use serde_json::Value;

use crate::document::{Content, is_reserved_field};
use crate::error::{InternalError, Result};
use crate::indexing::change::Sides;
use crate::schema::FieldsIdsMap;

/// Store of the vector of a template's text.
const TEMPLATE_STORE: u8 = 0;

/// How an embedder makes inputs of a document.
#[derive(Debug)]
pub(in crate::indexing) enum Inputs {
    /// One text.
    Template(DocumentTemplate),
    /// A JSON value for each fragment, in the order of their names.
    Fragments(Vec<NamedFragment>),
}

/// A fragment with its place.
#[derive(Debug)]
pub(in crate::indexing) struct NamedFragment {
    store: u8,
    name: String,
    template: FragmentTemplate,
}

/// One input of a document.
#[derive(Debug, PartialEq)]
pub(super) struct Rendered<'i> {
    pub(super) store: u8,
    /// Name of the fragment; empty for a template.
    pub(super) name: &'i str,
    /// The input; none when the fragment cannot be rendered.
    pub(super) input: Option<Input>,
}

impl Inputs {
    /// Parses the stored templates of an embedder.
    ///
    /// # Errors
    /// One is no Liquid, or a fragment has no value.
    pub(in crate::indexing) fn parse(config: &EmbedderConfig) -> Result<Inputs> {
        let damaged = |cause: String| {
            let name = &config.name;
            InternalError::Inconsistent(format!("the embedder `{name}` is damaged: {cause}"))
        };
        let values = config.config.embedder_options.indexing_fragments();
        if values.is_empty() {
            let prompt = &config.config.prompt;
            let max_bytes = prompt.max_bytes.unwrap_or(DEFAULT_TEMPLATE_MAX_BYTES);
            let template = DocumentTemplate::parse(&prompt.template, max_bytes)
                .map_err(|error| damaged(error.to_string()))?;
            return Ok(Inputs::Template(template));
        }
        let parse = |(name, value): (&String, &Value)| {
            let known = config.fragments.iter().find(|fragment| fragment.name == *name);
            let store = known.ok_or_else(|| damaged(format!("fragment `{name}` has no id")))?.id;
            let template = FragmentTemplate::parse(value)
                .map_err(|error| damaged(format!("fragment `{name}`: {error}")))?;
            Ok(NamedFragment { store, name: name.clone(), template })
        };
        Ok(Inputs::Fragments(values.iter().map(parse).collect::<Result<_>>()?))
    }

    /// Whether documents are cut into fragments.
    pub(super) fn are_fragments(&self) -> bool {
        matches!(self, Inputs::Fragments(_))
    }

    /// All inputs of a document.
    ///
    /// # Errors
    /// The template cannot be rendered. A fragment that cannot is none.
    pub(super) fn render(
        &self,
        document: &TemplateDocument,
    ) -> Result<Vec<Rendered<'_>>, TemplateError> {
        match self {
            Inputs::Template(template) => {
                let input = Some(Input::Text(template.render(document)?));
                Ok(vec![Rendered { store: TEMPLATE_STORE, name: "", input }])
            }
            Inputs::Fragments(fragments) => Ok(fragments
                .iter()
                .map(|fragment| Rendered {
                    store: fragment.store,
                    name: &fragment.name,
                    input: fragment.template.of_document(document).ok().map(Input::Fragment),
                })
                .collect()),
        }
    }

    /// The input of a name, when there is one that can be rendered.
    pub(super) fn render_one(&self, document: &TemplateDocument, name: &str) -> Option<Input> {
        match self {
            Inputs::Template(template) => template.render(document).ok().map(Input::Text),
            Inputs::Fragments(fragments) => {
                let fragment = fragments.iter().find(|fragment| fragment.name == name)?;
                fragment.template.of_document(document).ok().map(Input::Fragment)
            }
        }
    }

    /// What stands for a text that cannot be rendered, where this is let pass.
    pub(super) fn unrendered() -> Vec<Rendered<'static>> {
        vec![Rendered { store: TEMPLATE_STORE, name: "", input: None }]
    }
}

/// Memory of an input, in bytes.
pub(super) fn memory(input: Option<&Input>) -> usize {
    fn of_value(value: &Value) -> usize {
        size_of::<Value>()
            + match value {
                Value::String(text) => text.len(),
                Value::Array(values) => values.iter().map(of_value).sum(),
                Value::Object(members) => {
                    members.iter().map(|(name, value)| name.len() + of_value(value)).sum()
                }
                _ => 0,
            }
    }
    size_of::<(u8, Option<Input>)>()
        + match input {
            None => 0,
            Some(Input::Text(text)) => text.len(),
            Some(Input::Fragment(value)) => of_value(value),
        }
}

/// Which fields are searched, by name.
pub(in crate::indexing) type IsSearched<'v> = &'v dyn Fn(&str) -> bool;

/// Both sides of a document as templates see them, made when the first template asks.
pub(in crate::indexing) struct Views<'v> {
    sides: &'v Sides<'v>,
    fields: &'v FieldsIdsMap,
    is_searched: [IsSearched<'v>; 2],
    views: [OnceCell<TemplateDocument>; 2],
}

impl<'v> Views<'v> {
    /// Of the old side and the new one, with the fields that are searched before and after.
    pub(in crate::indexing) fn new(
        sides: &'v Sides<'v>,
        fields: &'v FieldsIdsMap,
        is_searched: [IsSearched<'v>; 2],
    ) -> Views<'v> {
        Views { sides, fields, is_searched, views: Default::default() }
    }

    /// Whether a template sees the same on both sides; only where the same fields are searched.
    pub(super) fn are_same(&self) -> bool {
        !self.sides.differ_in(|name| !is_reserved_field(name))
    }

    /// The document before.
    ///
    /// # Errors
    /// A value is not JSON.
    pub(super) fn old(&self) -> Result<&TemplateDocument, TemplateError> {
        self.view(0, self.sides.old.as_ref())
    }

    /// The document after.
    ///
    /// # Errors
    /// A value is not JSON.
    pub(super) fn new_side(&self) -> Result<&TemplateDocument, TemplateError> {
        self.view(1, self.sides.new.as_ref())
    }

    /// Top-level fields of the document after.
    pub(super) fn field_names(&self) -> impl Iterator<Item = &str> {
        self.sides.new.iter().flat_map(Content::iter).map(|(name, _)| name)
    }

    /// The JSON of a field of the document after.
    pub(super) fn field(&self, name: &str) -> Option<&str> {
        self.sides.new.as_ref()?.get(name)
    }

    fn view(
        &self,
        side: usize,
        content: Option<&Content<'_>>,
    ) -> Result<&TemplateDocument, TemplateError> {
        if self.views[side].get().is_none() {
            let fields = content.into_iter().flat_map(Content::iter);
            let mut fields: Vec<(&str, &str, bool)> = fields
                .filter(|(name, _)| !is_reserved_field(name))
                .map(|(name, json)| (name, json, (self.is_searched[side])(name)))
                .collect();
            // So the order of keys in a payload does not matter.
            fields.sort_by_key(|(name, ..)| self.fields.id(name));
            let document = TemplateDocument::new(fields)
                .map_err(|error| TemplateError::Render(error.to_string()))?;
            let _ = self.views[side].set(document);
        }
        let missing = || TemplateError::Render("there is no document".to_owned());
        self.views[side].get().ok_or_else(missing)
    }
}
