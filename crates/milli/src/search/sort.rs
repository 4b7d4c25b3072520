//! The `sort` parameter: texts such as `price:asc` → criteria that the index can sort by
//! (search.md 16).

use meilisearch_types::error::{Code, ErrorCode};

use super::keyword::{SortBy, SortCriterion};
use super::parameters::AllowedAttributes;
use crate::document::{GEO_FIELD, GeoPoint};
use crate::geo::DistanceCriterion;
use crate::schema::{Criterion, PatternMatch, Schema};

/// Names that mean a place, not a field.
const RESERVED: [&str; 7] = [
    "_geo",
    "_geojson",
    "_geoDistance",
    "_geoPoint",
    "_geoRadius",
    "_geoBoundingBox",
    "_geoPolygon",
];
/// Beginnings that mean a place, not a field.
const RESERVED_CALLS: [&str; 4] = ["_geoRadius(", "_geoBoundingBox(", "_geo(", "_geoDistance("];
const GEO_POINT: &str = "_geoPoint(";

/// A sort that cannot be done.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum SortError {
    /// The text has no direction.
    #[error("`{0}` is no sort criterion: write `attribute:asc` or `attribute:desc`")]
    Syntax(String),
    /// The name means a place.
    #[error(
        "`{0}` cannot be sorted by: sort by distance with `_geoPoint(latitude, longitude):asc`"
    )]
    Reserved(String),
    /// The point is no place on Earth.
    #[error(
        "`{0}` is no place: write `_geoPoint(latitude, longitude)`, a latitude from -90 to 90 and a longitude from -180 to 180"
    )]
    NoPlace(String),
    /// The ranking rules leave no place for the parameter.
    #[error("the `sort` parameter needs the rule `sort` in the setting `rankingRules`")]
    NoSortRule,
    /// The attribute is not sortable.
    #[error("attribute `{attribute}` is not sortable; {allowed}")]
    NotSortable {
        /// The attribute.
        attribute: String,
        /// What could be sorted by.
        allowed: AllowedAttributes,
    },
}

impl ErrorCode for SortError {
    fn error_code(&self) -> Code {
        Code::InvalidSearchSort
    }
}

/// The criteria of a `sort` parameter; only their form has been looked at.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct SortParameter {
    criteria: Vec<SortBy>,
}

impl SortParameter {
    /// Reads the texts.
    ///
    /// # Errors
    /// A text without direction, or a name that means a place.
    pub fn parse(texts: &[String]) -> Result<Self, SortError> {
        Ok(Self { criteria: texts.iter().map(|text| parse_one(text)).collect::<Result<_, _>>()? })
    }

    /// The criteria, if the settings of the index allow them.
    ///
    /// # Errors
    /// The ranking rules lack `sort`, or an attribute is not sortable.
    pub fn checked(&self, schema: &Schema) -> Result<&[SortBy], SortError> {
        if !self.criteria.is_empty() && !schema.criteria.contains(&Criterion::Sort) {
            return Err(SortError::NoSortRule);
        }
        self.sortable(schema)
    }

    /// The criteria, if their attributes are sortable, whatever the ranking rules.
    ///
    /// # Errors
    /// An attribute is not sortable.
    pub fn sortable(&self, schema: &Schema) -> Result<&[SortBy], SortError> {
        for criterion in &self.criteria {
            match criterion {
                SortBy::Field(criterion) => check_sortable(&criterion.field, schema)?,
                SortBy::Distance(_) => check_sortable(GEO_FIELD, schema)?,
            }
        }
        Ok(&self.criteria)
    }

    /// The criteria as they were read, for comparing the rules of several queries.
    pub fn unchecked(&self) -> &[SortBy] {
        &self.criteria
    }
}

/// The first place of a `sort` parameter that is written with digits, signs and points only: hits tell
/// their distance from it (search.md 16).
pub fn first_place(texts: &[String]) -> Option<GeoPoint> {
    let coordinate = |text: &str| {
        let text = text.trim();
        let is_plain = |c: char| c.is_ascii_digit() || matches!(c, '.' | '-');
        text.chars().all(is_plain).then(|| text.parse().ok()).flatten()
    };
    let place = |call: &str| {
        let (lat, lng) = call.split_once(')')?.0.split_once(',')?;
        Some(GeoPoint { lat: coordinate(lat)?, lng: coordinate(lng)? })
    };
    texts.iter().find_map(|text| text.split(GEO_POINT).skip(1).find_map(place))
}

