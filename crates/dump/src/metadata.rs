//! The files that describe a dump and each of its indexes.

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

/// `dumpVersion` of the dumps that are written.
pub(crate) const WRITTEN_VERSION: &str = "V6";

/// `metadata.json` of a dump that is written.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Metadata<'a> {
    pub(crate) dump_version: &'a str,
    /// Version of the program that made it.
    pub(crate) db_version: &'a str,
    #[serde(with = "time::serde::rfc3339")]
    pub(crate) dump_date: OffsetDateTime,
}

/// What every version's `metadata.json` has.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct AnyMetadata {
    pub(crate) dump_version: String,
}

/// `metadata.json` of an index.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct IndexMetadata {
    /// Its uid.
    pub uid: String,
    /// Its primary key, if it has one.
    pub primary_key: Option<String>,
    /// Creation of the index.
    #[serde(with = "time::serde::rfc3339")]
    pub created_at: OffsetDateTime,
    /// Last change of the index.
    #[serde(with = "time::serde::rfc3339")]
    pub updated_at: OffsetDateTime,
}
