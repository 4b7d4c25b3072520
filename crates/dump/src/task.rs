//! A task as dumps write it (storage-instance.md 13): the index stands beside the content, and payload files
//! go by the uid of their task.

use meilisearch_types::error::ResponseError;
use meilisearch_types::index_uid::IndexUidPattern;
use meilisearch_types::keys::Key;
use meilisearch_types::settings::Settings;
use meilisearch_types::sizes::ByteSize;
use meilisearch_types::tasks::{
    BatchId, Details, DocumentMethod, DsrUpdate, ExportIndexSettings, IndexSwap, KindWithContent,
    MissingDocument, Status, Task, TaskId, bitmap,
};
use meilisearch_types::versioning::Version;
use roaring::RoaringBitmap;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use time::OffsetDateTime;
use uuid::Uuid;

/// A line of `tasks/queue.jsonl`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[allow(missing_docs, reason = "the members are those of a stored task")]
pub struct DumpedTask {
    pub uid: TaskId,
    #[serde(default)]
    pub batch_uid: Option<BatchId>,
    /// None for kinds that are global.
    #[serde(default)]
    pub index_uid: Option<String>,
    pub status: Status,
    #[serde(rename = "type")]
    pub kind: DumpedKind,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub canceled_by: Option<TaskId>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub details: Option<Details>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<ResponseError>,
    #[serde(with = "time::serde::rfc3339")]
    pub enqueued_at: OffsetDateTime,
    #[serde(
        default,
        with = "time::serde::rfc3339::option",
        skip_serializing_if = "Option::is_none"
    )]
    pub started_at: Option<OffsetDateTime>,
    #[serde(
        default,
        with = "time::serde::rfc3339::option",
        skip_serializing_if = "Option::is_none"
    )]
    pub finished_at: Option<OffsetDateTime>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub network: Option<Value>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub custom_metadata: Option<String>,
}

/// What a dumped task asks for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[allow(missing_docs, reason = "the members are those of storage-instance.md 13")]
pub enum DumpedKind {
    DocumentImport {
        primary_key: Option<String>,
        method: DocumentMethod,
        documents_count: u64,
        allow_index_creation: bool,
    },
    DocumentDeletion {
        documents_ids: Vec<String>,
    },
    DocumentDeletionByFilter {
        filter: Value,
    },
    DocumentEdition {
        filter: Option<Value>,
        context: Option<Map<String, Value>>,
        function: String,
    },
    DocumentClear,
    Settings {
        settings: Box<Settings>,
        is_deletion: bool,
        allow_index_creation: bool,
    },
    IndexCreation {
        primary_key: Option<String>,
    },
    IndexUpdate {
        primary_key: Option<String>,
        /// The new uid.
        #[serde(default)]
        uid: Option<String>,
    },
    IndexDeletion,
    IndexSwap {
        swaps: Vec<IndexSwap>,
    },
    TaskCancelation {
        query: String,
        #[serde(with = "bitmap")]
        tasks: RoaringBitmap,
    },
    TasksDeletion {
        query: String,
        #[serde(with = "bitmap")]
        tasks: RoaringBitmap,
    },
    DumpCreation {
        keys: Vec<Key>,
        instance_uid: Option<Uuid>,
    },
    SnapshotCreation,
    Export {
        url: String,
        api_key: Option<String>,
        payload_size: Option<ByteSize>,
        indexes: BTreeMap<IndexUidPattern, ExportIndexSettings>,
    },
    UpgradeDatabase {
        from: Version,
    },
    IndexCompaction {
        index_uid: String,
    },
    NetworkTopologyChange(Value),
    DsrUpdate(DsrUpdate),
    DsrClear,
}

impl DumpedTask {
    /// A stored task in the form of dumps. None for kinds that dumps leave out: tasks of single-index
    /// snapshots (index-snapshots.md 4.1).
    pub fn from_task(task: Task) -> Option<DumpedTask> {
        let index_uid = task.index_uid().map(str::to_owned);
        Some(DumpedTask {
            uid: task.uid,
            batch_uid: task.batch_uid,
            index_uid,
            status: task.status,
            kind: DumpedKind::from_content(task.kind)?,
            canceled_by: task.canceled_by,
            details: task.details,
            error: task.error,
            enqueued_at: task.enqueued_at,
            started_at: task.started_at,
            finished_at: task.finished_at,
            network: task.network,
            custom_metadata: task.custom_metadata,
        })
    }

