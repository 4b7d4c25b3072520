//! `POST /render-template` (http-api.md section 15): what a template of an embedder, or one that is tried out,
//! makes of a document or of a search.
//!
//! | File | What |
//! |---|---|
//! | `template.rs` | the parameter `template` → a parsed template |
//! | `input.rs` | the parameter `input` → what templates see |

mod input;
mod template;

use actix_web::HttpResponse;
use actix_web::web::Data;
use deserr::Deserr;
use index_scheduler::IndexScheduler;
use meilisearch_types::deserr::DeserrJsonError;
use meilisearch_types::error::deserr_codes::{InvalidRenderInput, InvalidRenderTemplate};
use meilisearch_types::error::{Code, ResponseError};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;

use self::input::{Input, Seen};
use self::template::{Parsed, Template};
use crate::extract::auth::{Guarded, actions, check_index};
use crate::extract::body::Json;
use crate::features::not_enabled;
use crate::openapi::about;
use crate::routes::table::{Routes, resource};
use crate::routes::{Answer, blocking};

pub(crate) fn configure(routes: &mut Routes) {
    let about = about("Render a template of an embedder or of a chat on a document or a search")
        .needs_feature("renderRoute")
        .answers::<Rendered>(200);
    routes.add(resource("/render-template").post(render, about));
}

#[derive(Debug, Deserr, JsonSchema)]
#[deserr(error = DeserrJsonError, rename_all = camelCase, deny_unknown_fields)]
#[schemars(rename_all = "camelCase", deny_unknown_fields)]
struct RenderBody {
    /// The template.
    #[deserr(error = DeserrJsonError<InvalidRenderTemplate>)]
    template: Template,
    /// What it is rendered on; none shows the template itself.
    #[deserr(default, error = DeserrJsonError<InvalidRenderInput>)]
    input: Option<Input>,
}

/// A template with what it makes of the input.
#[derive(Debug, Serialize, JsonSchema)]
struct Rendered {
    /// The template: a text, or the JSON of a fragment.
    template: Value,
    /// What it makes of the input; null without one.
    rendered: Option<Value>,
}

async fn render(
    settings: Guarded<actions::SettingsGet>,
    documents: Guarded<actions::DocumentsGet>,
    body: Json<RenderBody, DeserrJsonError>,
    scheduler: Data<IndexScheduler>,
) -> Answer {
    let RenderBody { template, input } = body.into_inner();
    let features = scheduler.features();
    if !features.render_route {
        let what = "The rendering of templates (`/render-template`)";
        return Err(not_enabled(what, "renderRoute"));
    }
    template.check(&features)?;
    if let Some(input) = &input {
        input.check(&features)?;
    }
    let (settings, documents) = (settings.into_filter(), documents.into_filter());
    let answer = blocking(move || {
        if let Some(uid) = template.index_uid() {
            check_index(&settings, uid)?;
        }
        if let Some(uid) = input.as_ref().and_then(Input::index_uid) {
            check_index(&documents, uid)?;
        }
        let (shown, parsed) = template.parse(&scheduler)?;
        let rendered = match input {
            Some(input) => Some(parsed.render(&input.see(&scheduler, template.index_uid())?)?),
            None => None,
        };
        Ok(Rendered { template: shown, rendered })
    });
    Ok(HttpResponse::Ok().json(answer.await?))
}

impl Parsed {
    fn render(&self, seen: &Seen) -> Result<Value, ResponseError> {
        let rendered = match (self, seen) {
            (Parsed::Document(template), Seen::Document(document)) => {
                template.render(document).map(Value::String)
            }
            (Parsed::Fragment(fragment), Seen::Document(document)) => {
                fragment.of_document(document)
            }
            (Parsed::Fragment(fragment), Seen::Search(search)) => fragment.of_query(search.query()),
            (Parsed::Document(_), Seen::Search(_)) => {
                let message = "`.input.kind`: a document template is rendered on a document, use \
                               `indexDocument` or `inlineDocument`.";
                return Err(ResponseError::from_msg(message.to_owned(), Code::InvalidRenderInput));
            }
        };
        rendered.map_err(|error| {
            let message = format!("On this input, {error}");
            ResponseError::from_msg(message, Code::TemplateRenderingError)
        })
    }
}

/// Refuses parameters that a kind lacks or does not take.
fn check_parameters(
    place: &str,
    kind: &str,
    given: &[(&str, bool)],
    needs: &[&str],
    takes: &[&str],
    code: Code,
) -> Result<(), ResponseError> {
    for (name, is_given) in given {
        let message = match (*is_given, needs.contains(name)) {
            (false, true) => format!("`.{place}`: the kind `{kind}` needs `{name}`."),
            (true, false) if !takes.contains(name) => {
                format!("`.{place}.{name}`: the kind `{kind}` takes no `{name}`, leave it out.")
            }
            _ => continue,
        };
        return Err(ResponseError::from_msg(message, code));
    }
    Ok(())
}
