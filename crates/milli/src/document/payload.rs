//! The objects of an update file: concatenated JSON, read in place (indexing.md section 2).

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::Content;
use crate::error::{InternalError, Result};

/// An object of a payload: its text, and its top-level entries in order, repeated keys included.
#[derive(Debug)]
pub(crate) struct PayloadDocument<'p> {
    pub(crate) text: &'p str,
    pub(crate) entries: Vec<(Cow<'p, str>, &'p str)>,
}

impl<'p> PayloadDocument<'p> {
    /// Reads one object.
    ///
    /// # Errors
    /// The text is not a JSON object.
    pub(crate) fn parse(text: &'p str) -> Result<PayloadDocument<'p>> {
        let Entries(entries) = serde_json::from_str(text).map_err(InternalError::Payload)?;
        Ok(PayloadDocument { text, entries })
    }

    /// The content: of a repeated key the last value counts, at the place of the first.
    pub(crate) fn into_content(self) -> Content<'p> {
        self.entries.into_iter().map(|(name, json)| (name, json.into())).collect()
    }
}

/// Reads the objects of a payload one after the other.
///
/// # Errors
/// Each item may fail: the payload is not UTF-8, or not a sequence of JSON objects.
pub(crate) fn documents(
    payload: &[u8],
) -> Result<impl Iterator<Item = Result<PayloadDocument<'_>>>> {
    let payload = std::str::from_utf8(payload)
        .map_err(|cause| InternalError::Payload(serde::de::Error::custom(cause)))?;
    let mut objects = serde_json::Deserializer::from_str(payload).into_iter::<Entries<'_>>();
    Ok(std::iter::from_fn(move || {
        let start = objects.byte_offset();
        let read = objects.next()?.map_err(InternalError::Payload);
        let text = payload.get(start..objects.byte_offset()).unwrap_or_default().trim_ascii_start();
        Some(match read {
            Ok(Entries(entries)) => Ok(PayloadDocument { text, entries }),
            Err(error) => Err(error.into()),
        })
    }))
}

/// The entries of one JSON object, repeated keys included, values left as text.
pub(super) struct Entries<'p>(pub(super) Vec<(Cow<'p, str>, &'p str)>);

impl<'de> Deserialize<'de> for Entries<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        struct EntriesVisitor;

        impl<'de> Visitor<'de> for EntriesVisitor {
            type Value = Entries<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a document, that is a JSON object")
            }

            fn visit_map<A: MapAccess<'de>>(
                self,
                mut map: A,
            ) -> std::result::Result<Self::Value, A::Error> {
                let mut entries = Vec::new();
                while let Some((Key(name), value)) = map.next_entry::<Key<'de>, &'de RawValue>()? {
                    entries.push((name, value.get()));
                }
                Ok(Entries(entries))
            }
        }

        deserializer.deserialize_map(EntriesVisitor)
    }
}

/// A key, borrowed unless it is written with escapes.
struct Key<'de>(Cow<'de, str>);

impl<'de> Deserialize<'de> for Key<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        struct KeyVisitor;

        impl<'de> Visitor<'de> for KeyVisitor {
            type Value = Key<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a field name")
            }

            fn visit_borrowed_str<E>(self, name: &'de str) -> std::result::Result<Self::Value, E> {
                Ok(Key(Cow::Borrowed(name)))
            }

            fn visit_str<E>(self, name: &str) -> std::result::Result<Self::Value, E> {
                Ok(Key(Cow::Owned(name.to_owned())))
            }
        }

        deserializer.deserialize_str(KeyVisitor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(payload: &str) -> Vec<PayloadDocument<'_>> {
        documents(payload.as_bytes()).unwrap().collect::<Result<_>>().unwrap()
    }

    #[test]
    fn objects_need_no_separator_and_keep_their_text() {
        let documents = read("{\"a\": 1.0 }{\"b\":[1,  2]}\n\n {\"c\":\"\\u0041\"} ");
        let texts: Vec<_> = documents.iter().map(|document| document.text).collect();
        assert_eq!(texts, ["{\"a\": 1.0 }", "{\"b\":[1,  2]}", "{\"c\":\"\\u0041\"}"]);
        assert_eq!(documents[0].entries, [("a".into(), "1.0")]);
        assert_eq!(documents[1].entries, [("b".into(), "[1,  2]")]);
        assert!(read("  \n ").is_empty());
    }

    #[test]
    fn of_a_repeated_key_the_last_value_counts_at_the_first_place() {
        let document = PayloadDocument::parse(r#"{"a":1,"b":2,"\u0061":3}"#).unwrap();
        assert_eq!(document.entries.len(), 3);
        let content = document.into_content();
        assert_eq!(content.iter().collect::<Vec<_>>(), [("a", "3"), ("b", "2")]);
    }

    #[test]
    fn what_is_no_object_is_refused() {
        assert!(documents(b"[1]").unwrap().next().unwrap().is_err());
        assert!(documents(b"{\"a\":").unwrap().next().unwrap().is_err());
        assert!(documents(b"\xff").is_err());
    }
}
