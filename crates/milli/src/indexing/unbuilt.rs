//! Indexes of Meilisearch may use features that are not built yet. They can be read; writing to them would
//! leave the databases of these features behind, so it is refused.

use heed::types::SerdeJson;
use meilisearch_types::not_implemented::NotImplemented;
use serde_json::Value;

use crate::error::Result;
use crate::store::{Index, MainKey, RwTxn};

const EMBEDDING_CONFIGS: MainKey<SerdeJson<Vec<Value>>> = MainKey::new("embedding_configs");

/// Lets through what this program can write.
///
/// # Errors
/// The index has embedders.
pub(super) fn refuse(index: &Index, wtxn: &RwTxn<'_>) -> Result<()> {
    if EMBEDDING_CONFIGS.get(index, wtxn)?.is_some_and(|configs| !configs.is_empty()) {
        return Err(NotImplemented::EmbeddersSetting.into());
    }
    Ok(())
}
