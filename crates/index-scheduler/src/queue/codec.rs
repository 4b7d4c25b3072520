//! Bytes of the keys and values of the queue (storage-instance.md, section 1), one codec each.
//!
//! Dates are 16 big-endian bytes of nanoseconds, UUIDs 16 raw bytes, versions three big-endian
//! numbers, statuses and kinds little-endian numbers. Sets of uids have two forms: [`Roaring`] is
//! the portable Roaring serialization, [`Cbo`] lists up to seven values one after the other and
//! uses that serialization above.

use std::borrow::Cow;
use std::marker::PhantomData;

use heed::{BoxedError, BytesDecode, BytesEncode};
use roaring::RoaringBitmap;
use serde::Serialize;
use serde::de::DeserializeOwned;
use time::OffsetDateTime;
use uuid::Uuid;

/// Key of a task or of a batch.
pub(crate) type Uid = heed::types::U32<heed::byteorder::BigEndian>;

/// Key of a status or of a kind: its number on disk.
pub(crate) type Number = heed::types::U32<heed::byteorder::LittleEndian>;

/// Bytes that do not have the layout of their table.
#[derive(Debug, thiserror::Error)]
#[error("{len} bytes are no {what}")]
struct Malformed {
    what: &'static str,
    len: usize,
}

fn fixed<const N: usize>(bytes: &[u8], what: &'static str) -> Result<[u8; N], BoxedError> {
    bytes.try_into().map_err(|_| Malformed { what, len: bytes.len() }.into())
}

/// `ts128`: nanoseconds since 1970, as a big-endian i128. Sorts by date from 1970 on.
pub(crate) struct Timestamp;

impl BytesEncode<'_> for Timestamp {
    type EItem = OffsetDateTime;

    fn bytes_encode(date: &Self::EItem) -> Result<Cow<'_, [u8]>, BoxedError> {
        Ok(Cow::Owned(date.unix_timestamp_nanos().to_be_bytes().to_vec()))
    }
}

impl BytesDecode<'_> for Timestamp {
    type DItem = OffsetDateTime;

    fn bytes_decode(bytes: &[u8]) -> Result<Self::DItem, BoxedError> {
        let nanoseconds = i128::from_be_bytes(fixed(bytes, "date")?);
        Ok(OffsetDateTime::from_unix_timestamp_nanos(nanoseconds)?)
    }
}

/// `uuid16`: the raw bytes of a UUID in textual order.
pub(crate) struct UuidBytes;

impl<'a> BytesEncode<'a> for UuidBytes {
    type EItem = Uuid;

    fn bytes_encode(uuid: &'a Uuid) -> Result<Cow<'a, [u8]>, BoxedError> {
        Ok(Cow::Borrowed(uuid.as_bytes()))
    }
}

impl BytesDecode<'_> for UuidBytes {
    type DItem = Uuid;

    fn bytes_decode(bytes: &[u8]) -> Result<Uuid, BoxedError> {
        Ok(Uuid::from_bytes(fixed(bytes, "UUID")?))
    }
}

/// Version of the program that wrote the queue: major, minor, patch.
pub(crate) struct Version;

impl BytesEncode<'_> for Version {
    type EItem = (u32, u32, u32);

    fn bytes_encode((major, minor, patch): &Self::EItem) -> Result<Cow<'_, [u8]>, BoxedError> {
        Ok(Cow::Owned([*major, *minor, *patch].map(u32::to_be_bytes).concat()))
    }
}

impl BytesDecode<'_> for Version {
    type DItem = (u32, u32, u32);

    fn bytes_decode(bytes: &[u8]) -> Result<Self::DItem, BoxedError> {
        let [a, b, c, d, e, f, g, h, i, j, k, l] = fixed(bytes, "version")?;
        Ok((
            u32::from_be_bytes([a, b, c, d]),
            u32::from_be_bytes([e, f, g, h]),
            u32::from_be_bytes([i, j, k, l]),
        ))
    }
}

/// A value as compact JSON.
pub(crate) struct Json<T>(PhantomData<T>);

impl<'a, T: Serialize + 'a> BytesEncode<'a> for Json<T> {
    type EItem = T;

    fn bytes_encode(value: &'a T) -> Result<Cow<'a, [u8]>, BoxedError> {
        Ok(Cow::Owned(serde_json::to_vec(value)?))
    }
}

impl<'a, T: DeserializeOwned + 'a> BytesDecode<'a> for Json<T> {
    type DItem = T;

    fn bytes_decode(bytes: &'a [u8]) -> Result<T, BoxedError> {
        Ok(serde_json::from_slice(bytes)?)
    }
}

/// A set of uids in the portable Roaring serialization.
pub(crate) struct Roaring;

impl BytesEncode<'_> for Roaring {
    type EItem = RoaringBitmap;

    fn bytes_encode(uids: &RoaringBitmap) -> Result<Cow<'_, [u8]>, BoxedError> {
        let mut bytes = Vec::with_capacity(uids.serialized_size());
        uids.serialize_into(&mut bytes)?;
        Ok(Cow::Owned(bytes))
    }
}

