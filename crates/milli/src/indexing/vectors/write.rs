//! Inputs → vectors → the stores. Inputs are collected over documents, and embedded in groups; no more than
//! the vectors of one group are held (vectors.md 9.4 and 14).

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use embedders::{Embedder as Instance, EmbeddingError, Input, RequestContext};
use meilisearch_types::progress::AtomicStep;

use super::error::hints;
use super::{DocumentVectors, Embedder, Embedders, GenerationError, VectorsChange, VectorsWrite};
use crate::document::{Content, DocumentError, VECTORS_FIELD, stored, vectors};
use crate::error::Result;
use crate::indexing::IndexingContext;
use crate::indexing::steps::IndexingStep;
use crate::schema::FieldsIdsMap;
use crate::store::{Index, RwTxn};
use crate::vector::{EmbedderStatus, VectorStore, VectorWriter};

/// The index that is written to, and how.
#[derive(Clone, Copy)]
pub(in crate::indexing) struct Scene<'e> {
    pub(in crate::indexing) index: &'e Index,
    pub(in crate::indexing) context: &'e IndexingContext<'e>,
    /// Field ids, with those of fields that come with the operation.
    pub(in crate::indexing) fields: &'e FieldsIdsMap,
    pub(in crate::indexing) primary_key: &'e str,
}

/// Writes the vectors of documents, and keeps their statuses until the end.
pub(in crate::indexing) struct EmbeddersWriter<'e> {
    scene: Scene<'e>,
    writers: Vec<EmbedderWriter<'e>>,
}

/// The part of one embedder.
struct EmbedderWriter<'e> {
    embedder: &'e Embedder,
    status: EmbedderStatus,
    /// None as long as the length of vectors is not known.
    store: Option<VectorWriter>,
    /// None as long as nothing is to be embedded.
    instance: Option<Arc<Instance>>,
    pending: Vec<Pending>,
}

/// An input that waits for its group.
struct Pending {
    docid: u32,
    /// Place of the vector.
    number: u8,
    /// Whether all vectors of the document go first.
    clears: bool,
    input: Input,
}

impl<'e> EmbeddersWriter<'e> {
    /// # Errors
    /// LMDB fails.
    pub(in crate::indexing) fn new(
        scene: Scene<'e>,
        wtxn: &RwTxn<'_>,
        embedders: &'e Embedders,
    ) -> Result<EmbeddersWriter<'e>> {
        let writer = |embedder: &'e Embedder| {
            let open = |store| VectorWriter::new(scene.index, wtxn, store);
            Ok(EmbedderWriter {
                embedder,
                status: embedder.status.clone(),
                store: embedder.store.map(open).transpose()?,
                instance: None,
                pending: Vec::new(),
            })
        };
        let writers = embedders.0.iter().map(writer).collect::<Result<_>>()?;
        Ok(EmbeddersWriter { scene, writers })
    }

    /// Writes the vectors of documents, in the order of their ids, which are stored already. All are
    /// written when it returns.
    ///
    /// # Errors
    /// A provider fails, a vector has a wrong length, LMDB fails, or the caller asked to stop.
    pub(in crate::indexing) fn write(
        &mut self,
        wtxn: &mut RwTxn<'_>,
        documents: Vec<DocumentVectors>,
    ) -> Result<()> {
        let progress = self.scene.context.progress;
        let mut done = None;
        if self.writers.iter().any(|writer| writer.embedder.computes()) {
            progress.update(IndexingStep::ExtractingEmbeddings);
            let total = u32::try_from(documents.len()).unwrap_or(u32::MAX);
            let (counter, step) = AtomicStep::new("document", total);
            progress.update(step);
            done = Some(counter);
        }
        for DocumentVectors { docid, writes } in documents {
            for VectorsWrite { embedder, change } in writes {
                if let Some(writer) = self.writers.get_mut(embedder) {
                    writer.apply(self.scene, wtxn, docid, change)?;
                }
            }
            if let Some(done) = &done {
                done.fetch_add(1, Ordering::Relaxed);
            }
        }
        for writer in &mut self.writers {
            writer.embed_pending(self.scene, wtxn)?;
        }
        Ok(())
    }

    /// Builds the graphs, and stores the statuses.
    ///
    /// # Errors
    /// LMDB fails, the map is full, or the caller asked to stop.
    pub(in crate::indexing) fn finish(self, wtxn: &mut RwTxn<'_>) -> Result<()> {
        let Scene { index, context, .. } = self.scene;
        for EmbedderWriter { embedder, status, store, .. } in self.writers {
            if let Some(writer) = store {
                context.progress.update(IndexingStep::WritingEmbeddingsToDatabase);
                writer.store().build(index, wtxn, context.must_stop)?;
            }
            status.put(index, wtxn, &embedder.name)?;
        }
        Ok(())
    }
}

