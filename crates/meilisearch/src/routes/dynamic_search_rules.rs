//! `/dynamic-search-rules` and what is below it (http-api.md section 15): parameters and their
//! mistakes. The rules are not built.

use std::collections::BTreeMap;

use actix_web::web::{self, Data, ServiceConfig, get, patch, post, resource};
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
use serde_json::Value;

use crate::extract::auth::{Guarded, actions};
use crate::extract::body::Json;
use crate::extract::query::Query;
use crate::features::not_built;
use crate::routes::Answer;

pub(crate) fn configure(config: &mut ServiceConfig) {
    config
        .service(
            resource("/dynamic-search-rules")
                .route(post().to(list))
                .route(web::delete().to(delete_all)),
        )
        .service(
            resource("/dynamic-search-rules/{uid}")
                .route(get().to(show))
                .route(patch().to(change))
                .route(web::delete().to(delete)),
        );
}

fn not_yet(scheduler: &IndexScheduler) -> Answer {
    let is_on = scheduler.features().dynamic_search_rules;
    not_built(NotImplemented::DynamicSearchRules, "dynamicSearchRules", is_on)
}

#[derive(Debug, Deserr)]
#[deserr(error = DeserrJsonError, rename_all = camelCase, deny_unknown_fields)]
#[allow(dead_code, reason = "read for its own mistakes only, until the rules are built")]
struct ListBody {
    #[deserr(default, error = DeserrJsonError<InvalidDynamicSearchRuleOffset>)]
    offset: usize,
    #[deserr(default = 20, error = DeserrJsonError<InvalidDynamicSearchRuleLimit>)]
    limit: usize,
    #[deserr(default, error = DeserrJsonError<InvalidDynamicSearchRuleFilter>)]
    filter: Option<ListFilter>,
}

#[derive(Debug, Deserr)]
#[deserr(error = DeserrJsonError<InvalidDynamicSearchRuleFilter>, rename_all = camelCase, deny_unknown_fields)]
#[allow(dead_code, reason = "read for its own mistakes only, until the rules are built")]
struct ListFilter {
    #[deserr(default, error = DeserrJsonError<InvalidDynamicSearchRuleFilterQuery>)]
    query: Option<String>,
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

#[derive(Debug, Deserr)]
#[deserr(error = DeserrQueryParamError, rename_all = camelCase, deny_unknown_fields)]
#[allow(dead_code, reason = "read for its own mistakes only, until the rules are built")]
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

#[derive(Debug, Deserr)]
#[deserr(error = DeserrJsonError, rename_all = camelCase, deny_unknown_fields)]
#[allow(dead_code, reason = "read for its own mistakes only, until the rules are built")]
struct Change {
    #[deserr(default, error = DeserrJsonError<InvalidDynamicSearchRuleDescription>)]
    description: Option<String>,
    #[deserr(default, error = DeserrJsonError<InvalidDynamicSearchRulePriority>)]
    precedence: Option<u64>,
    #[deserr(default, error = DeserrJsonError<InvalidDynamicSearchRuleActive>)]
    active: Option<bool>,
    #[deserr(default, error = DeserrJsonError<InvalidDynamicSearchRuleConditions>)]
    conditions: Option<BTreeMap<String, Value>>,
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
