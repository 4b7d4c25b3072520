//! The parameters of a search (http-api.md section 8).

use deserr::Deserr;
use meilisearch_types::deserr::DeserrJsonError;
use meilisearch_types::error::deserr_codes::*;
use meilisearch_types::locales::Locale;
use milli::search::highlight::FormatRequest;
use milli::search::keyword;
use milli::text::Language;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;

/// `offset` when the request does not tell, in hits.
pub(crate) const DEFAULT_OFFSET: usize = 0;
/// `limit` and `hitsPerPage` when the request does not tell, in hits.
pub(crate) const DEFAULT_LIMIT: usize = 20;
/// `cropLength` when the request does not tell, in words.
pub(crate) const DEFAULT_CROP_LENGTH: usize = 10;

pub(crate) fn default_crop_marker() -> String {
    "…".to_owned()
}

pub(crate) fn default_pre_tag() -> String {
    "<em>".to_owned()
}

pub(crate) fn default_post_tag() -> String {
    "</em>".to_owned()
}

/// A search of one index, whatever route it came by.
#[derive(Debug, Clone, Default)]
pub(crate) struct SearchQuery {
    pub(crate) q: Option<String>,
    pub(crate) filter: Option<Value>,
    pub(crate) sort: Option<Vec<String>>,
    pub(crate) matching_strategy: MatchingStrategy,
    pub(crate) attributes_to_search_on: Option<Vec<String>>,
    pub(crate) ranking_score_threshold: Option<f64>,
    pub(crate) distinct: Option<String>,
    pub(crate) retrieve_vectors: bool,
    pub(crate) show_ranking_score: bool,
    pub(crate) show_ranking_score_details: bool,
    pub(crate) semantic: Semantic,
    pub(crate) format: FormatRequest,
}

/// The parameters that ask for more than keyword search.
#[derive(Debug, Clone, Default)]
pub(crate) struct Semantic {
    pub(crate) hybrid: Option<HybridQuery>,
    pub(crate) vector: Option<Vec<f32>>,
    pub(crate) media: Option<Value>,
}

/// The parameters of a whole answer, which a federated search takes from its federation.
#[derive(Debug, Clone, Default)]
pub(crate) struct AnswerParameters {
    pub(crate) offset: Option<usize>,
    pub(crate) limit: Option<usize>,
    pub(crate) page: Option<usize>,
    pub(crate) hits_per_page: Option<usize>,
    pub(crate) facets: Option<Vec<String>>,
    pub(crate) personalize: Option<Personalize>,
    pub(crate) show_performance_details: Option<bool>,
    pub(crate) use_network: Option<bool>,
}

/// Which terms of the query may be missing.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserr, JsonSchema)]
#[deserr(rename_all = camelCase)]
#[schemars(rename_all = "camelCase")]
pub(crate) enum MatchingStrategy {
    #[default]
    Last,
    All,
    Frequency,
}

impl From<MatchingStrategy> for keyword::MatchingStrategy {
    fn from(strategy: MatchingStrategy) -> Self {
        match strategy {
            MatchingStrategy::Last => Self::Last,
            MatchingStrategy::All => Self::All,
            MatchingStrategy::Frequency => Self::Frequency,
        }
    }
}

/// A number that should lie between 0 and 1 does not.
#[derive(Debug, thiserror::Error)]
#[error("the value must be a number from 0.0 to 1.0")]
pub(crate) struct NotAShare;

/// A number from 0 to 1.
#[derive(Debug, Clone, Copy, Default, PartialEq, Deserr, Serialize, JsonSchema)]
#[schemars(inline, extend("minimum" = 0, "maximum" = 1))]
#[deserr(try_from(f64) = Share::try_from -> NotAShare)]
pub(crate) struct Share(pub(crate) f64);

impl TryFrom<f64> for Share {
    type Error = NotAShare;

    fn try_from(value: f64) -> Result<Self, NotAShare> {
        if (0.0..=1.0).contains(&value) { Ok(Share(value)) } else { Err(NotAShare) }
    }
}

impl std::str::FromStr for Share {
    type Err = NotAShare;

    fn from_str(text: &str) -> Result<Self, NotAShare> {
        text.parse().map_err(|_| NotAShare).and_then(f64::try_into)
    }
}

/// The parameter `hybrid`.
#[derive(Debug, Clone, PartialEq, Deserr, JsonSchema)]
#[deserr(error = DeserrJsonError<InvalidSearchHybridQuery>, rename_all = camelCase, deny_unknown_fields)]
#[schemars(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct HybridQuery {
    #[deserr(error = DeserrJsonError<InvalidSearchEmbedder>)]
    pub(crate) embedder: String,
    #[deserr(default = DEFAULT_SEMANTIC_RATIO, error = DeserrJsonError<InvalidSearchSemanticRatio>)]
    #[schemars(default, extend("default" = DEFAULT_SEMANTIC_RATIO))]
    pub(crate) semantic_ratio: Share,
}

