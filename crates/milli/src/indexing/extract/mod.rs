//! Changed documents → deltas of all posting lists, in parallel over documents.
//!
//! The old content of a document is extracted under the old schema and taken away, the new content under
//! the new schema and added. So a document batch (two contents, one schema) and a change of settings (one
//! content, two schemas) are the same work.

mod documents;
mod facets;
mod geo;
mod names;
mod pairs;
mod words;

use std::sync::atomic::Ordering;

use meilisearch_types::progress::AtomicStep;
use rustc_hash::FxHashMap;

pub(super) use documents::DocumentWrite;
pub(super) use facets::{DocumentFacet, FacetValue};
pub(super) use names::register_names;

use self::facets::FacetsExtractor;
use self::words::WordsExtractor;
use super::IndexingContext;
use super::change::{Change, NewContent, Sides};
use super::delta::Op;
use super::merge::Run;
use super::parallel::over_items;
use super::roles::{Roles, Scope};
use super::steps::IndexingStep;
use super::vectors::{DocumentVectors, Embedders, Views};
use crate::document::{GEO_FIELD, GEOJSON_FIELD, is_reserved_field};
use crate::error::Result;
use crate::geo::points::PointChange;
use crate::geo::shapes::ShapeChange;
use crate::schema::{FieldId, FieldsIdsMap, PatternMatch};
use crate::store::{Index, ReadTxn, RwTxn};

/// What is extracted, and under which schemas.
pub(super) struct Extraction<'e> {
    pub(super) index: &'e Index,
    pub(super) fields: &'e FieldsIdsMap,
    /// Roles under which the stored content was indexed.
    pub(super) old: &'e Roles<'e>,
    /// Roles under which the new content is indexed.
    pub(super) new: &'e Roles<'e>,
    pub(super) scope: Scope,
    /// Embedders whose vectors are taken from documents.
    pub(super) embedders: &'e Embedders,
    /// Bytes of deltas after which no more documents are taken.
    pub(super) max_memory_bytes: usize,
}

/// What the documents of one round mean for the store.
#[derive(Default)]
pub(super) struct Extracted {
    pub(super) runs: Vec<Run>,
    pub(super) documents: Vec<DocumentWrite>,
    pub(super) document_facets: Vec<DocumentFacet>,
    /// What becomes of the vectors of documents, in the order of docids; empty without embedders.
    pub(super) vectors: Vec<DocumentVectors>,
    /// Field id → change of the number of documents that have it.
    pub(super) distribution: FxHashMap<FieldId, i64>,
    /// Points that change, in the order of the documents.
    pub(super) points: Vec<PointChange>,
    /// Shapes that change.
    pub(super) shapes: Vec<ShapeChange>,
}

/// What one thread holds while it works.
#[derive(Default)]
struct Worker {
    run: Run,
    documents: Vec<DocumentWrite>,
    document_facets: Vec<DocumentFacet>,
    vectors: Vec<DocumentVectors>,
    distribution: FxHashMap<FieldId, i64>,
    /// With the place of the document among those of the round.
    points: Vec<(usize, PointChange)>,
    shapes: Vec<ShapeChange>,
    words: WordsExtractor,
    facets: FacetsExtractor,
    /// Bytes of documents, vectors, facet values and shapes held for writing.
    held_bytes: usize,
}

