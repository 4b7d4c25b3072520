//! [`Schema`] × field path → the role of the field (indexing.md 6, storage-index.md 6.3 and 6.4).

use charabia::Language;
use meilisearch_types::settings::{
    FacetValuesSort, FilterFeatures, FilterableAttributesFeatures, FilterableAttributesRule,
};

use super::{PatternMatch, Schema, covers, match_name, match_names, match_patterns};

/// Fields that have a meaning of their own and no ordinary role.
const VECTORS: &str = "_vectors";
const GEO: &str = "_geo";
const GEOJSON: &str = "_geojson";

/// What a field that no filterable rule matches allows.
const NO_FEATURES: FilterableAttributesFeatures = FilterableAttributesFeatures {
    facet_search: false,
    filter: FilterFeatures { equality: false, comparison: false },
};

/// Whether a field is `_vectors`, `_geo`, `_geojson` or lies below one of them.
pub fn is_reserved(field: &str) -> bool {
    [VECTORS, GEO, GEOJSON].iter().any(|name| covers(name, field))
}

/// What the facet databases keep of a field.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FacetRole {
    /// The field's values are in the facet databases.
    pub faceted: bool,
    /// Something below the field may be faceted: descend.
    pub parent: bool,
    /// Null and empty values are kept too.
    pub filterable: bool,
    /// Values can be searched by `facet-search`, if the setting is on.
    pub facet_search: bool,
    /// String trees have levels above 0: the field is compared or sorted.
    pub string_levels: bool,
}

impl Schema {
    /// Weight of a field that is searched: the position of the first entry of the list that covers
    /// it, 0 when there is no list; `None` when it is not searched.
    pub fn searchable_weight(&self, field: &str) -> Option<u16> {
        if is_reserved(field) {
            return None;
        }
        match &self.searchable {
            None => Some(0),
            Some(list) => list
                .iter()
                .position(|name| covers(name, field))
                .map(|at| u16::try_from(at).unwrap_or(u16::MAX)),
        }
    }

    /// Whether the field is searched, or only descended into.
    pub fn match_searchable(&self, field: &str) -> PatternMatch {
        match &self.searchable {
            _ if is_reserved(field) => PatternMatch::None,
            None => PatternMatch::Match,
            Some(list) => match_names(list.iter().map(String::as_str), field),
        }
    }

    /// Whether words of the field take no typo.
    pub fn is_exact(&self, field: &str) -> bool {
        self.typo.exact_attributes.iter().any(|name| covers(name, field))
    }

    /// Whether the points of documents are indexed.
    pub fn indexes_points(&self) -> bool {
        self.sortable.contains(GEO) || self.is_plainly_filterable(GEO)
    }

    /// Whether the shapes of documents are indexed.
    pub fn indexes_shapes(&self) -> bool {
        self.is_plainly_filterable(GEOJSON)
    }

    /// Whether a filterable rule is just the name of the field: patterns do not count.
    pub(crate) fn is_plainly_filterable(&self, field: &str) -> bool {
        let is_field = |rule: &FilterableAttributesRule| matches!(rule, FilterableAttributesRule::Field(name) if name == field);
        self.filterable.iter().any(is_field)
    }

    /// Whether answers show the field.
    pub fn match_displayed(&self, field: &str) -> PatternMatch {
        match &self.displayed {
            None => PatternMatch::Match,
            Some(list) => match_names(list.iter().map(String::as_str), field),
        }
    }

    /// Whether results can be sorted on the field.
    pub fn match_sortable(&self, field: &str) -> PatternMatch {
        if covers(VECTORS, field) || covers(GEOJSON, field) {
            return PatternMatch::None;
        }
        match_names(self.sortable.iter().map(String::as_str), field)
    }

    /// Whether a ranking rule `field:asc` or `field:desc` names the field; fields below it are only
    /// descended into, and so are fields above.
    pub fn match_asc_desc(&self, field: &str) -> PatternMatch {
        self.criteria
            .iter()
            .filter_map(|rule| rule.sorted_field())
            .map(|name| equal_or_walked(name, field))
            .max()
            .unwrap_or(PatternMatch::None)
    }

    /// Whether the field is the distinct attribute.
    pub fn match_distinct(&self, field: &str) -> PatternMatch {
        match &self.distinct {
            _ if is_reserved(field) => PatternMatch::None,
            Some(name) if name == field => PatternMatch::Match,
            Some(name) if covers(field, name) => PatternMatch::Parent,
            _ => PatternMatch::None,
        }
    }

    /// The first filterable rule that matches the field, as its position and features.
    pub fn filterable_rule(&self, field: &str) -> Option<(usize, FilterableAttributesFeatures)> {
        if covers(VECTORS, field) {
            return None;
        }
        self.filterable.iter().enumerate().find_map(|(at, rule)| {
            (match_filterable_rule(rule, field) == PatternMatch::Match)
                .then(|| (at, rule.features()))
        })
    }

    /// The features of the field's filterable rule, all off when no rule matches.
    pub fn filterable_features(&self, field: &str) -> FilterableAttributesFeatures {
        self.filterable_rule(field).map_or(NO_FEATURES, |(_, features)| features)
    }

    /// Whether some filterable rule with a feature reaches below the field.
    fn is_filterable_parent(&self, field: &str) -> bool {
        !covers(VECTORS, field)
            && self.filterable.iter().any(|rule| {
                let features = rule.features();
                (features.is_filterable() || features.facet_search)
                    && match_filterable_rule(rule, field) != PatternMatch::None
            })
    }

