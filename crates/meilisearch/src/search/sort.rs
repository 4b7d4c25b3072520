//! The `sort` parameter of searches and of documents: texts → criteria, judged by the settings
//! (search.md section 16).

use meilisearch_types::error::{Code, ResponseError};
use meilisearch_types::not_implemented::NotImplemented;
use milli::Schema;
use milli::schema::PatternMatch;
use milli::search::keyword::SortCriterion;

/// Names that mean something else than an attribute.
const RESERVED: [&str; 7] = [
    "_geo",
    "_geojson",
    "_geoDistance",
    "_geoPoint",
    "_geoRadius",
    "_geoBoundingBox",
    "_geoPolygon",
];

/// The one reserved name that may be sorted on, with its arguments.
const GEO_POINT: &str = "_geoPoint(";

/// Splits the form of a query string at its commas, but for those inside `_geoPoint(…)`.
pub(crate) fn split(text: &str) -> Vec<String> {
    let mut criteria = Vec::new();
    let mut rest = text.trim_matches('"');
    loop {
        let start = if rest.trim_start().starts_with(GEO_POINT) { rest.find(')') } else { Some(0) };
        let comma = start.and_then(|start| Some(start + rest.get(start..)?.find(',')?));
        let Some(comma) = comma else {
            criteria.push(rest.trim().to_owned());
            return criteria;
        };
        criteria.push(rest[..comma].trim().to_owned());
        rest = &rest[comma + 1..];
    }
}

/// Reads criteria of the form `attribute:asc`; `code` is that of the route.
///
/// # Errors
///
/// Another form, a reserved name, or a place, which is not built.
pub(crate) fn parse(criteria: &[String], code: Code) -> Result<Vec<SortCriterion>, ResponseError> {
    criteria.iter().map(|text| parse_one(text, code)).collect()
}

fn parse_one(text: &str, code: Code) -> Result<SortCriterion, ResponseError> {
    let refuse = |problem: &str| {
        let message = format!("`{text}` is not a sort criterion: {problem}.");
        Err(ResponseError::from_msg(message, code))
    };
    let (field, ascending) = match text.rsplit_once(':') {
        Some((field, "asc")) => (field, true),
        Some((field, "desc")) => (field, false),
        _ => return refuse("write `attribute:asc` or `attribute:desc`"),
    };
    if field.starts_with(GEO_POINT) {
        return Err(NotImplemented::GeoSort.into());
    }
    let is_reserved = |name: &&str| {
        field == *name || field.strip_prefix(name).is_some_and(|rest| rest.starts_with('('))
    };
    if RESERVED.iter().any(is_reserved) {
        return refuse("this name is reserved; places are sorted with `_geoPoint(lat, lng):asc`");
    }
    Ok(SortCriterion { field: field.to_owned(), ascending })
}

/// Refuses criteria whose attribute the settings do not let sort.
pub(crate) fn check(
    criteria: &[SortCriterion],
    schema: &Schema,
    code: Code,
) -> Result<(), ResponseError> {
    for SortCriterion { field, .. } in criteria {
        if schema.match_sortable(field) != PatternMatch::Match {
            let sortable: Vec<_> = schema.sortable.iter().map(String::as_str).collect();
            let message = format!(
                "The attribute `{field}` is not sortable. Sortable attributes are: {}. Add it to \
                 the setting `sortableAttributes`.",
                if sortable.is_empty() { "none".to_owned() } else { sortable.join(", ") }
            );
            return Err(ResponseError::from_msg(message, code));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn query_strings_are_split_at_commas() {
        let check = |text: &str, expected: &[&str]| assert_eq!(split(text), expected, "{text}");
        check("a:asc", &["a:asc"]);
        check("\"a:asc, b:desc\"", &["a:asc", "b:desc"]);
        check("_geoPoint(1, 2):asc,b:desc", &["_geoPoint(1, 2):asc", "b:desc"]);
        check("b:desc,_geoPoint(1,2):asc", &["b:desc", "_geoPoint(1,2):asc"]);
        check("_geoPoint(1,2", &["_geoPoint(1,2"]);
        check("", &[""]);
    }

    #[test]
    fn criteria_are_read_or_refused() {
        let parse = |text: &str| parse_one(text, Code::InvalidSearchSort);
        let criterion = |field: &str, ascending| SortCriterion { field: field.into(), ascending };
        assert_eq!(parse("a:asc").unwrap(), criterion("a", true));
        assert_eq!(parse("a:b:desc").unwrap(), criterion("a:b", false));
        assert_eq!(parse("_geography:asc").unwrap(), criterion("_geography", true));
        for wrong in ["a", "a:ASC", "a:", "", "_geo:asc", "_geoRadius(1):desc", "_geoDistance:asc"]
        {
            assert_eq!(parse(wrong).unwrap_err().code(), "invalid_search_sort", "{wrong}");
        }
        assert_eq!(parse("_geoPoint(1,2):asc").unwrap_err().code(), "not_implemented");
    }
}
