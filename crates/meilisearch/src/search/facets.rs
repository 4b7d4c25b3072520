//! Counts of facet values of one index, and the merge of several (search.md 14 and 19.5).

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use meilisearch_types::error::{Code, ResponseError};
use meilisearch_types::settings::FacetValuesSort;
use milli::facet::{self, FacetCounts, FacetStats};
use milli::search::parameters::facets_error;
use milli::{FieldsIdsMap, Index, RoTxn, Schema};
use roaring::RoaringBitmap;
use schemars::JsonSchema;
use serde::Serialize;

use super::in_index;
use super::multi::MergeFacets;

/// The facets of one index.
#[derive(Debug, Clone, Default, PartialEq, Serialize, JsonSchema)]
pub(crate) struct Facets {
    /// For each facet, its values with the number of documents.
    pub(crate) distribution: BTreeMap<String, FacetCounts>,
    /// For each facet, its smallest and its greatest number.
    pub(crate) stats: BTreeMap<String, FacetStats>,
    /// Order of the values of each facet.
    #[serde(skip)]
    orders: BTreeMap<String, FacetValuesSort>,
}

/// Counts the values that `patterns` select among the candidates.
///
/// # Errors
/// `invalid_search_facets`, or unreadable storage.
pub(super) fn count(
    uid: &str,
    index: &Index,
    rtxn: &RoTxn<'_>,
    schema: &Schema,
    fields: &FieldsIdsMap,
    patterns: &[String],
    candidates: &RoaringBitmap,
) -> Result<Facets, ResponseError> {
    let selected = facet::select(schema, fields, patterns)
        .map_err(|refused| in_index(uid, facets_error(schema, refused)))?;
    let engine = |error| in_index(uid, error);
    Ok(Facets {
        distribution: facet::distribution(index, rtxn, schema, &selected, candidates)
            .map_err(engine)?,
        stats: facet::stats(index, rtxn, &selected, candidates).map_err(engine)?,
        orders: selected
            .into_keys()
            .map(|name| {
                let order = schema.facet_order(&name);
                (name, order)
            })
            .collect(),
    })
}

/// Adds up the facets of all indexes.
///
/// # Errors
/// `invalid_multi_search_facet_order` when two indexes order the values of a facet differently.
pub(super) fn merge(
    by_index: BTreeMap<String, Facets>,
    limits: MergeFacets,
) -> Result<Facets, ResponseError> {
    let mut merged = Facets::default();
    for (uid, facets) in by_index {
        for (name, order) in facets.orders {
            match merged.orders.entry(name) {
                Entry::Vacant(entry) => {
                    entry.insert(order);
                }
                Entry::Occupied(entry) if *entry.get() == order => {}
                Entry::Occupied(entry) => {
                    let message = format!(
                        "The index `{uid}` orders the values of the facet `{}` unlike the indexes before it. \
                         Give it the same `faceting.sortFacetValuesBy`, or leave `mergeFacets` out.",
                        entry.key()
                    );
                    return Err(ResponseError::from_msg(
                        message,
                        Code::InvalidMultiSearchFacetOrder,
                    ));
                }
            }
        }
        for (name, counts) in facets.distribution {
            let sums = merged.distribution.entry(name).or_default();
            for (value, count) in counts {
                *sums.entry(value).or_default() += count;
            }
        }
        for (name, FacetStats { min, max }) in facets.stats {
            let stats = merged.stats.entry(name).or_insert(FacetStats { min, max });
            *stats = FacetStats { min: stats.min.min(min), max: stats.max.max(max) };
        }
    }
    for (name, counts) in &mut merged.distribution {
        match merged.orders.get(name).copied().unwrap_or_default() {
            FacetValuesSort::Alpha => counts.sort_keys(),
            FacetValuesSort::Count => counts.sort_by(|_, mine, _, other| other.cmp(mine)),
        }
        counts.truncate(limits.max_values_per_facet.unwrap_or(usize::MAX));
    }
    Ok(merged)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facets(order: FacetValuesSort, counts: &[(&str, u64)], stats: (f64, f64)) -> Facets {
        let counts = counts.iter().map(|(value, count)| ((*value).to_owned(), *count)).collect();
        Facets {
            distribution: [("f".to_owned(), counts)].into(),
            stats: [("f".to_owned(), FacetStats { min: stats.0, max: stats.1 })].into(),
            orders: [("f".to_owned(), order)].into(),
        }
    }

    fn merged(order: FacetValuesSort, limit: Option<usize>) -> String {
        let by_index = BTreeMap::from([
            ("a".to_owned(), facets(order, &[("x", 1), ("b", 2)], (1.0, 4.0))),
            ("b".to_owned(), facets(order, &[("C", 9), ("x", 4)], (0.5, 2.0))),
        ]);
        let limits = MergeFacets { max_values_per_facet: limit };
        serde_json::to_string(&merge(by_index, limits).unwrap()).unwrap()
    }

    #[test]
    fn counts_are_summed_and_ordered() {
        use FacetValuesSort::{Alpha, Count};
        insta::assert_snapshot!(merged(Alpha, None), @r#"{"distribution":{"f":{"C":9,"b":2,"x":5}},"stats":{"f":{"min":0.5,"max":4.0}}}"#);
        insta::assert_snapshot!(merged(Count, Some(2)), @r#"{"distribution":{"f":{"C":9,"x":5}},"stats":{"f":{"min":0.5,"max":4.0}}}"#);
    }

    #[test]
    fn orders_must_agree() {
        let by_index = BTreeMap::from([
            ("a".to_owned(), facets(FacetValuesSort::Alpha, &[], (0.0, 0.0))),
            ("b".to_owned(), facets(FacetValuesSort::Count, &[], (0.0, 0.0))),
        ]);
        let error = merge(by_index, MergeFacets { max_values_per_facet: None }).unwrap_err();
        assert_eq!(error.code(), "invalid_multi_search_facet_order");
    }
}
