//! `attributesToSearchOn` → the fields that a search is restricted to (search.md 11.5).

use charabia::Language;

use super::context::FieldRestriction;
use crate::schema::{FieldsIdsMap, Schema, pattern_fits};

/// An entry of `attributesToSearchOn` that is no searchable attribute.
#[derive(Debug, thiserror::Error)]
#[error(
    "attribute `{attribute}` is not searchable; {}",
    allowed(searchable, *hides_some)
)]
pub struct UnsearchableAttribute {
    /// The entry.
    pub attribute: String,
    /// Searchable attributes that answers show.
    pub searchable: Vec<String>,
    /// Whether there are others that answers do not show.
    pub hides_some: bool,
}

fn allowed(names: &[String], hides_some: bool) -> String {
    let names: Vec<_> = names.iter().map(|name| format!("`{name}`")).collect();
    let hidden = if hides_some { ", and some that are not displayed" } else { "" };
    format!("use one of the searchable attributes: {}{hidden}", names.join(", "))
}

/// Finds the fields that the entries name; `None` stands for all.
///
/// # Errors
/// An entry is no searchable attribute.
pub(crate) fn restriction(
    schema: &Schema,
    fields: &FieldsIdsMap,
    entries: &[String],
) -> Result<Option<FieldRestriction>, UnsearchableAttribute> {
    let mut all = false;
    let mut names: Vec<&str> = Vec::new();
    let searchable = |name: &str| schema.searchable_weight(name).is_some();
    for entry in entries {
        if entry == "*" {
            all = true;
        } else if fields.id(entry).is_some() && searchable(entry) {
            names.push(entry);
        } else {
            let matched = fields.iter().map(|(_, name)| name).filter(|name| {
                entry.contains('*') && searchable(name) && pattern_fits(entry, name)
            });
            let before = names.len();
            names.extend(matched);
            if names.len() == before && !is_tolerated(schema, entry) {
                return Err(unsearchable(schema, fields, entry));
            }
        }
    }
    if all {
        return Ok(None);
    }
    let mut restriction = FieldRestriction::default();
    for (fid, name) in fields.iter().filter(|(_, name)| names.contains(name)) {
        // Only the name itself counts here, not those below it (search.md 5.1).
        if schema.typo.exact_attributes.contains(name) {
            restriction.exact.push(fid);
        } else {
            restriction.tolerant.push(fid);
        }
    }
    Ok(Some(restriction))
}

/// Whether an entry that is no field yet may become one.
fn is_tolerated(schema: &Schema, entry: &str) -> bool {
    schema.searchable.as_ref().is_none_or(|list| list.iter().any(|name| name == entry))
}

fn unsearchable(schema: &Schema, fields: &FieldsIdsMap, entry: &str) -> UnsearchableAttribute {
    let is_shown = |name: &str| {
        schema.displayed.as_ref().is_none_or(|list| list.iter().any(|shown| shown == name))
    };
    let (shown, hidden): (Vec<&str>, Vec<&str>) = fields
        .iter_by_name()
        .map(|(name, _)| name)
        .filter(|name| schema.searchable_weight(name).is_some())
        .partition(|name| is_shown(name));
    UnsearchableAttribute {
        attribute: entry.to_owned(),
        searchable: shown.into_iter().map(str::to_owned).collect(),
        hides_some: !hidden.is_empty(),
    }
}

/// Languages that the searched fields are written in; `None` for any language.
pub(crate) fn languages(
    schema: &Schema,
    fields: &FieldsIdsMap,
    restriction: Option<&FieldRestriction>,
) -> Option<Vec<Language>> {
    let mut languages = Vec::new();
    for (fid, name) in fields.iter() {
        let is_searched = schema.searchable_weight(name).is_some()
            && restriction.is_none_or(|restriction| restriction.allows(fid));
        for language in schema.locales(name).filter(|_| is_searched).into_iter().flatten() {
            if !languages.contains(language) {
                languages.push(*language);
            }
        }
    }
    Some(languages).filter(|languages| !languages.is_empty())
}
