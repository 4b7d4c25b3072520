//! The 256 stores of an embedder, each with its graph (storage-index.md 13.3, vectors.md 15). The n-th vector
//! that a user sent is in store n, that of a template in store 0, that of a fragment in the store of its id:
//! between stores with a document's vectors there may be others without.

use std::ops::Bound;

use hannoy::distances::{Cosine, Hamming};
use hannoy::{Database, Distance, Reader, Writer};
use heed::types::{Bytes, DecodeIgnore};
use rand08::SeedableRng;
use rand08::rngs::StdRng;
use roaring::RoaringBitmap;

use crate::error::{Error, InternalError, Result};
use crate::store::{Index, RoTxn, RwTxn};

/// Vectors of a document that are kept for one embedder.
pub(crate) const MAX_VECTORS: usize = 256;
/// Links of a node above the lowest layer.
const LINKS: usize = 16;
/// Links of a node on the lowest layer.
const LINKS_BELOW: usize = 32;
/// Width of the search for neighbours when a node is inserted.
const CONSTRUCTION_WIDTH: usize = 125;

/// Bytes of a key: store, kind, item, layer.
const ITEM_KEY_BYTES: usize = 8;
/// Kind of the keys of vectors; no other kind comes behind it.
const ITEM_KIND: u8 = 3;

/// Where one embedder keeps its vectors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct VectorStore {
    /// Id of the embedder.
    pub(crate) id: u8,
    /// Numbers of a vector.
    pub(crate) dimensions: usize,
    /// Whether vectors are kept as bits.
    pub(crate) is_quantized: bool,
}

impl VectorStore {
    /// The stores of an embedder by their own headers, whatever its source; `None` when they hold nothing.
    /// What the header of an empty store says does not count.
    ///
    /// # Errors
    /// A stored value is damaged, or LMDB fails.
    pub(crate) fn find(
        index: &Index,
        rtxn: &RoTxn<'_>,
        id: u8,
        is_quantized: bool,
    ) -> Result<Option<VectorStore>> {
        for store in numbers(id) {
            if !is_in_use(index, rtxn, store)? {
                continue;
            }
            let dimensions = match is_quantized {
                true => Reader::open(rtxn, store, database::<Hamming>(index))
                    .map(|reader| reader.dimensions()),
                false => Reader::open(rtxn, store, database::<Cosine>(index))
                    .map(|reader| reader.dimensions()),
            };
            match dimensions {
                Ok(dimensions) => return Ok(Some(VectorStore { id, dimensions, is_quantized })),
                Err(hannoy::Error::MissingMetadata(_)) => {}
                Err(error) => return Err(failed(error)),
            }
        }
        Ok(None)
    }

    /// Brings the graphs up to date; every store has a header afterwards.
    ///
    /// # Errors
    /// The caller asked to stop, a stored value is damaged, or LMDB fails.
    pub(crate) fn build(
        &self,
        index: &Index,
        wtxn: &mut RwTxn<'_>,
        must_stop: &(dyn Fn() -> bool + Sync),
    ) -> Result<()> {
        match self.is_quantized {
            true => self.build_in::<Hamming>(index, wtxn, must_stop),
            false => self.build_in::<Cosine>(index, wtxn, must_stop),
        }
    }

    fn build_in<D: Distance>(
        &self,
        index: &Index,
        wtxn: &mut RwTxn<'_>,
        must_stop: &(dyn Fn() -> bool + Sync),
    ) -> Result<()> {
        let mut rng = StdRng::from_entropy();
        for store in numbers(self.id) {
            let writer = Writer::new(database::<D>(index), store, self.dimensions);
            if !writer.need_build(wtxn).map_err(failed)? {
                continue;
            }
            // The library takes the closure for `Send`, which a reference to a `Sync` one is.
            let mut builder = writer.builder(&mut rng);
            builder.ef_construction(CONSTRUCTION_WIDTH).cancel(must_stop);
            builder.build::<LINKS, LINKS_BELOW>(wtxn).map_err(failed)?;
        }
        Ok(())
    }

    /// Turns vectors of numbers into bits; the graphs must be built afterwards.
    ///
    /// # Errors
    /// A stored value is damaged, or LMDB fails.
    pub(crate) fn quantize(&mut self, index: &Index, wtxn: &mut RwTxn<'_>) -> Result<()> {
        if self.is_quantized {
            return Ok(());
        }
        for store in numbers(self.id) {
            Writer::new(database::<Cosine>(index), store, self.dimensions)
                .prepare_changing_distance::<Hamming>(wtxn)
                .map_err(failed)?;
        }
        self.is_quantized = true;
        Ok(())
    }

