//! What each known field means under one schema, looked up by path while documents are walked.

use charabia::{Language, Tokenizer};
use meilisearch_types::settings::ProximityPrecision;
use rustc_hash::FxHashMap;

use crate::schema::{FacetRole, FieldId, FieldsIdsMap, PatternMatch, Schema};

/// What one field means.
#[derive(Clone, Copy)]
pub(super) struct FieldRole<'s> {
    pub(super) fid: FieldId,
    /// Whether words of the field are indexed, or only of fields below it.
    pub(super) words: PatternMatch,
    /// Whether its words go to the exact databases.
    pub(super) exact: bool,
    pub(super) languages: Option<&'s [Language]>,
    pub(super) facet: FacetRole,
}

/// Which extractors have something to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Scope {
    pub(super) words: bool,
    pub(super) pairs: bool,
    pub(super) facets: bool,
    /// Points, with their coordinates as facet values.
    pub(super) points: bool,
    pub(super) shapes: bool,
}

impl Scope {
    /// Nothing to do.
    pub(super) const NONE: Scope =
        Scope { words: false, pairs: false, facets: false, points: false, shapes: false };
    /// A document batch does everything.
    pub(super) const ALL: Scope =
        Scope { words: true, pairs: true, facets: true, points: true, shapes: true };
}

/// The roles of all fields under one schema.
pub(super) struct Roles<'s> {
    fields: FxHashMap<&'s str, FieldRole<'s>>,
    pub(super) tokenizer: Tokenizer<'s>,
    /// Whether words that look like numbers go to the exact databases.
    pub(super) exact_numbers: bool,
    /// Whether word pairs are kept.
    pub(super) pairs: bool,
    /// Whether points are indexed.
    pub(super) points: bool,
    /// Whether shapes are indexed.
    pub(super) shapes: bool,
}

impl<'s> Roles<'s> {
    /// Computes the roles of every known field; facet roles only of those that `is_facet_of_interest`
    /// accepts.
    pub(super) fn new(
        schema: &'s Schema,
        tokenizer: Tokenizer<'s>,
        fields: &'s FieldsIdsMap,
        is_facet_of_interest: impl Fn(FieldId) -> bool,
    ) -> Roles<'s> {
        let role = |(fid, name): (FieldId, &'s str)| {
            let mut facet = schema.facet_role(name);
            facet.faceted &= is_facet_of_interest(fid);
            let role = FieldRole {
                fid,
                words: schema.match_searchable(name),
                exact: schema.is_exact(name),
                languages: schema.locales(name),
                facet,
            };
            (name, role)
        };
        Roles {
            fields: fields.iter().map(role).collect(),
            tokenizer,
            exact_numbers: schema.typo.disable_on_numbers,
            pairs: schema.proximity_precision == ProximityPrecision::ByWord,
            points: schema.indexes_points(),
            shapes: schema.indexes_shapes(),
        }
    }

    /// The role of a path. Every path of every document is known by the time it is walked.
    pub(super) fn of(&self, path: &str) -> Option<&FieldRole<'s>> {
        self.fields.get(path)
    }
}
