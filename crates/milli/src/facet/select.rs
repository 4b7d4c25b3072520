//! Patterns of the `facets` parameter → the fields whose values are counted (search.md 14.1).

use std::collections::BTreeMap;

use crate::schema::{
    FieldId, FieldsIdsMap, PatternMatch, Schema, covers, match_filterable_rule, match_pattern,
    pattern_fits,
};

/// Entries of `facets` that no filterable attribute accepts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnfilterableFacets {
    /// The refused entries, in the order given.
    pub refused: Vec<String>,
}

/// The known fields that `patterns` select, in byte order of their names.
///
/// # Errors
/// Some pattern meets no filterable attribute.
pub fn select(
    schema: &Schema,
    fields: &FieldsIdsMap,
    patterns: &[String],
) -> Result<BTreeMap<String, FieldId>, UnfilterableFacets> {
    let refused: Vec<_> =
        patterns.iter().filter(|pattern| !is_accepted(schema, pattern)).cloned().collect();
    if !refused.is_empty() {
        return Err(UnfilterableFacets { refused });
    }

    let is_filterable = |name: &str| schema.filterable_features(name).is_filterable();
    let named: Vec<_> = fields
        .iter()
        .map(|(_, name)| name)
        .filter(|name| patterns.iter().any(|pattern| pattern_fits(pattern, name)))
        .filter(|name| is_filterable(name))
        .collect();
    Ok(fields
        .iter()
        .filter(|(_, name)| named.iter().any(|parent| covers(parent, name)) && is_filterable(name))
        .map(|(fid, name)| (name.to_owned(), fid))
        .collect())
}

/// Whether the first rule that concerns the pattern makes something of it filterable.
fn is_accepted(schema: &Schema, pattern: &str) -> bool {
    for rule in &schema.filterable {
        let of_pattern = match_filterable_rule(rule, pattern);
        if rule.features().is_filterable() {
            if of_pattern != PatternMatch::None
                || rule.names().iter().any(|name| meets(pattern, name))
            {
                return true;
            }
        } else if of_pattern == PatternMatch::Match {
            return false;
        }
    }
    false
}

fn meets(pattern: &str, rule_name: &str) -> bool {
    match_pattern(pattern, rule_name) != PatternMatch::None
}