    /// Removes all that an embedder has, headers included.
    ///
    /// # Errors
    /// LMDB fails.
    pub(crate) fn clear(index: &Index, wtxn: &mut RwTxn<'_>, id: u8) -> Result<()> {
        let (first, last) = ([id, 0], [id, u8::MAX, u8::MAX]);
        let keys = (Bound::Included(&first[..]), Bound::Excluded(&last[..]));
        index.tables().vector_store.remap_types::<Bytes, Bytes>().delete_range(wtxn, &keys)?;
        Ok(())
    }

    /// The vectors of a document among `stores`, which are those in use, in the order of the stores: that in
    /// which users sent them, or that of the ids of fragments. Bits are read as 0 and 1.
    ///
    /// # Errors
    /// A stored value is damaged, or LMDB fails.
    pub(crate) fn vectors(
        &self,
        index: &Index,
        rtxn: &RoTxn<'_>,
        stores: &[u16],
        docid: u32,
    ) -> Result<Vec<Vec<f32>>> {
        let vector = |&store: &u16| match self.is_quantized {
            true => Writer::new(database::<Hamming>(index), store, self.dimensions)
                .item_vector(rtxn, docid),
            false => Writer::new(database::<Cosine>(index), store, self.dimensions)
                .item_vector(rtxn, docid),
        };
        stores
            .iter()
            .filter_map(|store| vector(store).transpose())
            .collect::<Result<_, _>>()
            .map_err(failed)
    }

    /// The documents of each store that holds vectors, with the store's number among those of the
    /// embedder.
    ///
    /// # Errors
    /// A stored value is damaged, or LMDB fails.
    pub(crate) fn items(
        &self,
        index: &Index,
        rtxn: &RoTxn<'_>,
    ) -> Result<Vec<(u8, RoaringBitmap)>> {
        match self.is_quantized {
            true => self.items_in::<Hamming>(index, rtxn),
            false => self.items_in::<Cosine>(index, rtxn),
        }
    }

    fn items_in<D: Distance>(
        &self,
        index: &Index,
        rtxn: &RoTxn<'_>,
    ) -> Result<Vec<(u8, RoaringBitmap)>> {
        let mut items = Vec::new();
        for store in self.stores_in_use(index, rtxn)? {
            match Reader::open(rtxn, store, database::<D>(index)) {
                Ok(reader) => items.push((store as u8, reader.item_ids().clone())),
                Err(hannoy::Error::MissingMetadata(_)) => {}
                Err(error) => return Err(failed(error)),
            }
        }
        Ok(items)
    }

    /// The stores that hold vectors.
    ///
    /// # Errors
    /// LMDB fails.
    pub(crate) fn stores_in_use(&self, index: &Index, rtxn: &RoTxn<'_>) -> Result<Vec<u16>> {
        let mut in_use = Vec::new();
        for store in numbers(self.id) {
            if is_in_use(index, rtxn, store)? {
                in_use.push(store);
            }
        }
        Ok(in_use)
    }
}

/// The stores of an embedder.
fn numbers(id: u8) -> impl Iterator<Item = u16> {
    let first = u16::from(id) << 8;
    first..=first | 0xff
}

/// Whether a store holds vectors.
fn is_in_use(index: &Index, rtxn: &RoTxn<'_>, store: u16) -> Result<bool> {
    let mut key = [0; ITEM_KEY_BYTES];
    key[..2].copy_from_slice(&store.to_be_bytes());
    key[2] = ITEM_KIND;
    let entries = index.tables().vector_store.remap_types::<Bytes, DecodeIgnore>();
    let next = entries.get_greater_than_or_equal_to(rtxn, &key)?;
    Ok(next.is_some_and(|(found, ())| found.starts_with(&key[..3])))
}

pub(super) fn database<D: Distance>(index: &Index) -> Database<D> {
    index.tables().vector_store.remap_types::<Bytes, Bytes>().remap_types()
}

pub(super) fn failed(error: hannoy::Error) -> Error {
    match error {
        hannoy::Error::Heed(error) => error.into(),
        hannoy::Error::Io(error) => error.into(),
        hannoy::Error::BuildCancelled => Error::Aborted,
        other => InternalError::Inconsistent(format!("the vectors cannot be used: {other}")).into(),
    }
}
