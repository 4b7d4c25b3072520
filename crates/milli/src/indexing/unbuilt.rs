//! Indexes of Meilisearch may use features that are not built yet. They can be read; writing to them would
//! leave the databases of these features behind, so it is refused.

use meilisearch_types::not_implemented::NotImplemented;

use crate::error::Result;
use crate::schema::Schema;
use crate::vector::config;

/// Lets through what this program can write.
///
/// # Errors
/// The index has embedders that make vectors.
pub(super) fn refuse(schema: &Schema) -> Result<()> {
    if schema.embedders.iter().any(|embedder| config::dimensions(embedder).is_none()) {
        return Err(NotImplemented::EmbeddersSetting.into());
    }
    Ok(())
}
