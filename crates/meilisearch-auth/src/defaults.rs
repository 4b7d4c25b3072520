//! The four keys that an empty store gets (storage-instance.md 9).

use meilisearch_types::index_uid::IndexUidPattern;
use meilisearch_types::keys::{Action, Key};
use time::OffsetDateTime;
use uuid::Uuid;

const DEFAULTS: [(&str, &str, &[Action]); 4] = [
    (
        "Default Chat API Key",
        "For chatting and searching. Safe to show in a public frontend.",
        &[Action::ChatCompletions, Action::Search],
    ),
    (
        "Default Read-Only Admin API Key",
        "For reading everything, keys included. Keep it secret: never show it in a public frontend.",
        &[Action::AllGet, Action::KeysGet],
    ),
    (
        "Default Admin API Key",
        "For everything but searching from a frontend. Keep it secret: never show it in a public frontend.",
        &[Action::All],
    ),
    (
        "Default Search API Key",
        "For searching. Safe to show in a public frontend.",
        &[Action::Search],
    ),
];

/// The default keys in order of creation, with fresh uids.
pub(crate) fn default_keys() -> impl Iterator<Item = Key> {
    DEFAULTS.into_iter().map(|(name, description, actions)| {
        let now = OffsetDateTime::now_utc();
        Key {
            description: Some(description.to_owned()),
            name: Some(name.to_owned()),
            uid: Uuid::new_v4(),
            actions: actions.to_vec(),
            indexes: vec![IndexUidPattern::all()],
            expires_at: None,
            created_at: now,
            updated_at: now,
        }
    })
}
