//! Whether the members of an embedder go together (vectors.md 3.1). Nested embedders are checked like those
//! with a name.

use meilisearch_types::settings::{
    EmbedderSettings, EmbedderSettingsError, EmbedderSource, FragmentsSettings, Setting,
};
use serde_json::Value;

use super::members::Members;
use super::{Fault, Place, has_fragments, nested};
use crate::fragment::FragmentTemplate;
use crate::options::OpenAiModel;
use crate::pattern::{EMBEDDING, FRAGMENT, Pattern, TEXT};
use crate::template::{DEFAULT_TEMPLATE_MAX_BYTES, DocumentTemplate};

/// What is known of the members.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Scope {
    /// A request, whose other members may be stored.
    Request,
    /// All members.
    Whole,
}

/// Checks what a request asks of an embedder, as far as the request alone tells.
///
/// # Errors
/// Members are wrong, or do not go with each other or with the source that the request names.
pub fn check(name: &str, settings: &EmbedderSettings) -> Result<(), EmbedderSettingsError> {
    check_in(settings, Place::Top, Scope::Request).map_err(|fault| fault.of(name))
}

/// Checks members in their order.
///
/// # Errors
/// As for [`check`].
pub(super) fn check_in(
    settings: &EmbedderSettings,
    place: Place,
    scope: Scope,
) -> Result<(), Fault> {
    check_values(settings)?;
    check_patterns(settings, scope)?;
    let Setting::Set(source) = settings.source else {
        return match place {
            Place::Top => Ok(()),
            Place::Search | Place::Indexing => Err(Fault::member("it needs `source`")),
        };
    };
    if place != Place::Top
        && matches!(source, EmbedderSource::Composite | EmbedderSource::UserProvided)
    {
        let cause = "its `source` can be neither `composite` nor `userProvided`";
        return Err(Fault::member(cause));
    }
    let members = Members::of(source, place);
    members.check_allowed(settings)?;
    members.check_required(settings)?;
    if source == EmbedderSource::OpenAi {
        check_model(settings)?;
    }
    for (member, place, embedder) in nested(settings) {
        check_in(embedder, place, scope).map_err(|fault| fault.inside(member))?;
    }
    Ok(())
}

/// Members that are wrong by themselves.
fn check_values(settings: &EmbedderSettings) -> Result<(), Fault> {
    if let Setting::Set(template) = &settings.document_template {
        DocumentTemplate::parse(template, DEFAULT_TEMPLATE_MAX_BYTES)
            .map_err(|error| Fault::member(format!("`documentTemplate`: {error}")))?;
    }
    for (member, value) in [
        ("documentTemplateMaxBytes", &settings.document_template_max_bytes),
        ("dimensions", &settings.dimensions),
    ] {
        if *value == Setting::Set(0) {
            return Err(Fault::member(format!("`{member}` must be at least 1")));
        }
    }
    if let Setting::Set(url) = &settings.url
        && let Err(error) = url::Url::parse(url)
    {
        let cause = format!(
            "`url` must be a whole address such as `http://localhost:8000/embed`, but it is `{url}`: {error}"
        );
        return Err(Fault::member(cause));
    }
    Ok(())
}

/// Fragments and the patterns that they are put into.
fn check_patterns(settings: &EmbedderSettings, scope: Scope) -> Result<(), Fault> {
    if has_fragments(settings) && matches!(settings.document_template, Setting::Set(_)) {
        let cause = "an embedder has either a `documentTemplate` or fragments; \
                     reset the one with null";
        return Err(Fault::embedding(cause));
    }
    if scope == Scope::Whole
        && has_fragments(settings)
        && !matches!(settings.dimensions, Setting::Set(_))
    {
        return Err(Fault::embedding("an embedder with fragments needs `dimensions`"));
    }
    let Setting::Set(request) = &settings.request else { return Ok(()) };
    let request = parse_request(settings, request, scope)?;
    for (member, fragments) in [
        ("indexingFragments", &settings.indexing_fragments),
        ("searchFragments", &settings.search_fragments),
    ] {
        if let Setting::Set(fragments) = fragments {
            check_fragments(member, fragments)?;
        }
    }
    let Setting::Set(response) = &settings.response else { return Ok(()) };
    let response = Pattern::parse(response, EMBEDDING)
        .map_err(|error| Fault::embedding(format!("`response` is no pattern: {error}")))?;
    if request.arity() != response.arity() {
        let cause = "`request` and `response` must both have `{{..}}`, or both not have it";
        return Err(Fault::embedding(cause));
    }
    Ok(())
}

/// The pattern of a request. Whether it is sent texts or fragments may depend on what is stored.
fn parse_request(
    settings: &EmbedderSettings,
    request: &Value,
    scope: Scope,
) -> Result<Pattern, Fault> {
    let resets_fragments = settings.indexing_fragments == Setting::Reset
        || settings.search_fragments == Setting::Reset;
    let is_known = scope == Scope::Whole || resets_fragments;
    let parsed = match (has_fragments(settings), is_known) {
        (true, _) => Pattern::parse(request, FRAGMENT),
        (false, true) => Pattern::parse(request, TEXT),
        (false, false) => Pattern::parse(request, TEXT)
            .or_else(|error| Pattern::parse(request, FRAGMENT).map_err(|_| error)),
    };
    parsed.map_err(|error| Fault::embedding(format!("`request` is no pattern: {error}")))
}

fn check_fragments(member: &str, fragments: &FragmentsSettings) -> Result<(), Fault> {
    for (name, fragment) in fragments {
        if let Some(fragment) = fragment {
            FragmentTemplate::parse(&fragment.value)
                .map_err(|error| Fault::embedding(format!("`{member}.{name}`: {error}")))?;
        }
    }
    Ok(())
}

/// The model of an embedder of OpenAI and the dimensions that it can have (vectors.md 10).
fn check_model(settings: &EmbedderSettings) -> Result<(), Fault> {
    let model = match &settings.model {
        Setting::Set(name) => OpenAiModel::named(name).ok_or_else(|| {
            let known = OpenAiModel::ALL.map(OpenAiModel::name).join("`, `");
            Fault::member(format!("`model` must be one of `{known}`, but it is `{name}`"))
        })?,
        Setting::NotSet | Setting::Reset => OpenAiModel::default(),
    };
    let Setting::Set(dimensions) = settings.dimensions else { return Ok(()) };
    let (name, most) = (model.name(), model.default_dimensions());
    if !model.takes_dimensions() && dimensions != most {
        return Err(Fault::member(format!(
            "`dimensions` of the model `{name}` can only be {most}, but it is {dimensions}"
        )));
    }
    if dimensions > most {
        return Err(Fault::member(format!(
            "`dimensions` of the model `{name}` must be at most {most}, but it is {dimensions}"
        )));
    }
    Ok(())
}
