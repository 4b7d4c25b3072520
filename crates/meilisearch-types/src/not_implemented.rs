//! The only list of what a Meilisearch 1.50 client may ask for and this server does not do yet.
//! Asking for one of these answers 501 `not_implemented`; nothing is ever silently ignored.

use std::borrow::Cow;

use crate::error::{Code, ErrorCode};
use crate::tasks::Kind;

/// Something that is not built yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{} is not supported by this version of the server yet.", self.what())]
pub enum NotImplemented {
    /// Index setting `chat`.
    ChatSetting,
    /// Index setting `foreignKeys`.
    ForeignKeysSetting,
    /// Filters on shards: `_shard`.
    ShardFilter,
    /// Filters on the documents of another index: `_foreign`.
    ForeignFilter,
    /// Requests that other servers take part in: `useNetwork: true`.
    UseNetwork,
    /// `/network`.
    Network,
    /// `/chats` and what is below it.
    Chats,
    /// `/dynamic-search-rules` and what is below it.
    DynamicSearchRules,
    /// `POST /indexes/{index_uid}/documents/edit`.
    EditDocuments,
    /// Tasks of a kind that no batch can run.
    TaskKind(Kind),
}

impl NotImplemented {
    /// The missing thing, as the beginning of a sentence.
    pub fn what(self) -> Cow<'static, str> {
        Cow::Borrowed(match self {
            NotImplemented::TaskKind(kind) => return format!("A task of type `{kind}`").into(),
            NotImplemented::UseNetwork => "The parameter `useNetwork`",
            NotImplemented::Network => "The network of instances (`/network`)",
            NotImplemented::Chats => "Chat completion (`/chats`)",
            NotImplemented::DynamicSearchRules => {
                "The dynamic search rules (`/dynamic-search-rules`)"
            }
            NotImplemented::EditDocuments => "The edition of documents by a function",
            NotImplemented::ChatSetting => "The index setting `chat`",
            NotImplemented::ForeignKeysSetting => "The index setting `foreignKeys`",
            NotImplemented::ShardFilter => "Filtering on shards (`_shard`)",
            NotImplemented::ForeignFilter => "Filtering on foreign documents (`_foreign`)",
        })
    }
}

impl ErrorCode for NotImplemented {
    fn error_code(&self) -> Code {
        Code::NotImplemented
    }
}

/// The options of operations.md section 3 that are not built, by their key: the server does not
/// start with one of them.
pub static OPTIONS: &[&str] = &[
    "upgrade_db",
    "experimental_personalization_api_key",
    "experimental_no_edition_2024_for_settings",
    "s3_bucket_url",
    "s3_bucket_region",
    "s3_bucket_name",
    "s3_snapshot_prefix",
    "s3_access_key",
    "s3_secret_key",
    "experimental_s3_role_arn",
    "experimental_s3_web_identity_token_file",
    "experimental_s3_max_in_flight_parts",
    "experimental_s3_compression_level",
    "experimental_s3_signature_duration_seconds",
    "experimental_s3_multipart_part_size",
];

/// The environment variable of an option of [`OPTIONS`].
pub fn variable_of(option: &str) -> String {
    format!("MEILI_{}", option.to_ascii_uppercase())
}
