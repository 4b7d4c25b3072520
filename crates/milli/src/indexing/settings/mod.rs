//! New settings → stored keys, and what must be indexed anew (indexing.md sections 17 and 18).
//!
//! | File | What |
//! |---|---|
//! | `store.rs` | each setting in its stored form |
//! | `synonyms.rs` | the synonyms database |
//! | `embedders/` | embedders that come, change and go |
//! | `diff.rs` | old × new schema → the work that the change means |

pub(super) mod diff;
mod embedders;
mod store;
mod synonyms;

use meilisearch_types::error::{Code, ErrorCode};
use meilisearch_types::settings::{EmbedderSettingsError, Settings};
use time::OffsetDateTime;

use super::{IndexingContext, job};
use crate::document::DocumentError;
use crate::error::Result;
use crate::geo::points;
use crate::schema::Schema;
use crate::store::{Index, RwTxn};

/// A setting that cannot be stored beside the others.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SettingsError {
    /// One typo would be forgiven later than two.
    #[error(
        "`minWordSizeForTypos.oneTypo` would be {one_typo}, which is more than `twoTypos`, {two_typos}; \
         change both so that `oneTypo` is not greater"
    )]
    WordSizesForTypos {
        /// Characters from which one typo is forgiven.
        one_typo: u8,
        /// Characters from which two typos are forgiven.
        two_typos: u8,
    },
    /// An embedder cannot be as it is asked to be.
    #[error(transparent)]
    Embedder(#[from] EmbedderSettingsError),
}

impl ErrorCode for SettingsError {
    fn error_code(&self) -> Code {
        match self {
            SettingsError::WordSizesForTypos { .. } => Code::InvalidSettingsTypoTolerance,
            SettingsError::Embedder(error) => error.error_code(),
        }
    }
}

/// Stores new settings and indexes documents anew as far as they ask for it. The caller commits.
///
/// # Errors
/// A setting is not built yet or contradicts another one, the store fails, or the caller asked to stop.
pub fn apply_settings(
    index: &Index,
    wtxn: &mut RwTxn<'_>,
    settings: &Settings,
    context: &IndexingContext<'_>,
) -> Result<()> {
    if let Some(missing) = settings.not_implemented() {
        return Err(missing.into());
    }
    let old = Schema::load(index, wtxn)?;
    store::store(index, wtxn, settings, &old)?;
    embedders::store(index, wtxn, &settings.embedders, &old)?;
    settings_changed(index, wtxn, &old, context)
}

/// Sets the primary key, which only an index without documents allows, unless it is the same key.
///
/// # Errors
/// The index has documents, the store fails, or the caller asked to stop.
pub fn set_primary_key(
    index: &Index,
    wtxn: &mut RwTxn<'_>,
    key: &str,
    context: &IndexingContext<'_>,
) -> Result<()> {
    let current = index.primary_key(wtxn)?.map(str::to_owned);
    if current.as_deref() != Some(key) {
        if let Some(primary_key) = current.filter(|_| has_documents(index, wtxn).unwrap_or(true)) {
            return Err(DocumentError::PrimaryKeyAlreadyExists { primary_key }.into());
        }
        let mut fields = index.fields_ids_map(wtxn)?;
        fields.insert(key)?;
        index.put_fields_ids_map(wtxn, &fields)?;
        index.put_primary_key(wtxn, key)?;
    }
    let old = Schema::load(index, wtxn)?;
    store::store(index, wtxn, &Settings::default(), &old)?;
    settings_changed(index, wtxn, &old, context)
}

/// What follows once settings are stored.
fn settings_changed(
    index: &Index,
    wtxn: &mut RwTxn<'_>,
    old: &Schema,
    context: &IndexingContext<'_>,
) -> Result<()> {
    let new = Schema::load(index, wtxn)?;
    index.put_updated_at(wtxn, OffsetDateTime::now_utc())?;
    embedders::change(index, wtxn, old, &new, context)?;
    if has_documents(index, wtxn)? {
        job::reindex(index, wtxn, old, &new, context)?;
    } else if !new.indexes_points() {
        // Deletions leave an empty tree.
        points::clear(index, wtxn)?;
    }
    Ok(())
}

fn has_documents(index: &Index, wtxn: &RwTxn<'_>) -> Result<bool> {
    Ok(index.number_of_documents(wtxn)? > 0)
}
