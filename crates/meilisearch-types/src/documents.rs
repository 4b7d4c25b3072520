//! Payloads of documents, turned into update files (indexing.md 2, storage-instance.md 10).
//!
//! An update file is a stream of concatenated JSON objects. Input is a slice, best of a mapped
//! file, so that values are copied without a detour; output is written as input is read.

mod csv;
mod json;

use std::fmt;
use std::io::{self, Write};

use crate::error::{Code, ErrorCode};

/// Longest complaint of a JSON parser that is told whole, in bytes.
const LONGEST_COMPLAINT: usize = 138;

/// Bytes kept of the beginning of a longer complaint.
const COMPLAINT_HEAD: usize = 50;

/// Bytes kept of its end.
const COMPLAINT_TAIL: usize = 85;

/// How the documents of a payload are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DocumentFormat {
    /// An array of objects, or one object.
    Json,
    /// Objects one after another.
    Ndjson,
    /// Rows below a header, cells separated by this byte.
    Csv {
        /// The separator.
        delimiter: u8,
    },
}

impl fmt::Display for DocumentFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            DocumentFormat::Json => "json",
            DocumentFormat::Ndjson => "ndjson",
            DocumentFormat::Csv { .. } => "csv",
        })
    }
}

/// Why a payload is refused.
#[derive(Debug, thiserror::Error)]
pub enum DocumentPayloadError {
    /// It is not of its format.
    #[error("The payload is not valid {format}: {complaint}.")]
    Malformed {
        /// The format that was announced.
        format: DocumentFormat,
        /// What the parser says, shortened.
        complaint: String,
    },
    /// The update file cannot be written.
    #[error("The payload cannot be stored: {0}")]
    Write(#[from] io::Error),
}

impl ErrorCode for DocumentPayloadError {
    fn error_code(&self) -> Code {
        match self {
            DocumentPayloadError::Malformed { .. } => Code::MalformedPayload,
            DocumentPayloadError::Write(error) => error.error_code(),
        }
    }
}

/// Writes the documents of `payload` to `update_file`, which should be buffered, and counts them.
pub fn write_update_file(
    format: DocumentFormat,
    payload: &[u8],
    update_file: impl Write,
) -> Result<u64, DocumentPayloadError> {
    match format {
        DocumentFormat::Json => json::write_json(payload, update_file),
        DocumentFormat::Ndjson => json::write_ndjson(payload, update_file),
        DocumentFormat::Csv { delimiter } => csv::write_csv(payload, delimiter, update_file),
    }
}

/// Cuts a long complaint down to its beginning and end.
fn shorten(complaint: String) -> String {
    if complaint.len() <= LONGEST_COMPLAINT {
        return complaint;
    }
    let is_boundary = |at: &usize| complaint.is_char_boundary(*at);
    let head = (0..=COMPLAINT_HEAD).rev().find(is_boundary).unwrap_or(0);
    let tail = (complaint.len() - COMPLAINT_TAIL..).find(is_boundary).unwrap_or(complaint.len());
    format!("{}...{}", &complaint[..head], &complaint[tail..])
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Map, Value};

    use super::*;

    fn convert(format: DocumentFormat, payload: &str) -> Result<(u64, String), String> {
        let mut file = Vec::new();
        match write_update_file(format, payload.as_bytes(), &mut file) {
            Ok(count) => Ok((count, String::from_utf8(file).unwrap())),
            Err(error) => {
                assert_eq!(error.error_code(), Code::MalformedPayload);
                Err(error.to_string())
            }
        }
    }

    fn check(format: DocumentFormat, payload: &str, count: u64, file: &str) {
        assert_eq!(convert(format, payload), Ok((count, file.to_owned())), "{payload}");
    }

    const CSV: DocumentFormat = DocumentFormat::Csv { delimiter: b',' };

    #[test]
    fn array_keeps_the_text_of_values() {
        check(
            DocumentFormat::Json,
            r#" [ {"a" : 1.50, "b": [1,  2], "c": {"x":1, "x":2}}, {"\u00e9\"": "\u00e9"} ]"#,
            2,
            r#"{"a":1.50,"b":[1,  2],"c":{"x":1, "x":2}}{"é\"":"\u00e9"}"#,
        );
        check(DocumentFormat::Json, r#"[{"a":1,"b":2,"a":3}]"#, 1, r#"{"a":3,"b":2}"#);
        check(DocumentFormat::Json, "[]", 0, "");
        check(DocumentFormat::Json, "[{}] anything", 1, "{}");
        check(
            DocumentFormat::Json,
            "[{\"n\":123456789012345678901234567890}]",
            1,
            "{\"n\":123456789012345678901234567890}",
        );
    }

    #[test]
    fn single_object_is_written_anew() {
        check(
            DocumentFormat::Json,
            r#"{ "a": 1.50, "b": 1e5, "c": [ "\u00e9", {"x": 1, "x": 2} ], "a": 2.0,
               "n": 123456789012345678901234567890 } "#,
            1,
            r#"{"a":2.0,"b":100000.0,"c":["é",{"x":2}],"n":1.2345678901234568e+29}"#,
        );
    }

    #[test]
    fn ndjson_is_kept_as_it_is() {
        let payload = "{\"a\":1,\"a\":2}\n\n {\"b\": 1.50}{}\r\n";
        check(DocumentFormat::Ndjson, payload, 3, payload);
        check(DocumentFormat::Ndjson, " \n", 0, " \n");
    }

