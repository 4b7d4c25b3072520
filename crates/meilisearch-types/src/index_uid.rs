//! Names of indexes and patterns of them (http-api.md 3, operations.md 12).

use std::fmt;
use std::str::FromStr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::error::{Code, ErrorCode};

/// Longest index uid, in bytes.
const MAX_BYTES: usize = 400;

/// Uids that start so are ours: never listed nor addressable.
const RESERVED_PREFIX: &str = ".meili";

/// Whether the uid belongs to an internal index, which users never see (storage-instance.md 7).
pub fn is_reserved(uid: &str) -> bool {
    uid.starts_with(RESERVED_PREFIX)
}

/// The uid of an index: 1 to 400 bytes of `A-Z a-z 0-9 - _`.
#[derive(
    Debug,
    Clone,
    PartialEq,
    Eq,
    Hash,
    PartialOrd,
    Ord,
    Serialize,
    Deserialize,
    deserr::Deserr,
    JsonSchema,
)]
#[serde(try_from = "String", into = "String")]
#[schemars(extend("pattern" = "^[a-zA-Z0-9_-]{1,400}$"))]
#[deserr(try_from(String) = IndexUid::try_from -> IndexUidFormatError)]
pub struct IndexUid(String);

/// A text that is no index uid, or no pattern of one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IndexUidFormatError {
    /// Not an index uid.
    #[error(
        "`{0}` is not a valid index uid: use 1 to {MAX_BYTES} characters out of `a-z`, `A-Z`, `0-9`, `-` and `_`."
    )]
    Uid(String),
    /// Not a pattern.
    #[error(
        "`{0}` is not a valid index pattern: use an index uid, the beginning of one followed by `*`, or `*` alone."
    )]
    Pattern(String),
}

impl ErrorCode for IndexUidFormatError {
    fn error_code(&self) -> Code {
        Code::InvalidIndexUid
    }
}

fn is_valid(uid: &str) -> bool {
    (1..=MAX_BYTES).contains(&uid.len())
        && uid.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
}

impl IndexUid {
    /// The uid as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for IndexUid {
    type Error = IndexUidFormatError;

    fn try_from(uid: String) -> Result<Self, Self::Error> {
        if is_valid(&uid) { Ok(IndexUid(uid)) } else { Err(IndexUidFormatError::Uid(uid)) }
    }
}

impl FromStr for IndexUid {
    type Err = IndexUidFormatError;

    fn from_str(uid: &str) -> Result<Self, Self::Err> {
        uid.to_owned().try_into()
    }
}

impl From<IndexUid> for String {
    fn from(uid: IndexUid) -> Self {
        uid.0
    }
}

impl AsRef<str> for IndexUid {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl std::ops::Deref for IndexUid {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for IndexUid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A set of indexes: one uid, all that begin alike (`movies-*`), or all (`*`).
#[derive(
    Debug,
    Clone,
    PartialEq,
    Eq,
    Hash,
    PartialOrd,
    Ord,
    Serialize,
    Deserialize,
    deserr::Deserr,
    JsonSchema,
)]
#[serde(try_from = "String", into = "String")]
#[deserr(try_from(String) = IndexUidPattern::try_from -> IndexUidFormatError)]
pub struct IndexUidPattern(String);

impl IndexUidPattern {
    /// The pattern `*`.
    pub fn all() -> Self {
        IndexUidPattern("*".to_owned())
    }

    /// Whether this is `*`.
    pub fn matches_all(&self) -> bool {
        self.0 == "*"
    }

    /// Whether the pattern holds the uid.
    pub fn matches(&self, uid: &str) -> bool {
        matches_pattern(&self.0, uid)
    }

    /// The pattern as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Whether a pattern, whose format need not be valid, holds the uid.
pub fn matches_pattern(pattern: &str, uid: &str) -> bool {
    match pattern.strip_suffix('*') {
        Some(prefix) => uid.starts_with(prefix),
        None => pattern == uid,
    }
}

impl TryFrom<String> for IndexUidPattern {
    type Error = IndexUidFormatError;

    fn try_from(pattern: String) -> Result<Self, Self::Error> {
        let valid = match pattern.strip_suffix('*') {
            Some(prefix) => prefix.is_empty() || is_valid(prefix),
            None => is_valid(&pattern),
        };
        if valid {
            Ok(IndexUidPattern(pattern))
        } else {
            Err(IndexUidFormatError::Pattern(pattern))
        }
    }
}

impl FromStr for IndexUidPattern {
    type Err = IndexUidFormatError;

    fn from_str(pattern: &str) -> Result<Self, Self::Err> {
        pattern.to_owned().try_into()
    }
}

impl From<IndexUidPattern> for String {
    fn from(pattern: IndexUidPattern) -> Self {
        pattern.0
    }
}

impl From<IndexUid> for IndexUidPattern {
    fn from(uid: IndexUid) -> Self {
        IndexUidPattern(uid.0)
    }
}

impl fmt::Display for IndexUidPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn uids() {
        let longest = "a".repeat(MAX_BYTES);
        for good in ["a", "Movies-2_0", longest.as_str()] {
            assert!(good.parse::<IndexUid>().is_ok(), "{good}");
        }
        let too_long = "a".repeat(MAX_BYTES + 1);
        for bad in ["", "a b", "é", ".meili_dsr", "a*", "a/b", too_long.as_str()] {
            assert_eq!(bad.parse::<IndexUid>(), Err(IndexUidFormatError::Uid(bad.into())), "{bad}");
        }
        assert!(is_reserved(".meili_dsr") && !is_reserved("meili"));
    }

    #[test]
    fn patterns() {
        let pattern = |p: &str| p.parse::<IndexUidPattern>().unwrap();
        assert!(pattern("*").matches_all() && pattern("*").matches("anything"));
        assert!(pattern("mov*").matches("movies") && pattern("mov*").matches("mov"));
        assert!(!pattern("mov*").matches("music"));
        assert!(pattern("movies").matches("movies") && !pattern("movies").matches("movies2"));
        for bad in ["", "a**", "*a", "a b*"] {
            assert!(bad.parse::<IndexUidPattern>().is_err(), "{bad}");
        }
    }
}
