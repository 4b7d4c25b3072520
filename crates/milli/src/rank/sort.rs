//! *sort* and `field:asc` / `field:desc`: documents in the order of their values of a field
//! (search.md 10.2).

use std::rc::Rc;

use roaring::RoaringBitmap;

use super::rule::{Bucket, RankingRule};
use super::score::{ScoreDetail, SortValue};
use crate::error::Result;
use crate::facet::FacetValue;
use crate::facet::order::{self, OrderedBuckets};
use crate::query::context::SearchContext;
use crate::query::graph::QueryGraph;

/// A field and the direction to sort it in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SortCriterion {
    /// The field.
    pub field: String,
    /// Whether small values come first.
    pub ascending: bool,
}

/// The sort rule of one field.
pub(super) struct Sort<'t> {
    criterion: SortCriterion,
    started: Option<Started<'t>>,
}

struct Started<'t> {
    query: Rc<QueryGraph>,
    /// Buckets of documents with a value; `None` when the index does not know the field.
    values: Option<OrderedBuckets<'t>>,
    is_over: bool,
}

impl Sort<'_> {
    pub(super) fn new(criterion: SortCriterion) -> Self {
        Sort { criterion, started: None }
    }
}

impl<'t> RankingRule<'t> for Sort<'t> {
    fn start(
        &mut self,
        ctx: &mut SearchContext<'t>,
        universe: &RoaringBitmap,
        query: &Rc<QueryGraph>,
    ) -> Result<()> {
        let ordered = if self.criterion.ascending { order::ascending } else { order::descending };
        let values = match ctx.fields.id(&self.criterion.field) {
            Some(fid) => Some(ordered(ctx.index, ctx.rtxn, fid, universe.clone())?),
            None => None,
        };
        self.started = Some(Started { query: Rc::clone(query), values, is_over: false });
        Ok(())
    }

    fn next_bucket(
        &mut self,
        _ctx: &mut SearchContext<'t>,
        universe: &RoaringBitmap,
    ) -> Result<Option<Bucket>> {
        let Some(started) = self.started.as_mut().filter(|started| !started.is_over) else {
            return Ok(None);
        };
        let (docids, value) = match next_value(&mut started.values, universe)? {
            Some(found) => found,
            None => {
                started.is_over = true;
                (universe.clone(), SortValue::Null)
            }
        };
        let SortCriterion { field, ascending } = self.criterion.clone();
        Ok(Some(Bucket {
            docids,
            score: ScoreDetail::Sort { field, ascending, value },
            query: Rc::clone(&started.query),
        }))
    }
}

/// The next value that a document of the universe still has; distinct may have taken all of a bucket.
fn next_value(
    values: &mut Option<OrderedBuckets<'_>>,
    universe: &RoaringBitmap,
) -> Result<Option<(RoaringBitmap, SortValue)>> {
    for bucket in values.iter_mut().flatten() {
        let (value, mut docids) = bucket?;
        docids &= universe;
        if !docids.is_empty() {
            let value = match value {
                FacetValue::Number(number) => SortValue::Number(number),
                FacetValue::String(text) => SortValue::String(text),
            };
            return Ok(Some((docids, value)));
        }
    }
    Ok(None)
}