/// `semanticRatio` when the request does not tell.
pub(crate) const DEFAULT_SEMANTIC_RATIO: Share = Share(0.5);

/// The parameter `personalize`.
#[derive(Debug, Clone, PartialEq, Deserr, JsonSchema)]
#[deserr(error = DeserrJsonError<InvalidSearchPersonalize>, rename_all = camelCase, deny_unknown_fields)]
#[schemars(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Personalize {
    #[deserr(error = DeserrJsonError<InvalidSearchPersonalizeUserContext>)]
    #[allow(dead_code, reason = "an instance without a key refuses it whatever it says")]
    pub(crate) user_context: String,
}

/// The filter of a request together with one that its tenant token imposes: documents must pass
/// both.
pub(crate) fn restrict(filter: Option<Value>, imposed: Option<&Value>) -> Option<Value> {
    let Some(imposed) = imposed else { return filter };
    let Some(filter) = filter else { return Some(imposed.clone()) };
    let items = |filter| match filter {
        Value::Array(items) => items,
        single => vec![single],
    };
    Some(Value::Array([items(filter), items(imposed.clone())].concat()))
}

/// The tokeniser's languages of a request.
pub(crate) fn languages(locales: Option<&[Locale]>) -> Option<Vec<Language>> {
    let language = |locale: &Locale| Language::from_code(locale.code());
    locales.map(|locales| locales.iter().filter_map(language).collect())
}

