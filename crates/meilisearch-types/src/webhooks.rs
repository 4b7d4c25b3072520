//! Webhooks: who is told of finished tasks (tasks.md 22, storage-instance.md 7).

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

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
