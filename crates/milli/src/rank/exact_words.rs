//! *exact words*, the second half of exactness: documents that hold more of the words as typed come
//! first (search.md 9.6).

use roaring::RoaringBitmap;

use super::graph_rule::Ranking;
use super::score::{Rank, ScoreDetail};
use crate::error::Result;
use crate::query::context::{ExactPart, SearchContext};
use crate::query::terms::{LocatedTerm, Word};

/// The exact words rule.
pub(super) struct ExactWords;

/// What a step asks for.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(super) enum ExactnessCondition {
    /// The word or phrase as typed.
    Exact(LocatedTerm),
    /// Anything that stands for it.
    Any(LocatedTerm),
}

impl Ranking for ExactWords {
    type Condition = ExactnessCondition;

    fn edges(
        &self,
        _ctx: &mut SearchContext<'_>,
        _source: Option<&LocatedTerm>,
        dest: &LocatedTerm,
    ) -> Result<Vec<(u32, ExactnessCondition)>> {
        Ok(vec![
            (0, ExactnessCondition::Exact(*dest)),
            (dest.size(), ExactnessCondition::Any(*dest)),
        ])
    }

    fn docids(
        &self,
        ctx: &mut SearchContext<'_>,
        condition: &ExactnessCondition,
        universe: &RoaringBitmap,
    ) -> Result<RoaringBitmap> {
        match condition {
            ExactnessCondition::Any(term) => ctx.term_docids(term.subset, Some(universe)),
            ExactnessCondition::Exact(term) => match ctx.exact_part(term.subset) {
                None => Ok(RoaringBitmap::new()),
                Some(ExactPart::Phrase(phrase)) => Ok(&*ctx.phrase_docids(phrase)? & universe),
                Some(ExactPart::Word(word)) => {
                    let docids = ctx.word_docids(Word::original(word), Some(universe))?;
                    Ok(docids.unwrap_or_default())
                }
            },
        }
    }

    fn refined(&self, condition: &ExactnessCondition) -> LocatedTerm {
        match *condition {
            ExactnessCondition::Exact(term) => term.with(term.subset.only_exact()),
            ExactnessCondition::Any(term) => term,
        }
    }

    fn score(&self, rank: Rank) -> ScoreDetail {
        ScoreDetail::ExactWords { matching: rank.rank - 1, max: rank.max_rank - 1 }
    }
}
