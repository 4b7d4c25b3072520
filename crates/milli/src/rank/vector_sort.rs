//! *vector*: documents in the order of their distance from the query's vector (search.md 10.4).

use std::collections::VecDeque;
use std::rc::Rc;
use std::time::Instant;

use roaring::RoaringBitmap;

use super::rule::{Bucket, RankingRule};
use super::score::ScoreDetail;
use crate::error::Result;
use crate::query::context::SearchContext;
use crate::query::graph::QueryGraph;
use crate::vector::{Nearest, VectorQuery};

/// The vector of a search, and how much of the ranking by it is wanted.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct NearFirst {
    pub(crate) query: VectorQuery,
    /// Documents that are ranked at once.
    pub(crate) count: usize,
    /// When to stop looking at vectors.
    pub(crate) deadline: Option<Instant>,
}

/// The rule of one vector.
pub(super) struct VectorSort {
    near: NearFirst,
    /// Documents known to come next, with their distances.
    ranked: VecDeque<(u32, f32)>,
    /// The query of all buckets, until the last one is given.
    query: Option<Rc<QueryGraph>>,
}

impl VectorSort {
    pub(super) fn new(near: NearFirst) -> Self {
        VectorSort { near, ranked: VecDeque::new(), query: None }
    }

    /// The documents of the smallest distance that is known.
    fn take_ranked(&mut self, universe: &RoaringBitmap) -> Option<Bucket> {
        let query = Rc::clone(self.query.as_ref()?);
        let mut bucket: Option<(RoaringBitmap, f32)> = None;
        while let Some(&(docid, distance)) = self.ranked.front() {
            if bucket.as_ref().is_some_and(|(_, nearest)| *nearest != distance) {
                break;
            }
            self.ranked.pop_front();
            if universe.contains(docid) {
                bucket.get_or_insert_with(|| (RoaringBitmap::new(), distance)).0.insert(docid);
            }
        }
        let (docids, distance) = bucket?;
        let similarity = Some(self.near.query.similarity(distance));
        Some(Bucket { docids, score: ScoreDetail::Vector(similarity), query })
    }
}

impl<'t> RankingRule<'t> for VectorSort {
    fn start(
        &mut self,
        _ctx: &mut SearchContext<'t>,
        _universe: &RoaringBitmap,
        query: &Rc<QueryGraph>,
    ) -> Result<()> {
        self.ranked.clear();
        self.query = Some(Rc::clone(query));
        Ok(())
    }

    fn next_bucket(
        &mut self,
        ctx: &mut SearchContext<'t>,
        universe: &RoaringBitmap,
    ) -> Result<Option<Bucket>> {
        if let Some(bucket) = self.take_ranked(universe) {
            return Ok(Some(bucket));
        }
        let NearFirst { query, count, deadline } = &self.near;
        let Nearest { documents, is_cut } =
            query.nearest(ctx.index, ctx.rtxn, universe, *count, *deadline)?;
        self.ranked = documents.into();
        if let Some(bucket) = self.take_ranked(universe) {
            return Ok(Some(bucket));
        }
        // No vector is left.
        let score = if is_cut { ScoreDetail::Skipped } else { ScoreDetail::Vector(None) };
        let docids = universe.clone();
        Ok(self.query.take().map(|query| Bucket { docids, score, query }))
    }

    fn next_bucket_at_hand(&mut self, universe: &RoaringBitmap) -> Option<Bucket> {
        self.take_ranked(universe)
    }
}
