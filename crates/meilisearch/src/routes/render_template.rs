//! `POST /render-template` (http-api.md section 15): its parameters and their mistakes. Templates
//! belong to embedders that make vectors, and are not built.

use actix_web::web::Data;
use deserr::Deserr;
use index_scheduler::IndexScheduler;
use meilisearch_types::deserr::DeserrJsonError;
use meilisearch_types::error::deserr_codes::{InvalidRenderInput, InvalidRenderTemplate};
use meilisearch_types::index_uid::IndexUid;
use meilisearch_types::not_implemented::NotImplemented;
use schemars::JsonSchema;
use serde_json::Value;

use crate::extract::auth::{Guarded, actions};
use crate::extract::body::Json;
use crate::features::not_built;
use crate::openapi::about;
use crate::routes::Answer;
use crate::routes::table::{Routes, resource};

pub(crate) fn configure(routes: &mut Routes) {
    let about = about("Render a template of an embedder or of a chat on a document or a search")
        .needs_feature("renderRoute")
        .not_built();
    routes.add(resource("/render-template").post(render, about));
}

#[derive(Debug, Deserr, JsonSchema)]
#[deserr(error = DeserrJsonError, rename_all = camelCase, deny_unknown_fields)]
#[allow(dead_code, reason = "read for its own mistakes only, until rendering is built")]
#[schemars(rename_all = "camelCase", deny_unknown_fields)]
struct RenderBody {
    /// The template.
    #[deserr(error = DeserrJsonError<InvalidRenderTemplate>)]
    template: Template,
    /// What it is rendered on; none shows the template itself.
    #[deserr(default, error = DeserrJsonError<InvalidRenderInput>)]
    input: Option<Input>,
}

#[derive(Debug, Deserr, JsonSchema)]
#[deserr(error = DeserrJsonError<InvalidRenderTemplate>, rename_all = camelCase, deny_unknown_fields)]
#[allow(dead_code, reason = "read for its own mistakes only, until rendering is built")]
#[schemars(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(rename = "RenderTemplate")]
struct Template {
    /// Where the template comes from.
    kind: TemplateKind,
    #[deserr(default)]
    index_uid: Option<IndexUid>,
    #[deserr(default)]
    embedder: Option<String>,
    /// Name of the fragment of the embedder.
    #[deserr(default)]
    fragment: Option<String>,
    /// The template itself.
    #[deserr(default)]
    inline: Option<Value>,
    /// Greatest length of the rendered text in bytes.
    #[deserr(default)]
    document_template_max_bytes: Option<u64>,
}

#[derive(Debug, Deserr, JsonSchema)]
#[deserr(rename_all = camelCase)]
#[schemars(rename_all = "camelCase")]
#[schemars(rename = "RenderTemplateKind")]
enum TemplateKind {
    DocumentTemplate,
    ChatDocumentTemplate,
    IndexingFragment,
    SearchFragment,
    InlineDocumentTemplate,
    InlineFragment,
}

#[derive(Debug, Deserr, JsonSchema)]
#[deserr(error = DeserrJsonError<InvalidRenderInput>, rename_all = camelCase, deny_unknown_fields)]
#[allow(dead_code, reason = "read for its own mistakes only, until rendering is built")]
#[schemars(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(rename = "RenderInput")]
struct Input {
    /// Where the input comes from.
    kind: InputKind,
    #[deserr(default)]
    index_uid: Option<IndexUid>,
    #[deserr(default)]
    id: Option<String>,
    /// The input itself.
    #[deserr(default)]
    inline: Option<Value>,
}

#[derive(Debug, Deserr, JsonSchema)]
#[deserr(rename_all = camelCase)]
#[allow(clippy::enum_variant_names, reason = "the names on the wire")]
#[schemars(rename_all = "camelCase")]
#[schemars(rename = "RenderInputKind")]
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
