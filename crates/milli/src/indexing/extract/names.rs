//! Gives ids to the nested names of changed documents, before anything is extracted (indexing.md 5.2).
//!
//! The order is that of one indexing thread: `_geo` of all documents, then faceted names, then all names.

use indexmap::IndexSet;

use crate::document::walk::{Place, Visited, Visitor};
use crate::document::{Content, GEO_FIELD, is_reserved_field, walk};
use crate::error::{Error, Result};
use crate::indexing::IndexingContext;
use crate::indexing::change::Change;
use crate::indexing::parallel::over_items;
use crate::schema::{FieldsIdsMap, Schema, covers};
use crate::store::{Index, RwTxn};

/// Names of one document that have no id yet, in the order in which they were met.
#[derive(Default, PartialEq)]
struct NewNames {
    has_geo: bool,
    faceted: Vec<String>,
    all: Vec<String>,
}

/// Adds every name below a top-level field of the changed documents to `fields`.
///
/// # Errors
/// A document is damaged, all field ids are taken, or the caller asked to stop.
pub(in crate::indexing) fn register_names(
    index: &Index,
    wtxn: &RwTxn<'_>,
    context: &IndexingContext<'_>,
    changes: &[Change<'_>],
    schema: &Schema,
    fields: &mut FieldsIdsMap,
) -> Result<()> {
    let known = &*fields;
    let (found, _) = over_items(
        index,
        wtxn,
        context,
        changes,
        |_| false,
        |found: &mut Vec<(usize, NewNames)>, rtxn, place, change| {
            let mut names = NewNames::default();
            let stored = match change.is_stored {
                true => index.tables().documents.get(rtxn, &change.docid)?,
                false => None,
            };
            let sides = change.sides(stored, known)?;
            names.has_geo = sides.new.as_ref().is_some_and(|new| new.get(GEO_FIELD).is_some());
            for content in [&sides.old, &sides.new].into_iter().flatten() {
                collect(content, schema, known, &mut names)?;
            }
            if names != NewNames::default() {
                found.push((place, names));
            }
            Ok(())
        },
    )?;
    let mut found: Vec<_> = found.into_iter().flatten().collect();
    found.sort_unstable_by_key(|(place, _)| *place);
    let geo = if found.iter().any(|(_, names)| names.has_geo) {
        &["_geo.lat", "_geo.lng"][..]
    } else {
        &[]
    };
    let faceted = found.iter().flat_map(|(_, names)| &names.faceted).map(String::as_str);
    let all = found.iter().flat_map(|(_, names)| &names.all).map(String::as_str);
    for name in geo.iter().copied().chain(faceted).chain(all) {
        fields.insert(name).map_err(Error::from)?;
    }
    Ok(())
}

fn collect(
    content: &Content<'_>,
    schema: &Schema,
    known: &FieldsIdsMap,
    names: &mut NewNames,
) -> Result<()> {
    // Only objects have names; most fields hold none.
    let nested = || {
        content.iter().filter(|(name, json)| {
            !is_reserved_field(name) && json.contains('{') && !json.starts_with('"')
        })
    };
    let mut visitor = NameVisitor { known, found: IndexSet::new(), enters: |_: &str| true };
    for (name, json) in nested() {
        walk::walk(name, json, &mut visitor)?;
    }
    if visitor.found.is_empty() {
        return Ok(());
    }
    names.all.extend(visitor.found);

    let enters = |path: &str| {
        let role = schema.facet_role(path);
        role.faceted || role.parent
    };
    let mut visitor = NameVisitor { known, found: IndexSet::new(), enters };
    for (name, json) in nested().filter(|(name, _)| enters(name)) {
        walk::walk(name, json, &mut visitor)?;
    }
    let sorted_fields = || schema.criteria.iter().filter_map(|rule| rule.sorted_field());
    let is_faceted = |path: &String| {
        schema.facet_role(path).faceted || sorted_fields().any(|name| covers(name, path))
    };
    names.faceted.extend(visitor.found.into_iter().filter(is_faceted));
    Ok(())
}

struct NameVisitor<'x, F> {
    known: &'x FieldsIdsMap,
    found: IndexSet<String>,
    enters: F,
}

impl<F: Fn(&str) -> bool> Visitor for NameVisitor<'_, F> {
    fn visit(&mut self, path: &str, _: Visited<'_>, _: Place) {
        if self.known.id(path).is_none() && !self.found.contains(path) {
            self.found.insert(path.to_owned());
        }
    }

    fn enters(&mut self, path: &str) -> bool {
        (self.enters)(path)
    }
}
