//! Switches of experimental features as they are stored and shown (operations.md 20,
//! storage-instance.md 7).

use serde::{Deserialize, Serialize};

/// The stored set of switches; missing ones are off.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct RuntimeTogglableFeatures {
    /// `GET /metrics`.
    pub metrics: bool,
    /// The `/logs` routes.
    pub logs_route: bool,
    /// Edition of documents by a function.
    pub edit_documents_by_function: bool,
    /// The filter operator `CONTAINS`.
    pub contains_filter: bool,
    /// Dynamic search rules.
    pub dynamic_search_rules: bool,
    /// Remote search.
    pub network: bool,
    /// `GET /tasks/{uid}/documents`.
    pub get_task_documents_route: bool,
    /// `POST /tasks/compact`.
    pub task_queue_compaction_route: bool,
    /// Embedders made of two.
    pub composite_embedders: bool,
    /// The `/chats` routes and the index setting `chat`.
    pub chat_completions: bool,
    /// Search by media and fragments.
    pub multimodal: bool,
    /// The index setting `foreignKeys` and filters over it.
    pub foreign_keys: bool,
    /// Reads of documents go past the search queue.
    pub disable_documents_fetch_queue: bool,
    /// The older way of searching; none when only the command line decides.
    pub legacy_search: Option<bool>,
    /// `POST /render-template`.
    pub render_route: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stored_form() {
        let features: RuntimeTogglableFeatures =
            serde_json::from_str(r#"{"metrics":true,"ofTheFuture":1}"#).unwrap();
        insta::assert_snapshot!(serde_json::to_string(&features).unwrap(), @r#"{"metrics":true,"logsRoute":false,"editDocumentsByFunction":false,"containsFilter":false,"dynamicSearchRules":false,"network":false,"getTaskDocumentsRoute":false,"taskQueueCompactionRoute":false,"compositeEmbedders":false,"chatCompletions":false,"multimodal":false,"foreignKeys":false,"disableDocumentsFetchQueue":false,"legacySearch":null,"renderRoute":false}"#);
    }
}
