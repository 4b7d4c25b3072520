//! `/indexes/{index_uid}/snapshots` (index-snapshots.md section 3): snapshots of one index are made, listed,
//! shown and deleted here; `download` sends them, `import` takes them in.

mod download;
mod import;

use actix_web::dev::Payload;
use actix_web::http::StatusCode;
use actix_web::web::{self, Data, Path};
use actix_web::{FromRequest, HttpRequest, HttpResponse};
use deserr::Deserr;
use index_scheduler::IndexScheduler;
use index_snapshot::{ManifestIndex, SnapshotEntry, SnapshotUid};
use meilisearch_types::deserr::{DeserrJsonError, DeserrQueryParamError, Param};
use meilisearch_types::error::deserr_codes::{
    InvalidIndexSnapshotCompression, InvalidIndexSnapshotLimit, InvalidIndexSnapshotOffset,
};
use meilisearch_types::error::{Code, ResponseError};
use meilisearch_types::tasks::{SnapshotCompression, SummarizedTaskView};
use schemars::JsonSchema;
use serde::Serialize;

use crate::extract::auth::{Guarded, actions};
use crate::extract::body::Json;
use crate::extract::index_uid;
use crate::extract::query::Query;
use crate::openapi::about;
use crate::routes::table::{Routes, resource};
use crate::routes::{Answer, DEFAULT_LIMIT, Page, blocking};

pub(crate) fn configure(routes: &mut Routes) {
    const ALL: &str = "/indexes/{index_uid}/snapshots";
    let download = || {
        about("Download a snapshot of an index")
            .note("Ranges and `If-None-Match` are answered.")
            .sends(200, download::MEDIA_TYPES)
    };
    routes
        .add(
            resource(ALL)
                .get(
                    list,
                    about("List the snapshots of an index").answers::<Page<SnapshotEntry>>(200),
                )
                .post(
                    create,
                    about("Make a snapshot of an index")
                        .takes_json::<Create>()
                        .optional()
                        .enqueues(),
                ),
        )
        .add(
            resource(format!("{ALL}/import")).post(
                import::import,
                about("Make an index of a snapshot")
                    .note("The snapshot is a file of the snapshot directory or the body itself.")
                    .note("The parameters of the query go with an archive as the body.")
                    .also::<(import::Parameters,)>()
                    .takes_json::<import::ImportBody>()
                    .takes(&import::ACCEPTED[1..])
                    .enqueues(),
            ),
        )
        .add(
            resource(format!("{ALL}/{{snapshot_uid}}"))
                .get(show, about("Show a snapshot of an index").answers::<Shown>(200))
                .delete(delete, about("Delete a snapshot of an index").answers_nothing(204)),
        )
        .add(
            resource(format!("{ALL}/{{snapshot_uid}}/download"))
                .get(download::download, download())
                .head(download::download, download()),
        );
}

#[derive(Debug, Default, Deserr, JsonSchema)]
#[deserr(error = DeserrJsonError, rename_all = camelCase, deny_unknown_fields)]
#[schemars(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(rename = "SnapshotCreate")]
struct Create {
    /// How the archive is compressed.
    #[deserr(default, error = DeserrJsonError<InvalidIndexSnapshotCompression>)]
    #[schemars(default)]
    compression: SnapshotCompression,
}

async fn create(
    _auth: Guarded<actions::SnapshotsCreate>,
    uid: Path<String>,
    request: HttpRequest,
    payload: web::Payload,
    scheduler: Data<IndexScheduler>,
) -> Answer {
    let Create { compression } = optional_json(&request, payload.into_inner()).await?;
    let uid = index_uid(&uid)?;
    let task = blocking(move || Ok(scheduler.register_index_snapshot(uid.into(), compression)?));
    Ok(HttpResponse::build(StatusCode::ACCEPTED).json(SummarizedTaskView::from(&task.await?)))
}

