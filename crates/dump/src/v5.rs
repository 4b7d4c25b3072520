//! An unpacked dump of version 5, as Meilisearch 0.28 and 0.29 made it, becomes one of version 6
//! (storage-instance.md 14). Only the small files are written anew; documents stay where they are or move.

use std::collections::HashMap;
use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::Path;

use meilisearch_types::error::{Code, ResponseError};
use meilisearch_types::keys::Key;
use meilisearch_types::settings::{RankingRule, Settings};
use meilisearch_types::tasks::{Details, DocumentMethod, Status, TaskId};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use time::OffsetDateTime;
use uuid::Uuid;

use crate::error::{Error, Result};
use crate::layout::{self, Places, index_directory};
use crate::metadata::IndexMetadata;
use crate::reader::{named, read_lines};
use crate::task::{DumpedKind, DumpedTask};

/// A line of the list of indexes.
#[derive(Deserialize)]
struct IndexLine {
    uid: String,
    index_meta: IndexMeta,
}

#[derive(Deserialize)]
struct IndexMeta {
    uuid: Uuid,
    creation_task_id: TaskId,
}

/// `meta.json` of an index.
#[derive(Deserialize)]
struct Meta {
    settings: Value,
    primary_key: Option<String>,
}

/// A task, with everything that happened to it.
#[derive(Deserialize)]
struct OldTask {
    id: TaskId,
    content: Content,
    events: Vec<Event>,
}

#[derive(Deserialize)]
enum Content {
    DocumentAddition {
        index_uid: String,
        content_uuid: Uuid,
        merge_strategy: DocumentMethod,
        primary_key: Option<String>,
        documents_count: u64,
        allow_index_creation: bool,
    },
    DocumentDeletion {
        index_uid: String,
        deletion: Deletion,
    },
    SettingsUpdate {
        index_uid: String,
        settings: Value,
        is_deletion: bool,
        allow_index_creation: bool,
    },
    IndexDeletion {
        index_uid: String,
    },
    IndexCreation {
        index_uid: String,
        primary_key: Option<String>,
    },
    IndexUpdate {
        index_uid: String,
        primary_key: Option<String>,
    },
    Dump {
        uid: String,
    },
}

#[derive(Deserialize)]
enum Deletion {
    Clear,
    Ids(Vec<String>),
}

#[derive(Deserialize)]
enum Event {
    #[serde(with = "time::serde::rfc3339")]
    Created(OffsetDateTime),
    Batched {},
    #[serde(with = "time::serde::rfc3339")]
    Processing(OffsetDateTime),
    Succeeded {
        result: Counted,
        #[serde(with = "time::serde::rfc3339")]
        timestamp: OffsetDateTime,
    },
    Failed {
        error: OldError,
        #[serde(with = "time::serde::rfc3339")]
        timestamp: OffsetDateTime,
    },
}

#[derive(Deserialize)]
enum Counted {
    DocumentAddition { indexed_documents: u64 },
    DocumentDeletion { deleted_documents: u64 },
    ClearAll { deleted_documents: u64 },
    Other,
}

#[derive(Deserialize)]
struct OldError {
    message: String,
    code: String,
}

/// What the tasks tell about an index.
#[derive(Default)]
struct Dates {
    created: Option<OffsetDateTime>,
    updated: Option<OffsetDateTime>,
}

