//! The head of an archive: the version in `VERSION`, the manifest in `metadata.json`, and the rules
//! that decide from these two alone whether a server may import the rest (index-snapshots.md 2 and 6.1).

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use uuid::Uuid;

use crate::error::{Error, Result};

/// The only format version so far.
pub(crate) const FORMAT_VERSION: u64 = 1;

/// Page sizes that LMDB can be built with and that the format admits, in bytes.
const PAGE_SIZES: std::ops::RangeInclusive<u32> = 4096..=32768;

/// A server version: major, minor, patch; ordered by the three numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version(pub u32, pub u32, pub u32);

impl Version {
    /// Reads exactly three numbers separated by dots; white space around them is allowed.
    pub fn parse(text: &str) -> Option<Version> {
        let mut parts = text.trim_ascii().split('.').map(|part| {
            part.bytes().all(|b| b.is_ascii_digit()).then(|| part.parse::<u32>().ok()).flatten()
        });
        let version = Version(parts.next()??, parts.next()??, parts.next()??);
        parts.next().is_none().then_some(version)
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.0, self.1, self.2)
    }
}

/// What a server accepts: archives of the versions `oldest..=server` of the same major version.
#[derive(Debug, Clone, Copy)]
pub struct Compatibility {
    /// The server's own version.
    pub server: Version,
    /// The oldest version whose indexes the server can bring up to date.
    pub oldest: Version,
}

impl Compatibility {
    /// Refuses an archive of another major version, a newer one and a too old one.
    pub fn check_version(&self, archive: Version) -> Result<()> {
        let reason = if archive.0 != self.server.0 {
            "the major versions differ"
        } else if archive > self.server {
            "a newer index cannot be opened by an older server"
        } else if archive < self.oldest {
            "this server cannot bring such an old index up to date"
        } else {
            return Ok(());
        };
        Err(Error::VersionMismatch { archive, server: self.server, reason })
    }
}

/// The kind of machine that an LMDB file can be read on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Platform {
    /// Width of a pointer in bits.
    pub pointer_width: u32,
    /// Byte order, `little` or `big`.
    pub endian: String,
    /// Page size of the file in bytes.
    pub page_size: u32,
}

impl Platform {
    /// This machine, for a file of the given page size.
    pub fn current(page_size: u32) -> Platform {
        Platform {
            pointer_width: usize::BITS,
            endian: if cfg!(target_endian = "little") { "little" } else { "big" }.to_string(),
            page_size,
        }
    }

    fn check(&self) -> Result<()> {
        let here = Platform::current(self.page_size);
        let mismatch = |reason| Err(Error::PlatformMismatch { reason });
        if self.pointer_width != here.pointer_width {
            return mismatch(format!(
                "its pointers have {} bits, ours {}",
                self.pointer_width, here.pointer_width
            ));
        }
        if self.endian != here.endian {
            return mismatch(format!("its byte order is {}, ours {}", self.endian, here.endian));
        }
        if !PAGE_SIZES.contains(&self.page_size) || !self.page_size.is_power_of_two() {
            return mismatch(format!(
                "its pages have {} bytes, and only powers of two from {} to {} can be read",
                self.page_size,
                PAGE_SIZES.start(),
                PAGE_SIZES.end()
            ));
        }
        Ok(())
    }
}

/// `metadata.json`. It describes; the truth is `data.mdb` (index-snapshots.md 2 names what import uses).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Manifest {
    /// Format of the archive, 1.
    pub format_version: u64,
    /// Uid of the snapshot.
    pub snapshot_uid: String,
    /// Uid of the index that it was taken of.
    pub index_uid: String,
    /// Time of the cut.
    #[serde(with = "time::serde::rfc3339")]
    pub created_at: OffsetDateTime,
    /// Uid of the task that made it.
    pub task_uid: u32,
    /// Uid of the instance that made it.
    pub instance_uid: Uuid,
    /// Version of the server; equals the entry `VERSION`.
    pub meilisearch_version: String,
    /// The machine that made it.
    pub platform: Platform,
    /// Exact number of bytes of `data.mdb`.
    pub data_size: u64,
    /// Greatest uid of a finished task of the index at the cut.
    pub last_task_uid: Option<u32>,
    /// Language features that the server's tokenizer was built with.
    pub tokenizer: Vec<String>,
    /// The index as it was.
    pub index: ManifestIndex,
}

/// What the manifest tells of the index.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ManifestIndex {
    /// When the index was created.
    #[serde(with = "time::serde::rfc3339")]
    #[schemars(with = "String", extend("format" = "date-time"))]
    pub created_at: OffsetDateTime,
    /// When it was last changed.
    #[serde(with = "time::serde::rfc3339")]
    #[schemars(with = "String", extend("format" = "date-time"))]
    pub updated_at: OffsetDateTime,
    /// Its primary key, once known.
    pub primary_key: Option<String>,
    /// Number of documents.
    pub number_of_documents: u64,
    /// Settings as the settings route answers them, secrets redacted; `null` above 256 KiB.
    pub settings: Option<serde_json::Value>,
}

