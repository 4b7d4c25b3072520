//! Writing the vectors of one document after the other (vectors.md 15.1). The graphs are built afterwards.

use std::collections::BTreeSet;

use hannoy::distances::{Cosine, Hamming};
use hannoy::{Distance, Writer};
use roaring::RoaringBitmap;

use super::store::{VectorStore, database, failed};
use crate::error::Result;
use crate::store::{Index, RoTxn, RwTxn};

/// Writes into the stores of an embedder. It remembers which of them hold vectors, so that a document is
/// looked for in those only.
#[derive(Debug)]
pub(crate) struct VectorWriter {
    store: VectorStore,
    in_use: BTreeSet<u16>,
}

impl VectorWriter {
    /// # Errors
    /// LMDB fails.
    pub(crate) fn new(index: &Index, rtxn: &RoTxn<'_>, store: VectorStore) -> Result<VectorWriter> {
        let in_use = store.stores_in_use(index, rtxn)?.into_iter().collect();
        Ok(VectorWriter { store, in_use })
    }

    /// The stores written to.
    pub(crate) fn store(&self) -> VectorStore {
        self.store
    }

    /// Sets a document's vector in one store, numbered among those of the embedder.
    ///
    /// # Errors
    /// The vector has another length than the store, or LMDB fails.
    pub(crate) fn put(
        &mut self,
        index: &Index,
        wtxn: &mut RwTxn<'_>,
        docid: u32,
        number: u8,
        vector: &[f32],
    ) -> Result<()> {
        let store = self.number(number);
        match self.store.is_quantized {
            true => self.writer::<Hamming>(index, store).add_item(wtxn, docid, vector),
            false => self.writer::<Cosine>(index, store).add_item(wtxn, docid, vector),
        }
        .map_err(failed)?;
        self.in_use.insert(store);
        Ok(())
    }

    /// Removes a document's vector from one store.
    ///
    /// # Errors
    /// LMDB fails, or the map is full.
    pub(crate) fn remove(
        &self,
        index: &Index,
        wtxn: &mut RwTxn<'_>,
        docid: u32,
        number: u8,
    ) -> Result<()> {
        self.remove_from(index, wtxn, docid, self.number(number))
    }

    /// Removes a document from all stores.
    ///
    /// # Errors
    /// LMDB fails, or the map is full.
    pub(crate) fn remove_all(&self, index: &Index, wtxn: &mut RwTxn<'_>, docid: u32) -> Result<()> {
        self.in_use.iter().try_for_each(|&store| self.remove_from(index, wtxn, docid, store))
    }

    /// Replaces all vectors of a document: the n-th goes to store n, those beyond the stores are left out.
    ///
    /// # Errors
    /// A vector has another length than the store, or LMDB fails.
    pub(crate) fn replace(
        &mut self,
        index: &Index,
        wtxn: &mut RwTxn<'_>,
        docid: u32,
        vectors: &[Vec<f32>],
    ) -> Result<()> {
        self.remove_all(index, wtxn, docid)?;
        for (number, vector) in (0..=u8::MAX).zip(vectors) {
            self.put(index, wtxn, docid, number, vector)?;
        }
        Ok(())
    }

    /// Removes all documents but some from one store.
    ///
    /// # Errors
    /// A stored value is damaged, or LMDB fails.
    pub(crate) fn empty(
        &self,
        index: &Index,
        wtxn: &mut RwTxn<'_>,
        number: u8,
        but: &RoaringBitmap,
    ) -> Result<()> {
        let store = self.number(number);
        let items = match self.store.is_quantized {
            true => items(&self.writer::<Hamming>(index, store), wtxn),
            false => items(&self.writer::<Cosine>(index, store), wtxn),
        };
        for docid in items.map_err(failed)? - but {
            self.remove_from(index, wtxn, docid, store)?;
        }
        Ok(())
    }

    fn remove_from(
        &self,
        index: &Index,
        wtxn: &mut RwTxn<'_>,
        docid: u32,
        store: u16,
    ) -> Result<()> {
        match self.store.is_quantized {
            true => self.writer::<Hamming>(index, store).del_item(wtxn, docid),
            false => self.writer::<Cosine>(index, store).del_item(wtxn, docid),
        }
        .map(drop)
        .map_err(failed)
    }

    fn writer<D: Distance>(&self, index: &Index, store: u16) -> Writer<D> {
        Writer::new(database::<D>(index), store, self.store.dimensions)
    }

    fn number(&self, number: u8) -> u16 {
        u16::from(self.store.id) << 8 | u16::from(number)
    }
}

/// The documents of a store, whether or not its header knows them already.
fn items<D: Distance>(writer: &Writer<D>, rtxn: &RoTxn<'_>) -> hannoy::Result<RoaringBitmap> {
    writer.iter(rtxn)?.map(|item| Ok(item?.0)).collect()
}
