//! Setting `filterableAttributes`: which attributes filters and facets may use, and how.

use deserr::{
    DeserializeError, Deserr, ErrorKind, IntoValue, Value, ValueKind, ValuePointerRef,
    take_cf_content,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// One rule: the name of an attribute, or patterns of names with what is allowed on them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum FilterableAttributesRule {
    /// One attribute with all features.
    Field(String),
    /// Patterns with chosen features.
    Pattern(FilterableAttributesPatterns),
}

/// The object form of a rule.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Deserr, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[deserr(rename_all = camelCase, deny_unknown_fields)]
pub struct FilterableAttributesPatterns {
    /// Names, each with a `*` at either end or not.
    pub attribute_patterns: Vec<String>,
    /// What is allowed on the attributes that match.
    #[serde(default)]
    #[deserr(default)]
    pub features: FilterableAttributesFeatures,
}

/// What is allowed on an attribute.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, Deserr, JsonSchema,
)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
#[deserr(rename_all = camelCase, deny_unknown_fields)]
pub struct FilterableAttributesFeatures {
    /// Search in its values.
    #[deserr(default)]
    #[schemars(default)]
    pub facet_search: bool,
    /// Operators of filters.
    #[deserr(default)]
    #[schemars(default)]
    pub filter: FilterFeatures,
}

/// Operators of filters that are allowed on an attribute.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Deserr, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
#[deserr(rename_all = camelCase, deny_unknown_fields)]
pub struct FilterFeatures {
    /// `=`, `!=`, `IN` and the like.
    #[deserr(default = FilterFeatures::default().equality)]
    #[schemars(default, extend("default" = FilterFeatures::default().equality))]
    pub equality: bool,
    /// `<`, `>`, `TO` and the like.
    #[deserr(default = FilterFeatures::default().comparison)]
    #[schemars(default, extend("default" = FilterFeatures::default().comparison))]
    pub comparison: bool,
}

impl Default for FilterFeatures {
    fn default() -> Self {
        FilterFeatures { equality: true, comparison: false }
    }
}

impl FilterableAttributesFeatures {
    /// Everything: what a bare attribute name stands for.
    pub fn all() -> Self {
        FilterableAttributesFeatures {
            facet_search: true,
            filter: FilterFeatures { equality: true, comparison: true },
        }
    }

    /// Whether filters may use the attribute at all.
    pub fn is_filterable(&self) -> bool {
        self.filter.equality || self.filter.comparison
    }
}

impl FilterableAttributesRule {
    /// What the rule allows on the attributes that match it.
    pub fn features(&self) -> FilterableAttributesFeatures {
        match self {
            FilterableAttributesRule::Field(_) => FilterableAttributesFeatures::all(),
            FilterableAttributesRule::Pattern(rule) => rule.features,
        }
    }

    /// The name, or the patterns.
    pub fn names(&self) -> &[String] {
        match self {
            FilterableAttributesRule::Field(name) => std::slice::from_ref(name),
            FilterableAttributesRule::Pattern(rule) => &rule.attribute_patterns,
        }
    }
}

impl<E: DeserializeError> Deserr<E> for FilterableAttributesRule {
    fn deserialize_from_value<V: IntoValue>(
        value: Value<V>,
        location: ValuePointerRef<'_>,
    ) -> Result<Self, E> {
        match value {
            Value::String(name) => Ok(FilterableAttributesRule::Field(name)),
            value @ Value::Map(_) => {
                Deserr::deserialize_from_value(value, location).map(Self::Pattern)
            }
            actual => Err(take_cf_content(E::error(
                None,
                ErrorKind::IncorrectValueKind {
                    actual,
                    accepted: &[ValueKind::String, ValueKind::Map],
                },
                location,
            ))),
        }
    }
}
