//! All documents under the new embedders: what they bring for new ones moves to the stores, and what must be
//! embedded anew is (vectors.md 4).

use std::sync::atomic::{AtomicU32, Ordering};

use heed::types::Bytes;
use meilisearch_types::progress::AtomicStep;
use obkv::{KvReaderU16, KvWriterU16};
use roaring::RoaringBitmap;

use crate::document::{Content, VECTORS_FIELD, stored, vectors};
use crate::error::{InternalError, Result};
use crate::indexing::IndexingContext;
use crate::indexing::change::Sides;
use crate::indexing::job::memory_budget;
use crate::indexing::parallel::over_items;
use crate::indexing::steps::IndexingStep;
use crate::indexing::vectors::{
    Cause, DocumentVectors, Embedder, Embedders, EmbeddersWriter, Scene, Views,
};
use crate::schema::{FieldId, FieldsIdsMap, PatternMatch, Schema};
use crate::store::{Index, ReadTxn, RwTxn};

/// Why documents are visited for an embedder.
#[derive(Debug)]
pub(super) enum Visit {
    /// It is new.
    New,
    /// It is another one now.
    Changed(Cause),
    /// They are not: only its graphs are built.
    Nothing,
}

/// The embedders that change.
#[derive(Debug, Default)]
pub(super) struct Visits {
    embedders: Embedders,
    visits: Vec<Visit>,
}

/// What is needed to visit a document.
struct Visitor<'v> {
    visits: &'v Visits,
    index: &'v Index,
    fields: &'v FieldsIdsMap,
    vectors_fid: FieldId,
    primary_key: &'v str,
    schemas: (&'v Schema, &'v Schema),
    done: &'v AtomicU32,
}

/// What one thread holds.
#[derive(Default)]
struct Worker {
    vectors: Vec<DocumentVectors>,
    /// Documents that lost entries of `_vectors`.
    rewritten: Vec<(u32, Vec<u8>)>,
    bytes: usize,
}

impl Visits {
    pub(super) fn push(&mut self, embedder: Embedder, visit: Visit) {
        self.embedders.0.push(embedder);
        self.visits.push(visit);
    }

    /// Visits all documents, and builds the graphs.
    ///
    /// # Errors
    /// A document brings no vectors or cannot be embedded, the store fails, or the caller asked to stop.
    pub(super) fn run(
        &self,
        index: &Index,
        wtxn: &mut RwTxn<'_>,
        schemas: (&Schema, &Schema),
        documents_ids: &RoaringBitmap,
        context: &IndexingContext<'_>,
    ) -> Result<()> {
        if self.embedders.is_empty() || documents_ids.is_empty() {
            return Ok(());
        }
        let primary_key = index.primary_key(wtxn)?.unwrap_or_default().to_owned();
        let mut fields = index.fields_ids_map(wtxn)?;
        let vectors_fid = fields.insert(VECTORS_FIELD)?;
        index.put_fields_ids_map(wtxn, &fields)?;
        let scene = Scene { index, context, fields: &fields, primary_key: &primary_key };
        let mut writer = EmbeddersWriter::new(scene, wtxn, &self.embedders)?;
        let docids: Vec<u32> =
            match self.visits.iter().any(|visit| !matches!(visit, Visit::Nothing)) {
                true => documents_ids.iter().collect(),
                false => Vec::new(),
            };
        let share = memory_budget(context) / context.threads.current_num_threads().max(1);
        let mut rest = &docids[..];
        while !rest.is_empty() {
            context.progress.update(IndexingStep::ExtractingDocuments);
            let total = u32::try_from(rest.len()).unwrap_or(u32::MAX);
            let (done, step) = AtomicStep::new("document", total);
            context.progress.update(step);
            let visitor = Visitor {
                visits: self,
                index,
                fields: &fields,
                vectors_fid,
                primary_key: &primary_key,
                schemas,
                done: &done,
            };
            let (workers, taken) = over_items(
                index,
                wtxn,
                context,
                rest,
                |worker: &Worker| worker.bytes > share,
                |worker, rtxn, _, &docid| visitor.document(worker, rtxn, docid),
            )?;
            let mut vectors = Vec::new();
            let documents = index.tables().documents.remap_data_type::<Bytes>();
            for worker in workers {
                vectors.extend(worker.vectors);
                for (docid, bytes) in worker.rewritten {
                    documents.put(wtxn, &docid, &bytes)?;
                }
            }
            vectors.sort_unstable_by_key(|document| document.docid);
            writer.write(wtxn, vectors)?;
            rest = &rest[taken..];
        }
        writer.finish(wtxn)
    }
}

impl Visitor<'_> {
    fn document(&self, worker: &mut Worker, rtxn: &ReadTxn<'_>, docid: u32) -> Result<()> {
        let Visitor { index, fields, primary_key, .. } = *self;
        let missing = || InternalError::Inconsistent(format!("document {docid} is missing"));
        let document = stored::document(index, rtxn, docid)?.ok_or_else(missing)?;
        let id = stored::external_id(index, rtxn, docid, primary_key, fields)?;
        let content = Content::of_stored(document, fields)?;
        let sides = Sides { old: Some(content.clone()), new: Some(content) };
        let is_searched =
            |schema: &Schema, name: &str| schema.match_searchable(name) == PatternMatch::Match;
        let before = |name: &str| is_searched(self.schemas.0, name);
        let after = |name: &str| is_searched(self.schemas.1, name);
        let views = Views::new(&sides, fields, [&before, &after]);
        let stored = sides.new.as_ref().and_then(|content| content.get(VECTORS_FIELD));

        let mut found = DocumentVectors { docid, writes: Vec::new() };
        let pairs = self.visits.embedders.0.iter().zip(&self.visits.visits);
        for (number, (embedder, visit)) in pairs.clone().enumerate() {
            let change = match visit {
                Visit::Nothing => None,
                Visit::Changed(cause) => embedder.revisited(cause, docid, &views, &id)?,
                Visit::New => {
                    let given = stored.map(|json| vectors::given(json, &embedder.name, &id));
                    let given = given.transpose()?.flatten();
                    Some(embedder.inserted(given, &views, &id)?)
                }
            };
            found.push(number, change);
        }
        let is_moved = |name: &str| {
            let is_new = |visit: &Visit| matches!(visit, Visit::New);
            pairs.clone().any(|(embedder, visit)| is_new(visit) && embedder.name == name)
        };
        let rewritten = vectors::rewrite(stored, is_moved, [])?;
        if rewritten.as_deref() != stored {
            let bytes = with_vectors_field(document, self.vectors_fid, rewritten.as_deref())?;
            worker.bytes += bytes.capacity();
            worker.rewritten.push((docid, bytes));
        }
        worker.bytes += found.memory();
        worker.vectors.push(found);
        self.done.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }
}

/// The stored form of a document with another `_vectors`, or without.
///
/// # Errors
/// The document is damaged.
pub(super) fn with_vectors_field(
    document: &KvReaderU16,
    vectors_fid: FieldId,
    json: Option<&str>,
) -> Result<Vec<u8>> {
    let mut entries: Vec<(FieldId, &[u8])> =
        document.iter().filter(|(fid, _)| *fid != vectors_fid).collect();
    entries.extend(json.map(|json| (vectors_fid, json.as_bytes())));
    entries.sort_unstable_by_key(|(fid, _)| *fid);
    let mut writer = KvWriterU16::memory();
    for (fid, json) in entries {
        writer.insert(fid, json)?;
    }
    Ok(writer.into_inner()?)
}
