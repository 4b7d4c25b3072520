//! Text → words: tokenising, positions and the normal forms of facet values and settings.
//!
//! Everything here is pure: no store, no documents. The crate `charabia` finds the words; its version
//! decides which words are on disk (indexing.md section 7).

mod levenshtein;
mod normalize;
mod positions;
mod tokenizer;

pub use charabia::{Language, Tokenizer};
pub use normalize::{normalize_facet, normalize_facet_for_search, normalize_stop_word};
pub use positions::{bucketed_position, is_number_like};
pub use tokenizer::TokenizerSettings;

pub(crate) use levenshtein::{ONE_TYPO, TWO_TYPOS};
pub(crate) use positions::LeafCounter;

/// The language features that the tokeniser was built with: those that the root `Cargo.toml` asks for,
/// and the opt-in ones. Another list cuts other words.
pub const LANGUAGE_FEATURES: &[&str] = &[
    "chinese",
    "german-segmentation",
    "greek",
    "hebrew",
    #[cfg(feature = "japanese")]
    "japanese",
    "khmer",
    #[cfg(feature = "korean")]
    "korean",
    "swedish-recomposition",
    "thai",
    "turkish",
    "vietnamese",
];

#[cfg(test)]
mod tests {
    use super::LANGUAGE_FEATURES;

    #[test]
    fn the_list_of_language_features_is_the_one_that_is_built() {
        let manifest = include_str!("../../../../Cargo.toml");
        let features = manifest.split("charabia = ").nth(1).unwrap().split(']').next().unwrap();
        let features = features.rsplit('[').next().unwrap();
        let mut built: Vec<_> = features.split('"').skip(1).step_by(2).collect();
        built.extend(["japanese", "korean"].iter().filter(|name| LANGUAGE_FEATURES.contains(name)));
        built.sort_unstable();
        assert_eq!(built, LANGUAGE_FEATURES);
    }
}
