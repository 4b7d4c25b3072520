//! Sets of document ids: `RB`, the portable roaring format, and `CBO`, which stores up to seven ids
//! as plain integers (storage-index.md 3.1 and 3.2).
//!
//! The form is told by the length alone: at most 28 bytes are plain native-endian integers. So seven
//! ids or fewer must never be written as roaring, and eight or more always.

use std::borrow::Cow;
use std::io;

use heed::{BoxedError, BytesDecode, BytesEncode};
use roaring::RoaringBitmap;

use super::MalformedBytes;

const INT_BYTES: usize = size_of::<u32>();
/// Greatest length, in bytes, of the plain form.
const PLAIN_MAX_BYTES: usize = 7 * INT_BYTES;
/// Greatest number of ids of the plain form.
const PLAIN_MAX_LEN: u64 = 7;

/// Codec of a conditional bitmap.
pub enum Cbo {}

impl BytesEncode<'_> for Cbo {
    type EItem = RoaringBitmap;

    fn bytes_encode(set: &RoaringBitmap) -> Result<Cow<'_, [u8]>, BoxedError> {
        let mut bytes = Vec::new();
        encode_cbo_into(set, &mut bytes);
        Ok(Cow::Owned(bytes))
    }
}

impl BytesDecode<'_> for Cbo {
    type DItem = RoaringBitmap;

    fn bytes_decode(bytes: &[u8]) -> Result<RoaringBitmap, BoxedError> {
        Ok(decode_cbo(bytes)?)
    }
}

/// Reads only the number of ids of a conditional bitmap.
pub enum CboLen {}

impl BytesDecode<'_> for CboLen {
    type DItem = u64;

    fn bytes_decode(bytes: &[u8]) -> Result<u64, BoxedError> {
        cbo_cardinality(bytes).ok_or_else(|| MalformedBytes::boxed("bitmap", bytes))
    }
}

/// Codec of a set that is always in the portable roaring format.
pub enum Roaring {}

impl BytesEncode<'_> for Roaring {
    type EItem = RoaringBitmap;

    fn bytes_encode(set: &RoaringBitmap) -> Result<Cow<'_, [u8]>, BoxedError> {
        let mut bytes = Vec::with_capacity(set.serialized_size());
        set.serialize_into(&mut bytes)?;
        Ok(Cow::Owned(bytes))
    }
}

impl BytesDecode<'_> for Roaring {
    type DItem = RoaringBitmap;

    fn bytes_decode(bytes: &[u8]) -> Result<RoaringBitmap, BoxedError> {
        Ok(RoaringBitmap::deserialize_from(bytes)?)
    }
}

/// Appends the conditional form of `set` to `bytes`.
pub(crate) fn encode_cbo_into(set: &RoaringBitmap, bytes: &mut Vec<u8>) {
    if set.len() <= PLAIN_MAX_LEN {
        for id in set {
            bytes.extend_from_slice(&id.to_ne_bytes());
        }
    } else {
        bytes.reserve(set.serialized_size());
        // Writing to memory cannot fail.
        let _ = set.serialize_into(bytes);
    }
}

/// Reads a conditional bitmap.
///
/// # Errors
/// The bytes are neither form.
pub(crate) fn decode_cbo(bytes: &[u8]) -> io::Result<RoaringBitmap> {
    if bytes.len() <= PLAIN_MAX_BYTES {
        Ok(plain_ids(bytes)?.collect())
    } else {
        RoaringBitmap::deserialize_from(bytes)
    }
}

/// Adds the ids of a conditional bitmap to `set`.
///
/// # Errors
/// The bytes are neither form.
pub(crate) fn union_cbo_into(bytes: &[u8], set: &mut RoaringBitmap) -> io::Result<()> {
    if bytes.len() <= PLAIN_MAX_BYTES {
        set.extend(plain_ids(bytes)?);
    } else {
        *set |= RoaringBitmap::deserialize_from(bytes)?;
    }
    Ok(())
}

/// The ids of a conditional bitmap that are in `universe` too.
///
/// # Errors
/// The bytes are neither form.
pub(crate) fn intersect_cbo(bytes: &[u8], universe: &RoaringBitmap) -> io::Result<RoaringBitmap> {
    if bytes.len() <= PLAIN_MAX_BYTES {
        Ok(plain_ids(bytes)?.filter(|&id| universe.contains(id)).collect())
    } else {
        universe.intersection_with_serialized_unchecked(io::Cursor::new(bytes))
    }
}

