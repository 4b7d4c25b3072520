//! Which entries a dump has, and where each is unpacked.

use std::collections::BTreeMap;
use std::path::{Component, Path, PathBuf};

use meilisearch_types::tasks::TaskId;

pub(crate) const METADATA: &str = "metadata.json";
pub(crate) const INSTANCE_UID: &str = "instance_uid.uuid";
pub(crate) const KEYS: &str = "keys.jsonl";
pub(crate) const FEATURES: &str = "experimental-features.json";
pub(crate) const NETWORK: &str = "network.json";
pub(crate) const WEBHOOKS: &str = "webhooks.json";
pub(crate) const CHATS: &str = "chat-completions-settings";
pub(crate) const TASKS: &str = "tasks/queue.jsonl";
pub(crate) const PAYLOADS: &str = "tasks/update_files";
pub(crate) const BATCHES: &str = "batches/queue.jsonl";
pub(crate) const INDEXES: &str = "indexes";
pub(crate) const SETTINGS: &str = "settings.json";
pub(crate) const DOCUMENTS: &str = "documents.jsonl";

/// Names of version 5 only.
pub(crate) mod v5 {
    pub(crate) const INSTANCE_UID: &str = "instance-uid";
    pub(crate) const KEYS: &str = "keys";
    pub(crate) const INDEX_UUIDS: &str = "index_uuids/data.jsonl";
    pub(crate) const TASKS: &str = "updates/data.jsonl";
    pub(crate) const PAYLOADS: &str = "updates/updates_files";
    pub(crate) const META: &str = "meta.json";
}

/// The file of the documents that a task still has to import.
pub(crate) fn payload(task: TaskId) -> String {
    format!("{PAYLOADS}/{task}.jsonl")
}

/// Where entries are unpacked. Directories of indexes get numbers, because an index uid may be longer than a
/// file name.
#[derive(Debug, Default)]
pub(crate) struct Places {
    /// Directory of an index in the archive → its number.
    pub(crate) indexes: BTreeMap<String, usize>,
}

impl Places {
    /// Where an entry goes, relative to the directory of the dump; none for what dumps do not have.
    pub(crate) fn of(&mut self, entry: &Path) -> Option<PathBuf> {
        let mut names = Vec::new();
        for component in entry.components() {
            match component {
                Component::CurDir => {}
                Component::Normal(name) => names.push(name.to_str()?),
                _ => return None,
            }
        }
        let is_known = match names.as_slice() {
            [INDEXES, index, METADATA | SETTINGS | DOCUMENTS | v5::META] => {
                let next = self.indexes.len();
                let number = *self.indexes.entry((*index).to_owned()).or_insert(next);
                return Some(index_directory(number).join(names[2]));
            }
            [file] => [METADATA, INSTANCE_UID, KEYS, FEATURES, NETWORK, WEBHOOKS]
                .into_iter()
                .chain([v5::INSTANCE_UID, v5::KEYS])
                .any(|known| known == *file),
            [directory, _] => {
                let name = names.join("/");
                *directory == CHATS
                    || [TASKS, BATCHES, v5::INDEX_UUIDS, v5::TASKS].contains(&name.as_str())
            }
            [first, second, _] => {
                [PAYLOADS, v5::PAYLOADS].contains(&format!("{first}/{second}").as_str())
            }
            _ => false,
        };
        is_known.then(|| names.iter().collect())
    }
}

/// Where an index is unpacked.
pub(crate) fn index_directory(number: usize) -> PathBuf {
    Path::new(INDEXES).join(number.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_known_entries_have_a_place() {
        let mut places = Places::default();
        let mut place = |entry: &str| {
            let place = places.of(Path::new(entry));
            place.map(|place| place.to_str().unwrap().to_owned()).unwrap_or_default()
        };
        assert_eq!(place("./metadata.json"), "metadata.json");
        assert_eq!(place("tasks/update_files/3.jsonl"), "tasks/update_files/3.jsonl");
        assert_eq!(place("indexes/b/metadata.json"), "indexes/0/metadata.json");
        assert_eq!(place("indexes/a/documents.jsonl"), "indexes/1/documents.jsonl");
        assert_eq!(place("indexes/b/settings.json"), "indexes/0/settings.json");
        for entry in [
            "",
            "./",
            "/metadata.json",
            "../metadata.json",
            "tasks/../metadata.json",
            "indexes/a",
            "indexes/a/data.mdb",
            "indexes/a/b/documents.jsonl",
            "other.json",
            "tasks/other",
        ] {
            assert_eq!(place(entry), "", "{entry}");
        }
    }
}
