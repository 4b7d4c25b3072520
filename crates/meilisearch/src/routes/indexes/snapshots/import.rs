//! `POST /indexes/{index_uid}/snapshots/import`: an archive of the snapshot directory, named by a JSON body,
//! or the archive itself as the body (index-snapshots.md section 3).
//!
//! An upload goes to the payload store while it arrives. A thread writes it and judges its head as soon as
//! that is complete, so a hopeless archive is refused before the rest of it is sent. Storing and
//! registering are one piece of work: the file belongs to the task, or it is gone.

use std::io::Write;
use std::pin::pin;
use std::str::FromStr;
use std::time::Duration;

use actix_web::dev::{Decompress, Payload};
use actix_web::http::header::CONTENT_LENGTH;
use actix_web::web::{self, Data, Path};
use actix_web::{FromRequest, HttpRequest, HttpResponse};
use bytes::Bytes;
use deserr::Deserr;
use futures_util::StreamExt;
use futures_util::future::{self, Either};
use index_scheduler::{COMPATIBILITY, ImportRequest, IndexScheduler};
use index_snapshot::{Head, HeadProbe};
use meilisearch_auth::AuthFilter;
use meilisearch_types::deserr::{DeserrJsonError, DeserrQueryParamError, Param};
use meilisearch_types::error::deserr_codes::{
    InvalidIndexSnapshotDryRun, InvalidIndexSnapshotFileName, InvalidIndexSnapshotIndexUid,
    InvalidIndexSnapshotOverwrite, InvalidIndexSnapshotSha256, InvalidIndexSnapshotUid,
};
use meilisearch_types::error::{Code, ResponseError};
use meilisearch_types::index_uid::IndexUid;
use meilisearch_types::sizes::ByteSize;
use meilisearch_types::tasks::{SnapshotSource, SummarizedTaskView, Task};
use schemars::JsonSchema;
use tokio::sync::mpsc;

use super::{parse_snapshot_uid, refusal};
use crate::extract::auth::{Guarded, actions};
use crate::extract::body::{self, Json};
use crate::extract::index_uid;
use crate::extract::query::Query;
use crate::options::Options;
use crate::routes::{Answer, blocking};

/// What an archive may be sent as; JSON names one of the directory.
pub(super) const ACCEPTED: &[&str] = &[
    "application/json",
    "application/gzip",
    "application/zstd",
    "application/x-tar",
    "application/octet-stream",
];

/// An upload that sends nothing for so long is given up.
const MAX_IDLE: Duration = Duration::from_secs(60);
/// Pieces of an upload that may wait for the disk.
const WAITING_PIECES: usize = 8;

type Auth = Guarded<actions::SnapshotsImport>;
/// The parameters that go with an upload.
pub(super) type Parameters = Query<UploadQuery, DeserrQueryParamError>;

pub(super) async fn import(
    auth: Auth,
    uid: Path<String>,
    request: HttpRequest,
    payload: web::Payload,
    scheduler: Data<IndexScheduler>,
) -> Answer {
    let Some(content_type) = body::content_type(&request, ACCEPTED)? else {
        return Err(body::missing_content_type(ACCEPTED));
    };
    let payload = payload.into_inner();
    let task = if is_json(&content_type) {
        from_directory(auth, &uid, &request, payload, scheduler).await?
    } else if ACCEPTED.contains(&content_type.as_str()) {
        from_upload(auth, &uid, &request, payload, scheduler).await?
    } else {
        return Err(body::invalid_content_type(&content_type, ACCEPTED));
    };
    Ok(HttpResponse::Accepted().json(SummarizedTaskView::from(&task)))
}

fn is_json(content_type: &str) -> bool {
    let subtype = content_type.split_once('/').map_or("", |(_, subtype)| subtype);
    subtype == "json" || subtype.ends_with("+json")
}

