//! The body of `POST /multi-search` (http-api.md section 9).

use std::collections::BTreeMap;

use deserr::Deserr;
use meilisearch_types::deserr::{DeserrJsonError, missing_field};
use meilisearch_types::error::deserr_codes::*;
use meilisearch_types::error::{Code, ResponseError};
use meilisearch_types::features::RuntimeTogglableFeatures;
use meilisearch_types::index_uid::IndexUid;
use meilisearch_types::locales::Locale;
use meilisearch_types::not_implemented::NotImplemented;
use milli::search::highlight::FormatRequest;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;

use super::query::*;
use crate::features::{check_use_network, not_enabled};

/// The body.
#[derive(Debug, Deserr, JsonSchema)]
#[deserr(error = DeserrJsonError, rename_all = camelCase, deny_unknown_fields)]
#[schemars(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct MultiSearchBody {
    pub(crate) queries: Vec<MultiSearchQuery>,
    #[deserr(default)]
    pub(crate) federation: Option<FederationBody>,
}

search_body! {
    /// One query of a multi-search.
    MultiSearchQuery {
        #[deserr(
            error = DeserrJsonError<InvalidIndexUid>,
            missing_field_error = missing_field::<_, BadRequest, MissingIndexUid>
        )]
        pub(crate) index_uid: IndexUid,
        #[deserr(default, error = DeserrJsonError<InvalidSearchOffset>)]
        offset: Option<usize>,
        #[deserr(default, error = DeserrJsonError<InvalidSearchLimit>)]
        limit: Option<usize>,
        #[deserr(default, error = DeserrJsonError<InvalidSearchShowPerformanceDetails>)]
        show_performance_details: Option<bool>,
        #[deserr(default)]
        pub(crate) federation_options: Option<FederationOptions>,
    }
}

impl MultiSearchQuery {
    fn own_answer_parameters(&self) -> (Option<usize>, Option<usize>, Option<bool>) {
        (self.offset, self.limit, self.show_performance_details)
    }
}

/// What a query is to the federation.
#[derive(Debug, Clone, PartialEq, Deserr, JsonSchema)]
#[deserr(error = DeserrJsonError, rename_all = camelCase, deny_unknown_fields)]
#[schemars(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct FederationOptions {
    #[deserr(default = Weight(1.0), error = DeserrJsonError<InvalidMultiSearchWeight>)]
    #[schemars(default, extend("default" = Weight(1.0)))]
    pub(crate) weight: Weight,
    #[deserr(default, error = DeserrJsonError<InvalidMultiSearchRemote>)]
    pub(crate) remote: Option<String>,
    #[deserr(default, error = DeserrJsonError<InvalidMultiSearchQueryPosition>)]
    pub(crate) query_position: Option<usize>,
}

/// Refuses what a query of a federated search may not say (search.md 19.1).
///
/// # Errors
/// The code of the offending parameter.
pub(super) fn check_federated(
    answer: &AnswerParameters,
    options: Option<&FederationOptions>,
    query: &SearchQuery,
    federation: &FederationBody,
    features: RuntimeTogglableFeatures,
) -> Result<(), ResponseError> {
    let refuse = |what: &str, instead: &str, code| {
        let message =
            format!("{what} cannot be given in a query of a federated search: {instead}.");
        Err(ResponseError::from_msg(message, code))
    };
    let AnswerParameters { offset, limit, page, hits_per_page, .. } = answer;
    if [offset, limit, page, hits_per_page].iter().any(|parameter| parameter.is_some()) {
        let what = "`offset`, `limit`, `page` and `hitsPerPage`";
        return refuse(what, "give it in `federation`", Code::InvalidMultiSearchQueryPagination);
    }
    if answer.facets.as_ref().is_some_and(|facets| !facets.is_empty()) {
        let instead = "give it in `federation.facetsByIndex`";
        return refuse("`facets`", instead, Code::InvalidMultiSearchQueryFacets);
    }
    if answer.personalize.is_some() {
        let instead = "give it in `federation`";
        return refuse("`personalize`", instead, Code::InvalidMultiSearchQueryPersonalization);
    }
    let remote = options.and_then(|options| options.remote.as_deref());
    if remote.is_some() && answer.use_network == Some(true) {
        let what = "`federationOptions.remote` together with `useNetwork`";
        return refuse(what, "give one of them", Code::InvalidMultiSearchFederationOptions);
    }
    if answer.show_performance_details.is_some() {
        let code = Code::InvalidMultiSearchQueryShowPerformanceDetails;
        return refuse("`showPerformanceDetails`", "give it in `federation`", code);
    }
    if query.distinct.is_some() && federation.distinct.is_some() {
        let instead = "`federation.distinct` holds for all queries";
        return refuse("`distinct`", instead, Code::InvalidMultiSearchDistinct);
    }
    let position = options.and_then(|options| options.query_position);
    if remote.is_some() || position.is_some() {
        return Err(match features.network {
            true => NotImplemented::UseNetwork.into(),
            false => not_enabled("`federationOptions.remote`", "network"),
        });
    }
    check_use_network(answer.use_network, features)
}

