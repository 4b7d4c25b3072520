//! Each setting in its stored form (table of indexing.md section 17).

use std::collections::BTreeSet;

use heed::BytesEncode;
use indexmap::IndexSet;
use meilisearch_types::locales::Locale;
use meilisearch_types::settings::{
    FacetingSettings, LocalizedAttributesRule, MinWordSizeForTypos, PaginationSettings, Setting,
    Settings, TypoSettings,
};

use super::{SettingsError, synonyms};
use crate::error::Result;
use crate::limits::{DEFAULT_ONE_TYPO_WORD_LEN, DEFAULT_TWO_TYPOS_WORD_LEN};
use crate::schema::keys::{self, DisabledTyposTerms, StoredLocalizedRule};
use crate::schema::{Criterion, Schema};
use crate::store::{Index, MainKey, RwTxn};
use crate::text::{TokenizerSettings, normalize_stop_word};

/// Writes every setting that `settings` mentions; `old` is what is in force.
///
/// # Errors
/// A setting contradicts another one, or the store fails.
pub(super) fn store(
    index: &Index,
    wtxn: &mut RwTxn<'_>,
    settings: &Settings,
    old: &Schema,
) -> Result<()> {
    let mut put = Put { index, wtxn };
    put.attributes(&keys::DISPLAYED, &settings.displayed_attributes)?;
    put.attributes(&keys::USER_SEARCHABLE, &settings.searchable_attributes)?;
    if keys::USER_SEARCHABLE.get(put.index, put.wtxn)?.is_none() {
        keys::SEARCHABLE.delete(put.index, put.wtxn)?;
        keys::WEIGHTS.delete(put.index, put.wtxn)?;
    }
    put.value(&keys::FILTERABLE, settings.filterable_attributes.as_ref())?;
    put.value(&keys::SORTABLE, settings.sortable_attributes.as_ref())?;
    put.value(&keys::DISTINCT, settings.distinct_attribute.as_ref().map(String::as_str))?;
    let criteria = settings
        .ranking_rules
        .clone()
        .map(|rules| rules.into_iter().map(Criterion::from).collect::<Vec<_>>());
    put.value(&keys::CRITERIA, criteria.as_ref())?;
    put.value(&keys::PROXIMITY_PRECISION, settings.proximity_precision.as_ref())?;
    put.value(&keys::PREFIX_SEARCH, settings.prefix_search.as_ref())?;
    put.value(&keys::SEARCH_CUTOFF, settings.search_cutoff_ms.as_ref())?;
    let localized = settings.localized_attributes.as_ref().map(|rules| stored_rules(rules));
    put.value(&keys::LOCALIZED, localized.as_ref())?;
    match settings.facet_search {
        Setting::Set(value) if value == old.facet_search => {}
        setting => put.value(&keys::FACET_SEARCH, setting.as_ref())?,
    }
    put.tokens(settings)?;
    put.synonyms(settings, old)?;
    put.typo_tolerance(&settings.typo_tolerance, old)?;
    put.faceting(&settings.faceting)?;
    put.pagination(&settings.pagination)
}

struct Put<'p, 't> {
    index: &'p Index,
    wtxn: &'p mut RwTxn<'t>,
}