/// A SHA-256 in hex.
#[derive(Debug, Clone, JsonSchema)]
#[schemars(inline, extend("pattern" = "^[0-9a-fA-F]{64}$"))]
struct Sha256(String);

#[derive(Debug, thiserror::Error)]
#[error("`{0}` is not a SHA-256: give its 64 hexadecimal digits, as `sha256sum` prints them.")]
struct Sha256Error(String);

impl FromStr for Sha256 {
    type Err = Sha256Error;

    fn from_str(text: &str) -> Result<Sha256, Sha256Error> {
        if text.len() == 64 && text.bytes().all(|b| b.is_ascii_hexdigit()) {
            return Ok(Sha256(text.to_ascii_lowercase()));
        }
        Err(Sha256Error(text.to_owned()))
    }
}

impl TryFrom<String> for Sha256 {
    type Error = Sha256Error;

    fn try_from(text: String) -> Result<Sha256, Sha256Error> {
        text.parse()
    }
}

#[derive(Debug, Deserr, JsonSchema)]
#[deserr(error = DeserrJsonError, rename_all = camelCase, deny_unknown_fields)]
#[schemars(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(rename = "SnapshotImport")]
pub(super) struct ImportBody {
    #[deserr(default, error = DeserrJsonError<InvalidIndexSnapshotUid>)]
    snapshot_uid: Option<String>,
    #[deserr(default, error = DeserrJsonError<InvalidIndexSnapshotFileName>)]
    file_name: Option<String>,
    #[deserr(default, error = DeserrJsonError<InvalidIndexSnapshotIndexUid>)]
    index_uid: Option<String>,
    #[deserr(default, error = DeserrJsonError<InvalidIndexSnapshotOverwrite>)]
    #[schemars(default)]
    overwrite: bool,
    #[deserr(default, error = DeserrJsonError<InvalidIndexSnapshotDryRun>)]
    #[schemars(default)]
    dry_run: bool,
    #[deserr(default, error = DeserrJsonError<InvalidIndexSnapshotSha256>)]
    sha256: Option<String>,
}

async fn from_directory(
    auth: Auth,
    uid: &str,
    request: &HttpRequest,
    mut payload: Payload,
    scheduler: Data<IndexScheduler>,
) -> Result<Task, ResponseError> {
    let body = Json::<ImportBody, DeserrJsonError>::from_request(request, &mut payload).await?;
    let ImportBody { snapshot_uid, file_name, index_uid: source, overwrite, dry_run, sha256 } =
        body.into_inner();
    let target = index_uid(uid)?;
    let sha256 = sha256.map(checked_sha256).transpose()?;
    let source = source.map(checked_source).transpose()?;
    let place = match (snapshot_uid, file_name) {
        (Some(uid), None) => Place::Snapshot {
            index_uid: source.clone().unwrap_or_else(|| target.to_string()),
            snapshot_uid: parse_snapshot_uid(&uid)?,
        },
        (None, Some(name)) => Place::File(checked_file_name(name)?),
        _ => return Err(not_one_source()),
    };
    // Before any file is looked at: whether it exists is nothing to tell to everybody.
    for known in place.index_uid().into_iter().chain(source.as_deref()) {
        auth.check_index(known)?;
    }
    blocking(move || {
        let file_name = match &place {
            Place::File(name) => name.clone(),
            Place::Snapshot { index_uid, snapshot_uid } => {
                let found = scheduler.index_snapshots().open(index_uid, snapshot_uid);
                found.map_err(refusal)?.0
            }
        };
        let Head { manifest, .. } = scheduler.judge_index_snapshot(&file_name)?;
        auth.check_index(&manifest.index_uid)?;
        if let Some(expected) = place.index_uid().or(source.as_deref()) {
            manifest.check_source(expected).map_err(refusal)?;
        }
        let import = ImportRequest {
            index_uid: target.into(),
            source: SnapshotSource::File(file_name),
            sha256,
            overwrite,
            dry_run,
        };
        Ok(scheduler.register_index_snapshot_import(import, &manifest)?)
    })
    .await
}

