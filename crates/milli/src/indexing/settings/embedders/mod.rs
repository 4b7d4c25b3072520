//! Embedders that come, change and go (vectors.md 3.3 and 4, indexing.md 15.3).
//!
//! | File | What |
//! |---|---|
//! | `store.rs` | what is asked for, over what is stored |
//! | `action.rs` | old × new options → what must be embedded anew |
//! | `visit.rs` | all documents under the new embedders |
//! | `former.rs` | vectors of removed embedders → documents |

mod action;
mod former;
mod store;
mod visit;

use std::collections::BTreeSet;

use embedders::{EmbedderConfig, EmbedderOptions};
use meilisearch_types::settings::EmbedderSettingsError;
use roaring::RoaringBitmap;

pub(super) use store::store;

use self::action::Action;
use self::visit::{Visit, Visits};
use super::super::IndexingContext;
use super::super::vectors::{Cause, Embedder, Inputs};
use super::SettingsError;
use crate::error::{Error, Result};
use crate::schema::Schema;
use crate::store::{Index, RwTxn};
use crate::vector::{EmbedderStatus, VectorStore, VectorWriter};

/// Most embedders of an index.
const MAX_EMBEDDERS: usize = 255;

/// Brings ids, statuses and vectors in line with the new embedders, and with the new set of searched fields,
/// which templates see.
///
/// # Errors
/// A document brings no vectors for a new embedder that makes none, an embedder cannot be used or fails, a
/// length changes under vectors that users sent, the store fails, or the caller asked to stop.
pub(super) fn change(
    index: &Index,
    wtxn: &mut RwTxn<'_>,
    old: &Schema,
    new: &Schema,
    context: &IndexingContext<'_>,
) -> Result<()> {
    fn named<'s>(schema: &'s Schema, name: &str) -> Option<&'s EmbedderConfig> {
        schema.embedders.iter().find(|embedder| embedder.name == name)
    }
    let documents_ids = index.documents_ids(wtxn)?;
    let is_gone = |config: &&EmbedderConfig| named(new, &config.name).is_none();
    // They give their ids free, but only when their vectors are gone.
    let gone: Vec<&EmbedderConfig> = old.embedders.iter().filter(is_gone).collect();
    former::remove(index, wtxn, &gone, &documents_ids, context)?;

    let searched = |schema: &Schema| -> Option<BTreeSet<String>> {
        schema.searchable.as_ref().map(|names| names.iter().cloned().collect())
    };
    let searched_changed = searched(old) != searched(new);
    let mut visits = Visits::default();
    for config in &new.embedders {
        match named(old, &config.name) {
            Some(before) => {
                let action = Action::new(before, config, searched_changed);
                if let Some((embedder, visit)) =
                    change_one(index, wtxn, before, config, action, context)?
                {
                    visits.push(embedder, visit);
                }
            }
            None => {
                let id = lowest_free_id(index, wtxn, &config.name)?;
                EmbedderStatus::new(id).put(index, wtxn, &config.name)?;
                let embedder = Embedder::load(index, wtxn, config)?;
                if embedder.is_tried(context) {
                    // A wrong one fails at once, not with the first document.
                    embedder.instance(context)?;
                }
                visits.push(embedder, Visit::New);
            }
        }
    }
    visits.run(index, wtxn, (old, new), &documents_ids, context)
}

/// Does what an embedder that stays needs no document for. Gives the embedder, when its graphs are to be
/// built, and why documents are to be visited.
///
/// # Errors
/// As for [`change`].
fn change_one(
    index: &Index,
    wtxn: &mut RwTxn<'_>,
    before: &EmbedderConfig,
    after: &EmbedderConfig,
    mut action: Action,
    context: &IndexingContext<'_>,
) -> Result<Option<(Embedder, Visit)>> {
    let quantizes = after.is_quantized() && !before.is_quantized();
    let (was, is) = (&before.config.embedder_options, &after.config.embedder_options);
    let lengths_differ = was.dimensions() != is.dimensions();
    if action == Action::None && !quantizes && !lengths_differ {
        return Ok(None);
    }
    let status = EmbedderStatus::get(index, wtxn, &after.name)?.unwrap_or_default();
    let id = status.id;
    let mut stored = VectorStore::find(index, wtxn, id, before.is_quantized())?;
    let mut embedder = Embedder::new(after, status, None)?;
    let mut dimensions = is.dimensions();
    if action == Action::Full && embedder.is_tried(context) {
        dimensions = Some(embedder.instance(context)?.dimensions());
    }
    if let (Some(store), Some(wanted)) = (stored, dimensions)
        && store.dimensions != wanted
    {
        if let (EmbedderOptions::UserProvided(_), EmbedderOptions::UserProvided(_)) = (was, is) {
            let cause = format!(
                "`dimensions` cannot change from {} while documents have vectors of that length; \
                 remove their vectors, or the embedder, first",
                store.dimensions
            );
            return Err(refused(&after.name, cause));
        }
        // No search could use them beside those of the new length.
        stored = None;
        action = Action::Full;
    }
    match &mut stored {
        // Headers of empty stores may tell another length.
        None => VectorStore::clear(index, wtxn, id)?,
        Some(store) if quantizes => store.quantize(index, wtxn)?,
        Some(_) => {}
    }
    let from_options = || {
        dimensions.map(|dimensions| VectorStore {
            id,
            dimensions,
            is_quantized: after.is_quantized(),
        })
    };
    embedder.store = stored.or_else(from_options);
    if let (Some(store), true) = (stored, action != Action::Full) {
        let writer = VectorWriter::new(index, wtxn, store)?;
        for fragment in &before.fragments {
            if !after.fragments.iter().any(|other| other.name == fragment.name) {
                writer.empty(index, wtxn, fragment.id, embedder.status.user_provided())?;
            }
        }
    }
    let visit = match action {
        Action::None => Visit::Nothing,
        Action::Full => Visit::Changed(Cause::Full),
        // Some only go.
        Action::Fragments(names) if names.is_empty() => Visit::Nothing,
        Action::Prompts => Visit::Changed(Cause::Prompts(Inputs::parse(before)?)),
        Action::Fragments(names) => Visit::Changed(Cause::Fragments(Inputs::parse(before)?, names)),
    };
    Ok(Some((embedder, visit)))
}

/// The lowest id that no embedder has.
fn lowest_free_id(index: &Index, wtxn: &RwTxn<'_>, name: &str) -> Result<u8> {
    let mut taken = RoaringBitmap::new();
    for entry in index.tables().embedder_category_id.iter(wtxn)? {
        taken.extend(entry?.1.first().map(|id| u32::from(*id)));
    }
    (0..u8::MAX)
        .find(|id| !taken.contains(u32::from(*id)))
        .ok_or_else(|| refused(name, format!("an index has at most {MAX_EMBEDDERS} embedders")))
}

fn refused(name: &str, cause: impl Into<String>) -> Error {
    SettingsError::from(EmbedderSettingsError::new(name, cause)).into()
}