fn parse_one(text: &str) -> Result<SortBy, SortError> {
    let (name, ascending) = match text.rsplit_once(':') {
        Some((name, "asc")) => (name, true),
        Some((name, "desc")) => (name, false),
        _ => return Err(SortError::Syntax(text.to_owned())),
    };
    if let Some(point) = name.strip_prefix(GEO_POINT) {
        let from = point.strip_suffix(')').and_then(place);
        return match from {
            Some(from) => Ok(SortBy::Distance(DistanceCriterion { from, ascending })),
            None => Err(SortError::NoPlace(name.to_owned())),
        };
    }
    if RESERVED.contains(&name) || RESERVED_CALLS.iter().any(|call| name.starts_with(call)) {
        return Err(SortError::Reserved(name.to_owned()));
    }
    Ok(SortBy::Field(SortCriterion { field: name.to_owned(), ascending }))
}

fn place(point: &str) -> Option<GeoPoint> {
    let within = |text: &str, limit: f64| {
        text.trim().parse().ok().filter(|value| (-limit..=limit).contains(value))
    };
    let (lat, lng) = point.split_once(',')?;
    Some(GeoPoint { lat: within(lat, 90.0)?, lng: within(lng, 180.0)? })
}

fn check_sortable(attribute: &str, schema: &Schema) -> Result<(), SortError> {
    if schema.match_sortable(attribute) == PatternMatch::Match {
        return Ok(());
    }
    let allowed = AllowedAttributes::new(schema, schema.sortable.iter().map(String::as_str));
    Err(SortError::NotSortable { attribute: attribute.to_owned(), allowed })
}

/// Splits the `sort` parameter of a query string: commas separate, but not those of a `_geoPoint`.
pub fn split_sort(parameter: &str) -> Vec<String> {
    let mut parts: Vec<String> = Vec::new();
    for part in parameter.trim_matches('"').split(',') {
        match parts.last_mut() {
            Some(open) if open.starts_with(GEO_POINT) && !open.contains(')') => {
                open.push(',');
                open.push_str(part);
            }
            _ => parts.push(part.trim().to_owned()),
        }
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms() {
        let parsed = |text: &str| SortParameter::parse(&[text.to_owned()]);
        let criteria = |text: &str| parsed(text).map(|p| p.criteria);
        let field = |name: &str, ascending| {
            Ok(vec![SortBy::Field(SortCriterion { field: name.to_owned(), ascending })])
        };
        assert_eq!(criteria("price:asc"), field("price", true));
        assert_eq!(criteria("a:b:desc"), field("a:b", false));
        let from = GeoPoint { lat: 1.0, lng: -2.5 };
        let distance = DistanceCriterion { from, ascending: true };
        assert_eq!(criteria("_geoPoint(1, -2.5):asc"), Ok(vec![SortBy::Distance(distance)]));
        for wrong in ["price", "price:ASC", "", "price:", ":", "price:up"] {
            assert!(matches!(parsed(wrong), Err(SortError::Syntax(_))), "{wrong}");
        }
        for wrong in ["_geo:asc", "_geoDistance:desc", "_geoRadius(1,2,3):asc", "_geoPoint:asc"] {
            assert!(matches!(parsed(wrong), Err(SortError::Reserved(_))), "{wrong}");
        }
        for wrong in [
            "_geoPoint(1):asc",
            "_geoPoint(91,0):asc",
            "_geoPoint(0,181):asc",
            "_geoPoint(a,b):asc",
        ] {
            assert!(matches!(parsed(wrong), Err(SortError::NoPlace(_))), "{wrong}");
        }
    }

    #[test]
    fn the_place_that_hits_tell_their_distance_from() {
        let place =
            |texts: &[&str]| first_place(&texts.iter().map(|t| t.to_string()).collect::<Vec<_>>());
        let found = Some(GeoPoint { lat: 1.0, lng: -2.5 });
        assert_eq!(place(&["a:asc", "_geoPoint(1, -2.5 ):asc", "_geoPoint(3,4):asc"]), found);
        assert_eq!(place(&["_geoPoint(1e0, 3):asc", "_geoPoint(1,-2.5):desc"]), found);
        assert_eq!(place(&["a:asc"]), None);
        assert_eq!(place(&["_geoPoint(+1,2):asc"]), None);
    }

    #[test]
    fn splitting() {
        assert_eq!(split_sort("a:asc, b:desc"), ["a:asc", "b:desc"]);
        assert_eq!(split_sort("\"a:asc\""), ["a:asc"]);
        assert_eq!(split_sort("_geoPoint(1,2):asc,a:asc"), ["_geoPoint(1,2):asc", "a:asc"]);
        assert_eq!(split_sort(""), [""]);
    }
}
