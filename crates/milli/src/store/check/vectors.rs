//! Layout of the two vector databases (storage-index.md 13.1 and 13.3).
//!
//! The library reads vectors and graph in place and takes the lengths that the header promises for
//! granted; entries are judged here by themselves, and against their header in `references`.

use roaring::RoaringBitmap;

use super::bitmap::{check_cbo, check_whole_roaring};
use super::finding::{Fault, Malformed};
use crate::codec::decode_cbo;

const KEY: Malformed =
    Malformed { layout: "key of a vector", reason: "its bytes do not fit its kind" };

const fn malformed(reason: &'static str) -> Malformed {
    Malformed { layout: "vector entry", reason }
}

/// How vectors are compared, and so how they are stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Distance {
    /// 32-bit floats and their norm.
    Cosine,
    /// A bit a component.
    Hamming,
}

impl Distance {
    /// Bytes of a stored vector, its header included.
    fn item_bytes(self, dimensions: u32) -> u64 {
        let dimensions = u64::from(dimensions);
        match self {
            Distance::Cosine => 4 + 4 * dimensions,
            Distance::Hamming => 8 + 8 * dimensions.div_ceil(64),
        }
    }
}

/// A key of the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct VectorKey {
    pub(super) store: u16,
    pub(super) kind: VectorKind,
    pub(super) item: u32,
    pub(super) layer: u8,
}

/// What an entry of the store is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum VectorKind {
    Header,
    Version,
    Pending,
    Links,
    Item,
}

impl VectorKey {
    pub(super) fn read(bytes: &[u8]) -> Result<VectorKey, Malformed> {
        let &[store_high, store_low, kind, a, b, c, d, layer] = bytes else { return Err(KEY) };
        let item = u32::from_be_bytes([a, b, c, d]);
        let kind = match (kind, item, layer) {
            (0, 0, 0) => VectorKind::Header,
            (0, 1, 0) => VectorKind::Version,
            (1, _, 0) => VectorKind::Pending,
            (2, _, _) => VectorKind::Links,
            (3, _, 0) => VectorKind::Item,
            _ => return Err(KEY),
        };
        Ok(VectorKey { store: u16::from_be_bytes([store_high, store_low]), kind, item, layer })
    }
}

/// The header of a store.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct VectorHeader {
    pub(super) distance: Distance,
    pub(super) dimensions: u32,
    pub(super) items: RoaringBitmap,
    pub(super) entry_points: Vec<u32>,
    pub(super) max_layer: u8,
}

impl VectorHeader {
    pub(super) fn read(bytes: &[u8]) -> Result<VectorHeader, Malformed> {
        const TRUNCATED: Malformed = malformed("the header of the store is truncated");
        let end = bytes.iter().position(|byte| *byte == 0).ok_or(TRUNCATED)?;
        let (name, rest) = bytes.split_at(end);
        let distance = match name {
            b"cosine" => Distance::Cosine,
            b"hamming" => Distance::Hamming,
            _ => return Err(malformed("the distance of the store is unknown")),
        };
        let (dimensions, rest) = rest[1..].split_first_chunk::<4>().ok_or(TRUNCATED)?;
        let (set_bytes, rest) = rest.split_first_chunk::<4>().ok_or(TRUNCATED)?;
        let (set, rest) =
            rest.split_at_checked(u32::from_be_bytes(*set_bytes) as usize).ok_or(TRUNCATED)?;
        check_whole_roaring(set)?;
        let items = RoaringBitmap::deserialize_from(set)
            .map_err(|_| malformed("the items of the store cannot be read"))?;
        let (max_layer, points) = rest.split_last().ok_or(TRUNCATED)?;
        let (points, odd) = points.as_chunks::<4>();
        if !odd.is_empty() {
            return Err(malformed("the entry points of the store are cut"));
        }
        Ok(VectorHeader {
            distance,
            dimensions: u32::from_be_bytes(*dimensions),
            items,
            entry_points: points.iter().map(|point| u32::from_ne_bytes(*point)).collect(),
            max_layer: *max_layer,
        })
    }

    /// Checks a stored vector against what the header promises.
    pub(super) fn check_item(&self, bytes: &[u8]) -> Result<(), Malformed> {
        if (bytes.len() as u64).checked_sub(1) != Some(self.distance.item_bytes(self.dimensions)) {
            return Err(malformed("it has not as many dimensions as its store"));
        }
        Ok(())
    }
}

