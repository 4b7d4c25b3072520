//! The embedders of an index as it stores them, and as users see them (vectors.md 2.3).

use embedders::{EmbedderConfig, EmbedderOptions};
use heed::types::SerdeJson;
use serde_json::{Map, Value};

use super::VectorStore;
use crate::store::MainKey;

/// The embedders of an index.
pub(crate) const CONFIGS: MainKey<SerdeJson<Vec<EmbedderConfig>>> =
    MainKey::new("embedding_configs");

/// The stores of an embedder, whose id is `id`, as far as its options tell the length of vectors.
pub(crate) fn store(config: &EmbedderConfig, id: u8) -> Option<VectorStore> {
    let dimensions = config.config.embedder_options.dimensions()?;
    Some(VectorStore { id, dimensions, is_quantized: config.is_quantized() })
}

/// An embedder as a setting; `None` when the source is not built.
pub(crate) fn shown(config: &EmbedderConfig) -> Option<Value> {
    let EmbedderOptions::UserProvided(options) = &config.config.embedder_options else {
        return None;
    };
    let mut shown = Map::new();
    shown.insert("source".to_owned(), "userProvided".into());
    shown.insert("dimensions".to_owned(), options.dimensions.into());
    if let Some(quantized) = config.config.quantized {
        shown.insert("binaryQuantized".to_owned(), quantized.into());
    }
    if let Some(distribution) = &options.distribution {
        // By way of text: a JSON value would show the digits of the number widened to 64 bits.
        let text = serde_json::to_string(distribution).ok()?;
        shown.insert("distribution".to_owned(), serde_json::from_str(&text).ok()?);
    }
    Some(Value::Object(shown))
}
