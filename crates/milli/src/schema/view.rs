//! [`Schema`] → settings as `GET /indexes/{uid}/settings` answers them: every member set or reset
//! (http-api.md 11).

use std::num::NonZeroUsize;
use std::str::FromStr;

use embedders::settings::shown;
use meilisearch_types::locales::Locale;
use meilisearch_types::not_implemented::NotImplemented;
use meilisearch_types::settings::{
    FacetValuesSort, FacetingSettings, LocalizedAttributesRule, MinWordSizeForTypos,
    PaginationSettings, RankingRule, Setting, Settings, TypoSettings,
};

use super::{Criterion, LocalizedRule, Schema, keys};
use crate::error::Result;
use crate::store::{Index, RoTxn};

/// All settings of an index. `foreignKeys` and `chat` are left out: their features are not built.
///
/// # Errors
/// A stored value cannot be decoded.
pub fn settings(index: &Index, rtxn: &RoTxn<'_>) -> Result<Settings> {
    Ok(Schema::load(index, rtxn)?.into())
}

/// Lets through an index of which [`settings`] tells everything that is stored.
///
/// # Errors
/// The index has settings whose features are not built, or LMDB fails.
pub fn refuse_unshown_settings(index: &Index, rtxn: &RoTxn<'_>) -> Result<()> {
    if keys::FOREIGN_KEYS.get(index, rtxn)?.is_some_and(|keys| keys != b"[]") {
        return Err(NotImplemented::ForeignKeysSetting.into());
    }
    if keys::CHAT.get(index, rtxn)?.is_some() {
        return Err(NotImplemented::ChatSetting.into());
    }
    Ok(())
}

impl From<Schema> for Settings {
    fn from(schema: Schema) -> Settings {
        let mut sort_facet_values_by = schema.sort_facet_values_by;
        sort_facet_values_by.entry("*".to_owned()).or_insert(FacetValuesSort::Alpha);
        let typo = schema.typo;
        Settings {
            displayed_attributes: schema.displayed.into(),
            searchable_attributes: schema.searchable.into(),
            filterable_attributes: Setting::Set(schema.filterable),
            sortable_attributes: Setting::Set(schema.sortable),
            foreign_keys: Setting::NotSet,
            ranking_rules: Setting::Set(schema.criteria.into_iter().map(Into::into).collect()),
            stop_words: Setting::Set(schema.stop_words.to_words()),
            non_separator_tokens: Setting::Set(schema.non_separator_tokens.unwrap_or_default()),
            separator_tokens: Setting::Set(schema.separator_tokens.unwrap_or_default()),
            dictionary: Setting::Set(schema.dictionary.unwrap_or_default()),
            synonyms: Setting::Set(schema.synonyms),
            distinct_attribute: schema.distinct.into(),
            proximity_precision: Setting::Set(schema.proximity_precision),
            typo_tolerance: Setting::Set(TypoSettings {
                enabled: Setting::Set(typo.enabled),
                min_word_size_for_typos: Setting::Set(MinWordSizeForTypos {
                    one_typo: Setting::Set(typo.one_typo_word_len),
                    two_typos: Setting::Set(typo.two_typos_word_len),
                }),
                disable_on_words: Setting::Set(typo.exact_words),
                disable_on_attributes: Setting::Set(typo.exact_attributes),
                disable_on_numbers: Setting::Set(typo.disable_on_numbers),
            }),
            faceting: Setting::Set(FacetingSettings {
                max_values_per_facet: Setting::Set(schema.max_values_per_facet),
                sort_facet_values_by: Setting::Set(sort_facet_values_by),
            }),
            pagination: Setting::Set(PaginationSettings {
                max_total_hits: NonZeroUsize::new(schema.max_total_hits).into(),
            }),
            embedders: Setting::Set(
                schema
                    .embedders
                    .iter()
                    .map(|embedder| (embedder.name.clone(), Setting::Set(shown(embedder))))
                    .collect(),
            ),
            search_cutoff_ms: schema.search_cutoff_ms.into(),
            localized_attributes: schema
                .localized
                .map(|rules| rules.into_iter().map(Into::into).collect())
                .into(),
            facet_search: Setting::Set(schema.facet_search),
            prefix_search: Setting::Set(schema.prefix_search),
            chat: Setting::NotSet,
        }
    }
}

impl From<Criterion> for RankingRule {
    fn from(criterion: Criterion) -> RankingRule {
        match criterion {
            Criterion::Words => RankingRule::Words,
            Criterion::Typo => RankingRule::Typo,
            Criterion::Proximity => RankingRule::Proximity,
            Criterion::Attribute => RankingRule::Attribute,
            Criterion::AttributeRank => RankingRule::AttributeRank,
            Criterion::WordPosition => RankingRule::WordPosition,
            Criterion::Sort => RankingRule::Sort,
            Criterion::Exactness => RankingRule::Exactness,
            Criterion::Asc(field) => RankingRule::Asc(field),
            Criterion::Desc(field) => RankingRule::Desc(field),
        }
    }
}

impl From<RankingRule> for Criterion {
    fn from(rule: RankingRule) -> Criterion {
        match rule {
            RankingRule::Words => Criterion::Words,
            RankingRule::Typo => Criterion::Typo,
            RankingRule::Proximity => Criterion::Proximity,
            RankingRule::Attribute => Criterion::Attribute,
            RankingRule::AttributeRank => Criterion::AttributeRank,
            RankingRule::WordPosition => Criterion::WordPosition,
            RankingRule::Sort => Criterion::Sort,
            RankingRule::Exactness => Criterion::Exactness,
            RankingRule::Asc(field) => Criterion::Asc(field),
            RankingRule::Desc(field) => Criterion::Desc(field),
        }
    }
}

impl From<LocalizedRule> for LocalizedAttributesRule {
    fn from(rule: LocalizedRule) -> LocalizedAttributesRule {
        LocalizedAttributesRule {
            attribute_patterns: rule.attribute_patterns,
            locales: rule
                .locales
                .iter()
                .filter_map(|language| Locale::from_str(language.code()).ok())
                .collect(),
        }
    }
}