/// What the scores of a query are multiplied by.
#[derive(Debug, Clone, Copy, Default, PartialEq, Deserr, Serialize, JsonSchema)]
#[schemars(inline, extend("minimum" = 0))]
#[deserr(try_from(f64) = Weight::try_from -> NegativeWeight)]
pub(crate) struct Weight(pub(crate) f64);

/// A weight below 0.
#[derive(Debug, thiserror::Error)]
#[error("the weight must be a number of at least 0.0")]
pub(crate) struct NegativeWeight;

impl TryFrom<f64> for Weight {
    type Error = NegativeWeight;

    fn try_from(weight: f64) -> Result<Self, NegativeWeight> {
        if weight >= 0.0 { Ok(Weight(weight)) } else { Err(NegativeWeight) }
    }
}

/// The member `federation`: one answer for all queries.
#[derive(Debug, Deserr, JsonSchema)]
#[deserr(error = DeserrJsonError, rename_all = camelCase, deny_unknown_fields)]
#[schemars(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct FederationBody {
    #[deserr(default = DEFAULT_LIMIT, error = DeserrJsonError<InvalidSearchLimit>)]
    #[schemars(default, extend("default" = DEFAULT_LIMIT))]
    pub(crate) limit: usize,
    #[deserr(default = DEFAULT_OFFSET, error = DeserrJsonError<InvalidSearchOffset>)]
    #[schemars(default, extend("default" = DEFAULT_OFFSET))]
    pub(crate) offset: usize,
    #[deserr(default, error = DeserrJsonError<InvalidSearchPage>)]
    pub(crate) page: Option<usize>,
    #[deserr(default, error = DeserrJsonError<InvalidSearchHitsPerPage>)]
    pub(crate) hits_per_page: Option<usize>,
    #[deserr(default, error = DeserrJsonError<InvalidMultiSearchFacetsByIndex>)]
    #[schemars(default)]
    pub(crate) facets_by_index: BTreeMap<String, Option<Vec<String>>>,
    #[deserr(default, error = DeserrJsonError<InvalidMultiSearchMergeFacets>)]
    pub(crate) merge_facets: Option<MergeFacets>,
    #[deserr(default, error = DeserrJsonError<InvalidSearchDistinct>)]
    pub(crate) distinct: Option<String>,
    #[deserr(default, error = DeserrJsonError<InvalidSearchShowPerformanceDetails>)]
    #[schemars(default)]
    pub(crate) show_performance_details: bool,
    #[deserr(default, error = DeserrJsonError<InvalidSearchPersonalize>)]
    pub(crate) personalize: Option<Personalize>,
}

/// Facets of all indexes as one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserr, JsonSchema)]
#[deserr(error = DeserrJsonError<InvalidMultiSearchMergeFacets>, rename_all = camelCase, deny_unknown_fields)]
#[schemars(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct MergeFacets {
    /// Values kept of each facet; `None` keeps all that the indexes give.
    #[deserr(default, error = DeserrJsonError<InvalidMultiSearchMaxValuesPerFacet>)]
    pub(crate) max_values_per_facet: Option<usize>,
}
