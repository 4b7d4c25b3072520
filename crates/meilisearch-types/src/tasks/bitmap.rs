//! Sets of task uids inside stored and dumped tasks: a JSON array of the bytes of the Roaring form. For
//! `#[serde(with)]`.

use roaring::RoaringBitmap;
use serde::{Deserialize, Deserializer, Serializer, de, ser};

/// Writes the bytes.
///
/// # Errors
/// The serializer's.
pub fn serialize<S: Serializer>(tasks: &RoaringBitmap, serializer: S) -> Result<S::Ok, S::Error> {
    let mut bytes = Vec::with_capacity(tasks.serialized_size());
    tasks.serialize_into(&mut bytes).map_err(ser::Error::custom)?;
    serializer.collect_seq(bytes)
}

/// Reads the bytes.
///
/// # Errors
/// They are no set.
pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<RoaringBitmap, D::Error> {
    let bytes = Vec::<u8>::deserialize(deserializer)?;
    RoaringBitmap::deserialize_from(bytes.as_slice()).map_err(de::Error::custom)
}
