//! Vectors of documents: embedders, who provides the vectors, and the stores that hold them.
//!
//! | File | What |
//! |---|---|
//! | `config.rs` | an embedder as stored in the key `embedding_configs` |
//! | `status.rs` | which documents bring their own vectors (`vector-embedder-category-id`) |
//! | `store.rs` | the 256 stores of an embedder (`vector-arroy`) |

mod config;
mod status;
mod store;

pub(crate) use config::{CONFIGS, Config, Prompt};
pub use config::{Distribution, EmbedderConfig, EmbedderOptions};
pub(crate) use status::EmbedderStatus;
pub(crate) use store::{MAX_VECTORS, VectorStore};

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
    let mut shown = Map::new();
    for embedder in CONFIGS.get(index, rtxn)?.unwrap_or_default() {
        let status = EmbedderStatus::get(index, rtxn, &embedder.name)?.unwrap_or_default();
        let store = match embedder.store(status.id) {
            Some(store) => Some(store),
            None => VectorStore::find(index, rtxn, status.id, embedder.is_quantized())?,
        };
        let embeddings = match store {
            Some(store) => store.vectors(index, rtxn, docid)?,
            None => Vec::new(),
        };
        let entry = serde_json::json!({
            "embeddings": embeddings,
            "regenerate": status.regenerates(docid),
        });
        shown.insert(embedder.name, entry);
    }
    if let Some(Value::Object(stored)) = stored {
        for (name, entry) in stored {
            shown.entry(name).or_insert(entry);
        }
    }
    Ok(shown)
}

/// Numbers of vectors and of documents with vectors, over all embedders (vectors.md 18).
pub(crate) fn count(index: &Index, rtxn: &RoTxn<'_>) -> Result<(u64, u64)> {
    let mut vectors = 0;
    let mut documents = roaring::RoaringBitmap::new();
    for embedder in CONFIGS.get(index, rtxn)?.unwrap_or_default() {
        let Some(status) = EmbedderStatus::get(index, rtxn, &embedder.name)? else { continue };
        let Some(store) = embedder.store(status.id) else { continue };
        for items in store.items(index, rtxn)? {
            vectors += items.len();
            documents |= items;
        }
    }
    Ok((vectors, documents.len()))
}