impl Put<'_, '_> {
    /// A setting whose reset deletes its key.
    fn value<'v, C>(&mut self, key: &MainKey<C>, setting: Setting<&'v C::EItem>) -> Result<()>
    where
        C: BytesEncode<'v> + 'static,
        C::EItem: 'v,
    {
        match setting {
            Setting::NotSet => Ok(()),
            Setting::Reset => key.delete(self.index, self.wtxn).map(drop),
            Setting::Set(value) => key.put(self.index, self.wtxn, value),
        }
    }

    /// A list of attributes without repetitions; a star stands for all of them, which is the default.
    fn attributes<C>(&mut self, key: &MainKey<C>, setting: &Setting<Vec<String>>) -> Result<()>
    where
        C: for<'v> BytesEncode<'v, EItem = Vec<String>> + 'static,
    {
        let unique = setting.as_ref().map(|names| -> Vec<String> {
            names.iter().cloned().collect::<IndexSet<_>>().into_iter().collect()
        });
        match unique {
            Setting::Set(names) if names.iter().any(|name| name == "*") => {
                key.delete(self.index, self.wtxn).map(drop)
            }
            Setting::Set(names) => key.put(self.index, self.wtxn, &names),
            Setting::Reset => key.delete(self.index, self.wtxn).map(drop),
            Setting::NotSet => Ok(()),
        }
    }

    /// Stop words, separators and dictionary. An empty list is a reset.
    fn tokens(&mut self, settings: &Settings) -> Result<()> {
        let stop_words = none_if_empty(&settings.stop_words).map(|words| {
            words.iter().map(|word| normalize_stop_word(word)).collect::<BTreeSet<_>>()
        });
        match stop_words {
            Setting::NotSet => {}
            Setting::Reset => {
                keys::STOP_WORDS.delete(self.index, self.wtxn)?;
            }
            Setting::Set(words) => self.word_set(&keys::STOP_WORDS_BYTES, &words)?,
        }
        self.value(&keys::SEPARATORS, none_if_empty(&settings.separator_tokens))?;
        self.value(&keys::NON_SEPARATORS, none_if_empty(&settings.non_separator_tokens))?;
        self.value(&keys::DICTIONARY, none_if_empty(&settings.dictionary))
    }

    fn word_set<C>(&mut self, key: &MainKey<C>, words: &BTreeSet<String>) -> Result<()>
    where
        C: for<'v> BytesEncode<'v, EItem = [u8]> + 'static,
    {
        let set = fst::Set::from_iter(words)?;
        key.put(self.index, self.wtxn, set.as_fst().as_bytes())
    }

    /// The user's map, and the database of normalised keys, which depends on the tokeniser too.
    fn synonyms(&mut self, settings: &Settings, old: &Schema) -> Result<()> {
        let new = Schema::load(self.index, self.wtxn)?;
        let tokens_changed = old.separator_tokens != new.separator_tokens
            || old.non_separator_tokens != new.non_separator_tokens
            || old.dictionary != new.dictionary;
        let synonyms = match &settings.synonyms {
            Setting::NotSet if !tokens_changed => return Ok(()),
            Setting::NotSet => {
                keys::USER_SYNONYMS.put(self.index, self.wtxn, &new.synonyms)?;
                new.synonyms.clone()
            }
            Setting::Set(synonyms) if !synonyms.is_empty() => {
                keys::USER_SYNONYMS.put(self.index, self.wtxn, synonyms)?;
                synonyms.clone()
            }
            Setting::Set(_) | Setting::Reset => {
                keys::USER_SYNONYMS.delete(self.index, self.wtxn)?;
                Default::default()
            }
        };
        synonyms::rewrite(self.index, self.wtxn, &new, &synonyms)
    }

    fn typo_tolerance(&mut self, setting: &Setting<TypoSettings>, old: &Schema) -> Result<()> {
        let typo = all_reset(setting, || TypoSettings {
            enabled: Setting::Reset,
            min_word_size_for_typos: Setting::Reset,
            disable_on_words: Setting::Reset,
            disable_on_attributes: Setting::Reset,
            disable_on_numbers: Setting::Reset,
        });
        if let Some(enabled) = or_default(&typo.enabled, true) {
            keys::AUTHORIZE_TYPOS.put(self.index, self.wtxn, &u8::from(enabled))?;
        }
        self.word_sizes(&typo.min_word_size_for_typos, old)?;
        if let Some(words) = or_default(&typo.disable_on_words, BTreeSet::new()) {
            let words = self.normalize_exact_words(&words)?;
            self.word_set(&keys::EXACT_WORDS_BYTES, &words)?;
        }
        match &typo.disable_on_attributes {
            Setting::Set(names) if *names == old.typo.exact_attributes => {}
            names => self.value(&keys::EXACT_ATTRIBUTES, names.as_ref())?,
        }
        // This key is written by every change of settings.
        let disable_on_numbers =
            or_default(&typo.disable_on_numbers, false).unwrap_or(old.typo.disable_on_numbers);
        let terms = DisabledTyposTerms { disable_on_numbers };
        keys::DISABLED_TYPOS_TERMS.put(self.index, self.wtxn, &terms)
    }

    fn word_sizes(&mut self, setting: &Setting<MinWordSizeForTypos>, old: &Schema) -> Result<()> {
        let sizes = all_reset(setting, || MinWordSizeForTypos {
            one_typo: Setting::Reset,
            two_typos: Setting::Reset,
        });
        let one = or_default(&sizes.one_typo, DEFAULT_ONE_TYPO_WORD_LEN);
        let two = or_default(&sizes.two_typos, DEFAULT_TWO_TYPOS_WORD_LEN);
        let one_typo = one.unwrap_or(old.typo.one_typo_word_len);
        let two_typos = two.unwrap_or(old.typo.two_typos_word_len);
        if one_typo > two_typos {
            return Err(SettingsError::WordSizesForTypos { one_typo, two_typos }.into());
        }
        if let Some(one) = one {
            keys::ONE_TYPO_WORD_LEN.put(self.index, self.wtxn, &one)?;
        }
        if let Some(two) = two {
            keys::TWO_TYPOS_WORD_LEN.put(self.index, self.wtxn, &two)?;
        }
        Ok(())
    }

    /// A word is stored as the normalised texts of all its tokens, joined.
    fn normalize_exact_words(&self, words: &BTreeSet<String>) -> Result<BTreeSet<String>> {
        let stop_words = Schema::load(self.index, self.wtxn)?.stop_words;
        let settings = TokenizerSettings::only_stop_words(&stop_words);
        let tokenizer = settings.tokenizer();
        let normalize = |word: &String| -> String {
            tokenizer.tokenize(word).map(|token| token.lemma().to_owned()).collect()
        };
        Ok(words.iter().map(normalize).collect())
    }

    fn faceting(&mut self, setting: &Setting<FacetingSettings>) -> Result<()> {
        let faceting = all_reset(setting, || FacetingSettings {
            max_values_per_facet: Setting::Reset,
            sort_facet_values_by: Setting::Reset,
        });
        let max = faceting.max_values_per_facet.as_ref().map(|max| *max as u64);
        self.value(&keys::MAX_VALUES_PER_FACET, max.as_ref())?;
        let orders = faceting.sort_facet_values_by.as_ref().map(|orders| {
            orders.iter().map(|(name, order)| (name.clone(), (*order).into())).collect()
        });
        self.value(&keys::SORT_FACET_VALUES_BY, orders.as_ref())
    }

    fn pagination(&mut self, setting: &Setting<PaginationSettings>) -> Result<()> {
        let pagination =
            all_reset(setting, || PaginationSettings { max_total_hits: Setting::Reset });
        let max = pagination.max_total_hits.as_ref().map(|max| max.get() as u64);
        self.value(&keys::MAX_TOTAL_HITS, max.as_ref())
    }
}

