//! The members of an embedder → its stored options, with the defaults of vectors.md 2.2.

use std::collections::{BTreeMap, BTreeSet};

use meilisearch_types::settings::{
    Distribution, EmbedderSettings, EmbedderSource, FragmentsSettings, Pooling, Setting,
};
use serde_json::Value;

use super::Fault;
use crate::config::{Config, EmbedderConfig, Fragment, Prompt};
use crate::options::{
    CompositeOptions, EmbedderOptions, HuggingFaceOptions, OllamaOptions, OpenAiModel,
    OpenAiOptions, RestOptions, UserProvidedOptions,
};
use crate::template::{DEFAULT_TEMPLATE, DEFAULT_TEMPLATE_MAX_BYTES};

/// Most indexing fragments of an embedder.
const MAX_FRAGMENTS: usize = 255;
/// The model of `huggingFace` that is used when none is given, with its revision.
const DEFAULT_MODEL: (&str, &str) =
    ("BAAI/bge-base-en-v1.5", "617ca489d9e86b49b8167676d8220688b99db36e");

/// The stored form of an embedder whose members are checked.
///
/// # Errors
/// A member that the source needs is missing, or there are too many fragments.
pub(super) fn config(
    name: &str,
    mut settings: EmbedderSettings,
    stored: Option<&EmbedderConfig>,
) -> Result<EmbedderConfig, Fault> {
    let quantized = take(&mut settings.binary_quantized);
    let distribution = take(&mut settings.distribution);
    let templates = match &mut settings.indexing_embedder {
        Setting::Set(indexing) => &mut **indexing,
        Setting::NotSet | Setting::Reset => &mut settings,
    };
    let template = take(&mut templates.document_template);
    let max_bytes = take(&mut templates.document_template_max_bytes);
    let prompt = Prompt {
        template: template.unwrap_or_else(|| DEFAULT_TEMPLATE.to_owned()),
        max_bytes: Some(max_bytes.unwrap_or(DEFAULT_TEMPLATE_MAX_BYTES)),
    };
    let embedder_options = options(settings, distribution)?;
    let names = embedder_options.indexing_fragments().keys();
    let fragments = number(names, stored.map_or(&[], |stored| &stored.fragments))?;
    let config = Config { embedder_options, prompt, quantized };
    Ok(EmbedderConfig { name: name.to_owned(), config, fragments })
}

fn options(
    settings: EmbedderSettings,
    distribution: Option<Distribution>,
) -> Result<EmbedderOptions, Fault> {
    let source = settings.source.set().unwrap_or(EmbedderSource::OpenAi);
    let model = settings.model.set();
    let (url, api_key) = (settings.url.set(), settings.api_key.set());
    let dimensions = settings.dimensions.set();
    Ok(match source {
        EmbedderSource::OpenAi => EmbedderOptions::OpenAi(OpenAiOptions {
            url,
            api_key,
            embedding_model: model.and_then(|name| OpenAiModel::named(&name)).unwrap_or_default(),
            dimensions,
            distribution,
        }),
        EmbedderSource::HuggingFace => {
            let (default_model, default_revision) = DEFAULT_MODEL;
            let revision = settings.revision.set();
            EmbedderOptions::HuggingFace(HuggingFaceOptions {
                revision: match model {
                    None => revision.or_else(|| Some(default_revision.to_owned())),
                    Some(_) => revision,
                },
                model: model.unwrap_or_else(|| default_model.to_owned()),
                distribution,
                pooling: settings.pooling.set().unwrap_or(Pooling::UseModel),
            })
        }
        EmbedderSource::Ollama => EmbedderOptions::Ollama(OllamaOptions {
            embedding_model: needed(model, "model")?,
            url,
            api_key,
            distribution,
            dimensions,
        }),
        EmbedderSource::UserProvided => EmbedderOptions::UserProvided(UserProvidedOptions {
            dimensions: needed(dimensions, "dimensions")?,
            distribution,
        }),
        EmbedderSource::Rest => EmbedderOptions::Rest(RestOptions {
            api_key,
            distribution,
            dimensions,
            url: needed(url, "url")?,
            request: needed(settings.request.set(), "request")?,
            search_fragments: values(settings.search_fragments),
            indexing_fragments: values(settings.indexing_fragments),
            response: needed(settings.response.set(), "response")?,
            headers: settings.headers.set().unwrap_or_default(),
        }),
        // Sides have no distribution of their own: their members hold that of the whole.
        EmbedderSource::Composite => {
            let search = needed(settings.search_embedder.set(), "searchEmbedder")?;
            let index = needed(settings.indexing_embedder.set(), "indexingEmbedder")?;
            EmbedderOptions::Composite(CompositeOptions {
                search: Box::new(options(*search, distribution)?),
                index: Box::new(options(*index, distribution)?),
            })
        }
    })
}

fn take<T>(member: &mut Setting<T>) -> Option<T> {
    std::mem::take(member).set()
}

fn needed<T>(value: Option<T>, member: &str) -> Result<T, Fault> {
    value.ok_or_else(|| Fault::member(format!("it needs `{member}`")))
}

fn values(fragments: Setting<FragmentsSettings>) -> BTreeMap<String, Value> {
    let fragments = fragments.set().unwrap_or_default();
    fragments.into_iter().filter_map(|(name, fragment)| Some((name, fragment?.value))).collect()
}

/// Numbers fragments: those that stay keep theirs, new ones get the lowest free ones.
fn number<'n>(
    names: impl Iterator<Item = &'n String>,
    stored: &[Fragment],
) -> Result<Vec<Fragment>, Fault> {
    let names: Vec<&String> = names.collect();
    if names.len() > MAX_FRAGMENTS {
        let cause = format!("an embedder has at most {MAX_FRAGMENTS} `indexingFragments`");
        return Err(Fault::member(cause));
    }
    let id_of = |name: &String| stored.iter().find(|old| old.name == *name).map(|old| old.id);
    let taken: BTreeSet<u8> = names.iter().copied().filter_map(id_of).collect();
    let mut free = (0..u8::MAX).filter(|id| !taken.contains(id));
    let fragment = |name: &String| {
        let id = id_of(name).or_else(|| free.next());
        id.map(|id| Fragment { id, name: name.clone() })
    };
    Ok(names.into_iter().filter_map(fragment).collect())
}
