//! Which kind of search the parameters ask for: by words, by a vector, or by both (search.md 1.2).

use std::sync::Arc;
use std::time::Instant;

use embedders::{EmbedderPool, QueryInput};
use meilisearch_types::error::{Code, ResponseError};
use meilisearch_types::features::RuntimeTogglableFeatures;
use milli::vector::{SearchEmbedder, VectorQuery};
use milli::{Index, RoTxn, Schema};

use super::in_index;
use super::query::Semantic;
use crate::features::not_enabled;

/// A kind of search.
pub(super) enum SearchKind<'q> {
    /// By words, or, without any, all documents.
    Words,
    /// By a vector.
    Vector(QueryVector<'q>),
    /// By both.
    Hybrid {
        /// Weight of the vector, 0 to 1.
        semantic_ratio: f32,
        vector: QueryVector<'q>,
    },
}

/// Who embeds queries, and until when.
#[derive(Clone, Copy)]
pub(super) struct QueryEmbedders<'e> {
    pub(super) pool: &'e Arc<EmbedderPool>,
    pub(super) deadline: Instant,
}

/// Where the vector of a query comes from.
pub(super) struct QueryVector<'q> {
    embedder: SearchEmbedder,
    /// The vector given; it has the right length.
    given: Option<VectorQuery>,
    input: QueryInput<'q>,
}

impl<'q> SearchKind<'q> {
    /// Decides from the text and the semantic parameters. Whether `media` may be given is told by
    /// [`check_media`].
    ///
    /// # Errors
    /// Parameters that contradict each other, an unknown embedder, a vector of the wrong length.
    pub(super) fn choose(
        uid: &str,
        index: &Index,
        rtxn: &RoTxn<'_>,
        schema: &Schema,
        q: Option<&'q str>,
        semantic: &'q Semantic,
        by: QueryEmbedders<'_>,
    ) -> Result<SearchKind<'q>, ResponseError> {
        let Semantic { hybrid, vector, media } = semantic;
        if media.is_some() && vector.is_some() {
            let message = "`media` and `vector` cannot be given together: give one of them.";
            let code = Code::InvalidSearchMediaAndVector;
            return Err(ResponseError::from_msg(message.to_owned(), code));
        }
        let Some(hybrid) = hybrid else {
            if media.is_some() || vector.is_some() {
                let message =
                    "`media` and `vector` need `hybrid` beside them, with the embedder to use.";
                let code = Code::MissingSearchHybrid;
                return Err(ResponseError::from_msg(message.to_owned(), code));
            }
            return Ok(SearchKind::Words);
        };
        let text = q.filter(|q| !q.trim().is_empty());
        let semantic_ratio = hybrid.semantic_ratio.0 as f32;
        if semantic_ratio == 0.0 || (text.is_none() && media.is_none() && vector.is_none()) {
            return Ok(SearchKind::Words);
        }
        let code = Code::InvalidSearchEmbedder;
        let embedder = open_embedder(uid, index, rtxn, schema, &hybrid.embedder, code, by.pool)?;
        let given = |vector: &Vec<f32>| embedder.query(vector.clone(), by.deadline);
        let given = vector.as_ref().map(given).transpose();
        let given = given.map_err(|error| in_index(uid, error))?;
        let input = QueryInput { text, media: media.as_ref() };
        let vector = QueryVector { embedder, given, input };
        Ok(match text {
            Some(_) if semantic_ratio < 1.0 => SearchKind::Hybrid { semantic_ratio, vector },
            _ => SearchKind::Vector(vector),
        })
    }
}

impl QueryVector<'_> {
    /// The vector given, or else that of what the query says.
    ///
    /// # Errors
    /// It cannot be embedded.
    pub(super) fn get(&self, deadline: Instant) -> milli::Result<VectorQuery> {
        match &self.given {
            Some(given) => Ok(given.clone()),
            None => self.embedder.embed(self.input, deadline),
        }
    }
}

/// Refuses `media` while its feature is off.
///
/// # Errors
/// `feature_not_enabled`.
pub(super) fn check_media(
    semantic: &Semantic,
    features: &RuntimeTogglableFeatures,
) -> Result<(), ResponseError> {
    match semantic.media.is_some() && !features.multimodal {
        true => Err(not_enabled("The parameter `media`", "multimodal")),
        false => Ok(()),
    }
}

/// An embedder by its name; `code` is that of the endpoint for one that the index does not have.
///
/// # Errors
/// The index has no such embedder, or cannot be read.
pub(super) fn open_embedder(
    uid: &str,
    index: &Index,
    rtxn: &RoTxn<'_>,
    schema: &Schema,
    name: &str,
    code: Code,
    pool: &Arc<EmbedderPool>,
) -> Result<SearchEmbedder, ResponseError> {
    let embedder = SearchEmbedder::open(index, rtxn, schema, name, pool);
    if let Some(embedder) = embedder.map_err(|error| in_index(uid, error))? {
        return Ok(embedder);
    }
    let names: Vec<_> = schema.embedders.iter().map(|embedder| &*embedder.name).collect();
    let known = if names.is_empty() { "none".to_owned() } else { names.join(", ") };
    let message =
        format!("The index `{uid}` has no embedder `{name}`. Its embedders are: {known}.");
    Err(ResponseError::from_msg(message, code))
}
