//! What is asked for, over what is stored (vectors.md 3.2 and 3.3).

use meilisearch_types::settings::{
    EmbedderSettings, EmbedderSettingsError, EmbedderSource, FragmentsSettings, Setting,
};

use super::check::{Scope, check_in};
use super::members::Members;
use super::{Fault, Place, build, has_fragments, shown};
use crate::config::EmbedderConfig;

/// Members that stay when the source changes, where the new one has them.
const SURVIVES: [&str; 7] = [
    "apiKey",
    "binaryQuantized",
    "documentTemplate",
    "documentTemplateMaxBytes",
    "searchEmbedder",
    "indexingEmbedder",
    "distribution",
];

/// The embedder of that name once a request is done.
///
/// # Errors
/// The members that it would have are wrong, or do not go with each other or with its source.
pub fn merge(
    name: &str,
    request: &EmbedderSettings,
    stored: Option<&EmbedderConfig>,
) -> Result<EmbedderConfig, EmbedderSettingsError> {
    let merged = || {
        let merged = merged(request, stored.map(shown::settings), Place::Top)?;
        check_in(&merged, Place::Top, Scope::Whole)?;
        if merged.indexing_fragments.is_not_set() != merged.search_fragments.is_not_set() {
            let cause = "an embedder with fragments needs both `indexingFragments` and \
                         `searchFragments`";
            return Err(Fault::embedding(cause));
        }
        let was_quantized = stored.is_some_and(EmbedderConfig::is_quantized);
        if was_quantized && merged.binary_quantized != Setting::Set(true) {
            let cause = "`binaryQuantized` cannot go back from true: the vectors as they were are \
                         lost; remove the embedder and add it again";
            return Err(Fault::member(cause));
        }
        build::config(name, merged, stored)
    };
    merged().map_err(|fault| fault.of(name))
}

/// The members of an embedder once a request is done: set or absent, those of its source only.
///
/// # Errors
/// The request sends members that the source has not.
fn merged(
    request: &EmbedderSettings,
    stored: Option<EmbedderSettings>,
    place: Place,
) -> Result<EmbedderSettings, Fault> {
    let stored = stored.unwrap_or_default();
    let source = match (&request.source, &stored.source) {
        (Setting::Set(source), _) | (Setting::NotSet, Setting::Set(source)) => *source,
        (Setting::NotSet | Setting::Reset, _) if place == Place::Top => EmbedderSource::OpenAi,
        _ => return Err(Fault::member("it needs `source`")),
    };
    let members = Members::of(source, place);
    members.check_allowed(request)?;

    let mut merged = stored;
    let changes_source = merged.source != Setting::Set(source);
    merged
        .retain(|member| members.allow(member) && (!changes_source || SURVIVES.contains(&member)));
    if is_other_model(&merged, request) {
        // It belongs to the former model.
        merged.revision = Setting::NotSet;
    }
    let indexing_fragments = fragments(&merged.indexing_fragments, &request.indexing_fragments);
    let search_fragments = fragments(&merged.search_fragments, &request.search_fragments);
    let search_embedder = match &request.search_embedder {
        Setting::Set(asked) => Setting::Set(Box::new(
            self::merged(asked, None, Place::Search)
                .map_err(|fault| fault.inside("searchEmbedder"))?,
        )),
        other => other.clone(),
    };
    let indexing_embedder = match &request.indexing_embedder {
        Setting::Set(asked) => {
            let stored = merged.indexing_embedder.as_ref().set().map(|stored| (**stored).clone());
            Setting::Set(Box::new(
                self::merged(asked, stored, Place::Indexing)
                    .map_err(|fault| fault.inside("indexingEmbedder"))?,
            ))
        }
        other => other.clone(),
    };
    let mut merged = EmbedderSettings { indexing_fragments, search_fragments, ..merged };
    if has_fragments(&merged) {
        // Fragments take the place of a stored template.
        merged.document_template = Setting::NotSet;
        merged.document_template_max_bytes = Setting::NotSet;
    }
    merged.overwrite_with(EmbedderSettings {
        source: Setting::Set(source),
        indexing_fragments: Setting::NotSet,
        search_fragments: Setting::NotSet,
        search_embedder,
        indexing_embedder,
        ..request.clone()
    });
    Ok(merged)
}

/// Whether a request names another model than the stored one.
fn is_other_model(stored: &EmbedderSettings, request: &EmbedderSettings) -> bool {
    !request.model.is_not_set() && request.model != stored.model
}

/// Fragments once a request is done; absent when there are none.
fn fragments(
    stored: &Setting<FragmentsSettings>,
    request: &Setting<FragmentsSettings>,
) -> Setting<FragmentsSettings> {
    let mut fragments = stored.as_ref().set().cloned().unwrap_or_default();
    match request {
        Setting::NotSet => {}
        Setting::Reset => fragments.clear(),
        Setting::Set(asked) => {
            fragments.extend(asked.iter().map(|(name, asked)| (name.clone(), asked.clone())));
            fragments.retain(|_, fragment| fragment.is_some());
        }
    }
    if fragments.is_empty() { Setting::NotSet } else { Setting::Set(fragments) }
}
