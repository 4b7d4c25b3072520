//! What is asked for, over what is stored (vectors.md 3.3).

use std::collections::BTreeMap;

use embedders::EmbedderConfig;
use embedders::settings::merge;
use meilisearch_types::settings::{EmbedderSettings, Embedders as Request, Setting};

use super::super::SettingsError;
use super::action::Action;
use super::{MAX_EMBEDDERS, refused};
use crate::error::Result;
use crate::schema::Schema;
use crate::store::{Index, RwTxn};
use crate::vector::CONFIGS;

/// Writes the embedders that are asked for over those in force.
///
/// # Errors
/// One cannot be as it is asked to be, or there are too many.
pub(in crate::indexing::settings) fn store(
    index: &Index,
    wtxn: &mut RwTxn<'_>,
    request: &Setting<Request>,
    old: &Schema,
) -> Result<()> {
    let mut embedders: BTreeMap<String, EmbedderConfig> = match request {
        Setting::NotSet => return Ok(()),
        Setting::Reset => BTreeMap::new(),
        Setting::Set(_) => {
            let named = |embedder: &EmbedderConfig| (embedder.name.clone(), embedder.clone());
            old.embedders.iter().map(named).collect()
        }
    };
    for (name, embedder) in request.as_ref().set().into_iter().flatten() {
        let Setting::Set(embedder) = embedder else {
            embedders.remove(name);
            continue;
        };
        let settings = EmbedderSettings::parse(name, embedder).map_err(SettingsError::from)?;
        let before = embedders.get(name);
        let mut merged = merge(name, &settings, before).map_err(SettingsError::from)?;
        if before.is_some_and(|before| Action::new(before, &merged, false) == Action::Full) {
            merged.number_fragments();
        }
        embedders.insert(name.clone(), merged);
    }
    if embedders.len() > MAX_EMBEDDERS {
        let name = embedders.keys().next_back().map_or("", String::as_str);
        return Err(refused(name, format!("an index has at most {MAX_EMBEDDERS} embedders")));
    }
    if embedders.is_empty() {
        CONFIGS.delete(index, wtxn)?;
        return Ok(());
    }
    CONFIGS.put(index, wtxn, &embedders.into_values().collect())
}