/// Which file of the snapshot directory is meant.
enum Place {
    Snapshot { index_uid: String, snapshot_uid: index_snapshot::SnapshotUid },
    File(String),
}

impl Place {
    fn index_uid(&self) -> Option<&str> {
        match self {
            Place::Snapshot { index_uid, .. } => Some(index_uid),
            Place::File(_) => None,
        }
    }
}

fn checked_sha256(text: String) -> Result<String, ResponseError> {
    let Sha256(sum) = Sha256::try_from(text).map_err(|error| {
        ResponseError::from_msg(error.to_string(), Code::InvalidIndexSnapshotSha256)
    })?;
    Ok(sum)
}

fn checked_source(uid: String) -> Result<String, ResponseError> {
    let uid = IndexUid::try_from(uid).map_err(|error| {
        ResponseError::from_msg(error.to_string(), Code::InvalidIndexSnapshotIndexUid)
    })?;
    Ok(uid.into())
}

/// Only a bare name can be joined to the directory.
fn checked_file_name(name: String) -> Result<String, ResponseError> {
    let bare = !name.is_empty()
        && name.len() <= 255
        && !name.starts_with('.')
        && !name.contains(['/', '\\', '\0']);
    if bare {
        return Ok(name);
    }
    let message = format!(
        "`{name}` is not the name of a file in the snapshot directory: give the bare name, without any directory \
         and not beginning with a dot."
    );
    Err(ResponseError::from_msg(message, Code::InvalidIndexSnapshotFileName))
}

fn not_one_source() -> ResponseError {
    ResponseError::from_msg(
        "Which snapshot is to be imported? Give exactly one of `snapshotUid` and `fileName`, or send the archive \
         itself as the body with its own Content-Type, for example `application/gzip`."
            .to_owned(),
        Code::MissingIndexSnapshotSource,
    )
}

#[derive(Debug, Deserr, JsonSchema)]
#[deserr(error = DeserrQueryParamError, rename_all = camelCase, deny_unknown_fields)]
#[schemars(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct UploadQuery {
    #[deserr(default, error = DeserrQueryParamError<InvalidIndexSnapshotOverwrite>)]
    #[schemars(default)]
    overwrite: Param<bool>,
    #[deserr(default, error = DeserrQueryParamError<InvalidIndexSnapshotDryRun>)]
    #[schemars(default)]
    dry_run: Param<bool>,
    #[deserr(default, error = DeserrQueryParamError<InvalidIndexSnapshotSha256>)]
    sha256: Option<Param<Sha256>>,
}

async fn from_upload(
    auth: Auth,
    uid: &str,
    request: &HttpRequest,
    mut payload: Payload,
    scheduler: Data<IndexScheduler>,
) -> Result<Task, ResponseError> {
    let query = Parameters::from_request(request, &mut payload);
    let UploadQuery { overwrite: Param(overwrite), dry_run: Param(dry_run), sha256 } =
        query.await?.into_inner();
    let target = index_uid(uid)?;
    let limit = request
        .app_data::<Data<Options>>()
        .and_then(|options| options.max_index_snapshot_upload_size);
    let announced = announced_length(request);
    if let (Some(limit), Some(announced)) = (limit, announced)
        && announced > limit.0
    {
        return Err(too_large(limit));
    }
    // Before the first byte: room in the queue, and on the disk for what is announced.
    let checking = scheduler.clone();
    blocking(move || {
        checking.check_room()?;
        Ok(checking.require_space(announced.unwrap_or(0))?)
    })
    .await?;

    let (pieces, received) = mpsc::channel(WAITING_PIECES);
    let import = UploadRequest {
        target: target.into(),
        sha256: sha256.map(|Param(Sha256(sum))| sum),
        overwrite,
        dry_run,
        announced,
        auth: auth.into_filter(),
    };
    let storing = actix_web::rt::spawn(blocking(move || store(received, &scheduler, import)));
    let payload = Decompress::from_headers(payload, request.headers());
    let sent = send(payload, pieces, limit).await;
    // What the storing side refuses is the cause; what the sending side meets ends the storing.
    match storing.await {
        Ok(Ok(Stored::Registered(task))) => Ok(*task),
        Ok(Err(error)) => Err(error),
        Ok(Ok(Stored::GivenUp)) | Err(_) => Err(sent.err().unwrap_or_else(broken_off)),
    }
}

