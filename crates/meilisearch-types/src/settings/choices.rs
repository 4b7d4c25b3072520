//! Settings whose value is one of a few words, and the rules of `localizedAttributes`.

use deserr::{Deserr, MergeWithError};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::locales::{Locale, UnknownLocale};

/// Setting `proximityPrecision`: how exactly the nearness of words is known.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, Deserr, JsonSchema,
)]
#[serde(rename_all = "camelCase")]
#[deserr(rename_all = camelCase)]
pub enum ProximityPrecision {
    /// By the distance between words.
    #[default]
    ByWord,
    /// By whether words share an attribute.
    ByAttribute,
}

/// Setting `prefixSearch`: whether the beginning of a word finds it.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, Deserr, JsonSchema,
)]
#[serde(rename_all = "camelCase")]
#[deserr(rename_all = camelCase)]
pub enum PrefixSearch {
    /// Yes, prepared while indexing.
    #[default]
    IndexingTime,
    /// No.
    Disabled,
}

/// A rule of the setting `localizedAttributes`: languages of the attributes that match.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Deserr, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[deserr(
    rename_all = camelCase,
    deny_unknown_fields,
    where_predicate = __Deserr_E: MergeWithError<UnknownLocale>
)]
pub struct LocalizedAttributesRule {
    /// Names, each with a `*` at either end or not.
    pub attribute_patterns: Vec<String>,
    /// The languages.
    pub locales: Vec<Locale>,
}
