//! Settings of an index as requests, tasks and answers carry them (http-api.md 11, indexing.md 17,
//! storage-instance.md 5). One table gives every setting; each object setting has its file.

mod choices;
mod embedders;
mod faceting;
mod filterable;
mod pagination;
mod ranking_rule;
mod secrets;
mod setting;
mod typo;

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use deserr::Deserr;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize, Serializer};
use serde_json::Value;

pub use choices::{LocalizedAttributesRule, PrefixSearch, ProximityPrecision};
pub use embedders::{
    Distribution, EmbedderSettings, EmbedderSettingsError, EmbedderSource, FragmentSettings,
    FragmentsSettings, Pooling,
};
pub use faceting::{FacetValuesSort, FacetingSettings};
pub use filterable::{
    FilterFeatures, FilterableAttributesFeatures, FilterableAttributesPatterns,
    FilterableAttributesRule,
};
pub use pagination::PaginationSettings;
pub use ranking_rule::{RankingRule, RankingRuleError};
pub use secrets::{Embedders, mask};
pub use setting::Setting;
pub use typo::{MinWordSizeForTypos, TypoSettings};

use crate::deserr::DeserrJsonError;
use crate::error::deserr_codes::*;
use crate::not_implemented::NotImplemented;

/// Expands the table of settings into [`Settings`] and [`SettingName`].
///
/// The last column says how a later task of the same batch goes on top of an earlier one:
/// `overwrite_with` as a whole, `merge_members` member by member.
macro_rules! settings {
    ($(
        $(#[$attribute:meta])*
        $field:ident: $type:ty, $variant:ident, $key:literal, $route:literal, $verb:ident, $code:ident, $merge:ident;
    )*) => {
        /// A request to change settings; also the whole of them, when every member is set.
        #[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, Deserr, JsonSchema)]
        #[deserr(error = DeserrJsonError, deny_unknown_fields)]
        pub struct Settings {
            $(
                #[serde(rename = $key, default, skip_serializing_if = "Setting::is_not_set")]
                #[deserr(rename = $key, default, error = DeserrJsonError<$code>)]
                $(#[$attribute])*
                pub $field: Setting<$type>,
            )*
        }

        impl Settings {
            /// Everything reset: the meaning of deleting all settings.
            pub fn reset() -> Self {
                Settings { $($field: Setting::Reset,)* }
            }

            /// Puts the settings of a later task of the same batch on top, object settings member
            /// by member (indexing.md 17).
            pub fn merge(&mut self, later: Settings) {
                $(self.$field.$merge(later.$field);)*
            }

            /// Puts later settings on top, whole settings at a time.
            fn overwrite_with(&mut self, later: Settings) {
                $(self.$field.overwrite_with(later.$field);)*
            }
        }

        /// A setting by name; each has a route of its own below `/indexes/{uid}/settings`.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum SettingName {
            $(#[doc = concat!("`", $key, "`.")] $variant,)*
        }

        impl SettingName {
            /// Every setting, in the order of answers.
            pub const ALL: &'static [SettingName] = &[$(SettingName::$variant,)*];

            /// The member of the settings object.
            pub fn key(self) -> &'static str {
                match self { $(SettingName::$variant => $key,)* }
            }

            /// The last segment of the setting's route.
            pub fn route(self) -> &'static str {
                match self { $(SettingName::$variant => $route,)* }
            }

            /// The method that changes the setting on its route.
            pub fn verb(self) -> WriteVerb {
                match self { $(SettingName::$variant => WriteVerb::$verb,)* }
            }

            /// The code of every error inside the setting.
            pub fn code(self) -> crate::error::Code {
                match self { $(SettingName::$variant => crate::error::Code::$code,)* }
            }
        }
    };
}

/// How a setting is written on its own route.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WriteVerb {
    /// The value is replaced.
    Put,
    /// The members given are changed.
    Patch,
}

