//! What a task asks for, as it is stored (storage-instance.md 5).

use std::collections::BTreeMap;

use roaring::RoaringBitmap;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use uuid::Uuid;

use super::details::{Details, ExportIndexDetails};
use super::{Kind, SnapshotCompression, SnapshotSource, bitmap};
use crate::index_uid::IndexUidPattern;
use crate::keys::Key;
use crate::settings::Settings;
use crate::sizes::ByteSize;
use crate::versioning::{VERSION, Version};

/// The internal index of dynamic search rules.
const RULES_INDEX: &str = ".meili_dsr";

/// What a task asks for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[allow(missing_docs, reason = "the members are those of storage-instance.md 5")]
pub enum KindWithContent {
    /// Import of documents from an update file.
    DocumentAdditionOrUpdate {
        index_uid: String,
        primary_key: Option<String>,
        method: DocumentMethod,
        content_file: Uuid,
        documents_count: u64,
        allow_index_creation: bool,
        #[serde(default)]
        on_missing_document: MissingDocument,
    },
    /// Edition of documents by a function.
    DocumentEdition {
        index_uid: String,
        filter_expr: Option<Value>,
        context: Option<Map<String, Value>>,
        function: String,
    },
    /// Deletion of documents by their ids.
    DocumentDeletion { index_uid: String, documents_ids: Vec<String> },
    /// Deletion of the documents that match a filter.
    DocumentDeletionByFilter { index_uid: String, filter_expr: Value },
    /// Deletion of all documents.
    DocumentClear { index_uid: String },
    /// Change, or with `is_deletion` reset, of settings.
    SettingsUpdate {
        index_uid: String,
        new_settings: Box<Settings>,
        is_deletion: bool,
        allow_index_creation: bool,
    },
    /// Creation of an index.
    IndexCreation { index_uid: String, primary_key: Option<String> },
    /// Deletion of an index.
    IndexDeletion { index_uid: String },
    /// Change of the primary key, the name, or both.
    IndexUpdate { index_uid: String, primary_key: Option<String>, new_index_uid: Option<String> },
    /// Exchange of indexes.
    IndexSwap { swaps: Vec<IndexSwap> },
    /// Cancelation of tasks.
    TaskCancelation {
        query: String,
        #[serde(with = "bitmap")]
        tasks: RoaringBitmap,
    },
    /// Deletion of tasks.
    TaskDeletion {
        query: String,
        #[serde(with = "bitmap")]
        tasks: RoaringBitmap,
    },
    /// A dump; the keys are those at registration.
    DumpCreation { keys: Vec<Key>, instance_uid: Option<Uuid> },
    /// A snapshot of the whole instance.
    SnapshotCreation,
    /// Export to another instance.
    Export {
        url: String,
        api_key: Option<String>,
        payload_size: Option<ByteSize>,
        indexes: BTreeMap<IndexUidPattern, ExportIndexSettings>,
    },
    /// Upgrade of the database from an older version.
    UpgradeDatabase { from: Version },
    /// Compaction of an index.
    IndexCompaction { index_uid: String },
    /// Made by another edition only; loaded and kept as it is.
    NetworkTopologyChange(Value),
    /// Change of a dynamic search rule.
    DsrUpdate(DsrUpdate),
    /// Deletion of all dynamic search rules.
    DsrClear,
    /// A snapshot of one index.
    SingleIndexSnapshotCreation {
        index_uid: String,
        snapshot_uid: String,
        compression: SnapshotCompression,
    },
    /// An index from a snapshot; `index_uid` is the target.
    SingleIndexSnapshotImport {
        index_uid: String,
        source: SnapshotSource,
        source_index_uid: String,
        sha256: Option<String>,
        overwrite: bool,
        dry_run: bool,
    },
}

/// How a document goes together with the stored one of the same id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum DocumentMethod {
    /// It takes its place.
    ReplaceDocuments,
    /// Its fields are put on top.
    UpdateDocuments,
}

/// What happens to an imported document whose id is not stored yet.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum MissingDocument {
    /// It is added.
    #[default]
    Create,
    /// It is left out.
    Skip,
}

