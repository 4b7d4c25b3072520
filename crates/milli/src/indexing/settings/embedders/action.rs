//! Old × new options of an embedder that stays → what must be embedded anew (vectors.md 4). Values in force
//! are compared, so that a null where nothing was set changes nothing.

use std::collections::BTreeSet;

use embedders::{DEFAULT_TEMPLATE_MAX_BYTES, EmbedderConfig, EmbedderOptions, Prompt};

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
    prompt.max_bytes.unwrap_or(DEFAULT_TEMPLATE_MAX_BYTES)
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

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    /// A stored embedder with these options, over those that all have.
    fn config(source: &str, options: Value, template: &str) -> EmbedderConfig {
        let mut all = match source {
            "Rest" => json!({"url": "u", "request": "{{text}}", "response": "{{embedding}}"}),
            "Ollama" | "OpenAi" => json!({"embedding_model": "text-embedding-3-small"}),
            "HuggingFace" => json!({"model": "m"}),
            "UserProvided" => json!({"dimensions": 2}),
            _ => json!({}),
        };
        all.as_object_mut().unwrap().extend(options.as_object().unwrap().clone());
        let prompt = json!({"template": template, "max_bytes": null});
        let config = json!({"embedder_options": {source: all}, "prompt": prompt});
        serde_json::from_value(json!({"name": "e", "config": config})).unwrap()
    }

    #[test]
    fn options_of_each_source() {
        for (source, change, expected) in [
            ("Rest", json!({"url": "v"}), Action::Full),
            ("Rest", json!({"request": ["{{text}}", "{{..}}"]}), Action::Full),
            ("Rest", json!({"response": {"a": "{{embedding}}"}}), Action::Full),
            ("Rest", json!({"indexing_fragments": {"a": 1}}), Action::Full),
            ("Rest", json!({"dimensions": 4, "api_key": "k", "headers": {"a": "b"}}), Action::None),
            ("Rest", json!({"search_fragments": {"a": 1}}), Action::None),
            ("Rest", json!({"distribution": {"mean": 0.5, "sigma": 0.5}}), Action::None),
            ("OpenAi", json!({"url": "v", "api_key": "k", "dimensions": 1536}), Action::None),
            ("OpenAi", json!({"dimensions": 3}), Action::Full),
            ("OpenAi", json!({"embedding_model": "text-embedding-3-large"}), Action::Full),
            ("Ollama", json!({"url": "v"}), Action::Full),
            ("Ollama", json!({"embedding_model": "n"}), Action::Full),
            ("Ollama", json!({"dimensions": 4, "api_key": "k"}), Action::None),
            ("HuggingFace", json!({"revision": "r"}), Action::Full),
            ("HuggingFace", json!({"pooling": "forceCls"}), Action::Full),
            ("HuggingFace", json!({"revision": null}), Action::None),
            ("UserProvided", json!({"dimensions": 3}), Action::None),
        ] {
            let (before, after) = (config(source, json!({}), "t"), config(source, change, "t"));
            assert_eq!(Action::new(&before, &after, false), expected, "{after:?}");
            let unsearched = matches!(source, "UserProvided") || expected == Action::Full;
            let by_fields = if unsearched { expected } else { Action::Prompts };
            assert_eq!(Action::new(&before, &after, true), by_fields, "{after:?}");
        }
        let (rest, given) =
            (config("Rest", json!({}), "t"), config("UserProvided", json!({}), "t"));
        assert_eq!(Action::new(&rest, &given, false), Action::Full);
    }

    #[test]
    fn templates_and_fragments() {
        let before = config("Ollama", json!({}), "a");
        assert_eq!(Action::new(&before, &config("Ollama", json!({}), "b"), false), Action::Prompts);
        for (max_bytes, expected) in
            [(401, Action::Prompts), (400, Action::None), (10, Action::None)]
        {
            let mut after = before.clone();
            after.config.prompt.max_bytes = Some(max_bytes);
            assert_eq!(Action::new(&before, &after, false), expected);
        }
        let fragments =
            |fragments: Value| config("Rest", json!({"indexing_fragments": fragments}), "t");
        let before = fragments(json!({"a": 1, "b": 1, "c": 1}));
        let after = fragments(json!({"a": 1, "b": 2, "d": 1}));
        let names = ["b", "d"].map(str::to_owned).into();
        assert_eq!(Action::new(&before, &after, true), Action::Fragments(names));
        let fewer = fragments(json!({"a": 1}));
        assert_eq!(Action::new(&before, &fewer, true), Action::Fragments(BTreeSet::new()));
        assert_eq!(Action::new(&before, &before, true), Action::None);
        assert_eq!(Action::new(&before, &config("Rest", json!({}), "t"), false), Action::Full);
    }

    #[test]
    fn of_a_composite_embedder_the_side_of_documents_counts() {
        let composite = |search: &str, index: &str| {
            let side = |url| json!({"Rest": {"url": url, "request": 1, "response": 1}});
            let options = json!({"search": side(search), "index": side(index)});
            config("Composite", options, "t")
        };
        let before = composite("a", "a");
        assert_eq!(Action::new(&before, &composite("b", "a"), false), Action::None);
        assert_eq!(Action::new(&before, &composite("a", "b"), false), Action::Full);
        assert_eq!(Action::new(&before, &composite("b", "a"), true), Action::Prompts);
    }
}
