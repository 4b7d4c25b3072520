//! The shapes of all documents, kept by the crate `cellulite` (storage-index.md section 15): each shape
//! as a geometry that is read in place, and the cells of a grid over the globe that shapes touch.

use std::panic::{AssertUnwindSafe, catch_unwind};

use cellulite::Cellulite;
use geo::{CoordsIter, Geometry, Point, Polygon};
use geojson::GeoJson;
use meilisearch_types::progress::Progress;
use roaring::RoaringBitmap;
use zerometry::Zerometry;

use crate::document::DocumentError;
use crate::error::{Error, InternalError, Result};
use crate::store::{Index, RoTxn, RwTxn};

/// What a batch does to the shape of a document.
#[derive(Clone, Debug)]
pub(crate) struct ShapeChange {
    pub(crate) docid: u32,
    pub(crate) had_shape: bool,
    /// The stored form of the new shape.
    pub(crate) new: Option<Box<[u8]>>,
}

/// GeoJSON → the stored form of a shape, whose long edges follow the globe.
///
/// # Errors
/// The text is no GeoJSON, or holds no geometry.
pub(crate) fn encode(json: &str) -> Result<Box<[u8]>, ShapeFault> {
    let geojson: GeoJson = json.parse().map_err(Box::new)?;
    let mut geometry = Geometry::<f64>::try_from(geojson).map_err(Box::new)?;
    check(&geometry)?;
    cellulite::densify_geom(&mut geometry);
    let mut bytes = Vec::new();
    Zerometry::write_from_geometry(&mut bytes, &geometry)?;
    Ok(bytes.into())
}

/// Refuses lines and surfaces that the grid cannot hold.
fn check(geometry: &Geometry) -> Result<(), ShapeFault> {
    // The crate h3o takes angles of up to a full turn, of longitude, and half of it, of latitude.
    const MAX_LNG: f64 = 360.0;
    const MAX_LAT: f64 = 180.0;
    let polygons = match geometry {
        Geometry::Point(_) | Geometry::MultiPoint(_) => return Ok(()),
        Geometry::GeometryCollection(parts) => return parts.iter().try_for_each(check),
        Geometry::Polygon(polygon) => std::slice::from_ref(polygon),
        Geometry::MultiPolygon(polygons) => &polygons.0,
        _ => &[],
    };
    // A ring ends where it begins, so a triangle has four corners.
    if polygons.iter().any(|polygon| polygon.exterior().0.len() < 4) {
        return Err(ShapeFault::NoRing);
    }
    match geometry.coords_iter().find(|at| !(at.x.abs() <= MAX_LNG && at.y.abs() <= MAX_LAT)) {
        Some(at) => Err(ShapeFault::OffTheGlobe { lng: at.x, lat: at.y }),
        None => Ok(()),
    }
}

/// Why a `_geojson` is no shape.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ShapeFault {
    #[error(transparent)]
    GeoJson(#[from] Box<geojson::Error>),
    #[error("a polygon needs three different corners or more")]
    NoRing,
    #[error(
        "the corner [{lng}, {lat}] is not on the globe: a longitude and a latitude are expected"
    )]
    OffTheGlobe { lng: f64, lat: f64 },
    #[error(transparent)]
    Write(#[from] std::io::Error),
}

/// Changes the shapes and the cells that they touch.
///
/// # Errors
/// A shape cannot be laid out on the globe, the map is full, or the caller asked to stop.
pub(crate) fn update(
    index: &Index,
    wtxn: &mut RwTxn<'_>,
    changes: &[ShapeChange],
    progress: &Progress,
    must_stop: &(dyn Fn() -> bool + Sync),
) -> Result<()> {
    let shapes = open(index);
    let cancel = || must_stop();
    let steps = Steps(progress.clone());
    // A shape that changes leaves its old cells first: marked as inserted, it would stay in them.
    let gone: Vec<_> = changes.iter().filter(|change| change.had_shape).collect();
    for change in &gone {
        shapes.delete(wtxn, change.docid).map_err(failure)?;
    }
    if !gone.is_empty() {
        shapes.build(wtxn, &cancel, &steps).map_err(failure)?;
    }
    let added = changes.iter().filter_map(|change| Some((change.docid, change.new.as_deref()?)));
    for (docid, shape) in added {
        shapes.add_raw_zerometry(wtxn, docid, shape).map_err(failure)?;
    }
    // The caller drops the transaction when this fails, so nothing half done is seen.
    let build = AssertUnwindSafe(|| shapes.build(wtxn, &cancel, &steps));
    match catch_unwind(build) {
        Ok(Ok(())) => Ok(()),
        Ok(Err(cellulite::Error::InvalidGeometry(error))) => Err(impossible(error.to_string())),
        Ok(Err(error @ cellulite::Error::CannotConvertLineToCell(..))) => {
            Err(impossible(error.to_string()))
        }
        Ok(Err(error)) => Err(failure(error)),
        // The crate h3o gives up on some shapes that span the globe.
        Err(_) => Err(impossible("a polygon or line is too large, or has no surface".to_owned())),
    }
}

