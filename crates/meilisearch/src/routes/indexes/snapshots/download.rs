//! `GET` and `HEAD /indexes/{index_uid}/snapshots/{snapshot_uid}/download`: the archive as a stream.
//!
//! A slow reader costs one small buffer ([`crate::file_stream`]). The file stays open, so deleting it does not end the
//! download. Ranges are answered one at a time, as resuming needs it, and a client that names the ETag of
//! what it has already (`If-None-Match`) gets 304. (`actix-files` would do this with a service of its own,
//! MIME guessing and directory listings; here the file is open already.)

use std::fs::File;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::UNIX_EPOCH;

use actix_web::body::{BodySize, BoxBody, MessageBody, SizedStream};
use actix_web::http::Method;
use actix_web::http::header::{
    self, ACCEPT_RANGES, CONTENT_DISPOSITION, CONTENT_ENCODING, CONTENT_RANGE, ETAG, HeaderMap,
    HeaderName, IF_NONE_MATCH, IF_RANGE, RANGE,
};
use actix_web::web::{Data, Path};
use actix_web::{HttpRequest, HttpResponse};
use bytes::Bytes;
use index_scheduler::IndexScheduler;
use index_snapshot::{ArchiveName, Compression};
use meilisearch_types::error::{Code, ResponseError};

use super::{identifiers, refusal};
use crate::extract::auth::{Guarded, actions};
use crate::file_stream::parts;
use crate::routes::{Answer, blocking};

pub(super) async fn download(
    _auth: Guarded<actions::SnapshotsDownload>,
    path: Path<(String, String)>,
    request: HttpRequest,
    scheduler: Data<IndexScheduler>,
) -> Answer {
    let (uid, snapshot_uid) = identifiers(path.into_inner())?;
    let Archive { name, file, length, etag } = blocking(move || {
        let (name, file) =
            scheduler.index_snapshots().open(&uid, &snapshot_uid).map_err(refusal)?;
        Archive::describe(name, file)
    })
    .await?;

    if is_known(request.headers(), &etag) {
        return Ok(HttpResponse::NotModified().insert_header((ETAG, etag)).finish());
    }
    // A range is a matter of GET alone: HEAD always tells of the whole.
    let wanted = match *request.method() {
        Method::HEAD => Wanted::All,
        _ => wanted(request.headers(), &etag, length),
    };
    let (mut response, first, length) = match wanted {
        Wanted::All => (HttpResponse::Ok(), 0, length),
        Wanted::Part { first, last } => {
            let mut response = HttpResponse::PartialContent();
            response.insert_header((CONTENT_RANGE, format!("bytes {first}-{last}/{length}")));
            (response, first, last - first + 1)
        }
        Wanted::Nothing => return Ok(out_of_range(length, etag)),
    };
    response.insert_header((ETAG, etag)).insert_header((ACCEPT_RANGES, "bytes"));
    response
        .content_type(media_type(&name))
        .insert_header((CONTENT_DISPOSITION, format!("attachment; filename=\"{name}\"")))
        // The archive is compressed as it is to be: the server's own compression keeps off.
        .insert_header((CONTENT_ENCODING, header::ContentEncoding::Identity));
    Ok(match *request.method() {
        Method::HEAD => response.body(OnlyLength(length)),
        _ => response.body(BoxBody::new(SizedStream::new(length, parts(file, first, length)))),
    })
}

/// An archive that is about to be sent.
struct Archive {
    name: String,
    file: File,
    length: u64,
    etag: String,
}

impl Archive {
    /// A file of the directory never changes under its name, so size and time of change identify it.
    fn describe(name: String, file: File) -> Result<Archive, ResponseError> {
        let unreadable = |e: io::Error| {
            let message = format!("The archive `{name}` cannot be read: {e}.");
            ResponseError::from_msg(message, Code::IndexSnapshotUnreadable)
        };
        let metadata = file.metadata().map_err(unreadable)?;
        let changed = metadata.modified().map_err(unreadable)?;
        let changed = changed.duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos();
        let etag = format!("\"{:x}-{changed:x}\"", metadata.len());
        Ok(Archive { length: metadata.len(), name, file, etag })
    }
}

/// The answer to a range that the file does not have: it tells the length that it has.
fn out_of_range(length: u64, etag: String) -> HttpResponse {
    let message = format!(
        "The archive has {length} bytes, and the `Range` of the request lies behind its end. If the download is \
         complete, nothing is left to do; else begin anew without `Range`."
    );
    HttpResponse::RangeNotSatisfiable()
        .insert_header((CONTENT_RANGE, format!("bytes */{length}")))
        .insert_header((ETAG, etag))
        .json(ResponseError::from_msg(message, Code::BadRequest))
}

/// What archives are sent as.
pub(super) const MEDIA_TYPES: &[&str] = &[GZIP, ZSTD, TAR, OTHER];

const GZIP: &str = "application/gzip";
const ZSTD: &str = "application/zstd";
const TAR: &str = "application/x-tar";
const OTHER: &str = "application/octet-stream";

