//! Writes changed posting lists of one table in key order.

use heed::types::Bytes;
use heed::{Database, PutFlags};
use roaring::RoaringBitmap;

use super::merge::PostingChange;
use crate::codec::{decode_cbo, encode_cbo_into};
use crate::error::Result;
use crate::store::RwTxn;

/// What a change did to a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Effect {
    Unchanged,
    Created,
    Changed,
    Deleted,
}

/// A table that is written from its first to its last changed key.
pub(super) struct PostingWriter {
    table: Database<Bytes, Bytes>,
    /// Bytes that stand before every posting list.
    head: &'static [u8],
    /// Greatest key of the table when writing began: beyond it keys are appended without a look.
    last_key: Option<Vec<u8>>,
    value: Vec<u8>,
}

impl PostingWriter {
    /// # Errors
    /// LMDB fails.
    pub(super) fn new(
        table: Database<Bytes, Bytes>,
        head: &'static [u8],
        wtxn: &RwTxn<'_>,
    ) -> Result<PostingWriter> {
        let last_key = table.last(wtxn)?.map(|(key, _)| key.to_vec());
        Ok(PostingWriter { table, head, last_key, value: Vec::new() })
    }

    /// Computes (stored − removed) ∪ added and writes it if it differs. Keys must ascend.
    ///
    /// # Errors
    /// The stored list is damaged, or LMDB fails.
    pub(super) fn write(
        &mut self,
        wtxn: &mut RwTxn<'_>,
        key: &[u8],
        change: &PostingChange<'_>,
    ) -> Result<Effect> {
        let is_beyond = self.last_key.as_deref().is_none_or(|last| key > last);
        let stored = if is_beyond { None } else { self.table.get(wtxn, key)? };
        self.value.clear();
        self.value.extend_from_slice(self.head);
        let Some(stored) = stored else {
            if change.added.is_empty() {
                return Ok(Effect::Unchanged);
            }
            encode_cbo_into(&change.added.iter().copied().collect(), &mut self.value);
            let flags = if is_beyond { PutFlags::APPEND } else { PutFlags::empty() };
            self.table.put_with_flags(wtxn, flags, key, &self.value)?;
            return Ok(Effect::Created);
        };
        let mut docids = decode_cbo(stored.get(self.head.len()..).unwrap_or_default())?;
        for docid in &change.removed {
            docids.remove(*docid);
        }
        docids |= change.added.iter().copied().collect::<RoaringBitmap>();
        if docids.is_empty() {
            self.table.delete(wtxn, key)?;
            return Ok(Effect::Deleted);
        }
        encode_cbo_into(&docids, &mut self.value);
        if self.value == stored {
            return Ok(Effect::Unchanged);
        }
        self.table.put(wtxn, key, &self.value)?;
        Ok(Effect::Changed)
    }
}
