//! The parameter `template`: where a template comes from → the template, parsed.

use deserr::Deserr;
use embedders::{
    DEFAULT_TEMPLATE_MAX_BYTES, DocumentTemplate, EmbedderConfig, EmbedderOptions,
    FragmentTemplate, TemplateError,
};
use index_scheduler::IndexScheduler;
use meilisearch_types::deserr::DeserrJsonError;
use meilisearch_types::error::deserr_codes::InvalidRenderTemplate;
use meilisearch_types::error::{Code, ResponseError};
use meilisearch_types::features::RuntimeTogglableFeatures;
use meilisearch_types::index_uid::IndexUid;
use meilisearch_types::not_implemented::NotImplemented;
use milli::Schema;
use schemars::JsonSchema;
use serde_json::Value;

use super::check_parameters;
use crate::features::not_enabled;

#[derive(Debug, Deserr, JsonSchema)]
#[deserr(error = DeserrJsonError<InvalidRenderTemplate>, rename_all = camelCase, deny_unknown_fields)]
#[schemars(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(rename = "RenderTemplate")]
pub(super) struct Template {
    /// Where the template comes from.
    kind: TemplateKind,
    #[deserr(default)]
    index_uid: Option<IndexUid>,
    #[deserr(default)]
    embedder: Option<String>,
    /// Name of the fragment of the embedder.
    #[deserr(default)]
    fragment: Option<String>,
    /// The template itself.
    #[deserr(default)]
    inline: Option<Value>,
    /// Greatest length of the rendered text in bytes.
    #[deserr(default)]
    document_template_max_bytes: Option<u64>,
}

#[derive(Debug, Clone, Copy, Deserr, JsonSchema)]
#[deserr(rename_all = camelCase)]
#[schemars(rename_all = "camelCase")]
#[schemars(rename = "RenderTemplateKind")]
enum TemplateKind {
    DocumentTemplate,
    ChatDocumentTemplate,
    IndexingFragment,
    SearchFragment,
    InlineDocumentTemplate,
    InlineFragment,
}

impl TemplateKind {
    fn name(self) -> &'static str {
        match self {
            TemplateKind::DocumentTemplate => "documentTemplate",
            TemplateKind::ChatDocumentTemplate => "chatDocumentTemplate",
            TemplateKind::IndexingFragment => "indexingFragment",
            TemplateKind::SearchFragment => "searchFragment",
            TemplateKind::InlineDocumentTemplate => "inlineDocumentTemplate",
            TemplateKind::InlineFragment => "inlineFragment",
        }
    }
}

/// A template that is ready.
pub(super) enum Parsed {
    Document(DocumentTemplate),
    Fragment(FragmentTemplate),
}

impl Template {
    /// Checks the parameters of the kind, then its feature.
    ///
    /// # Errors
    /// A parameter is missing, superfluous or out of bounds; the feature is off, or not built.
    pub(super) fn check(&self, features: &RuntimeTogglableFeatures) -> Result<(), ResponseError> {
        use TemplateKind as Kind;
        let bytes = "documentTemplateMaxBytes";
        let (needs, takes): (&[&str], &[&str]) = match self.kind {
            Kind::DocumentTemplate => (&["indexUid", "embedder"], &[bytes]),
            Kind::ChatDocumentTemplate => (&["indexUid"], &[bytes]),
            Kind::IndexingFragment | Kind::SearchFragment => {
                (&["indexUid", "embedder", "fragment"], &[])
            }
            Kind::InlineDocumentTemplate => (&["inline"], &[bytes]),
            Kind::InlineFragment => (&["inline"], &[]),
        };
        let given = [
            ("indexUid", self.index_uid.is_some()),
            ("embedder", self.embedder.is_some()),
            ("fragment", self.fragment.is_some()),
            ("inline", self.inline.is_some()),
            (bytes, self.document_template_max_bytes.is_some()),
        ];
        let code = Code::InvalidRenderTemplate;
        check_parameters("template", self.kind.name(), &given, needs, takes, code)?;
        if self.document_template_max_bytes == Some(0) {
            return Err(refused(format!("`.template.{bytes}` must be at least 1.")));
        }
        match self.kind {
            Kind::ChatDocumentTemplate if !features.chat_completions => {
                Err(not_enabled("A template of the setting `chat`", "chatCompletions"))
            }
            Kind::ChatDocumentTemplate => Err(NotImplemented::ChatSetting.into()),
            Kind::IndexingFragment | Kind::SearchFragment | Kind::InlineFragment
                if !features.multimodal =>
            {
                Err(not_enabled("A fragment", "multimodal"))
            }
            _ => Ok(()),
        }
    }

