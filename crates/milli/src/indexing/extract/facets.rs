//! A document → its facet values (indexing.md section 11).

use rustc_hash::FxHashMap;

use crate::codec::to_ordered_bytes;
use crate::document::walk::{Place, Visited, Visitor};
use crate::document::{Content, is_reserved_field, walk};
use crate::error::Result;
use crate::indexing::delta::{Delta, Op, Symbols, Target};
use crate::indexing::roles::Roles;
use crate::schema::{FacetRole, FieldId};
use crate::text::normalize_facet;

/// An entry of the two databases that list the facet values of a document.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::indexing) struct DocumentFacet {
    pub(in crate::indexing) fid: FieldId,
    pub(in crate::indexing) docid: u32,
    /// Ordered bytes of a number, or a normalised string.
    pub(in crate::indexing) value: FacetValue,
    /// The string as it was sent, or nothing when the entry is to be removed.
    pub(in crate::indexing) original: Option<Box<str>>,
}

/// A facet value in its key form.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(in crate::indexing) enum FacetValue {
    Number([u8; 16]),
    String(Box<str>),
}

/// Buffers that one worker uses for document after document.
#[derive(Default)]
pub(super) struct FacetsExtractor {
    deltas: Vec<Delta>,
    /// Value → original text, the last one when several have the same normal form.
    values: FxHashMap<(FieldId, FacetValue), Box<str>>,
}

impl FacetsExtractor {
    /// Pushes what the facet values of `content` add to (or take from) the facet databases.
    ///
    /// # Errors
    /// A value of the document cannot be parsed.
    pub(super) fn extract(
        &mut self,
        content: &Content<'_>,
        roles: &Roles<'_>,
        (docid, op): (u32, Op),
        symbols: &mut Symbols,
        out: &mut Vec<Delta>,
        document_facets: &mut Vec<DocumentFacet>,
    ) -> Result<()> {
        let mut visitor = FacetVisitor { extractor: self, roles, docid, op };
        for (name, json) in content.iter() {
            let is_walked = !is_reserved_field(name)
                && roles.of(name).is_some_and(|role| role.facet.faceted || role.facet.parent);
            if is_walked {
                walk::walk(name, json, &mut visitor)?;
            }
        }
        for ((fid, value), original) in self.values.drain() {
            let (target, bytes) = match &value {
                FacetValue::Number(bytes) => (Target::FacetNumber, &bytes[..]),
                FacetValue::String(text) => (Target::FacetString, text.as_bytes()),
            };
            let symbol = symbols.intern(bytes);
            self.deltas.push(Delta::new(target, u32::from(fid), symbol, docid, op));
            let original = (op == Op::Add).then_some(original);
            document_facets.push(DocumentFacet { fid, docid, value, original });
        }
        self.deltas.sort_unstable();
        self.deltas.dedup();
        out.append(&mut self.deltas);
        Ok(())
    }
}

struct FacetVisitor<'x, 'r> {
    extractor: &'x mut FacetsExtractor,
    roles: &'x Roles<'r>,
    docid: u32,
    op: Op,
}

impl Visitor for FacetVisitor<'_, '_> {
    fn visit(&mut self, path: &str, value: Visited<'_>, place: Place) {
        let Some(role) = self.roles.of(path).filter(|role| role.facet.faceted) else { return };
        let fid = role.fid;
        self.push(Target::FacetExists, fid);
        let marks = role.facet.filterable && place != Place::Element;
        match value {
            Visited::Number(number) => {
                if let Some(bytes) = number.as_f64().and_then(to_ordered_bytes) {
                    self.value(fid, FacetValue::Number(bytes), "");
                }
            }
            Visited::String("") | Visited::Container { is_empty: true } => {
                if marks {
                    self.push(Target::FacetEmpty, fid);
                }
            }
            Visited::String(text) => self.string(fid, text),
            Visited::Bool(true) => self.string(fid, "true"),
            Visited::Bool(false) => self.string(fid, "false"),
            Visited::Null => {
                if marks {
                    self.push(Target::FacetNull, fid);
                }
            }
            Visited::Container { is_empty: false } => {}
        }
    }

    fn enters(&mut self, path: &str) -> bool {
        let enters = |facet: FacetRole| facet.faceted || facet.parent;
        self.roles.of(path).is_some_and(|role| enters(role.facet))
    }
}

impl FacetVisitor<'_, '_> {
    fn push(&mut self, target: Target, fid: FieldId) {
        self.extractor.deltas.push(Delta::new(target, u32::from(fid), 0, self.docid, self.op));
    }

    fn string(&mut self, fid: FieldId, text: &str) {
        self.value(fid, FacetValue::String(normalize_facet(text).into()), text);
    }

    fn value(&mut self, fid: FieldId, value: FacetValue, original: &str) {
        self.extractor.values.insert((fid, value), original.into());
    }
}