/// The number of ids, read from the container headers only.
pub(crate) fn cbo_cardinality(bytes: &[u8]) -> Option<u64> {
    const COOKIE_WITHOUT_RUNS: u32 = 12_346;
    if bytes.len() <= PLAIN_MAX_BYTES {
        return bytes.len().is_multiple_of(INT_BYTES).then_some((bytes.len() / INT_BYTES) as u64);
    }
    let cookie = u32::from_le_bytes(*bytes.first_chunk()?);
    if cookie != COOKIE_WITHOUT_RUNS {
        return RoaringBitmap::deserialize_from(bytes).ok().map(|set| set.len());
    }
    let containers = u32::from_le_bytes(*bytes.get(4..)?.first_chunk()?) as usize;
    let headers = bytes.get(8..8usize.checked_add(containers.checked_mul(4)?)?)?;
    Some(
        headers
            .chunks_exact(4)
            .map(|header| u64::from(u16::from_le_bytes([header[2], header[3]])) + 1)
            .sum(),
    )
}

fn plain_ids(bytes: &[u8]) -> io::Result<impl Iterator<Item = u32> + '_> {
    if !bytes.len().is_multiple_of(INT_BYTES) {
        return Err(io::ErrorKind::InvalidData.into());
    }
    Ok(bytes.chunks_exact(INT_BYTES).map(|id| u32::from_ne_bytes([id[0], id[1], id[2], id[3]])))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn golden_bytes() {
        let bytes = Cbo::bytes_encode(&RoaringBitmap::new()).unwrap().into_owned();
        assert!(bytes.is_empty());
        let bytes = Cbo::bytes_encode(&(0..2).collect()).unwrap().into_owned();
        assert_eq!(hex(&bytes), "0000000001000000");
        let bytes = Roaring::bytes_encode(&(0..2).collect()).unwrap().into_owned();
        assert_eq!(hex(&bytes), "3a30000001000000000001001000000000000100");
        let bytes = Roaring::bytes_encode(&RoaringBitmap::new()).unwrap().into_owned();
        assert_eq!(hex(&bytes), "3a30000000000000");
    }

    #[test]
    fn seven_ids_are_plain_and_eight_are_roaring() {
        assert_eq!(Cbo::bytes_encode(&(0..7).collect()).unwrap().len(), 28);
        let eight = Cbo::bytes_encode(&(0..8).collect()).unwrap().into_owned();
        assert_eq!(eight[..4], [0x3a, 0x30, 0, 0]);
    }

    #[test]
    fn a_length_that_is_no_multiple_of_four_is_refused() {
        assert!(Cbo::bytes_decode(&[0, 0, 0]).is_err());
        assert!(CboLen::bytes_decode(&[0; 29]).is_err());
    }

    fn hex(bytes: &[u8]) -> String {
        bytes.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    proptest! {
        #[test]
        fn round_trip(ids: std::collections::BTreeSet<u32>, universe: std::collections::BTreeSet<u32>) {
            let set: RoaringBitmap = ids.iter().copied().collect();
            let universe: RoaringBitmap = universe.iter().chain(ids.iter().step_by(2)).copied().collect();
            let bytes = Cbo::bytes_encode(&set).unwrap();
            prop_assert_eq!(&decode_cbo(&bytes).unwrap(), &set);
            prop_assert_eq!(cbo_cardinality(&bytes), Some(set.len()));
            prop_assert_eq!(intersect_cbo(&bytes, &universe).unwrap(), &set & &universe);
            let mut union = universe.clone();
            union_cbo_into(&bytes, &mut union).unwrap();
            prop_assert_eq!(union, &set | &universe);
        }

        #[test]
        fn any_bytes_are_read_or_refused(bytes: Vec<u8>) {
            let _ = decode_cbo(&bytes);
            let _ = cbo_cardinality(&bytes);
            let _ = union_cbo_into(&bytes, &mut RoaringBitmap::new());
            let _ = intersect_cbo(&bytes, &(0..100).collect());
        }
    }
}
