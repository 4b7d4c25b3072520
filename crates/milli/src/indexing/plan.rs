//! Operations of a batch + store → what each document becomes (indexing.md sections 3 to 5.2).
//!
//! Operations are folded strictly in order, document by document: what is kept of a document is the list
//! of operations since the last one that forgets the past.

use std::borrow::Cow;
use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet};

use indexmap::{IndexMap, IndexSet};
use meilisearch_types::progress::AtomicStep;
use roaring::RoaringBitmap;
use rustc_hash::FxBuildHasher;
use smallvec::SmallVec;

use super::change::{Change, NewContent};
use super::steps::IndexingStep;
use super::{IndexingContext, MissingDocument, Operation, OperationOutcome};
use crate::document::payload::{self, PayloadDocument};
use crate::document::{DocumentError, primary_key, stored};
use crate::error::{Error, InternalError, Result};
use crate::schema::FieldsIdsMap;
use crate::store::{Index, RwTxn};

/// What a batch does.
pub(super) struct Plan<'p> {
    /// Documents to change, in the order in which they are walked.
    pub(super) changes: Vec<Change<'p>>,
    /// One outcome an operation.
    pub(super) outcomes: Vec<OperationOutcome>,
    /// The primary key, once known.
    pub(super) primary_key: Option<String>,
    /// Field ids, with those of the top-level fields of all valid payloads.
    pub(super) fields: FieldsIdsMap,
    /// Whether the batch is made of deletions only.
    pub(super) is_only_deletions: bool,
}

/// An operation that is kept for a document.
#[derive(Clone, Copy, Debug)]
enum Kept<'p> {
    Delete,
    Replace(&'p str),
    Update(&'p str),
}

/// What is known of a document that the batch names.
struct Folded<'p> {
    external_id: Box<str>,
    is_stored: bool,
    kept: SmallVec<[Kept<'p>; 1]>,
    /// Operation and offset in its payload of the first kept object.
    place: Option<(usize, usize)>,
}

/// Folds the operations.
///
/// # Errors
/// A payload is damaged or the store fails; faults of a payload's documents are outcomes.
pub(super) fn plan<'p>(
    index: &Index,
    wtxn: &RwTxn<'_>,
    operations: &[Operation<'p>],
    requested_key: Option<&str>,
    context: &IndexingContext<'_>,
) -> Result<Plan<'p>> {
    context.progress.update(IndexingStep::PreparingPayloads);
    let (done, step) = AtomicStep::new("payload", operations.len() as u32);
    context.progress.update(step);

    let mut planner = Planner::new(index, wtxn, operations, requested_key)?;
    let mut outcomes = Vec::with_capacity(operations.len());
    for (number, operation) in operations.iter().enumerate() {
        context.check_stop()?;
        outcomes.push(match planner.operation(number, operation) {
            Ok(count) => OperationOutcome { count, error: None },
            Err(Error::Document(error)) => {
                OperationOutcome { count: 0, error: Some(Error::Document(error)) }
            }
            Err(other) => return Err(other),
        });
        done.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
    }
    context.progress.update(IndexingStep::ReorderingPayloadOffsets);
    Ok(planner.finish(outcomes))
}

struct Planner<'b, 'p> {
    index: &'b Index,
    wtxn: &'b RwTxn<'b>,
    is_only_deletions: bool,
    /// The task's key differs from that of the index.
    key_conflict: Option<DocumentError>,
    primary_key: Option<String>,
    fields: FieldsIdsMap,
    docids: RoaringBitmap,
    free_docids: FreeDocids,
    /// Docids of documents that the store does not hold.
    new_ids: HashMap<Box<str>, u32>,
    documents: IndexMap<u32, Folded<'p>, FxBuildHasher>,
}

