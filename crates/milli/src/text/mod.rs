//! Text → words: tokenising, positions and the normal forms of facet values and settings.
//!
//! Everything here is pure: no store, no documents. The crate `charabia` finds the words; its version
//! decides which words are on disk (indexing.md section 7).

mod normalize;
mod positions;
mod tokenizer;

pub use charabia::{Language, Tokenizer};
pub use normalize::{normalize_facet, normalize_facet_for_search, normalize_stop_word};
pub use positions::{bucketed_position, is_number_like};
pub use tokenizer::TokenizerSettings;

pub(crate) use positions::LeafCounter;
