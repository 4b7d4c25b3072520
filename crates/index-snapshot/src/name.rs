//! Snapshot uids and file names (index-snapshots.md 2): `<name>-<snapshotUid>.snapshot.tar[.gz|.zst]`.
//!
//! `<name>` is the index uid, or for a long one its first 100 bytes, `~` and 16 hex digits of its SHA-256.
//! A snapshot uid has a fixed length, so a file name splits from the right, whatever the index uid holds.

use std::fmt;

use sha2::{Digest, Sha256};
use time::OffsetDateTime;
use time::macros::format_description;

use crate::compression::Compression;

/// Index uids of more bytes than this are shortened in file names.
const MAX_PLAIN_BYTES: usize = 128;
/// How many bytes of a long uid are kept.
const KEPT_BYTES: usize = 100;
/// How many hex digits of the SHA-256 of a long uid follow.
const HASH_DIGITS: usize = 16;
/// Length of a snapshot uid in bytes.
const SNAPSHOT_UID_BYTES: usize = 18;

/// Identity of a snapshot: a moment in UTC, written `YYYYMMDD-HHMMSSmmm`. Text order is time order.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SnapshotUid(String);

impl SnapshotUid {
    /// The uid of a moment, cut to the millisecond. Fails for years that do not have four digits.
    pub fn from_time(moment: OffsetDateTime) -> Option<SnapshotUid> {
        let format =
            format_description!("[year][month][day]-[hour][minute][second][subsecond digits:3]");
        SnapshotUid::parse(&moment.to_offset(time::UtcOffset::UTC).format(&format).ok()?)
    }

    /// Reads a uid; `None` when the text has not the form of one or names no moment.
    pub fn parse(text: &str) -> Option<SnapshotUid> {
        let uid = SnapshotUid(text.to_string());
        (text.len() == SNAPSHOT_UID_BYTES && uid.time().is_some()).then_some(uid)
    }

    /// The uid as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The next uid, one millisecond later. `None` at the end of time.
    pub fn next(&self) -> Option<SnapshotUid> {
        SnapshotUid::from_time(self.time()?.checked_add(time::Duration::MILLISECOND)?)
    }

    fn time(&self) -> Option<OffsetDateTime> {
        let (date, clock) = self.0.split_at_checked(8)?;
        let clock = clock.strip_prefix('-')?;
        let number = |text: &str, range: std::ops::Range<usize>| -> Option<u32> {
            let digits = text.get(range)?;
            digits.bytes().all(|b| b.is_ascii_digit()).then(|| digits.parse().ok()).flatten()
        };
        let month = time::Month::try_from(u8::try_from(number(date, 4..6)?).ok()?).ok()?;
        let day = time::Date::from_calendar_date(
            i32::try_from(number(date, 0..4)?).ok()?,
            month,
            u8::try_from(number(date, 6..8)?).ok()?,
        )
        .ok()?;
        let moment = day
            .with_hms_milli(
                u8::try_from(number(clock, 0..2)?).ok()?,
                u8::try_from(number(clock, 2..4)?).ok()?,
                u8::try_from(number(clock, 4..6)?).ok()?,
                u16::try_from(number(clock, 6..9)?).ok()?,
            )
            .ok()?;
        Some(moment.assume_utc())
    }
}

impl fmt::Display for SnapshotUid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The parts of an archive's file name. The index part is a hint: it is the uid only while that is short.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ArchiveName {
    index_part: String,
    snapshot_uid: SnapshotUid,
    compression: Compression,
}

impl ArchiveName {
    /// The name of a snapshot of an index.
    pub fn new(
        index_uid: &str,
        snapshot_uid: SnapshotUid,
        compression: Compression,
    ) -> ArchiveName {
        ArchiveName { index_part: index_part(index_uid), snapshot_uid, compression }
    }

    /// Reads a file name; `None` when it has not the form of one. No name that it accepts holds a
    /// separator or begins with a dot.
    pub fn parse(file_name: &str) -> Option<ArchiveName> {
        let (stem, compression) = Compression::ALL.into_iter().find_map(|compression| {
            Some((file_name.strip_suffix(compression.suffix())?, compression))
        })?;
        let (rest, snapshot_uid) =
            stem.split_at_checked(stem.len().checked_sub(SNAPSHOT_UID_BYTES)?)?;
        let index_part = rest.strip_suffix('-')?;
        let plain = |part: &str| {
            !part.is_empty()
                && part.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
        };
        let well_formed = match index_part.split_once('~') {
            None => plain(index_part) && index_part.len() <= MAX_PLAIN_BYTES,
            Some((kept, hash)) => {
                plain(kept)
                    && kept.len() == KEPT_BYTES
                    && hash.len() == HASH_DIGITS
                    && hash.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
            }
        };
        let snapshot_uid = SnapshotUid::parse(snapshot_uid)?;
        well_formed.then(|| ArchiveName {
            index_part: index_part.to_string(),
            snapshot_uid,
            compression,
        })
    }

    /// Whether the name is one of this index.
    pub fn is_of_index(&self, index_uid: &str) -> bool {
        self.index_part == index_part(index_uid)
    }

    /// The snapshot's uid.
    pub fn snapshot_uid(&self) -> &SnapshotUid {
        &self.snapshot_uid
    }