/// Settings beyond this many bytes of JSON stay out of the manifest.
const MAX_SETTINGS_BYTES: usize = 256 * 1024;

impl ManifestIndex {
    /// Keeps the settings only while their JSON has at most 256 KiB.
    pub fn with_bounded_settings(mut self) -> ManifestIndex {
        self.settings = self.settings.filter(|s| s.to_string().len() <= MAX_SETTINGS_BYTES);
        self
    }
}

impl Manifest {
    /// The JSON text of the entry, indented for people unless that makes it longer than `limit` bytes:
    /// many short settings can grow to several times their size.
    pub(crate) fn to_json(&self, limit: u64) -> Result<Vec<u8>> {
        let indented = serde_json::to_vec_pretty(self);
        match indented {
            Ok(json) if json.len() as u64 > limit => serde_json::to_vec(self),
            json => json,
        }
        .map_err(|e| Error::io("writing the manifest of an index snapshot", e.into()))
    }

    /// The server version that the entry names, whatever else it holds.
    pub(crate) fn version_in(json: &[u8]) -> Option<String> {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct VersionOnly {
            meilisearch_version: String,
        }
        serde_json::from_slice(json).ok().map(|v: VersionOnly| v.meilisearch_version)
    }

    /// Reads the entry. Its format version is looked at first, so that a newer one is told from a broken one.
    pub(crate) fn parse(json: &[u8]) -> Result<Manifest> {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct FormatOnly {
            format_version: u64,
        }
        let unreadable = |e| Error::corrupted(format!("`metadata.json` cannot be read ({e})"));
        let FormatOnly { format_version } = serde_json::from_slice(json).map_err(unreadable)?;
        if format_version > FORMAT_VERSION {
            return Err(Error::UnknownFormat { found: format_version, known: FORMAT_VERSION });
        }
        if format_version == 0 {
            return Err(Error::corrupted("`metadata.json` has format version 0"));
        }
        serde_json::from_slice(json).map_err(unreadable)
    }

    /// Refuses a machine that wrote what this one cannot read, and sizes that no LMDB file has.
    pub(crate) fn check_platform(&self) -> Result<()> {
        self.platform.check()?;
        let page = u64::from(self.platform.page_size);
        if self.data_size < 2 * page || !self.data_size.is_multiple_of(page) {
            return Err(Error::corrupted(format!(
                "`metadata.json` gives `data.mdb` {} bytes, which is no number of pages of {page} bytes",
                self.data_size
            )));
        }
        Ok(())
    }

