//! How many candidates have each value of a field, and the extremes of its numbers
//! (search.md 14.2 and 14.3).

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};

use heed::types::{Bytes, Str};
use indexmap::IndexMap;
use meilisearch_types::settings::FacetValuesSort;
use roaring::RoaringBitmap;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::order::{Direction, TreeWalk, number_extremes};
use super::tree::{FacetTree, Node};
use super::{DOCUMENT_PREFIX_BYTES, FacetValue, document_prefix, original_spelling};
use crate::error::{InternalError, Result};
use crate::schema::{FieldId, Schema};
use crate::store::{Index, RoTxn};

/// Up to so many candidates, values are read document by document instead of from the tree.
const MAX_CANDIDATES_READ_ONE_BY_ONE: u64 = 3000;

/// Values as they are shown, each with its number of documents, in the order of the answer.
pub type FacetCounts = IndexMap<String, u64>;

/// Extremes of the numbers of a field.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct FacetStats {
    /// Smallest number.
    pub min: f64,
    /// Greatest number.
    pub max: f64,
}

/// Counts the values of the selected fields among the candidates.
pub fn distribution(
    index: &Index,
    rtxn: &RoTxn<'_>,
    schema: &Schema,
    fields: &BTreeMap<String, FieldId>,
    candidates: &RoaringBitmap,
) -> Result<BTreeMap<String, FacetCounts>> {
    fields
        .iter()
        .map(|(name, &fid)| {
            let limit = schema.max_values_per_facet;
            let field = Field { index, rtxn, fid, candidates, limit };
            let counts = match schema.facet_order(name) {
                _ if limit == 0 => FacetCounts::new(),
                FacetValuesSort::Count => field.most_frequent()?,
                FacetValuesSort::Alpha if candidates.len() <= MAX_CANDIDATES_READ_ONE_BY_ONE => {
                    field.of_documents()?
                }
                FacetValuesSort::Alpha => field.first_in_order()?,
            };
            Ok((name.clone(), counts))
        })
        .collect()
}

/// The extremes of the selected fields that have numbers among the candidates.
pub fn stats(
    index: &Index,
    rtxn: &RoTxn<'_>,
    fields: &BTreeMap<String, FieldId>,
    candidates: &RoaringBitmap,
) -> Result<BTreeMap<String, FacetStats>> {
    let mut stats = BTreeMap::new();
    for (name, &fid) in fields {
        if let Some((min, max)) = number_extremes(index, rtxn, fid, candidates)? {
            stats.insert(name.clone(), FacetStats { min, max });
        }
    }
    Ok(stats)
}

/// One field whose values are counted.
struct Field<'c, 't> {
    index: &'c Index,
    rtxn: &'t RoTxn<'t>,
    fid: FieldId,
    candidates: &'c RoaringBitmap,
    limit: usize,
}

