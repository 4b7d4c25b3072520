//! Old × new schema → the work that a change of settings means (indexing.md section 18).

use std::collections::BTreeSet;

use heed::Database;
use heed::types::Bytes;
use meilisearch_types::settings::ProximityPrecision;

use super::super::IndexingContext;
use super::super::derive::facet_levels::{self, Tree};
use super::super::derive::{delete_field, facet_search};
use super::super::roles::Scope;
use super::super::steps::IndexingStep;
use crate::error::Result;
use crate::schema::{FieldId, FieldsIdsMap, PatternMatch, Schema};
use crate::store::{Index, RwTxn};

/// What must be done.
#[derive(Debug)]
pub(in crate::indexing) struct SchemaDiff {
    /// What is extracted from every document.
    pub(in crate::indexing) scope: Scope,
    /// Fields whose facet values are extracted.
    pub(in crate::indexing) facets_to_extract: BTreeSet<FieldId>,
    /// Fields that are no longer faceted.
    facets_to_drop: Vec<FieldId>,
    /// Fields that stay faceted but keep no null and empty values any more.
    marks_to_drop: Vec<FieldId>,
    /// Fields whose strings get levels, or lose them.
    levels_to_build: Vec<FieldId>,
    levels_to_drop: Vec<FieldId>,
    /// Fields whose strings can be searched from now on, or no longer.
    searches_to_build: Vec<FieldId>,
    searches_to_drop: Vec<FieldId>,
    /// Word pairs are no longer kept.
    drops_pairs: bool,
}

impl SchemaDiff {
    /// Compares two schemas over all known fields.
    pub(in crate::indexing) fn new(
        old: &Schema,
        new: &Schema,
        fields: &FieldsIdsMap,
    ) -> SchemaDiff {
        let by_word = |schema: &Schema| schema.proximity_precision == ProximityPrecision::ByWord;
        let tokens_changed = old.stop_words != new.stop_words
            || old.separator_tokens != new.separator_tokens
            || old.non_separator_tokens != new.non_separator_tokens
            || old.dictionary != new.dictionary;
        let searchable =
            |schema: &Schema, name: &str| schema.match_searchable(name) == PatternMatch::Match;
        let words_moved = fields.iter().any(|(_, name)| {
            searchable(old, name) != searchable(new, name)
                || (searchable(new, name) && old.locales(name) != new.locales(name))
        });
        let exactness_changed = old.typo.disable_on_numbers != new.typo.disable_on_numbers
            || fields.iter().any(|(_, name)| old.is_exact(name) != new.is_exact(name));
        let mut diff = SchemaDiff {
            scope: Scope {
                words: tokens_changed || words_moved || exactness_changed,
                pairs: by_word(new) && (tokens_changed || words_moved || !by_word(old)),
                facets: false,
                points: new.indexes_points() && !old.indexes_points(),
                shapes: new.indexes_shapes() && !old.indexes_shapes(),
            },
            facets_to_extract: BTreeSet::new(),
            facets_to_drop: Vec::new(),
            marks_to_drop: Vec::new(),
            levels_to_build: Vec::new(),
            levels_to_drop: Vec::new(),
            searches_to_build: Vec::new(),
            searches_to_drop: Vec::new(),
            drops_pairs: by_word(old) && !by_word(new),
        };
        for (fid, name) in fields.iter() {
            diff.compare_facets(old, new, fid, name);
        }
        diff.scope.facets = !diff.facets_to_extract.is_empty();
        diff
    }

    fn compare_facets(&mut self, old: &Schema, new: &Schema, fid: FieldId, name: &str) {
        let (before, after) = (old.facet_role(name), new.facet_role(name));
        if !after.faceted {
            if before.faceted {
                self.facets_to_drop.push(fid);
            }
            return;
        }
        if !before.faceted || (after.filterable && !before.filterable) {
            self.facets_to_extract.insert(fid);
        }
        if !before.faceted {
            // All that follows from its values is derived as in a batch of documents.
            return;
        }
        if before.filterable && !after.filterable {
            self.marks_to_drop.push(fid);
        }
        match (before.string_levels, after.string_levels) {
            (true, false) => self.levels_to_drop.push(fid),
            (false, true) => self.levels_to_build.push(fid),
            _ => {}
        }
        let had_search = before.facet_search && old.facet_search;
        let has_search = after.facet_search && new.facet_search;
        if has_search && (!had_search || old.locales(name) != new.locales(name)) {
            self.searches_to_build.push(fid);
        } else if had_search && !has_search {
            self.searches_to_drop.push(fid);
        }
    }

    /// Removes what the new settings do not keep, as far as no document is needed for it.
    ///
    /// # Errors
    /// LMDB fails.
    pub(in crate::indexing) fn drop_obsolete(
        &self,
        index: &Index,
        wtxn: &mut RwTxn<'_>,
        context: &IndexingContext<'_>,
    ) -> Result<()> {
        let tables = index.tables();
        if self.drops_pairs {
            tables.word_pair_proximity_docids.clear(wtxn)?;
        }
        context.progress.update(IndexingStep::DeletingFromAllFilters);
        let facet_tables: [Database<Bytes, Bytes>; 9] = [
            tables.facet_id_exists_docids.remap_types(),
            tables.facet_id_is_null_docids.remap_types(),
            tables.facet_id_is_empty_docids.remap_types(),
            tables.facet_id_f64_docids.remap_types(),
            tables.facet_id_string_docids.remap_types(),
            tables.facet_id_normalized_string_strings.remap_types(),
            tables.facet_id_string_fst.remap_types(),
            tables.field_id_docid_facet_f64s.remap_types(),
            tables.field_id_docid_facet_strings.remap_types(),
        ];
        for &fid in &self.facets_to_drop {
            for table in facet_tables {
                delete_field(table, wtxn, fid)?;
            }
        }
        for &fid in &self.marks_to_drop {
            tables.facet_id_is_null_docids.delete(wtxn, &fid)?;
            tables.facet_id_is_empty_docids.delete(wtxn, &fid)?;
        }
        context.progress.update(IndexingStep::DeletingFromComparisonsOnly);
        for &fid in &self.levels_to_drop {
            facet_levels::clear(index, wtxn, Tree::Strings, fid)?;
        }
        context.progress.update(IndexingStep::DeletingFromFacetsOnly);
        for &fid in &self.searches_to_drop {
            facet_search::clear(index, wtxn, fid)?;
        }
        Ok(())
    }

    /// Builds what follows from facet values that were there before.
    ///
    /// # Errors
    /// A stored value is damaged, or LMDB fails.
    pub(in crate::indexing) fn derive_facets(
        &self,
        index: &Index,
        wtxn: &mut RwTxn<'_>,
        schema: &Schema,
        fields: &FieldsIdsMap,
    ) -> Result<()> {
        for &fid in &self.levels_to_build {
            facet_levels::rebuild(index, wtxn, Tree::Strings, fid)?;
        }
        for &fid in &self.searches_to_build {
            let languages = fields.name(fid).and_then(|name| schema.locales(name));
            facet_search::rebuild(index, wtxn, fid, languages)?;
        }
        Ok(())
    }
}
