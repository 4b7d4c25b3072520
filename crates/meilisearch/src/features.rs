//! The refusal of what an experimental feature gates while it is off (operations.md section 20).

use meilisearch_types::error::{Code, ResponseError};
use meilisearch_types::features::RuntimeTogglableFeatures;
use meilisearch_types::not_implemented::NotImplemented;

use crate::routes::Answer;

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

/// The answer of a route that is not built: `feature_not_enabled` while its feature is off, as every
/// server answers then.
pub(crate) fn not_built(missing: NotImplemented, feature: &str, is_on: bool) -> Answer {
    Err(match is_on {
        true => missing.into(),
        false => not_enabled(&missing.what(), feature),
    })
}

/// Refuses the parameter `useNetwork` where it asks for the network.
///
/// # Errors
///
/// `feature_not_enabled`, or `not_implemented` while the feature is on.
pub fn check_use_network(
    use_network: Option<bool>,
    features: RuntimeTogglableFeatures,
) -> Result<(), ResponseError> {
    match use_network {
        Some(true) if features.network => Err(NotImplemented::UseNetwork.into()),
        Some(true) => Err(not_enabled("The parameter `useNetwork`", "network")),
        Some(false) | None => Ok(()),
    }
}
