//! Which documents bring their own vectors for an embedder (storage-index.md 13.1).

use roaring::RoaringBitmap;

use crate::codec::{decode_cbo, encode_cbo_into};
use crate::error::{InternalError, Result};
use crate::store::{Index, RoTxn, RwTxn};

/// Id of an embedder, and the status of its documents.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct EmbedderStatus {
    /// Number of the embedder among those of the index.
    pub(crate) id: u8,
    /// Documents whose vectors users sent.
    user_provided: RoaringBitmap,
    /// Documents for which "not regenerated" differs from "user provided".
    differing: RoaringBitmap,
}

impl EmbedderStatus {
    /// An embedder that no document has a status for.
    pub(crate) fn new(id: u8) -> EmbedderStatus {
        EmbedderStatus { id, ..EmbedderStatus::default() }
    }

    /// Reads the entry of an embedder.
    ///
    /// # Errors
    /// It is damaged, or LMDB fails.
    pub(crate) fn get(
        index: &Index,
        rtxn: &RoTxn<'_>,
        name: &str,
    ) -> Result<Option<EmbedderStatus>> {
        let Some(bytes) = index.tables().embedder_category_id.get(rtxn, name)? else {
            return Ok(None);
        };
        let damaged =
            || InternalError::Inconsistent(format!("the entry of the embedder `{name}` is cut"));
        let (&id, rest) = bytes.split_first().ok_or_else(damaged)?;
        if rest.is_empty() {
            return Ok(Some(EmbedderStatus::new(id)));
        }
        let (length, rest) = rest.split_first_chunk::<4>().ok_or_else(damaged)?;
        let (first, second) =
            rest.split_at_checked(u32::from_be_bytes(*length) as usize).ok_or_else(damaged)?;
        let set = |bytes| decode_cbo(bytes).map_err(|_| damaged());
        Ok(Some(EmbedderStatus { id, user_provided: set(first)?, differing: set(second)? }))
    }

    /// Writes the entry.
    ///
    /// # Errors
    /// LMDB fails, or the map is full.
    pub(crate) fn put(&self, index: &Index, wtxn: &mut RwTxn<'_>, name: &str) -> Result<()> {
        let mut first = Vec::new();
        encode_cbo_into(&self.user_provided, &mut first);
        let length = u32::try_from(first.len()).map_err(|_| {
            InternalError::Inconsistent("a set of documents is longer than 4 GiB".into())
        })?;
        let mut bytes = vec![self.id];
        bytes.extend_from_slice(&length.to_be_bytes());
        bytes.extend_from_slice(&first);
        encode_cbo_into(&self.differing, &mut bytes);
        Ok(index.tables().embedder_category_id.put(wtxn, name, &bytes)?)
    }

    /// Documents whose vectors users sent.
    pub(crate) fn user_provided(&self) -> &RoaringBitmap {
        &self.user_provided
    }

    /// Documents whose vectors do not follow their content.
    pub(crate) fn not_regenerated(&self) -> RoaringBitmap {
        &self.user_provided ^ &self.differing
    }

    /// Whether users sent the vectors of a document.
    pub(crate) fn is_user_provided(&self, docid: u32) -> bool {
        self.user_provided.contains(docid)
    }

    /// Whether the vectors of a document follow its content.
    pub(crate) fn regenerates(&self, docid: u32) -> bool {
        self.user_provided.contains(docid) == self.differing.contains(docid)
    }

    /// Sets the status of a document; not user provided and regenerated is that of unknown ones.
    pub(crate) fn set(&mut self, docid: u32, is_user_provided: bool, regenerates: bool) {
        let put = |set: &mut RoaringBitmap, is_in| match is_in {
            true => set.insert(docid),
            false => set.remove(docid),
        };
        put(&mut self.user_provided, is_user_provided);
        put(&mut self.differing, is_user_provided == regenerates);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn four_statuses() {
        let mut status = EmbedderStatus::new(3);
        assert!(status.regenerates(1) && !status.is_user_provided(1));
        for (user_provided, regenerates, sets) in [
            (true, false, (true, false)),
            (true, true, (true, true)),
            (false, false, (false, true)),
            (false, true, (false, false)),
        ] {
            status.set(1, user_provided, regenerates);
            assert_eq!((status.user_provided.contains(1), status.differing.contains(1)), sets);
            assert_eq!(status.is_user_provided(1), user_provided);
            assert_eq!(status.regenerates(1), regenerates);
        }
    }
}
