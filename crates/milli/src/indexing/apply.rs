//! What one round extracted → the store, through the one writer; and a record of what changed, from
//! which the derived databases are brought up to date.

use std::collections::{BTreeMap, BTreeSet};

use heed::types::Bytes;
use heed::{Database, PutFlags};
use rustc_hash::FxHashSet;

use super::IndexingContext;
use super::delta::Target;
use super::derive::facet_levels::ChangedValues;
use super::derive::prefixes::Prefix;
use super::extract::{DocumentFacet, DocumentWrite, Extracted, FacetValue};
use super::merge::{self, PostingChange};
use super::posting::{Effect, PostingWriter};
use super::steps::IndexingStep;
use crate::error::{Error, InternalError, Result};
use crate::schema::FieldId;
use crate::store::{Index, RwTxn, Tables};

/// Facet strings of a field that the batch changed.
#[derive(Debug, Default)]
pub(super) struct StringChanges {
    /// All of them.
    pub(super) values: ChangedValues,
    /// Those that exist only since, and those that exist no more.
    pub(super) created: BTreeSet<String>,
    pub(super) deleted: BTreeSet<String>,
}

/// What a batch changed in the primary databases.
#[derive(Debug, Default)]
pub(super) struct Applied {
    /// Words entered or left `word-docids`.
    pub(super) words_changed: bool,
    /// Prefixes of words with a change in one of the four databases that prefixes are derived from.
    pub(super) prefixes: FxHashSet<Prefix>,
    /// Fields with a changed number at level 0.
    pub(super) numbers: BTreeMap<FieldId, ChangedValues>,
    /// Fields with a changed string at level 0.
    pub(super) strings: BTreeMap<FieldId, StringChanges>,
}

/// Writes one round.
///
/// # Errors
/// A stored value is damaged, the map is full, or the caller asked to stop.
pub(super) fn apply(
    index: &Index,
    wtxn: &mut RwTxn<'_>,
    context: &IndexingContext<'_>,
    extracted: Extracted,
    applied: &mut Applied,
) -> Result<()> {
    context.progress.update(IndexingStep::MergingWordCaches);
    let (symbols, mut runs): (Vec<_>, Vec<_>) =
        extracted.runs.into_iter().map(|run| (run.symbols, run.deltas)).unzip();
    let strings = context.threads.install(|| {
        let strings = merge::sort_strings(&symbols);
        merge::sort_runs(&mut runs, &symbols, &strings);
        strings
    });
    context.progress.update(IndexingStep::WaitingForDatabaseWrites);
    write_documents(index, wtxn, &extracted.documents)?;
    write_document_facets(index, wtxn, &extracted.document_facets)?;

    let mut current: Option<(Target, PostingWriter)> = None;
    let mut key = Vec::new();
    let mut written = 0_u64;
    merge::for_each_posting(&runs, &strings, |change| {
        written += 1;
        if written.is_multiple_of(WRITES_BETWEEN_STOPS) {
            context.check_stop()?;
        }
        let writer = match &mut current {
            Some((target, writer)) if *target == change.target => writer,
            other => {
                let (table, head) = table_of(index.tables(), change.target);
                let writer = PostingWriter::new(table, head, wtxn)?;
                &mut other.insert((change.target, writer)).1
            }
        };
        encode_key(change, &mut key);
        let effect = writer.write(wtxn, &key, change)?;
        applied.record(change, effect)
    })
}

const WRITES_BETWEEN_STOPS: u64 = 10_000;

impl Applied {
    fn record(&mut self, change: &PostingChange<'_>, effect: Effect) -> Result<()> {
        if effect == Effect::Unchanged {
            return Ok(());
        }
        match change.target {
            Target::Word | Target::ExactWord | Target::WordFid | Target::WordPosition => {
                self.prefixes.extend(Prefix::all_of(change.a_bytes));
                self.words_changed |= change.target == Target::Word && effect != Effect::Changed;
            }
            Target::FacetNumber => {
                self.numbers.entry(change.a as FieldId).or_default().insert(change.b_bytes);
            }
            Target::FacetString => {
                let changes = self.strings.entry(change.a as FieldId).or_default();
                changes.values.insert(change.b_bytes);
                let value = || {
                    String::from_utf8(change.b_bytes.to_vec()).map_err(|_| {
                        Error::from(InternalError::Inconsistent(
                            "a facet string is no UTF-8".into(),
                        ))
                    })
                };
                // A value that was deleted by one round and created by another one is unchanged.
                if effect == Effect::Created {
                    let value = value()?;
                    if !changes.deleted.remove(&value) {
                        changes.created.insert(value);
                    }
                } else if effect == Effect::Deleted {
                    let value = value()?;
                    if !changes.created.remove(&value) {
                        changes.deleted.insert(value);
                    }
                }
            }
            _ => {}
        }
        Ok(())
    }
}