    /// The index that the template belongs to.
    pub(super) fn index_uid(&self) -> Option<&IndexUid> {
        self.index_uid.as_ref()
    }

    /// The template as JSON, and parsed.
    ///
    /// # Errors
    /// There is no such index, embedder or fragment, or the template is no Liquid.
    pub(super) fn parse(
        &self,
        scheduler: &IndexScheduler,
    ) -> Result<(Value, Parsed), ResponseError> {
        match (&self.index_uid, &self.inline) {
            (Some(uid), _) => self.stored(scheduler, uid),
            (None, Some(inline)) => self.inline(inline),
            (None, None) => Err(refused("`.template` needs `inline` or `indexUid`.".to_owned())),
        }
    }

    fn inline(&self, inline: &Value) -> Result<(Value, Parsed), ResponseError> {
        let parsed = match (self.kind, inline) {
            (TemplateKind::InlineFragment, fragment) => parse_fragment(fragment)?,
            (_, Value::String(text)) => self.parse_text(text, DEFAULT_TEMPLATE_MAX_BYTES)?,
            _ => {
                let message = "`.template.inline`: a document template is a string.";
                return Err(refused(message.to_owned()));
            }
        };
        Ok((inline.clone(), parsed))
    }

    fn stored(
        &self,
        scheduler: &IndexScheduler,
        uid: &IndexUid,
    ) -> Result<(Value, Parsed), ResponseError> {
        let index = scheduler.index(uid)?;
        let rtxn = index.read_txn()?;
        let schema = Schema::load(&index, &rtxn)?;
        let name = self.embedder.as_deref().unwrap_or_default();
        let embedder = schema.embedders.iter().find(|embedder| embedder.name == name);
        let embedder = embedder.ok_or_else(|| {
            let names = schema.embedders.iter().map(|embedder| &*embedder.name);
            unknown("embedder", name, &format!("the index `{uid}`"), names)
        })?;
        let options = &embedder.config.embedder_options;
        let fragments = match self.kind {
            TemplateKind::IndexingFragment => options.indexing_fragments(),
            TemplateKind::SearchFragment => options.search_fragments(),
            _ => return self.stored_text(embedder),
        };
        let wanted = self.fragment.as_deref().unwrap_or_default();
        let fragment = fragments.get(wanted).ok_or_else(|| {
            let place = format!("the embedder `{name}`");
            unknown("fragment", wanted, &place, fragments.keys().map(String::as_str))
        })?;
        Ok((fragment.clone(), parse_fragment(fragment)?))
    }

    /// The document template of an embedder that has one.
    fn stored_text(&self, embedder: &EmbedderConfig) -> Result<(Value, Parsed), ResponseError> {
        let EmbedderConfig { name, config, .. } = embedder;
        let options = &config.embedder_options;
        if matches!(options, EmbedderOptions::UserProvided(_))
            || !options.indexing_fragments().is_empty()
        {
            let message = format!(
                "`.template.embedder`: the embedder `{name}` has no document template; users send its \
                 vectors, or it has fragments."
            );
            return Err(refused(message));
        }
        let max_bytes = config.prompt.max_bytes.unwrap_or(DEFAULT_TEMPLATE_MAX_BYTES);
        let text = &config.prompt.template;
        Ok((Value::from(text.as_str()), self.parse_text(text, max_bytes)?))
    }

    fn parse_text(&self, text: &str, max_bytes: usize) -> Result<Parsed, ResponseError> {
        let given = self.document_template_max_bytes;
        let max_bytes =
            given.map_or(max_bytes, |bytes| usize::try_from(bytes).unwrap_or(usize::MAX));
        DocumentTemplate::parse(text, max_bytes).map(Parsed::Document).map_err(not_parsed)
    }
}

fn parse_fragment(fragment: &Value) -> Result<Parsed, ResponseError> {
    FragmentTemplate::parse(fragment).map(Parsed::Fragment).map_err(not_parsed)
}

fn not_parsed(error: TemplateError) -> ResponseError {
    ResponseError::from_msg(format!("`.template`: {error}"), Code::TemplateParsingError)
}

fn unknown<'n>(
    what: &str,
    name: &str,
    place: &str,
    known: impl Iterator<Item = &'n str>,
) -> ResponseError {
    let known: Vec<_> = known.collect();
    refused(match known.is_empty() {
        true => format!("`.template.{what}`: {place} has no {what} `{name}`; it has none."),
        false => format!(
            "`.template.{what}`: {place} has no {what} `{name}`; it has `{}`.",
            known.join("`, `")
        ),
    })
}

fn refused(message: String) -> ResponseError {
    ResponseError::from_msg(message, Code::InvalidRenderTemplate)
}
