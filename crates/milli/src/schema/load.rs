//! Store → [`Schema`]: every settings key decoded, defaults filled in.

use std::collections::BTreeSet;

use charabia::Language;
use fst::Streamer;

use super::keys::{self, StoredLocalizedRule};
use super::{Criterion, LocalizedRule, Schema, StopWords, TypoTolerance};
use crate::error::{InternalError, Result};
use crate::limits;
use crate::store::{Index, RoTxn};
use crate::vector::CONFIGS;

impl Schema {
    /// Reads all settings of an index.
    ///
    /// # Errors
    /// A stored value cannot be decoded.
    pub fn load(index: &Index, rtxn: &RoTxn<'_>) -> Result<Schema> {
        Ok(Schema {
            displayed: keys::DISPLAYED.get(index, rtxn)?,
            searchable: keys::USER_SEARCHABLE.get(index, rtxn)?,
            filterable: keys::FILTERABLE.get(index, rtxn)?.unwrap_or_default(),
            sortable: keys::SORTABLE.get(index, rtxn)?.unwrap_or_default(),
            distinct: keys::DISTINCT.get(index, rtxn)?.map(str::to_owned),
            criteria: keys::CRITERIA.get(index, rtxn)?.unwrap_or_else(Criterion::defaults),
            stop_words: StopWords::load(keys::STOP_WORDS.get(index, rtxn)?)?,
            non_separator_tokens: keys::NON_SEPARATORS.get(index, rtxn)?,
            separator_tokens: keys::SEPARATORS.get(index, rtxn)?,
            dictionary: keys::DICTIONARY.get(index, rtxn)?,
            synonyms: keys::USER_SYNONYMS.get(index, rtxn)?.unwrap_or_default(),
            typo: TypoTolerance {
                enabled: keys::AUTHORIZE_TYPOS.get(index, rtxn)?.is_none_or(|byte| byte != 0),
                one_typo_word_len: keys::ONE_TYPO_WORD_LEN
                    .get(index, rtxn)?
                    .unwrap_or(limits::DEFAULT_ONE_TYPO_WORD_LEN),
                two_typos_word_len: keys::TWO_TYPOS_WORD_LEN
                    .get(index, rtxn)?
                    .unwrap_or(limits::DEFAULT_TWO_TYPOS_WORD_LEN),
                exact_words: words(keys::EXACT_WORDS.get(index, rtxn)?)?,
                exact_attributes: keys::EXACT_ATTRIBUTES.get(index, rtxn)?.unwrap_or_default(),
                disable_on_numbers: keys::DISABLED_TYPOS_TERMS
                    .get(index, rtxn)?
                    .unwrap_or_default()
                    .disable_on_numbers,
            },
            max_values_per_facet: keys::MAX_VALUES_PER_FACET
                .get(index, rtxn)?
                .map_or(limits::DEFAULT_MAX_VALUES_PER_FACET, saturating_usize),
            sort_facet_values_by: keys::SORT_FACET_VALUES_BY
                .get(index, rtxn)?
                .unwrap_or_default()
                .into_iter()
                .map(|(attribute, order)| (attribute, order.into()))
                .collect(),
            max_total_hits: keys::MAX_TOTAL_HITS
                .get(index, rtxn)?
                .map_or(limits::DEFAULT_MAX_TOTAL_HITS, saturating_usize),
            proximity_precision: keys::PROXIMITY_PRECISION.get(index, rtxn)?.unwrap_or_default(),
            prefix_search: keys::PREFIX_SEARCH.get(index, rtxn)?.unwrap_or_default(),
            facet_search: keys::FACET_SEARCH.get(index, rtxn)?.unwrap_or(true),
            embedders: CONFIGS.get(index, rtxn)?.unwrap_or_default(),
            search_cutoff_ms: keys::SEARCH_CUTOFF.get(index, rtxn)?,
            localized: keys::LOCALIZED
                .get(index, rtxn)?
                .map(|rules| rules.into_iter().map(localized_rule).collect())
                .transpose()?,
        })
    }
}

fn words(set: Option<fst::Set<&[u8]>>) -> Result<BTreeSet<String>> {
    let Some(set) = set else { return Ok(BTreeSet::new()) };
    let mut words = BTreeSet::new();
    let mut stream = set.stream();
    while let Some(word) = stream.next() {
        let word = std::str::from_utf8(word).map_err(|_| {
            InternalError::Inconsistent("a word set holds text that is no UTF-8".into())
        })?;
        words.insert(word.to_owned());
    }
    Ok(words)
}

fn saturating_usize(number: u64) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

/// Stored locales are the tokenizer's names: a code with a capital first letter.
fn localized_rule(rule: StoredLocalizedRule) -> Result<LocalizedRule> {
    let language = |name: String| {
        Language::from_code(name.to_ascii_lowercase())
            .ok_or_else(|| InternalError::Inconsistent(format!("unknown language `{name}`")).into())
    };
    Ok(LocalizedRule {
        attribute_patterns: rule.attribute_patterns,
        locales: rule.locales.into_iter().map(language).collect::<Result<_>>()?,
    })
}
