//! An index in a temporary directory, written and read without ceremony.

#![allow(dead_code, unreachable_pub, reason = "each test crate uses a part of this")]
#![allow(clippy::unwrap_used, reason = "a failure here is a failed test")]

use std::path::Path;
use std::time::Duration;

use embedders::{EmbedderPool, Environment, PoolOptions, RequestCounters};
use meilisearch_types::error::ErrorCode;
use meilisearch_types::outgoing::{AllowedNetwork, Policy};
use meilisearch_types::progress::Progress;
use meilisearch_types::settings::Settings;
use milli::document::{docid, document, to_json};
use milli::indexing::{
    self, IndexingContext, MissingDocument, Operation, OperationOutcome, apply_settings,
    clear_documents, index_documents,
};
use milli::vector::vectors_of;
use milli::{Index, OpenOptions, Result, RwTxn};
use serde_json::Value;
use time::OffsetDateTime;

/// A fresh index; its directory goes with it.
pub struct TestIndex {
    pub index: Index,
    threads: rayon::ThreadPool,
    max_memory_bytes: Option<usize>,
    pub embedders: EmbedderPool,
    _dir: tempfile::TempDir,
}

impl TestIndex {
    pub fn new() -> TestIndex {
        TestIndex::with_memory(None)
    }

    /// An index whose batches take as many rounds as the memory allowed, in bytes, asks for.
    pub fn with_memory(max_memory_bytes: Option<usize>) -> TestIndex {
        let dir = tempfile::tempdir().unwrap();
        let options = OpenOptions { map_size: 1 << 30, max_readers: 16, write_map: false };
        let now = OffsetDateTime::now_utc();
        let index = Index::create(dir.path(), &options, now, now).unwrap();
        let threads = rayon::ThreadPoolBuilder::new().num_threads(2).build().unwrap();
        // Providers are on this machine, and asked again at once.
        let policy = Policy::new(&[AllowedNetwork::Any]);
        let environment = Environment { max_wait: Duration::ZERO, ..Environment::read() };
        let options = PoolOptions { policy, cache_entries: 0 };
        let embedders = EmbedderPool::with_environment(options, environment);
        TestIndex { index, threads, max_memory_bytes, embedders, _dir: dir }
    }

    pub fn path(&self) -> &Path {
        self.index.path()
    }

    /// Runs a write and commits it when it succeeds.
    pub fn write<T>(
        &self,
        write: impl FnOnce(&mut RwTxn<'_>, &IndexingContext<'_>) -> Result<T>,
    ) -> Result<T> {
        self.write_counting(&RequestCounters::default(), &|| false, write)
    }

    /// As [`TestIndex::write`]; counts requests to providers of vectors, and ends when it is asked to.
    pub fn write_counting<T>(
        &self,
        requests: &RequestCounters,
        must_stop: &(dyn Fn() -> bool + Sync),
        write: impl FnOnce(&mut RwTxn<'_>, &IndexingContext<'_>) -> Result<T>,
    ) -> Result<T> {
        let progress = Progress::default();
        let context = IndexingContext {
            threads: &self.threads,
            max_memory_bytes: self.max_memory_bytes,
            embedders: &self.embedders,
            tries_embedders: true,
            embedder_requests: requests,
            progress: &progress,
            must_stop,
        };
        let mut wtxn = self.index.write_txn()?;
        let outcome = write(&mut wtxn, &context)?;
        wtxn.commit()?;
        Ok(outcome)
    }

