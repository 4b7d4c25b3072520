//! `/chats` and what is below it (http-api.md section 15): parameters and their mistakes. Chats need
//! a language model and are not built.

use std::collections::BTreeMap;

use actix_web::web::Data;
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
use schemars::JsonSchema;
use serde_json::Value;

use crate::extract::auth::{Guarded, actions};
use crate::extract::body::Json;
use crate::extract::query::Query;
use crate::features::not_built;
use crate::openapi::about;
use crate::routes::table::{Routes, resource};
use crate::routes::{Answer, DEFAULT_LIMIT};

pub(crate) fn configure(routes: &mut Routes) {
    let not_built = |summary| about(summary).needs_feature("chatCompletions").not_built();
    routes
        .add(resource("/chats").get(list, not_built("List the chat workspaces")))
        .add(
            resource("/chats/{workspace_uid}")
                .get(show, not_built("Show a chat workspace"))
                .delete(delete, not_built("Delete a chat workspace")),
        )
        .add(
            resource("/chats/{workspace_uid}/settings")
                .get(show_settings, not_built("Show the settings of a chat workspace"))
                .patch(change_settings, not_built("Change the settings of a chat workspace"))
                .delete(reset_settings, not_built("Reset the settings of a chat workspace")),
        )
        .add(
            resource("/chats/{workspace_uid}/chat/completions")
                .post(complete, not_built("Answer a conversation from the documents")),
        );
}

fn not_yet(scheduler: &IndexScheduler) -> Answer {
    not_built(NotImplemented::Chats, "chatCompletions", scheduler.features().chat_completions)
}

#[derive(Debug, Deserr, JsonSchema)]
#[deserr(error = DeserrQueryParamError, rename_all = camelCase, deny_unknown_fields)]
#[allow(dead_code, reason = "read for its own mistakes only, until chats are built")]
#[schemars(rename_all = "camelCase", deny_unknown_fields)]
struct ListQuery {
    #[deserr(default, error = DeserrQueryParamError<InvalidIndexOffset>)]
    #[schemars(extend("default" = 0))]
    offset: Option<Param<usize>>,
    #[deserr(default, error = DeserrQueryParamError<InvalidIndexLimit>)]
    #[schemars(extend("default" = DEFAULT_LIMIT))]
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
#[derive(Debug, Deserr, JsonSchema)]
#[deserr(error = DeserrJsonError, rename_all = camelCase, deny_unknown_fields)]
#[allow(dead_code, reason = "read for its own mistakes only, until chats are built")]
#[schemars(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(rename = "ChatSettings")]
struct WorkspaceSettings {
    /// The service that has the model.
    #[deserr(default)]
    source: Option<Source>,
    /// Organisation at the service.
    #[deserr(default, error = DeserrJsonError<InvalidChatCompletionOrgId>)]
    org_id: Option<String>,
    /// Project at the service.
    #[deserr(default, error = DeserrJsonError<InvalidChatCompletionProjectId>)]
    project_id: Option<String>,
    /// Version of the service's API.
    #[deserr(default, error = DeserrJsonError<InvalidChatCompletionApiVersion>)]
    api_version: Option<String>,
    /// Deployment at the service.
    #[deserr(default, error = DeserrJsonError<InvalidChatCompletionDeploymentId>)]
    deployment_id: Option<String>,
    /// Address of the service.
    #[deserr(default, error = DeserrJsonError<InvalidChatCompletionBaseApi>)]
    base_url: Option<String>,
    #[deserr(default, error = DeserrJsonError<InvalidChatCompletionApiKey>)]
    api_key: Option<String>,
    /// Texts that guide the model.
    #[deserr(default)]
    prompts: Option<Prompts>,
}

#[derive(Debug, Deserr, JsonSchema)]
#[deserr(rename_all = camelCase)]
#[allow(clippy::enum_variant_names, reason = "the names of the services")]
#[schemars(rename_all = "camelCase")]
#[schemars(rename = "ChatSource")]
enum Source {
    OpenAi,
    AzureOpenAi,
    Mistral,
    VLlm,
}

#[derive(Debug, Deserr, JsonSchema)]
#[deserr(error = DeserrJsonError, rename_all = camelCase, deny_unknown_fields)]
#[allow(dead_code, reason = "read for its own mistakes only, until chats are built")]
#[schemars(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(rename = "ChatPrompts")]
struct Prompts {
    /// What the model is told to be.
    #[deserr(default, error = DeserrJsonError<InvalidChatCompletionSystemPrompt>)]
    system: Option<String>,
    /// What the model is told of the search.
    #[deserr(default, error = DeserrJsonError<InvalidChatCompletionSearchDescriptionPrompt>)]
    search_description: Option<String>,
    /// What the model is told of the query.
    #[deserr(
        default,
        rename = "searchQParam",
        error = DeserrJsonError<InvalidChatCompletionSearchQueryParamPrompt>
    )]
    #[schemars(rename = "searchQParam")]
    search_q_param: Option<String>,
    /// What the model is told of filters.
    #[deserr(default, error = DeserrJsonError<InvalidChatCompletionSearchFilterParamPrompt>)]
    search_filter_param: Option<String>,
    /// What the model is told of the indexes.
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
#[derive(Debug, Deserr, JsonSchema)]
#[deserr(error = DeserrJsonError)]
#[allow(dead_code, reason = "read for its own mistakes only, until chats are built")]
#[schemars(rename = "ChatCompletion")]
struct Completion {
    /// Name of the language model.
    model: String,
    /// The conversation so far, in the form of OpenAI.
    messages: Vec<BTreeMap<String, Value>>,
    /// Whether the answer comes in parts; must be true.
    #[deserr(default)]
    stream: Option<bool>,
    /// How many answers are wanted; must be 1.
    #[deserr(default)]
    n: Option<u8>,
    /// Functions of this server that the model may call.
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
