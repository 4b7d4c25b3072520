//! `/logs/stream` and `/logs/stderr` (http-api.md section 14, operations.md section 22).

use actix_web::HttpResponse;
use actix_web::http::header::{CONTENT_TYPE, HeaderName};
use actix_web::web::Data;
use deserr::Deserr;
use index_scheduler::IndexScheduler;
use meilisearch_types::deserr::DeserrJsonError;
use meilisearch_types::error::{Code, ResponseError};
use schemars::JsonSchema;

use crate::extract::auth::{Guarded, actions};
use crate::extract::body::Json;
use crate::features::not_enabled;
use crate::logging::{DEFAULT_TARGET, LogTarget, Logs, StreamMode};
use crate::openapi::about;
use crate::routes::Answer;
use crate::routes::table::{Routes, resource};

const OCTET_STREAM: &str = "application/octet-stream";
/// Asks proxies to hand on each line at once.
const X_ACCEL_BUFFERING: HeaderName = HeaderName::from_static("x-accel-buffering");

pub(crate) fn configure(routes: &mut Routes) {
    routes
        .add(
            resource("/logs/stream")
                .post(
                    listen,
                    about("Follow the logs")
                        .note("The answer goes on until it is ended or the client leaves.")
                        .note("One client at a time can listen.")
                        .needs_feature("logsRoute")
                        .sends(200, &[OCTET_STREAM]),
                )
                .delete(
                    end,
                    about("End the stream of the logs")
                        .needs_feature("logsRoute")
                        .answers_nothing(204),
                ),
        )
        .add(
            resource("/logs/stderr").post(
                filter_console,
                about("Choose what is logged on standard error")
                    .note("Until the next start of the server.")
                    .needs_feature("logsRoute")
                    .answers_nothing(204),
            ),
        );
}

#[derive(Debug, Deserr, JsonSchema)]
#[deserr(error = DeserrJsonError, rename_all = camelCase, deny_unknown_fields)]
#[schemars(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(rename = "LogStream")]
struct StreamBody {
    /// What comes: levels and modules with their levels, separated by commas, such as
    /// `warn,milli=trace`.
    #[deserr(default)]
    #[schemars(with = "String", default, extend("default" = DEFAULT_TARGET))]
    target: LogTarget,
    /// In which form.
    #[deserr(default)]
    #[schemars(default, extend("default" = "human"))]
    mode: Mode,
    /// Whether each entry of a profile tells the memory of the server; in that form only.
    #[deserr(default)]
    #[schemars(default)]
    profile_memory: bool,
}

/// The form of a stream of logs.
#[derive(Debug, Clone, Copy, Default, Deserr, JsonSchema)]
#[deserr(rename_all = camelCase)]
#[schemars(rename_all = "camelCase")]
#[schemars(rename = "LogStreamMode")]
enum Mode {
    /// Lines for people.
    #[default]
    Human,
    /// One JSON object a line.
    Json,
    /// JSON objects about spans and events, without anything between them.
    Profile,
}

impl StreamBody {
    fn mode(&self) -> Result<StreamMode, ResponseError> {
        match self.mode {
            Mode::Profile => Ok(StreamMode::Profile { memory: self.profile_memory }),
            _ if self.profile_memory => {
                let message = "`profileMemory` can only be true with `mode` `profile`.";
                // Not what one expects, but the code that clients know.
                let code = Code::InvalidSettingsTypoTolerance;
                Err(ResponseError::from_msg(message.to_owned(), code))
            }
            Mode::Human => Ok(StreamMode::Human),
            Mode::Json => Ok(StreamMode::Json),
        }
    }
}

async fn listen(
    _auth: Guarded<actions::MetricsGet>,
    body: Json<StreamBody, DeserrJsonError>,
    scheduler: Data<IndexScheduler>,
    logs: Data<Logs>,
) -> Answer {
    let body = body.into_inner();
    let mode = body.mode()?;
    check_feature(&scheduler)?;
    let stream = logs.stream(body.target, mode)?;
    Ok(HttpResponse::Ok()
        .insert_header((CONTENT_TYPE, OCTET_STREAM))
        .insert_header((X_ACCEL_BUFFERING, "no"))
        .streaming(stream))
}

async fn end(
    _auth: Guarded<actions::MetricsGet>,
    scheduler: Data<IndexScheduler>,
    logs: Data<Logs>,
) -> Answer {
    check_feature(&scheduler)?;
    logs.end_stream()?;
    Ok(HttpResponse::NoContent().finish())
}

#[derive(Debug, Deserr, JsonSchema)]
#[deserr(error = DeserrJsonError, rename_all = camelCase, deny_unknown_fields)]
#[schemars(deny_unknown_fields)]
#[schemars(rename = "LogConsole")]
struct ConsoleBody {
    /// What is logged: levels and modules with their levels, separated by commas, such as
    /// `warn,milli=trace`.
    #[deserr(default)]
    #[schemars(with = "String", default, extend("default" = DEFAULT_TARGET))]
    target: LogTarget,
}

async fn filter_console(
    _auth: Guarded<actions::MetricsGet>,
    body: Json<ConsoleBody, DeserrJsonError>,
    scheduler: Data<IndexScheduler>,
    logs: Data<Logs>,
) -> Answer {
    check_feature(&scheduler)?;
    logs.filter_console(body.into_inner().target)?;
    Ok(HttpResponse::NoContent().finish())
}

fn check_feature(scheduler: &IndexScheduler) -> Result<(), ResponseError> {
    match scheduler.features().logs_route {
        true => Ok(()),
        false => Err(not_enabled("The routes of the logs (`/logs`)", "logsRoute")),
    }
}
