//! Documents come in: POST replaces, PUT merges (http-api.md section 7).
//!
//! The whole body is parsed into a payload file before the task is created, so that a broken body
//! is told at once. The file then belongs to the task; without a task it goes away.

use std::io::{BufWriter, Write};
use std::str::{FromStr, ParseBoolError};

use actix_web::web::{Data, Path, Payload};
use actix_web::{HttpRequest, HttpResponse};
use deserr::Deserr;
use index_scheduler::IndexScheduler;
use meilisearch_types::deserr::{DeserrQueryParamError, Param};
use meilisearch_types::documents::{DocumentFormat, write_update_file};
use meilisearch_types::error::deserr_codes::{
    InvalidDocumentCsvDelimiter, InvalidIndexCustomMetadata, InvalidIndexPrimaryKey,
    InvalidSkipCreation,
};
use meilisearch_types::error::{Code, ResponseError};
use meilisearch_types::tasks::{
    DocumentMethod, KindWithContent, MissingDocument, SummarizedTaskView,
};
use schemars::JsonSchema;
use serde::Serialize;

use crate::extract::auth::{Guarded, actions};
use crate::extract::query::Query;
use crate::extract::{body, index_uid};
use crate::routes::{Answer, blocking};

pub(super) const ACCEPTED: &[&str] = &["application/json", "application/x-ndjson", "text/csv"];

type Auth = Guarded<actions::DocumentsAdd>;

#[derive(Debug, Deserr, JsonSchema)]
#[deserr(error = DeserrQueryParamError, rename_all = camelCase, deny_unknown_fields)]
#[schemars(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct UploadQuery {
    #[deserr(default, error = DeserrQueryParamError<InvalidIndexPrimaryKey>)]
    primary_key: Option<String>,
    #[deserr(default, error = DeserrQueryParamError<InvalidDocumentCsvDelimiter>)]
    #[schemars(extend("default" = ","))]
    csv_delimiter: Option<Param<Delimiter>>,
    #[deserr(default, error = DeserrQueryParamError<InvalidIndexCustomMetadata>)]
    custom_metadata: Option<String>,
    #[deserr(default, error = DeserrQueryParamError<InvalidSkipCreation>)]
    #[schemars(default)]
    skip_creation: Param<AnyCaseBool>,
}

/// What stands between the cells of a CSV file.
#[derive(Debug, Clone, Copy, JsonSchema)]
#[schemars(inline)]
struct Delimiter(#[schemars(with = "char")] u8);

#[derive(Debug, thiserror::Error)]
#[error("`{0}` cannot separate cells: give exactly one ASCII character.")]
struct DelimiterError(String);

impl FromStr for Delimiter {
    type Err = DelimiterError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.as_bytes() {
            [character] if character.is_ascii() => Ok(Delimiter(*character)),
            _ => Err(DelimiterError(text.to_owned())),
        }
    }
}

/// `true` or `false` in any case, as only this route takes them.
#[derive(Debug, Clone, Copy, Default, Serialize, JsonSchema)]
#[schemars(inline)]
struct AnyCaseBool(bool);

impl FromStr for AnyCaseBool {
    type Err = ParseBoolError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.to_ascii_lowercase().parse().map(AnyCaseBool)
    }
}

pub(super) async fn replace(
    auth: Auth,
    uid: Path<String>,
    query: Query<UploadQuery, DeserrQueryParamError>,
    request: HttpRequest,
    payload: Payload,
    scheduler: Data<IndexScheduler>,
) -> Answer {
    let method = DocumentMethod::ReplaceDocuments;
    upload(&auth, &uid, query.into_inner(), &request, payload, &scheduler, method).await
}

pub(super) async fn update(
    auth: Auth,
    uid: Path<String>,
    query: Query<UploadQuery, DeserrQueryParamError>,
    request: HttpRequest,
    payload: Payload,
    scheduler: Data<IndexScheduler>,
) -> Answer {
    let method = DocumentMethod::UpdateDocuments;
    upload(&auth, &uid, query.into_inner(), &request, payload, &scheduler, method).await
}

async fn upload(
    auth: &Auth,
    uid: &str,
    query: UploadQuery,
    request: &HttpRequest,
    payload: Payload,
    scheduler: &Data<IndexScheduler>,
    method: DocumentMethod,
) -> Answer {
    let format = format(request, query.csv_delimiter.map(|Param(delimiter)| delimiter))?;
    let uid = index_uid(uid)?;
    let body = body::read(request, payload.into_inner()).await?;
    if body.is_empty() {
        return Err(body::missing_payload(&format.to_string()));
    }
    let Param(AnyCaseBool(skip_creation)) = query.skip_creation;
    let allow_index_creation = auth.allow_index_creation(&uid);
    let scheduler = scheduler.clone();
    // Parsing, storing and registering are one piece of work: a client that leaves meanwhile
    // cannot leave a payload without its task behind.
    let summary = blocking(move || {
        let (content_file, mut file) = scheduler.update_file()?;
        let documents_count = {
            let mut file = BufWriter::new(&mut file);
            let count = write_update_file(format, &body, &mut file)?;
            file.flush()?;
            count
        };
        file.persist().map_err(index_scheduler::Error::from)?;
        let kind = KindWithContent::DocumentAdditionOrUpdate {
            index_uid: uid.into(),
            primary_key: query.primary_key,
            method,
            content_file,
            documents_count,
            allow_index_creation,
            on_missing_document: match skip_creation {
                true => MissingDocument::Skip,
                false => MissingDocument::Create,
            },
        };
        // The queue removes the payload when it refuses the task.
        Ok(SummarizedTaskView::from(&scheduler.register(kind, query.custom_metadata)?))
    });
    Ok(HttpResponse::Accepted().json(summary.await?))
}

/// The format that the content type tells; a delimiter goes with CSV only.
fn format(
    request: &HttpRequest,
    delimiter: Option<Delimiter>,
) -> Result<DocumentFormat, ResponseError> {
    let Some(content_type) = body::content_type(request, ACCEPTED)? else {
        return Err(body::missing_content_type(ACCEPTED));
    };
    match (content_type.as_str(), delimiter) {
        ("application/json", None) => Ok(DocumentFormat::Json),
        ("application/x-ndjson", None) => Ok(DocumentFormat::Ndjson),
        ("text/csv", delimiter) => {
            let delimiter = delimiter.map_or(b',', |Delimiter(byte)| byte);
            Ok(DocumentFormat::Csv { delimiter })
        }
        ("application/json" | "application/x-ndjson", Some(_)) => Err(ResponseError::from_msg(
            format!("`csvDelimiter` goes with the Content-Type `text/csv`, not `{content_type}`."),
            Code::InvalidContentType,
        )),
        _ => Err(body::invalid_content_type(&content_type, ACCEPTED)),
    }
}
