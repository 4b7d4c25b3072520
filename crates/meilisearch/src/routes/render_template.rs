//! `POST /render-template` (http-api.md section 15): its parameters and their mistakes. Templates
//! belong to embedders that make vectors, and are not built.

use actix_web::web::{Data, ServiceConfig, post, resource};
use deserr::Deserr;
use index_scheduler::IndexScheduler;
use meilisearch_types::deserr::DeserrJsonError;
use meilisearch_types::error::deserr_codes::{InvalidRenderInput, InvalidRenderTemplate};
use meilisearch_types::index_uid::IndexUid;
use meilisearch_types::not_implemented::NotImplemented;
use serde_json::Value;

use crate::extract::auth::{Guarded, actions};
use crate::extract::body::Json;
use crate::features::not_built;
use crate::routes::Answer;

pub(crate) fn configure(config: &mut ServiceConfig) {
    config.service(resource("/render-template").route(post().to(render)));
}

#[derive(Debug, Deserr)]
#[deserr(error = DeserrJsonError, rename_all = camelCase, deny_unknown_fields)]
#[allow(dead_code, reason = "read for its own mistakes only, until rendering is built")]
struct RenderBody {
    #[deserr(error = DeserrJsonError<InvalidRenderTemplate>)]
    template: Template,
    #[deserr(default, error = DeserrJsonError<InvalidRenderInput>)]
    input: Option<Input>,
}

#[derive(Debug, Deserr)]
#[deserr(error = DeserrJsonError<InvalidRenderTemplate>, rename_all = camelCase, deny_unknown_fields)]
#[allow(dead_code, reason = "read for its own mistakes only, until rendering is built")]
struct Template {
    kind: TemplateKind,
    #[deserr(default)]
    index_uid: Option<IndexUid>,
    #[deserr(default)]
    embedder: Option<String>,
    #[deserr(default)]
    fragment: Option<String>,
    #[deserr(default)]
    inline: Option<Value>,
    #[deserr(default)]
    document_template_max_bytes: Option<u64>,
}

#[derive(Debug, Deserr)]
#[deserr(rename_all = camelCase)]
enum TemplateKind {
    DocumentTemplate,
    ChatDocumentTemplate,
    IndexingFragment,
    SearchFragment,
    InlineDocumentTemplate,
    InlineFragment,
}

#[derive(Debug, Deserr)]
#[deserr(error = DeserrJsonError<InvalidRenderInput>, rename_all = camelCase, deny_unknown_fields)]
#[allow(dead_code, reason = "read for its own mistakes only, until rendering is built")]
struct Input {
    kind: InputKind,
    #[deserr(default)]
    index_uid: Option<IndexUid>,
    #[deserr(default)]
    id: Option<String>,
    #[deserr(default)]
    inline: Option<Value>,
}

#[derive(Debug, Deserr)]
#[deserr(rename_all = camelCase)]
#[allow(clippy::enum_variant_names, reason = "the names on the wire")]
enum InputKind {
    IndexDocument,
    InlineDocument,
    InlineSearch,
}

async fn render(
    _settings: Guarded<actions::SettingsGet>,
    _documents: Guarded<actions::DocumentsGet>,
    _body: Json<RenderBody, DeserrJsonError>,
    scheduler: Data<IndexScheduler>,
) -> Answer {
    not_built(NotImplemented::RenderTemplate, "renderRoute", scheduler.features().render_route)
}
