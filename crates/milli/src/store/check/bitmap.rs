//! The layout of sets (storage-index.md 3.1 and 3.2), read without building them.
//!
//! Libraries intersect stored sets in place and trust containers to be sorted and as full as they
//! say; so that is what is looked at.

use super::finding::Malformed;

const COOKIE: u32 = 12_346;
const COOKIE_WITH_RUNS: u16 = 12_347;
/// Greatest number of values that a container keeps as a list.
const LIST_MAX: usize = 4096;
/// Bytes of a container that is a bit field.
const BITS_BYTES: usize = 8192;
/// Greatest length of the plain form, in bytes.
const PLAIN_MAX_BYTES: usize = 28;

const fn malformed(reason: &'static str) -> Malformed {
    Malformed { layout: "set of documents", reason }
}

/// Checks a conditional set.
pub(super) fn check_cbo(bytes: &[u8]) -> Result<(), Malformed> {
    if bytes.len() > PLAIN_MAX_BYTES {
        let (len, rest) = check_roaring(bytes)?;
        return match rest {
            [] if len >= 8 => Ok(()),
            [] => Err(malformed("seven ids or fewer are not in the plain form")),
            _ => Err(malformed("something follows the set")),
        };
    }
    let (ids, rest) = bytes.as_chunks::<4>();
    if !rest.is_empty() {
        return Err(malformed("its length is no multiple of four"));
    }
    let sorted = ids.iter().map(|id| u32::from_ne_bytes(*id)).is_sorted_by(|a, b| a < b);
    if sorted { Ok(()) } else { Err(malformed("its ids do not rise")) }
}

/// Checks a set that is always in the portable roaring format and alone.
pub(super) fn check_whole_roaring(bytes: &[u8]) -> Result<(), Malformed> {
    match check_roaring(bytes)? {
        (_, []) => Ok(()),
        _ => Err(malformed("something follows the set")),
    }
}

/// Checks the portable roaring format; gives the number of ids and the bytes behind the set.
pub(super) fn check_roaring(bytes: &[u8]) -> Result<(u64, &[u8]), Malformed> {
    const TRUNCATED: Malformed = malformed("it is truncated");
    let (cookie, rest) = bytes.split_first_chunk::<4>().ok_or(TRUNCATED)?;
    let cookie = u32::from_le_bytes(*cookie);
    if cookie as u16 == COOKIE_WITH_RUNS {
        return Err(malformed("it has run containers"));
    }
    if cookie != COOKIE {
        return Err(malformed("it does not begin like a set"));
    }
    let (containers, rest) = rest.split_first_chunk::<4>().ok_or(TRUNCATED)?;
    let containers = u32::from_le_bytes(*containers) as usize;
    if containers > 1 << 16 {
        return Err(malformed("it has more containers than there can be"));
    }
    let (headers, rest) = rest.split_at_checked(4 * containers).ok_or(TRUNCATED)?;
    let (offsets, mut rest) = rest.split_at_checked(4 * containers).ok_or(TRUNCATED)?;

    let mut len = 0;
    let mut previous = None;
    for (header, offset) in headers.as_chunks::<4>().0.iter().zip(offsets.as_chunks::<4>().0) {
        let [key_low, key_high, len_low, len_high] = *header;
        let key = u16::from_le_bytes([key_low, key_high]);
        if previous.is_some_and(|previous| previous >= key) {
            return Err(malformed("its containers do not rise"));
        }
        previous = Some(key);
        if u32::from_le_bytes(*offset) as usize != bytes.len() - rest.len() {
            return Err(malformed("a container is not where it should be"));
        }
        let cardinality = usize::from(u16::from_le_bytes([len_low, len_high])) + 1;
        let is_list = cardinality <= LIST_MAX;
        let size = if is_list { 2 * cardinality } else { BITS_BYTES };
        let (container, behind) = rest.split_at_checked(size).ok_or(TRUNCATED)?;
        let sound = if is_list {
            let values = container.as_chunks::<2>().0;
            values.iter().map(|v| u16::from_le_bytes(*v)).is_sorted_by(|a, b| a < b)
        } else {
            let ones: u32 = container.iter().map(|byte| byte.count_ones()).sum();
            ones as usize == cardinality
        };
        if !sound {
            return Err(malformed("a container does not hold what it says"));
        }
        len += cardinality as u64;
        rest = behind;
    }
    Ok((len, rest))
}

#[cfg(test)]
mod tests {
    use heed::BytesEncode;
    use proptest::prelude::*;
    use roaring::RoaringBitmap;

    use super::*;
    use crate::codec::{Cbo, Roaring};

    #[test]
    fn lists_and_bit_fields_are_accepted() {
        for set in [RoaringBitmap::new(), (0..9).collect(), (5..200_000).step_by(3).collect(), {
            let mut set = RoaringBitmap::from_iter([u32::MAX]);
            set.insert_range(70_000..80_000);
            set
        }] {
            let bytes = Roaring::bytes_encode(&set).unwrap();
            check_whole_roaring(&bytes).unwrap();
            check_cbo(&Cbo::bytes_encode(&set).unwrap()).unwrap();
            let padded = [&bytes[..], &[0; 3]].concat();
            assert_eq!(check_roaring(&padded), Ok((set.len(), &[0; 3][..])));
            assert!(check_whole_roaring(&padded).is_err());
        }
    }

    #[test]
    fn forms_that_no_writer_makes_are_refused() {
        let few = Roaring::bytes_encode(&(0..7).collect()).unwrap().into_owned();
        assert_eq!(
            check_cbo(&few).unwrap_err().reason,
            "seven ids or fewer are not in the plain form"
        );
        assert!(check_cbo(&[2, 0, 0, 0, 1, 0, 0, 0]).is_err());
        assert!(check_cbo(&[1, 0, 0, 0, 1, 0, 0, 0]).is_err());
        assert!(check_cbo(&[1, 0, 0]).is_err());
        assert!(check_whole_roaring(&[0x3b, 0x30, 0, 0, 1]).is_err());
        // More containers than bytes: no memory is reserved for them.
        assert!(check_whole_roaring(&[0x3a, 0x30, 0, 0, 0xff, 0xff, 0xff, 0xff]).is_err());
    }

    proptest! {
        #[test]
        fn a_changed_set_is_refused_or_still_a_set(
            ids in proptest::collection::btree_set(0..200_000u32, 8..300), at: prop::sample::Index, byte: u8,
        ) {
            let set: RoaringBitmap = ids.into_iter().collect();
            let mut bytes = Roaring::bytes_encode(&set).unwrap().into_owned();
            let at = at.index(bytes.len());
            bytes[at] = byte;
            if let Ok((len, [])) = check_roaring(&bytes) {
                let read = RoaringBitmap::deserialize_from(&bytes[..]).unwrap();
                prop_assert_eq!(read.len(), len);
                prop_assert!(read.iter().is_sorted());
            }
        }
    }
}
