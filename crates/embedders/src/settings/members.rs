//! Which members an embedder has and needs, by its source and its place (http-api.md 11, vectors.md 2.1).

use meilisearch_types::settings::{EmbedderSettings, EmbedderSource};

use super::{Fault, Place};

/// The members of embedders of one source; all have `source` too.
pub(super) struct Members {
    source: &'static str,
    required: &'static [&'static str],
    optional: &'static [&'static str],
    place: Place,
}

/// Members that only embedders with a name have.
const OF_TOP: [&str; 2] = ["binaryQuantized", "distribution"];

impl Members {
    /// The members of a source at a place.
    pub(super) fn of(source: EmbedderSource, place: Place) -> Members {
        let members = |source, required, optional| Members { source, required, optional, place };
        match source {
            EmbedderSource::OpenAi => members(
                "openAi",
                &[],
                &[
                    "model",
                    "apiKey",
                    "dimensions",
                    "documentTemplate",
                    "documentTemplateMaxBytes",
                    "url",
                ],
            ),
            EmbedderSource::HuggingFace => members(
                "huggingFace",
                &[],
                &["model", "revision", "pooling", "documentTemplate", "documentTemplateMaxBytes"],
            ),
            EmbedderSource::Ollama => members(
                "ollama",
                &["model"],
                &["apiKey", "dimensions", "documentTemplate", "documentTemplateMaxBytes", "url"],
            ),
            EmbedderSource::UserProvided => members("userProvided", &["dimensions"], &[]),
            EmbedderSource::Rest => members(
                "rest",
                &["url", "request", "response"],
                &[
                    "apiKey",
                    "dimensions",
                    "documentTemplate",
                    "documentTemplateMaxBytes",
                    "headers",
                    "indexingFragments",
                    "searchFragments",
                ],
            ),
            EmbedderSource::Composite => {
                members("composite", &["searchEmbedder", "indexingEmbedder"], &[])
            }
        }
    }

    /// Whether embedders of this source have a member at this place.
    pub(super) fn allow(&self, member: &str) -> bool {
        self.allowed().any(|allowed| allowed == member)
    }

    fn allowed(&self) -> impl Iterator<Item = &'static str> {
        let refused: &[&str] = match self.place {
            Place::Top => &[],
            Place::Search => &["documentTemplate", "documentTemplateMaxBytes", "indexingFragments"],
            Place::Indexing => &["searchFragments"],
        };
        let of_top = if self.place == Place::Top { &OF_TOP[..] } else { &[] };
        ["source"]
            .iter()
            .chain(self.required)
            .chain(self.optional)
            .chain(of_top)
            .copied()
            .filter(move |member| !refused.contains(member))
    }

    /// Refuses members that these embedders have not, even when they are null.
    ///
    /// # Errors
    /// There is one.
    pub(super) fn check_allowed(&self, settings: &EmbedderSettings) -> Result<(), Fault> {
        match settings.sent().into_iter().find(|member| !self.allow(member)) {
            Some(member) => Err(Fault::member(format!(
                "an embedder of source `{}` has no `{member}`{}; it takes `{}`",
                self.source,
                if self.place == Place::Top { "" } else { " here" },
                self.allowed().collect::<Vec<_>>().join("`, `")
            ))),
            None => Ok(()),
        }
    }

    /// Asks for the members that these embedders need.
    ///
    /// # Errors
    /// One is missing.
    pub(super) fn check_required(&self, settings: &EmbedderSettings) -> Result<(), Fault> {
        let given = settings.given();
        match self.required.iter().find(|member| !given.contains(member)) {
            Some(member) => Err(Fault::member(format!(
                "an embedder of source `{}` needs `{member}`",
                self.source
            ))),
            None => Ok(()),
        }
    }
}
