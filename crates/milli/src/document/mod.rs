//! Documents: what a payload brings, what the store holds, and what both mean.
//!
//! - [`payload`]: objects of an update file, borrowed from it
//! - [`primary_key`]: which field is the id, and which ids are allowed
//! - [`merge`]: versions of one document → its new content
//! - [`walk`]: content → visits of (path, value)
//! - [`geo`]: `_geo` → point
//! - [`vectors`]: what of `_vectors` stays in a document
//! - [`stored`]: documents of the store: reading them, and ids of both kinds
//! - [`template`]: documents as templates see them
//! - [`outgoing`]: stored documents as JSON text that can be imported again

mod error;
mod geo;
pub(crate) mod merge;
mod outgoing;
pub(crate) mod payload;
pub mod primary_key;
pub(crate) mod stored;
mod template;
pub(crate) mod vectors;
pub(crate) mod walk;

use std::borrow::Cow;

use indexmap::IndexMap;
use obkv::KvReaderU16;

pub use error::DocumentError;
pub use geo::{GeoFault, GeoPoint};
pub use outgoing::OutgoingDocuments;
pub use stored::{docid, document, external_id, to_json};
pub use template::template_view;

use crate::error::{InternalError, Result};
use crate::schema::FieldsIdsMap;

/// Field that holds the vectors of a document.
pub const VECTORS_FIELD: &str = "_vectors";
/// Field that holds the point of a document.
pub const GEO_FIELD: &str = "_geo";
/// Field that holds the shape of a document.
pub const GEOJSON_FIELD: &str = "_geojson";

/// Whether a top-level field is never walked for words and facets (indexing.md 7.2).
pub(crate) fn is_reserved_field(name: &str) -> bool {
    [VECTORS_FIELD, GEO_FIELD, GEOJSON_FIELD].contains(&name)
}

/// The content of a document: the JSON text of each top-level field, as it was sent, in the order in which
/// fields are walked: payload order for new content, field id order for stored content.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Content<'a>(IndexMap<Cow<'a, str>, Cow<'a, str>>);

impl<'a> Content<'a> {
    /// Reads a stored document.
    ///
    /// # Errors
    /// The document holds an unknown field id, or bytes that are not UTF-8.
    pub(crate) fn of_stored(
        document: &'a KvReaderU16,
        fields: &'a FieldsIdsMap,
    ) -> Result<Content<'a>> {
        let read = |(fid, json): (u16, &'a [u8])| {
            let inconsistent =
                |what| InternalError::Inconsistent(format!("a document holds field {fid}, {what}"));
            let name = fields.name(fid).ok_or_else(|| inconsistent("which has no name"))?;
            let json = std::str::from_utf8(json).map_err(|_| inconsistent("which is no UTF-8"))?;
            Ok((name.into(), json.into()))
        };
        Ok(Content(document.iter().map(read).collect::<Result<_>>()?))
    }

    /// Sets a field; one that is there already keeps its place.
    pub(crate) fn insert(&mut self, name: Cow<'a, str>, json: Cow<'a, str>) {
        self.0.insert(name, json);
    }

    /// The JSON text of a top-level field.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(|json| &**json)
    }

    /// Name and JSON text of each top-level field.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, json)| (&**name, &**json))
    }
}

impl<'a> FromIterator<(Cow<'a, str>, Cow<'a, str>)> for Content<'a> {
    /// Of a repeated name the last value counts, at the place of the first.
    fn from_iter<I: IntoIterator<Item = (Cow<'a, str>, Cow<'a, str>)>>(fields: I) -> Content<'a> {
        Content(fields.into_iter().collect())
    }
}

impl<'a> IntoIterator for Content<'a> {
    type Item = (Cow<'a, str>, Cow<'a, str>);
    type IntoIter = indexmap::map::IntoIter<Cow<'a, str>, Cow<'a, str>>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}
