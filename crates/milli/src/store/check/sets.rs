//! Every stored set against `documents-ids`, and every field id against the map.

use heed::types::Bytes;
use roaring::RoaringBitmap;

use super::fields::Known;
use super::finding::{Fault, Findings, Severity};
use crate::codec::decode_cbo;
use crate::error::Result;
use crate::store::{Index, RoTxn, Table};

/// Where the field id stands in the keys of a table.
#[derive(Clone, Copy)]
enum FieldAt {
    First,
    Last,
    Nowhere,
}

/// Where the documents stand in the entries of a table.
#[derive(Clone, Copy)]
enum DocumentsAt {
    /// The value is a set.
    Value,
    /// A byte, then the set.
    BehindSize,
    /// The id follows the field id in the key.
    Key,
}

/// How the entries of a table speak of fields and documents; `None` for tables that other files check.
fn shape(table: Table) -> Option<(FieldAt, DocumentsAt)> {
    use Table::*;
    Some(match table {
        word_docids
        | exact_word_docids
        | word_prefix_docids
        | exact_word_prefix_docids
        | word_pair_proximity_docids
        | word_position_docids
        | word_prefix_position_docids
        | shard_docids => (FieldAt::Nowhere, DocumentsAt::Value),
        word_fid_docids | word_prefix_fid_docids => (FieldAt::Last, DocumentsAt::Value),
        field_id_word_count_docids
        | facet_id_exists_docids
        | facet_id_is_null_docids
        | facet_id_is_empty_docids => (FieldAt::First, DocumentsAt::Value),
        facet_id_f64_docids | facet_id_string_docids => (FieldAt::First, DocumentsAt::BehindSize),
        field_id_docid_facet_f64s | field_id_docid_facet_strings => {
            (FieldAt::First, DocumentsAt::Key)
        }
        main
        | external_documents_ids
        | synonyms
        | facet_id_normalized_string_strings
        | facet_id_string_fst
        | vector_store
        | embedder_category_id
        | documents
        | cellulite_item
        | cellulite_cell
        | cellulite_update
        | cellulite_metadata => return None,
    })
}

/// Tables in which deleted documents may be left behind (storage-index.md 17).
fn keeps_deleted(table: Table) -> Severity {
    use Table::*;
    match table {
        word_prefix_docids
        | exact_word_prefix_docids
        | word_prefix_position_docids
        | word_prefix_fid_docids
        | word_position_docids
        | field_id_word_count_docids
        | facet_id_is_null_docids
        | facet_id_is_empty_docids => Severity::Residue,
        _ => Severity::Fault,
    }
}

/// Checks all tables that hold sets of documents or documents in their keys.
pub(super) fn check(
    index: &Index,
    rtxn: &RoTxn<'_>,
    known: &Known,
    findings: &mut Findings<'_>,
) -> Result<()> {
    for (table, (_, database)) in Table::ALL.into_iter().zip(index.tables().all()) {
        let Some((field_at, documents_at)) = shape(table) else { continue };
        for entry in database.remap_types::<Bytes, Bytes>().iter(rtxn)? {
            findings.continue_or_stop()?;
            let (key, value) = entry?;
            if let Some(fid) = field_of(field_at, key)
                && known.fields.name(fid).is_none()
            {
                findings.fault(table, key, Fault::UnknownField(fid));
            }
            let docids = documents_of(documents_at, key, value)?;
            if docids.is_empty() {
                // A shard without documents is known all the same.
                if table != Table::shard_docids {
                    findings.residue(table, key, Fault::EmptySet);
                }
            } else if !docids.is_subset(&known.documents_ids) {
                let unknown = docids - &known.documents_ids;
                let first = unknown.min().unwrap_or_default();
                let fault = Fault::UnknownDocuments { count: unknown.len(), first };
                findings.add(table, key, fault, keeps_deleted(table));
            }
        }
    }
    Ok(())
}

fn field_of(at: FieldAt, key: &[u8]) -> Option<u16> {
    let bytes = match at {
        FieldAt::First => key.first_chunk(),
        FieldAt::Last => key.last_chunk(),
        FieldAt::Nowhere => None,
    };
    bytes.map(|bytes| u16::from_be_bytes(*bytes))
}

fn documents_of(at: DocumentsAt, key: &[u8], value: &[u8]) -> Result<RoaringBitmap> {
    Ok(match at {
        DocumentsAt::Value => decode_cbo(value)?,
        DocumentsAt::BehindSize => decode_cbo(value.get(1..).unwrap_or_default())?,
        DocumentsAt::Key => {
            let docid = key.get(2..).and_then(|key| key.first_chunk());
            docid.map(|docid| u32::from_be_bytes(*docid)).into_iter().collect()
        }
    })
}
