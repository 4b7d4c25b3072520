//! `_geoPoint(…):asc` / `:desc`: documents in the order of their distance from a place
//! (search.md 10.3).

use std::rc::Rc;

use roaring::RoaringBitmap;

use super::rule::{Bucket, RankingRule};
use super::score::ScoreDetail;
use crate::error::Result;
use crate::geo::{ByDistance, DistanceCriterion};
use crate::query::context::SearchContext;
use crate::query::graph::QueryGraph;

/// The rule of one place.
pub(super) struct GeoSort<'t> {
    criterion: DistanceCriterion,
    /// The walk, which later starts use again.
    walk: Option<ByDistance<'t>>,
    /// The query of all buckets, until the last one is given.
    query: Option<Rc<QueryGraph>>,
}

impl GeoSort<'_> {
    pub(super) fn new(criterion: DistanceCriterion) -> Self {
        GeoSort { criterion, walk: None, query: None }
    }
}

impl<'t> RankingRule<'t> for GeoSort<'t> {
    fn start(
        &mut self,
        ctx: &mut SearchContext<'t>,
        _universe: &RoaringBitmap,
        query: &Rc<QueryGraph>,
    ) -> Result<()> {
        match &mut self.walk {
            Some(walk) => walk.restart(),
            None => {
                let walk = ByDistance::new(ctx.index, ctx.rtxn, &ctx.fields, self.criterion)?;
                self.walk = Some(walk);
            }
        }
        self.query = Some(Rc::clone(query));
        Ok(())
    }

    fn next_bucket(
        &mut self,
        _ctx: &mut SearchContext<'t>,
        universe: &RoaringBitmap,
    ) -> Result<Option<Bucket>> {
        let (Some(walk), Some(query)) = (&mut self.walk, &self.query) else { return Ok(None) };
        let query = Rc::clone(query);
        let criterion = self.criterion;
        let (docids, point) = match walk.next_bucket(universe)? {
            Some((docids, point)) => (docids, Some(point)),
            None => {
                self.query = None;
                (universe.clone(), None)
            }
        };
        Ok(Some(Bucket { docids, score: ScoreDetail::GeoSort { criterion, point }, query }))
    }
}