/// Checks an entry of the store by itself.
pub(super) fn check_store_entry(key: &[u8], value: &[u8]) -> Result<(), Fault> {
    let key = VectorKey::read(key).map_err(Fault::MalformedKey)?;
    let checked = match key.kind {
        VectorKind::Header => VectorHeader::read(value).map(drop),
        VectorKind::Version if value.len() == 12 => Ok(()),
        VectorKind::Version => Err(malformed("the version of the store has another length")),
        VectorKind::Pending if value.len() == 1 => Ok(()),
        VectorKind::Pending => Err(malformed("a pending mark has another length")),
        VectorKind::Links => match value.split_first() {
            Some((1, links)) => check_whole_roaring(links),
            _ => Err(malformed("links do not begin like links")),
        },
        VectorKind::Item => match value.split_first() {
            // Both headers, and both vectors, are made of whole 32-bit words.
            Some((0, vector)) if vector.len() >= 4 && vector.len().is_multiple_of(4) => Ok(()),
            _ => Err(malformed("an item does not begin like one, or is cut")),
        },
    };
    checked.map_err(Fault::MalformedValue)
}

/// Which documents bring their own vectors for one embedder.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct EmbedderEntry {
    pub(super) id: u8,
    pub(super) sets: [RoaringBitmap; 2],
}

impl EmbedderEntry {
    pub(super) fn read(bytes: &[u8]) -> Result<EmbedderEntry, Malformed> {
        const TRUNCATED: Malformed =
            Malformed { layout: "entry of an embedder", reason: "it is truncated" };
        let (&id, rest) = bytes.split_first().ok_or(TRUNCATED)?;
        if rest.is_empty() {
            return Ok(EmbedderEntry { id, sets: Default::default() });
        }
        let (first, rest) = rest.split_first_chunk::<4>().ok_or(TRUNCATED)?;
        let (first, second) =
            rest.split_at_checked(u32::from_be_bytes(*first) as usize).ok_or(TRUNCATED)?;
        let read = |set| {
            check_cbo(set)?;
            decode_cbo(set).map_err(|_| TRUNCATED)
        };
        Ok(EmbedderEntry { id, sets: [read(first)?, read(second)?] })
    }
}

#[cfg(test)]
mod tests {
    use heed::BytesEncode;

    use super::*;
    use crate::codec::Roaring;

    #[test]
    fn golden_header_of_an_empty_store() {
        let bytes = b"cosine\0\0\0\0\x03\0\0\0\x08\x3a\x30\0\0\0\0\0\0\0";
        let header = VectorHeader::read(bytes).unwrap();
        assert_eq!((header.distance, header.dimensions), (Distance::Cosine, 3));
        assert!(header.items.is_empty() && header.entry_points.is_empty());
        header.check_item(&[0; 17]).unwrap();
        assert!(header.check_item(&[0; 13]).is_err());
        for cut in 0..bytes.len() {
            assert!(VectorHeader::read(&bytes[..cut]).is_err(), "{cut}");
        }
    }

    #[test]
    fn golden_key_and_hamming_vector() {
        let key = VectorKey::read(&[1, 0, 3, 0, 0, 0, 0, 0]).unwrap();
        assert_eq!((key.store, key.kind, key.item), (256, VectorKind::Item, 0));
        let value = [0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0];
        check_store_entry(&[1, 0, 3, 0, 0, 0, 0, 0], &value).unwrap();
        assert_eq!(Distance::Hamming.item_bytes(3), value.len() as u64 - 1);
        assert!(VectorKey::read(&[1, 0, 3, 0, 0, 0, 0, 1]).is_err());
        assert!(VectorKey::read(&[1, 0, 4, 0, 0, 0, 0, 0]).is_err());
        assert!(VectorKey::read(&[1, 0, 3]).is_err());
    }

    #[test]
    fn golden_entry_of_an_embedder() {
        let bytes = [0, 0, 0, 0, 8, 0, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0];
        let entry = EmbedderEntry::read(&bytes).unwrap();
        assert_eq!(entry.sets, [RoaringBitmap::from_iter([0, 1]), RoaringBitmap::from_iter([1])]);
        assert!(EmbedderEntry::read(&[4]).unwrap().sets[0].is_empty());
        assert!(EmbedderEntry::read(&[0, 0, 0, 0, 99]).is_err());
    }

    #[test]
    fn links_are_a_set() {
        let links = [&[1][..], &Roaring::bytes_encode(&(0..3).collect()).unwrap()].concat();
        check_store_entry(&[0, 0, 2, 0, 0, 0, 9, 4], &links).unwrap();
        assert!(check_store_entry(&[0, 0, 2, 0, 0, 0, 9, 4], &links[..9]).is_err());
    }
}
