//! Searching: the parts of a search around the ranking, from the request to the formatted hits.

pub mod compare;
mod crop;
pub mod distinct;
pub mod highlight;
pub mod hybrid;
pub mod keyword;
mod matches;
pub mod matching_terms;
pub mod parameters;
pub mod projection;
pub mod scores;
pub mod similar;
pub mod sort;
