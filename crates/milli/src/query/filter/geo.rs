//! Filters on places (search.md 13.5).

use filter_parser::{Node, Number, Point, Text};
use roaring::RoaringBitmap;

use super::evaluate::Evaluation;
use crate::document::{GEO_FIELD, GEOJSON_FIELD, GeoPoint};
use crate::error::Result;
use crate::geo::points::{LATITUDE_FIELD, LONGITUDE_FIELD, PointTree};
use crate::geo::shapes;

impl Evaluation<'_, '_> {
    /// The documents with a point in the area of a geo filter, and those whose shape touches it; `None` when
    /// it is no area that shapes can be looked up by.
    pub(super) fn place(&self, node: &Node) -> Result<Option<RoaringBitmap>> {
        let mut found = RoaringBitmap::new();
        if self.schema.is_plainly_filterable(GEO_FIELD) {
            found |= self.points(node)?;
        }
        if self.schema.is_plainly_filterable(GEOJSON_FIELD) {
            let Some(touching) = self.shapes(node)? else { return Ok(None) };
            found |= touching;
        }
        Ok(Some(found))
    }

    fn points(&self, node: &Node) -> Result<RoaringBitmap> {
        match node {
            Node::GeoRadius { center, radius, .. } => self.points_in_radius(center, radius.value),
            Node::GeoBoundingBox { top_right, bottom_left, .. } => {
                self.points_in_box(top_right, bottom_left)
            }
            // Points know no polygons.
            _ => Ok(RoaringBitmap::new()),
        }
    }

    fn shapes(&self, node: &Node) -> Result<Option<RoaringBitmap>> {
        const DEFAULT_RESOLUTION: usize = 125;
        let polygons = match node {
            Node::GeoRadius { center, radius, resolution, .. } => {
                let resolution = resolution.map_or(DEFAULT_RESOLUTION, |n| n.value as usize);
                let center = geo::Point::new(center.lng.value, center.lat.value);
                let radius = radius.value;
                return shapes::in_circle(self.index, self.rtxn, center, radius, resolution);
            }
            Node::GeoBoundingBox { top_right, bottom_left, .. } => {
                rectangles(top_right, bottom_left)
            }
            Node::GeoPolygon { points, .. } => {
                let ring: Vec<_> = points.iter().map(|at| (at.lng.value, at.lat.value)).collect();
                vec![geo::Polygon::new(ring.into(), Vec::new())]
            }
            _ => Vec::new(),
        };
        let mut found = RoaringBitmap::new();
        for polygon in polygons {
            match shapes::in_polygon(self.index, self.rtxn, &polygon)? {
                Some(touching) => found |= touching,
                None => return Ok(None),
            }
        }
        Ok(Some(found))
    }

    fn points_in_radius(&self, center: &Point, radius: f64) -> Result<RoaringBitmap> {
        let center = GeoPoint { lat: center.lat.value, lng: center.lng.value };
        let tree = PointTree::load(self.index, self.rtxn)?;
        let within =
            |(_, point): &(u32, GeoPoint)| center.distance_to(*point) <= radius + f64::EPSILON;
        Ok(tree.nearest(center).take_while(within).map(|(docid, _)| docid).collect())
    }

    fn points_in_box(&self, top_right: &Point, bottom_left: &Point) -> Result<RoaringBitmap> {
        let latitudes = self.between(LATITUDE_FIELD, &bottom_left.lat, &top_right.lat)?;
        if latitudes.is_empty() {
            return Ok(latitudes);
        }
        let (left, right) = (&bottom_left.lng, &top_right.lng);
        let longitudes = if right.value < left.value {
            let edge = |value| Number { value, span: left.span };
            self.between(LONGITUDE_FIELD, left, &edge(180.0))?
                | self.between(LONGITUDE_FIELD, &edge(-180.0), right)?
        } else {
            self.between(LONGITUDE_FIELD, left, right)?
        };
        Ok(latitudes & longitudes)
    }

    /// `field from TO to`.
    fn between(&self, field: &str, from: &Number, to: &Number) -> Result<RoaringBitmap> {
        let Some(fid) = self.fields.id(field) else { return Ok(RoaringBitmap::new()) };
        let text = |number: &Number| Text { value: number.value.to_string(), span: number.span };
        self.between_values(fid, &text(from), &text(to))
    }
}

/// A box as polygons: two when it lies across the meridian of 180 degrees, and more when it spans half the
/// globe, as a polygon of that size would be taken for the other half.
fn rectangles(top_right: &Point, bottom_left: &Point) -> Vec<geo::Polygon> {
    let (left, right) = (bottom_left.lng.value, top_right.lng.value);
    let (bottom, top) = (bottom_left.lat.value, top_right.lat.value);
    let ranges =
        if right < left { vec![(left, 180.0), (-180.0, right)] } else { vec![(left, right)] };
    let mut rectangles = Vec::new();
    for (left, right) in ranges {
        let is_half = right - left >= 180.0 || top - bottom >= 180.0;
        let (columns, rows) = if is_half { (3, 2) } else { (1, 1) };
        for column in 0..columns {
            for row in 0..rows {
                let at = |from: f64, to: f64, step: i32, steps: i32| {
                    from + (to - from) * f64::from(step) / f64::from(steps)
                };
                let corner =
                    |column, row| (at(left, right, column, columns), at(bottom, top, row, rows));
                let rectangle = geo::Rect::new(corner(column, row), corner(column + 1, row + 1));
                rectangles.push(rectangle.to_polygon());
            }
        }
    }
    rectangles
}
