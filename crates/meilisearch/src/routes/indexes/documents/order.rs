//! The order of a sorted page of documents: by criteria alone, without ranking rules.

use milli::facet::order;
use milli::geo::ByDistance;
use milli::search::keyword::SortBy;
use milli::{FieldsIdsMap, Index, Result, RoTxn};
use roaring::RoaringBitmap;

/// What stays the same while one page is ordered.
pub(super) struct Ordering<'t> {
    pub(super) index: &'t Index,
    pub(super) rtxn: &'t RoTxn<'t>,
    pub(super) fields: &'t FieldsIdsMap,
}

impl Ordering<'_> {
    /// The first `wanted` documents: by the first criterion, equals by the next, at last by
    /// internal id. Documents without a value come last in both directions.
    pub(super) fn first(
        &self,
        documents: RoaringBitmap,
        criteria: &[SortBy],
        wanted: usize,
    ) -> Result<Vec<u32>> {
        let mut ordered = Vec::new();
        self.extend(&mut ordered, documents, criteria, wanted)?;
        Ok(ordered)
    }

    fn extend(
        &self,
        ordered: &mut Vec<u32>,
        mut documents: RoaringBitmap,
        criteria: &[SortBy],
        wanted: usize,
    ) -> Result<()> {
        let missing = wanted - ordered.len();
        if missing == 0 || documents.is_empty() {
            return Ok(());
        }
        let Some((criterion, further)) = criteria.split_first() else {
            ordered.extend(documents.iter().take(missing));
            return Ok(());
        };
        match criterion {
            SortBy::Field(criterion) => {
                let walk = if criterion.ascending { order::ascending } else { order::descending };
                let Some(fid) = self.fields.id(&criterion.field) else {
                    return self.extend(ordered, documents, further, wanted);
                };
                for bucket in walk(self.index, self.rtxn, fid, documents.clone())? {
                    let (_, equals) = bucket?;
                    documents -= &equals;
                    self.extend(ordered, equals, further, wanted)?;
                    if ordered.len() == wanted {
                        return Ok(());
                    }
                }
            }
            SortBy::Distance(criterion) => {
                let mut walk = ByDistance::new(self.index, self.rtxn, self.fields, *criterion)?;
                while let Some((equals, _)) = walk.next_bucket(&documents)? {
                    documents -= &equals;
                    self.extend(ordered, equals, further, wanted)?;
                    if ordered.len() == wanted {
                        return Ok(());
                    }
                }
            }
        }
        self.extend(ordered, documents, further, wanted)
    }
}