/// Writes what version 6 has in place of what version 5 has.
pub(crate) fn convert(directory: &Path, places: &Places) -> Result<()> {
    rename_if_there(directory, layout::v5::INSTANCE_UID, layout::INSTANCE_UID)?;
    rename_if_there(directory, layout::v5::KEYS, layout::KEYS)?;
    let keys: Vec<Key> = read_lines(directory, layout::KEYS)?.collect::<Result<_>>()?;
    let instance_uid = fs::read_to_string(directory.join(layout::INSTANCE_UID))
        .ok()
        .and_then(|text| Uuid::try_parse(text.trim()).ok());

    let lines: Vec<IndexLine> =
        read_lines(directory, layout::v5::INDEX_UUIDS)?.collect::<Result<_>>()?;
    let mut dates: HashMap<&str, (TaskId, Dates)> = lines
        .iter()
        .map(|line| (line.uid.as_str(), (line.index_meta.creation_task_id, Dates::default())))
        .collect();

    let mut tasks = create(directory, layout::TASKS)?;
    for (number, task) in read_lines::<OldTask>(directory, layout::v5::TASKS)?.enumerate() {
        let task = task?;
        note_dates(&mut dates, &task);
        let payload = match &task.content {
            Content::DocumentAddition { content_uuid, .. } if !task.is_finished() => {
                Some(*content_uuid)
            }
            _ => None,
        };
        if let Some(uuid) = payload {
            let from = format!("{}/{uuid}", layout::v5::PAYLOADS);
            rename(directory, &from, &layout::payload(task.id))?;
        }
        let damaged = |reason| Error::damaged(layout::v5::TASKS, Some(number + 1), reason);
        write_line(&mut tasks, &task.modern(&keys, instance_uid).map_err(damaged)?)?;
    }
    tasks.flush()?;

    for IndexLine { uid, index_meta } in &lines {
        let entry = index_meta.uuid.to_string();
        let number = places.indexes.get(&entry).copied();
        let number =
            number.ok_or_else(|| Error::Missing(format!("{}/{entry}", layout::INDEXES)))?;
        let place = directory.join(index_directory(number));
        let file = format!("{}/{entry}/{}", layout::INDEXES, layout::v5::META);
        let Meta { settings, primary_key } = named(&file, &place, layout::v5::META)?;
        let settings =
            modern_settings(settings).map_err(|reason| Error::damaged(&file, None, reason))?;
        let now = OffsetDateTime::now_utc();
        let dates = dates.remove(uid.as_str()).map(|(_, dates)| dates).unwrap_or_default();
        let metadata = IndexMetadata {
            uid: uid.clone(),
            primary_key,
            created_at: dates.created.unwrap_or(now),
            updated_at: dates.updated.unwrap_or(now),
        };
        write_json(&place, layout::METADATA, &metadata)?;
        write_json(&place, layout::SETTINGS, &settings)?;
    }
    Ok(())
}

/// Takes the dates of an index from its tasks, the newest of which come first.
fn note_dates(dates: &mut HashMap<&str, (TaskId, Dates)>, task: &OldTask) {
    let Some((creation, dates)) = task.content.index().and_then(|uid| dates.get_mut(uid)) else {
        return;
    };
    if let (None, Some(Event::Succeeded { timestamp, .. })) = (dates.updated, task.events.last()) {
        dates.updated = Some(*timestamp);
    }
    let creates = matches!(
        task.content,
        Content::IndexCreation { .. }
            | Content::DocumentAddition { .. }
            | Content::SettingsUpdate { .. }
    );
    if creates && task.id == *creation && dates.created.is_none() {
        dates.created = task.events.iter().find_map(|event| match event {
            Event::Created(date) => Some(*date),
            _ => None,
        });
    }
}

impl Content {
    fn index(&self) -> Option<&str> {
        match self {
            Content::DocumentAddition { index_uid, .. }
            | Content::DocumentDeletion { index_uid, .. }
            | Content::SettingsUpdate { index_uid, .. }
            | Content::IndexDeletion { index_uid }
            | Content::IndexCreation { index_uid, .. }
            | Content::IndexUpdate { index_uid, .. } => Some(index_uid),
            Content::Dump { .. } => None,
        }
    }

