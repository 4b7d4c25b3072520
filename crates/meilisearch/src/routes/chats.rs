//! `/chats` and what is below it (http-api.md section 15): parameters and their mistakes. Chats need
//! a language model and are not built.

use std::collections::BTreeMap;

use actix_web::web::{self, Data, ServiceConfig, get, patch, post, resource};
use deserr::Deserr;
use index_scheduler::IndexScheduler;
use meilisearch_types::deserr::{DeserrJsonError, DeserrQueryParamError, Param};
use meilisearch_types::error::deserr_codes::{
    InvalidChatCompletionApiKey, InvalidChatCompletionApiVersion, InvalidChatCompletionBaseApi,
    InvalidChatCompletionDeploymentId, InvalidChatCompletionOrgId, InvalidChatCompletionProjectId,
    InvalidChatCompletionSearchDescriptionPrompt, InvalidChatCompletionSearchFilterParamPrompt,
    InvalidChatCompletionSearchIndexUidParamPrompt, InvalidChatCompletionSearchQueryParamPrompt,
    InvalidChatCompletionSystemPrompt, InvalidIndexLimit, InvalidIndexOffset,
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
        .service(resource("/chats").route(get().to(list)))
        .service(
            resource("/chats/{workspace_uid}")
                .route(get().to(show))
                .route(web::delete().to(delete)),
        )
        .service(
            resource("/chats/{workspace_uid}/settings")
                .route(get().to(show_settings))
                .route(patch().to(change_settings))
                .route(web::delete().to(reset_settings)),
        )
        .service(resource("/chats/{workspace_uid}/chat/completions").route(post().to(complete)));
}

fn not_yet(scheduler: &IndexScheduler) -> Answer {
    not_built(NotImplemented::Chats, "chatCompletions", scheduler.features().chat_completions)
}

#[derive(Debug, Deserr)]
#[deserr(error = DeserrQueryParamError, rename_all = camelCase, deny_unknown_fields)]
#[allow(dead_code, reason = "read for its own mistakes only, until chats are built")]
struct ListQuery {
    #[deserr(default, error = DeserrQueryParamError<InvalidIndexOffset>)]
    offset: Option<Param<usize>>,
    #[deserr(default, error = DeserrQueryParamError<InvalidIndexLimit>)]
    limit: Option<Param<usize>>,
}

async fn list(
    _auth: Guarded<actions::ChatsGet>,
    _query: Query<ListQuery, DeserrQueryParamError>,
    scheduler: Data<IndexScheduler>,
) -> Answer {
    not_yet(&scheduler)
}

async fn show(_auth: Guarded<actions::ChatsGet>, scheduler: Data<IndexScheduler>) -> Answer {
    not_yet(&scheduler)
}

async fn delete(_auth: Guarded<actions::ChatsDelete>, scheduler: Data<IndexScheduler>) -> Answer {
    not_yet(&scheduler)
}

async fn show_settings(
    _auth: Guarded<actions::ChatsSettingsGet>,
    scheduler: Data<IndexScheduler>,
) -> Answer {
    not_yet(&scheduler)
}

/// Settings of a workspace.
#[derive(Debug, Deserr)]
#[deserr(error = DeserrJsonError, rename_all = camelCase, deny_unknown_fields)]
#[allow(dead_code, reason = "read for its own mistakes only, until chats are built")]
struct WorkspaceSettings {
    #[deserr(default)]
    source: Option<Source>,
    #[deserr(default, error = DeserrJsonError<InvalidChatCompletionOrgId>)]
    org_id: Option<String>,
    #[deserr(default, error = DeserrJsonError<InvalidChatCompletionProjectId>)]
    project_id: Option<String>,
    #[deserr(default, error = DeserrJsonError<InvalidChatCompletionApiVersion>)]
    api_version: Option<String>,
    #[deserr(default, error = DeserrJsonError<InvalidChatCompletionDeploymentId>)]
    deployment_id: Option<String>,
    #[deserr(default, error = DeserrJsonError<InvalidChatCompletionBaseApi>)]
    base_url: Option<String>,
    #[deserr(default, error = DeserrJsonError<InvalidChatCompletionApiKey>)]
    api_key: Option<String>,
    #[deserr(default)]
    prompts: Option<Prompts>,
}

#[derive(Debug, Deserr)]
#[deserr(rename_all = camelCase)]
#[allow(clippy::enum_variant_names, reason = "the names of the services")]
enum Source {
    OpenAi,
    AzureOpenAi,
    Mistral,
    VLlm,
}

#[derive(Debug, Deserr)]
#[deserr(error = DeserrJsonError, rename_all = camelCase, deny_unknown_fields)]
#[allow(dead_code, reason = "read for its own mistakes only, until chats are built")]
struct Prompts {
    #[deserr(default, error = DeserrJsonError<InvalidChatCompletionSystemPrompt>)]
    system: Option<String>,
    #[deserr(default, error = DeserrJsonError<InvalidChatCompletionSearchDescriptionPrompt>)]
    search_description: Option<String>,
    #[deserr(
        default,
        rename = "searchQParam",
        error = DeserrJsonError<InvalidChatCompletionSearchQueryParamPrompt>
    )]
    search_q_param: Option<String>,
    #[deserr(default, error = DeserrJsonError<InvalidChatCompletionSearchFilterParamPrompt>)]
    search_filter_param: Option<String>,
    #[deserr(default, error = DeserrJsonError<InvalidChatCompletionSearchIndexUidParamPrompt>)]
    search_index_uid_param: Option<String>,
}

async fn change_settings(
    _auth: Guarded<actions::ChatsSettingsUpdate>,
    _body: Json<WorkspaceSettings, DeserrJsonError>,
    scheduler: Data<IndexScheduler>,
) -> Answer {
    not_yet(&scheduler)
}

async fn reset_settings(
    _auth: Guarded<actions::ChatsSettingsUpdate>,
    scheduler: Data<IndexScheduler>,
) -> Answer {
    not_yet(&scheduler)
}

/// A request in the form of OpenAI; its many other members are ignored.
#[derive(Debug, Deserr)]
#[deserr(error = DeserrJsonError)]
#[allow(dead_code, reason = "read for its own mistakes only, until chats are built")]
struct Completion {
    model: String,
    messages: Vec<BTreeMap<String, Value>>,
    #[deserr(default)]
    stream: Option<bool>,
    #[deserr(default)]
    n: Option<u8>,
    #[deserr(default)]
    tools: Option<Vec<BTreeMap<String, Value>>>,
}

async fn complete(
    _auth: Guarded<actions::ChatCompletions>,
    _body: Json<Completion, DeserrJsonError>,
    scheduler: Data<IndexScheduler>,
) -> Answer {
    not_yet(&scheduler)
}
