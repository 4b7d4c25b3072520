//! The stored tree of one field, at the level of bytes: numbers and strings walk alike, because the
//! byte order of bounds is the order of the values.

use std::ops::{Bound, RangeBounds};

use heed::Database;
use heed::types::Bytes;
use roaring::RoaringBitmap;

use crate::codec::{
    decode_cbo, from_ordered_bytes, intersect_cbo, to_ordered_bytes, union_cbo_into,
};
use crate::error::{InternalError, Result};
use crate::facet::FacetValue;
use crate::schema::FieldId;
use crate::store::{Index, RoTxn};

/// Length of the part of a key that names the field.
const FIELD_BYTES: usize = 2;
/// Length of the part of a key that names the field and the level.
const LEVEL_BYTES: usize = 3;

/// Which of the two trees of a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ValueKind {
    Number,
    String,
}

/// One of the two trees of a field.
#[derive(Clone, Copy)]
pub(crate) struct FacetTree<'t> {
    database: Database<Bytes, Bytes>,
    rtxn: &'t RoTxn<'t>,
    fid: FieldId,
    kind: ValueKind,
}

/// A node as it is stored.
#[derive(Clone, Copy)]
pub(crate) struct Node<'t> {
    /// 0 for the node of one value.
    pub(crate) level: u8,
    /// The smallest value below the node.
    pub(crate) bound: &'t [u8],
    /// Number of children, consecutive nodes of the level below.
    pub(crate) size: u8,
    docids: &'t [u8],
}

impl<'t> FacetTree<'t> {
    /// The tree of the numbers of a field.
    pub(crate) fn numbers(index: &Index, rtxn: &'t RoTxn<'t>, fid: FieldId) -> Self {
        let database = index.tables().facet_id_f64_docids.remap_types();
        Self { database, rtxn, fid, kind: ValueKind::Number }
    }

    /// The tree of the strings of a field.
    pub(crate) fn strings(index: &Index, rtxn: &'t RoTxn<'t>, fid: FieldId) -> Self {
        let database = index.tables().facet_id_string_docids.remap_types();
        Self { database, rtxn, fid, kind: ValueKind::String }
    }

    /// The level of the root nodes; `None` when the field has no value of this kind.
    pub(crate) fn highest_level(&self) -> Result<Option<u8>> {
        let prefix = self.fid.to_be_bytes();
        let last = self.database.rev_prefix_iter(self.rtxn, &prefix)?.next().transpose()?;
        match last {
            None => Ok(None),
            Some((key, _)) => Ok(Some(*key.get(FIELD_BYTES).ok_or_else(malformed)?)),
        }
    }

    /// The node of one value.
    pub(crate) fn value(&self, bound: &[u8]) -> Result<Option<Node<'t>>> {
        let value = self.database.get(self.rtxn, &self.key(0, bound))?;
        // The caller's bound does not live as long as the transaction; this node is never walked.
        value.map(|value| Node::from_value(0, &[], value)).transpose()
    }

    /// The nodes of a level whose bound is at least `from` and below `to`, in order.
    pub(crate) fn nodes(
        &self,
        level: u8,
        from: &[u8],
        to: Option<&[u8]>,
    ) -> Result<impl Iterator<Item = Result<Node<'t>>> + use<'t>> {
        let nodes = self.database.range(self.rtxn, &self.span(level, from, to))?;
        Ok(nodes.map(move |entry| Node::from_entry(level, entry?)))
    }

    /// As [`Self::nodes`], from the last to the first.
    pub(crate) fn nodes_reversed(
        &self,
        level: u8,
        from: &[u8],
        to: Option<&[u8]>,
    ) -> Result<impl Iterator<Item = Result<Node<'t>>> + use<'t>> {
        let nodes = self.database.rev_range(self.rtxn, &self.span(level, from, to))?;
        Ok(nodes.map(move |entry| Node::from_entry(level, entry?)))
    }

    /// The value that a bound stands for.
    pub(crate) fn decode(&self, bound: &[u8]) -> Result<FacetValue> {
        let value = match self.kind {
            ValueKind::Number => from_ordered_bytes(bound).map(FacetValue::Number),
            ValueKind::String => {
                std::str::from_utf8(bound).ok().map(|text| FacetValue::String(text.to_owned()))
            }
        };
        Ok(value.ok_or_else(malformed)?)
    }

    fn key(&self, level: u8, bound: &[u8]) -> Vec<u8> {
        let mut key = Vec::with_capacity(LEVEL_BYTES + bound.len());
        key.extend_from_slice(&self.fid.to_be_bytes());
        key.push(level);
        key.extend_from_slice(bound);
        key
    }

    fn span(&self, level: u8, from: &[u8], to: Option<&[u8]>) -> Span {
        let end = match to {
            Some(to) => Some(self.key(level, to)),
            None => successor(self.key(level, &[])),
        };
        Span { start: self.key(level, from), end }
    }
}

/// The keys of a part of a level.
struct Span {
    start: Vec<u8>,
    /// The key behind the last one.
    end: Option<Vec<u8>>,
}

impl RangeBounds<[u8]> for Span {
    fn start_bound(&self) -> Bound<&[u8]> {
        Bound::Included(&self.start)
    }

    fn end_bound(&self) -> Bound<&[u8]> {
        self.end.as_deref().map_or(Bound::Unbounded, Bound::Excluded)
    }
}

impl<'t> Node<'t> {
    fn from_entry(level: u8, (key, value): (&'t [u8], &'t [u8])) -> Result<Self> {
        let bound = key.get(LEVEL_BYTES..).ok_or_else(malformed)?;
        Self::from_value(level, bound, value)
    }

    fn from_value(level: u8, bound: &'t [u8], value: &'t [u8]) -> Result<Self> {
        let (&size, docids) = value.split_first().ok_or_else(malformed)?;
        Ok(Self { level, bound, size, docids })
    }

    /// The node's documents.
    pub(crate) fn docids(&self) -> Result<RoaringBitmap> {
        Ok(decode_cbo(self.docids)?)
    }

    /// The node's documents that are in `universe`.
    pub(crate) fn docids_in(&self, universe: &RoaringBitmap) -> Result<RoaringBitmap> {
        Ok(intersect_cbo(self.docids, universe)?)
    }

    /// Adds the node's documents to `set`.
    pub(crate) fn union_into(&self, set: &mut RoaringBitmap) -> Result<()> {
        Ok(union_cbo_into(self.docids, set)?)
    }
}

/// The bound that a number has in a tree; `None` when it is not finite.
pub(crate) fn number_bound(number: f64) -> Option<[u8; 16]> {
    to_ordered_bytes(number)
}

/// The smallest byte string behind all that begin with `bytes`.
pub(crate) fn successor(mut bytes: Vec<u8>) -> Option<Vec<u8>> {
    while let Some(last) = bytes.last_mut() {
        if let Some(next) = last.checked_add(1) {
            *last = next;
            return Some(bytes);
        }
        bytes.pop();
    }
    None
}

fn malformed() -> InternalError {
    InternalError::Inconsistent("an entry of a facet tree is too short or unreadable".to_owned())
}
