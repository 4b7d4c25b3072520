//! Request bodies: decompressed, bounded, and for JSON routes typed (http-api.md section 3).

use std::marker::PhantomData;

use actix_web::dev::{Decompress, Payload};
use actix_web::error::PayloadError;
use actix_web::http::header::CONTENT_TYPE;
use actix_web::{FromRequest, HttpMessage, HttpRequest, web};
use bytes::{Bytes, BytesMut};
use deserr::{DeserializeError, Deserr};
use futures_util::future::LocalBoxFuture;
use futures_util::{FutureExt, StreamExt};
use meilisearch_types::error::{Code, ResponseError};
use meilisearch_types::sizes::ByteSize;
use serde_json::Value;

use crate::options::Options;

/// A JSON body; `E` decides the codes of the problems found in it.
pub struct Json<T, E> {
    value: T,
    errors: PhantomData<fn() -> E>,
}

impl<T, E> Json<T, E> {
    /// The typed body.
    pub fn into_inner(self) -> T {
        self.value
    }
}

impl<T, E> FromRequest for Json<T, E>
where
    T: Deserr<E> + 'static,
    E: DeserializeError + 'static,
    ResponseError: From<E>,
{
    type Error = ResponseError;
    type Future = LocalBoxFuture<'static, Result<Self, ResponseError>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let request = request.clone();
        let payload = payload.take();
        async move {
            check_json(&request)?;
            let value = json_value(&read(&request, payload).await?)?;
            Ok(Json { value: deserr::deserialize::<_, _, E>(value)?, errors: PhantomData })
        }
        .boxed_local()
    }
}

/// Parses a JSON body.
fn json_value(body: &[u8]) -> Result<Value, ResponseError> {
    if body.is_empty() {
        return Err(missing_payload("json"));
    }
    serde_json::from_slice(body).map_err(|error| {
        let message = format!("The body is not valid JSON: {error}.");
        ResponseError::from_msg(message, Code::MalformedPayload)
    })
}

/// The error for an empty body where one of the given format is expected.
pub(crate) fn missing_payload(format: &str) -> ResponseError {
    let message = format!("The body is empty, but this route needs one in the format {format}.");
    ResponseError::from_msg(message, Code::MissingPayload)
}

/// Accepts JSON content types only: subtype `json` or suffix `+json`.
fn check_json(request: &HttpRequest) -> Result<(), ResponseError> {
    const ACCEPTED: &[&str] = &["application/json"];
    let Some(essence) = content_type(request, ACCEPTED)? else {
        return Err(missing_content_type(ACCEPTED));
    };
    let subtype = essence.split_once('/').map_or("", |(_, subtype)| subtype);
    if subtype == "json" || subtype.ends_with("+json") {
        return Ok(());
    }
    Err(invalid_content_type(&essence, ACCEPTED))
}

/// The content type in lower case without its parameters; `None` without that header.
///
/// # Errors
///
/// `invalid_content_type`, telling the accepted ones, when it is not a content type at all.
pub fn content_type(
    request: &HttpRequest,
    accepted: &[&str],
) -> Result<Option<String>, ResponseError> {
    let Some(header) = request.headers().get(CONTENT_TYPE) else { return Ok(None) };
    match request.mime_type() {
        Ok(Some(mime)) => Ok(Some(mime.essence_str().to_ascii_lowercase())),
        Ok(None) | Err(_) => {
            let found = String::from_utf8_lossy(header.as_bytes());
            Err(invalid_content_type(&found, accepted))
        }
    }
}

/// The error for a body without content type.
pub fn missing_content_type(accepted: &[&str]) -> ResponseError {
    let message =
        format!("The Content-Type header is missing. This route takes {}.", listed(accepted));
    ResponseError::from_msg(message, Code::MissingContentType)
}

/// The error for a content type that the route does not take.
pub fn invalid_content_type(found: &str, accepted: &[&str]) -> ResponseError {
    let message = format!(
        "The Content-Type `{found}` does not fit here. This route takes {}.",
        listed(accepted)
    );
    ResponseError::from_msg(message, Code::InvalidContentType)
}

fn listed(names: &[&str]) -> String {
    names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}

/// Reads the whole body, decompressed, up to `--http-payload-size-limit`.
///
/// # Errors
///
/// `payload_too_large` above the limit, `bad_request` for a body that breaks off or whose
/// compression is corrupt.
pub async fn read(request: &HttpRequest, payload: Payload) -> Result<Bytes, ResponseError> {
    let options = request.app_data::<web::Data<Options>>();
    let limit = options.map_or(ByteSize(u64::MAX), |options| options.http_payload_size_limit);
    let mut payload = Decompress::from_headers(payload, request.headers());
    let mut body = BytesMut::new();
    while let Some(chunk) = payload.next().await {
        let chunk = chunk.map_err(unreadable)?;
        if (body.len() + chunk.len()) as u64 > limit.0 {
            let message = format!(
                "The body is larger than the limit of {limit}. Send it in parts, or raise \
                 `--http-payload-size-limit`."
            );
            return Err(ResponseError::from_msg(message, Code::PayloadTooLarge));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body.freeze())
}

fn unreadable(error: PayloadError) -> ResponseError {
    let message = format!("The body cannot be read: {error}.");
    ResponseError::from_msg(message, Code::BadRequest)
}
