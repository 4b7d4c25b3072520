//! The refusal of what an experimental feature gates while it is off (operations.md section 20).

use meilisearch_types::error::{Code, ResponseError};

/// The error for using something whose feature is off; `what` begins the sentence, e.g.
/// "The parameter `useNetwork`".
pub fn not_enabled(what: &str, feature: &str) -> ResponseError {
    let message = format!(
        "{what} needs the experimental feature `{feature}`, which is off. Switch it on with PATCH \
         /experimental-features and the body {{\"{feature}\": true}}; see \
         https://github.com/orgs/meilisearch/discussions for what it does."
    );
    ResponseError::from_msg(message, Code::FeatureNotEnabled)
}
