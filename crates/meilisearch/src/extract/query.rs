//! Query strings as typed values (http-api.md section 3, "Query parameters").

use std::future::{Ready, ready};
use std::marker::PhantomData;

use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpRequest};
use deserr::{DeserializeError, Deserr};
use meilisearch_types::error::{Code, ResponseError};
use serde_json::{Map, Value};

/// The parameters of a query string; `E` decides the codes of the problems found in them.
pub struct Query<T, E> {
    value: T,
    errors: PhantomData<fn() -> E>,
}

impl<T, E> Query<T, E> {
    /// The typed parameters.
    pub fn into_inner(self) -> T {
        self.value
    }
}

impl<T, E> FromRequest for Query<T, E>
where
    T: Deserr<E>,
    E: DeserializeError,
    ResponseError: From<E>,
{
    type Error = ResponseError;
    type Future = Ready<Result<Self, ResponseError>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let parsed = parameters(request.query_string())
            .and_then(|parameters| Ok(deserr::deserialize::<T, _, E>(Value::Object(parameters))?));
        ready(parsed.map(|value| Query { value, errors: PhantomData }))
    }
}

/// Decodes a query string; the last of several values of a name wins.
fn parameters(query: &str) -> Result<Map<String, Value>, ResponseError> {
    let pairs: Vec<(String, String)> = serde_urlencoded::from_str(query).map_err(|error| {
        let message = format!("The query string cannot be decoded: {error}.");
        ResponseError::from_msg(message, Code::BadRequest)
    })?;
    Ok(pairs.into_iter().map(|(name, value)| (name, Value::String(value))).collect())
}
