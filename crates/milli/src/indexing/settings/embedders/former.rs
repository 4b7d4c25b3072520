//! Vectors of removed embedders: those that do not follow the content go back into the documents, the
//! others are lost (indexing.md 15.3).

use embedders::EmbedderConfig;
use obkv::KvReaderU16;
use roaring::RoaringBitmap;

use super::visit::with_vectors_field;
use crate::document::{Content, VECTORS_FIELD, stored, vectors};
use crate::error::{InternalError, Result};
use crate::indexing::IndexingContext;
use crate::store::{Index, RwTxn};
use crate::vector::{EmbedderStatus, VectorStore};

/// An embedder that is gone.
struct Former<'f> {
    name: &'f str,
    status: EmbedderStatus,
    store: VectorStore,
    /// Its stores that hold vectors.
    stores: Vec<u16>,
}

/// Removes all that is stored for embedders.
///
/// # Errors
/// A stored value is damaged, LMDB fails, or the caller asked to stop.
pub(super) fn remove(
    index: &Index,
    wtxn: &mut RwTxn<'_>,
    gone: &[&EmbedderConfig],
    documents_ids: &RoaringBitmap,
    context: &IndexingContext<'_>,
) -> Result<()> {
    let mut ids = Vec::new();
    let mut former = Vec::new();
    for config in gone {
        let status = EmbedderStatus::get(index, wtxn, &config.name)?.unwrap_or_default();
        index.tables().embedder_category_id.delete(wtxn, &config.name)?;
        ids.push(status.id);
        if let Some(store) = VectorStore::find(index, wtxn, status.id, config.is_quantized())? {
            let stores = store.stores_in_use(index, wtxn)?;
            former.push(Former { name: &config.name, status, store, stores });
        }
    }
    if !former.is_empty() {
        write_back(index, wtxn, &former, documents_ids, context)?;
    }
    ids.into_iter().try_for_each(|id| VectorStore::clear(index, wtxn, id))
}

fn write_back(
    index: &Index,
    wtxn: &mut RwTxn<'_>,
    former: &[Former<'_>],
    documents_ids: &RoaringBitmap,
    context: &IndexingContext<'_>,
) -> Result<()> {
    let mut fields = index.fields_ids_map(wtxn)?;
    let vectors_fid = fields.insert(VECTORS_FIELD)?;
    index.put_fields_ids_map(wtxn, &fields)?;
    for docid in documents_ids {
        context.check_stop()?;
        let mut returned = Vec::new();
        for Former { name, status, store, stores } in former {
            if !status.regenerates(docid) {
                let vectors = store.vectors(index, wtxn, stores, docid)?;
                returned.push(((*name).to_owned(), vectors));
            }
        }
        if returned.is_empty() {
            continue;
        }
        let missing = || InternalError::Inconsistent(format!("document {docid} is missing"));
        let document = stored::document(index, wtxn, docid)?.ok_or_else(missing)?;
        let bytes = document.as_bytes().to_vec();
        let document = KvReaderU16::from_slice(&bytes);
        let content = Content::of_stored(document, &fields)?;
        let rewritten = vectors::rewrite(content.get(VECTORS_FIELD), |_| false, returned)?;
        let bytes = with_vectors_field(document, vectors_fid, rewritten.as_deref())?;
        let documents = index.tables().documents.remap_data_type::<heed::types::Bytes>();
        documents.put(wtxn, &docid, &bytes)?;
    }
    Ok(())
}
