//! Webhooks: who is told of finished tasks (tasks.md 22, storage-instance.md 7).

use std::collections::BTreeMap;

use actix_web::http::header::{HeaderName, HeaderValue};
use serde::{Deserialize, Serialize};
use url::Url;
use uuid::Uuid;

use crate::error::{Code, ErrorCode};

/// Webhooks that users may make.
pub const MAX_WEBHOOKS: usize = 20;
/// Headers that one of them may have.
pub const MAX_WEBHOOK_HEADERS: usize = 200;

/// Where finished tasks are sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Webhook {
    /// An absolute URL.
    pub url: String,
    /// Further headers of the request, in clear.
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
}

/// Why a webhook is refused.
#[derive(Debug, thiserror::Error)]
pub enum WebhookError {
    /// The URL leads nowhere.
    #[error("`{url}` is not an absolute URL: {reason}.")]
    Url {
        /// What was given.
        url: String,
        /// What is wrong with it.
        reason: url::ParseError,
    },
    /// No header can have this name.
    #[error("`{0}` cannot be the name of a header.")]
    HeaderName(String),
    /// The value of the header of this name has characters that no header may have.
    #[error("The value of the header `{0}` cannot be sent in one.")]
    HeaderValue(String),
    /// It has more headers than allowed.
    #[error("A webhook has at most {MAX_WEBHOOK_HEADERS} headers.")]
    TooManyHeaders,
}

impl ErrorCode for WebhookError {
    fn error_code(&self) -> Code {
        match self {
            WebhookError::Url { .. } => Code::InvalidWebhookUrl,
            WebhookError::HeaderName(_)
            | WebhookError::HeaderValue(_)
            | WebhookError::TooManyHeaders => Code::InvalidWebhookHeaders,
        }
    }
}

impl Webhook {
    /// Whether tasks can be sent to it at all.
    ///
    /// # Errors
    /// What is wrong with its URL or its headers.
    pub fn check(&self) -> Result<(), WebhookError> {
        if let Err(reason) = Url::parse(&self.url) {
            return Err(WebhookError::Url { url: self.url.clone(), reason });
        }
        for (name, value) in &self.headers {
            if HeaderName::from_bytes(name.as_bytes()).is_err() {
                return Err(WebhookError::HeaderName(name.clone()));
            }
            if HeaderValue::from_str(value).is_err() {
                return Err(WebhookError::HeaderValue(name.clone()));
            }
        }
        if self.headers.len() > MAX_WEBHOOK_HEADERS {
            return Err(WebhookError::TooManyHeaders);
        }
        Ok(())
    }
}

/// Webhooks as a dump holds them; the one of the command line is not among them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DumpedWebhooks {
    /// Those made over HTTP.
    pub webhooks: BTreeMap<Uuid, Webhook>,
}

/// Webhooks as they are stored; the one of the command line is not among them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct StoredWebhooks {
    /// Those made over HTTP.
    pub runtime: BTreeMap<Uuid, Webhook>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn golden_form() {
        let stored = r#"{"runtime":{"c41e84cf-8a85-4b9f-a1c4-5b4f3f6e3a0d":{"url":"https://a.example","headers":{"X":"1"}}}}"#;
        let webhooks: StoredWebhooks = serde_json::from_str(stored).unwrap();
        assert_eq!(serde_json::to_string(&webhooks).unwrap(), stored);
        let bare = r#"{"runtime":{"c41e84cf-8a85-4b9f-a1c4-5b4f3f6e3a0d":{"url":"u"}}}"#;
        let webhooks: StoredWebhooks = serde_json::from_str(bare).unwrap();
        assert!(webhooks.runtime.values().all(|webhook| webhook.headers.is_empty()));
    }
}
