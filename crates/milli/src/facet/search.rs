//! Values of a facet that begin like a text (search.md 15).

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use charabia::Language;
use fst::automaton::Str as ExactText;
use fst::{Automaton, IntoStreamer, Streamer};
use meilisearch_types::settings::FacetValuesSort;
use roaring::RoaringBitmap;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::original_spelling;
use super::tree::FacetTree;
use crate::error::{InternalError, Result};
use crate::schema::{FieldId, Schema};
use crate::store::{Index, RoTxn};
use crate::text::{ONE_TYPO, TWO_TYPOS, normalize_facet_for_search};

/// A value that was found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct FacetHit {
    /// The value as the first document that has it spells it.
    pub value: String,
    /// Number of candidates that have it.
    pub count: u64,
}

/// What is looked for in the values of one field.
#[derive(Debug, Clone, Copy)]
pub struct FacetQuery<'q> {
    /// Name of the field.
    pub facet: &'q str,
    /// What values must begin with; without it every value is found.
    pub text: Option<&'q str>,
    /// Languages that the request allows.
    pub locales: Option<&'q [Language]>,
}

/// Finds the values that candidates have. A field that no document has gives nothing.
pub fn search(
    index: &Index,
    rtxn: &RoTxn<'_>,
    schema: &Schema,
    query: FacetQuery<'_>,
    candidates: &RoaringBitmap,
) -> Result<Vec<FacetHit>> {
    let Some(fid) = index.fields_ids_map(rtxn)?.id(query.facet) else { return Ok(Vec::new()) };
    let tree = FacetTree::strings(index, rtxn, fid);
    let hits = Hits::new(schema.facet_order(query.facet), schema.max_values_per_facet);
    let mut search = FacetSearch { index, rtxn, fid, tree, candidates, hits };
    match query.text {
        None => search.all_values()?,
        Some(text) => {
            let languages = languages(schema.locales(query.facet), query.locales);
            let text = normalize_facet_for_search(text, languages.as_deref());
            search.values_like(schema, query.facet, &text)?;
        }
    }
    Ok(search.hits.into_sorted())
}

/// The languages of the facet's rule that the request allows too; the request alone decides nothing.
fn languages(rule: Option<&[Language]>, request: Option<&[Language]>) -> Option<Vec<Language>> {
    let rule = rule?;
    let allowed = |language: &&Language| request.is_none_or(|request| request.contains(language));
    Some(rule.iter().filter(allowed).copied().collect())
}

struct FacetSearch<'c, 't> {
    index: &'c Index,
    rtxn: &'t RoTxn<'t>,
    fid: FieldId,
    tree: FacetTree<'t>,
    candidates: &'c RoaringBitmap,
    hits: Hits,
}

impl FacetSearch<'_, '_> {
    fn all_values(&mut self) -> Result<()> {
        for node in self.tree.nodes(0, &[], None)? {
            let node = node?;
            let count = node.docids_in(self.candidates)?.len();
            if count > 0 && self.found(node.bound, &node.docids()?, count)? {
                break;
            }
        }
        Ok(())
    }

    /// The values whose search form begins like `text`, typos allowed as in words.
    fn values_like(&mut self, schema: &Schema, facet: &str, text: &str) -> Result<()> {
        let typo = &schema.typo;
        let tolerant = typo.enabled && !typo.exact_attributes.contains(facet);
        if tolerant && typo.exact_words.contains(text) {
            return self.values_accepted(ExactText::new(text));
        }
        let prefix = ExactText::new(text).starts_with();
        if !tolerant || text.len() < usize::from(typo.one_typo_word_len) {
            self.values_accepted(prefix)
        } else if text.len() < usize::from(typo.two_typos_word_len) {
            self.values_accepted(ONE_TYPO.build_prefix_dfa(text))
        } else {
            self.values_accepted(TWO_TYPOS.build_prefix_dfa(text))
        }
    }

    fn values_accepted(&mut self, automaton: impl Automaton) -> Result<()> {
        let tables = self.index.tables();
        let Some(words) = tables.facet_id_string_fst.get(self.rtxn, &self.fid)? else {
            return Ok(());
        };
        let mut stream = words.search(automaton).into_stream();
        while let Some(word) = stream.next() {
            let Ok(word) = std::str::from_utf8(word) else { continue };
            let key = (self.fid, word);
            let Some(values) = tables.facet_id_normalized_string_strings.get(self.rtxn, &key)?
            else {
                continue;
            };
            for value in
                serde_json::from_slice::<Vec<String>>(values).map_err(InternalError::from)?
            {
                let Some(node) = self.tree.value(value.as_bytes())? else { continue };
                let count = node.docids_in(self.candidates)?.len();
                if count > 0 && self.found(value.as_bytes(), &node.docids()?, count)? {
                    return Ok(());
                }
            }
        }
        Ok(())
    }

    /// Notes a value; tells whether no further one can enter.
    fn found(&mut self, value: &[u8], docids: &RoaringBitmap, count: u64) -> Result<bool> {
        let normalized = String::from_utf8_lossy(value);
        let value = original_spelling(self.index, self.rtxn, self.fid, &normalized, docids.min())?;
        Ok(self.hits.push(value, count))
    }
}

/// The hits that are kept: the first ones, or those with most documents.
enum Hits {
    First {
        hits: Vec<FacetHit>,
        limit: usize,
    },
    /// The worst hit is on top.
    Best {
        heap: BinaryHeap<Reverse<(u64, String)>>,
        limit: usize,
    },
}

impl Hits {
    fn new(order: FacetValuesSort, limit: usize) -> Self {
        match order {
            FacetValuesSort::Alpha => Hits::First { hits: Vec::new(), limit },
            FacetValuesSort::Count => Hits::Best { heap: BinaryHeap::new(), limit },
        }
    }

    /// Adds a hit if it is good enough; tells whether no further one can enter.
    fn push(&mut self, value: String, count: u64) -> bool {
        match self {
            Hits::First { hits, limit } => {
                if hits.len() < *limit {
                    hits.push(FacetHit { value, count });
                }
                hits.len() >= *limit
            }
            Hits::Best { heap, limit } => {
                if heap.len() < *limit {
                    heap.push(Reverse((count, value)));
                } else if let Some(mut worst) = heap.peek_mut()
                    && count >= worst.0.0
                {
                    *worst = Reverse((count, value));
                }
                *limit == 0
            }
        }
    }

    fn into_sorted(self) -> Vec<FacetHit> {
        match self {
            Hits::First { hits, .. } => hits,
            Hits::Best { heap, .. } => heap
                .into_sorted_vec()
                .into_iter()
                .map(|Reverse((count, value))| FacetHit { value, count })
                .collect(),
        }
    }
}