/// The table of a target, and the bytes before each of its posting lists.
fn table_of(tables: &Tables, target: Target) -> (Database<Bytes, Bytes>, &'static [u8]) {
    /// Group size of the nodes of level 0.
    const ONE: &[u8] = &[1];
    match target {
        Target::Word => (tables.word_docids.remap_types(), &[]),
        Target::ExactWord => (tables.exact_word_docids.remap_types(), &[]),
        Target::WordFid => (tables.word_fid_docids.remap_types(), &[]),
        Target::WordPosition => (tables.word_position_docids.remap_types(), &[]),
        Target::FidWordCount => (tables.field_id_word_count_docids.remap_types(), &[]),
        Target::Pair1 | Target::Pair2 | Target::Pair3 => {
            (tables.word_pair_proximity_docids.remap_types(), &[])
        }
        Target::FacetExists => (tables.facet_id_exists_docids.remap_types(), &[]),
        Target::FacetNull => (tables.facet_id_is_null_docids.remap_types(), &[]),
        Target::FacetEmpty => (tables.facet_id_is_empty_docids.remap_types(), &[]),
        Target::FacetNumber => (tables.facet_id_f64_docids.remap_types(), ONE),
        Target::FacetString => (tables.facet_id_string_docids.remap_types(), ONE),
    }
}

/// The key bytes of a posting list (storage-index.md section 4).
fn encode_key(change: &PostingChange<'_>, key: &mut Vec<u8>) {
    let field = || (change.a as FieldId).to_be_bytes();
    key.clear();
    match change.target {
        Target::Word | Target::ExactWord => key.extend_from_slice(change.a_bytes),
        Target::WordFid | Target::WordPosition => {
            key.extend_from_slice(change.a_bytes);
            key.push(0);
            key.extend_from_slice(&(change.b as u16).to_be_bytes());
        }
        Target::FidWordCount => {
            key.extend_from_slice(&field());
            key.push(change.b as u8);
        }
        Target::Pair1 | Target::Pair2 | Target::Pair3 => {
            key.push(match change.target {
                Target::Pair1 => 1,
                Target::Pair2 => 2,
                _ => 3,
            });
            key.extend_from_slice(change.a_bytes);
            key.push(0);
            key.extend_from_slice(change.b_bytes);
        }
        Target::FacetExists | Target::FacetNull | Target::FacetEmpty => {
            key.extend_from_slice(&field());
        }
        Target::FacetNumber | Target::FacetString => {
            key.extend_from_slice(&field());
            key.push(0);
            key.extend_from_slice(change.b_bytes);
        }
    }
}

fn write_documents(index: &Index, wtxn: &mut RwTxn<'_>, writes: &[DocumentWrite]) -> Result<()> {
    let documents = index.tables().documents.remap_data_type::<Bytes>();
    let last = documents.last(wtxn)?.map(|(docid, _)| docid);
    for write in writes {
        match &write.stored {
            Some(stored) if last.is_none_or(|last| write.docid > last) => {
                documents.put_with_flags(wtxn, PutFlags::APPEND, &write.docid, stored)?;
            }
            Some(stored) => documents.put(wtxn, &write.docid, stored)?,
            None => {
                documents.delete(wtxn, &write.docid)?;
            }
        }
    }
    let external_ids = &index.tables().external_documents_ids;
    let mut by_id: Vec<&DocumentWrite> = writes.iter().collect();
    by_id.sort_unstable_by(|a, b| a.external_id.cmp(&b.external_id));
    for write in by_id {
        if write.stored.is_none() {
            external_ids.delete(wtxn, &write.external_id)?;
        } else if write.is_new {
            external_ids.put(wtxn, &write.external_id, &write.docid)?;
        }
    }
    Ok(())
}

fn write_document_facets(
    index: &Index,
    wtxn: &mut RwTxn<'_>,
    facets: &[DocumentFacet],
) -> Result<()> {
    let numbers = index.tables().field_id_docid_facet_f64s.remap_types::<Bytes, Bytes>();
    let strings = index.tables().field_id_docid_facet_strings.remap_types::<Bytes, Bytes>();
    let mut key = Vec::new();
    for facet in facets {
        let (table, value) = match &facet.value {
            FacetValue::Number(bytes) => (numbers, &bytes[..]),
            FacetValue::String(text) => (strings, text.as_bytes()),
        };
        key.clear();
        key.extend_from_slice(&facet.fid.to_be_bytes());
        key.extend_from_slice(&facet.docid.to_be_bytes());
        key.extend_from_slice(value);
        match &facet.original {
            Some(original) => table.put(wtxn, &key, original.as_bytes())?,
            None => {
                table.delete(wtxn, &key)?;
            }
        }
    }
    Ok(())
}
