//! Stored options → the members of an embedder as users see them (vectors.md 2.3).

use std::collections::BTreeMap;

use meilisearch_types::settings::{
    Distribution, EmbedderSettings, EmbedderSource, FragmentSettings, FragmentsSettings, Setting,
};
use serde_json::Value;

use crate::config::{EmbedderConfig, Prompt};
use crate::options::{EmbedderOptions, OpenAiModel};
use crate::template::DEFAULT_TEMPLATE_MAX_BYTES;

/// An embedder as JSON, with its secrets.
pub fn shown(config: &EmbedderConfig) -> Value {
    // Members are texts, numbers and JSON, which JSON can hold.
    serde_json::to_value(settings(config)).unwrap_or_default()
}

/// The members of an embedder: set or absent.
pub(super) fn settings(config: &EmbedderConfig) -> EmbedderSettings {
    let options = &config.config.embedder_options;
    EmbedderSettings {
        binary_quantized: set(config.config.quantized),
        distribution: set(distribution(options)),
        ..members(options, Some(&config.config.prompt))
    }
}

/// The members of options; the template of documents belongs to what embeds these.
fn members(options: &EmbedderOptions, prompt: Option<&Prompt>) -> EmbedderSettings {
    use EmbedderOptions as Options;
    let of_source =
        |source| EmbedderSettings { source: Setting::Set(source), ..Default::default() };
    let with_prompt = |source| EmbedderSettings {
        document_template: set(prompt.map(|prompt| prompt.template.clone())),
        document_template_max_bytes: set(
            prompt.map(|prompt| prompt.max_bytes.unwrap_or(DEFAULT_TEMPLATE_MAX_BYTES))
        ),
        ..of_source(source)
    };
    match options {
        Options::OpenAi(options) => EmbedderSettings {
            model: Setting::Set(OpenAiModel::name(options.embedding_model).to_owned()),
            api_key: set(options.api_key.clone()),
            dimensions: set(options.dimensions),
            url: set(options.url.clone()),
            ..with_prompt(EmbedderSource::OpenAi)
        },
        Options::HuggingFace(options) => EmbedderSettings {
            model: Setting::Set(options.model.clone()),
            revision: set(options.revision.clone()),
            pooling: Setting::Set(options.pooling),
            ..with_prompt(EmbedderSource::HuggingFace)
        },
        Options::Ollama(options) => EmbedderSettings {
            model: Setting::Set(options.embedding_model.clone()),
            api_key: set(options.api_key.clone()),
            dimensions: set(options.dimensions),
            url: set(options.url.clone()),
            ..with_prompt(EmbedderSource::Ollama)
        },
        Options::UserProvided(options) => EmbedderSettings {
            dimensions: Setting::Set(options.dimensions),
            ..of_source(EmbedderSource::UserProvided)
        },
        Options::Rest(options) => {
            let indexing_fragments = fragments(&options.indexing_fragments);
            let search_fragments = fragments(&options.search_fragments);
            let rest = match (&indexing_fragments, &search_fragments) {
                (Setting::NotSet, Setting::NotSet) => with_prompt(EmbedderSource::Rest),
                _ => of_source(EmbedderSource::Rest),
            };
            EmbedderSettings {
                api_key: set(options.api_key.clone()),
                dimensions: set(options.dimensions),
                url: Setting::Set(options.url.clone()),
                indexing_fragments,
                search_fragments,
                request: Setting::Set(options.request.clone()),
                response: Setting::Set(options.response.clone()),
                headers: Setting::Set(options.headers.clone()),
                ..rest
            }
        }
        Options::Composite(options) => EmbedderSettings {
            search_embedder: Setting::Set(Box::new(members(&options.search, None))),
            indexing_embedder: Setting::Set(Box::new(members(&options.index, prompt))),
            ..of_source(EmbedderSource::Composite)
        },
    }
}

/// How similarities are said to be spread; sides of a composite embedder hold that of the whole.
fn distribution(options: &EmbedderOptions) -> Option<Distribution> {
    use EmbedderOptions as Options;
    match options {
        Options::OpenAi(options) => options.distribution,
        Options::HuggingFace(options) => options.distribution,
        Options::Ollama(options) => options.distribution,
        Options::UserProvided(options) => options.distribution,
        Options::Rest(options) => options.distribution,
        Options::Composite(options) => {
            distribution(&options.search).or_else(|| distribution(&options.index))
        }
    }
}

fn set<T>(value: Option<T>) -> Setting<T> {
    value.map_or(Setting::NotSet, Setting::Set)
}

/// Fragments in the form in which they are given; absent when there are none.
fn fragments(stored: &BTreeMap<String, Value>) -> Setting<FragmentsSettings> {
    let fragment = |(name, value): (&String, &Value)| {
        (name.clone(), Some(FragmentSettings { value: value.clone() }))
    };
    set((!stored.is_empty()).then(|| stored.iter().map(fragment).collect()))
}
