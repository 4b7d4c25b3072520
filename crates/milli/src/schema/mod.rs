//! Settings as the engine uses them: decoded from the `main` database with defaults filled in, and
//! the roles that they give to fields (indexing.md 6 and 17, storage-index.md 6).
//!
//! | File | What |
//! |---|---|
//! | `fields.rs` | field names ↔ field ids |
//! | `patterns.rs` | how a rule matches a field path |
//! | `keys.rs` | stored keys and their codecs |
//! | `stop_words.rs` | stop words as the tokeniser takes them |
//! | `load.rs` | store → [`Schema`] |
//! | `roles.rs` | [`Schema`] × field path → role |
//! | `view.rs` | [`Schema`] → settings as users see them |

mod fields;
pub(crate) mod keys;
mod load;
mod patterns;
mod roles;
mod stop_words;
mod view;

use std::collections::{BTreeMap, BTreeSet};

use meilisearch_types::settings::{
    FacetValuesSort, FilterableAttributesRule, PrefixSearch, ProximityPrecision,
};
use serde::{Deserialize, Serialize};

pub use fields::{FieldId, FieldsIdsMap, FieldsLimitReached};
pub use patterns::{
    PatternMatch, covers, match_name, match_names, match_pattern, match_patterns, pattern_fits,
};
pub(crate) use roles::match_filterable_rule;
pub use roles::{FacetRole, is_reserved};
pub use stop_words::StopWords;
pub use view::{refuse_unshown_settings, settings};

/// A ranking rule as stored (main key `criteria`).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Criterion {
    /// Documents with more query words first.
    Words,
    /// Fewer typos first.
    Typo,
    /// Query words closer together first.
    Proximity,
    /// `AttributeRank`, then `WordPosition`.
    Attribute,
    /// Earlier searchable attributes first.
    AttributeRank,
    /// Positions closer to those of the query first.
    WordPosition,
    /// The criteria of the `sort` parameter.
    Sort,
    /// Words as typed before words derived from them.
    Exactness,
    /// Increasing values of a field.
    Asc(String),
    /// Decreasing values of a field.
    Desc(String),
}

impl Criterion {
    /// The rules of an index that sets none.
    pub fn defaults() -> Vec<Criterion> {
        use Criterion::*;
        vec![Words, Typo, Proximity, AttributeRank, Sort, WordPosition, Exactness]
    }

    /// The field of an `asc` or `desc` rule.
    pub fn sorted_field(&self) -> Option<&str> {
        match self {
            Criterion::Asc(field) | Criterion::Desc(field) => Some(field),
            _ => None,
        }
    }
}

/// Languages that the fields matched by some patterns are written in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LocalizedRule {
    /// Patterns of field paths.
    pub attribute_patterns: Vec<String>,
    /// Languages that the tokenizer may choose from.
    pub locales: Vec<charabia::Language>,
}

/// Typo tolerance.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TypoTolerance {
    /// Whether any typo is accepted.
    pub enabled: bool,
    /// Shortest word with one typo, characters.
    pub one_typo_word_len: u8,
    /// Shortest word with two typos, characters.
    pub two_typos_word_len: u8,
    /// Normalised words that take no typo.
    pub exact_words: BTreeSet<String>,
    /// Attributes whose words take no typo.
    pub exact_attributes: BTreeSet<String>,
    /// Whether words made of digits take no typo.
    pub disable_on_numbers: bool,
}

/// All settings of an index that the engine knows, decoded once for a batch or a search.
#[derive(Clone, Debug, PartialEq)]
pub struct Schema {
    /// Attributes that answers show; `None`: all.
    pub displayed: Option<Vec<String>>,
    /// Attributes that are searched, in order of weight; `None`: all, with weight 0.
    pub searchable: Option<Vec<String>>,
    /// Rules that make attributes filterable; the first that matches decides.
    pub filterable: Vec<FilterableAttributesRule>,
    /// Attributes that can be sorted on.
    pub sortable: BTreeSet<String>,
    /// Attribute that makes hits distinct.
    pub distinct: Option<String>,
    /// Ranking rules in order.
    pub criteria: Vec<Criterion>,
    /// Stop words as stored.
    pub stop_words: StopWords,
    /// Separators taken out of the default list.
    pub non_separator_tokens: Option<BTreeSet<String>>,
    /// Separators added to the default list.
    pub separator_tokens: Option<BTreeSet<String>>,
    /// Words that the tokenizer must not cut.
    pub dictionary: Option<BTreeSet<String>>,
    /// Synonyms as the user wrote them.
    pub synonyms: BTreeMap<String, Vec<String>>,
    /// Typo tolerance.
    pub typo: TypoTolerance,
    /// Most values of a facet in an answer.
    pub max_values_per_facet: usize,
    /// Order of facet values, `*` is the default entry.
    pub sort_facet_values_by: BTreeMap<String, FacetValuesSort>,
    /// Greatest rank of a hit that can be reached.
    pub max_total_hits: usize,
    /// How exactly distances between words are kept.
    pub proximity_precision: ProximityPrecision,
    /// Whether prefixes are searched.
    pub prefix_search: PrefixSearch,
    /// Whether facet values can be searched.
    pub facet_search: bool,
    /// Embedders, in the order in which they are stored.
    pub embedders: Vec<embedders::EmbedderConfig>,
    /// Time after which a search is cut, milliseconds; `None`: the engine's default.
    pub search_cutoff_ms: Option<u64>,
    /// Languages of attributes; the first rule that matches decides.
    pub localized: Option<Vec<LocalizedRule>>,
}