/// An object setting as its members: none mentioned, all reset, or as given.
fn all_reset<T: Clone + Default>(setting: &Setting<T>, reset: impl Fn() -> T) -> T {
    match setting {
        Setting::NotSet => T::default(),
        Setting::Reset => reset(),
        Setting::Set(members) => members.clone(),
    }
}

/// The value to write for a setting whose reset writes its default.
fn or_default<T: Clone>(setting: &Setting<T>, default: T) -> Option<T> {
    match setting {
        Setting::NotSet => None,
        Setting::Reset => Some(default),
        Setting::Set(value) => Some(value.clone()),
    }
}

fn none_if_empty(setting: &Setting<BTreeSet<String>>) -> Setting<&BTreeSet<String>> {
    match setting {
        Setting::Set(set) if set.is_empty() => Setting::Reset,
        other => other.as_ref(),
    }
}

/// Locales are stored under the tokeniser's names, a code with a capital first letter.
fn stored_rules(rules: &[LocalizedAttributesRule]) -> Vec<StoredLocalizedRule> {
    let stored_name = |locale: &Locale| {
        let mut name = locale.code().to_owned();
        if let Some(first) = name.get_mut(..1) {
            first.make_ascii_uppercase();
        }
        name
    };
    rules
        .iter()
        .map(|rule| StoredLocalizedRule {
            attribute_patterns: rule.attribute_patterns.clone(),
            locales: rule.locales.iter().map(stored_name).collect(),
        })
        .collect()
}
