//! Wire query ↔ engine query, and what lies between several queries and one answer.
//!
//! A search goes down this list; every search, also one of a single index, is a federated search of
//! one query or more (search.md 1.1 and 19).
//!
//! | File | What |
//! |---|---|
//! | `query.rs`, `query_get.rs`, `multi.rs` | the parameters as bodies and query strings give them |
//! | `kind.rs` | by words, by a vector, or by both |
//! | `federated.rs` | the whole of a search on one screen: prepare, run, merge, cut the page, show |
//! | `index_run.rs` | the queries of one index over one read transaction |
//! | `compatible.rs` | whether the rankings of several queries can be merged |
//! | `merge.rs` | several ranked lists → one |
//! | `distinct_values.rs` | one hit a value, across queries and indexes |
//! | `hits.rs` | documents → hits |
//! | `facets.rs` | counts of one index, and their merge |
//! | `answer.rs` | the shapes of answers |
//! | `facet_search.rs` | values of a facet |
//! | `similar.rs` | documents similar to a document |

pub(crate) mod answer;
mod compatible;
mod distinct_values;
pub(crate) mod facet_search;
mod facets;
pub(crate) mod federated;
mod hits;
mod index_run;
mod kind;
mod merge;
pub(crate) mod multi;
pub(crate) mod query;
pub(crate) mod query_get;
pub(crate) mod similar;

use std::fmt::Display;

use meilisearch_types::error::{ErrorCode, ResponseError};

/// An error of the engine, with the index it comes from.
fn in_index(uid: &str, error: impl ErrorCode + Display) -> ResponseError {
    ResponseError::from_msg(format!("Index `{uid}`: {error}"), error.error_code())
}

/// An error of one query among several, with its place in the request.
fn in_query(position: usize, mut error: ResponseError) -> ResponseError {
    error.message = format!("Inside `.queries[{position}]`: {}", error.message);
    error
}