    #[test]
    fn malformed_json() {
        for (format, payload) in [
            (DocumentFormat::Json, ""),
            (DocumentFormat::Json, "1"),
            (DocumentFormat::Json, "nope"),
            (DocumentFormat::Json, "\"str\""),
            (DocumentFormat::Json, "[1]"),
            (DocumentFormat::Json, "[{\"id\":1,}]"),
            (DocumentFormat::Json, "[{\"id\":1}"),
            (DocumentFormat::Json, "{\"id\":1}{\"id\":2}"),
            (DocumentFormat::Ndjson, "{\"id\":1}\nbroken"),
            (DocumentFormat::Ndjson, "{\"id\":1}\n[]"),
            (DocumentFormat::Ndjson, "{\"id\":"),
        ] {
            let message = convert(format, payload).unwrap_err();
            assert!(message.contains(&format!("not valid {format}")), "{message}");
        }
        let not_utf8 = write_update_file(DocumentFormat::Ndjson, b"{\"a\":\"\xff\"}", Vec::new());
        assert!(not_utf8.is_err());
        let not_utf8 = write_update_file(DocumentFormat::Json, b"[{\"a\":\"\xff\"}]", Vec::new());
        assert!(not_utf8.is_err());
        assert!(
            convert(DocumentFormat::Json, "3")
                .unwrap_err()
                .contains("an array of objects or one object")
        );
    }

    #[test]
    fn long_complaints_lose_their_middle() {
        let short = "x".repeat(LONGEST_COMPLAINT);
        assert_eq!(shorten(short.clone()), short);
        let long = format!("{}{}{}", "a".repeat(50), "b".repeat(4), "c".repeat(85));
        assert_eq!(shorten(long), format!("{}...{}", "a".repeat(50), "c".repeat(85)));
        assert!(shorten("é".repeat(100)).contains("..."));
    }

    #[test]
    fn csv_cells() {
        check(
            CSV,
            "\u{feff}id:number,name,ok:boolean,a:b:string,odd:thing\r\n 1 ,\" x, \"\"y\",true,,\n\n1.5,, false ,s,t\n1e400,é,,,",
            3,
            concat!(
                r#"{"id":1,"name":" x, \"y","ok":true,"a:b":null,"odd:thing":null}"#,
                r#"{"id":1.5,"name":null,"ok":false,"a:b":"s","odd:thing":"t"}"#,
                r#"{"id":null,"name":"é","ok":null,"a:b":null,"odd:thing":null}"#,
            ),
        );
        check(CSV, "a,b,a:number\r1,2,3\r", 1, r#"{"a":3,"b":"2"}"#);
        check(CSV, "id\n", 0, "");
        check(DocumentFormat::Csv { delimiter: b';' }, "a;b\n1,2;3\n", 1, r#"{"a":"1,2","b":"3"}"#);
    }

    #[test]
    fn malformed_csv() {
        for (payload, told) in [
            ("id,name\n203\n", "1"),
            ("id,n:number\n1,2\n204,abc\n", "`abc`"),
            ("id,n:number\n1,2\n204,abc\n", "row 2"),
            ("id,b:boolean\n205,True\n", "`True`"),
            ("\n\n", "header"),
        ] {
            let message = convert(CSV, payload).unwrap_err();
            assert!(message.contains("not valid csv") && message.contains(told), "{message}");
        }
        assert!(write_update_file(CSV, b"a\n\xff\n", Vec::new()).is_err());
    }

    fn any_object() -> impl Strategy<Value = Map<String, Value>> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<String>().prop_map(Value::from),
        ];
        let value = leaf.prop_recursive(3, 16, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                prop::collection::vec((any::<String>(), inner), 0..4).prop_map(Value::from_iter),
            ]
        });
        prop::collection::vec((any::<String>(), value), 0..4).prop_map(Map::from_iter)
    }

    proptest! {
        #[test]
        fn documents_survive(documents in prop::collection::vec(any_object(), 0..5), pretty: bool) {
            let text = if pretty { serde_json::to_string_pretty } else { serde_json::to_string };
            let (count, file) = convert(DocumentFormat::Json, &text(&documents).unwrap()).unwrap();
            let stored: Result<Vec<Map<String, Value>>, _> =
                serde_json::Deserializer::from_str(&file).into_iter().collect();
            prop_assert_eq!(stored.unwrap(), documents.clone());
            prop_assert_eq!(count, documents.len() as u64);
            prop_assert_eq!(convert(DocumentFormat::Ndjson, &file), Ok((count, file)));
        }

        #[test]
        fn any_payload_is_read_without_panic(payload in r#"[\[{][\[\]{}:,"\\u0-9a\PC \n\r]{0,40}"#) {
            for format in [DocumentFormat::Json, DocumentFormat::Ndjson, CSV] {
                let mut file = Vec::new();
                if let Ok(count) = write_update_file(format, payload.as_bytes(), &mut file) {
                    let stored = serde_json::Deserializer::from_slice(&file).into_iter::<Map<_, _>>();
                    prop_assert_eq!(stored.filter(Result::is_ok).count() as u64, count);
                }
            }
        }
    }
}