    /// The task as it is stored. `content_file` is the payload file of an import that has not run, nil for
    /// one that has.
    ///
    /// # Errors
    /// The task needs an index and has none.
    pub fn into_task(self, content_file: Uuid) -> Result<Task, String> {
        let kind = self.kind.into_content(self.index_uid, content_file)?;
        let is_finished = !matches!(self.status, Status::Enqueued | Status::Processing);
        Ok(Task {
            uid: self.uid,
            batch_uid: self.batch_uid,
            enqueued_at: self.enqueued_at,
            started_at: self.started_at.filter(|_| is_finished),
            finished_at: self.finished_at.filter(|_| is_finished),
            error: self.error,
            canceled_by: self.canceled_by,
            details: self.details,
            status: self.status,
            kind,
            network: self.network,
            custom_metadata: self.custom_metadata,
        })
    }
}

impl DumpedKind {
    fn from_content(content: KindWithContent) -> Option<DumpedKind> {
        use KindWithContent as Stored;
        Some(match content {
            Stored::DocumentAdditionOrUpdate {
                primary_key,
                method,
                documents_count,
                allow_index_creation,
                ..
            } => DumpedKind::DocumentImport {
                primary_key,
                method,
                documents_count,
                allow_index_creation,
            },
            Stored::DocumentEdition { filter_expr: filter, context, function, .. } => {
                DumpedKind::DocumentEdition { filter, context, function }
            }
            Stored::DocumentDeletion { documents_ids, .. } => {
                DumpedKind::DocumentDeletion { documents_ids }
            }
            Stored::DocumentDeletionByFilter { filter_expr: filter, .. } => {
                DumpedKind::DocumentDeletionByFilter { filter }
            }
            Stored::DocumentClear { .. } => DumpedKind::DocumentClear,
            Stored::SettingsUpdate { new_settings, is_deletion, allow_index_creation, .. } => {
                DumpedKind::Settings { settings: new_settings, is_deletion, allow_index_creation }
            }
            Stored::IndexCreation { primary_key, .. } => DumpedKind::IndexCreation { primary_key },
            Stored::IndexDeletion { .. } => DumpedKind::IndexDeletion,
            Stored::IndexUpdate { primary_key, new_index_uid: uid, .. } => {
                DumpedKind::IndexUpdate { primary_key, uid }
            }
            Stored::IndexSwap { swaps } => DumpedKind::IndexSwap { swaps },
            Stored::TaskCancelation { query, tasks } => {
                DumpedKind::TaskCancelation { query, tasks }
            }
            Stored::TaskDeletion { query, tasks } => DumpedKind::TasksDeletion { query, tasks },
            Stored::DumpCreation { keys, instance_uid } => {
                DumpedKind::DumpCreation { keys, instance_uid }
            }
            Stored::SnapshotCreation => DumpedKind::SnapshotCreation,
            Stored::Export { url, api_key, payload_size, indexes } => {
                DumpedKind::Export { url, api_key, payload_size, indexes }
            }
            Stored::UpgradeDatabase { from } => DumpedKind::UpgradeDatabase { from },
            Stored::IndexCompaction { index_uid } => DumpedKind::IndexCompaction { index_uid },
            Stored::NetworkTopologyChange(change) => DumpedKind::NetworkTopologyChange(change),
            Stored::DsrUpdate(update) => DumpedKind::DsrUpdate(update),
            Stored::DsrClear => DumpedKind::DsrClear,
            Stored::SingleIndexSnapshotCreation { .. }
            | Stored::SingleIndexSnapshotImport { .. } => return None,
        })
    }