    /// What the facet databases keep of the field. Of a place they keep the coordinates while points are
    /// indexed, whatever rules match them; of a shape nothing.
    pub fn facet_role(&self, field: &str) -> FacetRole {
        if covers(GEO, field) || covers(GEOJSON, field) {
            let faceted = covers(GEO, field) && self.indexes_points();
            return FacetRole { faceted, ..FacetRole::default() };
        }
        let features = self.filterable_features(field);
        let (sortable, asc_desc, distinct) =
            (self.match_sortable(field), self.match_asc_desc(field), self.match_distinct(field));
        let is = |role: PatternMatch| role == PatternMatch::Match;
        FacetRole {
            faceted: is(sortable)
                || is(asc_desc)
                || is(distinct)
                || features.is_filterable()
                || features.facet_search,
            parent: [sortable, asc_desc, distinct].iter().any(|role| *role != PatternMatch::None)
                || self.is_filterable_parent(field),
            filterable: features.is_filterable(),
            facet_search: features.facet_search,
            string_levels: is(sortable) || is(asc_desc) || features.filter.comparison,
        }
    }

    /// Languages of the first rule that matches the field.
    pub fn locales(&self, field: &str) -> Option<&[Language]> {
        self.localized.as_ref()?.iter().find_map(|rule| {
            let patterns = rule.attribute_patterns.iter().map(String::as_str);
            (match_patterns(patterns, field) == PatternMatch::Match).then_some(&rule.locales[..])
        })
    }

    /// Order of the values of a facet in answers.
    pub fn facet_order(&self, field: &str) -> FacetValuesSort {
        let orders = &self.sort_facet_values_by;
        orders.get(field).or_else(|| orders.get("*")).copied().unwrap_or_default()
    }
}

/// Whether one filterable rule gives its features to the field.
pub(crate) fn match_filterable_rule(rule: &FilterableAttributesRule, field: &str) -> PatternMatch {
    match rule {
        FilterableAttributesRule::Field(name) => match_name(name, field),
        FilterableAttributesRule::Pattern(rule) => {
            match_patterns(rule.attribute_patterns.iter().map(String::as_str), field)
        }
    }
}

fn equal_or_walked(name: &str, field: &str) -> PatternMatch {
    if is_reserved(field) {
        PatternMatch::None
    } else if name == field {
        PatternMatch::Match
    } else if covers(name, field) || covers(field, name) {
        PatternMatch::Parent
    } else {
        PatternMatch::None
    }
}

#[cfg(test)]
mod tests {
    use meilisearch_types::settings::FilterableAttributesPatterns;

    use super::*;
    use crate::schema::Criterion;

    fn schema() -> Schema {
        let dir = tempfile::tempdir().unwrap();
        let options = crate::OpenOptions { map_size: 10 << 20, max_readers: 4, write_map: false };
        let now = time::OffsetDateTime::now_utc();
        let index = crate::Index::create(dir.path(), &options, now, now).unwrap();
        let rtxn = index.read_txn().unwrap();
        Schema::load(&index, &rtxn).unwrap()
    }

    fn patterns(
        patterns: &[&str],
        features: FilterableAttributesFeatures,
    ) -> FilterableAttributesRule {
        FilterableAttributesRule::Pattern(FilterableAttributesPatterns {
            attribute_patterns: patterns.iter().map(|&pattern| pattern.into()).collect(),
            features,
        })
    }

    #[test]
    fn defaults_search_all_but_reserved_fields() {
        let schema = schema();
        assert_eq!(schema.searchable_weight("a.b"), Some(0));
        for reserved in ["_vectors", "_vectors.x", "_geo", "_geo.lat", "_geojson"] {
            assert_eq!(schema.searchable_weight(reserved), None, "{reserved}");
        }
        assert_eq!(schema.searchable_weight("_geometry"), Some(0));
        assert_eq!(schema.facet_role("a"), FacetRole::default());
    }

    #[test]
    fn the_first_entry_that_covers_a_field_gives_the_weight() {
        let list = ["title", "dog.name", "dog"].map(String::from).to_vec();
        let schema = Schema { searchable: Some(list), ..schema() };
        assert_eq!(schema.searchable_weight("title"), Some(0));
        assert_eq!(schema.searchable_weight("dog.name.first"), Some(1));
        assert_eq!(schema.searchable_weight("dog.age"), Some(2));
        assert_eq!(schema.searchable_weight("cat"), None);
        assert_eq!(schema.match_searchable("dog"), PatternMatch::Match);
    }

    #[test]
    fn the_first_filterable_rule_that_matches_decides() {
        let none = FilterableAttributesFeatures {
            facet_search: false,
            filter: FilterFeatures { equality: false, comparison: false },
        };
        let rules = vec![
            patterns(&["*_secret"], none),
            FilterableAttributesRule::Field("user".into()),
            patterns(&["price.*"], FilterableAttributesFeatures::default()),
        ];
        let schema = Schema { filterable: rules, ..schema() };
        assert!(!schema.facet_role("user_secret").faceted);
        let user = schema.facet_role("user.name");
        assert!(user.faceted && user.filterable && user.facet_search && user.string_levels);
        let price = schema.facet_role("price.eur");
        assert!(price.faceted && !price.facet_search && !price.string_levels);
        let price = schema.facet_role("price");
        assert!(!price.faceted);
        assert!(!schema.facet_role("prices").parent);
    }

    #[test]
    fn asc_rules_reach_their_field_only() {
        let criteria = vec![Criterion::Asc("release.year".into())];
        let schema = Schema { criteria, ..schema() };
        assert!(schema.facet_role("release.year").faceted);
        let below = schema.facet_role("release.year.exact");
        assert!(!below.faceted && below.parent);
        let above = schema.facet_role("release");
        assert!(!above.faceted && above.parent);
    }
}
