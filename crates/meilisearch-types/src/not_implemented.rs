//! The only list of what a Meilisearch 1.50 client may ask for and this server does not do yet.
//! Asking for one of these answers 501 `not_implemented`; nothing is ever silently ignored.

use crate::error::{Code, ErrorCode};

/// Something that is not built yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{} is not supported by this version of the server yet.", self.what())]
pub enum NotImplemented {
    /// Index setting `embedders`: vectors, semantic and hybrid search.
    EmbeddersSetting,
    /// Index setting `chat`.
    ChatSetting,
    /// Index setting `foreignKeys`.
    ForeignKeysSetting,
    /// Filters on places: `_geoRadius`, `_geoBoundingBox`, `_geoPolygon`.
    GeoFilter,
    /// Filters on embeddings: `_vectors … EXISTS`.
    VectorFilter,
    /// Filters on shards: `_shard`.
    ShardFilter,
    /// Filters on the documents of another index: `_foreign`.
    ForeignFilter,
}

impl NotImplemented {
    fn what(self) -> &'static str {
        match self {
            NotImplemented::EmbeddersSetting => "The index setting `embedders`",
            NotImplemented::ChatSetting => "The index setting `chat`",
            NotImplemented::ForeignKeysSetting => "The index setting `foreignKeys`",
            NotImplemented::GeoFilter => "Filtering on places (`_geo…`)",
            NotImplemented::VectorFilter => "Filtering on embeddings (`_vectors`)",
            NotImplemented::ShardFilter => "Filtering on shards (`_shard`)",
            NotImplemented::ForeignFilter => "Filtering on foreign documents (`_foreign`)",
        }
    }
}

impl ErrorCode for NotImplemented {
    fn error_code(&self) -> Code {
        Code::NotImplemented
    }
}
