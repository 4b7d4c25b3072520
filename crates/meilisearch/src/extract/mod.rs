//! From a request to typed values, in the order in which they are checked: authentication
//! ([`auth`]), query ([`query`]), body ([`body`]), format of the index uid ([`index_uid`]).
//!
//! A handler lists its extractors in this order; actix runs them in the order of the arguments.

pub mod auth;
pub mod body;
pub mod query;

use meilisearch_types::error::ResponseError;
use meilisearch_types::index_uid::IndexUid;

/// Checks the format of an index uid taken from a path.
///
/// # Errors
///
/// `invalid_index_uid`.
pub fn index_uid(uid: &str) -> Result<IndexUid, ResponseError> {
    IndexUid::try_from(uid.to_owned()).map_err(ResponseError::from)
}
