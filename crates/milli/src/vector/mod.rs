//! Vectors of documents: embedders, who provides the vectors, and the stores that hold them.
//!
//! | File | What |
//! |---|---|
//! | `config.rs` | an embedder as stored in the key `embedding_configs` |
//! | `status.rs` | which documents bring their own vectors (`vector-embedder-category-id`) |
//! | `store.rs` | the 256 stores of an embedder (`vector-arroy`) |
//! | `writer.rs` | writing into them, document after document |
//! | `search.rs` | the nearest vectors of those stores |
//! | `embedder.rs` | what a query says → the vector that documents are ranked by |

pub(crate) mod config;
mod embedder;
mod search;
mod status;
mod store;
mod writer;

pub(crate) use config::CONFIGS;
pub use embedder::{SearchEmbedder, VectorError, VectorQuery};
pub(crate) use search::Nearest;
pub(crate) use status::EmbedderStatus;
pub(crate) use store::{MAX_VECTORS, VectorStore};
pub(crate) use writer::VectorWriter;

use embedders::EmbedderConfig;
use serde_json::{Map, Value};

use crate::error::Result;
use crate::store::{Index, RoTxn};

/// The vectors of a document as answers show them (vectors.md 18): an entry for every embedder, then
/// those that the document itself keeps, which are `stored`.
///
/// # Errors
/// A stored value cannot be read.
pub fn vectors_of(
    index: &Index,
    rtxn: &RoTxn<'_>,
    docid: u32,
    stored: Option<Value>,
) -> Result<Map<String, Value>> {
    let mut shown = ShownEmbedders::load(index, rtxn)?.vectors_of(index, rtxn, docid)?;
    if let Some(Value::Object(stored)) = stored {
        for (name, entry) in stored {
            shown.entry(name).or_insert(entry);
        }
    }
    Ok(shown)
}

/// The embedders of an index with all that showing the vectors of one document after the other needs.
pub(crate) struct ShownEmbedders(Vec<ShownEmbedder>);

struct ShownEmbedder {
    name: String,
    status: EmbedderStatus,
    store: Option<VectorStore>,
    /// Those that hold vectors.
    stores: Vec<u16>,
    has_fragments: bool,
}

impl ShownEmbedders {
    /// # Errors
    /// A stored value cannot be read.
    pub(crate) fn load(index: &Index, rtxn: &RoTxn<'_>) -> Result<ShownEmbedders> {
        let load = |embedder: EmbedderConfig| {
            let status = EmbedderStatus::get(index, rtxn, &embedder.name)?.unwrap_or_default();
            let store = VectorStore::find(index, rtxn, status.id, embedder.is_quantized())?;
            let stores = store.map(|store| store.stores_in_use(index, rtxn)).transpose()?;
            let stores = stores.unwrap_or_default();
            let has_fragments = !embedder.fragments.is_empty();
            Ok(ShownEmbedder { name: embedder.name, status, store, stores, has_fragments })
        };
        let configs = CONFIGS.get(index, rtxn)?.unwrap_or_default();
        Ok(ShownEmbedders(configs.into_iter().map(load).collect::<Result<_>>()?))
    }

    /// Whether there is none.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// For every embedder the vectors of a document, and whether they follow its content.
    ///
    /// # Errors
    /// A stored value cannot be read.
    pub(crate) fn vectors_of(
        &self,
        index: &Index,
        rtxn: &RoTxn<'_>,
        docid: u32,
    ) -> Result<Map<String, Value>> {
        self.entries(index, rtxn, docid, |embedder| embedder.status.regenerates(docid))
    }

    /// As [`ShownEmbedders::vectors_of`], to be sent as a document again: an embedder that makes vectors of
    /// fragments would refuse to make those that are given anew.
    ///
    /// # Errors
    /// A stored value cannot be read.
    pub(crate) fn vectors_to_send(
        &self,
        index: &Index,
        rtxn: &RoTxn<'_>,
        docid: u32,
    ) -> Result<Map<String, Value>> {
        self.entries(index, rtxn, docid, |embedder| {
            embedder.status.regenerates(docid) && !embedder.has_fragments
        })
    }

    fn entries(
        &self,
        index: &Index,
        rtxn: &RoTxn<'_>,
        docid: u32,
        regenerates: impl Fn(&ShownEmbedder) -> bool,
    ) -> Result<Map<String, Value>> {
        let mut entries = Map::new();
        for embedder in &self.0 {
            let embeddings = match &embedder.store {
                Some(store) => store.vectors(index, rtxn, &embedder.stores, docid)?,
                None => Vec::new(),
            };
            let entry = serde_json::json!({
                "embeddings": embeddings,
                "regenerate": regenerates(embedder),
            });
            entries.insert(embedder.name.clone(), entry);
        }
        Ok(entries)
    }
}

/// Numbers of vectors and of documents with vectors, over all embedders (vectors.md 18).
pub(crate) fn count(index: &Index, rtxn: &RoTxn<'_>) -> Result<(u64, u64)> {
    let mut vectors = 0;
    let mut documents = roaring::RoaringBitmap::new();
    for embedder in CONFIGS.get(index, rtxn)?.unwrap_or_default() {
        let Some(status) = EmbedderStatus::get(index, rtxn, &embedder.name)? else { continue };
        let store = VectorStore::find(index, rtxn, status.id, embedder.is_quantized())?;
        let Some(store) = store else { continue };
        for (_, items) in store.items(index, rtxn)? {
            vectors += items.len();
            documents |= items;
        }
    }
    Ok((vectors, documents.len()))
}