impl Scene<'_> {
    fn external_id(&self, wtxn: &RwTxn<'_>, docid: u32) -> Result<String> {
        let Scene { index, fields, primary_key, .. } = *self;
        stored::external_id(index, wtxn, docid, primary_key, fields).map(String::from)
    }
}

impl EmbedderWriter<'_> {
    fn apply(
        &mut self,
        scene: Scene<'_>,
        wtxn: &mut RwTxn<'_>,
        docid: u32,
        change: VectorsChange,
    ) -> Result<()> {
        match change {
            VectorsChange::Replace { vectors, regenerate } => {
                self.status.set(docid, true, regenerate);
                let Some(first) = vectors.first() else {
                    return self.clear(scene.index, wtxn, docid);
                };
                let store = self.store(scene, wtxn, Some(first.len()))?;
                let expected = store.store().dimensions;
                match vectors.iter().position(|vector| vector.len() != expected) {
                    None => store.replace(scene.index, wtxn, docid, &vectors),
                    Some(number) => Err(DocumentError::InvalidVectorDimensions {
                        document_id: scene.external_id(wtxn, docid)?,
                        embedder: self.embedder.name.clone(),
                        number,
                        expected,
                        found: vectors[number].len(),
                    }
                    .into()),
                }
            }
            VectorsChange::Generate { clears, inputs } => {
                self.status.set(docid, false, true);
                self.generate(scene, wtxn, docid, clears, inputs)
            }
            VectorsChange::Without => {
                self.status.set(docid, false, false);
                Ok(())
            }
            VectorsChange::Status => {
                self.status.set(docid, false, true);
                Ok(())
            }
            VectorsChange::Forget => {
                self.status.set(docid, false, true);
                self.clear(scene.index, wtxn, docid)
            }
        }
    }

    fn generate(
        &mut self,
        scene: Scene<'_>,
        wtxn: &mut RwTxn<'_>,
        docid: u32,
        mut clears: bool,
        inputs: Vec<(u8, Option<Input>)>,
    ) -> Result<()> {
        if inputs.iter().all(|(_, input)| input.is_none()) && clears {
            return self.clear(scene.index, wtxn, docid);
        }
        for (number, input) in inputs {
            match (input, &self.store) {
                (Some(input), _) => {
                    let instance = self.instance(scene.context)?;
                    if self.pending.len() >= instance.group_size() {
                        self.embed_pending(scene, wtxn)?;
                    }
                    // What it had goes when the first new vector is there.
                    let clears = std::mem::take(&mut clears);
                    self.pending.push(Pending { docid, number, clears, input });
                }
                (None, Some(store)) => store.remove(scene.index, wtxn, docid, number)?,
                (None, None) => {}
            }
        }
        Ok(())
    }

    /// Embeds what is collected.
    fn embed_pending(&mut self, scene: Scene<'_>, wtxn: &mut RwTxn<'_>) -> Result<()> {
        if self.pending.is_empty() {
            return Ok(());
        }
        scene.context.check_stop()?;
        let mut places = Vec::with_capacity(self.pending.len());
        let mut inputs = Vec::with_capacity(self.pending.len());
        for Pending { docid, number, clears, input } in self.pending.drain(..) {
            places.push((docid, number, clears));
            inputs.push(input);
        }
        self.store(scene, wtxn, None)?;
        let instance = self.instance(scene.context)?;
        match instance.embed_documents(&inputs, &request(scene.context)) {
            Ok(vectors) => {
                let store = self.store(scene, wtxn, None)?;
                for ((docid, number, clears), vector) in places.into_iter().zip(vectors) {
                    if clears {
                        store.remove_all(scene.index, wtxn, docid)?;
                    }
                    store.put(scene.index, wtxn, docid, number, &vector)?;
                }
                Ok(())
            }
            Err(failure) => {
                scene.context.check_stop()?;
                let docids = places.iter().map(|(docid, ..)| *docid).collect();
                let error = self.failure(scene, wtxn, &docids, failure)?;
                if !self.embedder.failures.ignores_embedder {
                    return Err(error.into());
                }
                tracing::warn!("{error}; as asked, the batch goes on without their new vectors");
                Ok(())
            }
        }
    }

    /// The instance, made when it is asked for first.
    fn instance(&mut self, context: &IndexingContext<'_>) -> Result<Arc<Instance>> {
        if let Some(instance) = &self.instance {
            return Ok(Arc::clone(instance));
        }
        let instance = self.embedder.instance(context)?;
        self.instance = Some(Arc::clone(&instance));
        Ok(instance)
    }

    /// The stores. Where nothing else tells the length of vectors, the instance does, or, if it is not to be
    /// asked, the vector that is `given`.
    fn store(
        &mut self,
        scene: Scene<'_>,
        wtxn: &RwTxn<'_>,
        given: Option<usize>,
    ) -> Result<&mut VectorWriter> {
        let is_given = self.embedder.options.dimensions().is_some();
        let dimensions = match (&self.store, &self.instance) {
            (Some(store), Some(instance)) if !is_given => {
                let (expected, found) = (store.store().dimensions, instance.dimensions());
                if expected != found {
                    let embedder = self.embedder.name.clone();
                    return Err(GenerationError::Dimensions { embedder, expected, found }.into());
                }
                expected
            }
            (Some(store), _) => store.store().dimensions,
            (None, _) => match given {
                Some(given) if !self.embedder.is_tried(scene.context) => given,
                _ => self.instance(scene.context)?.dimensions(),
            },
        };
        let writer = match self.store.take() {
            Some(writer) => writer,
            None => {
                let is_quantized = self.embedder.is_quantized;
                let store = VectorStore { id: self.status.id, dimensions, is_quantized };
                VectorWriter::new(scene.index, wtxn, store)?
            }
        };
        Ok(self.store.insert(writer))
    }

    /// Removes all vectors of a document.
    fn clear(&self, index: &Index, wtxn: &mut RwTxn<'_>, docid: u32) -> Result<()> {
        self.store.as_ref().map_or(Ok(()), |store| store.remove_all(index, wtxn, docid))
    }

    /// Tells which documents cannot be embedded, and what may be mistyped in them.
    fn failure(
        &self,
        scene: Scene<'_>,
        wtxn: &RwTxn<'_>,
        docids: &BTreeSet<u32>,
        failure: EmbeddingError,
    ) -> Result<GenerationError> {
        let (mut names, mut entries) = (BTreeSet::new(), BTreeSet::new());
        for &docid in docids {
            let Some(document) = stored::document(scene.index, wtxn, docid)? else { continue };
            for (name, json) in Content::of_stored(document, scene.fields)?.iter() {
                names.insert(name.to_owned());
                if name == VECTORS_FIELD {
                    entries.extend(vectors::names(json));
                }
            }
        }
        let name = &self.embedder.name;
        let [names, entries] = [&names, &entries].map(|set| set.iter().map(String::as_str));
        Ok(GenerationError::Documents {
            embedder: name.clone(),
            document_id: match docids.first() {
                Some(&docid) => scene.external_id(wtxn, docid)?,
                None => String::new(),
            },
            others: docids.len().saturating_sub(1),
            failure,
            hints: hints(name, names, entries),
        })
    }
}

impl Embedder {
    /// Whether it is asked for a vector before there is need of one.
    pub(in crate::indexing) fn is_tried(&self, context: &IndexingContext<'_>) -> bool {
        self.computes() && self.options.is_built() && context.tries_embedders
    }

    /// An instance.
    ///
    /// # Errors
    /// It cannot be made, or the caller asked to stop.
    pub(in crate::indexing) fn instance(
        &self,
        context: &IndexingContext<'_>,
    ) -> Result<Arc<Instance>> {
        context.embedders.get(&self.options, &request(context)).or_else(|failure| {
            context.check_stop()?;
            Err(GenerationError::Instance { embedder: self.name.clone(), failure }.into())
        })
    }
}

fn request<'c>(context: &'c IndexingContext<'_>) -> RequestContext<'c> {
    RequestContext {
        deadline: None,
        must_stop: context.must_stop,
        counters: Some(context.embedder_requests),
    }
}