impl BytesDecode<'_> for Roaring {
    type DItem = RoaringBitmap;

    fn bytes_decode(bytes: &[u8]) -> Result<RoaringBitmap, BoxedError> {
        if bytes.is_empty() {
            return Ok(RoaringBitmap::new());
        }
        Ok(RoaringBitmap::deserialize_from(bytes)?)
    }
}

/// A set of uids, mostly of few: up to [`Cbo::MAX_LISTED`] values one after the other, each a
/// native u32, more of them as [`Roaring`]. The length tells which.
pub(crate) struct Cbo;

impl Cbo {
    const MAX_LISTED: u64 = 7;
    const MAX_LISTED_BYTES: usize = 28;
}

impl BytesEncode<'_> for Cbo {
    type EItem = RoaringBitmap;

    fn bytes_encode(uids: &RoaringBitmap) -> Result<Cow<'_, [u8]>, BoxedError> {
        if uids.len() <= Cbo::MAX_LISTED {
            Ok(Cow::Owned(uids.iter().flat_map(u32::to_ne_bytes).collect()))
        } else {
            Roaring::bytes_encode(uids)
        }
    }
}

impl BytesDecode<'_> for Cbo {
    type DItem = RoaringBitmap;

    fn bytes_decode(bytes: &[u8]) -> Result<RoaringBitmap, BoxedError> {
        if bytes.len() > Cbo::MAX_LISTED_BYTES {
            return Roaring::bytes_decode(bytes);
        }
        bytes.chunks(4).map(|chunk| Ok(u32::from_ne_bytes(fixed(chunk, "uid")?))).collect()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use time::macros::datetime;

    use super::*;

    fn bytes<'a, C: BytesEncode<'a>>(value: &'a C::EItem) -> Vec<u8> {
        C::bytes_encode(value).unwrap().into_owned()
    }

    #[test]
    fn golden_bytes() {
        assert_eq!(bytes::<Uid>(&258), [0, 0, 1, 2]);
        assert_eq!(bytes::<Number>(&4), [4, 0, 0, 0]);
        assert_eq!(bytes::<Version>(&(1, 50, 0)), [0, 0, 0, 1, 0, 0, 0, 50, 0, 0, 0, 0]);
        assert_eq!(
            bytes::<Timestamp>(&datetime!(1970-01-01 00:00:01.000000002 UTC)),
            [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x3B, 0x9A, 0xCA, 0x02]
        );
        assert_eq!(bytes::<Roaring>(&RoaringBitmap::new()), [0x3A, 0x30, 0, 0, 0, 0, 0, 0]);
        assert_eq!(bytes::<Cbo>(&RoaringBitmap::new()), [0u8; 0]);
        assert_eq!(bytes::<Cbo>(&RoaringBitmap::from_iter([1, 256])), [1, 0, 0, 0, 0, 1, 0, 0]);
        let eight = RoaringBitmap::from_iter(0..8);
        assert_eq!(bytes::<Cbo>(&eight), bytes::<Roaring>(&eight));
    }

    #[test]
    fn sets_with_runs_are_read() {
        // One container with one run: 0 to 999. Our own writer never makes these.
        let stored = [0x3B, 0x30, 0, 0, 1, 0, 0, 0xE7, 3, 1, 0, 0, 0, 0xE7, 3];
        assert_eq!(Roaring::bytes_decode(&stored).unwrap().len(), 1000);
    }

    proptest! {
        #[test]
        fn sets_round_trip(uids in proptest::collection::btree_set(any::<u32>(), 0..40)) {
            let uids = RoaringBitmap::from_iter(uids);
            prop_assert_eq!(&Cbo::bytes_decode(&bytes::<Cbo>(&uids)).unwrap(), &uids);
            prop_assert_eq!(&Roaring::bytes_decode(&bytes::<Roaring>(&uids)).unwrap(), &uids);
        }

        #[test]
        fn dates_round_trip_and_sort(seconds in proptest::collection::vec(0i64..253_402_300_799, 2)) {
            let dates: Vec<_> =
                seconds.iter().map(|s| OffsetDateTime::from_unix_timestamp(*s).unwrap()).collect();
            let encoded: Vec<_> = dates.iter().map(bytes::<Timestamp>).collect();
            prop_assert_eq!(dates[0].cmp(&dates[1]), encoded[0].cmp(&encoded[1]));
            prop_assert_eq!(Timestamp::bytes_decode(&encoded[0]).unwrap(), dates[0]);
        }

        #[test]
        fn broken_bytes_are_an_error_and_no_panic(junk in proptest::collection::vec(any::<u8>(), 0..64)) {
            let _ = Cbo::bytes_decode(&junk);
            let _ = Roaring::bytes_decode(&junk);
            prop_assert!(junk.len() == 16 || Timestamp::bytes_decode(&junk).is_err());
            prop_assert!(junk.len() == 12 || Version::bytes_decode(&junk).is_err());
        }
    }
}