settings! {
    /// Fields that answers show; `*` stands for all (default `["*"]`).
    #[serde(serialize_with = "write_attributes")]
    displayed_attributes: Vec<String>, DisplayedAttributes, "displayedAttributes", "displayed-attributes", Put, InvalidSettingsDisplayedAttributes, overwrite_with;
    /// Fields that are searched, the most important first; `*` stands for all (default `["*"]`).
    #[serde(serialize_with = "write_attributes")]
    searchable_attributes: Vec<String>, SearchableAttributes, "searchableAttributes", "searchable-attributes", Put, InvalidSettingsSearchableAttributes, overwrite_with;
    /// Fields that filters and facets may use (default none).
    filterable_attributes: Vec<FilterableAttributesRule>, FilterableAttributes, "filterableAttributes", "filterable-attributes", Put, InvalidSettingsFilterableAttributes, overwrite_with;
    /// Fields that hits can be sorted by (default none).
    sortable_attributes: BTreeSet<String>, SortableAttributes, "sortableAttributes", "sortable-attributes", Put, InvalidSettingsSortableAttributes, overwrite_with;
    /// Fields that hold ids of documents of other indexes (default none).
    foreign_keys: Vec<Value>, ForeignKeys, "foreignKeys", "foreign-keys", Put, InvalidSettingsForeignKeys, overwrite_with;
    /// Criteria that decide between documents, the most important first (default `words`, `typo`,
    /// `proximity`, `attributeRank`, `sort`, `wordPosition`, `exactness`).
    #[deserr(try_from(Setting<Vec<RankingRule>>) = ranking_rule::without_overlap -> RankingRuleError)]
    ranking_rules: Vec<RankingRule>, RankingRules, "rankingRules", "ranking-rules", Put, InvalidSettingsRankingRules, overwrite_with;
    /// Words that queries and documents are searched without (default none).
    stop_words: BTreeSet<String>, StopWords, "stopWords", "stop-words", Put, InvalidSettingsStopWords, overwrite_with;
    /// Characters that separate words by default and are not to (default none).
    non_separator_tokens: BTreeSet<String>, NonSeparatorTokens, "nonSeparatorTokens", "non-separator-tokens", Put, InvalidSettingsNonSeparatorTokens, overwrite_with;
    /// Characters that are to separate words (default none).
    separator_tokens: BTreeSet<String>, SeparatorTokens, "separatorTokens", "separator-tokens", Put, InvalidSettingsSeparatorTokens, overwrite_with;
    /// Texts that are one word although they would be cut (default none).
    dictionary: BTreeSet<String>, Dictionary, "dictionary", "dictionary", Put, InvalidSettingsDictionary, overwrite_with;
    /// What a word or phrase also finds (default nothing).
    synonyms: BTreeMap<String, Vec<String>>, Synonyms, "synonyms", "synonyms", Put, InvalidSettingsSynonyms, overwrite_with;
    /// Field of which each value appears in one hit at most (default null, none).
    distinct_attribute: String, DistinctAttribute, "distinctAttribute", "distinct-attribute", Put, InvalidSettingsDistinctAttribute, overwrite_with;
    /// How exactly the nearness of words is known (default `byWord`).
    proximity_precision: ProximityPrecision, ProximityPrecision, "proximityPrecision", "proximity-precision", Put, InvalidSettingsProximityPrecision, overwrite_with;
    /// How many typos a search forgives.
    typo_tolerance: TypoSettings, TypoTolerance, "typoTolerance", "typo-tolerance", Patch, InvalidSettingsTypoTolerance, merge_members;
    /// How facet values are shown.
    faceting: FacetingSettings, Faceting, "faceting", "faceting", Patch, InvalidSettingsFaceting, merge_members;
    /// How far a search can be paged.
    pagination: PaginationSettings, Pagination, "pagination", "pagination", Patch, InvalidSettingsPagination, merge_members;
    /// What makes vectors, by name; null removes one (default none).
    #[schemars(with = "Setting<BTreeMap<String, Setting<EmbedderSettings>>>")]
    embedders: Embedders, Embedders, "embedders", "embedders", Patch, InvalidSettingsEmbedders, overwrite_with;
    /// Milliseconds after which a search answers what it has (default null, 1500).
    search_cutoff_ms: u64, SearchCutoffMs, "searchCutoffMs", "search-cutoff-ms", Put, InvalidSettingsSearchCutoffMs, overwrite_with;
    /// Languages of fields (default null: they are guessed).
    localized_attributes: Vec<LocalizedAttributesRule>, LocalizedAttributes, "localizedAttributes", "localized-attributes", Put, InvalidSettingsLocalizedAttributes, overwrite_with;
    /// Whether the values of facets can be searched (default true).
    facet_search: bool, FacetSearch, "facetSearch", "facet-search", Put, InvalidSettingsFacetSearch, overwrite_with;
    /// Whether the beginning of a word finds it (default `indexingTime`).
    prefix_search: PrefixSearch, PrefixSearch, "prefixSearch", "prefix-search", Put, InvalidSettingsPrefixSearch, overwrite_with;
    /// How a chat sees the index.
    chat: Value, Chat, "chat", "chat", Patch, InvalidSettingsIndexChat, overwrite_with;
}

