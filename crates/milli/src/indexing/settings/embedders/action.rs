//! Old × new options of an embedder that stays → what must be embedded anew (vectors.md 4). Values in force
//! are compared, so that a null where nothing was set changes nothing.

use std::collections::BTreeSet;

use embedders::{EmbedderConfig, EmbedderOptions, Prompt};

/// Longest text where nothing is set, in bytes (vectors.md 2.2).
const DEFAULT_MAX_BYTES: usize = 400;

/// What must be embedded anew, the strongest action that a change asks for.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Action {
    /// Nothing.
    None,
    /// Documents whose text is another one.
    Prompts,
    /// These fragments, where they are other ones. Empty when fragments only go.
    Fragments(BTreeSet<String>),
    /// All documents.
    Full,
}

impl Action {
    /// Compares. `searched_changed` tells whether the set of searched fields changes.
    pub(super) fn new(
        before: &EmbedderConfig,
        after: &EmbedderConfig,
        searched_changed: bool,
    ) -> Action {
        let (was, is) = (&before.config.embedder_options, &after.config.embedder_options);
        if is_other_model(was, is) {
            return Action::Full;
        }
        let (old, new) = (was.indexing_fragments(), is.indexing_fragments());
        if old.is_empty() != new.is_empty() {
            return Action::Full;
        }
        if old != new {
            let changed = new.iter().filter(|(name, value)| old.get(*name) != Some(value));
            return Action::Fragments(changed.map(|(name, _)| name.clone()).collect());
        }
        let has_template = new.is_empty() && !matches!(is, EmbedderOptions::UserProvided(_));
        let (old, new) = (&before.config.prompt, &after.config.prompt);
        // A text that is cut earlier is no reason: the vector tells more than it has to.
        let sees_more = max_bytes(new) > max_bytes(old);
        match has_template && (old.template != new.template || sees_more || searched_changed) {
            true => Action::Prompts,
            false => Action::None,
        }
    }
}

fn max_bytes(prompt: &Prompt) -> usize {
    prompt.max_bytes.unwrap_or(DEFAULT_MAX_BYTES)
}

/// Whether the same document may get another vector.
fn is_other_model(before: &EmbedderOptions, after: &EmbedderOptions) -> bool {
    use EmbedderOptions as Options;
    match (before, after) {
        (Options::HuggingFace(old), Options::HuggingFace(new)) => {
            (&old.model, &old.revision, old.pooling) != (&new.model, &new.revision, new.pooling)
        }
        (Options::OpenAi(old), Options::OpenAi(new)) => {
            old.embedding_model != new.embedding_model || before.dimensions() != after.dimensions()
        }
        (Options::Ollama(old), Options::Ollama(new)) => {
            (&old.embedding_model, &old.url) != (&new.embedding_model, &new.url)
        }
        (Options::Rest(old), Options::Rest(new)) => {
            (&old.url, &old.request, &old.response) != (&new.url, &new.request, &new.response)
        }
        (Options::UserProvided(_), Options::UserProvided(_)) => false,
        (Options::Composite(old), Options::Composite(new)) => {
            is_other_model(&old.index, &new.index)
        }
        _ => true,
    }
}