    /// The content and first details of today's task.
    fn modern(
        self,
        keys: &[Key],
        instance_uid: Option<Uuid>,
    ) -> Result<(DumpedKind, Details), String> {
        let index_info = |primary_key: &Option<String>| Details::IndexInfo {
            primary_key: primary_key.clone(),
            new_index_uid: None,
            old_index_uid: None,
        };
        Ok(match self {
            Content::DocumentAddition {
                merge_strategy: method,
                primary_key,
                documents_count,
                allow_index_creation,
                ..
            } => (
                DumpedKind::DocumentImport {
                    primary_key,
                    method,
                    documents_count,
                    allow_index_creation,
                },
                Details::DocumentAdditionOrUpdate {
                    received_documents: documents_count,
                    indexed_documents: None,
                },
            ),
            Content::DocumentDeletion { deletion: Deletion::Clear, .. } => {
                (DumpedKind::DocumentClear, Details::ClearAll { deleted_documents: None })
            }
            Content::DocumentDeletion { deletion: Deletion::Ids(documents_ids), .. } => {
                let details = Details::DocumentDeletion {
                    provided_ids: documents_ids.len() as u64,
                    deleted_documents: None,
                };
                (DumpedKind::DocumentDeletion { documents_ids }, details)
            }
            Content::SettingsUpdate { settings, is_deletion, allow_index_creation, .. } => {
                let settings = Box::new(modern_settings(settings)?);
                let details = Details::SettingsUpdate { settings: settings.clone() };
                (DumpedKind::Settings { settings, is_deletion, allow_index_creation }, details)
            }
            Content::IndexDeletion { .. } => {
                (DumpedKind::IndexDeletion, Details::ClearAll { deleted_documents: None })
            }
            Content::IndexCreation { primary_key, .. } => {
                let details = index_info(&primary_key);
                (DumpedKind::IndexCreation { primary_key }, details)
            }
            Content::IndexUpdate { primary_key, .. } => {
                let details = index_info(&primary_key);
                (DumpedKind::IndexUpdate { primary_key, uid: None }, details)
            }
            Content::Dump { uid } => (
                DumpedKind::DumpCreation { keys: keys.to_vec(), instance_uid },
                Details::Dump { dump_uid: Some(uid) },
            ),
        })
    }
}

impl OldTask {
    fn is_finished(&self) -> bool {
        matches!(self.events.last(), Some(Event::Succeeded { .. } | Event::Failed { .. }))
    }

    fn modern(self, keys: &[Key], instance_uid: Option<Uuid>) -> Result<DumpedTask, String> {
        let is_finished = self.is_finished();
        let index_uid = self.content.index().map(str::to_owned);
        let (kind, mut details) = self.content.modern(keys, instance_uid)?;
        let enqueued_at = match self.events.first() {
            Some(Event::Created(date)) => *date,
            _ => return Err("the task does not begin with its creation".to_owned()),
        };
        let started_at = self.events.iter().find_map(|event| match event {
            Event::Processing(date) => Some(*date),
            _ => None,
        });
        let (status, error, finished_at) = match self.events.into_iter().next_back() {
            Some(Event::Succeeded { result, timestamp }) => {
                count(&mut details, &result);
                (Status::Succeeded, None, Some(timestamp))
            }
            Some(Event::Failed { error, timestamp }) => {
                details = details.into_failed();
                (Status::Failed, Some(error.modern()), Some(timestamp))
            }
            _ => (Status::Enqueued, None, None),
        };
        Ok(DumpedTask {
            uid: self.id,
            batch_uid: None,
            index_uid,
            status,
            kind,
            canceled_by: None,
            details: Some(details),
            error,
            enqueued_at,
            started_at: started_at.filter(|_| is_finished),
            finished_at,
            network: None,
            custom_metadata: None,
        })
    }
}

