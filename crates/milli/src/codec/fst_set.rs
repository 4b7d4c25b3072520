//! `FST`: the bytes of a word set of crate `fst`, read in place.

use heed::{BoxedError, BytesDecode};

/// Codec of a word set; it is written as plain bytes.
pub enum FstSet {}

impl<'a> BytesDecode<'a> for FstSet {
    type DItem = fst::Set<&'a [u8]>;

    fn bytes_decode(bytes: &'a [u8]) -> Result<Self::DItem, BoxedError> {
        Ok(fst::Set::new(bytes)?)
    }
}
