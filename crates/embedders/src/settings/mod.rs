//! Setting `embedders`: what users ask for → what an index stores, and back (vectors.md 2 and 3).
//!
//! | File | What |
//! |---|---|
//! | `members.rs` | which members an embedder has, by its source and its place |
//! | `check.rs` | whether the members of one go together |
//! | `merge.rs` | what is asked for, over what is stored |
//! | `build.rs` | members → stored options |
//! | `shown.rs` | stored options → members |

mod build;
mod check;
mod members;
mod merge;
mod shown;

#[cfg(test)]
mod tests;

pub use check::check;
pub use merge::merge;
pub use shown::shown;

use meilisearch_types::error::Code;
use meilisearch_types::settings::{EmbedderSettings, EmbedderSettingsError, Setting};

/// Where an embedder stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    /// It has a name.
    Top,
    /// It is the `searchEmbedder` of a composite one.
    Search,
    /// It is the `indexingEmbedder` of a composite one.
    Indexing,
}

/// What is wrong with an embedder.
#[derive(Debug)]
struct Fault {
    code: Code,
    cause: String,
}

impl Fault {
    /// A wrong member.
    fn member(cause: impl Into<String>) -> Fault {
        Fault { code: Code::InvalidSettingsEmbedders, cause: cause.into() }
    }

    /// A pattern or a fragment that cannot be used.
    fn embedding(cause: impl Into<String>) -> Fault {
        Fault { code: Code::VectorEmbeddingError, cause: cause.into() }
    }

    /// Tells that it is a nested embedder.
    fn inside(self, member: &str) -> Fault {
        Fault { cause: format!("in `{member}`: {}", self.cause), ..self }
    }

    fn of(self, embedder: &str) -> EmbedderSettingsError {
        let Fault { code, cause } = self;
        EmbedderSettingsError { embedder: embedder.to_owned(), cause, code }
    }
}

/// The embedders in an embedder, with the name of the member and their place.
fn nested(
    settings: &EmbedderSettings,
) -> impl Iterator<Item = (&'static str, Place, &EmbedderSettings)> {
    let search = ("searchEmbedder", Place::Search, &settings.search_embedder);
    let indexing = ("indexingEmbedder", Place::Indexing, &settings.indexing_embedder);
    [search, indexing].into_iter().filter_map(|(member, place, embedder)| match embedder {
        Setting::Set(embedder) => Some((member, place, &**embedder)),
        Setting::NotSet | Setting::Reset => None,
    })
}

/// Whether an embedder is given a fragment, for documents or for queries.
fn has_fragments(settings: &EmbedderSettings) -> bool {
    [&settings.indexing_fragments, &settings.search_fragments].into_iter().any(|fragments| {
        fragments.as_ref().set().is_some_and(|map| map.values().any(Option::is_some))
    })
}
