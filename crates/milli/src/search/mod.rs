//! Searching: the parts of a search around the ranking, from the request to the formatted hits.

pub mod matching_terms;
