//! JSON and NDJSON payloads.

use std::borrow::Cow;
use std::fmt;
use std::io::Write;

use indexmap::IndexMap;
use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use super::{DocumentFormat, DocumentPayloadError, shorten};

fn malformed(format: DocumentFormat, complaint: impl ToString) -> DocumentPayloadError {
    DocumentPayloadError::Malformed { format, complaint: shorten(complaint.to_string()) }
}

/// An array of objects, whose values are copied byte for byte, or one object, which is written
/// anew.
pub(super) fn write_json(
    payload: &[u8],
    mut output: impl Write,
) -> Result<u64, DocumentPayloadError> {
    let format = DocumentFormat::Json;
    match payload.iter().find(|byte| !byte.is_ascii_whitespace()) {
        Some(b'[') => {
            let mut write_error = None;
            let array = CopyArray { output: &mut output, write_error: &mut write_error };
            // Bytes after the closing bracket are not looked at, as upstream does.
            let count = array.deserialize(&mut serde_json::Deserializer::from_slice(payload));
            match write_error {
                Some(error) => Err(error.into()),
                None => count.map_err(|error| malformed(format, error)),
            }
        }
        Some(b'{') => {
            let object: Map<String, Value> =
                serde_json::from_slice(payload).map_err(|error| malformed(format, error))?;
            serde_json::to_writer(output, &object).map_err(std::io::Error::from)?;
            Ok(1)
        }
        _ => Err(malformed(format, "it must be an array of objects or one object")),
    }
}

/// Objects with or without white space between them; the bytes are kept as they are.
pub(super) fn write_ndjson(
    payload: &[u8],
    mut output: impl Write,
) -> Result<u64, DocumentPayloadError> {
    let format = DocumentFormat::Ndjson;
    let text = std::str::from_utf8(payload).map_err(|error| malformed(format, error))?;
    let mut count = 0;
    for object in serde_json::Deserializer::from_str(text).into_iter::<AnyObject>() {
        object.map_err(|error| malformed(format, error))?;
        count += 1;
    }
    output.write_all(payload)?;
    Ok(count)
}

/// Accepts an object and keeps nothing of it.
struct AnyObject;

impl<'de> Deserialize<'de> for AnyObject {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct AnyMember;

        impl<'de> Visitor<'de> for AnyMember {
            type Value = AnyObject;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<AnyObject, A::Error> {
                while map.next_entry::<Key<'de>, IgnoredAny>()?.is_some() {}
                Ok(AnyObject)
            }
        }

        deserializer.deserialize_map(AnyMember)
    }
}

/// A key of an object, decoded; borrowed when it holds no escape.
#[derive(PartialEq, Eq, Hash, Deserialize, Serialize)]
struct Key<'a>(#[serde(borrow)] Cow<'a, str>);

/// The top-level members of one document: first place, last value.
type Members<'a> = IndexMap<Key<'a>, &'a RawValue>;

/// Copies the objects of an array to `output` and counts them. A failed write stops the parser and
/// is left in `write_error`.
struct CopyArray<'w, W> {
    output: &'w mut W,
    write_error: &'w mut Option<std::io::Error>,
}

impl<'de, W: Write> DeserializeSeed<'de> for CopyArray<'_, W> {
    type Value = u64;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<u64, D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de, W: Write> Visitor<'de> for CopyArray<'_, W> {
    type Value = u64;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array of objects")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut array: A) -> Result<u64, A::Error> {
        let mut members = Members::new();
        let mut count = 0;
        while array.next_element_seed(ReadMembers(&mut members))?.is_some() {
            if let Err(error) = serde_json::to_writer(&mut *self.output, &members) {
                *self.write_error = Some(error.into());
                return Err(serde::de::Error::custom("the output cannot be written"));
            }
            count += 1;
        }
        Ok(count)
    }
}

/// Reads one object into a map that is used again and again.
struct ReadMembers<'m, 'de>(&'m mut Members<'de>);

impl<'de> DeserializeSeed<'de> for ReadMembers<'_, 'de> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for ReadMembers<'_, 'de> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut object: A) -> Result<(), A::Error> {
        self.0.clear();
        while let Some((key, value)) = object.next_entry()? {
            self.0.insert(key, value);
        }
        Ok(())
    }
}
