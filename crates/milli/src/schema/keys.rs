//! The settings keys of the `main` database with their codecs (storage-index.md section 5).
//!
//! Reading is `Schema::load`, writing is `indexing/settings`; both go through these keys only.

use std::collections::{BTreeMap, BTreeSet};

use heed::byteorder::BE;
use heed::types::{Bytes, SerdeBincode, SerdeJson, Str, U8, U64};
use meilisearch_types::settings::{
    FacetValuesSort, FilterableAttributesRule, PrefixSearch, ProximityPrecision,
};
use serde::{Deserialize, Serialize};

use super::Criterion;
use crate::codec::FstSet;
use crate::store::MainKey;

/// A sequence of strings in bincode.
type Strings = SerdeBincode<Vec<String>>;
/// A sorted set of strings in bincode.
type StringSet = SerdeBincode<BTreeSet<String>>;

/// Rules of `localizedAttributes` as they are stored: locales are the tokenizer's names (`Jpn`).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct StoredLocalizedRule {
    pub(crate) attribute_patterns: Vec<String>,
    pub(crate) locales: Vec<String>,
}

/// Whether typos are refused in words made of digits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct DisabledTyposTerms {
    pub(crate) disable_on_numbers: bool,
}

/// Weights of the searchable fields, derived from the user's list.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct StoredWeights {
    pub(crate) map: BTreeMap<u16, u16>,
}

pub(crate) const USER_SEARCHABLE: MainKey<Strings> = MainKey::new("user-defined-searchable-fields");
pub(crate) const SEARCHABLE: MainKey<Strings> = MainKey::new("searchable-fields");
pub(crate) const WEIGHTS: MainKey<SerdeJson<StoredWeights>> = MainKey::new("fieldids-weights-map");
pub(crate) const DISPLAYED: MainKey<Strings> = MainKey::new("displayed-fields");
pub(crate) const FILTERABLE: MainKey<SerdeJson<Vec<FilterableAttributesRule>>> =
    MainKey::new("filterable-fields");
pub(crate) const SORTABLE: MainKey<SerdeJson<BTreeSet<String>>> = MainKey::new("sortable-fields");
pub(crate) const DISTINCT: MainKey<Str> = MainKey::new("distinct-field-key");
pub(crate) const CRITERIA: MainKey<SerdeJson<Vec<Criterion>>> = MainKey::new("criteria");
pub(crate) const STOP_WORDS: MainKey<FstSet> = MainKey::new("stop-words");
pub(crate) const STOP_WORDS_BYTES: MainKey<Bytes> = MainKey::new("stop-words");
pub(crate) const NON_SEPARATORS: MainKey<StringSet> = MainKey::new("non-separator-tokens");
pub(crate) const SEPARATORS: MainKey<StringSet> = MainKey::new("separator-tokens");
pub(crate) const DICTIONARY: MainKey<StringSet> = MainKey::new("dictionary");
pub(crate) const USER_SYNONYMS: MainKey<SerdeBincode<BTreeMap<String, Vec<String>>>> =
    MainKey::new("user-defined-synonyms");
/// Settings that are not built, as they are found.
pub(crate) const FOREIGN_KEYS: MainKey<Bytes> = MainKey::new("foreign-keys");
pub(crate) const CHAT: MainKey<Bytes> = MainKey::new("chat");
pub(crate) const AUTHORIZE_TYPOS: MainKey<U8> = MainKey::new("authorize-typos");
pub(crate) const ONE_TYPO_WORD_LEN: MainKey<U8> = MainKey::new("one-typo-word-len");
pub(crate) const TWO_TYPOS_WORD_LEN: MainKey<U8> = MainKey::new("two-typos-word-len");
pub(crate) const EXACT_WORDS: MainKey<FstSet> = MainKey::new("exact-words");
pub(crate) const EXACT_WORDS_BYTES: MainKey<Bytes> = MainKey::new("exact-words");
pub(crate) const EXACT_ATTRIBUTES: MainKey<StringSet> = MainKey::new("exact-attributes");
pub(crate) const DISABLED_TYPOS_TERMS: MainKey<SerdeJson<DisabledTyposTerms>> =
    MainKey::new("disabled_typos_terms");
pub(crate) const MAX_VALUES_PER_FACET: MainKey<U64<BE>> = MainKey::new("max-values-per-facet");
pub(crate) const SORT_FACET_VALUES_BY: MainKey<SerdeJson<BTreeMap<String, StoredFacetSort>>> =
    MainKey::new("sort-facet-values-by");
pub(crate) const MAX_TOTAL_HITS: MainKey<U64<BE>> = MainKey::new("pagination-max-total-hits");
pub(crate) const PROXIMITY_PRECISION: MainKey<SerdeBincode<ProximityPrecision>> =
    MainKey::new("proximity-precision");
pub(crate) const PREFIX_SEARCH: MainKey<SerdeBincode<PrefixSearch>> = MainKey::new("prefix_search");
pub(crate) const FACET_SEARCH: MainKey<SerdeBincode<bool>> = MainKey::new("facet_search");
pub(crate) const SEARCH_CUTOFF: MainKey<U64<BE>> = MainKey::new("search_cutoff");
pub(crate) const LOCALIZED: MainKey<SerdeJson<Vec<StoredLocalizedRule>>> =
    MainKey::new("localized_attributes_rules");

/// Order of facet values under its stored name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum StoredFacetSort {
    Lexicographic,
    Count,
}

impl From<StoredFacetSort> for FacetValuesSort {
    fn from(stored: StoredFacetSort) -> FacetValuesSort {
        match stored {
            StoredFacetSort::Lexicographic => FacetValuesSort::Alpha,
            StoredFacetSort::Count => FacetValuesSort::Count,
        }
    }
}

impl From<FacetValuesSort> for StoredFacetSort {
    fn from(order: FacetValuesSort) -> StoredFacetSort {
        match order {
            FacetValuesSort::Alpha => StoredFacetSort::Lexicographic,
            FacetValuesSort::Count => StoredFacetSort::Count,
        }
    }
}
