//! Operators → documents, on the facet trees (search.md 13.4). No document is read.

use std::ops::Bound;

use filter_parser::{Expression, Node, Operator, Text};
use roaring::RoaringBitmap;

use super::FilterError;
use super::error::FilterProblem;
use crate::error::Result;
use crate::facet::{FacetTree, documents_in_range, number_bound, successor};
use crate::schema::{FieldId, FieldsIdsMap, Schema};
use crate::store::{Index, RoTxn};
use crate::text::normalize_facet;

/// What an evaluation reads.
pub(super) struct Evaluation<'e, 't> {
    pub(super) index: &'e Index,
    pub(super) rtxn: &'t RoTxn<'t>,
    pub(super) schema: &'e Schema,
    pub(super) fields: FieldsIdsMap,
    all: RoaringBitmap,
}

impl<'e, 't> Evaluation<'e, 't> {
    pub(super) fn new(index: &'e Index, rtxn: &'t RoTxn<'t>, schema: &'e Schema) -> Result<Self> {
        let fields = index.fields_ids_map(rtxn)?;
        let all = index.documents_ids(rtxn)?;
        Ok(Self { index, rtxn, schema, fields, all })
    }

    /// The documents for which each clause holds.
    pub(super) fn clauses(&self, clauses: &[Vec<Expression>]) -> Result<RoaringBitmap> {
        self.intersection(clauses, |clause| {
            self.union(clause, |expression| self.node(&expression.root, &expression.source))
        })
    }

    fn node(&self, node: &Node, source: &str) -> Result<RoaringBitmap> {
        match node {
            Node::And(nodes) => self.intersection(nodes, |node| self.node(node, source)),
            Node::Or(nodes) => self.union(nodes, |node| self.node(node, source)),
            Node::Not(node) => Ok(&self.all - self.node(node, source)?),
            Node::Condition { field, operator } => match self.fields.id(&field.value) {
                None => Ok(RoaringBitmap::new()),
                Some(fid) => {
                    self.check_operator(field, operator, source)?;
                    self.condition(fid, operator)
                }
            },
            Node::GeoRadius { keyword, .. }
            | Node::GeoBoundingBox { keyword, .. }
            | Node::GeoPolygon { keyword, .. } => self.place(node)?.ok_or_else(|| {
                FilterError::in_place(FilterProblem::ImpossibleArea, keyword.span, source).into()
            }),
            Node::VectorExists { scope, .. } => self.vectors(scope, source),
            // Refused by `check::features`.
            Node::Foreign { .. } => Ok(RoaringBitmap::new()),
        }
    }

    /// From left to right; what stands behind an empty result is not evaluated.
    fn intersection<T>(
        &self,
        parts: &[T],
        evaluate: impl Fn(&T) -> Result<RoaringBitmap>,
    ) -> Result<RoaringBitmap> {
        let mut parts = parts.iter();
        let Some(first) = parts.next() else { return Ok(self.all.clone()) };
        let mut found = evaluate(first)?;
        for part in parts {
            if found.is_empty() {
                break;
            }
            found &= evaluate(part)?;
        }
        Ok(found)
    }

    fn union<T>(
        &self,
        parts: &[T],
        evaluate: impl Fn(&T) -> Result<RoaringBitmap>,
    ) -> Result<RoaringBitmap> {
        parts.iter().try_fold(RoaringBitmap::new(), |found, part| Ok(found | evaluate(part)?))
    }

    /// Refuses an operator that the field's rule turns off.
    fn check_operator(&self, field: &Text, operator: &Operator, source: &str) -> Result<()> {
        let features = self.schema.filterable_features(&field.value).filter;
        let (sign, feature, allowed) = match operator {
            Operator::Equal(_) => ("=", "equality", features.equality),
            Operator::NotEqual(_) => ("!=", "equality", features.equality),
            Operator::In(_) => ("IN", "equality", features.equality),
            Operator::GreaterThan(_) => (">", "comparison", features.comparison),
            Operator::GreaterThanOrEqual(_) => (">=", "comparison", features.comparison),
            Operator::LowerThan(_) => ("<", "comparison", features.comparison),
            Operator::LowerThanOrEqual(_) => ("<=", "comparison", features.comparison),
            Operator::Between { .. } => ("TO", "comparison", features.comparison),
            Operator::Exists
            | Operator::Null
            | Operator::Empty
            | Operator::Contains(_)
            | Operator::StartsWith(_) => return Ok(()),
        };
        if allowed {
            return Ok(());
        }
        let attribute = field.value.clone();
        let problem = FilterProblem::OperatorNotAllowed { attribute, operator: sign, feature };
        Err(FilterError::in_place(problem, field.span, source).into())
    }

