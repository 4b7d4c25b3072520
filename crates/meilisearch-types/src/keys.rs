//! API keys: the stored form and the actions that they allow (storage-instance.md 9).

mod action;
mod request;

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use uuid::Uuid;

pub use action::{Action, Scope, UnknownAction};
pub use request::{CreateKey, ExpirationError, KeyView, UpdateKey};

use crate::index_uid::IndexUidPattern;

/// An API key as it is stored and as dumps and dump tasks carry it. Its secret is never stored:
/// it derives from `uid` and the master key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Key {
    /// What the key is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// A short name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Identity, and the message that the secret is the code of.
    pub uid: Uuid,
    /// What it allows, as given: wildcards are kept.
    pub actions: Vec<Action>,
    /// The indexes that it may touch.
    pub indexes: Vec<IndexUidPattern>,
    /// End of its life, with the offset it was given in.
    #[serde(with = "time::serde::rfc3339::option")]
    pub expires_at: Option<OffsetDateTime>,
    /// Creation.
    #[serde(with = "time::serde::rfc3339")]
    pub created_at: OffsetDateTime,
    /// Last change of name or description.
    #[serde(with = "time::serde::rfc3339")]
    pub updated_at: OffsetDateTime,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stored_form() {
        for json in [
            r#"{"description":"d","name":"n","uid":"7d21e800-741f-4186-9c12-453842e06f7d","actions":["*.get","keys.get"],"indexes":["*"],"expires_at":null,"created_at":"2026-11-24T04:44:15.770256913Z","updated_at":"2026-11-24T04:44:15.77Z"}"#,
            r#"{"uid":"7d21e800-741f-4186-9c12-453842e06f7d","actions":[],"indexes":["mov*"],"expires_at":"2099-06-30T23:59:59+02:30","created_at":"2026-11-24T04:44:15Z","updated_at":"2026-11-24T04:44:15Z"}"#,
        ] {
            let key: Key = serde_json::from_str(json).unwrap();
            assert_eq!(serde_json::to_string(&key).unwrap(), json);
        }
        let without_expiry = r#"{"uid":"7d21e800-741f-4186-9c12-453842e06f7d","actions":[],"indexes":[],"created_at":"2026-11-24T04:44:15Z","updated_at":"2026-11-24T04:44:15Z"}"#;
        assert!(serde_json::from_str::<Key>(without_expiry).is_err(), "`expires_at` must be there");
    }
}
