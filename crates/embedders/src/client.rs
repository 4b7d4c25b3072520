//! One request to a provider: JSON in, JSON out (vectors.md 9.1 and 9.2).

use std::io::Read;
use std::time::Duration;

use meilisearch_types::outgoing::{Policy, RefusedAddress};
use serde_json::Value;
use ureq::Agent;
use url::Url;

use crate::error::EmbeddingErrorKind;
use crate::request::{Failure, RequestContext, Retry};

/// The longest answer: thousands of times what ten vectors take.
const MAX_ANSWER: u64 = 256 * 1024 * 1024;
/// How much is read of an answer that says what went wrong, in bytes.
const MAX_COMPLAINT: u64 = 8 * 1024;
/// How much of it is quoted, in characters.
const MAX_QUOTED: usize = 1000;

/// What makes requests; its connections are used again.
#[derive(Debug)]
pub(crate) struct Client {
    agent: Agent,
    /// Of an attempt without deadline.
    timeout: Duration,
    /// Between two attempts.
    max_wait: Duration,
}

/// Where requests go, and with which headers.
#[derive(Debug)]
pub(crate) struct Target {
    url: String,
    /// The address without what may be secret, for messages.
    shown: String,
    headers: Vec<(String, String)>,
    /// The model, of providers whose 404 means that they lack it.
    model: Option<String>,
}

impl Target {
    /// An address with the headers of every request: the key if there is one, and others.
    ///
    /// # Errors
    /// The address is not one of HTTP.
    pub(crate) fn new<'h>(
        url: &str,
        api_key: Option<&str>,
        headers: impl IntoIterator<Item = (&'h String, &'h String)>,
    ) -> Result<Target, EmbeddingErrorKind> {
        let wrong = |message: String| EmbeddingErrorKind::MalformedRequest {
            url: Url::parse(url).map_or_else(|_| url.to_owned(), without_secrets),
            message,
        };
        let parsed = Url::parse(url).map_err(|error| wrong(error.to_string()))?;
        if !matches!(parsed.scheme(), "http" | "https") {
            return Err(wrong("its scheme must be `http` or `https`".to_owned()));
        }
        let key = api_key.filter(|key| !key.is_empty());
        let key = key.map(|key| ("Authorization".to_owned(), format!("Bearer {key}")));
        let json = ("Content-Type".to_owned(), "application/json".to_owned());
        let others = headers.into_iter().map(|(name, value)| (name.clone(), value.clone()));
        let headers = key.into_iter().chain([json]).chain(others).collect();
        Ok(Target { url: url.to_owned(), shown: without_secrets(parsed), headers, model: None })
    }

    /// The same for a provider that answers 404 when it lacks this model.
    pub(crate) fn of_model(self, model: &str) -> Target {
        Target { model: Some(model.to_owned()), ..self }
    }
}

impl Client {
    /// A client that obeys the policy.
    pub(crate) fn new(policy: &Policy, timeout: Duration, max_wait: Duration) -> Client {
        Client { agent: policy.client(timeout), timeout, max_wait }
    }

    /// Sends JSON and reads the answer, again and again if need be. `read` fails for good: a provider that
    /// answers in a wrong way will do so again.
    ///
    /// # Errors
    /// There is no answer, it is no success, or `read` failed.
    pub(crate) fn post<T>(
        &self,
        target: &Target,
        body: &Value,
        context: &RequestContext<'_>,
        read: impl Fn(&Value) -> Result<T, EmbeddingErrorKind>,
    ) -> Result<T, EmbeddingErrorKind> {
        let body = body.to_string();
        context.retry(self.max_wait, || {
            let timeout = context.time_left().unwrap_or(self.timeout);
            let answer = self.attempt(target, body.as_bytes(), timeout)?;
            read(&answer).map_err(|kind| Failure { kind, retry: Retry::Never })
        })
    }

    fn attempt(&self, target: &Target, body: &[u8], timeout: Duration) -> Result<Value, Failure> {
        let request = self.agent.post(&target.url);
        let mut request = request.config().timeout_global(Some(timeout)).build();
        for (name, value) in &target.headers {
            request = request.header(name, value);
        }
        let mut response = request.send(body).map_err(|error| no_answer(target, error))?;
        let status = response.status().as_u16();
        let body = response.body_mut();
        if !(200..300).contains(&status) {
            let mut complaint = Vec::new();
            // What cannot be read of it is not quoted.
            let _ = body.as_reader().take(MAX_COMPLAINT).read_to_end(&mut complaint);
            return Err(refused(target, status, &complaint));
        }
        let answer = body.with_config().limit(MAX_ANSWER).read_to_vec();
        let answer = answer.map_err(|error| no_answer(target, error))?;
        serde_json::from_slice(&answer).map_err(|error| Failure {
            kind: EmbeddingErrorKind::NotJson(error.to_string()),
            retry: Retry::Soon,
        })
    }
}

/// Classes of errors without a whole answer.
fn no_answer(target: &Target, error: ureq::Error) -> Failure {
    let (url, message) = (target.shown.clone(), error.to_string());
    let (kind, retry) = match error {
        ureq::Error::BodyExceedsLimit(limit) => {
            (EmbeddingErrorKind::TooLarge { limit }, Retry::Never)
        }
        ureq::Error::Http(_) | ureq::Error::BadUri(_) => {
            (EmbeddingErrorKind::MalformedRequest { url, message }, Retry::Never)
        }
        // The policy refuses the address again, however often it is asked.
        ureq::Error::Other(other) if other.is::<RefusedAddress>() => {
            (EmbeddingErrorKind::RefusedAddress { url, message }, Retry::Never)
        }
        _ => (EmbeddingErrorKind::Network { url, message }, Retry::Soon),
    };
    Failure { kind, retry }
}

/// Classes of statuses other than 200 to 299.
fn refused(target: &Target, status: u16, body: &[u8]) -> Failure {
    use EmbeddingErrorKind as Kind;
    let text = String::from_utf8_lossy(body);
    let answer: String = text.trim().chars().take(MAX_QUOTED).collect();
    let (kind, retry) = match (status, &target.model) {
        (400, _) => (Kind::BadRequest { answer }, Retry::Never),
        (401, _) => (Kind::Unauthorized { answer }, Retry::Never),
        (404, Some(model)) => (Kind::ModelNotFound { model: model.clone(), answer }, Retry::Never),
        (429, _) => (Kind::TooManyRequests { answer }, Retry::Later),
        (402..=499, _) => (Kind::UnexpectedStatus { status, answer }, Retry::Never),
        (500..=599, _) => (Kind::ServerError { status, answer }, Retry::Soon),
        _ => (Kind::UnexpectedStatus { status, answer }, Retry::Soon),
    };
    Failure { kind, retry }
}

/// An address without user, password, query and fragment.
fn without_secrets(mut url: Url) -> String {
    url.set_query(None);
    url.set_fragment(None);
    // Only addresses that cannot have them refuse.
    let _ = url.set_username("");
    let _ = url.set_password(None);
    url.into()
}