    fn condition(&self, fid: FieldId, operator: &Operator) -> Result<RoaringBitmap> {
        use Bound::{Excluded, Included, Unbounded};
        match operator {
            Operator::Equal(value) => self.equal(fid, &value.value),
            Operator::NotEqual(value) => Ok(&self.all - self.equal(fid, &value.value)?),
            Operator::In(values) => self.union(values, |value| self.equal(fid, &value.value)),
            Operator::GreaterThan(value) => self.range(fid, Excluded(value), Unbounded),
            Operator::GreaterThanOrEqual(value) => self.range(fid, Included(value), Unbounded),
            Operator::LowerThan(value) => self.range(fid, Unbounded, Excluded(value)),
            Operator::LowerThanOrEqual(value) => self.range(fid, Unbounded, Included(value)),
            Operator::Between { from, to } => self.between_values(fid, from, to),
            Operator::Exists => self.exists(fid),
            Operator::Null => {
                self.set_of(self.index.tables().facet_id_is_null_docids.get(self.rtxn, &fid))
            }
            Operator::Empty => {
                self.set_of(self.index.tables().facet_id_is_empty_docids.get(self.rtxn, &fid))
            }
            Operator::Contains(value) => self.contains(fid, &normalize_facet(&value.value)),
            Operator::StartsWith(value) => self.starts_with(fid, normalize_facet(&value.value)),
        }
    }

    fn numbers(&self, fid: FieldId) -> FacetTree<'t> {
        FacetTree::numbers(self.index, self.rtxn, fid)
    }

    fn strings(&self, fid: FieldId) -> FacetTree<'t> {
        FacetTree::strings(self.index, self.rtxn, fid)
    }

    fn set_of(&self, entry: heed::Result<Option<RoaringBitmap>>) -> Result<RoaringBitmap> {
        Ok(entry?.unwrap_or_default())
    }

    fn exists(&self, fid: FieldId) -> Result<RoaringBitmap> {
        self.set_of(self.index.tables().facet_id_exists_docids.get(self.rtxn, &fid))
    }

    fn equal(&self, fid: FieldId, value: &str) -> Result<RoaringBitmap> {
        let mut found = RoaringBitmap::new();
        if let Some(node) = self.strings(fid).value(normalize_facet(value).as_bytes())? {
            node.union_into(&mut found)?;
        }
        if let Some(bound) = number(value)
            && let Some(node) = self.numbers(fid).value(&bound)?
        {
            node.union_into(&mut found)?;
        }
        Ok(found)
    }

    /// The documents with a string between the bounds, or a number if the bounds are numbers.
    fn range(
        &self,
        fid: FieldId,
        left: Bound<&Text>,
        right: Bound<&Text>,
    ) -> Result<RoaringBitmap> {
        let normalized = |bound: Bound<&Text>| bound.map(|text| normalize_facet(&text.value));
        let (from, to) = (normalized(left), normalized(right));
        let mut found = documents_in_range(
            self.strings(fid),
            from.as_ref().map(|text| text.as_bytes()),
            to.as_ref().map(|text| text.as_bytes()),
        )?;
        let numeric = |bound: Bound<&Text>| -> Option<Bound<[u8; 16]>> {
            Some(match bound {
                Bound::Included(text) => Bound::Included(number(&text.value)?),
                Bound::Excluded(text) => Bound::Excluded(number(&text.value)?),
                Bound::Unbounded => Bound::Unbounded,
            })
        };
        if let (Some(from), Some(to)) = (numeric(left), numeric(right)) {
            found |= documents_in_range(
                self.numbers(fid),
                from.as_ref().map(|bound| &bound[..]),
                to.as_ref().map(|bound| &bound[..]),
            )?;
        }
        Ok(found)
    }

    /// The documents with a value from `from` to `to`, both included.
    pub(super) fn between_values(
        &self,
        fid: FieldId,
        from: &Text,
        to: &Text,
    ) -> Result<RoaringBitmap> {
        self.range(fid, Bound::Included(from), Bound::Included(to))
    }

    fn contains(&self, fid: FieldId, part: &str) -> Result<RoaringBitmap> {
        let mut found = RoaringBitmap::new();
        for node in self.strings(fid).nodes(0, &[], None)? {
            let node = node?;
            if std::str::from_utf8(node.bound).is_ok_and(|value| value.contains(part)) {
                node.union_into(&mut found)?;
            }
        }
        Ok(found)
    }

    fn starts_with(&self, fid: FieldId, prefix: String) -> Result<RoaringBitmap> {
        if prefix.is_empty() {
            return self.exists(fid);
        }
        let end = successor(prefix.as_bytes().to_vec());
        documents_in_range(
            self.strings(fid),
            Bound::Included(prefix.as_bytes()),
            end.as_deref().map_or(Bound::Unbounded, Bound::Excluded),
        )
    }
}

/// The bound of a value that is a number.
fn number(value: &str) -> Option<[u8; 16]> {
    number_bound(value.parse().ok()?)
}
