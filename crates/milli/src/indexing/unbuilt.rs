//! Indexes of Meilisearch may use features that are not built yet. They can be read; writing to them would
//! leave the databases of these features behind, so it is refused.

use heed::types::SerdeJson;
use meilisearch_types::not_implemented::NotImplemented;
use meilisearch_types::settings::FilterableAttributesRule;
use serde_json::Value;

use crate::document::{GEO_FIELD, GEOJSON_FIELD};
use crate::error::Result;
use crate::schema::Schema;
use crate::store::{Index, MainKey, RwTxn};

const EMBEDDING_CONFIGS: MainKey<SerdeJson<Vec<Value>>> = MainKey::new("embedding_configs");
const GEO_TREE: MainKey<heed::types::Bytes> = MainKey::new("geo-rtree");

/// Lets through what this program can write.
///
/// # Errors
/// The index has embedders, or indexes places.
pub(super) fn refuse(index: &Index, wtxn: &RwTxn<'_>, schema: &Schema) -> Result<()> {
    if EMBEDDING_CONFIGS.get(index, wtxn)?.is_some_and(|configs| !configs.is_empty()) {
        return Err(NotImplemented::EmbeddersSetting.into());
    }
    let is_filterable = |field: &str| {
        let is_field = |rule: &FilterableAttributesRule| matches!(rule, FilterableAttributesRule::Field(name) if name == field);
        schema.filterable.iter().any(is_field)
    };
    let indexes_places = schema.sortable.contains(GEO_FIELD)
        || is_filterable(GEO_FIELD)
        || is_filterable(GEOJSON_FIELD);
    if indexes_places {
        return Err(NotImplemented::GeoSetting.into());
    }
    Ok(())
}

/// Removes what earlier settings kept of places (indexing.md section 18).
///
/// # Errors
/// LMDB fails.
pub(super) fn drop_places(index: &Index, wtxn: &mut RwTxn<'_>) -> Result<()> {
    GEO_TREE.delete(index, wtxn)?;
    let tables = index.tables();
    tables.cellulite_item.clear(wtxn)?;
    tables.cellulite_cell.clear(wtxn)?;
    tables.cellulite_update.clear(wtxn)?;
    Ok(())
}
