//! `/webhooks` and `/webhooks/{uuid}` (http-api.md section 14).

use std::collections::BTreeMap;

use actix_web::HttpResponse;
use actix_web::web::{Data, Path};
use deserr::{Deserr, ValuePointerRef};
use index_scheduler::IndexScheduler;
use meilisearch_types::deserr::{DeserrJsonError, missing_field, unknown_field};
use meilisearch_types::error::deserr_codes::{
    BadRequest, InvalidWebhookHeaders, InvalidWebhookUrl,
};
use meilisearch_types::error::{Code, ResponseError};
use meilisearch_types::settings::{Setting, mask};
use meilisearch_types::webhooks::{MAX_WEBHOOKS, Webhook};
use schemars::JsonSchema;
use serde::Serialize;
use uuid::Uuid;

use crate::extract::auth::{Guarded, actions};
use crate::extract::body::Json;
use crate::openapi::about;
use crate::routes::table::{Routes, resource};
use crate::routes::{Answer, blocking};

pub(crate) fn configure(routes: &mut Routes) {
    routes
        .add(
            resource("/webhooks")
                .get(list, about("List the webhooks").answers::<WebhookList>(200))
                .post(create, about("Create a webhook").answers::<WebhookView>(201)),
        )
        .add(
            resource("/webhooks/{uuid}")
                .get(show, about("Show a webhook").answers::<WebhookView>(200))
                .patch(update, about("Change a webhook").answers::<WebhookView>(200))
                .delete(delete, about("Delete a webhook").answers_nothing(204)),
        );
}

/// A webhook on the wire, its secret hidden.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct WebhookView {
    uuid: Uuid,
    is_editable: bool,
    url: String,
    headers: BTreeMap<String, String>,
}

impl WebhookView {
    fn new(uuid: Uuid, webhook: Webhook) -> Self {
        let shown = |(name, value): (String, String)| {
            let value = match name.eq_ignore_ascii_case("authorization") {
                true => masked(&value),
                false => value,
            };
            (name, value)
        };
        WebhookView {
            uuid,
            is_editable: !uuid.is_nil(),
            url: webhook.url,
            headers: webhook.headers.into_iter().map(shown).collect(),
        }
    }
}

/// All webhooks on the wire.
#[derive(Debug, Serialize, JsonSchema)]
struct WebhookList {
    /// By UUID.
    results: Vec<WebhookView>,
}

/// Masks the value of a header `Authorization`; its scheme `Bearer` stays readable.
fn masked(value: &str) -> String {
    match value.strip_prefix("Bearer ") {
        Some(token) => format!("Bearer {}", mask(token)),
        None => mask(value),
    }
}

async fn list(_auth: Guarded<actions::WebhooksGet>, scheduler: Data<IndexScheduler>) -> Answer {
    let webhooks = blocking(move || Ok(scheduler.webhooks()?)).await?;
    let results =
        webhooks.into_iter().map(|(uuid, webhook)| WebhookView::new(uuid, webhook)).collect();
    Ok(HttpResponse::Ok().json(WebhookList { results }))
}

async fn show(
    _auth: Guarded<actions::WebhooksGet>,
    uuid: Path<String>,
    scheduler: Data<IndexScheduler>,
) -> Answer {
    let uuid = parse_uuid(&uuid)?;
    let webhook = blocking(move || {
        let webhook = scheduler.webhooks()?.remove(&uuid).ok_or_else(|| not_found(uuid))?;
        Ok(WebhookView::new(uuid, webhook))
    });
    Ok(HttpResponse::Ok().json(webhook.await?))
}

#[derive(Debug, Deserr, JsonSchema)]
#[deserr(error = DeserrJsonError, rename_all = camelCase, deny_unknown_fields = immutable_field)]
#[schemars(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(rename = "WebhookCreate")]
struct Create {
    #[deserr(
        error = DeserrJsonError<InvalidWebhookUrl>,
        missing_field_error = missing_field::<_, BadRequest, InvalidWebhookUrl>
    )]
    url: String,
    #[deserr(default, error = DeserrJsonError<InvalidWebhookHeaders>)]
    headers: Option<BTreeMap<String, Option<String>>>,
}

/// Members of a webhook that exist but cannot be changed have codes of their own.
fn immutable_field(
    field: &str,
    accepted: &[&str],
    location: ValuePointerRef<'_>,
) -> DeserrJsonError {
    let immutable =
        [("uuid", Code::ImmutableWebhookUuid), ("isEditable", Code::ImmutableWebhookIsEditable)];
    unknown_field(&immutable, field, accepted, location)
}

