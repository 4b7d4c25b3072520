//! The contract of a ranking rule.

use std::rc::Rc;

use roaring::RoaringBitmap;

use super::score::ScoreDetail;
use crate::error::Result;
use crate::query::context::SearchContext;
use crate::query::graph::QueryGraph;

/// Documents that a rule holds to be equal.
pub(crate) struct Bucket {
    /// The documents, all of the universe; may be empty.
    pub(crate) docids: RoaringBitmap,
    /// What the rule says of them.
    pub(crate) score: ScoreDetail,
    /// What of the query these documents match: the query of the next rule.
    pub(crate) query: Rc<QueryGraph>,
}

/// Turns a universe and a query into a sequence of disjoint buckets, the best first.
///
/// A rule is started once for each bucket of the rule before it.
pub(crate) trait RankingRule<'t> {
    /// Begins the buckets of a universe; what an earlier start left is forgotten.
    ///
    /// # Errors
    /// The index cannot be read; so for `next_bucket`.
    fn start(
        &mut self,
        ctx: &mut SearchContext<'t>,
        universe: &RoaringBitmap,
        query: &Rc<QueryGraph>,
    ) -> Result<()>;

    /// The next bucket within `universe`: what was given to `start`, without the buckets returned
    /// since and without the documents that distinct excludes. `None` when there are no more.
    fn next_bucket(
        &mut self,
        ctx: &mut SearchContext<'t>,
        universe: &RoaringBitmap,
    ) -> Result<Option<Bucket>>;

    /// The next bucket, if it is known already: what a search is given whose time is over.
    fn next_bucket_at_hand(&mut self, _universe: &RoaringBitmap) -> Option<Bucket> {
        None
    }
}
