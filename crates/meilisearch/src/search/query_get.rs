//! The parameters of a search as a query string gives them (http-api.md section 8, column GET).

use deserr::Deserr;
use meilisearch_types::deserr::{CommaList, DeserrQueryParamError, Param};
use meilisearch_types::error::deserr_codes::*;
use meilisearch_types::error::{Code, ResponseError};
use meilisearch_types::locales::Locale;
use milli::search::highlight::FormatRequest;
use milli::search::sort::split_sort;
use schemars::JsonSchema;
use serde_json::Value;

use super::query::*;

/// Query string of `GET /indexes/{index_uid}/search`.
#[derive(Debug, Deserr, JsonSchema)]
#[deserr(error = DeserrQueryParamError, rename_all = camelCase, deny_unknown_fields)]
#[schemars(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct SearchParameters {
    #[deserr(default, error = DeserrQueryParamError<InvalidSearchQ>)]
    q: Option<String>,
    #[deserr(default = Param(DEFAULT_OFFSET), error = DeserrQueryParamError<InvalidSearchOffset>)]
    #[schemars(default, extend("default" = DEFAULT_OFFSET))]
    offset: Param<usize>,
    #[deserr(default = Param(DEFAULT_LIMIT), error = DeserrQueryParamError<InvalidSearchLimit>)]
    #[schemars(default, extend("default" = DEFAULT_LIMIT))]
    limit: Param<usize>,
    #[deserr(default, error = DeserrQueryParamError<InvalidSearchPage>)]
    page: Option<Param<usize>>,
    #[deserr(default, error = DeserrQueryParamError<InvalidSearchHitsPerPage>)]
    hits_per_page: Option<Param<usize>>,
    #[deserr(default, error = DeserrQueryParamError<InvalidSearchAttributesToRetrieve>)]
    attributes_to_retrieve: Option<CommaList<String>>,
    #[deserr(default, error = DeserrQueryParamError<InvalidSearchRetrieveVectors>)]
    #[schemars(default)]
    retrieve_vectors: Param<bool>,
    #[deserr(default, error = DeserrQueryParamError<InvalidSearchAttributesToCrop>)]
    attributes_to_crop: Option<CommaList<String>>,
    #[deserr(default = Param(DEFAULT_CROP_LENGTH), error = DeserrQueryParamError<InvalidSearchCropLength>)]
    #[schemars(default, extend("default" = DEFAULT_CROP_LENGTH))]
    crop_length: Param<usize>,
    #[deserr(default = default_crop_marker(), error = DeserrQueryParamError<InvalidSearchCropMarker>)]
    #[schemars(default, extend("default" = default_crop_marker()))]
    crop_marker: String,
    #[deserr(default, error = DeserrQueryParamError<InvalidSearchAttributesToHighlight>)]
    attributes_to_highlight: Option<CommaList<String>>,
    #[deserr(default = default_pre_tag(), error = DeserrQueryParamError<InvalidSearchHighlightPreTag>)]
    #[schemars(default, extend("default" = default_pre_tag()))]
    highlight_pre_tag: String,
    #[deserr(default = default_post_tag(), error = DeserrQueryParamError<InvalidSearchHighlightPostTag>)]
    #[schemars(default, extend("default" = default_post_tag()))]
    highlight_post_tag: String,
    #[deserr(default, error = DeserrQueryParamError<InvalidSearchShowMatchesPosition>)]
    #[schemars(default)]
    show_matches_position: Param<bool>,
    #[deserr(default, error = DeserrQueryParamError<InvalidSearchShowRankingScore>)]
    #[schemars(default)]
    show_ranking_score: Param<bool>,
    #[deserr(default, error = DeserrQueryParamError<InvalidSearchShowRankingScoreDetails>)]
    #[schemars(default)]
    show_ranking_score_details: Param<bool>,
    #[deserr(default, error = DeserrQueryParamError<InvalidSearchShowPerformanceDetails>)]
    #[schemars(default)]
    show_performance_details: Param<bool>,
    #[deserr(default, error = DeserrQueryParamError<InvalidSearchFilter>)]
    filter: Option<String>,
    #[deserr(default, error = DeserrQueryParamError<InvalidSearchSort>)]
    sort: Option<String>,
    #[deserr(default, error = DeserrQueryParamError<InvalidSearchDistinct>)]
    distinct: Option<String>,
    #[deserr(default, error = DeserrQueryParamError<InvalidSearchFacets>)]
    facets: Option<CommaList<String>>,
    #[deserr(default, error = DeserrQueryParamError<InvalidSearchMatchingStrategy>)]
    #[schemars(default)]
    matching_strategy: MatchingStrategy,
    #[deserr(default, error = DeserrQueryParamError<InvalidSearchAttributesToSearchOn>)]
    attributes_to_search_on: Option<CommaList<String>>,
    #[deserr(default, error = DeserrQueryParamError<InvalidSearchRankingScoreThreshold>)]
    ranking_score_threshold: Option<Param<Share>>,
    #[deserr(default, error = DeserrQueryParamError<InvalidSearchLocales>)]
    locales: Option<CommaList<Locale>>,
    #[deserr(default, error = DeserrQueryParamError<InvalidSearchEmbedder>)]
    hybrid_embedder: Option<String>,
    #[deserr(default, error = DeserrQueryParamError<InvalidSearchSemanticRatio>)]
    hybrid_semantic_ratio: Option<Param<Share>>,
    #[deserr(default, error = DeserrQueryParamError<InvalidSearchVector>)]
    vector: Option<CommaList<f32>>,
    #[deserr(default, error = DeserrQueryParamError<InvalidSearchPersonalizeUserContext>)]
    personalize_user_context: Option<String>,
    #[deserr(default, error = DeserrQueryParamError<InvalidSearchUseNetwork>)]
    use_network: Option<Param<bool>>,
}