async fn create(
    _auth: Guarded<actions::WebhooksCreate>,
    body: Json<Create, DeserrJsonError>,
    scheduler: Data<IndexScheduler>,
) -> Answer {
    let Create { url, headers } = body.into_inner();
    let headers = headers.unwrap_or_default();
    let headers = headers.into_iter().map(|(name, value)| (name, value.unwrap_or_default()));
    let webhook = Webhook { url, headers: headers.collect() };
    webhook.check()?;
    let uuid = Uuid::new_v4();
    let created = blocking(move || {
        scheduler.change_webhooks(|webhooks| {
            if webhooks.len() >= MAX_WEBHOOKS {
                let message =
                    format!("There are {MAX_WEBHOOKS} webhooks already: delete one first.");
                return Err(ResponseError::from_msg(message, Code::InvalidWebhooks));
            }
            webhooks.insert(uuid, webhook.clone());
            Ok(WebhookView::new(uuid, webhook))
        })
    });
    Ok(HttpResponse::Created().json(created.await?))
}

#[derive(Debug, Deserr, JsonSchema)]
#[deserr(error = DeserrJsonError, rename_all = camelCase, deny_unknown_fields = immutable_field)]
#[schemars(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(rename = "WebhookUpdate")]
struct Update {
    #[deserr(default, error = DeserrJsonError<InvalidWebhookUrl>)]
    #[schemars(default)]
    url: Setting<String>,
    #[deserr(default, error = DeserrJsonError<InvalidWebhookHeaders>)]
    #[schemars(default)]
    headers: Setting<BTreeMap<String, Option<String>>>,
}

impl Update {
    fn apply(self, webhook: &mut Webhook) -> Result<(), ResponseError> {
        match self.url {
            Setting::NotSet => (),
            Setting::Set(url) => webhook.url = url,
            Setting::Reset => {
                let message = "A webhook needs a `url`: it cannot be null.".to_owned();
                return Err(ResponseError::from_msg(message, Code::InvalidWebhookUrl));
            }
        }
        match self.headers {
            Setting::NotSet => (),
            Setting::Reset => webhook.headers.clear(),
            Setting::Set(headers) => {
                for (name, value) in headers {
                    match value {
                        Some(value) => webhook.headers.insert(name, value),
                        None => webhook.headers.remove(&name),
                    };
                }
            }
        }
        Ok(webhook.check()?)
    }
}

async fn update(
    _auth: Guarded<actions::WebhooksUpdate>,
    uuid: Path<String>,
    body: Json<Update, DeserrJsonError>,
    scheduler: Data<IndexScheduler>,
) -> Answer {
    let uuid = parse_editable(&uuid)?;
    let change = body.into_inner();
    let updated = blocking(move || {
        scheduler.change_webhooks(|webhooks| {
            let webhook = webhooks.get_mut(&uuid).ok_or_else(|| not_found(uuid))?;
            change.apply(webhook)?;
            Ok::<_, ResponseError>(WebhookView::new(uuid, webhook.clone()))
        })
    });
    Ok(HttpResponse::Ok().json(updated.await?))
}

async fn delete(
    _auth: Guarded<actions::WebhooksDelete>,
    uuid: Path<String>,
    scheduler: Data<IndexScheduler>,
) -> Answer {
    let uuid = parse_editable(&uuid)?;
    blocking(move || {
        scheduler.change_webhooks(|webhooks| {
            webhooks.remove(&uuid).map(drop).ok_or_else(|| not_found(uuid))
        })
    })
    .await?;
    Ok(HttpResponse::NoContent().finish())
}

fn parse_uuid(text: &str) -> Result<Uuid, ResponseError> {
    text.parse().map_err(|_| {
        let message = format!("`{text}` is not the UUID of a webhook.");
        ResponseError::from_msg(message, Code::InvalidWebhookUuid)
    })
}

/// Reads the UUID of a webhook that may be changed: any but that of the command line.
fn parse_editable(text: &str) -> Result<Uuid, ResponseError> {
    let uuid = parse_uuid(text)?;
    if uuid.is_nil() {
        let message = "The webhook of the command line can only be changed there \
                       (`--task-webhook-url`).";
        return Err(ResponseError::from_msg(message.to_owned(), Code::ImmutableWebhook));
    }
    Ok(uuid)
}

fn not_found(uuid: Uuid) -> ResponseError {
    ResponseError::from_msg(format!("There is no webhook `{uuid}`."), Code::WebhookNotFound)
}