/// Two indexes that change places, or with `rename` one that takes a free name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct IndexSwap {
    /// The two uids.
    pub indexes: (String, String),
    /// Whether the second uid must be free.
    #[serde(default)]
    pub rename: bool,
}

/// How the indexes of a pattern are exported.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ExportIndexSettings {
    /// Only documents that match.
    pub filter: Option<Value>,
    /// Whether settings of the target are replaced.
    pub override_settings: bool,
}

/// A change of one dynamic search rule.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[allow(missing_docs, reason = "the members are those of storage-instance.md 5")]
pub enum DsrUpdate {
    /// Members to change, three states each, as given.
    CreateOrUpdate { rule_id: String, update: Value },
    /// The rule goes.
    Deletion(String),
}

impl KindWithContent {
    /// The kind without its content.
    pub fn kind(&self) -> Kind {
        match self {
            Self::DocumentAdditionOrUpdate { .. } => Kind::DocumentAdditionOrUpdate,
            Self::DocumentEdition { .. } => Kind::DocumentEdition,
            Self::DocumentDeletion { .. }
            | Self::DocumentDeletionByFilter { .. }
            | Self::DocumentClear { .. } => Kind::DocumentDeletion,
            Self::SettingsUpdate { .. } => Kind::SettingsUpdate,
            Self::IndexCreation { .. } => Kind::IndexCreation,
            Self::IndexDeletion { .. } => Kind::IndexDeletion,
            Self::IndexUpdate { .. } => Kind::IndexUpdate,
            Self::IndexSwap { .. } => Kind::IndexSwap,
            Self::TaskCancelation { .. } => Kind::TaskCancelation,
            Self::TaskDeletion { .. } => Kind::TaskDeletion,
            Self::DumpCreation { .. } => Kind::DumpCreation,
            Self::SnapshotCreation => Kind::SnapshotCreation,
            Self::Export { .. } => Kind::Export,
            Self::UpgradeDatabase { .. } => Kind::UpgradeDatabase,
            Self::IndexCompaction { .. } => Kind::IndexCompaction,
            Self::NetworkTopologyChange(_) => Kind::NetworkTopologyChange,
            Self::DsrUpdate(_) => Kind::DsrUpdate,
            Self::DsrClear => Kind::DsrClear,
            Self::SingleIndexSnapshotCreation { .. } => Kind::SingleIndexSnapshotCreation,
            Self::SingleIndexSnapshotImport { .. } => Kind::SingleIndexSnapshotImport,
        }
    }

    /// The index that the task is about; none for kinds that are global.
    pub fn index_uid(&self) -> Option<&str> {
        match self {
            Self::DocumentAdditionOrUpdate { index_uid, .. }
            | Self::DocumentEdition { index_uid, .. }
            | Self::DocumentDeletion { index_uid, .. }
            | Self::DocumentDeletionByFilter { index_uid, .. }
            | Self::DocumentClear { index_uid }
            | Self::SettingsUpdate { index_uid, .. }
            | Self::IndexCreation { index_uid, .. }
            | Self::IndexDeletion { index_uid }
            | Self::IndexUpdate { index_uid, .. }
            | Self::IndexCompaction { index_uid }
            | Self::SingleIndexSnapshotCreation { index_uid, .. }
            | Self::SingleIndexSnapshotImport { index_uid, .. } => Some(index_uid),
            Self::DsrUpdate(_) | Self::DsrClear => Some(RULES_INDEX),
            Self::IndexSwap { .. }
            | Self::TaskCancelation { .. }
            | Self::TaskDeletion { .. }
            | Self::DumpCreation { .. }
            | Self::SnapshotCreation
            | Self::Export { .. }
            | Self::UpgradeDatabase { .. }
            | Self::NetworkTopologyChange(_) => None,
        }
    }

    /// Every index that the task touches, both names of a rename and all of a swap included.
    pub fn indexes(&self) -> Vec<&str> {
        match self {
            Self::IndexSwap { swaps } => swaps
                .iter()
                .flat_map(|IndexSwap { indexes: (a, b), .. }| [a.as_str(), b.as_str()])
                .collect(),
            Self::IndexUpdate { index_uid, new_index_uid: Some(new), .. } => {
                vec![index_uid, new]
            }
            other => other.index_uid().into_iter().collect(),
        }
    }

