//! Documents in the order of their distance from a place, in buckets of about a metre
//! (search.md 10.3).

use std::collections::VecDeque;

use roaring::RoaringBitmap;

use super::points::{self, PointReader, PointTree};
use crate::document::GeoPoint;
use crate::error::Result;
use crate::schema::FieldsIdsMap;
use crate::store::{Index, RoTxn};

/// Documents whose order is computed at a time, and most documents of a bucket.
const CACHE_LEN: usize = 1000;
/// Metres between the first document of a bucket and any other.
const BUCKET_WIDTH: f64 = 1.0;

/// A place and the direction to sort in by the distance from it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct DistanceCriterion {
    /// Where distances begin.
    pub from: GeoPoint,
    /// Whether near documents come first.
    pub ascending: bool,
}

/// Walks through the documents that have a point.
pub struct ByDistance<'t> {
    index: &'t Index,
    rtxn: &'t RoTxn<'t>,
    criterion: DistanceCriterion,
    reader: PointReader,
    with_point: RoaringBitmap,
    /// Read when there are many documents to order.
    tree: Option<PointTree>,
    /// The next documents, the nearest in front.
    cache: VecDeque<(u32, GeoPoint)>,
}

impl<'t> ByDistance<'t> {
    /// Prepares a walk.
    ///
    /// # Errors
    /// The set of documents with a point is damaged.
    pub fn new(
        index: &'t Index,
        rtxn: &'t RoTxn<'t>,
        fields: &FieldsIdsMap,
        criterion: DistanceCriterion,
    ) -> Result<Self> {
        Ok(ByDistance {
            index,
            rtxn,
            criterion,
            reader: PointReader::new(fields),
            with_point: points::documents(index, rtxn)?,
            tree: None,
            cache: VecDeque::new(),
        })
    }

    /// Forgets what has been computed, so that another universe can be walked through.
    pub(crate) fn restart(&mut self) {
        self.cache.clear();
    }

    /// The next documents of `universe` with the point of the first of them; `None` when those that are
    /// left have no point. The universe must shrink by what is returned, and may shrink further.
    ///
    /// # Errors
    /// The index cannot be read.
    pub fn next_bucket(
        &mut self,
        universe: &RoaringBitmap,
    ) -> Result<Option<(RoaringBitmap, GeoPoint)>> {
        let anchor = match self.pop(universe) {
            Some(anchor) => anchor,
            None => {
                self.fill(&self.with_point & universe)?;
                let Some(anchor) = self.pop(universe) else { return Ok(None) };
                anchor
            }
        };
        let from = self.criterion.from;
        let (first, point) = anchor;
        let distance = from.distance_to(point);
        let mut bucket = RoaringBitmap::from_iter([first]);
        while bucket.len() < CACHE_LEN as u64
            && let Some((_, next)) = self.peek(universe)
            && (from.distance_to(next) - distance).abs() <= BUCKET_WIDTH
        {
            bucket.extend(self.pop(universe).map(|(docid, _)| docid));
        }
        Ok(Some((bucket, point)))
    }

    /// The next cached document that is still in the universe.
    fn peek(&mut self, universe: &RoaringBitmap) -> Option<(u32, GeoPoint)> {
        loop {
            let next =
                if self.criterion.ascending { self.cache.front() } else { self.cache.back() };
            let next = *next?;
            if universe.contains(next.0) {
                return Some(next);
            }
            self.drop_next();
        }
    }

    fn pop(&mut self, universe: &RoaringBitmap) -> Option<(u32, GeoPoint)> {
        let next = self.peek(universe)?;
        self.drop_next();
        Some(next)
    }

    fn drop_next(&mut self) {
        if self.criterion.ascending {
            self.cache.pop_front();
        } else {
            self.cache.pop_back();
        }
    }

    /// Few candidates are sorted; of many, the first ones are found in the tree.
    fn fill(&mut self, candidates: RoaringBitmap) -> Result<()> {
        let DistanceCriterion { from, ascending } = self.criterion;
        if candidates.len() < CACHE_LEN as u64 {
            let mut sorted = Vec::with_capacity(candidates.len() as usize);
            for docid in candidates {
                if let Some(point) = self.reader.point(self.index, self.rtxn, docid)? {
                    sorted.push((docid, point));
                }
            }
            // Whole metres: documents that are nearer to each other stay in the order of their ids.
            sorted.sort_by_cached_key(|(_, point)| from.distance_to(*point) as u64);
            self.cache = sorted.into();
            return Ok(());
        }
        let tree = match &mut self.tree {
            Some(tree) => tree,
            unread => unread.insert(PointTree::load(self.index, self.rtxn)?),
        };
        let center = if ascending { from } else { from.antipode() };
        let nearest =
            tree.nearest(center).filter(|(docid, _)| candidates.contains(*docid)).take(CACHE_LEN);
        self.cache.clear();
        if ascending {
            self.cache.extend(nearest);
        } else {
            nearest.for_each(|document| self.cache.push_front(document));
        }
        Ok(())
    }
}