impl<'t> Field<'_, 't> {
    fn trees(&self) -> [FacetTree<'t>; 2] {
        [
            FacetTree::numbers(self.index, self.rtxn, self.fid),
            FacetTree::strings(self.index, self.rtxn, self.fid),
        ]
    }

    /// Reads the values of each candidate. Numbers sort as text here.
    fn of_documents(&self) -> Result<FacetCounts> {
        let tables = self.index.tables();
        let number_keys = tables.field_id_docid_facet_f64s.remap_types::<Bytes, Bytes>();
        let strings = tables.field_id_docid_facet_strings.remap_types::<Bytes, Str>();

        let mut numbers_found: BTreeMap<&[u8], u64> = BTreeMap::new();
        // Normalised value → the spelling met first, and the count.
        let mut strings_found: BTreeMap<&[u8], (&str, u64)> = BTreeMap::new();
        for docid in self.candidates {
            let prefix = document_prefix(self.fid, docid);
            for entry in number_keys.prefix_iter(self.rtxn, &prefix)? {
                let (key, _) = entry?;
                *numbers_found.entry(value_of(key)?).or_default() += 1;
            }
            for entry in strings.prefix_iter(self.rtxn, &prefix)? {
                let (key, spelling) = entry?;
                strings_found.entry(value_of(key)?).or_insert((spelling, 0)).1 += 1;
            }
        }

        let [number_tree, _] = self.trees();
        let by_text = numbers_found
            .into_iter()
            .map(|(bound, count)| Ok((number_text(number_tree, bound)?, count)))
            .collect::<Result<BTreeMap<String, u64>>>()?;
        let mut counts: FacetCounts = by_text.into_iter().take(self.limit).collect();
        let strings_allowed = self.limit - counts.len();
        for (spelling, count) in strings_found.into_values().take(strings_allowed) {
            counts.insert(spelling.to_owned(), count);
        }
        Ok(counts)
    }

    /// Walks both trees in the order of their values.
    fn first_in_order(&self) -> Result<FacetCounts> {
        let mut counts = FacetCounts::new();
        for tree in self.trees() {
            let mut walk = TreeWalk::new(tree, Direction::Ascending)?;
            while let Some((bound, docids)) = walk.next_in(self.candidates)? {
                if self.count(&mut counts, tree, bound, &docids)? {
                    break;
                }
            }
        }
        Ok(counts)
    }

    /// Walks both trees best first: the node with most documents is opened, or counted, next.
    fn most_frequent(&self) -> Result<FacetCounts> {
        let mut counts = FacetCounts::new();
        for tree in self.trees() {
            let mut heap = BinaryHeap::new();
            let push = |heap: &mut BinaryHeap<_>, node: Node<'t>| -> Result<()> {
                let docids = node.docids_in(self.candidates)?;
                if !docids.is_empty() {
                    heap.push(Candidate {
                        rank: (docids.len(), Reverse(node.level), node.bound),
                        size: node.size,
                        docids,
                    });
                }
                Ok(())
            };
            if let Some(level) = tree.highest_level()? {
                for node in tree.nodes(level, &[], None)? {
                    push(&mut heap, node?)?;
                }
            }
            while let Some(best) = heap.pop() {
                let (_, Reverse(level), bound) = best.rank;
                if level == 0 {
                    if self.count(&mut counts, tree, bound, &best.docids)? {
                        break;
                    }
                } else {
                    for node in tree.nodes(level - 1, bound, None)?.take(best.size.into()) {
                        push(&mut heap, node?)?;
                    }
                }
            }
        }
        Ok(counts)
    }

    /// Notes one value. Tells whether the limit is reached exactly: a walk that starts beyond that
    /// point is never stopped, as clients know it.
    fn count(
        &self,
        counts: &mut FacetCounts,
        tree: FacetTree<'_>,
        bound: &[u8],
        docids: &RoaringBitmap,
    ) -> Result<bool> {
        let text = match tree.decode(bound)? {
            FacetValue::Number(number) => number.to_string(),
            FacetValue::String(normalized) => {
                original_spelling(self.index, self.rtxn, self.fid, &normalized, docids.min())?
            }
        };
        counts.insert(text, docids.len());
        Ok(counts.len() == self.limit)
    }
}

/// A node that waits for its turn; the order is (documents, lower level, larger bound).
struct Candidate<'t> {
    rank: (u64, Reverse<u8>, &'t [u8]),
    size: u8,
    docids: RoaringBitmap,
}

impl Ord for Candidate<'_> {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.rank.cmp(&other.rank)
    }
}

impl PartialOrd for Candidate<'_> {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Candidate<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.rank == other.rank
    }
}

impl Eq for Candidate<'_> {}

/// The value in a per-document key.
fn value_of(key: &[u8]) -> Result<&[u8]> {
    let too_short = || InternalError::Inconsistent("a facet of a document has a short key".into());
    Ok(key.get(DOCUMENT_PREFIX_BYTES..).ok_or_else(too_short)?)
}

