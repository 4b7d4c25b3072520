//! `words-fst`: the keys of `word-docids` as a set that automata can search (indexing.md section 10).

use heed::types::{Bytes, DecodeIgnore};

use crate::error::Result;
use crate::store::{Index, RwTxn};

/// Builds the set anew.
///
/// # Errors
/// LMDB fails, or the map is full.
pub(in crate::indexing) fn rebuild(index: &Index, wtxn: &mut RwTxn<'_>) -> Result<()> {
    let words = index.tables().word_docids.remap_types::<Bytes, DecodeIgnore>();
    let mut builder = fst::SetBuilder::memory();
    for entry in words.iter(wtxn)? {
        builder.insert(entry?.0)?;
    }
    let set = builder.into_inner()?;
    index.put_words_fst(wtxn, &set)
}
