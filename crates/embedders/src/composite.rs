//! The check of the source `composite`: both sides must give the same vectors (vectors.md 13).

use crate::embedder::Embedder;
use crate::error::EmbeddingErrorKind;
use crate::request::RequestContext;
use crate::rest::PROBE;

/// What both sides embed.
const TEXTS: [&str; 3] = [PROBE, "The library opens at nine.", "Ein Boot liegt am Ufer."];
/// How far apart their vectors may be.
const MAX_DISTANCE: f32 = 0.01;

/// Compares the sides: the lengths of their vectors and, unless a side has fragments in place of texts, the
/// vectors of a few texts.
///
/// # Errors
/// They differ, or cannot be asked.
pub(crate) fn check(
    search: &Embedder,
    index: &Embedder,
    has_fragments: bool,
    context: &RequestContext<'_>,
) -> Result<(), EmbeddingErrorKind> {
    let dimensions = (search.dimensions(), index.dimensions());
    if dimensions.0 != dimensions.1 {
        let (search, index) = dimensions;
        return Err(EmbeddingErrorKind::CompositeDimensions { search, index });
    }
    if has_fragments {
        return Ok(());
    }
    let of_search = search.embed_texts(&TEXTS, context)?;
    let of_index = index.embed_texts(&TEXTS, context)?;
    for ((text, search), index) in TEXTS.into_iter().zip(&of_search).zip(&of_index) {
        let distance = cosine_distance(search, index);
        if distance > MAX_DISTANCE {
            let distance = distance.to_string();
            return Err(EmbeddingErrorKind::CompositeVectors { text, distance });
        }
    }
    Ok(())
}

/// 0 for the same direction, 1 for the opposite one (vectors.md 15.3).
fn cosine_distance(a: &[f32], b: &[f32]) -> f32 {
    let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f32>();
    let norms = dot(a, a).sqrt() * dot(b, b).sqrt();
    if norms > f32::EPSILON { (1.0 - (dot(a, b) / norms).clamp(-1.0, 1.0)) / 2.0 } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances() {
        assert_eq!(cosine_distance(&[1.0, 0.0], &[3.0, 0.0]), 0.0);
        assert_eq!(cosine_distance(&[1.0, 0.0], &[0.0, 2.0]), 0.5);
        assert_eq!(cosine_distance(&[1.0, 0.0], &[-1.0, 0.0]), 1.0);
        assert_eq!(cosine_distance(&[0.0, 0.0], &[-1.0, 0.0]), 0.0, "no direction, no distance");
    }
}
