//! Bytes ↔ values, one layout a file (storage-index.md section 3 and 4).
//!
//! Decoders read what any process may have left on disk: they never panic and never trust a length.

mod bitmap;
mod facet;
mod fst_set;
mod obkv;
mod ordered_f64;
mod version;
mod word;

pub use bitmap::{Cbo, CboLen, Roaring};
pub use facet::{
    DocidFacet, DocidFacetF64, DocidFacetKey, DocidFacetString, FacetGroupKey, FacetGroupValue,
    FacetKey, FidString, FieldIdCount, StrRef,
};
pub use fst_set::FstSet;
pub use obkv::Obkv;
pub use ordered_f64::{OrderedF64, from_ordered_bytes, to_ordered_bytes};
pub use version::{Version, VersionCodec};
pub use word::{WordPair, WordU16};

pub(crate) use bitmap::{
    cbo_cardinality, decode_cbo, encode_cbo_into, intersect_cbo, union_cbo_into,
};

use heed::BoxedError;

/// The bytes of a key or value do not have the layout of their database.
#[derive(Debug, thiserror::Error)]
#[error("{bytes} bytes do not form a valid {layout}")]
pub struct MalformedBytes {
    layout: &'static str,
    bytes: usize,
}

impl MalformedBytes {
    pub(crate) fn boxed(layout: &'static str, bytes: &[u8]) -> BoxedError {
        Box::new(MalformedBytes { layout, bytes: bytes.len() })
    }
}

/// Splits the first `N` bytes off.
fn split_array<'a, const N: usize>(
    layout: &'static str,
    bytes: &'a [u8],
) -> Result<([u8; N], &'a [u8]), BoxedError> {
    match bytes.split_first_chunk::<N>() {
        Some((head, tail)) => Ok((*head, tail)),
        None => Err(MalformedBytes::boxed(layout, bytes)),
    }
}
