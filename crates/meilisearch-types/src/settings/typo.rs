//! Setting `typoTolerance`.

use std::collections::BTreeSet;
use std::convert::Infallible;

use deserr::{DeserializeError, Deserr, ErrorKind, ValuePointerRef, take_cf_content};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Setting;
use super::setting::MergeMembers;

/// How many typos a search forgives.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, Deserr, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[deserr(rename_all = camelCase, deny_unknown_fields)]
pub struct TypoSettings {
    /// Whether typos are forgiven at all (default true).
    #[serde(default, skip_serializing_if = "Setting::is_not_set")]
    #[deserr(default)]
    pub enabled: Setting<bool>,
    /// From which length a word may hold typos.
    #[serde(default, skip_serializing_if = "Setting::is_not_set")]
    #[deserr(default)]
    pub min_word_size_for_typos: Setting<MinWordSizeForTypos>,
    /// Words that must be written exactly (default none).
    #[serde(default, skip_serializing_if = "Setting::is_not_set")]
    #[deserr(default)]
    pub disable_on_words: Setting<BTreeSet<String>>,
    /// Attributes whose words must be written exactly (default none).
    #[serde(default, skip_serializing_if = "Setting::is_not_set")]
    #[deserr(default)]
    pub disable_on_attributes: Setting<BTreeSet<String>>,
    /// Whether numbers must be written exactly (default false).
    #[serde(default, skip_serializing_if = "Setting::is_not_set")]
    #[deserr(default)]
    pub disable_on_numbers: Setting<bool>,
}

/// Word lengths, in characters, from which typos are forgiven.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, Deserr, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[deserr(rename_all = camelCase, deny_unknown_fields, validate = in_order -> __Deserr_E)]
pub struct MinWordSizeForTypos {
    /// One typo from this length on (default 5).
    #[serde(default, skip_serializing_if = "Setting::is_not_set")]
    #[deserr(default)]
    pub one_typo: Setting<u8>,
    /// Two typos from this length on (default 9).
    #[serde(default, skip_serializing_if = "Setting::is_not_set")]
    #[deserr(default)]
    pub two_typos: Setting<u8>,
}

/// One typo must be forgiven no later than two, as far as one request can tell.
fn in_order<E: DeserializeError>(
    sizes: MinWordSizeForTypos,
    location: ValuePointerRef<'_>,
) -> Result<MinWordSizeForTypos, E> {
    match (sizes.one_typo, sizes.two_typos) {
        (Setting::Set(one), Setting::Set(two)) if one > two => {
            let msg = format!(
                "`oneTypo` is {one}, it must not be greater than `twoTypos`, which is {two}"
            );
            Err(take_cf_content(E::error::<Infallible>(
                None,
                ErrorKind::Unexpected { msg },
                location,
            )))
        }
        _ => Ok(sizes),
    }
}

impl MergeMembers for TypoSettings {
    fn reset() -> Self {
        TypoSettings {
            enabled: Setting::Reset,
            min_word_size_for_typos: Setting::Reset,
            disable_on_words: Setting::Reset,
            disable_on_attributes: Setting::Reset,
            disable_on_numbers: Setting::Reset,
        }
    }

    fn merge(&mut self, later: Self) {
        self.enabled.overwrite_with(later.enabled);
        self.min_word_size_for_typos.merge_members(later.min_word_size_for_typos);
        self.disable_on_words.overwrite_with(later.disable_on_words);
        self.disable_on_attributes.overwrite_with(later.disable_on_attributes);
        self.disable_on_numbers.overwrite_with(later.disable_on_numbers);
    }
}

impl MergeMembers for MinWordSizeForTypos {
    fn reset() -> Self {
        MinWordSizeForTypos { one_typo: Setting::Reset, two_typos: Setting::Reset }
    }

    fn merge(&mut self, later: Self) {
        self.one_typo.overwrite_with(later.one_typo);
        self.two_typos.overwrite_with(later.two_typos);
    }
}
