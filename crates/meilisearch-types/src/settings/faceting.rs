//! Setting `faceting`.

use std::collections::BTreeMap;

use deserr::Deserr;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Setting;
use super::setting::MergeMembers;

/// How facet values are shown.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, Deserr, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[deserr(rename_all = camelCase, deny_unknown_fields)]
pub struct FacetingSettings {
    /// Most values shown for a facet (default 100).
    #[serde(default, skip_serializing_if = "Setting::is_not_set")]
    #[deserr(default)]
    pub max_values_per_facet: Setting<usize>,
    /// Order of the values by facet, or by `*` for all others (default `{"*": "alpha"}`).
    #[serde(default, skip_serializing_if = "Setting::is_not_set")]
    #[deserr(default)]
    pub sort_facet_values_by: Setting<BTreeMap<String, FacetValuesSort>>,
}

/// An order of facet values.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, Deserr, JsonSchema,
)]
#[serde(rename_all = "camelCase")]
#[deserr(rename_all = camelCase)]
pub enum FacetValuesSort {
    /// By value.
    #[default]
    Alpha,
    /// By number of documents, greatest first.
    Count,
}

impl MergeMembers for FacetingSettings {
    fn reset() -> Self {
        FacetingSettings {
            max_values_per_facet: Setting::Reset,
            sort_facet_values_by: Setting::Reset,
        }
    }

    fn merge(&mut self, later: Self) {
        self.max_values_per_facet.overwrite_with(later.max_values_per_facet);
        self.sort_facet_values_by.overwrite_with(later.sort_facet_values_by);
    }
}
