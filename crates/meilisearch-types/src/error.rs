//! Errors as clients see them: a code of a fixed table, a message, and the object that carries
//! both in answers and in stored tasks (http-api.md 4 and 16, storage-instance.md 5).

mod codes;

use std::fmt;

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::http::header::RETRY_AFTER;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use codes::{Code, deserr_codes};

/// Where the documentation of a code lives; the code follows the `#`.
const DOCUMENTATION: &str = "https://docs.meilisearch.com/errors#";

/// Seconds that clients are asked to wait after a 503.
const RETRY_AFTER_SECONDS: &str = "10";

/// The family of an error code, the `type` of an error object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ErrorType {
    /// The request or the task asks for something that cannot be done.
    InvalidRequest,
    /// A fault of the server.
    Internal,
    /// The request is not allowed.
    Auth,
    /// The system or another server refuses.
    System,
}

impl ErrorType {
    /// The name on the wire and on disk.
    pub fn name(self) -> &'static str {
        match self {
            ErrorType::InvalidRequest => "invalid_request",
            ErrorType::Internal => "internal",
            ErrorType::Auth => "auth",
            ErrorType::System => "system",
        }
    }
}

/// An error that knows its code. Together with `Display` this is all an answer needs.
pub trait ErrorCode {
    /// The code that the error is told with.
    fn error_code(&self) -> Code;
}

/// Codes of operating system errors by number: 5, 24 and 28 are told, all others are internal
/// (tasks.md 12). To a client a full quota is a full disk.
impl ErrorCode for std::io::Error {
    fn error_code(&self) -> Code {
        match self.raw_os_error() {
            Some(5) => Code::IoError,
            Some(24) => Code::TooManyOpenFiles,
            Some(28) => Code::NoSpaceLeftOnDevice,
            _ if self.kind() == std::io::ErrorKind::QuotaExceeded => Code::NoSpaceLeftOnDevice,
            _ => Code::Internal,
        }
    }
}

/// The error object of answers, of `error` in tasks and of remote errors.
///
/// Members are kept as text, so that an error stored by another version comes back unchanged.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ResponseError {
    /// What is wrong and what to do about it.
    pub message: String,
    code: String,
    #[serde(rename = "type")]
    error_type: String,
    link: String,
    /// Set when the status is not the code's own.
    #[serde(skip)]
    status: Option<StatusCode>,
}

impl ResponseError {
    /// An error of this code with this message.
    pub fn from_msg(mut message: String, code: Code) -> Self {
        if code == Code::IoError {
            message.push_str(
                ". Check that the disk has room left and that its files may be read and written.",
            );
        }
        ResponseError {
            message,
            code: code.name().to_owned(),
            error_type: code.error_type().name().to_owned(),
            link: format!("{DOCUMENTATION}{}", code.name()),
            status: None,
        }
    }

    /// The same error answered with another status than the code's own.
    pub fn with_status(mut self, status: StatusCode) -> Self {
        self.status = Some(status);
        self
    }

    /// The name of the code, e.g. `index_not_found`.
    pub fn code(&self) -> &str {
        &self.code
    }

    /// The HTTP status: the overriding one, else that of the code, else 500.
    pub fn status(&self) -> StatusCode {
        let own =
            || Code::ALL.iter().find(|code| code.name() == self.code).map(|code| code.status());
        self.status.or_else(own).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }
}

impl fmt::Display for ResponseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for ResponseError {}

impl<E: ErrorCode + fmt::Display> From<E> for ResponseError {
    fn from(error: E) -> Self {
        ResponseError::from_msg(error.to_string(), error.error_code())
    }
}

impl actix_web::ResponseError for ResponseError {
    fn status_code(&self) -> StatusCode {
        self.status()
    }

    fn error_response(&self) -> HttpResponse {
        let mut response = HttpResponse::build(self.status());
        if self.status() == StatusCode::SERVICE_UNAVAILABLE {
            response.insert_header((RETRY_AFTER, RETRY_AFTER_SECONDS));
        }
        response.json(self)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn table_of_codes() {
        let names: HashSet<_> = Code::ALL.iter().map(|code| code.name()).collect();
        assert_eq!(names.len(), Code::ALL.len(), "a name stands twice");
        let ours = Code::ALL.iter().filter(|code| {
            code.name().contains("index_snapshot") || **code == Code::NotImplemented
        });
        assert_eq!(Code::ALL.len() - ours.count(), 288);
        for code in Code::ALL {
            assert_ne!(code.status(), StatusCode::OK);
        }
        for (code, name, status) in [
            (Code::IndexNotFound, "index_not_found", 404),
            (Code::InvalidS3SnapshotRequest, "invalid_s_3_snapshot_request", 400),
            (Code::RequiresEnterpriseEdition, "requires_enterprise_edition", 451),
            (Code::IoError, "io_error", 422),
            (Code::TooManySearchRequests, "too_many_search_requests", 503),
            (Code::IndexSnapshotUploadTimeout, "index_snapshot_upload_timeout", 408),
            (Code::NotImplemented, "not_implemented", 501),
        ] {
            assert_eq!((code.name(), code.status().as_u16()), (name, status));
        }
    }

    #[test]
    fn stored_form() {
        let error = ResponseError::from_msg("No index `cats`.".into(), Code::IndexNotFound);
        let json = serde_json::to_string(&error).unwrap();
        insta::assert_snapshot!(json, @r#"{"message":"No index `cats`.","code":"index_not_found","type":"invalid_request","link":"https://docs.meilisearch.com/errors#index_not_found"}"#);
        assert_eq!(serde_json::from_str::<ResponseError>(&json).unwrap(), error);
        assert_eq!(error.status(), StatusCode::NOT_FOUND);
        assert_eq!(error.with_status(StatusCode::BAD_REQUEST).status(), StatusCode::BAD_REQUEST);
    }

    #[test]
    fn unknown_code_survives() {
        let json = r#"{"message":"m","code":"of_the_future","type":"invalid_request","link":"l"}"#;
        let error: ResponseError = serde_json::from_str(json).unwrap();
        assert_eq!(serde_json::to_string(&error).unwrap(), json);
        assert_eq!(error.status(), StatusCode::INTERNAL_SERVER_ERROR);
    }

    #[test]
    fn operating_system_errors() {
        for (number, code) in [
            (5, Code::IoError),
            (24, Code::TooManyOpenFiles),
            (28, Code::NoSpaceLeftOnDevice),
            (13, Code::Internal),
            #[cfg(target_os = "linux")]
            (122, Code::NoSpaceLeftOnDevice),
        ] {
            assert_eq!(std::io::Error::from_raw_os_error(number).error_code(), code);
        }
    }

    #[test]
    fn overload_asks_to_retry_later() {
        let error = ResponseError::from_msg("busy".into(), Code::TooManySearchRequests);
        let response = actix_web::ResponseError::error_response(&error);
        assert_eq!(response.headers().get(RETRY_AFTER).unwrap(), RETRY_AFTER_SECONDS);
    }
}