    fn into_content(
        self,
        index_uid: Option<String>,
        content_file: Uuid,
    ) -> Result<KindWithContent, String> {
        use KindWithContent as Stored;
        let index_uid = || index_uid.ok_or("a task of this type needs an `indexUid`");
        Ok(match self {
            DumpedKind::DocumentImport {
                primary_key,
                method,
                documents_count,
                allow_index_creation,
            } => Stored::DocumentAdditionOrUpdate {
                index_uid: index_uid()?,
                primary_key,
                method,
                content_file,
                documents_count,
                allow_index_creation,
                on_missing_document: MissingDocument::Create,
            },
            DumpedKind::DocumentEdition { filter: filter_expr, context, function } => {
                Stored::DocumentEdition { index_uid: index_uid()?, filter_expr, context, function }
            }
            DumpedKind::DocumentDeletion { documents_ids } => {
                Stored::DocumentDeletion { index_uid: index_uid()?, documents_ids }
            }
            DumpedKind::DocumentDeletionByFilter { filter: filter_expr } => {
                Stored::DocumentDeletionByFilter { index_uid: index_uid()?, filter_expr }
            }
            DumpedKind::DocumentClear => Stored::DocumentClear { index_uid: index_uid()? },
            DumpedKind::Settings { settings, is_deletion, allow_index_creation } => {
                Stored::SettingsUpdate {
                    index_uid: index_uid()?,
                    new_settings: settings,
                    is_deletion,
                    allow_index_creation,
                }
            }
            DumpedKind::IndexCreation { primary_key } => {
                Stored::IndexCreation { index_uid: index_uid()?, primary_key }
            }
            DumpedKind::IndexDeletion => Stored::IndexDeletion { index_uid: index_uid()? },
            DumpedKind::IndexUpdate { primary_key, uid: new_index_uid } => {
                Stored::IndexUpdate { index_uid: index_uid()?, primary_key, new_index_uid }
            }
            DumpedKind::IndexSwap { swaps } => Stored::IndexSwap { swaps },
            DumpedKind::TaskCancelation { query, tasks } => {
                Stored::TaskCancelation { query, tasks }
            }
            DumpedKind::TasksDeletion { query, tasks } => Stored::TaskDeletion { query, tasks },
            DumpedKind::DumpCreation { keys, instance_uid } => {
                Stored::DumpCreation { keys, instance_uid }
            }
            DumpedKind::SnapshotCreation => Stored::SnapshotCreation,
            DumpedKind::Export { url, api_key, payload_size, indexes } => {
                Stored::Export { url, api_key, payload_size, indexes }
            }
            DumpedKind::UpgradeDatabase { from } => Stored::UpgradeDatabase { from },
            DumpedKind::IndexCompaction { index_uid } => Stored::IndexCompaction { index_uid },
            DumpedKind::NetworkTopologyChange(change) => Stored::NetworkTopologyChange(change),
            DumpedKind::DsrUpdate(update) => Stored::DsrUpdate(update),
            DumpedKind::DsrClear => Stored::DsrClear,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A task in both forms: as dumps write it, and its `kind` as the queue stores it.
    const FORMS: [(&str, &str, &str); 20] = [
        (
            "a",
            r#"{"documentImport":{"primary_key":null,"method":"UpdateDocuments","documents_count":3,"allow_index_creation":true}}"#,
            r#"{"documentAdditionOrUpdate":{"index_uid":"a","primary_key":null,"method":"UpdateDocuments","content_file":"00000000-0000-0000-0000-000000000000","documents_count":3,"allow_index_creation":true,"on_missing_document":"Create"}}"#,
        ),
        (
            "a",
            r#"{"documentDeletion":{"documents_ids":["1"]}}"#,
            r#"{"documentDeletion":{"index_uid":"a","documents_ids":["1"]}}"#,
        ),
        (
            "a",
            r#"{"documentDeletionByFilter":{"filter":"x = 1"}}"#,
            r#"{"documentDeletionByFilter":{"index_uid":"a","filter_expr":"x = 1"}}"#,
        ),
        (
            "a",
            r#"{"documentEdition":{"filter":null,"context":{"n":1},"function":"f"}}"#,
            r#"{"documentEdition":{"index_uid":"a","filter_expr":null,"context":{"n":1},"function":"f"}}"#,
        ),
        ("a", r#""documentClear""#, r#"{"documentClear":{"index_uid":"a"}}"#),
        (
            "a",
            r#"{"settings":{"settings":{"stopWords":["the"],"synonyms":null},"is_deletion":false,"allow_index_creation":true}}"#,
            r#"{"settingsUpdate":{"index_uid":"a","new_settings":{"stopWords":["the"],"synonyms":null},"is_deletion":false,"allow_index_creation":true}}"#,
        ),
        (
            "a",
            r#"{"indexCreation":{"primary_key":"id"}}"#,
            r#"{"indexCreation":{"index_uid":"a","primary_key":"id"}}"#,
        ),
        (
            "a",
            r#"{"indexUpdate":{"primary_key":null,"uid":"b"}}"#,
            r#"{"indexUpdate":{"index_uid":"a","primary_key":null,"new_index_uid":"b"}}"#,
        ),
        ("a", r#""indexDeletion""#, r#"{"indexDeletion":{"index_uid":"a"}}"#),
        (
            "",
            r#"{"indexSwap":{"swaps":[{"indexes":["a","b"],"rename":true}]}}"#,
            r#"{"indexSwap":{"swaps":[{"indexes":["a","b"],"rename":true}]}}"#,
        ),
        (
            "",
            r#"{"taskCancelation":{"query":"?uids=1","tasks":[58,48,0,0,0,0,0,0]}}"#,
            r#"{"taskCancelation":{"query":"?uids=1","tasks":[58,48,0,0,0,0,0,0]}}"#,
        ),
        (
            "",
            r#"{"tasksDeletion":{"query":"?uids=1","tasks":[58,48,0,0,0,0,0,0]}}"#,
            r#"{"taskDeletion":{"query":"?uids=1","tasks":[58,48,0,0,0,0,0,0]}}"#,
        ),
        (
            "",
            r#"{"dumpCreation":{"keys":[],"instance_uid":null}}"#,
            r#"{"dumpCreation":{"keys":[],"instance_uid":null}}"#,
        ),
        ("", r#""snapshotCreation""#, r#""snapshotCreation""#),
        (
            "",
            r#"{"export":{"url":"u","api_key":"k","payload_size":"1 MiB","indexes":{"a*":{"filter":null,"overrideSettings":true}}}}"#,
            r#"{"export":{"url":"u","api_key":"k","payload_size":"1 MiB","indexes":{"a*":{"filter":null,"overrideSettings":true}}}}"#,
        ),
        (
            "",
            r#"{"upgradeDatabase":{"from":[1,12,0]}}"#,
            r#"{"upgradeDatabase":{"from":[1,12,0]}}"#,
        ),
        (
            "a",
            r#"{"indexCompaction":{"index_uid":"a"}}"#,
            r#"{"indexCompaction":{"index_uid":"a"}}"#,
        ),
        (
            "",
            r#"{"networkTopologyChange":{"state":"finished"}}"#,
            r#"{"networkTopologyChange":{"state":"finished"}}"#,
        ),
        (".meili_dsr", r#"{"dsrUpdate":{"deletion":"r"}}"#, r#"{"dsrUpdate":{"deletion":"r"}}"#),
        (".meili_dsr", r#""dsrClear""#, r#""dsrClear""#),
    ];

    fn dumped(index: &str, kind: &str) -> String {
        let index = if index.is_empty() { "null".to_owned() } else { format!("\"{index}\"") };
        format!(
            r#"{{"uid":3,"batchUid":2,"indexUid":{index},"status":"succeeded","type":{kind},"enqueuedAt":"2026-02-01T10:00:00Z","startedAt":"2026-02-01T10:00:01Z","finishedAt":"2026-02-01T10:00:02Z"}}"#
        )
    }

    #[test]
    fn every_kind_there_and_back() {
        for (index, kind, stored) in FORMS {
            let line = dumped(index, kind);
            let task: DumpedTask = serde_json::from_str(&line).unwrap();
            assert_eq!(serde_json::to_string(&task).unwrap(), line);
            let task = task.into_task(Uuid::nil()).unwrap();
            assert_eq!(serde_json::to_string(&task.kind).unwrap(), stored);
            let again = DumpedTask::from_task(task).unwrap();
            assert_eq!(serde_json::to_string(&again).unwrap(), line);
        }
    }

    #[test]
    fn what_may_be_absent() {
        let line = r#"{"uid":0,"status":"enqueued","type":{"indexUpdate":{"primary_key":"id"}},"enqueuedAt":"2026-02-01T10:00:00Z"}"#;
        let task: DumpedTask = serde_json::from_str(line).unwrap();
        assert!(task.clone().into_task(Uuid::nil()).unwrap_err().contains("indexUid"));
        let task = DumpedTask { index_uid: Some("a".into()), ..task };
        assert_eq!(task.into_task(Uuid::nil()).unwrap().index_uid(), Some("a"));
    }

    #[test]
    fn tasks_of_index_snapshots_are_left_out() {
        let line = dumped("a", r#""indexDeletion""#);
        let task: DumpedTask = serde_json::from_str(&line).unwrap();
        let mut task = task.into_task(Uuid::nil()).unwrap();
        task.kind = KindWithContent::SingleIndexSnapshotCreation {
            index_uid: "a".into(),
            snapshot_uid: "20260101-000000000".into(),
            compression: meilisearch_types::tasks::SnapshotCompression::Gzip,
        };
        assert_eq!(DumpedTask::from_task(task), None);
    }
}
