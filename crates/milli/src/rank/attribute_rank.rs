//! *attributeRank*: documents that hold the words in earlier searchable attributes come first
//! (search.md 9.4).

use std::collections::BTreeSet;

use roaring::RoaringBitmap;

use super::graph_rule::Ranking;
use super::score::{Rank, ScoreDetail};
use crate::error::Result;
use crate::query::context::SearchContext;
use crate::query::terms::LocatedTerm;
use crate::schema::FieldId;

/// The attributeRank rule.
pub(super) struct AttributeRank;

/// The term in a field; `None` is the place behind the last attribute, where nothing is.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(super) struct InField {
    term: LocatedTerm,
    fid: Option<FieldId>,
}

impl Ranking for AttributeRank {
    type Condition = InField;

    fn edges(
        &self,
        ctx: &mut SearchContext<'_>,
        _source: Option<&LocatedTerm>,
        dest: &LocatedTerm,
    ) -> Result<Vec<(u32, InField)>> {
        let mut edges = Vec::new();
        let mut max_weight = 0;
        for fid in fields(ctx, dest)? {
            if let Some(weight) = weight(ctx, fid) {
                max_weight = max_weight.max(weight);
                edges.push((weight * dest.size(), InField { term: *dest, fid: Some(fid) }));
            }
        }
        // With it the greatest rank does not depend on the documents.
        let last_weight =
            ctx.schema.searchable.as_ref().map_or(0, |list| list.len().saturating_sub(1)) as u32;
        if max_weight < last_weight {
            edges.push((last_weight * dest.size(), InField { term: *dest, fid: None }));
        }
        Ok(edges)
    }

    fn docids(
        &self,
        ctx: &mut SearchContext<'_>,
        condition: &InField,
        universe: &RoaringBitmap,
    ) -> Result<RoaringBitmap> {
        let mut docids = RoaringBitmap::new();
        let (Some(fid), subset) = (condition.fid, condition.term.subset) else { return Ok(docids) };
        for word in ctx.allowed_words(subset)? {
            docids |= ctx.word_field_docids(word.id, fid, Some(universe))?.unwrap_or_default();
        }
        for phrase in ctx.allowed_phrases(subset)? {
            let Some(first) = ctx.phrase(phrase).iter().flatten().next().copied() else { continue };
            let in_phrase = &*ctx.phrase_docids(phrase)? & universe;
            docids |= ctx.word_field_docids(first, fid, Some(&in_phrase))?.unwrap_or_default();
        }
        if let Some(prefix) = ctx.allowed_prefix_entry(subset) {
            docids |= ctx.prefix_field_docids(prefix.id, fid, Some(universe))?.unwrap_or_default();
        }
        Ok(docids)
    }

    fn refined(&self, condition: &InField) -> LocatedTerm {
        condition.term
    }

    fn score(&self, rank: Rank) -> ScoreDetail {
        ScoreDetail::AttributeRank(rank)
    }
}

/// The fields that hold a word of the term in some document.
fn fields(ctx: &mut SearchContext<'_>, term: &LocatedTerm) -> Result<BTreeSet<FieldId>> {
    let mut fields = BTreeSet::new();
    for word in ctx.allowed_words(term.subset)? {
        fields.extend(ctx.word_fields(word.id)?.iter());
    }
    for phrase in ctx.allowed_phrases(term.subset)? {
        for word in ctx.phrase(phrase).clone().iter().flatten() {
            fields.extend(ctx.word_fields(*word)?.iter());
        }
    }
    if let Some(prefix) = ctx.allowed_prefix_entry(term.subset) {
        fields.extend(ctx.prefix_fields(prefix.id)?.iter());
    }
    Ok(fields)
}

fn weight(ctx: &SearchContext<'_>, fid: FieldId) -> Option<u32> {
    let at = ctx.searchable.binary_search_by_key(&fid, |(fid, _)| *fid).ok()?;
    ctx.searchable.get(at).map(|(_, weight)| u32::from(*weight))
}
