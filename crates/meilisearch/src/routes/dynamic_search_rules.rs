//! `/dynamic-search-rules` and what is below it (http-api.md section 15): parameters and their
//! mistakes. The rules are not built.

use std::collections::BTreeMap;

use actix_web::web::Data;
use deserr::Deserr;
use index_scheduler::IndexScheduler;
use meilisearch_types::deserr::{DeserrJsonError, DeserrQueryParamError};
use meilisearch_types::error::deserr_codes::{
    InvalidDynamicSearchRuleActions, InvalidDynamicSearchRuleActive,
    InvalidDynamicSearchRuleConditions, InvalidDynamicSearchRuleDescription,
    InvalidDynamicSearchRuleFilter, InvalidDynamicSearchRuleFilterActive,
    InvalidDynamicSearchRuleFilterQuery, InvalidDynamicSearchRuleLimit,
    InvalidDynamicSearchRuleOffset, InvalidDynamicSearchRulePriority, InvalidIndexCustomMetadata,
};
use meilisearch_types::not_implemented::NotImplemented;
use schemars::JsonSchema;
use serde_json::Value;

use crate::extract::auth::{Guarded, actions};
use crate::extract::body::Json;
use crate::extract::query::Query;
use crate::features::not_built;
use crate::openapi::about;
use crate::routes::Answer;
use crate::routes::table::{Routes, resource};

pub(crate) fn configure(routes: &mut Routes) {
    let not_built = |summary| about(summary).needs_feature("dynamicSearchRules").not_built();
    routes
        .add(
            resource("/dynamic-search-rules")
                .post(list, not_built("List the dynamic search rules"))
                .delete(delete_all, not_built("Delete all dynamic search rules")),
        )
        .add(
            resource("/dynamic-search-rules/{uid}")
                .get(show, not_built("Show a dynamic search rule"))
                .patch(change, not_built("Create or change a dynamic search rule"))
                .delete(delete, not_built("Delete a dynamic search rule")),
        );
}

fn not_yet(scheduler: &IndexScheduler) -> Answer {
    let is_on = scheduler.features().dynamic_search_rules;
    not_built(NotImplemented::DynamicSearchRules, "dynamicSearchRules", is_on)
}

#[derive(Debug, Deserr, JsonSchema)]
#[deserr(error = DeserrJsonError, rename_all = camelCase, deny_unknown_fields)]
#[allow(dead_code, reason = "read for its own mistakes only, until the rules are built")]
#[schemars(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(rename = "DynamicSearchRuleList")]
struct ListBody {
    #[deserr(default, error = DeserrJsonError<InvalidDynamicSearchRuleOffset>)]
    #[schemars(default)]
    offset: usize,
    #[deserr(default = 20, error = DeserrJsonError<InvalidDynamicSearchRuleLimit>)]
    #[schemars(default, extend("default" = 20))]
    limit: usize,
    #[deserr(default, error = DeserrJsonError<InvalidDynamicSearchRuleFilter>)]
    filter: Option<ListFilter>,
}

#[derive(Debug, Deserr, JsonSchema)]
#[deserr(error = DeserrJsonError<InvalidDynamicSearchRuleFilter>, rename_all = camelCase, deny_unknown_fields)]
#[allow(dead_code, reason = "read for its own mistakes only, until the rules are built")]
#[schemars(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(rename = "DynamicSearchRuleFilter")]
struct ListFilter {
    /// Only rules whose texts hold this.
    #[deserr(default, error = DeserrJsonError<InvalidDynamicSearchRuleFilterQuery>)]
    query: Option<String>,
    /// Only rules that are, or are not, in force.
    #[deserr(default, error = DeserrJsonError<InvalidDynamicSearchRuleFilterActive>)]
    active: Option<bool>,
}

async fn list(
    _auth: Guarded<actions::DynamicSearchRulesGet>,
    _body: Json<ListBody, DeserrJsonError>,
    scheduler: Data<IndexScheduler>,
) -> Answer {
    not_yet(&scheduler)
}

#[derive(Debug, Deserr, JsonSchema)]
#[deserr(error = DeserrQueryParamError, rename_all = camelCase, deny_unknown_fields)]
#[allow(dead_code, reason = "read for its own mistakes only, until the rules are built")]
#[schemars(rename_all = "camelCase", deny_unknown_fields)]
struct MetadataQuery {
    #[deserr(default, error = DeserrQueryParamError<InvalidIndexCustomMetadata>)]
    custom_metadata: Option<String>,
}

type Metadata = Query<MetadataQuery, DeserrQueryParamError>;

async fn delete_all(
    _auth: Guarded<actions::DynamicSearchRulesDelete>,
    _query: Metadata,
    scheduler: Data<IndexScheduler>,
) -> Answer {
    not_yet(&scheduler)
}

async fn show(
    _auth: Guarded<actions::DynamicSearchRulesGet>,
    scheduler: Data<IndexScheduler>,
) -> Answer {
    not_yet(&scheduler)
}

#[derive(Debug, Deserr, JsonSchema)]
#[deserr(error = DeserrJsonError, rename_all = camelCase, deny_unknown_fields)]
#[allow(dead_code, reason = "read for its own mistakes only, until the rules are built")]
#[schemars(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(rename = "DynamicSearchRuleChange")]
struct Change {
    #[deserr(default, error = DeserrJsonError<InvalidDynamicSearchRuleDescription>)]
    description: Option<String>,
    /// Which rule wins: the lowest.
    #[deserr(default, error = DeserrJsonError<InvalidDynamicSearchRulePriority>)]
    precedence: Option<u64>,
    /// Whether the rule is in force.
    #[deserr(default, error = DeserrJsonError<InvalidDynamicSearchRuleActive>)]
    active: Option<bool>,
    /// When the rule applies.
    #[deserr(default, error = DeserrJsonError<InvalidDynamicSearchRuleConditions>)]
    conditions: Option<BTreeMap<String, Value>>,
    /// What the rule does to the hits.
    #[deserr(default, error = DeserrJsonError<InvalidDynamicSearchRuleActions>)]
    actions: Option<Vec<BTreeMap<String, Value>>>,
}

async fn change(
    _auth: Guarded<actions::DynamicSearchRulesUpdate>,
    _query: Metadata,
    _body: Json<Change, DeserrJsonError>,
    scheduler: Data<IndexScheduler>,
) -> Answer {
    not_yet(&scheduler)
}

async fn delete(
    _auth: Guarded<actions::DynamicSearchRulesDelete>,
    _query: Metadata,
    scheduler: Data<IndexScheduler>,
) -> Answer {
    not_yet(&scheduler)
}
