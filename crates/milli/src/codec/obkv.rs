//! `OBKV`: field id → raw JSON value, ascending field ids (storage-index.md 3.4).

use std::borrow::Cow;

use heed::{BoxedError, BytesDecode, BytesEncode};
use obkv::KvReaderU16;

/// Codec of a stored document, read in place.
pub enum Obkv {}

impl<'a> BytesDecode<'a> for Obkv {
    type DItem = &'a KvReaderU16;

    fn bytes_decode(bytes: &'a [u8]) -> Result<Self::DItem, BoxedError> {
        Ok(KvReaderU16::from_slice(bytes))
    }
}

impl<'a> BytesEncode<'a> for Obkv {
    type EItem = KvReaderU16;

    fn bytes_encode(document: &'a KvReaderU16) -> Result<Cow<'a, [u8]>, BoxedError> {
        Ok(Cow::Borrowed(document.as_bytes()))
    }
}