fn media_type(name: &str) -> &'static str {
    match ArchiveName::parse(name).map(|name| name.compression()) {
        Some(Compression::Gzip) => GZIP,
        Some(Compression::Zstd) => ZSTD,
        Some(Compression::None) => TAR,
        None => OTHER,
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wanted {
    All,
    Part {
        first: u64,
        last: u64,
    },
    /// A range that the file does not have.
    Nothing,
}

fn text(headers: &HeaderMap, name: HeaderName) -> Option<&str> {
    headers.get(name)?.to_str().ok()
}

/// Whether the client has this very file already.
fn is_known(headers: &HeaderMap, etag: &str) -> bool {
    text(headers, IF_NONE_MATCH).is_some_and(|known| {
        known
            .split(',')
            .map(str::trim)
            .any(|known| known == "*" || known.strip_prefix("W/").unwrap_or(known) == etag)
    })
}

/// Which bytes a request asks for. A range that is not understood, several ranges, and a range of another
/// file (`If-Range`) mean the whole, as HTTP allows.
fn wanted(headers: &HeaderMap, etag: &str, length: u64) -> Wanted {
    if text(headers, IF_RANGE).is_some_and(|known| known != etag) {
        return Wanted::All;
    }
    let Some((first, last)) = text(headers, RANGE)
        .and_then(|range| range.strip_prefix("bytes="))
        .and_then(|range| range.trim().split_once('-'))
    else {
        return Wanted::All;
    };
    let number = |text: &str| {
        text.bytes().all(|b| b.is_ascii_digit()).then(|| text.parse::<u64>().ok()).flatten()
    };
    let (first, last) = match (number(first), number(last)) {
        (Some(first), Some(last)) if first <= last => (first, last.min(length.saturating_sub(1))),
        (Some(first), None) if last.is_empty() => (first, length.saturating_sub(1)),
        (None, Some(count)) if first.is_empty() => {
            (length - count.min(length), length.saturating_sub(1))
        }
        _ => return Wanted::All,
    };
    if first < length && first <= last { Wanted::Part { first, last } } else { Wanted::Nothing }
}

/// The body of an answer to `HEAD`: only its length is told.
struct OnlyLength(u64);

impl MessageBody for OnlyLength {
    type Error = std::convert::Infallible;

    fn size(&self) -> BodySize {
        BodySize::Sized(self.0)
    }

    fn poll_next(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Bytes, Self::Error>>> {
        Poll::Ready(None)
    }
}

#[cfg(test)]
mod tests {
    use actix_web::http::header::HeaderValue;

    use super::*;

    #[test]
    fn ranges() {
        let check = |range: &'static str, expected: Wanted| {
            let mut headers = HeaderMap::new();
            headers.insert(RANGE, HeaderValue::from_static(range));
            assert_eq!(wanted(&headers, "\"x\"", 1000), expected, "{range}");
        };
        let part = |first, last| Wanted::Part { first, last };
        check("bytes=0-0", part(0, 0));
        check("bytes=0-", part(0, 999));
        check("bytes=500-2000", part(500, 999));
        check("bytes=-1", part(999, 999));
        check("bytes=-2000", part(0, 999));
        check("bytes=999-", part(999, 999));
        check("bytes=1000-", Wanted::Nothing);
        check("bytes=1000-2000", Wanted::Nothing);
        check("bytes=-0", Wanted::Nothing);
        for whole in [
            "bytes=5-4",
            "bytes=a-b",
            "bytes=1-2,4-5",
            "lines=1-2",
            "bytes=",
            "bytes=-",
            "bytes=+1-2",
        ] {
            check(whole, Wanted::All);
        }
    }

    #[test]
    fn a_range_of_another_file_is_the_whole() {
        let mut headers = HeaderMap::new();
        headers.insert(RANGE, HeaderValue::from_static("bytes=1-2"));
        headers.insert(IF_RANGE, HeaderValue::from_static("\"old\""));
        assert_eq!(wanted(&headers, "\"new\"", 10), Wanted::All);
        assert_eq!(wanted(&headers, "\"old\"", 10), Wanted::Part { first: 1, last: 2 });
    }

    #[test]
    fn a_client_that_has_the_file_is_told_so() {
        for (known, expected) in [
            ("\"x\"", true),
            ("W/\"x\"", true),
            ("\"a\", \"x\"", true),
            ("*", true),
            ("\"a\"", false),
            ("x", false),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(IF_NONE_MATCH, HeaderValue::from_static(known));
            assert_eq!(is_known(&headers, "\"x\""), expected, "{known}");
        }
        assert!(!is_known(&HeaderMap::new(), "\"x\""));
    }

    #[test]
    fn an_empty_file_has_no_ranges() {
        let mut headers = HeaderMap::new();
        assert_eq!(wanted(&headers, "", 0), Wanted::All);
        headers.insert(RANGE, HeaderValue::from_static("bytes=-5"));
        assert_eq!(wanted(&headers, "", 0), Wanted::Nothing);
    }
}
