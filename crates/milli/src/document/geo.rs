//! `_geo` of a document → its point (indexing.md section 14).

use serde_json::{Map, Value};

/// A place on Earth, in degrees. Nothing keeps documents within the usual ranges.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct GeoPoint {
    /// Latitude, the north positive.
    pub lat: f64,
    /// Longitude, the east positive.
    pub lng: f64,
}

/// What is wrong with a `_geo`. Values are JSON text.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum GeoFault {
    /// It cannot be parsed.
    #[error("it is no readable JSON: {0}")]
    Unreadable(String),
    /// It is something else than an object.
    #[error("it is {0}, where an object with `lat` and `lng`, or null, is expected")]
    NotAnObject(String),
    /// It has members of other names.
    #[error("it may have `lat` and `lng` only, but has {0} too")]
    ExtraFields(String),
    /// `lat` is not there.
    #[error("the latitude `lat` is missing")]
    MissingLatitude,
    /// `lng` is not there.
    #[error("the longitude `lng` is missing")]
    MissingLongitude,
    /// Neither is there.
    #[error("the latitude `lat` and the longitude `lng` are missing")]
    MissingBoth,
    /// `lat` is no number.
    #[error("the latitude {0} is no finite number")]
    BadLatitude(String),
    /// `lng` is no number.
    #[error("the longitude {0} is no finite number")]
    BadLongitude(String),
    /// Neither is a number.
    #[error("the latitude {lat} and the longitude {lng} are no finite numbers")]
    BadBoth {
        /// The latitude.
        lat: String,
        /// The longitude.
        lng: String,
    },
}

impl GeoPoint {
    /// Reads `_geo`; null is no point.
    ///
    /// # Errors
    /// It is not an object of exactly two coordinates.
    pub(crate) fn parse(json: &str) -> Result<Option<GeoPoint>, GeoFault> {
        let value =
            serde_json::from_str(json).map_err(|error| GeoFault::Unreadable(error.to_string()))?;
        let mut members: Map<String, Value> = match value {
            Value::Null => return Ok(None),
            Value::Object(members) => members,
            other => return Err(GeoFault::NotAnObject(super::error::excerpt(&other.to_string()))),
        };
        let (lat, lng) = match (members.shift_remove("lat"), members.shift_remove("lng")) {
            (Some(lat), Some(lng)) => (lat, lng),
            (None, Some(_)) => return Err(GeoFault::MissingLatitude),
            (Some(_), None) => return Err(GeoFault::MissingLongitude),
            (None, None) => return Err(GeoFault::MissingBoth),
        };
        let point = match (coordinate(&lat), coordinate(&lng)) {
            (Some(lat), Some(lng)) => GeoPoint { lat, lng },
            (None, Some(_)) => return Err(GeoFault::BadLatitude(lat.to_string())),
            (Some(_), None) => return Err(GeoFault::BadLongitude(lng.to_string())),
            (None, None) => {
                return Err(GeoFault::BadBoth { lat: lat.to_string(), lng: lng.to_string() });
            }
        };
        if members.is_empty() {
            Ok(Some(point))
        } else {
            let extra = Value::Object(members).to_string();
            Err(GeoFault::ExtraFields(super::error::excerpt(&extra)))
        }
    }

    /// The point of a hit's `_geo`, if it has one; whatever else is in it is passed over.
    pub fn of_value(geo: &Value) -> Option<GeoPoint> {
        Some(GeoPoint { lat: coordinate(geo.get("lat")?)?, lng: coordinate(geo.get("lng")?)? })
    }
}

/// A number, or a text that is one.
fn coordinate(value: &Value) -> Option<f64> {
    let number = match value {
        Value::Number(number) => number.as_f64()?,
        Value::String(text) => text.parse().ok()?,
        _ => return None,
    };
    number.is_finite().then_some(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn coordinates_are_numbers_or_texts() {
        let point = |lat, lng| Ok(Some(GeoPoint { lat, lng }));
        assert_eq!(GeoPoint::parse(r#"{"lat": 1, "lng": -2.5}"#), point(1.0, -2.5));
        assert_eq!(GeoPoint::parse(r#"{"lng": "1e2", "lat": "91"}"#), point(91.0, 100.0));
        assert_eq!(GeoPoint::parse("null"), Ok(None));
    }

    #[test]
    fn faults_are_told_apart() {
        let fault = |json: &str| GeoPoint::parse(json).unwrap_err();
        assert_eq!(fault("[1,2]"), GeoFault::NotAnObject("[1,2]".into()));
        assert_eq!(fault(r#"{"lat":1}"#), GeoFault::MissingLongitude);
        assert_eq!(fault(r#"{"lng":1}"#), GeoFault::MissingLatitude);
        assert_eq!(fault("{}"), GeoFault::MissingBoth);
        assert_eq!(fault(r#"{"lat":" 1","lng":1}"#), GeoFault::BadLatitude("\" 1\"".into()));
        assert_eq!(fault(r#"{"lat":1,"lng":true}"#), GeoFault::BadLongitude("true".into()));
        let both = GeoFault::BadBoth { lat: "\"inf\"".into(), lng: "null".into() };
        assert_eq!(fault(r#"{"lat":"inf","lng":null}"#), both);
        assert_eq!(fault(r#"{"lat":1,"lng":2,"x":3}"#), GeoFault::ExtraFields(r#"{"x":3}"#.into()));
        assert!(matches!(fault("{"), GeoFault::Unreadable(_)));
    }
}