    /// Refuses an archive of another index than the one that was asked for and authorised.
    pub fn check_source(&self, index_uid: &str) -> Result<()> {
        if self.index_uid != index_uid {
            return Err(Error::corrupted(format!(
                "it was taken of the index `{}`, not of `{index_uid}` as requested",
                self.index_uid
            )));
        }
        Ok(())
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use time::macros::datetime;

    use super::*;

    pub(crate) fn sample() -> Manifest {
        Manifest {
            format_version: FORMAT_VERSION,
            snapshot_uid: "20260201-101530042".into(),
            index_uid: "films".into(),
            created_at: datetime!(2026-02-01 10:15:30.042 UTC),
            task_uid: 7,
            instance_uid: Uuid::from_u128(0x1234_5678),
            meilisearch_version: "1.50.0".into(),
            platform: Platform::current(4096),
            data_size: 8192,
            last_task_uid: None,
            tokenizer: vec!["chinese".into()],
            index: ManifestIndex {
                created_at: datetime!(2026-01-01 00:00 UTC),
                updated_at: datetime!(2026-01-02 03:04:05.000000006 UTC),
                primary_key: Some("id".into()),
                number_of_documents: 3,
                settings: Some(serde_json::json!({"searchableAttributes": ["*"]})),
            },
        }
    }

    #[test]
    fn manifest_has_the_shape_of_the_specification() {
        let json = String::from_utf8(sample().to_json(u64::MAX).unwrap()).unwrap();
        insta::assert_snapshot!(json, @r#"
        {
          "formatVersion": 1,
          "snapshotUid": "20260201-101530042",
          "indexUid": "films",
          "createdAt": "2026-02-01T10:15:30.042Z",
          "taskUid": 7,
          "instanceUid": "00000000-0000-0000-0000-000012345678",
          "meilisearchVersion": "1.50.0",
          "platform": {
            "pointerWidth": 64,
            "endian": "little",
            "pageSize": 4096
          },
          "dataSize": 8192,
          "lastTaskUid": null,
          "tokenizer": [
            "chinese"
          ],
          "index": {
            "createdAt": "2026-01-01T00:00:00Z",
            "updatedAt": "2026-01-02T03:04:05.000000006Z",
            "primaryKey": "id",
            "numberOfDocuments": 3,
            "settings": {
              "searchableAttributes": [
                "*"
              ]
            }
          }
        }
        "#);
        assert_eq!(Manifest::parse(json.as_bytes()).unwrap(), sample());
    }

    #[test]
    fn versions_are_three_numbers() {
        assert_eq!(Version::parse("1.50.0"), Some(Version(1, 50, 0)));
        assert_eq!(Version::parse(" 1.50.0\n"), Some(Version(1, 50, 0)));
        for bad in
            ["", "1.50", "1.50.0.0", "1.50.x", "v1.50.0", "1.+5.0", "1.5.99999999999", "1..0"]
        {
            assert_eq!(Version::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn version_rule() {
        let rule = Compatibility { server: Version(1, 50, 0), oldest: Version(1, 49, 0) };
        for good in [Version(1, 50, 0), Version(1, 49, 0), Version(1, 49, 7)] {
            rule.check_version(good).unwrap();
        }
        for bad in [
            Version(1, 50, 1),
            Version(1, 51, 0),
            Version(2, 0, 0),
            Version(0, 50, 0),
            Version(1, 48, 9),
        ] {
            let error = rule.check_version(bad).unwrap_err();
            assert!(matches!(error, Error::VersionMismatch { .. }), "{bad}");
            let text = error.to_string();
            assert!(
                text.contains(&bad.to_string()) && text.contains("1.50.0") && text.contains("dump"),
                "{text}"
            );
        }
    }

    #[test]
    fn newer_format_is_told_from_a_broken_manifest() {
        assert!(matches!(
            Manifest::parse(br#"{"formatVersion":2,"everything":"else is new"}"#),
            Err(Error::UnknownFormat { found: 2, known: 1 })
        ));
        for broken in [
            "",
            "{}",
            "[]",
            r#"{"formatVersion":0}"#,
            r#"{"formatVersion":1}"#,
            r#"{"formatVersion":-1}"#,
        ] {
            assert!(
                matches!(Manifest::parse(broken.as_bytes()), Err(Error::Corrupted { .. })),
                "{broken}"
            );
        }
    }

    #[test]
    fn other_machines_are_refused() {
        sample().check_platform().unwrap();
        let refused = |change: fn(&mut Manifest)| {
            let mut manifest = sample();
            change(&mut manifest);
            manifest.check_platform().unwrap_err()
        };
        for error in [
            refused(|m| m.platform.pointer_width = 32),
            refused(|m| m.platform.endian = "big".into()),
            refused(|m| m.platform.page_size = 2048),
            refused(|m| m.platform.page_size = 65536),
            refused(|m| m.platform.page_size = 5000),
        ] {
            assert!(matches!(error, Error::PlatformMismatch { .. }), "{error}");
        }
        for error in [refused(|m| m.data_size = 4096), refused(|m| m.data_size = 8193)] {
            assert!(matches!(error, Error::Corrupted { .. }), "{error}");
        }
    }

    #[test]
    fn big_settings_stay_out() {
        let mut index = sample().index;
        index.settings = Some(serde_json::json!({"stopWords": vec!["x".repeat(1000); 300]}));
        assert_eq!(index.with_bounded_settings().settings, None);
        assert!(sample().index.with_bounded_settings().settings.is_some());
    }

    #[test]
    fn the_entry_keeps_its_limit_whatever_the_settings() {
        const LIMIT: u64 = 1 << 20;
        let mut manifest = sample();
        // The request of a REST embedder is any JSON, and indentation outgrows many short values.
        let request = serde_json::json!({ "input": { "options": vec![1; 100_000] } });
        manifest.index.settings =
            Some(serde_json::json!({ "embedders": { "a": { "request": request } } }));
        manifest.index = manifest.index.with_bounded_settings();
        assert!(manifest.index.settings.is_some());
        let indented = manifest.to_json(u64::MAX).unwrap();
        assert!(indented.len() as u64 > LIMIT, "{}", indented.len());
        let json = manifest.to_json(LIMIT).unwrap();
        assert!(json.len() as u64 <= LIMIT);
        assert_eq!(Manifest::parse(&json).unwrap(), manifest);
    }

    proptest::proptest! {
        #[test]
        fn any_manifest_survives(
            uid in "[a-zA-Z0-9_-]{1,60}", task in proptest::num::u32::ANY, size in proptest::num::u64::ANY,
            last in proptest::option::of(proptest::num::u32::ANY), key in proptest::option::of(".{0,20}"),
            nanoseconds in 0i64..4_000_000_000_000_000_000, features in proptest::collection::vec("[a-z-]{1,12}", 0..9),
        ) {
            let mut manifest = sample();
            manifest.index_uid = uid;
            manifest.task_uid = task;
            manifest.data_size = size;
            manifest.last_task_uid = last;
            manifest.index.primary_key = key;
            manifest.created_at = OffsetDateTime::from_unix_timestamp_nanos(nanoseconds.into()).unwrap();
            manifest.tokenizer = features;
            proptest::prop_assert_eq!(Manifest::parse(&manifest.to_json(u64::MAX).unwrap()).unwrap(), manifest);
        }

        #[test]
        fn no_text_makes_the_parser_panic(text in ".{0,200}") {
            let _ = Manifest::parse(text.as_bytes());
            let _ = Version::parse(&text);
        }
    }
}
