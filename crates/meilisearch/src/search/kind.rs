//! Which kind of search the parameters ask for (search.md 1.2). Only keyword search is built; what
//! needs an embedder is refused, its own mistakes first.

use meilisearch_types::error::{Code, ResponseError};
use meilisearch_types::features::RuntimeTogglableFeatures;
use meilisearch_types::not_implemented::NotImplemented;

use super::query::Semantic;
use crate::features::not_enabled;

/// Decides from the text and the semantic parameters. `embedders` are those of the index.
///
/// # Errors
/// Parameters that contradict each other, an unknown embedder, or a search that is not built.
pub(super) fn check_keyword(
    q: Option<&str>,
    semantic: &Semantic,
    embedders: &[String],
    features: &RuntimeTogglableFeatures,
) -> Result<(), ResponseError> {
    let Semantic { hybrid, vector, media } = semantic;
    let refuse = |message: String, code| Err(ResponseError::from_msg(message, code));
    if media.is_some() && vector.is_some() {
        let message = "`media` and `vector` cannot be given together: give one of them.".to_owned();
        return refuse(message, Code::InvalidSearchMediaAndVector);
    }
    let Some(hybrid) = hybrid else {
        if media.is_some() || vector.is_some() {
            let message =
                "`media` and `vector` need `hybrid` beside them, with the embedder to use."
                    .to_owned();
            return refuse(message, Code::MissingSearchHybrid);
        }
        return Ok(());
    };
    let is_blank = q.is_none_or(|q| q.trim().is_empty());
    if hybrid.semantic_ratio.0 == 0.0 || (is_blank && media.is_none() && vector.is_none()) {
        return Ok(());
    }
    check_embedder(&hybrid.embedder, embedders, Code::InvalidSearchEmbedder)?;
    if media.is_some() && !features.multimodal {
        return Err(not_enabled("The parameter `media`", "multimodal"));
    }
    Err(NotImplemented::HybridSearch.into())
}

/// Refuses an embedder that the index does not have, with the code of the endpoint.
pub(crate) fn check_embedder(
    embedder: &str,
    embedders: &[String],
    code: Code,
) -> Result<(), ResponseError> {
    if embedders.iter().any(|name| name == embedder) {
        return Ok(());
    }
    let message = format!(
        "The index has no embedder `{embedder}`. Its embedders are: {}.",
        if embedders.is_empty() { "none".to_owned() } else { embedders.join(", ") }
    );
    Err(ResponseError::from_msg(message, code))
}
