//! The whole of an indexing operation, for documents and for settings alike:
//!
//! 1. what changes: operations are planned, or every document is revisited under new settings
//! 2. nested names get ids
//! 3. in rounds that fit into memory: documents → deltas → merged → applied
//! 4. derived databases are brought up to date
//! 5. the keys of the end of a batch are written

use meilisearch_types::settings::PrefixSearch;
use roaring::RoaringBitmap;
use rustc_hash::FxHashMap;
use time::OffsetDateTime;

use super::apply::{self, Applied};
use super::change::{Change, NewContent};
use super::derive::facet_levels::{self, Tree};
use super::derive::{facet_search, prefixes, word_fst};
use super::extract::{Extraction, register_names};
use super::finish::finish;
use super::plan::{Plan, plan};
use super::roles::{Roles, Scope};
use super::settings::diff::SchemaDiff;
use super::steps::{DocumentDeletionStep, DocumentImportStep, FacetsStep, IndexingStep, WordsStep};
use super::vectors::{Embedders, EmbeddersWriter, Scene};
use super::{IndexingContext, Operation, OperationOutcome};
use crate::error::Result;
use crate::geo::points::{self, PointChange};
use crate::geo::shapes;
use crate::schema::{FieldId, FieldsIdsMap, Schema};
use crate::store::{Index, RwTxn};
use crate::text::TokenizerSettings;
use crate::vector::EmbedderStatus;

