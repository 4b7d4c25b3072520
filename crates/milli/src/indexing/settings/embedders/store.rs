//! What is asked for, over what is stored (vectors.md 3.3).

use std::collections::BTreeMap;

use embedders::{
    Config, Distribution, EmbedderConfig, EmbedderOptions, Prompt, UserProvidedOptions,
};
use meilisearch_types::not_implemented::NotImplemented;
use meilisearch_types::settings::{
    EmbedderSettings, EmbedderSource, Embedders as Request, Setting,
};

use super::super::SettingsError;
use super::{MAX_EMBEDDERS, refused};
use crate::error::Result;
use crate::schema::Schema;
use crate::store::{Index, RwTxn};
use crate::vector::CONFIGS;

/// The template that is stored when none is given (vectors.md 2.2).
const DEFAULT_TEMPLATE: &str = "{% for field in fields %}{% if field.is_searchable and field.value \
                                != nil %}{{ field.name }}: {{ field.value }}\n{% endif %}{% endfor %}";
const DEFAULT_TEMPLATE_MAX_BYTES: usize = 400;

/// Writes the embedders that are asked for over those in force.
///
/// # Errors
/// One cannot be as it is asked to be, or its source is not built.
pub(in crate::indexing::settings) fn store(
    index: &Index,
    wtxn: &mut RwTxn<'_>,
    request: &Setting<Request>,
    old: &Schema,
) -> Result<()> {
    let mut embedders: BTreeMap<String, EmbedderConfig> = match request {
        Setting::NotSet => return Ok(()),
        Setting::Reset => BTreeMap::new(),
        Setting::Set(_) => {
            let named = |embedder: &EmbedderConfig| (embedder.name.clone(), embedder.clone());
            old.embedders.iter().map(named).collect()
        }
    };
    for (name, embedder) in request.as_ref().set().into_iter().flatten() {
        let Setting::Set(embedder) = embedder else {
            embedders.remove(name);
            continue;
        };
        let settings = EmbedderSettings::parse(name, embedder).map_err(SettingsError::from)?;
        let merged = merge(name, &settings, embedders.get(name))?;
        embedders.insert(name.clone(), merged);
    }
    if embedders.len() > MAX_EMBEDDERS {
        let name = embedders.keys().next_back().map_or("", String::as_str);
        return Err(refused(name, format!("an index has at most {MAX_EMBEDDERS} embedders")));
    }
    if embedders.is_empty() {
        CONFIGS.delete(index, wtxn)?;
        return Ok(());
    }
    CONFIGS.put(index, wtxn, &embedders.into_values().collect())
}

/// Puts what is asked for over what is stored.
fn merge(
    name: &str,
    settings: &EmbedderSettings,
    stored: Option<&EmbedderConfig>,
) -> Result<EmbedderConfig> {
    let is_user_provided = match settings.source {
        Setting::Set(source) => source == EmbedderSource::UserProvided,
        // The default source is another one.
        Setting::Reset => false,
        Setting::NotSet => stored.is_some_and(|stored| {
            matches!(stored.config.embedder_options, EmbedderOptions::UserProvided(_))
        }),
    };
    if !is_user_provided {
        return Err(NotImplemented::EmbeddersSetting.into());
    }
    settings.check_allowed(name, EmbedderSource::UserProvided).map_err(SettingsError::from)?;
    let (mut dimensions, mut distribution, mut quantized) = (None, None, None);
    if let Some(stored) = stored {
        quantized = stored.config.quantized;
        if let EmbedderOptions::UserProvided(options) = &stored.config.embedder_options {
            (dimensions, distribution) = (Some(options.dimensions), options.distribution);
        }
    }
    settings.dimensions.apply_to(&mut dimensions);
    let spread = |given: meilisearch_types::settings::EmbedderDistribution| Distribution {
        mean: given.mean,
        sigma: given.sigma,
    };
    settings.distribution.map(spread).apply_to(&mut distribution);
    settings.binary_quantized.apply_to(&mut quantized);
    let was_quantized = stored.is_some_and(EmbedderConfig::is_quantized);
    if was_quantized && quantized != Some(true) {
        let cause = "`binaryQuantized` cannot go back from true: the vectors as they were sent are \
                     lost; remove the embedder, add it again and send the vectors";
        return Err(refused(name, cause));
    }
    let Some(dimensions) = dimensions else {
        return Err(refused(name, "an embedder of source `userProvided` needs `dimensions`"));
    };
    Ok(EmbedderConfig {
        name: name.to_owned(),
        config: Config {
            embedder_options: EmbedderOptions::UserProvided(UserProvidedOptions {
                dimensions,
                distribution,
            }),
            prompt: Prompt {
                template: DEFAULT_TEMPLATE.to_owned(),
                max_bytes: Some(DEFAULT_TEMPLATE_MAX_BYTES),
            },
            quantized,
        },
        fragments: Vec::new(),
    })
}
