//! Documents similar to a document, by their vectors (search.md 20).

use roaring::RoaringBitmap;

use super::scores::{ScoreDetail, global_score};
use crate::error::Result;
use crate::store::{Index, RoTxn};
use crate::vector::SearchEmbedder;

/// What is looked for.
#[derive(Clone, Debug)]
pub struct SimilarRequest {
    /// The document that others are compared with.
    pub docid: u32,
    /// Documents that may be found: all, or the result of a filter.
    pub universe: RoaringBitmap,
    /// Found documents to leave out.
    pub offset: usize,
    /// Most documents to return.
    pub limit: usize,
    /// The first document with a smaller score ends the page.
    pub ranking_score_threshold: Option<f64>,
}

/// The documents that were found.
#[derive(Debug)]
pub struct SimilarOutcome {
    /// The wanted documents, the most similar first.
    pub docids: Vec<u32>,
    /// Their scores.
    pub scores: Vec<Vec<ScoreDetail>>,
    /// Documents that count as found: all that were compared, with or without vectors, or those
    /// that came before the threshold.
    pub total: u64,
}

/// Finds documents whose vectors are near those of a document.
///
/// # Errors
/// The index cannot be read.
pub fn similar(
    index: &Index,
    rtxn: &RoTxn<'_>,
    embedder: &SearchEmbedder,
    request: SimilarRequest,
) -> Result<SimilarOutcome> {
    let SimilarRequest { docid, mut universe, offset, limit, ranking_score_threshold } = request;
    universe.remove(docid);
    let wanted = offset.saturating_add(limit);
    let nearest = match embedder.known_store() {
        Some(store) => store.nearest_to_document(index, rtxn, docid, &universe, wanted)?,
        None => Vec::new(),
    };
    let mut outcome =
        SimilarOutcome { docids: Vec::new(), scores: Vec::new(), total: universe.len() };
    for (rank, (docid, distance)) in nearest.into_iter().enumerate().skip(offset) {
        let scores = vec![ScoreDetail::Vector(Some(embedder.similarity(distance)))];
        if ranking_score_threshold.is_some_and(|threshold| global_score(&scores) < threshold) {
            outcome.total = rank as u64;
            break;
        }
        outcome.docids.push(docid);
        outcome.scores.push(scores);
    }
    Ok(outcome)
}
