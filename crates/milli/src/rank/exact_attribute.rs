//! *exact attribute*, the first half of exactness: documents with an attribute that is the query, or
//! begins with it, come first (search.md 10.1).

use std::rc::Rc;

use roaring::RoaringBitmap;

use super::rule::{Bucket, RankingRule};
use super::score::{MatchType, ScoreDetail};
use crate::error::Result;
use crate::query::context::{ExactPart, SearchContext};
use crate::query::graph::QueryGraph;
use crate::query::terms::{LocatedTerm, WordId};
use crate::text::bucketed_position;

/// Totals of words from here on are in no word count database.
const WORD_COUNT_BOUND: usize = 255;

/// The exact attribute rule: its buckets that are still to come, the last one first.
#[derive(Default)]
pub(super) struct ExactAttribute {
    query: Option<Rc<QueryGraph>>,
    to_come: Vec<(MatchType, Option<RoaringBitmap>)>,
}

impl<'t> RankingRule<'t> for ExactAttribute {
    fn start(
        &mut self,
        ctx: &mut SearchContext<'t>,
        universe: &RoaringBitmap,
        query: &Rc<QueryGraph>,
    ) -> Result<()> {
        self.query = Some(Rc::clone(query));
        self.to_come = vec![(MatchType::NoExactMatch, None)];
        if let Some(words) = ExactQuery::of(ctx, query) {
            let found = words.find(ctx, universe)?;
            self.to_come.push((MatchType::MatchesStart, Some(found.starts)));
            self.to_come.push((MatchType::ExactMatch, Some(found.exact)));
        }
        Ok(())
    }

    fn next_bucket(
        &mut self,
        _ctx: &mut SearchContext<'t>,
        universe: &RoaringBitmap,
    ) -> Result<Option<Bucket>> {
        let (Some(query), Some((match_type, docids))) = (&self.query, self.to_come.pop()) else {
            return Ok(None);
        };
        Ok(Some(Bucket {
            docids: docids.map_or_else(|| universe.clone(), |docids| docids & universe),
            score: ScoreDetail::ExactAttribute(match_type),
            query: Rc::clone(query),
        }))
    }
}

/// The words of the exact parts of a query, with their positions.
struct ExactQuery {
    words: Vec<(WordId, u16)>,
    /// Positions that the exact parts take.
    positions: usize,
}

struct Found {
    exact: RoaringBitmap,
    starts: RoaringBitmap,
}

impl ExactQuery {
    /// `None` if the exact parts are not the beginning of the query without a gap.
    fn of(ctx: &SearchContext<'_>, query: &QueryGraph) -> Option<ExactQuery> {
        let mut parts: Vec<(&LocatedTerm, ExactPart)> = query
            .terms()
            .filter_map(|(_, term)| Some((term, ctx.exact_part(term.subset)?)))
            .collect();
        parts.sort_by_key(|(term, _)| term.ids.first);
        parts.dedup_by_key(|(term, _)| term.ids.first);
        let starts = parts.first()?.0.ids.first == 0;
        let gapless = parts.windows(2).all(|pair| pair[1].0.ids.first - pair[0].0.ids.first <= 1);
        if !starts || !gapless {
            return None;
        }
        let mut exact = ExactQuery { words: Vec::new(), positions: 0 };
        for (term, part) in parts {
            let first = term.positions.first;
            exact.positions += usize::from(term.positions.last.saturating_sub(first)) + 1;
            match part {
                ExactPart::Word(word) => exact.words.push((word, first)),
                ExactPart::Phrase(phrase) => {
                    for (offset, word) in ctx.phrase(phrase).iter().enumerate() {
                        // Leading holes are counted, though `first` is behind them already.
                        let position = first.saturating_add(offset as u16);
                        exact.words.extend(word.map(|word| (word, position)));
                    }
                }
            }
        }
        Some(exact)
    }

    fn find(&self, ctx: &mut SearchContext<'_>, universe: &RoaringBitmap) -> Result<Found> {
        let mut found = Found { exact: RoaringBitmap::new(), starts: RoaringBitmap::new() };
        let mut in_place = universe.clone();
        for &(word, position) in &self.words {
            let position = bucketed_position(position);
            in_place = ctx.word_position_docids(word, position, &in_place)?.unwrap_or_default();
            if in_place.is_empty() {
                return Ok(found);
            }
        }
        let fields: Vec<_> = ctx.searchable.iter().map(|(fid, _)| *fid).collect();
        for fid in fields {
            let mut in_field = in_place.clone();
            for &(word, _) in &self.words {
                let docids = ctx.word_field_docids(word, fid, Some(&in_field))?;
                in_field = docids.unwrap_or_default();
                if in_field.is_empty() {
                    break;
                }
            }
            if in_field.is_empty() {
                continue;
            }
            let whole = match u8::try_from(self.positions) {
                Ok(count) if self.positions < WORD_COUNT_BOUND => {
                    ctx.word_count_docids(fid, count, &in_field)?
                }
                _ => RoaringBitmap::new(),
            };
            found.starts |= in_field - &whole;
            found.exact |= whole;
        }
        found.starts -= &found.exact;
        Ok(found)
    }
}