    /// One batch of documents.
    pub fn batch(&self, operations: &[Operation<'_>]) -> Vec<OperationOutcome> {
        self.write(|wtxn, context| index_documents(&self.index, wtxn, operations, None, context))
            .unwrap()
    }

    /// Adds or replaces the documents of a JSON array.
    pub fn replace(&self, documents: Value) {
        let payload = payload(&documents);
        let on_missing = MissingDocument::Create;
        succeed(self.batch(&[Operation::Replace { payload: &payload, on_missing }]));
    }

    /// Adds or updates the documents of a JSON array.
    pub fn update(&self, documents: Value) {
        let payload = payload(&documents);
        let on_missing = MissingDocument::Create;
        succeed(self.batch(&[Operation::Update { payload: &payload, on_missing }]));
    }

    pub fn delete(&self, ids: &[&str]) {
        let ids: Vec<String> = ids.iter().map(|id| (*id).to_owned()).collect();
        succeed(self.batch(&[Operation::DeleteByIds(&ids)]));
    }

    /// The code with which a batch that adds or updates the documents of a JSON array fails.
    pub fn failure(&self, documents: Value) -> (String, String) {
        let payload = payload(&documents);
        let on_missing = MissingDocument::Create;
        let operations = [Operation::Update { payload: &payload, on_missing }];
        let error = self
            .write(|wtxn, context| index_documents(&self.index, wtxn, &operations, None, context))
            .unwrap_err();
        (error.error_code().name().to_owned(), error.to_string())
    }

    /// The vectors of a document as answers show them, and what its stored form holds of them.
    pub fn shown_vectors(&self, id: &str) -> (Value, Option<Value>) {
        let rtxn = self.index.read_txn().unwrap();
        let docid = docid(&self.index, &rtxn, id).unwrap().unwrap();
        let stored = document(&self.index, &rtxn, docid).unwrap().unwrap();
        let fields = self.index.fields_ids_map(&rtxn).unwrap();
        let stored = to_json(stored, &fields).unwrap().shift_remove("_vectors");
        let vectors = vectors_of(&self.index, &rtxn, docid, stored.clone()).unwrap();
        (Value::Object(vectors), stored)
    }

    pub fn clear(&self) {
        self.write(|wtxn, _| clear_documents(&self.index, wtxn)).unwrap();
    }

    pub fn settings(&self, settings: Value) {
        self.try_settings(settings).unwrap();
    }

    pub fn try_settings(&self, settings: Value) -> Result<()> {
        let settings: Settings = serde_json::from_value(settings).unwrap();
        self.write(|wtxn, context| apply_settings(&self.index, wtxn, &settings, context))
    }

    pub fn set_primary_key(&self, key: &str) -> Result<()> {
        self.write(|wtxn, context| indexing::set_primary_key(&self.index, wtxn, key, context))
    }

    /// Every entry: name of the table, key, value.
    pub fn dump(&self) -> Vec<(&'static str, Vec<u8>, Vec<u8>)> {
        let rtxn = self.index.read_txn().unwrap();
        let mut entries = Vec::new();
        for (name, table) in self.index.tables().all() {
            for entry in table.iter(&rtxn).unwrap() {
                let (key, value) = entry.unwrap();
                entries.push((name, key.to_vec(), value.to_vec()));
            }
        }
        entries
    }

    /// The entries of one table, keys and values readable.
    pub fn table(&self, name: &str) -> Vec<(String, String)> {
        let entries = self.dump();
        let of_table = entries.iter().filter(|(table, _, _)| *table == name);
        of_table.map(|(_, key, value)| (readable(key), hex(value))).collect()
    }
}

/// The objects of a JSON array as an update file holds them.
pub fn payload(documents: &Value) -> Vec<u8> {
    let documents = documents.as_array().unwrap();
    documents.iter().flat_map(|document| serde_json::to_vec(document).unwrap()).collect()
}

fn succeed(outcomes: Vec<OperationOutcome>) {
    for outcome in outcomes {
        assert!(outcome.error.is_none(), "{:?}", outcome.error);
    }
}

/// Lower-case hexadecimal digits.
pub fn hex(bytes: impl AsRef<[u8]>) -> String {
    bytes.as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// ASCII as it is, other bytes as `\xNN`.
pub fn readable(bytes: &[u8]) -> String {
    bytes.escape_ascii().to_string()
}