/// Applies a batch of operations on documents, in order.
///
/// `primary_key` is the one that the tasks name. The caller commits.
///
/// # Errors
/// What makes the whole batch fail; faults of a single task are in its outcome.
pub fn index_documents(
    index: &Index,
    wtxn: &mut RwTxn<'_>,
    operations: &[Operation<'_>],
    primary_key: Option<&str>,
    context: &IndexingContext<'_>,
) -> Result<Vec<OperationOutcome>> {
    let schema = Schema::load(index, wtxn)?;
    let Plan { changes, outcomes, primary_key, mut fields, is_only_deletions } =
        plan(index, wtxn, operations, primary_key, context)?;
    let is_void = match is_only_deletions {
        true => changes.is_empty(),
        false => outcomes.iter().all(|outcome| outcome.error.is_some()),
    };
    if is_void {
        return Ok(outcomes);
    }
    match is_only_deletions {
        true => context.progress.update(DocumentDeletionStep::Indexing),
        false => context.progress.update(DocumentImportStep::Indexing),
    }
    register_names(index, wtxn, context, &changes, &schema, &mut fields)?;
    let embedders = Embedders::load(index, wtxn, &schema)?;
    let tokenizer = TokenizerSettings::of(&schema);
    let roles = Roles::new(&schema, tokenizer.tokenizer(), &fields, |_| true);
    let extraction = Extraction {
        index,
        fields: &fields,
        old: &roles,
        new: &roles,
        scope: Scope::ALL,
        embedders: &embedders,
        max_memory_bytes: memory_budget(context),
    };
    let key = primary_key.as_deref().unwrap_or_default();
    let Rounds { applied, distribution, points } =
        run_rounds(&extraction, wtxn, context, &changes, key)?;
    if schema.indexes_points() {
        context.progress.update(IndexingStep::WritingGeoPoints);
        points::update(index, wtxn, &points)?;
    }

    derive_facets(index, wtxn, context, &schema, &fields, &applied)?;
    derive_words(index, wtxn, context, (&schema, &schema), &applied)?;
    context.progress.update(IndexingStep::Finalizing);
    if let Some(key) = primary_key.filter(|_| !is_only_deletions) {
        index.put_primary_key(wtxn, &key)?;
    }
    let documents_ids = documents_ids_after(index, wtxn, &changes)?;
    finish(index, wtxn, &schema, &fields, &documents_ids, &distribution)?;
    Ok(outcomes)
}

/// Indexes all documents anew, as far as the change of settings asks for it.
///
/// # Errors
/// A stored value is damaged, the map is full, or the caller asked to stop.
pub(super) fn reindex(
    index: &Index,
    wtxn: &mut RwTxn<'_>,
    old: &Schema,
    new: &Schema,
    context: &IndexingContext<'_>,
) -> Result<()> {
    let mut fields = index.fields_ids_map(wtxn)?;
    let documents_ids = index.documents_ids(wtxn)?;
    let is_work = |diff: &SchemaDiff| diff.scope != Scope::NONE;
    let mut diff = SchemaDiff::new(old, new, &fields);
    let mut changes = Vec::new();
    if is_work(&diff) {
        changes = documents_ids.iter().map(revisit).collect();
        register_names(index, wtxn, context, &changes, new, &mut fields)?;
        // Names that only now got an id take part too.
        diff = SchemaDiff::new(old, new, &fields);
    }
    diff.drop_obsolete(index, wtxn, context)?;
    if !(old.indexes_points() && new.indexes_points()) {
        context.progress.update(IndexingStep::DeletingFromGeoDatabases);
        points::clear(index, wtxn)?;
    }
    if !(old.indexes_shapes() && new.indexes_shapes()) {
        shapes::clear(index, wtxn)?;
    }

    let (old_tokenizer, new_tokenizer) = (TokenizerSettings::of(old), TokenizerSettings::of(new));
    let is_of_interest = |fid| diff.facets_to_extract.contains(&fid);
    let old_roles = Roles::new(old, old_tokenizer.tokenizer(), &fields, is_of_interest);
    let new_roles = Roles::new(new, new_tokenizer.tokenizer(), &fields, is_of_interest);
    let extraction = Extraction {
        index,
        fields: &fields,
        old: &old_roles,
        new: &new_roles,
        scope: diff.scope,
        embedders: &Embedders::default(),
        max_memory_bytes: memory_budget(context),
    };
    let Rounds { applied, distribution, points } =
        run_rounds(&extraction, wtxn, context, &changes, "")?;
    if diff.scope.points {
        context.progress.update(IndexingStep::WritingGeoPoints);
        points::update(index, wtxn, &points)?;
    }

    derive_facets(index, wtxn, context, new, &fields, &applied)?;
    diff.derive_facets(index, wtxn, new, &fields)?;
    derive_words(index, wtxn, context, (old, new), &applied)?;
    if new.prefix_search == PrefixSearch::Disabled {
        prefixes::clear(index, wtxn)?;
    }
    context.progress.update(IndexingStep::Finalizing);
    finish(index, wtxn, new, &fields, &documents_ids, &distribution)
}

/// Deletes all documents; settings, primary key and field ids stay. Returns how many there were.
///
/// # Errors
/// LMDB fails.
pub fn clear_documents(index: &Index, wtxn: &mut RwTxn<'_>) -> Result<u64> {
    let count = index.number_of_documents(wtxn)?;
    let tables = index.tables();
    let kept = ["main", "synonyms", "embedder_category_id", "shard_docids"];
    for (name, table) in tables.all() {
        if !kept.contains(&name) {
            table.clear(wtxn)?;
        }
    }
    let shards = tables.shard_docids.iter(wtxn)?.map(|entry| Ok(entry?.0.to_owned()));
    for shard in shards.collect::<Result<Vec<_>>>()? {
        tables.shard_docids.put(wtxn, &shard, &RoaringBitmap::new())?;
    }
    let names = tables.embedder_category_id.iter(wtxn)?.map(|entry| Ok(entry?.0.to_owned()));
    for name in names.collect::<Result<Vec<String>>>()? {
        let id = EmbedderStatus::get(index, wtxn, &name)?.unwrap_or_default().id;
        EmbedderStatus::new(id).put(index, wtxn, &name)?;
    }
    let empty = fst::SetBuilder::memory().into_inner()?;
    index.put_words_fst(wtxn, &empty)?;
    index.put_words_prefixes_fst(wtxn, &empty)?;
    index.put_documents_ids(wtxn, &RoaringBitmap::new())?;
    index.put_field_distribution(wtxn, &Default::default())?;
    points::clear(index, wtxn)?;
    index.put_documents_stats(wtxn)?;
    index.put_updated_at(wtxn, OffsetDateTime::now_utc())?;
    Ok(count)
}

/// Visits a stored document for the sake of new settings.
fn revisit(docid: u32) -> Change<'static> {
    Change { docid, external_id: Box::default(), is_stored: true, new: NewContent::Stored }
}

/// Memory for what is extracted in one round, in bytes: a share of what indexing may use, as sorting and
/// writing need some too.
pub(super) fn memory_budget(context: &IndexingContext<'_>) -> usize {
    const SHARE: usize = 4;
    const DEFAULT: usize = 1 << 30;
    context.max_memory_bytes.map_or(DEFAULT, |bytes| bytes / SHARE)
}

