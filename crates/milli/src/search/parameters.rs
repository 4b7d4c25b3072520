//! Parameters that name attributes, checked against the settings (search.md 21).

use meilisearch_types::error::{Code, ErrorCode};

use crate::facet::UnfilterableFacets;
use crate::schema::{PatternMatch, Schema};

/// A parameter that does not fit the settings of the index.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ParameterError {
    /// `distinct` names an attribute that is not filterable.
    #[error(
        "attribute `{attribute}` cannot make hits distinct, for it is not filterable; {allowed}"
    )]
    Distinct {
        /// The attribute.
        attribute: String,
        /// What could be distinct.
        allowed: AllowedAttributes,
    },
    /// `facets` holds entries that no filterable attribute accepts.
    #[error(
        "{} cannot be counted, for no filterable attribute matches; {allowed}",
        quoted(refused)
    )]
    Facets {
        /// The entries.
        refused: Vec<String>,
        /// What could be counted.
        allowed: AllowedAttributes,
    },
    /// `facetName` names an attribute whose values cannot be searched.
    #[error("the values of attribute `{attribute}` cannot be searched; {allowed}")]
    FacetName {
        /// The attribute.
        attribute: String,
        /// Attributes whose values can be searched.
        allowed: AllowedAttributes,
    },
    /// The setting `facetSearch` is off.
    #[error("facet values cannot be searched in this index: its setting `facetSearch` is off")]
    FacetSearchDisabled,
}

impl ErrorCode for ParameterError {
    fn error_code(&self) -> Code {
        match self {
            ParameterError::Distinct { .. } => Code::InvalidSearchDistinct,
            ParameterError::Facets { .. } => Code::InvalidSearchFacets,
            ParameterError::FacetName { .. } => Code::InvalidFacetSearchFacetName,
            ParameterError::FacetSearchDisabled => Code::FacetSearchDisabled,
        }
    }
}

/// The attributes that a parameter may name, for an error. Those that answers do not show are only
/// hinted at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AllowedAttributes {
    shown: Vec<String>,
    some_hidden: bool,
}

impl AllowedAttributes {
    /// Leaves out what answers do not show.
    pub fn new<'n>(schema: &Schema, names: impl IntoIterator<Item = &'n str>) -> Self {
        let (shown, hidden): (Vec<_>, Vec<_>) = names
            .into_iter()
            .map(str::to_owned)
            .partition(|name| schema.match_displayed(name) == PatternMatch::Match);
        Self { shown, some_hidden: !hidden.is_empty() }
    }

    /// All of them, displayed or not.
    fn all<'n>(names: impl IntoIterator<Item = &'n str>) -> Self {
        Self { shown: names.into_iter().map(str::to_owned).collect(), some_hidden: false }
    }
}

impl std::fmt::Display for AllowedAttributes {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match (self.shown.is_empty(), self.some_hidden) {
            (true, false) => f.write_str("this index allows no attribute here"),
            (true, true) => f.write_str("only attributes that are not displayed are allowed here"),
            (false, hidden) => {
                write!(f, "allowed are: {}", quoted(&self.shown))?;
                f.write_str(if hidden { " and some that are not displayed" } else { "" })
            }
        }
    }
}

/// Refuses a `distinct` parameter that is not filterable.
///
/// # Errors
/// [`ParameterError::Distinct`].
pub fn check_distinct(schema: &Schema, attribute: &str) -> Result<(), ParameterError> {
    if schema.filterable_features(attribute).is_filterable() {
        return Ok(());
    }
    let allowed = AllowedAttributes::new(schema, filterable_names(schema));
    Err(ParameterError::Distinct { attribute: attribute.to_owned(), allowed })
}

/// The error for refused entries of `facets`.
pub fn facets_error(schema: &Schema, refused: UnfilterableFacets) -> ParameterError {
    let allowed = AllowedAttributes::all(filterable_names(schema));
    ParameterError::Facets { refused: refused.refused, allowed }
}

/// Refuses a facet whose values cannot be searched.
///
/// # Errors
/// [`ParameterError::FacetSearchDisabled`] or [`ParameterError::FacetName`].
pub fn check_facet_name(schema: &Schema, attribute: &str) -> Result<(), ParameterError> {
    if !schema.facet_search {
        return Err(ParameterError::FacetSearchDisabled);
    }
    if schema.filterable_features(attribute).facet_search {
        return Ok(());
    }
    let searchable = schema.filterable.iter().filter(|rule| rule.features().facet_search);
    let names = searchable.flat_map(|rule| rule.names()).map(String::as_str);
    let allowed = AllowedAttributes::new(schema, names);
    Err(ParameterError::FacetName { attribute: attribute.to_owned(), allowed })
}

fn filterable_names(schema: &Schema) -> impl Iterator<Item = &str> {
    let filterable = schema.filterable.iter().filter(|rule| rule.features().is_filterable());
    filterable.flat_map(|rule| rule.names()).map(String::as_str)
}

fn quoted(names: &[String]) -> String {
    names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}