/// Expands to a body with the given members and those that every search has.
macro_rules! search_body {
    ($(#[$doc:meta])* $name:ident { $($own:tt)* }) => {
        $(#[$doc])*
        #[derive(Debug, Deserr, JsonSchema)]
        #[deserr(error = DeserrJsonError, rename_all = camelCase, deny_unknown_fields)]
        #[schemars(rename_all = "camelCase", deny_unknown_fields)]
        pub(crate) struct $name {
            $($own)*
            #[deserr(default, error = DeserrJsonError<InvalidSearchQ>)]
            q: Option<String>,
            #[deserr(default, error = DeserrJsonError<InvalidSearchPage>)]
            page: Option<usize>,
            #[deserr(default, error = DeserrJsonError<InvalidSearchHitsPerPage>)]
            hits_per_page: Option<usize>,
            #[deserr(default, error = DeserrJsonError<InvalidSearchAttributesToRetrieve>)]
            attributes_to_retrieve: Option<Vec<String>>,
            #[deserr(default, error = DeserrJsonError<InvalidSearchRetrieveVectors>)]
            #[schemars(default)]
            retrieve_vectors: bool,
            #[deserr(default, error = DeserrJsonError<InvalidSearchAttributesToCrop>)]
            attributes_to_crop: Option<Vec<String>>,
            #[deserr(default = DEFAULT_CROP_LENGTH, error = DeserrJsonError<InvalidSearchCropLength>)]
            #[schemars(default, extend("default" = DEFAULT_CROP_LENGTH))]
            crop_length: usize,
            #[deserr(default = default_crop_marker(), error = DeserrJsonError<InvalidSearchCropMarker>)]
            #[schemars(default, extend("default" = default_crop_marker()))]
            crop_marker: String,
            #[deserr(default, error = DeserrJsonError<InvalidSearchAttributesToHighlight>)]
            attributes_to_highlight: Option<Vec<String>>,
            #[deserr(default = default_pre_tag(), error = DeserrJsonError<InvalidSearchHighlightPreTag>)]
            #[schemars(default, extend("default" = default_pre_tag()))]
            highlight_pre_tag: String,
            #[deserr(default = default_post_tag(), error = DeserrJsonError<InvalidSearchHighlightPostTag>)]
            #[schemars(default, extend("default" = default_post_tag()))]
            highlight_post_tag: String,
            #[deserr(default, error = DeserrJsonError<InvalidSearchShowMatchesPosition>)]
            #[schemars(default)]
            show_matches_position: bool,
            #[deserr(default, error = DeserrJsonError<InvalidSearchShowRankingScore>)]
            #[schemars(default)]
            show_ranking_score: bool,
            #[deserr(default, error = DeserrJsonError<InvalidSearchShowRankingScoreDetails>)]
            #[schemars(default)]
            show_ranking_score_details: bool,
            #[deserr(default, error = DeserrJsonError<InvalidSearchFilter>)]
            pub(crate) filter: Option<Value>,
            #[deserr(default, error = DeserrJsonError<InvalidSearchSort>)]
            sort: Option<Vec<String>>,
            #[deserr(default, error = DeserrJsonError<InvalidSearchDistinct>)]
            distinct: Option<String>,
            #[deserr(default, error = DeserrJsonError<InvalidSearchFacets>)]
            facets: Option<Vec<String>>,
            #[deserr(default, error = DeserrJsonError<InvalidSearchMatchingStrategy>)]
            #[schemars(default)]
            matching_strategy: MatchingStrategy,
            #[deserr(default, error = DeserrJsonError<InvalidSearchAttributesToSearchOn>)]
            attributes_to_search_on: Option<Vec<String>>,
            #[deserr(default, error = DeserrJsonError<InvalidSearchRankingScoreThreshold>)]
            ranking_score_threshold: Option<Share>,
            #[deserr(default, error = DeserrJsonError<InvalidSearchLocales>)]
            locales: Option<Vec<Locale>>,
            #[deserr(default, error = DeserrJsonError<InvalidSearchHybridQuery>)]
            hybrid: Option<HybridQuery>,
            #[deserr(default, error = DeserrJsonError<InvalidSearchVector>)]
            vector: Option<Vec<f32>>,
            #[deserr(default, error = DeserrJsonError<InvalidSearchMedia>)]
            media: Option<Value>,
            #[deserr(default, error = DeserrJsonError<InvalidSearchPersonalize>)]
            personalize: Option<Personalize>,
            #[deserr(default, error = DeserrJsonError<InvalidSearchUseNetwork>)]
            use_network: Option<bool>,
        }

        impl $name {
            /// The query, and what belongs to the answer as a whole.
            pub(crate) fn split(self) -> (SearchQuery, AnswerParameters) {
                let (offset, limit, show_performance_details) = self.own_answer_parameters();
                let locales = $crate::search::query::languages(self.locales.as_deref());
                let query = SearchQuery {
                    q: self.q,
                    filter: self.filter,
                    sort: self.sort,
                    matching_strategy: self.matching_strategy,
                    attributes_to_search_on: self.attributes_to_search_on,
                    ranking_score_threshold: self.ranking_score_threshold.map(|share| share.0),
                    distinct: self.distinct,
                    retrieve_vectors: self.retrieve_vectors,
                    show_ranking_score: self.show_ranking_score,
                    show_ranking_score_details: self.show_ranking_score_details,
                    semantic: Semantic {
                        hybrid: self.hybrid,
                        vector: self.vector,
                        media: self.media,
                    },
                    format: FormatRequest {
                        retrieve: self.attributes_to_retrieve,
                        highlight: self.attributes_to_highlight.unwrap_or_default(),
                        crop: self.attributes_to_crop.unwrap_or_default(),
                        crop_length: self.crop_length,
                        crop_marker: self.crop_marker,
                        pre_tag: self.highlight_pre_tag,
                        post_tag: self.highlight_post_tag,
                        show_matches_position: self.show_matches_position,
                        locales,
                    },
                };
                let answer = AnswerParameters {
                    offset,
                    limit,
                    page: self.page,
                    hits_per_page: self.hits_per_page,
                    facets: self.facets,
                    personalize: self.personalize,
                    show_performance_details,
                    use_network: self.use_network,
                };
                (query, answer)
            }
        }
    };
}

pub(crate) use search_body;

search_body! {
    /// Body of `POST /indexes/{index_uid}/search`.
    SearchBody {
        #[deserr(default = DEFAULT_OFFSET, error = DeserrJsonError<InvalidSearchOffset>)]
        #[schemars(default)]
        offset: usize,
        #[deserr(default = DEFAULT_LIMIT, error = DeserrJsonError<InvalidSearchLimit>)]
        #[schemars(default, extend("default" = DEFAULT_LIMIT))]
        limit: usize,
        #[deserr(default, error = DeserrJsonError<InvalidSearchShowPerformanceDetails>)]
        #[schemars(default)]
        show_performance_details: bool,
    }
}

impl SearchBody {
    fn own_answer_parameters(&self) -> (Option<usize>, Option<usize>, Option<bool>) {
        (Some(self.offset), Some(self.limit), Some(self.show_performance_details))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn imposed_filters_are_added() {
        let both = |filter: Value, imposed: Value| restrict(Some(filter), Some(&imposed));
        assert_eq!(both(json!("a"), json!("b")), Some(json!(["a", "b"])));
        assert_eq!(both(json!(["a", ["b", "c"]]), json!("d")), Some(json!(["a", ["b", "c"], "d"])));
        assert_eq!(both(json!("a OR b"), json!(["c", "d"])), Some(json!(["a OR b", "c", "d"])));
        assert_eq!(restrict(None, Some(&json!("b"))), Some(json!("b")));
        assert_eq!(restrict(Some(json!("a")), None), Some(json!("a")));
        assert_eq!(restrict(None, None), None);
    }
}
