//! Members of the tasks for single-index snapshots (index-snapshots.md 4.1).

use std::fmt;
use std::str::FromStr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// How a snapshot is compressed.
#[derive(
    Debug,
    Clone,
    Copy,
    Default,
    PartialEq,
    Eq,
    Hash,
    Serialize,
    Deserialize,
    deserr::Deserr,
    JsonSchema,
)]
#[serde(rename_all = "camelCase")]
#[deserr(rename_all = camelCase)]
pub enum SnapshotCompression {
    /// Parallel gzip.
    #[default]
    Gzip,
    /// Zstandard.
    Zstd,
    /// A bare tar.
    None,
}

impl SnapshotCompression {
    /// The name on the wire and on disk.
    pub fn name(self) -> &'static str {
        match self {
            SnapshotCompression::Gzip => "gzip",
            SnapshotCompression::Zstd => "zstd",
            SnapshotCompression::None => "none",
        }
    }
}

impl fmt::Display for SnapshotCompression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A text that names no compression.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no compression of snapshots: use gzip, zstd or none.")]
pub struct UnknownCompression(String);

impl FromStr for SnapshotCompression {
    type Err = UnknownCompression;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        match name {
            "gzip" => Ok(SnapshotCompression::Gzip),
            "zstd" => Ok(SnapshotCompression::Zstd),
            "none" => Ok(SnapshotCompression::None),
            _ => Err(UnknownCompression(name.to_owned())),
        }
    }
}

/// Where the archive to import is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SnapshotSource {
    /// Bare name of a file in the snapshot directory.
    File(String),
    /// An upload in the store of update files.
    Upload(Uuid),
}
