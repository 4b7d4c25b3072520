//! What a task tells about its outcome, as it is stored (storage-instance.md 5, tasks.md 4).

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{DsrUpdate, ExportIndexSettings, IndexSwap, SnapshotCompression};
use crate::index_uid::IndexUidPattern;
use crate::settings::Settings;
use crate::sizes::ByteSize;
use crate::versioning::Version;

/// What a task tells about its outcome. Counts are none until it has one.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[allow(missing_docs, reason = "the members are those of storage-instance.md 5")]
pub enum Details {
    DocumentAdditionOrUpdate {
        received_documents: u64,
        indexed_documents: Option<u64>,
    },
    DocumentEdition {
        deleted_documents: Option<u64>,
        edited_documents: Option<u64>,
        /// Compact JSON.
        original_filter: Option<String>,
        context: Option<Map<String, Value>>,
        function: String,
    },
    DocumentDeletion {
        provided_ids: u64,
        deleted_documents: Option<u64>,
    },
    DocumentDeletionByFilter {
        /// Compact JSON.
        original_filter: String,
        deleted_documents: Option<u64>,
    },
    ClearAll {
        deleted_documents: Option<u64>,
    },
    SettingsUpdate {
        settings: Box<Settings>,
    },
    IndexInfo {
        primary_key: Option<String>,
        new_index_uid: Option<String>,
        old_index_uid: Option<String>,
    },
    IndexSwap {
        swaps: Vec<IndexSwap>,
    },
    TaskCancelation {
        matched_tasks: u64,
        canceled_tasks: Option<u64>,
        /// The URL query with its `?`.
        original_filter: String,
    },
    TaskDeletion {
        matched_tasks: u64,
        deleted_tasks: Option<u64>,
        /// The URL query with its `?`.
        original_filter: String,
    },
    Dump {
        dump_uid: Option<String>,
    },
    Export {
        url: String,
        api_key: Option<String>,
        payload_size: Option<ByteSize>,
        indexes: BTreeMap<IndexUidPattern, ExportIndexDetails>,
    },
    UpgradeDatabase {
        from: Version,
        to: Version,
    },
    IndexCompaction {
        index_uid: String,
        pre_compaction_size: Option<ByteSize>,
        post_compaction_size: Option<ByteSize>,
    },
    NetworkTopologyChange {
        moved_documents: u64,
        message: String,
    },
    DsrUpdate(DsrUpdate),
    SingleIndexSnapshotCreation {
        snapshot_uid: String,
        file_name: String,
        compression: SnapshotCompression,
        number_of_documents: Option<u64>,
        /// Bytes of the index's LMDB file inside the archive.
        data_size: Option<u64>,
        /// Bytes of the archive.
        size: Option<u64>,
        sha256: Option<String>,
    },
    SingleIndexSnapshotImport {
        /// None for an upload.
        file_name: Option<String>,
        snapshot_uid: String,
        source_index_uid: String,
        overwrite: bool,
        dry_run: bool,
        /// Whether an index stood under the target uid before.
        replaced_index: Option<bool>,
        number_of_documents: Option<u64>,
        /// Bytes of the index's LMDB file inside the archive.
        data_size: Option<u64>,
    },
}

/// How the indexes of a pattern are exported, and how many documents that was.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ExportIndexDetails {
    /// What was asked for.
    #[serde(flatten)]
    pub settings: ExportIndexSettings,
    /// Documents exported, once it is done. Snake case on the wire too.
    #[serde(rename = "matched_documents", default, skip_serializing_if = "Option::is_none")]
    pub matched_documents: Option<u64>,
}

impl From<ExportIndexSettings> for ExportIndexDetails {
    fn from(settings: ExportIndexSettings) -> Self {
        ExportIndexDetails { settings, matched_documents: None }
    }
}

impl Details {
    /// The form of a task that failed or was canceled: what it was to count is zero.
    pub fn into_failed(mut self) -> Self {
        match &mut self {
            Details::DocumentAdditionOrUpdate { indexed_documents: count, .. }
            | Details::DocumentEdition { edited_documents: count, .. }
            | Details::DocumentDeletion { deleted_documents: count, .. }
            | Details::DocumentDeletionByFilter { deleted_documents: count, .. }
            | Details::ClearAll { deleted_documents: count }
            | Details::TaskCancelation { canceled_tasks: count, .. }
            | Details::TaskDeletion { deleted_tasks: count, .. } => *count = Some(0),
            Details::IndexCompaction { pre_compaction_size, post_compaction_size, .. } => {
                *pre_compaction_size = None;
                *post_compaction_size = None;
            }
            Details::NetworkTopologyChange { message, .. } => {
                *message = format!("Failed. Before: {message}");
            }
            Details::SettingsUpdate { .. }
            | Details::IndexInfo { .. }
            | Details::IndexSwap { .. }
            | Details::Dump { .. }
            | Details::Export { .. }
            | Details::UpgradeDatabase { .. }
            | Details::DsrUpdate(_)
            | Details::SingleIndexSnapshotCreation { .. }
            | Details::SingleIndexSnapshotImport { .. } => (),
        }
        self
    }
}
