//! Layout of stored geometries (storage-index.md 15). They are read in place, so every count and
//! offset is looked at here.

use super::bitmap::check_roaring;
use super::finding::Malformed;

const fn malformed(reason: &'static str) -> Malformed {
    Malformed { layout: "geometry", reason }
}

const TRUNCATED: Malformed = malformed("it is truncated");
const BOX_BYTES: usize = 4 * 8;
const PAIR_BYTES: usize = 2 * 8;

/// Checks the value of an item.
pub(super) fn check_geometry(bytes: &[u8]) -> Result<(), Malformed> {
    let (tag, body) = bytes.split_first_chunk::<8>().ok_or(TRUNCATED)?;
    match u64::from_ne_bytes(*tag) {
        0 if body.len() == PAIR_BYTES => Ok(()),
        0 => Err(malformed("a point is not one pair")),
        1 | 2 | 4 => check_pairs(body),
        3 | 5 => check_list(body),
        6 => check_collection(body),
        _ => Err(malformed("its kind is unknown")),
    }
}

/// A box, then pairs.
fn check_pairs(body: &[u8]) -> Result<(), Malformed> {
    let pairs = body.get(BOX_BYTES..).ok_or(TRUNCATED)?;
    if pairs.len().is_multiple_of(PAIR_BYTES) { Ok(()) } else { Err(malformed("a pair is cut")) }
}

/// A box, the number of members, where each begins, padding, the members.
fn check_list(body: &[u8]) -> Result<(), Malformed> {
    let table = body.get(BOX_BYTES..).ok_or(TRUNCATED)?;
    let (count, table) = table.split_first_chunk::<4>().ok_or(TRUNCATED)?;
    let count = u32::from_ne_bytes(*count) as usize;
    let offsets_bytes = count.checked_mul(4).ok_or(TRUNCATED)?;
    let (offsets, rest) = table.split_at_checked(offsets_bytes).ok_or(TRUNCATED)?;
    // Count and offsets together are a whole number of eight bytes.
    let padding = if count.is_multiple_of(2) { 4 } else { 0 };
    let (padding, members) = rest.split_at_checked(padding).ok_or(TRUNCATED)?;
    if padding.iter().any(|byte| *byte != 0) {
        return Err(malformed("its padding is not zero"));
    }
    let offsets = offsets.as_chunks::<4>().0.iter().map(|o| u32::from_ne_bytes(*o) as usize);
    let ends = offsets.clone().skip(1).chain([members.len()]);
    let mut previous = 0;
    for (at, (start, end)) in offsets.zip(ends).enumerate() {
        if (at == 0 && start != 0) || start < previous {
            return Err(malformed("its members do not follow one another"));
        }
        previous = start;
        check_pairs(members.get(start..end).ok_or(malformed("a member lies outside"))?)?;
    }
    if count == 0 && !members.is_empty() {
        return Err(malformed("something follows an empty list"));
    }
    Ok(())
}

/// A box, where lines and polygons begin, the points, the lines, the polygons.
fn check_collection(body: &[u8]) -> Result<(), Malformed> {
    let rest = body.get(BOX_BYTES..).ok_or(TRUNCATED)?;
    let (lines, rest) = rest.split_first_chunk::<4>().ok_or(TRUNCATED)?;
    let (polygons, parts) = rest.split_first_chunk::<4>().ok_or(TRUNCATED)?;
    let (lines, polygons) =
        (u32::from_ne_bytes(*lines) as usize, u32::from_ne_bytes(*polygons) as usize);
    const OUTSIDE: Malformed = malformed("a part lies outside");
    check_pairs(parts.get(..lines).ok_or(OUTSIDE)?)?;
    check_list(parts.get(lines..polygons).ok_or(OUTSIDE)?)?;
    check_list(parts.get(polygons..).ok_or(OUTSIDE)?)
}

/// Checks the key of a cell: its index, whether items touch (1) or cover (2) it, padding.
pub(super) fn check_cell_key(key: &[u8]) -> Result<(), Malformed> {
    match key {
        [_, _, _, _, _, _, _, _, 1 | 2, 0, 0, 0, 0, 0, 0, 0] => Ok(()),
        _ => Err(Malformed { layout: "key of a cell", reason: "its bytes do not fit" }),
    }
}