/// A JSON body that may be left out; without one a content type says nothing either.
async fn optional_json<T: Deserr<DeserrJsonError> + Default + 'static>(
    request: &HttpRequest,
    mut payload: Payload,
) -> Result<T, ResponseError> {
    let headers = request.headers();
    let has_body = headers.contains_key(actix_web::http::header::TRANSFER_ENCODING)
        || headers
            .get(actix_web::http::header::CONTENT_LENGTH)
            .is_some_and(|length| length.as_bytes() != b"0");
    if !has_body {
        return Ok(T::default());
    }
    Ok(Json::<T, DeserrJsonError>::from_request(request, &mut payload).await?.into_inner())
}

#[derive(Debug, Deserr, JsonSchema)]
#[deserr(error = DeserrQueryParamError, rename_all = camelCase, deny_unknown_fields)]
#[schemars(rename_all = "camelCase", deny_unknown_fields)]
struct ListQuery {
    #[deserr(default, error = DeserrQueryParamError<InvalidIndexSnapshotOffset>)]
    #[schemars(default)]
    offset: Param<usize>,
    #[deserr(default = Param(DEFAULT_LIMIT), error = DeserrQueryParamError<InvalidIndexSnapshotLimit>)]
    #[schemars(default, extend("default" = DEFAULT_LIMIT))]
    limit: Param<usize>,
}

async fn list(
    _auth: Guarded<actions::SnapshotsGet>,
    uid: Path<String>,
    query: Query<ListQuery, DeserrQueryParamError>,
    scheduler: Data<IndexScheduler>,
) -> Answer {
    let ListQuery { offset: Param(offset), limit: Param(limit) } = query.into_inner();
    let uid = index_uid(&uid)?;
    let page = blocking(move || {
        let (results, total) =
            scheduler.index_snapshots().list(&uid, offset, limit).map_err(refusal)?;
        Ok(Page { results, offset, limit, total })
    });
    Ok(HttpResponse::Ok().json(page.await?))
}

/// A snapshot with what its manifest tells of the index.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "SnapshotView")]
struct Shown {
    #[serde(flatten)]
    entry: SnapshotEntry,
    /// What the archive tells of the index.
    index: ManifestIndex,
}

async fn show(
    _auth: Guarded<actions::SnapshotsGet>,
    path: Path<(String, String)>,
    scheduler: Data<IndexScheduler>,
) -> Answer {
    let (uid, snapshot_uid) = identifiers(path.into_inner())?;
    let shown = blocking(move || {
        let (entry, manifest) =
            scheduler.index_snapshots().get(&uid, &snapshot_uid).map_err(refusal)?;
        Ok(Shown { entry, index: manifest.index })
    });
    Ok(HttpResponse::Ok().json(shown.await?))
}

async fn delete(
    _auth: Guarded<actions::SnapshotsDelete>,
    path: Path<(String, String)>,
    scheduler: Data<IndexScheduler>,
) -> Answer {
    let (uid, snapshot_uid) = identifiers(path.into_inner())?;
    blocking(move || scheduler.index_snapshots().delete(&uid, &snapshot_uid).map_err(refusal))
        .await?;
    Ok(HttpResponse::NoContent().finish())
}

/// Checks the two parameters of a path.
fn identifiers(
    (uid, snapshot_uid): (String, String),
) -> Result<(String, SnapshotUid), ResponseError> {
    Ok((index_uid(&uid)?.into(), parse_snapshot_uid(&snapshot_uid)?))
}

fn parse_snapshot_uid(text: &str) -> Result<SnapshotUid, ResponseError> {
    SnapshotUid::parse(text).ok_or_else(|| {
        let message = format!(
            "`{text}` is not the uid of a snapshot: such a uid is a moment in the form `YYYYMMDD-HHMMSSmmm`, for \
             example `20260201-101530042`. GET /indexes/{{indexUid}}/snapshots lists them."
        );
        ResponseError::from_msg(message, Code::InvalidIndexSnapshotUid)
    })
}

/// An error of an archive as an answer.
fn refusal(error: index_snapshot::Error) -> ResponseError {
    index_scheduler::Error::from(error).into()
}