impl<'b, 'p> Planner<'b, 'p> {
    fn new(
        index: &'b Index,
        wtxn: &'b RwTxn<'b>,
        operations: &[Operation<'p>],
        requested_key: Option<&str>,
    ) -> Result<Planner<'b, 'p>> {
        let stored_key = index.primary_key(wtxn)?;
        let key_conflict = stored_key.zip(requested_key).filter(|(stored, key)| stored != key).map(
            |(stored, _)| DocumentError::PrimaryKeyAlreadyExists { primary_key: stored.to_owned() },
        );
        let is_only_deletions = operations.iter().all(|operation| operation.payload().is_none());
        let primary_key = stored_key.or(requested_key).map(str::to_owned);
        let mut fields = index.fields_ids_map(wtxn)?;
        if let Some(key) = primary_key.as_deref().filter(|key| !primary_key::is_nested(key)) {
            fields.insert(key)?;
        }
        let docids = index.documents_ids(wtxn)?;
        let free_docids = FreeDocids::new(&docids);
        Ok(Planner {
            index,
            wtxn,
            is_only_deletions,
            key_conflict,
            primary_key,
            fields,
            docids,
            free_docids,
            new_ids: HashMap::new(),
            documents: IndexMap::default(),
        })
    }

    /// Folds one operation in; returns what its task reports.
    fn operation(&mut self, number: usize, operation: &Operation<'p>) -> Result<u64> {
        match operation {
            Operation::Replace { payload, on_missing } => {
                self.payload(number, payload, *on_missing, Kept::Replace)
            }
            Operation::Update { payload, on_missing } => {
                self.payload(number, payload, *on_missing, Kept::Update)
            }
            _ if self.primary_key.is_none() || self.key_conflict.is_some() => Ok(0),
            Operation::DeleteByIds(ids) => self.delete_by_ids(ids),
            Operation::DeleteByDocids(docids) => self.delete_by_docids(docids),
        }
    }

    fn payload(
        &mut self,
        number: usize,
        payload: &'p [u8],
        on_missing: MissingDocument,
        keep: impl Fn(&'p str) -> Kept<'p>,
    ) -> Result<u64> {
        let mut documents = payload::documents(payload)?.peekable();
        if let (Some(conflict), Some(_)) = (&self.key_conflict, documents.peek()) {
            return Err(conflict.clone().into());
        }
        // Nothing is folded in before every document has shown a valid id.
        let mut valid: Vec<(Box<str>, &'p str)> = Vec::new();
        let mut names: IndexSet<Cow<'p, str>> = IndexSet::new();
        for document in documents {
            let document = document?;
            let key = match self.primary_key.take() {
                Some(key) => key,
                None => self.infer_key(&document)?,
            };
            let id = primary_key::document_id(&document, &key);
            self.primary_key = Some(key);
            valid.push((id?.into(), document.text));
            let is_new = |name: &Cow<'p, str>| self.fields.id(name).is_none();
            names.extend(document.entries.into_iter().map(|(name, _)| name).filter(is_new));
        }
        if self.fields.len() + names.len() > usize::from(u16::MAX) + 1 {
            return Err(DocumentError::TooManyFields.into());
        }
        for name in &names {
            self.fields.insert(name)?;
        }
        let mut ids = RoaringBitmap::new();
        for (id, text) in valid {
            let docid = self.docid(id)?;
            ids.insert(docid);
            let Some(document) = self.documents.get_mut(&docid) else { continue };
            if document.exists() || matches!(on_missing, MissingDocument::Create) {
                document.keep(keep(text), (number, offset_in(payload, text)));
            }
        }
        Ok(ids.len())
    }

    /// Guesses the key; the fields of every document that was looked at get ids.
    fn infer_key(&mut self, document: &PayloadDocument<'p>) -> Result<String> {
        for (name, _) in &document.entries {
            self.fields.insert(name)?;
        }
        Ok(primary_key::infer(document.entries.iter().map(|(name, _)| &**name))?.to_owned())
    }

    fn delete_by_ids(&mut self, ids: &'p [String]) -> Result<u64> {
        let mut distinct = HashSet::new();
        let mut newly_marked = 0;
        for id in ids.iter().filter(|id| distinct.insert(id.as_str())) {
            if self.is_only_deletions && self.stored_docid(id)?.is_none() {
                continue;
            }
            let docid = self.docid(id.as_str().into())?;
            newly_marked += u64::from(self.delete(docid));
        }
        Ok(if self.is_only_deletions { newly_marked } else { distinct.len() as u64 })
    }

    fn delete_by_docids(&mut self, docids: &RoaringBitmap) -> Result<u64> {
        let stored = docids & &self.docids;
        let mut newly_marked = 0;
        for docid in &stored {
            if !self.documents.contains_key(&docid) {
                let external_id = self.external_id(docid)?;
                self.documents.insert(docid, Folded::new(external_id, true));
            }
            newly_marked += u64::from(self.delete(docid));
        }
        Ok(if self.is_only_deletions { newly_marked } else { stored.len() })
    }

    /// Marks a known document as deleted; tells whether it was there.
    fn delete(&mut self, docid: u32) -> bool {
        self.documents.get_mut(&docid).is_some_and(|document| {
            let existed = document.exists();
            document.forget_and_keep(Kept::Delete, None);
            existed
        })
    }

    /// The docid of an external id, which gets one and a place in the plan on first sight.
    fn docid(&mut self, id: Box<str>) -> Result<u32> {
        if let Some(docid) = self.stored_docid(&id)? {
            self.documents.entry(docid).or_insert_with(|| Folded::new(id, true));
            return Ok(docid);
        }
        match self.new_ids.entry(id) {
            Entry::Occupied(entry) => Ok(*entry.get()),
            Entry::Vacant(entry) => {
                let docid = self.free_docids.next().ok_or_else(|| {
                    InternalError::Inconsistent("all internal document ids are taken".into())
                })?;
                self.documents.insert(docid, Folded::new(entry.key().clone(), false));
                Ok(*entry.insert(docid))
            }
        }
    }

    fn stored_docid(&self, id: &str) -> Result<Option<u32>> {
        stored::docid(self.index, self.wtxn, id)
    }

    fn external_id(&self, docid: u32) -> Result<Box<str>> {
        let key = self.primary_key.as_deref().unwrap_or_default();
        stored::external_id(self.index, self.wtxn, docid, key, &self.fields)
    }

    fn finish(self, outcomes: Vec<OperationOutcome>) -> Plan<'p> {
        let mut placed: Vec<(Option<(usize, usize)>, Change<'p>)> = self
            .documents
            .into_iter()
            .filter_map(|(docid, document)| Some((document.place, document.into_change(docid)?)))
            .collect();
        // Deletions have no place and come first.
        placed.sort_by_key(|(place, change)| match self.is_only_deletions {
            true => (None, change.docid),
            false => (*place, 0),
        });
        Plan {
            changes: placed.into_iter().map(|(_, change)| change).collect(),
            outcomes,
            primary_key: self.primary_key,
            fields: self.fields,
            is_only_deletions: self.is_only_deletions,
        }
    }
}

impl<'p> Folded<'p> {
    fn new(external_id: Box<str>, is_stored: bool) -> Folded<'p> {
        Folded { external_id, is_stored, kept: SmallVec::new(), place: None }
    }

    /// Whether the document exists after the operations so far.
    fn exists(&self) -> bool {
        match self.kept.last() {
            None => self.is_stored,
            Some(last) => !matches!(last, Kept::Delete),
        }
    }

    fn keep(&mut self, operation: Kept<'p>, place: (usize, usize)) {
        match operation {
            Kept::Update(_) => {
                self.kept.push(operation);
                self.place = self.place.or(Some(place));
            }
            Kept::Replace(_) | Kept::Delete => self.forget_and_keep(operation, Some(place)),
        }
    }

    fn forget_and_keep(&mut self, operation: Kept<'p>, place: Option<(usize, usize)>) {
        self.kept.clear();
        self.kept.push(operation);
        self.place = place;
    }

    /// The result of the list, or `None` when nothing happens to the document.
    fn into_change(self, docid: u32) -> Option<Change<'p>> {
        let texts: SmallVec<[&'p str; 1]> = self
            .kept
            .iter()
            .filter_map(|kept| match kept {
                Kept::Delete => None,
                Kept::Replace(text) | Kept::Update(text) => Some(*text),
            })
            .collect();
        let from_scratch = !matches!(self.kept.first()?, Kept::Update(_));
        let new = match texts.is_empty() {
            true if !self.is_stored => return None,
            true => NewContent::Nothing,
            false => NewContent::Versions { texts, over_stored: self.is_stored && !from_scratch },
        };
        Some(Change { docid, external_id: self.external_id, is_stored: self.is_stored, new })
    }
}

/// Unused docids in increasing order: the holes below the greatest one in use, then those above it.
struct FreeDocids {
    holes: roaring::bitmap::IntoIter,
    next: Option<u32>,
}

impl FreeDocids {
    fn new(used: &RoaringBitmap) -> FreeDocids {
        let Some(max) = used.max() else {
            return FreeDocids { holes: RoaringBitmap::new().into_iter(), next: Some(0) };
        };
        let mut holes = RoaringBitmap::new();
        holes.insert_range(..max);
        holes -= used;
        FreeDocids { holes: holes.into_iter(), next: max.checked_add(1) }
    }
}

impl Iterator for FreeDocids {
    type Item = u32;

    fn next(&mut self) -> Option<u32> {
        self.holes.next().or_else(|| {
            let docid = self.next?;
            self.next = docid.checked_add(1);
            Some(docid)
        })
    }
}

/// Where `text`, a slice of `payload`, begins in it.
fn offset_in(payload: &[u8], text: &str) -> usize {
    text.as_ptr().addr().wrapping_sub(payload.as_ptr().addr())
}