/// Checks the set of a cell: zeros fill it up to a multiple of eight bytes, at least one of them.
pub(super) fn check_cell_set(bytes: &[u8]) -> Result<(), Malformed> {
    let (_, padding) = check_roaring(bytes)?;
    let sound = bytes.len().is_multiple_of(8) && (1..=8).contains(&padding.len());
    if sound && padding.iter().all(|byte| *byte == 0) {
        Ok(())
    } else {
        Err(Malformed { layout: "set of a cell", reason: "its padding is not 1 to 8 zero bytes" })
    }
}

/// The document of an item's key.
pub(super) fn item_docid(key: &[u8]) -> Result<u32, Malformed> {
    let key: [u8; 8] = key.try_into().map_err(|_| ITEM_KEY)?;
    u32::try_from(u64::from_be_bytes(key)).map_err(|_| ITEM_KEY)
}

const ITEM_KEY: Malformed =
    Malformed { layout: "key of a geometry", reason: "it is no document id" };

#[cfg(test)]
mod tests {
    use heed::BytesEncode;
    use proptest::prelude::*;

    use super::*;
    use crate::codec::Roaring;

    fn pairs(count: usize) -> Vec<u8> {
        vec![1; BOX_BYTES + count * PAIR_BYTES]
    }

    fn list(members: &[Vec<u8>]) -> Vec<u8> {
        let mut bytes = vec![1; BOX_BYTES];
        bytes.extend((members.len() as u32).to_ne_bytes());
        let mut offset = 0u32;
        for member in members {
            bytes.extend(offset.to_ne_bytes());
            offset += member.len() as u32;
        }
        if members.len().is_multiple_of(2) {
            bytes.extend([0; 4]);
        }
        bytes.extend(members.concat());
        bytes
    }

    fn tagged(tag: u64, body: &[u8]) -> Vec<u8> {
        [&tag.to_ne_bytes()[..], body].concat()
    }

    fn collection() -> Vec<u8> {
        let (points, lines, polygons) = (pairs(3), list(&[pairs(2)]), list(&[]));
        let mut body = vec![0; BOX_BYTES];
        body.extend((points.len() as u32).to_ne_bytes());
        body.extend(((points.len() + lines.len()) as u32).to_ne_bytes());
        body.extend([points, lines, polygons].concat());
        body
    }

    #[test]
    fn every_kind_is_accepted() {
        check_geometry(&tagged(0, &[0; 16])).unwrap();
        for tag in [1, 2, 4] {
            check_geometry(&tagged(tag, &pairs(4))).unwrap();
        }
        for tag in [3, 5] {
            for members in 0..4 {
                check_geometry(&tagged(tag, &list(&vec![pairs(3); members]))).unwrap();
            }
        }
        check_geometry(&tagged(6, &collection())).unwrap();
    }

    #[test]
    fn cut_and_unknown_ones_are_refused() {
        assert!(check_geometry(&tagged(7, &[])).is_err());
        let bytes = tagged(6, &collection());
        for cut in 0..bytes.len() {
            assert!(check_geometry(&bytes[..cut]).is_err(), "{cut}");
        }
        let mut far = tagged(3, &list(&[pairs(1)]));
        far[8 + BOX_BYTES..][..4].copy_from_slice(&u32::MAX.to_ne_bytes());
        assert!(check_geometry(&far).is_err());
    }

    #[test]
    fn padding_is_one_to_eight_zeros() {
        let set = Roaring::bytes_encode(&(0..3).collect()).unwrap().into_owned();
        assert_eq!(set.len(), 22);
        check_cell_set(&[&set[..], &[0; 2]].concat()).unwrap();
        for wrong in [&[][..], &[0; 10], &[0, 1]] {
            assert!(check_cell_set(&[&set[..], wrong].concat()).is_err());
        }
    }

    #[test]
    fn keys() {
        assert_eq!(item_docid(&7u64.to_be_bytes()), Ok(7));
        assert!(item_docid(&u64::MAX.to_be_bytes()).is_err());
        assert!(item_docid(&[0; 4]).is_err());
        assert!(check_cell_key(&[[8; 8], [2, 0, 0, 0, 0, 0, 0, 0]].concat()).is_ok());
        assert!(check_cell_key(&[[8; 8], [3, 0, 0, 0, 0, 0, 0, 0]].concat()).is_err());
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(tag in 0u64..8, body: Vec<u8>) {
            let _ = check_geometry(&tagged(tag, &body));
        }
    }
}