    /// The compression that the name claims.
    pub fn compression(&self) -> Compression {
        self.compression
    }

    /// The file name of the archive.
    pub fn file_name(&self) -> String {
        format!("{}-{}{}", self.index_part, self.snapshot_uid, self.compression.suffix())
    }
}

fn index_part(index_uid: &str) -> String {
    if index_uid.len() <= MAX_PLAIN_BYTES {
        return index_uid.to_string();
    }
    let kept = index_uid.get(..KEPT_BYTES).unwrap_or(index_uid);
    let mut hash = hex::encode(Sha256::digest(index_uid.as_bytes()));
    hash.truncate(HASH_DIGITS);
    format!("{kept}~{hash}")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use time::macros::datetime;

    use super::*;

    fn uid() -> SnapshotUid {
        SnapshotUid::from_time(datetime!(2026-02-01 11:15:30.042999 +1)).unwrap()
    }

    #[test]
    fn uid_is_a_moment_in_utc() {
        assert_eq!(uid().as_str(), "20260201-101530042");
        assert_eq!(uid().next().unwrap().as_str(), "20260201-101530043");
        let last = SnapshotUid::parse("20251231-235959999").unwrap();
        assert_eq!(last.next().unwrap().as_str(), "20260101-000000000");
        for bad in [
            "",
            "20260201-10153004",
            "20260201-1015300420",
            "20260230-101530042",
            "20260201_101530042",
            "20260201-241530042",
            "2026020a-101530042",
            "+0260201-101530042",
            "2026020é-10153004",
        ] {
            assert_eq!(SnapshotUid::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn names_of_short_and_long_uids() {
        let check = |uid_bytes: usize, expected: &str| {
            let index_uid = "a".repeat(uid_bytes);
            let name = ArchiveName::new(&index_uid, uid(), Compression::Gzip);
            assert_eq!(name.file_name(), expected);
            assert!((name.file_name().len() + ".sha256.part".len()) < 255);
            assert_eq!(ArchiveName::parse(expected), Some(name.clone()));
            assert!(name.is_of_index(&index_uid));
            assert!(!name.is_of_index(&"a".repeat(uid_bytes + 1)));
        };
        check(1, "a-20260201-101530042.snapshot.tar.gz");
        check(128, &format!("{}-20260201-101530042.snapshot.tar.gz", "a".repeat(128)));
        // The digits are those of `sha256sum` over that many letters.
        check(
            129,
            &format!(
                "{}~{}-20260201-101530042.snapshot.tar.gz",
                "a".repeat(100),
                "c12cb024a2e5551c"
            ),
        );
        check(
            400,
            &format!(
                "{}~{}-20260201-101530042.snapshot.tar.gz",
                "a".repeat(100),
                "abd5e54be3f59d8e"
            ),
        );
    }

    #[test]
    fn a_uid_that_looks_like_a_name_splits_from_the_right() {
        let index_uid = "a-20260201-101530042";
        for compression in Compression::ALL {
            let name = ArchiveName::new(index_uid, uid(), compression);
            let parsed = ArchiveName::parse(&name.file_name()).unwrap();
            assert_eq!(parsed, name);
            assert!(parsed.is_of_index(index_uid) && !parsed.is_of_index("a"));
            assert_eq!(parsed.snapshot_uid(), &uid());
            assert_eq!(parsed.compression(), compression);
        }
    }

    #[test]
    fn other_names_are_refused() {
        for bad in [
            "",
            "a",
            "-20260201-101530042.snapshot.tar",
            "a20260201-101530042.snapshot.tar",
            "a-20260201-101530042.snapshot",
            "a-20260201-101530042.snapshot.tar.gz.sha256",
            ".a-20260201-101530042.snapshot.tar",
            "../a-20260201-101530042.snapshot.tar",
            "a/b-20260201-101530042.snapshot.tar",
            "a~0123456789abcdef-20260201-101530042.snapshot.tar",
            "é-20260201-101530042.snapshot.tar",
            "a-20260201-101530042.snapshot.tar.GZ",
        ] {
            assert_eq!(ArchiveName::parse(bad), None, "{bad}");
        }
    }

    proptest! {
        #[test]
        fn every_name_parses_back(
            index_uid in "[a-zA-Z0-9_-]{1,400}", ms in 0i64..253_402_300_799_000, kind in 0usize..3,
        ) {
            let moment = OffsetDateTime::from_unix_timestamp_nanos(i128::from(ms) * 1_000_000).unwrap();
            let snapshot_uid = SnapshotUid::from_time(moment).unwrap();
            let name = ArchiveName::new(&index_uid, snapshot_uid, Compression::ALL[kind]);
            let parsed = ArchiveName::parse(&name.file_name());
            prop_assert_eq!(parsed.as_ref(), Some(&name));
            prop_assert!(name.is_of_index(&index_uid));
        }

        #[test]
        fn no_text_makes_the_parser_panic(text in ".{0,60}", tail in "(-20260201-101530042)?(\\.snapshot\\.tar(\\.gz)?)?") {
            let name = format!("{text}{tail}");
            if let Some(parsed) = ArchiveName::parse(&name) {
                prop_assert_eq!(parsed.file_name(), name);
            }
        }
    }
}
