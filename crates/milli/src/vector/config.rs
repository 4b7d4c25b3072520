//! The embedders of an index as it stores them (storage-index.md 13.2).

use embedders::EmbedderConfig;
use heed::types::SerdeJson;

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