/// Puts a count into the details that it belongs to.
fn count(details: &mut Details, result: &Counted) {
    match (details, result) {
        (
            Details::DocumentAdditionOrUpdate { indexed_documents: count, .. },
            Counted::DocumentAddition { indexed_documents: counted },
        )
        | (
            Details::DocumentDeletion { deleted_documents: count, .. },
            Counted::DocumentDeletion { deleted_documents: counted },
        )
        | (
            Details::ClearAll { deleted_documents: count },
            Counted::ClearAll { deleted_documents: counted },
        ) => *count = Some(*counted),
        _ => {}
    }
}

impl OldError {
    /// The error under the name that its code has today.
    fn modern(self) -> ResponseError {
        let name = match self.code.as_str() {
            "invalid_min_word_length_for_typo" => "invalid_settings_typo_tolerance",
            "primary_key_inference_failed" => "index_primary_key_no_candidate_found",
            "invalid_filter" => "invalid_settings_filterable_attributes",
            "invalid_sort" => "invalid_settings_sortable_attributes",
            "invalid_geo_field" => "invalid_document_geo_field",
            "invalid_ranking_rule" => "invalid_settings_ranking_rules",
            "missing_parameter" | "immutable_field" => "bad_request",
            same => same,
        };
        let named = |name: &str| Code::ALL.iter().find(|code| code.name() == name).copied();
        let code = named(name).unwrap_or(Code::UnretrievableErrorCode);
        ResponseError::from_msg(self.message, code)
    }
}

/// Settings in today's form: what does not parse any more among the ranking rules goes, and an answer holds
/// at least one hit.
fn modern_settings(mut settings: Value) -> Result<Settings, String> {
    const KEYS: [&str; 10] = [
        "displayedAttributes",
        "searchableAttributes",
        "filterableAttributes",
        "sortableAttributes",
        "rankingRules",
        "stopWords",
        "synonyms",
        "distinctAttribute",
        "typoTolerance",
        "faceting",
    ];
    let members = settings.as_object_mut().ok_or("the settings are no object")?;
    let unknown = |key: &&String| !KEYS.contains(&key.as_str()) && *key != "pagination";
    if let Some(unknown) = members.keys().find(unknown) {
        return Err(format!("there was no setting `{unknown}` in version 5"));
    }
    if let Some(Value::Array(rules)) = members.get_mut("rankingRules") {
        rules.retain(|rule| rule.as_str().is_some_and(|rule| rule.parse::<RankingRule>().is_ok()));
    }
    if let Some(hits) = members.get_mut("pagination").and_then(|p| p.get_mut("maxTotalHits"))
        && *hits == 0
    {
        *hits = Value::from(1);
    }
    serde_json::from_value(settings).map_err(|error| error.to_string())
}

fn create(directory: &Path, name: &str) -> Result<BufWriter<File>> {
    let path = directory.join(name);
    let created = || {
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent)?;
        }
        Ok(BufWriter::new(File::create(&path)?))
    };
    created().map_err(Error::io("create", &path))
}

fn write_line(file: &mut impl Write, value: &impl Serialize) -> Result<()> {
    serde_json::to_writer(&mut *file, value).map_err(io::Error::from)?;
    Ok(file.write_all(b"\n")?)
}

fn write_json(directory: &Path, name: &str, value: &impl Serialize) -> Result<()> {
    let mut file = create(directory, name)?;
    serde_json::to_writer(&mut file, value).map_err(io::Error::from)?;
    Ok(file.flush()?)
}

fn rename_if_there(directory: &Path, from: &str, to: &str) -> Result<()> {
    match rename(directory, from, to) {
        Err(Error::Missing(_)) => Ok(()),
        renamed => renamed,
    }
}

fn rename(directory: &Path, from: &str, to: &str) -> Result<()> {
    let (source, target) = (directory.join(from), directory.join(to));
    let renamed = || {
        if let Some(parent) = target.parent() {
            fs::create_dir_all(parent)?;
        }
        fs::rename(&source, &target)
    };
    renamed().map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => Error::Missing(from.to_owned()),
        _ => Error::io("rename", &source)(error),
    })
}