/// What all rounds together did, and left to do.
#[derive(Default)]
struct Rounds {
    applied: Applied,
    /// Field id → change of the number of documents that have it.
    distribution: FxHashMap<FieldId, i64>,
    /// Points that change, in the order of the documents.
    points: Vec<PointChange>,
}

fn run_rounds(
    extraction: &Extraction<'_>,
    wtxn: &mut RwTxn<'_>,
    context: &IndexingContext<'_>,
    changes: &[Change<'_>],
    primary_key: &str,
) -> Result<Rounds> {
    let mut rounds = Rounds::default();
    let Extraction { index, fields, embedders, .. } = *extraction;
    let scene = Scene { index, context, fields, primary_key };
    let mut vectors = EmbeddersWriter::new(scene, wtxn, embedders)?;
    let mut rest = changes;
    while !rest.is_empty() {
        let (mut extracted, taken) = extraction.round(wtxn, context, rest)?;
        for (fid, change) in extracted.distribution.drain() {
            *rounds.distribution.entry(fid).or_default() += change;
        }
        rounds.points.append(&mut extracted.points);
        if !extracted.shapes.is_empty() {
            context.progress.update(IndexingStep::BuildingGeoJson);
            let IndexingContext { progress, must_stop, .. } = context;
            shapes::update(index, wtxn, &extracted.shapes, progress, must_stop)?;
        }
        let documents = std::mem::take(&mut extracted.vectors);
        apply::apply(index, wtxn, context, extracted, &mut rounds.applied)?;
        vectors.write(wtxn, documents)?;
        rest = &rest[taken..];
    }
    vectors.finish(wtxn)?;
    Ok(rounds)
}

fn derive_facets(
    index: &Index,
    wtxn: &mut RwTxn<'_>,
    context: &IndexingContext<'_>,
    schema: &Schema,
    fields: &FieldsIdsMap,
    applied: &Applied,
) -> Result<()> {
    context.progress.update(IndexingStep::PostProcessingFacets);
    context.progress.update(FacetsStep::NumbersIncremental);
    for (&fid, values) in &applied.numbers {
        context.check_stop()?;
        facet_levels::update(index, wtxn, Tree::Numbers, fid, values)?;
    }
    context.progress.update(FacetsStep::StringsIncremental);
    let role = |fid: FieldId| fields.name(fid).map(|name| (name, schema.facet_role(name)));
    for (&fid, changes) in &applied.strings {
        context.check_stop()?;
        if role(fid).is_some_and(|(_, role)| role.string_levels) {
            facet_levels::update(index, wtxn, Tree::Strings, fid, &changes.values)?;
        }
    }
    context.progress.update(FacetsStep::FacetSearch);
    for (&fid, changes) in &applied.strings {
        match role(fid) {
            Some((name, role)) if role.facet_search && schema.facet_search => {
                facet_search::update(index, wtxn, fid, schema.locales(name), changes)?;
            }
            _ => {}
        }
    }
    Ok(())
}

fn derive_words(
    index: &Index,
    wtxn: &mut RwTxn<'_>,
    context: &IndexingContext<'_>,
    (old, new): (&Schema, &Schema),
    applied: &Applied,
) -> Result<()> {
    context.progress.update(IndexingStep::PostProcessingWords);
    context.progress.update(WordsStep::WordFst);
    let words_changed = applied.words_changed || !index.has_words_fst(wtxn)?;
    if words_changed {
        word_fst::rebuild(index, wtxn)?;
    }
    if new.prefix_search == PrefixSearch::IndexingTime {
        let is_stale = words_changed || old.prefix_search == PrefixSearch::Disabled;
        prefixes::update(index, wtxn, context, &applied.prefixes, is_stale)?;
    }
    Ok(())
}

fn documents_ids_after(
    index: &Index,
    wtxn: &RwTxn<'_>,
    changes: &[Change<'_>],
) -> Result<RoaringBitmap> {
    let mut documents_ids = index.documents_ids(wtxn)?;
    for change in changes {
        match change.new {
            NewContent::Nothing => documents_ids.remove(change.docid),
            NewContent::Stored | NewContent::Versions { .. } => documents_ids.insert(change.docid),
        };
    }
    Ok(documents_ids)
}