fn announced_length(request: &HttpRequest) -> Option<u64> {
    request.headers().get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

/// A piece of an upload on its way to the disk. A channel that closes without `End` means a client that
/// left, or an upload that was refused.
enum Piece {
    Bytes(Bytes),
    End,
}

/// Passes the body on to the storing thread, until that one gives up.
async fn send(
    mut payload: Decompress<Payload>,
    pieces: mpsc::Sender<Piece>,
    limit: Option<ByteSize>,
) -> Result<(), ResponseError> {
    let mut length = 0;
    let mut refused = pin!(pieces.closed());
    loop {
        let next = future::select(payload.next(), refused.as_mut());
        let piece = match tokio::time::timeout(MAX_IDLE, next).await.map_err(|_| timed_out())? {
            Either::Left((Some(piece), _)) => piece,
            Either::Left((None, _)) => break,
            // The storing thread has seen enough.
            Either::Right(_) => return Ok(()),
        };
        let piece = piece.map_err(|error| {
            ResponseError::from_msg(format!("The body cannot be read: {error}."), Code::BadRequest)
        })?;
        length += piece.len() as u64;
        if let Some(limit) = limit.filter(|limit| length > limit.0) {
            return Err(too_large(limit));
        }
        if pieces.send(Piece::Bytes(piece)).await.is_err() {
            return Ok(());
        }
    }
    // A storing thread that is gone tells its reason itself.
    let _ = pieces.send(Piece::End).await;
    Ok(())
}

fn timed_out() -> ResponseError {
    let message = format!(
        "The upload was given up because nothing arrived for {} seconds. Send it again.",
        MAX_IDLE.as_secs()
    );
    ResponseError::from_msg(message, Code::IndexSnapshotUploadTimeout)
}

fn too_large(limit: ByteSize) -> ResponseError {
    let message = format!(
        "The archive is larger than the limit of {limit}. Raise `--max-index-snapshot-upload-size`, or put the file \
         into the snapshot directory and import it by its name."
    );
    ResponseError::from_msg(message, Code::PayloadTooLarge)
}

fn broken_off() -> ResponseError {
    ResponseError::from_msg("The upload broke off. Send it again.".to_owned(), Code::BadRequest)
}

/// An upload that was allowed to begin.
struct UploadRequest {
    target: String,
    sha256: Option<String>,
    overwrite: bool,
    dry_run: bool,
    announced: Option<u64>,
    auth: AuthFilter,
}

enum Stored {
    Registered(Box<Task>),
    /// The sending side ended before the body did.
    GivenUp,
}

/// Writes an upload to the payload store, judging its head on the way, and registers the task.
fn store(
    mut pieces: mpsc::Receiver<Piece>,
    scheduler: &IndexScheduler,
    import: UploadRequest,
) -> Result<Stored, ResponseError> {
    let (uuid, mut file) = scheduler.update_file()?;
    let mut probe = HeadProbe::new(COMPATIBILITY);
    let mut head = None;
    let mut received: u64 = 0;
    loop {
        match pieces.blocking_recv() {
            Some(Piece::Bytes(piece)) => {
                file.write_all(&piece).map_err(|error| {
                    refusal(index_snapshot::Error::io("storing the upload", error))
                })?;
                received += piece.len() as u64;
                if head.is_none() {
                    head = probe.push(&piece).map_err(refusal)?;
                    if let Some(head) = &head {
                        let to_come = import.announced.unwrap_or(0).saturating_sub(received);
                        judge(scheduler, &import.auth, head, to_come)?;
                    }
                }
            }
            Some(Piece::End) => break,
            None => return Ok(Stored::GivenUp),
        }
    }
    let head = match head {
        Some(head) => head,
        None => {
            let head = probe.finish().map_err(refusal)?;
            judge(scheduler, &import.auth, &head, 0)?;
            head
        }
    };
    file.persist().map_err(index_scheduler::Error::from)?;
    let UploadRequest { target, sha256, overwrite, dry_run, .. } = import;
    let source = SnapshotSource::Upload(uuid);
    let import = ImportRequest { index_uid: target, source, sha256, overwrite, dry_run };
    let task = scheduler.register_index_snapshot_import(import, &head.manifest)?;
    Ok(Stored::Registered(Box::new(task)))
}

/// Version and platform are judged by the probe; here the rights on the source, and the room for the rest
/// of the upload and for the index.
fn judge(
    scheduler: &IndexScheduler,
    auth: &AuthFilter,
    head: &Head,
    to_come: u64,
) -> Result<(), ResponseError> {
    crate::extract::auth::check_index(auth, &head.manifest.index_uid)?;
    Ok(scheduler.require_space(to_come.saturating_add(head.manifest.data_size))?)
}

#[cfg(test)]
mod tests {
    use actix_http::BoxedPayloadStream;
    use actix_web::dev::Payload;
    use actix_web::error::PayloadError;
    use actix_web::http::header::HeaderMap;
    use futures_util::stream;

    use super::*;

    /// A body of these pieces, after which nothing arrives any more, not even the end.
    fn stalling(pieces: Vec<&'static [u8]>) -> Decompress<Payload> {
        let pieces = pieces.into_iter().map(|piece| Ok::<_, PayloadError>(Bytes::from(piece)));
        let stream: BoxedPayloadStream = Box::pin(stream::iter(pieces).chain(stream::pending()));
        Decompress::from_headers(Payload::Stream { payload: stream }, &HeaderMap::new())
    }

    #[tokio::test(start_paused = true)]
    async fn an_upload_that_stalls_is_given_up_after_a_minute() {
        let (pieces, mut received) = mpsc::channel(WAITING_PIECES);
        let start = tokio::time::Instant::now();
        let error = send(stalling(vec![b"abc", b"def"]), pieces, None).await.unwrap_err();
        assert_eq!((error.status().as_u16(), error.code()), (408, "index_snapshot_upload_timeout"));
        assert_eq!(start.elapsed(), MAX_IDLE);
        for expected in [&b"abc"[..], b"def"] {
            assert!(
                matches!(received.recv().await, Some(Piece::Bytes(piece)) if piece == expected)
            );
        }
        assert!(received.recv().await.is_none(), "no end was told, so nothing is registered");
    }

    #[tokio::test(start_paused = true)]
    async fn a_refused_upload_is_not_waited_for() {
        let (pieces, received) = mpsc::channel(WAITING_PIECES);
        drop(received);
        let start = tokio::time::Instant::now();
        assert!(send(stalling(vec![]), pieces, None).await.is_ok());
        assert_eq!(start.elapsed(), Duration::ZERO);
    }

    #[tokio::test]
    async fn a_body_of_unknown_length_ends_at_the_limit() {
        let (pieces, mut received) = mpsc::channel(WAITING_PIECES);
        let body = stalling(vec![b"abc", b"def"]);
        let error = send(body, pieces, Some(ByteSize(5))).await.unwrap_err();
        assert_eq!((error.status().as_u16(), error.code()), (413, "payload_too_large"));
        assert!(matches!(received.recv().await, Some(Piece::Bytes(_))));
        assert!(received.recv().await.is_none());
    }
}