fn number_text(tree: FacetTree<'_>, bound: &[u8]) -> Result<String> {
    Ok(match tree.decode(bound)? {
        FacetValue::Number(number) => number.to_string(),
        FacetValue::String(text) => text,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facet::testing::TestIndex;

    /// Documents 0 to 5; `size` holds numbers and texts.
    fn counts(order: FacetValuesSort, limit: usize, by_document: bool) -> String {
        let test = TestIndex::new();
        let fields = BTreeMap::from([("size".to_owned(), 0)]);
        test.numbers(0, &[(10.0, &[0, 1]), (2.0, &[2]), (1.0, &[3, 4])]);
        test.strings(0, &[("Big", &[1, 2, 3]), ("10", &[4]), ("big ", &[0]), ("a", &[5])]);
        let rtxn = test.index.read_txn().unwrap();
        let mut schema = Schema::load(&test.index, &rtxn).unwrap();
        schema.sort_facet_values_by.insert("*".to_owned(), order);
        schema.max_values_per_facet = limit;
        // Beyond the bound of reading one by one, with documents that have no value.
        let candidates = if by_document { (0..6).collect() } else { (0..6000).collect() };
        let counts = distribution(&test.index, &rtxn, &schema, &fields, &candidates).unwrap();
        serde_json::to_string(&counts["size"]).unwrap()
    }

    #[test]
    fn alphabetic_order() {
        use FacetValuesSort::Alpha;
        // The text `10` overwrites the number's count; few candidates sort numbers as text.
        insta::assert_snapshot!(counts(Alpha, 9, true), @r#"{"1":2,"10":1,"2":1,"a":1,"big ":4}"#);
        insta::assert_snapshot!(counts(Alpha, 4, true), @r#"{"1":2,"10":1,"2":1}"#);
        insta::assert_snapshot!(counts(Alpha, 9, false), @r#"{"1":2,"2":1,"10":1,"a":1,"big ":4}"#);
        insta::assert_snapshot!(counts(Alpha, 4, false), @r#"{"1":2,"2":1,"10":1,"a":1}"#);
        insta::assert_snapshot!(counts(Alpha, 0, true), @"{}");
    }

    #[test]
    fn order_by_count() {
        use FacetValuesSort::Count;
        insta::assert_snapshot!(counts(Count, 9, true), @r#"{"10":1,"1":2,"2":1,"big ":4,"a":1}"#);
        // The numbers alone go up to the limit, so the strings are not stopped until they meet it.
        insta::assert_snapshot!(counts(Count, 2, true), @r#"{"10":1,"1":2,"big ":4,"a":1}"#);
    }

    #[test]
    fn a_walk_over_many_levels_counts_as_a_sort_does() {
        let test = TestIndex::new();
        let docids: Vec<Vec<u32>> = (0..100u32).map(|n| (0..n * 7 % 13).collect()).collect();
        let values: Vec<_> = (0u32..).map(f64::from).zip(docids.iter().map(|d| &d[..])).collect();
        test.numbers(0, &values);
        let rtxn = test.index.read_txn().unwrap();
        let mut schema = Schema::load(&test.index, &rtxn).unwrap();
        schema.sort_facet_values_by.insert("n".to_owned(), FacetValuesSort::Count);
        schema.max_values_per_facet = 30;
        let fields = BTreeMap::from([("n".to_owned(), 0)]);
        let candidates = (3..9).collect();
        let counts = &distribution(&test.index, &rtxn, &schema, &fields, &candidates).unwrap()["n"];
        let mut expected: Vec<u64> = docids
            .iter()
            .map(|docids| docids.iter().filter(|&&docid| (3..9).contains(&docid)).count() as u64)
            .collect();
        expected.sort_by_key(|&count| Reverse(count));
        expected.truncate(30);
        assert_eq!(counts.values().copied().collect::<Vec<_>>(), expected);
    }
}
