//! Distances on the globe (search.md 10.3).

use crate::document::GeoPoint;

/// Radius of the globe in metres.
const EARTH_RADIUS: f64 = 6_371_000.0;

impl GeoPoint {
    /// Coordinates on a sphere of radius 1 around the centre of the globe.
    pub(crate) fn on_unit_sphere(self) -> [f64; 3] {
        let (lat, lng) = (self.lat.to_radians(), self.lng.to_radians());
        [lat.cos() * lng.cos(), lat.cos() * lng.sin(), lat.sin()]
    }

    /// The point on the other side of the globe.
    pub(crate) fn antipode(self) -> GeoPoint {
        let lng = if self.lng > 0.0 { self.lng - 180.0 } else { self.lng + 180.0 };
        GeoPoint { lat: -self.lat, lng }
    }

    /// The great-circle distance in metres, rounded to millimetres.
    pub fn distance_to(self, other: GeoPoint) -> f64 {
        let haversine = |angle: f64| (1.0 - angle.cos()) / 2.0;
        let between_latitudes = haversine((other.lat - self.lat).to_radians());
        let between_longitudes = haversine((other.lng - self.lng).to_radians());
        let narrowing = self.lat.to_radians().cos() * other.lat.to_radians().cos();
        let share = between_latitudes + narrowing * between_longitudes;
        let metres = 2.0 * EARTH_RADIUS * share.sqrt().asin();
        (metres * 1000.0).round() / 1000.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn point(lat: f64, lng: f64) -> GeoPoint {
        GeoPoint { lat, lng }
    }

    #[test]
    fn distances() {
        let from = point(-63.382, 123.011);
        assert_eq!(from.distance_to(point(-69.5918, 117.3552)), 733_933.853);
        assert_eq!(from.distance_to(point(-47.374, 121.6976)), 1_781_849.07);
        assert_eq!(from.distance_to(from), 0.0);
    }

    #[test]
    fn the_antipode_is_half_the_equator_away() {
        for point in [point(0.0, 0.0), point(12.5, 179.0), point(-80.0, -33.0)] {
            let distance = point.distance_to(point.antipode());
            assert!((distance - EARTH_RADIUS * std::f64::consts::PI).abs() < 1.0, "{distance}");
            assert!((-180.0..=180.0).contains(&point.antipode().lng));
        }
    }
}