/// Forgets all shapes.
///
/// # Errors
/// LMDB fails.
pub(crate) fn clear(index: &Index, wtxn: &mut RwTxn<'_>) -> Result<()> {
    open(index).clear(wtxn).map_err(failure)
}

/// The documents whose shape has a point in common with a polygon; `None` when the grid cannot hold it.
///
/// # Errors
/// LMDB fails.
pub(crate) fn in_polygon(
    index: &Index,
    rtxn: &RoTxn<'_>,
    polygon: &Polygon,
) -> Result<Option<RoaringBitmap>> {
    let shapes = open(index);
    let search = AssertUnwindSafe(|| {
        let found = shapes.in_shape(rtxn, polygon)?;
        Ok(found.iter().collect())
    });
    search_outcome(catch_unwind(search))
}

/// The documents whose shape has a point in common with the polygon of `resolution` corners that stands
/// for a circle; the radius is in metres.
///
/// # Errors
/// As for [`in_polygon`].
pub(crate) fn in_circle(
    index: &Index,
    rtxn: &RoTxn<'_>,
    center: Point,
    radius: f64,
    resolution: usize,
) -> Result<Option<RoaringBitmap>> {
    let shapes = open(index);
    let search = AssertUnwindSafe(|| {
        let found = shapes.in_circle(rtxn, center, radius, resolution)?;
        Ok(found.iter().collect())
    });
    search_outcome(catch_unwind(search))
}

/// Polygons that the grid cannot hold are refused by `cellulite`, or make the crate h3o panic.
fn search_outcome(
    found: std::thread::Result<Result<RoaringBitmap, cellulite::Error>>,
) -> Result<Option<RoaringBitmap>> {
    match found {
        Ok(Ok(found)) => Ok(Some(found)),
        Err(_) | Ok(Err(cellulite::Error::InvalidGeometry(_))) => Ok(None),
        Ok(Err(error)) => Err(failure(error)),
    }
}

fn open(index: &Index) -> Cellulite {
    let tables = index.tables();
    Cellulite::from_dbs(
        tables.cellulite_item.remap_types(),
        tables.cellulite_cell.remap_types(),
        tables.cellulite_update.remap_types(),
        tables.cellulite_metadata.remap_types(),
    )
}

fn impossible(cause: String) -> Error {
    DocumentError::ImpossibleShape { cause }.into()
}

fn failure(error: cellulite::Error) -> Error {
    match error {
        cellulite::Error::Heed(error) => error.into(),
        cellulite::Error::BuildCanceled => Error::Aborted,
        other => InternalError::Inconsistent(format!("its shapes: {other}")).into(),
    }
}

/// Shows the steps of `cellulite` among ours.
struct Steps(Progress);

struct Step<S>(S);

impl steppe::Progress for Steps {
    fn update(&self, step: impl steppe::Step) {
        self.0.update(Step(step));
    }
}

impl<S: steppe::Step> meilisearch_types::progress::Step for Step<S> {
    fn name(&self) -> std::borrow::Cow<'static, str> {
        self.0.name()
    }

    fn current(&self) -> u32 {
        u32::try_from(self.0.current()).unwrap_or(u32::MAX)
    }

    fn total(&self) -> u32 {
        u32::try_from(self.0.total()).unwrap_or(u32::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn points_are_stored_as_in_the_worked_example() {
        let bytes = encode(r#"{"type":"Point","coordinates":[1.5,2.5]}"#).unwrap();
        let expected = [0_u64.to_ne_bytes(), 1.5_f64.to_ne_bytes(), 2.5_f64.to_ne_bytes()];
        assert_eq!(*bytes, expected.concat());
    }

    #[test]
    fn features_hold_geometries_and_long_edges_are_cut() {
        let line = r#"{"type":"LineString","coordinates":[[0,0],[0,1]]}"#;
        let feature = format!(r#"{{"type":"Feature","properties":null,"geometry":{line}}}"#);
        let bytes = encode(line).unwrap();
        assert_eq!(encode(&feature).unwrap(), bytes);
        // A degree is 111 km, which makes 12 parts.
        assert_eq!(bytes.len(), 8 + 32 + 13 * 16);
    }

    #[test]
    fn what_is_no_geojson() {
        for json in ["null", "1", "{}", r#"{"type":"Point","coordinates":[1]}"#, "{"] {
            assert!(encode(json).is_err(), "{json}");
        }
        let feature = r#"{"type":"Feature","properties":null,"geometry":null}"#;
        assert!(encode(feature).is_err());
        let polygon = r#"{"type":"Polygon","coordinates":[[[0,0],[1,1],[0,0]]]}"#;
        assert!(matches!(encode(polygon), Err(ShapeFault::NoRing)));
        let line = r#"{"type":"LineString","coordinates":[[0,0],[0,181]]}"#;
        let collection = format!(r#"{{"type":"GeometryCollection","geometries":[{line}]}}"#);
        for json in [line, &collection] {
            assert!(matches!(encode(json), Err(ShapeFault::OffTheGlobe { .. })));
        }
    }
}
