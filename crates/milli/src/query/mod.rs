//! The request side of a search: what is asked, before anything is ranked.
//!
//! | File | What |
//! |---|---|
//! | `filter.rs` | filter expression → documents |
//! | `parse.rs` | tokens → positive terms, negative words and phrases |
//! | `fields.rs` | `attributesToSearchOn` → fields and languages |
//! | `context.rs` | what one search knows: settings, interned words, phrases, terms |
//! | `terms.rs` | what may stand for a word, and what of it is allowed |
//! | `derive.rs` | builds terms: prefixes, synonyms, split words, n-grams |
//! | `typo.rs` | words with one or two typos |
//! | `lookup.rs` | words, pairs, phrases, terms → documents |
//! | `graph.rs` | terms as a graph of all readings of the query |

pub(crate) mod context;
mod derive;
pub mod fields;
pub mod filter;
pub(crate) mod graph;
mod lookup;
pub(crate) mod parse;
pub(crate) mod terms;
mod typo;