impl SearchParameters {
    /// The query, and what belongs to the answer as a whole.
    ///
    /// # Errors
    /// A semantic ratio without an embedder.
    pub(crate) fn split(self) -> Result<(SearchQuery, AnswerParameters), ResponseError> {
        let hybrid = match (self.hybrid_embedder, self.hybrid_semantic_ratio) {
            (Some(embedder), ratio) => {
                let semantic_ratio = ratio.map_or(DEFAULT_SEMANTIC_RATIO, |ratio| ratio.0);
                Some(HybridQuery { embedder, semantic_ratio })
            }
            (None, Some(_)) => {
                let message = "`hybridSemanticRatio` needs `hybridEmbedder` beside it.".to_owned();
                return Err(ResponseError::from_msg(message, Code::InvalidSearchHybridQuery));
            }
            (None, None) => None,
        };
        let list = |list: Option<CommaList<String>>| list.map(|list| list.0);
        let locales = self.locales.map(|locales| locales.0);
        let query = SearchQuery {
            q: self.q,
            filter: self.filter.map(filter_value),
            sort: self.sort.map(|sort| split_sort(&sort)),
            matching_strategy: self.matching_strategy,
            attributes_to_search_on: list(self.attributes_to_search_on),
            ranking_score_threshold: self.ranking_score_threshold.map(|share| share.0.0),
            distinct: self.distinct,
            retrieve_vectors: self.retrieve_vectors.0,
            show_ranking_score: self.show_ranking_score.0,
            show_ranking_score_details: self.show_ranking_score_details.0,
            semantic: Semantic { hybrid, vector: self.vector.map(|vector| vector.0), media: None },
            format: FormatRequest {
                retrieve: list(self.attributes_to_retrieve),
                highlight: list(self.attributes_to_highlight).unwrap_or_default(),
                crop: list(self.attributes_to_crop).unwrap_or_default(),
                crop_length: self.crop_length.0,
                crop_marker: self.crop_marker,
                pre_tag: self.highlight_pre_tag,
                post_tag: self.highlight_post_tag,
                show_matches_position: self.show_matches_position.0,
                locales: languages(locales.as_deref()),
            },
        };
        let answer = AnswerParameters {
            offset: Some(self.offset.0),
            limit: Some(self.limit.0),
            page: self.page.map(|page| page.0),
            hits_per_page: self.hits_per_page.map(|hits| hits.0),
            facets: list(self.facets),
            personalize: self
                .personalize_user_context
                .map(|user_context| Personalize { user_context }),
            show_performance_details: Some(self.show_performance_details.0),
            use_network: self.use_network.map(|use_network| use_network.0),
        };
        Ok((query, answer))
    }
}

/// A filter of a query string: JSON if it is JSON, else an expression.
pub(crate) fn filter_value(text: String) -> Value {
    serde_json::from_str(&text).unwrap_or(Value::String(text))
}
