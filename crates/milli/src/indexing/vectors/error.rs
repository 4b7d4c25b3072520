//! What can go wrong while vectors are made, and what an operator lets pass (vectors.md 14.3 and 14.4).

use std::collections::BTreeSet;
use std::sync::OnceLock;

use embedders::{EmbeddingError, TemplateError};
use meilisearch_types::error::{Code, ErrorCode};

use crate::document::VECTORS_FIELD;

/// Vectors that cannot be made; the batch fails.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum GenerationError {
    /// A group of documents cannot be embedded.
    #[error(
        "the embedder `{embedder}` cannot embed {}: {failure}{hints}",
        documents(.document_id, *.others)
    )]
    Documents {
        /// Name of the embedder.
        embedder: String,
        /// External id of the first document of the group.
        document_id: String,
        /// How many documents the group has beside it.
        others: usize,
        /// What happened.
        failure: EmbeddingError,
        /// What may be meant, as sentences.
        hints: String,
    },
    /// There is no instance of the embedder.
    #[error("the embedder `{embedder}` cannot be used: {failure}")]
    Instance {
        /// Name of the embedder.
        embedder: String,
        /// What happened.
        failure: EmbeddingError,
    },
    /// The provider no longer gives vectors of the length of those that are stored.
    #[error(
        "the embedder `{embedder}` gives vectors of {found} numbers now, but those of the index have \
         {expected}; set `dimensions` to what the model gives, or remove the embedder and add it again"
    )]
    Dimensions {
        /// Name of the embedder.
        embedder: String,
        /// Length of the stored vectors.
        expected: usize,
        /// Length of those that the provider gives.
        found: usize,
    },
    /// No text can be made of a document.
    #[error(
        "no text for the embedder `{embedder}` can be made of the document `{document_id}`: {failure}"
    )]
    Template {
        /// Name of the embedder.
        embedder: String,
        /// External id of the document.
        document_id: String,
        /// What happened.
        failure: TemplateError,
    },
    /// A document brings no vectors for an embedder that only takes them.
    #[error(
        "the embedder `{embedder}` makes no vectors itself, and the document `{document_id}` brings \
         none: send them as `_vectors.{embedder}`, or `null` there to go without{hints}"
    )]
    NotProvided {
        /// Name of the embedder.
        embedder: String,
        /// External id of the document.
        document_id: String,
        /// What may be meant, as sentences.
        hints: String,
    },
}

impl ErrorCode for GenerationError {
    fn error_code(&self) -> Code {
        match self {
            GenerationError::Documents { failure, .. }
            | GenerationError::Instance { failure, .. } => failure.error_code(),
            GenerationError::Dimensions { .. } | GenerationError::NotProvided { .. } => {
                Code::VectorEmbeddingError
            }
            GenerationError::Template { .. } => Code::InvalidDocumentFields,
        }
    }
}

fn documents(id: &str, others: usize) -> String {
    match others {
        0 => format!("the document `{id}`"),
        1 => format!("the document `{id}` and another one"),
        others => format!("the document `{id}` and {others} others"),
    }
}

/// Names that look like a mistyped `_vectors` or a mistyped embedder, as sentences (vectors.md 14.3).
/// `fields` are top-level fields, `entries` names in `_vectors` that are no embedder.
pub(super) fn hints<'n>(
    embedder: &str,
    fields: impl IntoIterator<Item = &'n str>,
    entries: impl IntoIterator<Item = &'n str>,
) -> String {
    let mut text = String::new();
    for name in alike(VECTORS_FIELD, fields) {
        text += &format!(". The field `{name}` looks like `{VECTORS_FIELD}` mistyped");
    }
    for name in alike(embedder, entries) {
        text +=
            &format!(". `{VECTORS_FIELD}.{name}` belongs to no embedder: is `{embedder}` meant?");
    }
    text
}

/// The first two names, in byte order, that are nearly the wanted one.
fn alike<'n>(wanted: &str, names: impl IntoIterator<Item = &'n str>) -> Vec<&'n str> {
    const MAX_DISTANCE: usize = 2;
    const MAX_NAMES: usize = 2;
    let names: BTreeSet<&str> = names
        .into_iter()
        .filter(|name| *name != wanted && strsim::levenshtein(name, wanted) <= MAX_DISTANCE)
        .collect();
    names.into_iter().take(MAX_NAMES).collect()
}

/// Failures that do not make a batch fail.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::indexing) struct FailureModes {
    /// Documents that cannot be embedded get no new vectors.
    pub(super) ignores_embedder: bool,
    /// Documents that no text can be made of have no vector.
    pub(super) ignores_template: bool,
}

impl FailureModes {
    const VARIABLE: &'static str = "MEILI_EXPERIMENTAL_CONFIG_EMBEDDER_FAILURE_MODES";

    /// Those of the environment, which is read once.
    pub(super) fn of_environment() -> FailureModes {
        static MODES: OnceLock<FailureModes> = OnceLock::new();
        *MODES.get_or_init(|| {
            let names = std::env::var(Self::VARIABLE).unwrap_or_default();
            let (modes, unknown) = FailureModes::parse(&names);
            for name in unknown {
                tracing::warn!(
                    "{} has the unknown value `{name}`, which is passed over; known are \
                     `ignore_embedder_failures` and `ignore_document_template_failures`",
                    Self::VARIABLE
                );
            }
            modes
        })
    }

    /// Names between commas, and those among them that are unknown.
    fn parse(names: &str) -> (FailureModes, Vec<&str>) {
        let mut modes = FailureModes::default();
        let mut unknown = Vec::new();
        for name in names.split(',').map(str::trim).filter(|name| !name.is_empty()) {
            match name {
                "ignore_embedder_failures" => modes.ignores_embedder = true,
                "ignore_document_template_failures" => modes.ignores_template = true,
                name => unknown.push(name),
            }
        }
        (modes, unknown)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failure_modes_are_names_between_commas() {
        let (modes, unknown) = FailureModes::parse(" ignore_embedder_failures,,Ignore ");
        assert!(modes.ignores_embedder && !modes.ignores_template);
        assert_eq!(unknown, ["Ignore"]);
        assert_eq!(FailureModes::parse(""), (FailureModes::default(), Vec::new()));
        let both = "ignore_document_template_failures,ignore_embedder_failures";
        let all = FailureModes { ignores_embedder: true, ignores_template: true };
        assert_eq!(FailureModes::parse(both), (all, Vec::new()));
    }

    #[test]
    fn nearly_right_names_are_hinted_at() {
        let fields = ["_vector", "id", "vectors", "_vectors", "_vektors", "title"];
        let text = hints("default", fields, ["defualt", "other", "default2"]);
        for name in ["`_vector`", "`_vektors`", "`_vectors.defualt`", "`_vectors.default2`"] {
            assert!(text.contains(name), "{name}: {text}");
        }
        assert!(!text.contains("`vectors`") && !text.contains("other"), "{text}");
        assert_eq!(hints("e", ["title"], ["manual"]), "");
    }
}
