//! The nearest vectors of an embedder's stores (vectors.md 15.5).

use std::cmp::Ordering;
use std::fmt::Display;
use std::str::FromStr;
use std::sync::LazyLock;
use std::time::Instant;

use hannoy::distances::{Cosine, Hamming};
use hannoy::{Distance, Reader};
use roaring::RoaringBitmap;

use super::store::{VectorStore, database, failed};
use crate::error::Result;
use crate::store::{Index, RoTxn};

/// So many candidates are compared one by one, whatever share of the store they are.
const ALWAYS_SCANNED: usize = 1_000;
/// A greater number of candidates, below this one, is compared one by one when the candidates are a
/// small share of the store: a walk over the graph would meet few of them.
static SCANNED_BELOW: LazyLock<usize> =
    LazyLock::new(|| from_environment("MEILI_EXPERIMENTAL_HNSW_LINEAR_BELOW", 300_000));
/// What a small share is, 0 to 1.
static SCANNED_SHARE: LazyLock<f32> =
    LazyLock::new(|| from_environment("MEILI_EXPERIMENTAL_HNSW_LINEAR_BELOW_RATIO", 0.1));
/// Least width of the walk over a graph, in items.
const MIN_WIDTH: usize = 100;
/// Width of the walk for each neighbour that is wanted.
const WIDTH_PER_NEIGHBOUR: usize = 10;

/// Documents near a vector.
#[derive(Debug, Default)]
pub(crate) struct Nearest {
    /// Documents and their distances, the nearest first, each document once; equal distances in the
    /// order of docids.
    pub(crate) documents: Vec<(u32, f32)>,
    /// The deadline passed before all was looked at.
    pub(crate) is_cut: bool,
}

impl VectorStore {
    /// The documents of a universe that have the vectors nearest to `vector`, at most `limit`. Another
    /// length than that of the store finds nothing.
    ///
    /// # Errors
    /// A stored value is damaged, or LMDB fails.
    pub(crate) fn nearest(
        &self,
        index: &Index,
        rtxn: &RoTxn<'_>,
        vector: &[f32],
        universe: &RoaringBitmap,
        limit: usize,
        deadline: Option<Instant>,
    ) -> Result<Nearest> {
        let walk = Walk { index, rtxn, universe, limit, deadline };
        match self.is_quantized {
            true => self.walk_stores::<Hamming>(walk, |_| Ok(Some(vector.to_vec()))),
            false => self.walk_stores::<Cosine>(walk, |_| Ok(Some(vector.to_vec()))),
        }
    }

    /// The documents of a universe that have the vectors nearest to those of a document: each store
    /// is searched with the document's vector in it.
    ///
    /// # Errors
    /// A stored value is damaged, or LMDB fails.
    pub(crate) fn nearest_to_document(
        &self,
        index: &Index,
        rtxn: &RoTxn<'_>,
        docid: u32,
        universe: &RoaringBitmap,
        limit: usize,
    ) -> Result<Vec<(u32, f32)>> {
        let walk = Walk { index, rtxn, universe, limit, deadline: None };
        let nearest = match self.is_quantized {
            true => self.walk_stores::<Hamming>(walk, |reader| {
                reader.item_vector(rtxn, docid).map_err(failed)
            }),
            false => self.walk_stores::<Cosine>(walk, |reader| {
                reader.item_vector(rtxn, docid).map_err(failed)
            }),
        };
        Ok(nearest?.documents)
    }

    /// Searches every store with the vector that `vector_in` gives for it, if it gives one.
    fn walk_stores<D: Distance>(
        &self,
        walk: Walk<'_>,
        vector_in: impl Fn(&Reader<D>) -> Result<Option<Vec<f32>>>,
    ) -> Result<Nearest> {
        let mut nearest = Nearest::default();
        for store in self.stores_in_use(walk.index, walk.rtxn)? {
            let reader = match Reader::open(walk.rtxn, store, database::<D>(walk.index)) {
                Ok(reader) => reader,
                Err(hannoy::Error::MissingMetadata(_)) => continue,
                Err(error) => return Err(failed(error)),
            };
            if let Some(vector) = vector_in(&reader)?
                && vector.len() == reader.dimensions()
            {
                walk.one_store(&reader, &vector, &mut nearest)?;
            }
        }
        let documents = &mut nearest.documents;
        documents.sort_unstable_by(by_distance);
        let mut seen = RoaringBitmap::new();
        documents.retain(|(docid, _)| seen.insert(*docid));
        // What is behind may be farther than documents that a store did not give.
        documents.truncate(walk.limit);
        Ok(nearest)
    }
}

#[derive(Clone, Copy)]
struct Walk<'w> {
    index: &'w Index,
    rtxn: &'w RoTxn<'w>,
    universe: &'w RoaringBitmap,
    limit: usize,
    deadline: Option<Instant>,
}

impl Walk<'_> {
    /// Adds the nearest vectors of a store.
    fn one_store<D: Distance>(
        &self,
        reader: &Reader<D>,
        vector: &[f32],
        nearest: &mut Nearest,
    ) -> Result<()> {
        let items = reader.item_ids();
        let candidates = items & self.universe;
        let count = self.limit.min(candidates.len() as usize);
        if count == 0 {
            return Ok(());
        }
        let is_scanned = candidates.len() < ALWAYS_SCANNED as u64;
        let width = count.saturating_mul(WIDTH_PER_NEIGHBOUR).max(MIN_WIDTH);
        let mut query = reader.nns(count);
        query
            .candidates(&candidates)
            .ef_search(width.min(items.len() as usize))
            .linear_below(if is_scanned { ALWAYS_SCANNED } else { *SCANNED_BELOW })
            .linear_below_ratio(if is_scanned { 1.0 } else { *SCANNED_SHARE });
        let must_stop = || self.deadline.is_some_and(|deadline| Instant::now() >= deadline);
        let found =
            query.by_vector_with_cancellation(self.rtxn, vector, must_stop).map_err(failed)?;
        nearest.is_cut |= found.did_cancel();
        nearest.documents.extend(found.into_nns());
        Ok(())
    }
}

fn by_distance((id, distance): &(u32, f32), (other_id, other): &(u32, f32)) -> Ordering {
    distance.total_cmp(other).then(id.cmp(other_id))
}

/// A number of the environment; one that cannot be read counts as not set, and is told of once.
fn from_environment<T: FromStr<Err: Display> + Display>(name: &str, default: T) -> T {
    let Ok(text) = std::env::var(name) else { return default };
    text.trim().parse().unwrap_or_else(|error| {
        tracing::warn!("`{name}` is `{text}`, which is no number ({error}): {default} is used");
        default
    })
}