    /// The file that waits for the task in the store of update files.
    pub fn content_uuid(&self) -> Option<Uuid> {
        match self {
            Self::DocumentAdditionOrUpdate { content_file, .. } => Some(*content_file),
            Self::SingleIndexSnapshotImport { source: SnapshotSource::Upload(uuid), .. } => {
                Some(*uuid)
            }
            _ => None,
        }
    }

    /// The details of a task that has just been registered.
    ///
    /// None for kinds that have none, and for those of single-index snapshots, whose registration
    /// knows what their content does not (the archive's name and uid).
    pub fn default_details(&self) -> Option<Details> {
        Some(match self {
            Self::DocumentAdditionOrUpdate { documents_count, .. } => {
                Details::DocumentAdditionOrUpdate {
                    received_documents: *documents_count,
                    indexed_documents: None,
                }
            }
            Self::DocumentEdition { filter_expr, context, function, .. } => {
                Details::DocumentEdition {
                    deleted_documents: None,
                    edited_documents: None,
                    original_filter: filter_expr.as_ref().map(Value::to_string),
                    context: context.clone(),
                    function: function.clone(),
                }
            }
            Self::DocumentDeletion { documents_ids, .. } => Details::DocumentDeletion {
                provided_ids: documents_ids.len() as u64,
                deleted_documents: None,
            },
            Self::DocumentDeletionByFilter { filter_expr, .. } => {
                Details::DocumentDeletionByFilter {
                    original_filter: filter_expr.to_string(),
                    deleted_documents: None,
                }
            }
            Self::DocumentClear { .. } | Self::IndexDeletion { .. } | Self::DsrClear => {
                Details::ClearAll { deleted_documents: None }
            }
            Self::SettingsUpdate { new_settings, .. } => {
                Details::SettingsUpdate { settings: new_settings.clone() }
            }
            Self::IndexCreation { primary_key, .. } => Details::IndexInfo {
                primary_key: primary_key.clone(),
                new_index_uid: None,
                old_index_uid: None,
            },
            Self::IndexUpdate { index_uid, primary_key, new_index_uid } => Details::IndexInfo {
                primary_key: primary_key.clone(),
                new_index_uid: new_index_uid.clone(),
                old_index_uid: new_index_uid.as_ref().map(|_| index_uid.clone()),
            },
            Self::IndexSwap { swaps } => Details::IndexSwap { swaps: swaps.clone() },
            Self::TaskCancelation { query, tasks } => Details::TaskCancelation {
                matched_tasks: tasks.len(),
                canceled_tasks: None,
                original_filter: query.clone(),
            },
            Self::TaskDeletion { query, tasks } => Details::TaskDeletion {
                matched_tasks: tasks.len(),
                deleted_tasks: None,
                original_filter: query.clone(),
            },
            Self::DumpCreation { .. } => Details::Dump { dump_uid: None },
            Self::Export { url, api_key, payload_size, indexes } => Details::Export {
                url: url.clone(),
                api_key: api_key.clone(),
                payload_size: *payload_size,
                indexes: indexes
                    .iter()
                    .map(|(pattern, settings)| {
                        (pattern.clone(), ExportIndexDetails::from(settings.clone()))
                    })
                    .collect(),
            },
            Self::UpgradeDatabase { from } => Details::UpgradeDatabase { from: *from, to: VERSION },
            Self::IndexCompaction { index_uid } => Details::IndexCompaction {
                index_uid: index_uid.clone(),
                pre_compaction_size: None,
                post_compaction_size: None,
            },
            Self::DsrUpdate(update) => Details::DsrUpdate(update.clone()),
            Self::SnapshotCreation
            | Self::NetworkTopologyChange(_)
            | Self::SingleIndexSnapshotCreation { .. }
            | Self::SingleIndexSnapshotImport { .. } => return None,
        })
    }
}
