//! The second database: which key may do which of upstream's actions where, and until when
//! (storage-instance.md 9).
//!
//! | Key | Value |
//! |---|---|
//! | 16 bytes uid, 1 byte action, index pattern (nothing for `*`) | JSON: null, or the expiration as nine numbers |
//!
//! The nine numbers are year, day of the year from 1, hour, minute, second, nanosecond, and hours,
//! minutes, seconds of the offset: the local date and time, not UTC.

use std::collections::BTreeSet;

use meilisearch_types::keys::{Action, Key};
use time::{Date, OffsetDateTime, Time, UtcOffset};
use uuid::Uuid;

/// Bytes of a key before its index pattern.
const PREFIX_LEN: usize = 17;

type StoredExpiration = Option<(i32, u16, u8, u8, u8, u32, i8, i8, i8)>;

/// What all entries of a key and an action begin with; by itself the entry for all indexes.
pub(crate) fn prefix(uid: Uuid, action: Action) -> [u8; PREFIX_LEN] {
    let mut prefix = [0; PREFIX_LEN];
    prefix[..16].copy_from_slice(uid.as_bytes());
    prefix[16] = action.number();
    prefix
}

/// The entry of a key, an action and an index pattern.
pub(crate) fn entry(uid: Uuid, action: Action, pattern: &str) -> Vec<u8> {
    [&prefix(uid, action), pattern.as_bytes()].concat()
}

/// The index pattern of an entry, empty for all indexes; none if it is not text.
pub(crate) fn pattern(entry: &[u8]) -> Option<&str> {
    std::str::from_utf8(entry.get(PREFIX_LEN..)?).ok()
}

/// All entries of a key; they share one value.
pub(crate) fn entries(key: &Key) -> BTreeSet<Vec<u8>> {
    let actions: BTreeSet<Action> = key.actions.iter().flat_map(|action| action.expand()).collect();
    let all_indexes = key.indexes.iter().any(|pattern| pattern.matches_all());
    let mut entries = BTreeSet::new();
    for action in actions {
        if all_indexes {
            entries.insert(prefix(key.uid, action).to_vec());
        } else {
            let patterns = key.indexes.iter();
            entries.extend(patterns.map(|pattern| entry(key.uid, action, pattern.as_str())));
        }
    }
    entries
}

/// The value of a key's entries.
pub(crate) fn encode_expiration(expires_at: Option<OffsetDateTime>) -> String {
    let Some(date) = expires_at else { return "null".to_owned() };
    let (year, day) = date.to_ordinal_date();
    let (hour, minute, second, nanosecond) = date.to_hms_nano();
    let (offset_hours, offset_minutes, offset_seconds) = date.offset().as_hms();
    format!(
        "[{year},{day},{hour},{minute},{second},{nanosecond},{offset_hours},{offset_minutes},{offset_seconds}]"
    )
}

/// Reads the value of an entry; the outer none means that it is corrupted.
pub(crate) fn decode_expiration(value: &[u8]) -> Option<Option<OffsetDateTime>> {
    let stored: StoredExpiration = serde_json::from_slice(value).ok()?;
    let Some((year, day, hour, minute, second, nanosecond, hours, minutes, seconds)) = stored
    else {
        return Some(None);
    };
    let date = Date::from_ordinal_date(year, day).ok()?;
    let time = Time::from_hms_nano(hour, minute, second, nanosecond).ok()?;
    let offset = UtcOffset::from_hms(hours, minutes, seconds).ok()?;
    Some(Some(date.with_time(time).assume_offset(offset)))
}

#[cfg(test)]
mod tests {
    use time::format_description::well_known::Rfc3339;

    use super::*;

    #[test]
    fn golden_expirations() {
        for (date, value) in [
            ("2030-12-31T23:59:59.25Z", "[2030,365,23,59,59,250000000,0,0,0]"),
            ("2099-06-30T23:59:59+02:30", "[2099,181,23,59,59,0,2,30,0]"),
            ("2099-06-30T23:59:59-03:30", "[2099,181,23,59,59,0,-3,-30,0]"),
        ] {
            let date = OffsetDateTime::parse(date, &Rfc3339).unwrap();
            assert_eq!(encode_expiration(Some(date)), value);
            assert_eq!(decode_expiration(value.as_bytes()), Some(Some(date)));
        }
        assert_eq!(encode_expiration(None), "null");
        assert_eq!(decode_expiration(b"null"), Some(None));
        for corrupted in ["", "[2030]", "[2030,400,0,0,0,0,0,0,0]", "\"2030\""] {
            assert_eq!(decode_expiration(corrupted.as_bytes()), None);
        }
    }

    #[test]
    fn golden_entries() {
        let mut key: Key = serde_json::from_str(
            r#"{"uid":"00000000-0000-0000-0000-0000000000ff","actions":["search","dumps.*","snapshots.get"],"indexes":["a*","b"],"expires_at":null,"created_at":"2026-01-01T00:00:00Z","updated_at":"2026-01-01T00:00:00Z"}"#,
        )
        .unwrap();
        let uid = [vec![0; 15], vec![255]].concat();
        let with = |rest: &[u8]| [uid.as_slice(), rest].concat();
        assert_eq!(
            entries(&key).into_iter().collect::<Vec<_>>(),
            [with(b"\x01a*"), with(b"\x01b"), with(b"\x18a*"), with(b"\x18b")]
        );
        key.indexes.push("*".parse().unwrap());
        assert_eq!(entries(&key).into_iter().collect::<Vec<_>>(), [with(b"\x01"), with(b"\x18")]);
        key.indexes.clear();
        assert!(entries(&key).is_empty());
        assert_eq!(pattern(&with(b"\x01a*")), Some("a*"));
    }
}
