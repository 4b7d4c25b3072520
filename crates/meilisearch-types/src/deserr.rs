//! Glue between deserr and our error codes (http-api.md 3).
//!
//! The error type of a field names the code that the field is refused with; the code of the
//! innermost error survives while it travels up. Wording, kinds, locations and suggestions are
//! those of deserr's own errors.

mod query_params;

#[cfg(test)]
mod tests;

use std::convert::Infallible;
use std::fmt;
use std::marker::PhantomData;
use std::ops::ControlFlow;

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use deserr::errors::{JsonError, QueryParamError};
use deserr::{
    DeserializeError, ErrorKind, IntoValue, MergeWithError, ValuePointerRef, take_cf_content,
};

pub use query_params::{
    AfterDate, BeforeDate, CommaList, DateFormatError, Param, StarOr, StarOrList,
};

use crate::error::deserr_codes::BadRequest;
use crate::error::{Code, ErrorCode, ResponseError};

/// A refused member of a JSON body; `C` is the code.
pub type DeserrJsonError<C = BadRequest> = DeserrError<Json, C>;

/// A refused parameter of a query string; `C` is the code.
pub type DeserrQueryParamError<C = BadRequest> = DeserrError<QueryParam, C>;

/// Wording of errors in JSON bodies.
#[derive(Debug)]
pub enum Json {}

/// Wording of errors in query strings.
#[derive(Debug)]
pub enum QueryParam {}

/// How an error is told.
pub trait Wording {
    /// The message for the error at this place.
    fn message<V: IntoValue>(error: ErrorKind<'_, V>, location: ValuePointerRef<'_>) -> String;
}

impl Wording for Json {
    fn message<V: IntoValue>(error: ErrorKind<'_, V>, location: ValuePointerRef<'_>) -> String {
        take_cf_content(JsonError::error(None, error, location)).to_string()
    }
}

impl Wording for QueryParam {
    fn message<V: IntoValue>(error: ErrorKind<'_, V>, location: ValuePointerRef<'_>) -> String {
        take_cf_content(QueryParamError::error(None, error, location)).to_string()
    }
}

/// The first problem found in a request.
pub struct DeserrError<W, C> {
    message: String,
    code: Code,
    marker: PhantomData<fn() -> (W, C)>,
}

impl<W, C> DeserrError<W, C> {
    fn with_code(message: String, code: Code) -> Self {
        DeserrError { message, code, marker: PhantomData }
    }
}

impl<W: Wording, C: Default + ErrorCode> DeserializeError for DeserrError<W, C> {
    fn error<V: IntoValue>(
        _earlier: Option<Self>,
        error: ErrorKind<'_, V>,
        location: ValuePointerRef<'_>,
    ) -> ControlFlow<Self, Self> {
        let message = W::message(error, location);
        ControlFlow::Break(Self::with_code(message, C::default().error_code()))
    }
}

impl<W, Outer, Inner> MergeWithError<DeserrError<W, Inner>> for DeserrError<W, Outer> {
    fn merge(
        _earlier: Option<Self>,
        inner: DeserrError<W, Inner>,
        _location: ValuePointerRef<'_>,
    ) -> ControlFlow<Self, Self> {
        ControlFlow::Break(Self::with_code(inner.message, inner.code))
    }
}

/// A value that was read but does not convert: told with the code of the field.
impl<W: Wording, C: Default + ErrorCode, E: std::error::Error> MergeWithError<E>
    for DeserrError<W, C>
{
    fn merge(
        earlier: Option<Self>,
        error: E,
        location: ValuePointerRef<'_>,
    ) -> ControlFlow<Self, Self> {
        Self::error::<Infallible>(
            earlier,
            ErrorKind::Unexpected { msg: error.to_string() },
            location,
        )
    }
}

impl<W, C> ErrorCode for DeserrError<W, C> {
    fn error_code(&self) -> Code {
        self.code
    }
}

impl<W, C> fmt::Display for DeserrError<W, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl<W, C> fmt::Debug for DeserrError<W, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code.name(), self.message)
    }
}

impl<W, C> actix_web::ResponseError for DeserrError<W, C> {
    fn status_code(&self) -> StatusCode {
        self.code.status()
    }

    fn error_response(&self) -> HttpResponse {
        let error = ResponseError::from_msg(self.message.clone(), self.code);
        actix_web::ResponseError::error_response(&error)
    }
}

/// For `#[deserr(missing_field_error = ...)]`: a missing member told with a code of its own.
pub fn missing_field<W: Wording, Outer, C: Default + ErrorCode>(
    field: &str,
    location: ValuePointerRef<'_>,
) -> DeserrError<W, Outer> {
    let message = W::message::<Infallible>(ErrorKind::MissingField { field }, location);
    DeserrError::with_code(message, C::default().error_code())
}

/// For `#[deserr(deny_unknown_fields = ...)]`: the error for a member that must not be there, with
/// the code of the enclosing object unless `immutable` gives another for its name.
pub fn unknown_field<W: Wording, C: Default + ErrorCode>(
    immutable: &[(&str, Code)],
    field: &str,
    accepted: &[&str],
    location: ValuePointerRef<'_>,
) -> DeserrError<W, C> {
    match immutable.iter().find(|(name, _)| *name == field) {
        Some((_, code)) => {
            DeserrError::with_code(format!("`{field}` cannot be changed, leave it out."), *code)
        }
        None => take_cf_content(DeserrError::error::<Infallible>(
            None,
            ErrorKind::UnknownKey { key: field, accepted },
            location,
        )),
    }
}