impl Settings {
    /// What these settings ask for that is not built yet. Call it after the checks of experimental
    /// features, whose errors come first.
    pub fn not_implemented(&self) -> Option<NotImplemented> {
        if self.foreign_keys.as_ref().set().is_some() {
            Some(NotImplemented::ForeignKeysSetting)
        } else if self.chat.as_ref().set().is_some() {
            Some(NotImplemented::ChatSetting)
        } else {
            None
        }
    }

    /// Whether an embedder is made of two others, which needs a feature; resetting it needs none.
    pub fn asks_for_composite_embedders(&self) -> bool {
        self.any_embedder(|embedder| {
            embedder.get("source").is_some_and(|source| source == "composite")
                || ["searchEmbedder", "indexingEmbedder"].iter().any(|key| is_given(embedder, key))
        })
    }

    /// Whether an embedder has fragments, which needs a feature; resetting them needs none.
    pub fn asks_for_fragments(&self) -> bool {
        self.any_embedder(|embedder| {
            ["indexingFragments", "searchFragments"].iter().any(|key| is_given(embedder, key))
        })
    }

    fn any_embedder(&self, accepts: impl Fn(&Value) -> bool) -> bool {
        let mut embedders = self.embedders.as_ref().set().into_iter().flatten();
        embedders.any(|(_, embedder)| embedder.as_ref().set().is_some_and(&accepts))
    }

    /// Sums up the settings of a further task in the details of a batch: later ones win, embedders
    /// by name (tasks.md 15).
    pub(crate) fn fold(&mut self, mut later: Settings) {
        if let (Setting::Set(earlier), Setting::Set(later)) =
            (&mut self.embedders, &mut later.embedders)
        {
            earlier.append(later);
            std::mem::swap(earlier, later);
        }
        self.overwrite_with(later);
    }

    /// Masks the secrets, for answers.
    pub fn hide_secrets(&mut self) {
        secrets::mask_embedders(&mut self.embedders);
    }
}

fn is_given(embedder: &Value, key: &str) -> bool {
    embedder.get(key).is_some_and(|value| !value.is_null())
}

impl SettingName {
    /// Reads the bare value of the setting's own route as a request that changes only it.
    pub fn parse(self, value: Value) -> Result<Settings, DeserrJsonError> {
        let members = serde_json::Map::from_iter([(self.key().to_owned(), value)]);
        deserr::deserialize(Value::Object(members))
    }
}

/// A reset list of attributes is written as `["*"]` (storage-instance.md 5), which means the same:
/// a list that holds the star names all attributes.
fn write_attributes<S: Serializer>(
    attributes: &Setting<Vec<String>>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    match attributes {
        Setting::Set(list) => list.serialize(serializer),
        Setting::Reset | Setting::NotSet => ["*"].serialize(serializer),
    }
}
