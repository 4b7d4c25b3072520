//! The parameter `input`: a document or a search → what templates see of it.

use deserr::Deserr;
use embedders::{QueryInput, TemplateDocument};
use index_scheduler::IndexScheduler;
use meilisearch_types::deserr::DeserrJsonError;
use meilisearch_types::error::deserr_codes::InvalidRenderInput;
use meilisearch_types::error::{Code, ResponseError};
use meilisearch_types::features::RuntimeTogglableFeatures;
use meilisearch_types::index_uid::IndexUid;
use milli::Schema;
use milli::document::{docid, document, template_view, to_json};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::check_parameters;
use crate::features::not_enabled;

#[derive(Debug, Deserr, JsonSchema)]
#[deserr(error = DeserrJsonError<InvalidRenderInput>, rename_all = camelCase, deny_unknown_fields)]
#[schemars(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(rename = "RenderInput")]
pub(super) struct Input {
    /// Where the input comes from.
    kind: InputKind,
    #[deserr(default)]
    index_uid: Option<IndexUid>,
    #[deserr(default)]
    id: Option<String>,
    /// The input itself.
    #[deserr(default)]
    inline: Option<Value>,
}

#[derive(Debug, Clone, Copy, Deserr, JsonSchema)]
#[deserr(rename_all = camelCase)]
#[allow(clippy::enum_variant_names, reason = "the names on the wire")]
#[schemars(rename_all = "camelCase")]
#[schemars(rename = "RenderInputKind")]
enum InputKind {
    IndexDocument,
    InlineDocument,
    InlineSearch,
}

/// What templates see.
pub(super) enum Seen {
    Document(TemplateDocument),
    Search(Search),
}

/// A search as search fragments see it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Search {
    #[serde(default)]
    q: Option<String>,
    #[serde(default)]
    media: Option<Value>,
}

impl Search {
    pub(super) fn query(&self) -> QueryInput<'_> {
        QueryInput { text: self.q.as_deref(), media: self.media.as_ref() }
    }
}

impl InputKind {
    fn name(self) -> &'static str {
        match self {
            InputKind::IndexDocument => "indexDocument",
            InputKind::InlineDocument => "inlineDocument",
            InputKind::InlineSearch => "inlineSearch",
        }
    }
}

impl Input {
    /// Checks the parameters of the kind, then its feature.
    ///
    /// # Errors
    /// A parameter is missing or superfluous, or the feature is off.
    pub(super) fn check(&self, features: &RuntimeTogglableFeatures) -> Result<(), ResponseError> {
        let needs: &[&str] = match self.kind {
            InputKind::IndexDocument => &["indexUid", "id"],
            InputKind::InlineDocument | InputKind::InlineSearch => &["inline"],
        };
        let given = [
            ("indexUid", self.index_uid.is_some()),
            ("id", self.id.is_some()),
            ("inline", self.inline.is_some()),
        ];
        let code = Code::InvalidRenderInput;
        check_parameters("input", self.kind.name(), &given, needs, &[], code)?;
        match self.kind {
            InputKind::InlineSearch if !features.multimodal => {
                Err(not_enabled("An input of the kind `inlineSearch`", "multimodal"))
            }
            _ => Ok(()),
        }
    }

    /// The index that the document is in.
    pub(super) fn index_uid(&self) -> Option<&IndexUid> {
        self.index_uid.as_ref()
    }

    /// What templates see. Which fields are searched is told by the index of the template, else by that of
    /// the document; without either all are.
    ///
    /// # Errors
    /// There is no such index or document, or the input itself has another form.
    pub(super) fn see(
        self,
        scheduler: &IndexScheduler,
        index_of_template: Option<&IndexUid>,
    ) -> Result<Seen, ResponseError> {
        let inline = self.inline.unwrap_or_default();
        let document = match (self.kind, &self.index_uid, inline) {
            (InputKind::IndexDocument, Some(uid), _) => {
                stored(scheduler, uid, self.id.as_deref().unwrap_or_default())?
            }
            (InputKind::InlineSearch, _, inline) => {
                let search = serde_json::from_value(inline).map_err(|error| {
                    refused(format!("`.input.inline`: a search has `q` and `media`: {error}."))
                })?;
                return Ok(Seen::Search(search));
            }
            (_, _, Value::Object(document)) => document,
            _ => return Err(refused("`.input.inline`: a document is an object.".to_owned())),
        };
        let schema = match index_of_template.or(self.index_uid.as_ref()) {
            Some(uid) => {
                let index = scheduler.index(uid)?;
                let rtxn = index.read_txn()?;
                Some(Schema::load(&index, &rtxn)?)
            }
            None => None,
        };
        Ok(Seen::Document(template_view(&document, schema.as_ref())?))
    }
}

/// A document of an index.
fn stored(
    scheduler: &IndexScheduler,
    uid: &IndexUid,
    id: &str,
) -> Result<Map<String, Value>, ResponseError> {
    let index = scheduler.index(uid)?;
    let rtxn = index.read_txn()?;
    let found = match docid(&index, &rtxn, id)? {
        Some(docid) => document(&index, &rtxn, docid)?,
        None => None,
    };
    let found = found.ok_or_else(|| {
        let message = format!("The index `{uid}` holds no document with the id `{id}`.");
        ResponseError::from_msg(message, Code::RenderDocumentNotFound)
    })?;
    Ok(to_json(found, &index.fields_ids_map(&rtxn)?)?)
}

fn refused(message: String) -> ResponseError {
    ResponseError::from_msg(message, Code::InvalidRenderInput)
}
