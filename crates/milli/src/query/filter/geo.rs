//! Filters on places (search.md 13.5).

use filter_parser::{Number, Point, Text};
use roaring::RoaringBitmap;

use super::evaluate::Evaluation;
use crate::document::GeoPoint;
use crate::error::Result;
use crate::geo::points::{LATITUDE_FIELD, LONGITUDE_FIELD, PointTree};

impl Evaluation<'_, '_> {
    /// The documents with a point at most `radius` metres from `center`.
    pub(super) fn points_in_radius(&self, center: &Point, radius: f64) -> Result<RoaringBitmap> {
        let center = GeoPoint { lat: center.lat.value, lng: center.lng.value };
        let tree = PointTree::load(self.index, self.rtxn)?;
        let within =
            |(_, point): &(u32, GeoPoint)| center.distance_to(*point) <= radius + f64::EPSILON;
        Ok(tree.nearest(center).take_while(within).map(|(docid, _)| docid).collect())
    }

    /// The documents with a point in a box, which may lie across the meridian of 180 degrees.
    pub(super) fn points_in_box(
        &self,
        top_right: &Point,
        bottom_left: &Point,
    ) -> Result<RoaringBitmap> {
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