impl Extraction<'_> {
    /// Extracts documents from the start of `changes` until memory is used up. Returns how many.
    ///
    /// # Errors
    /// A document is damaged or invalid, or the caller asked to stop.
    pub(super) fn round(
        &self,
        wtxn: &RwTxn<'_>,
        context: &IndexingContext<'_>,
        changes: &[Change<'_>],
    ) -> Result<(Extracted, usize)> {
        context.progress.update(IndexingStep::ExtractingWords);
        let (done, step) =
            AtomicStep::new("document", u32::try_from(changes.len()).unwrap_or(u32::MAX));
        context.progress.update(step);
        let share = self.max_memory_bytes / context.threads.current_num_threads().max(1);
        let (workers, taken) = over_items(
            self.index,
            wtxn,
            context,
            changes,
            |worker: &Worker| worker.memory() > share,
            |worker, rtxn, place, change| {
                self.document(worker, rtxn, place, change)?;
                done.fetch_add(1, Ordering::Relaxed);
                Ok(())
            },
        )?;
        let mut extracted = Extracted::default();
        let mut points = Vec::new();
        for worker in workers {
            extracted.runs.push(worker.run);
            extracted.documents.extend(worker.documents);
            extracted.document_facets.extend(worker.document_facets);
            extracted.vectors.extend(worker.vectors);
            points.extend(worker.points);
            extracted.shapes.extend(worker.shapes);
            for (fid, change) in worker.distribution {
                *extracted.distribution.entry(fid).or_default() += change;
            }
        }
        extracted.documents.sort_unstable_by_key(|document| document.docid);
        extracted.vectors.sort_unstable_by_key(|document| document.docid);
        // Removals come first, so that a value that stays is written last.
        extracted.document_facets.sort_unstable();
        points.sort_unstable_by_key(|(place, _)| *place);
        extracted.points = points.into_iter().map(|(_, change)| change).collect();
        Ok((extracted, taken))
    }

    fn document(
        &self,
        worker: &mut Worker,
        rtxn: &ReadTxn<'_>,
        place: usize,
        change: &Change<'_>,
    ) -> Result<()> {
        let stored = match change.is_stored {
            true => self.index.tables().documents.get(rtxn, &change.docid)?,
            false => None,
        };
        let sides = change.sides(stored, self.fields)?;
        if !matches!(change.new, NewContent::Stored) {
            let write = documents::write(change, &sides, self.fields, self.embedders)?;
            worker.held_bytes += write.memory();
            worker.documents.push(write);
            documents::count_fields(&sides, self.fields, &mut worker.distribution);
            if !self.embedders.is_empty() {
                let vectors = self.vectors(change, &sides)?;
                worker.held_bytes += vectors.memory();
                worker.vectors.push(vectors);
            }
        }
        let scope = self.scope_of(change, &sides);
        let Worker { run, words, facets, document_facets, points, .. } = worker;
        let Run { symbols, deltas } = run;
        let both = [(&sides.old, self.old, Op::Remove), (&sides.new, self.new, Op::Add)];
        for (content, roles, op) in both {
            let Some(content) = content else { continue };
            let target = (change.docid, op);
            if scope.words || (scope.pairs && roles.pairs) {
                words.extract(content, roles, scope, target, symbols, deltas)?;
            }
            if scope.facets {
                facets.extract(content, roles, target, symbols, deltas, document_facets)?;
            }
        }
        if scope.points {
            let point = geo::point_change(self, rtxn, change, &sides)?;
            let both = [(point.old, self.old, Op::Remove), (point.new, self.new, Op::Add)];
            for (point, roles, op) in both {
                let Some(point) = point else { continue };
                let target = (change.docid, op);
                geo::facets(point, roles, target, symbols, deltas, document_facets);
            }
            points.push((place, point));
        }
        if scope.shapes {
            let shape = geo::shape_change(self, rtxn, change, &sides)?;
            worker.held_bytes +=
                size_of::<ShapeChange>() + shape.new.as_ref().map_or(0, |b| b.len());
            worker.shapes.push(shape);
        }
        Ok(())
    }

    /// What becomes of the vectors of a document.
    fn vectors(&self, change: &Change<'_>, sides: &Sides<'_>) -> Result<DocumentVectors> {
        let is_searched =
            |name: &str| self.new.of(name).is_some_and(|role| role.words == PatternMatch::Match);
        let views = Views::new(sides, self.fields, [&is_searched, &is_searched]);
        let writes = self.embedders.writes(change, sides, &views)?;
        Ok(DocumentVectors { docid: change.docid, writes })
    }

    /// An updated document whose relevant fields are the same needs no extraction.
    fn scope_of(&self, change: &Change<'_>, sides: &Sides<'_>) -> Scope {
        if matches!(change.new, NewContent::Stored) {
            return self.scope;
        }
        let words_differ = sides.differ_in(|name| {
            !is_reserved_field(name)
                && self.new.of(name).is_some_and(|role| role.words != PatternMatch::None)
        });
        let facets_differ = sides.differ_in(|name| {
            !is_reserved_field(name)
                && self.new.of(name).is_some_and(|role| role.facet.faceted || role.facet.parent)
        });
        Scope {
            words: self.scope.words && words_differ,
            pairs: self.scope.pairs && words_differ,
            facets: self.scope.facets && facets_differ,
            points: self.scope.points
                && (self.old.points || self.new.points)
                && sides.differ_in(|name| name == GEO_FIELD),
            shapes: self.scope.shapes
                && (self.old.shapes || self.new.shapes)
                && sides.differ_in(|name| name == GEOJSON_FIELD),
        }
    }
}

impl Worker {
    fn memory(&self) -> usize {
        self.run.memory()
            + self.held_bytes
            + self.document_facets.len() * (size_of::<DocumentFacet>() + 32)
            + self.points.len() * size_of::<(usize, PointChange)>()
    }
}
