//! A document → its point, with the coordinates as facet values, and its shape (indexing.md section 14).

use crate::codec::to_ordered_bytes;
use crate::document::{Content, DocumentError, GEO_FIELD, GEOJSON_FIELD, GeoPoint, external_id};
use crate::error::Result;
use crate::geo::points::{LATITUDE_FIELD, LONGITUDE_FIELD, PointChange};
use crate::geo::shapes::{self, ShapeChange};
use crate::indexing::change::{Change, Sides};
use crate::indexing::delta::{Delta, Op, Symbols, Target};
use crate::indexing::extract::Extraction;
use crate::indexing::extract::facets::{DocumentFacet, FacetValue};
use crate::indexing::roles::Roles;
use crate::store::ReadTxn;

/// What happens to the point of a document.
///
/// # Errors
/// `_geo` is no point.
pub(super) fn point_change(
    extraction: &Extraction<'_>,
    rtxn: &ReadTxn<'_>,
    change: &Change<'_>,
    sides: &Sides<'_>,
) -> Result<PointChange> {
    let point = |content: &Option<Content<'_>>, roles: &Roles<'_>| -> Result<Option<GeoPoint>> {
        let json = content.as_ref().filter(|_| roles.points).and_then(|c| c.get(GEO_FIELD));
        match json.map(GeoPoint::parse) {
            None => Ok(None),
            Some(Ok(point)) => Ok(point),
            Some(Err(fault)) => {
                let document_id = document_id(extraction, rtxn, change)?;
                Err(DocumentError::InvalidGeo { document_id, fault }.into())
            }
        }
    };
    Ok(PointChange {
        docid: change.docid,
        old: point(&sides.old, extraction.old)?,
        new: point(&sides.new, extraction.new)?,
    })
}

/// Pushes what a point adds to (or takes from) the facet databases.
pub(super) fn facets(
    point: GeoPoint,
    roles: &Roles<'_>,
    (docid, op): (u32, Op),
    symbols: &mut Symbols,
    out: &mut Vec<Delta>,
    document_facets: &mut Vec<DocumentFacet>,
) {
    for (field, coordinate) in [(LATITUDE_FIELD, point.lat), (LONGITUDE_FIELD, point.lng)] {
        let Some((role, bytes)) = roles.of(field).zip(to_ordered_bytes(coordinate)) else {
            continue;
        };
        let fid = role.fid;
        let symbol = symbols.intern(&bytes);
        out.push(Delta::new(Target::FacetExists, u32::from(fid), 0, docid, op));
        out.push(Delta::new(Target::FacetNumber, u32::from(fid), symbol, docid, op));
        let original = (op == Op::Add).then(Box::default);
        document_facets.push(DocumentFacet {
            fid,
            docid,
            value: FacetValue::Number(bytes),
            original,
        });
    }
}

/// What happens to the shape of a document.
///
/// # Errors
/// `_geojson` is no shape.
pub(super) fn shape_change(
    extraction: &Extraction<'_>,
    rtxn: &ReadTxn<'_>,
    change: &Change<'_>,
    sides: &Sides<'_>,
) -> Result<ShapeChange> {
    let had_shape = extraction.old.shapes
        && sides.old.as_ref().is_some_and(|content| content.get(GEOJSON_FIELD).is_some());
    let new = sides.new.as_ref().filter(|_| extraction.new.shapes);
    let new = match new.and_then(|content| content.get(GEOJSON_FIELD)).map(shapes::encode) {
        None => None,
        Some(Ok(shape)) => Some(shape),
        Some(Err(fault)) => {
            let document_id = document_id(extraction, rtxn, change)?;
            let cause = fault.to_string();
            return Err(DocumentError::InvalidGeoJson { document_id, cause }.into());
        }
    };
    Ok(ShapeChange { docid: change.docid, had_shape, new })
}

/// Names the document of a fault; a change of settings knows only internal ids.
fn document_id(
    extraction: &Extraction<'_>,
    rtxn: &ReadTxn<'_>,
    change: &Change<'_>,
) -> Result<String> {
    let mut document_id = change.external_id.clone();
    if document_id.is_empty()
        && let Some(key) = extraction.index.primary_key(rtxn)?
    {
        let Extraction { index, fields, .. } = extraction;
        document_id = external_id(index, rtxn, change.docid, key, fields)?;
    }
    Ok(document_id.into())
}
