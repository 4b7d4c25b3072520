//! Setting `pagination`.

use std::num::NonZeroUsize;

use deserr::Deserr;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Setting;
use super::setting::MergeMembers;

/// How far a search can be paged.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, Deserr, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[deserr(rename_all = camelCase, deny_unknown_fields)]
pub struct PaginationSettings {
    /// Hits that can be reached by any paging (default 1000).
    #[serde(default, skip_serializing_if = "Setting::is_not_set")]
    #[deserr(default)]
    pub max_total_hits: Setting<NonZeroUsize>,
}

impl MergeMembers for PaginationSettings {
    fn reset() -> Self {
        PaginationSettings { max_total_hits: Setting::Reset }
    }

    fn merge(&mut self, later: Self) {
        self.max_total_hits.overwrite_with(later.max_total_hits);
    }
}
