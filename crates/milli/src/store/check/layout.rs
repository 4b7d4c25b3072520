//! Each entry by itself: does its key, and does its value, have the layout of its table?

use heed::BytesDecode;
use serde_json::value::RawValue;

use super::bitmap::{check_cbo, check_whole_roaring};
use super::finding::{Fault, Malformed};
use super::fst_graph::check_fst;
use super::geo_tree::read_geo_tree;
use super::geojson::{check_cell_key, check_cell_set, check_geometry, item_docid};
use super::vectors::{EmbedderEntry, check_store_entry};
use crate::codec::{
    DocidFacetF64, DocidFacetString, FacetGroupKey, FidString, FieldIdCount, OrderedF64, StrRef,
    VersionCodec, WordPair, WordU16, from_ordered_bytes, to_ordered_bytes,
};
use crate::limits::{MAX_DOCUMENT_ID_BYTES, MAX_LMDB_KEY_BYTES};
use crate::schema::keys;
use crate::store::Table;
use crate::store::metadata::{
    DOCUMENTS_IDS, GEO_FACETED_DOCUMENTS_IDS, GEO_RTREE, VERSION, WORDS_FST, WORDS_PREFIXES_FST,
};

/// Checks one entry.
pub(super) fn check_entry(table: Table, key: &[u8], value: &[u8]) -> Result<(), Fault> {
    check_key(table, key).map_err(Fault::MalformedKey)?;
    if table == Table::vector_store {
        return check_store_entry(key, value);
    }
    check_value(table, key, value).map_err(Fault::MalformedValue)
}

fn check_key(table: Table, key: &[u8]) -> Result<(), Malformed> {
    use Table::*;
    match table {
        main | synonyms | embedder_category_id | shard_docids => text(key, MAX_LMDB_KEY_BYTES),
        external_documents_ids => text(key, MAX_DOCUMENT_ID_BYTES),
        word_docids | exact_word_docids | word_prefix_docids | exact_word_prefix_docids => {
            word(key)
        }
        word_pair_proximity_docids => {
            let (_, first, second) = decode::<WordPair>("word pair", key)?;
            word(first.as_bytes()).and_then(|()| word(second.as_bytes()))
        }
        word_position_docids
        | word_fid_docids
        | word_prefix_position_docids
        | word_prefix_fid_docids => word(decode::<WordU16>("word and number", key)?.0.as_bytes()),
        field_id_word_count_docids => decode::<FieldIdCount>("field and count", key).map(drop),
        facet_id_f64_docids => {
            decode::<FacetGroupKey<OrderedF64>>("number of a facet tree", key)?;
            number(key.get(3..))
        }
        facet_id_string_docids => {
            decode::<FacetGroupKey<StrRef>>("string of a facet tree", key).map(drop)
        }
        facet_id_normalized_string_strings => decode::<FidString>("field and text", key).map(drop),
        facet_id_string_fst
        | facet_id_exists_docids
        | facet_id_is_null_docids
        | facet_id_is_empty_docids => exactly(key, 2, "field id"),
        field_id_docid_facet_f64s => {
            decode::<DocidFacetF64>("number of a document", key)?;
            number(key.get(6..))
        }
        field_id_docid_facet_strings => {
            decode::<DocidFacetString>("string of a document", key).map(drop)
        }
        documents | cellulite_update => exactly(key, 4, "document id"),
        cellulite_item => item_docid(key).map(drop),
        cellulite_cell => check_cell_key(key),
        cellulite_metadata => exactly(key, 1, "key of the GeoJSON metadata"),
        // Judged together with its value.
        vector_store => Ok(()),
    }
}

fn check_value(table: Table, key: &[u8], value: &[u8]) -> Result<(), Malformed> {
    use Table::*;
    match table {
        main => check_main_value(key, value),
        external_documents_ids => exactly(value, 4, "document id"),
        word_docids
        | exact_word_docids
        | word_prefix_docids
        | exact_word_prefix_docids
        | word_pair_proximity_docids
        | word_position_docids
        | word_fid_docids
        | word_prefix_position_docids
        | word_prefix_fid_docids
        | field_id_word_count_docids
        | facet_id_exists_docids
        | facet_id_is_null_docids
        | facet_id_is_empty_docids
        | shard_docids => check_cbo(value),
        facet_id_f64_docids | facet_id_string_docids => match value.split_first() {
            Some((1.., docids)) => check_cbo(docids),
            _ => Err(Malformed { layout: "facet group", reason: "it has no size" }),
        },
        synonyms | facet_id_normalized_string_strings => json(value),
        facet_id_string_fst => check_fst(value).map(drop),
        field_id_docid_facet_f64s => exactly(value, 0, "empty value"),
        field_id_docid_facet_strings => std::str::from_utf8(value)
            .map(drop)
            .map_err(|_| Malformed { layout: "text", reason: "it is not UTF-8" }),
        embedder_category_id => EmbedderEntry::read(value).map(drop),
        documents => check_document(value),
        cellulite_item => check_geometry(value),
        cellulite_cell => check_cell_set(value),
        cellulite_update => exactly(value, 1, "GeoJSON operation"),
        cellulite_metadata => decode::<VersionCodec>("version", value).map(drop),
        vector_store => Ok(()),
    }
}

/// The values of `main` that are not read through serde, which checks for itself.
fn check_main_value(key: &[u8], value: &[u8]) -> Result<(), Malformed> {
    let fsts = [
        WORDS_FST.name(),
        WORDS_PREFIXES_FST.name(),
        keys::STOP_WORDS.name(),
        keys::EXACT_WORDS.name(),
    ];
    let is = |name: &str| name.as_bytes() == key;
    if fsts.iter().copied().any(is) {
        check_fst(value).map(drop)
    } else if is(DOCUMENTS_IDS.name()) || is(GEO_FACETED_DOCUMENTS_IDS.name()) {
        check_whole_roaring(value)
    } else if is(GEO_RTREE.name()) {
        read_geo_tree(value).map(drop)
    } else if is(VERSION.name()) {
        decode::<VersionCodec>("version", value).map(drop)
    } else {
        Ok(())
    }
}

/// A stored document: field ids rise, lengths fit (storage-index.md 3.4).
fn check_document(mut bytes: &[u8]) -> Result<(), Malformed> {
    const fn malformed(reason: &'static str) -> Malformed {
        Malformed { layout: "document", reason }
    }
    const TRUNCATED: Malformed = malformed("it is truncated");
    let mut previous = None;
    while !bytes.is_empty() {
        let (field, rest) = bytes.split_first_chunk::<2>().ok_or(TRUNCATED)?;
        let field = u16::from_be_bytes(*field);
        if previous.is_some_and(|previous| previous >= field) {
            return Err(malformed("its fields are not in order"));
        }
        previous = Some(field);
        let mut length = 0u64;
        let mut rest = rest;
        for shift in (0..).step_by(7) {
            let (&byte, behind) = rest.split_first().ok_or(TRUNCATED)?;
            length |= u64::from(byte & 0x7f) << shift;
            rest = behind;
            if byte & 0x80 == 0 {
                break;
            }
            if shift == 28 {
                return Err(malformed("a length has too many bytes"));
            }
        }
        let length = u32::try_from(length).map_err(|_| malformed("a length is too great"))?;
        let (value, rest) = rest.split_at_checked(length as usize).ok_or(TRUNCATED)?;
        if value.is_empty() {
            return Err(malformed("a field has no value"));
        }
        bytes = rest;
    }
    Ok(())
}

fn decode<'a, C: BytesDecode<'a>>(
    layout: &'static str,
    bytes: &'a [u8],
) -> Result<C::DItem, Malformed> {
    C::bytes_decode(bytes)
        .map_err(|_| Malformed { layout, reason: "its bytes cannot be read as one" })
}

fn exactly(bytes: &[u8], length: usize, layout: &'static str) -> Result<(), Malformed> {
    if bytes.len() == length {
        Ok(())
    } else {
        Err(Malformed { layout, reason: "it has another length" })
    }
}

fn text(bytes: &[u8], max_bytes: usize) -> Result<(), Malformed> {
    let malformed = |reason| Err(Malformed { layout: "text", reason });
    match std::str::from_utf8(bytes) {
        Ok("") => malformed("it is empty"),
        Ok(text) if text.len() > max_bytes => malformed("it is too long"),
        Ok(_) => Ok(()),
        Err(_) => malformed("it is not UTF-8"),
    }
}

fn word(bytes: &[u8]) -> Result<(), Malformed> {
    text(bytes, MAX_LMDB_KEY_BYTES)?;
    if bytes.contains(&0) {
        return Err(Malformed { layout: "word", reason: "it holds a NUL byte" });
    }
    Ok(())
}

/// The two halves of an ordered number must belong together, or it is not found where it sorts.
fn number(bytes: Option<&[u8]>) -> Result<(), Malformed> {
    let matches = bytes.is_some_and(|bytes| {
        from_ordered_bytes(bytes)
            .and_then(to_ordered_bytes)
            .is_some_and(|canonical| bytes == canonical)
    });
    if matches {
        Ok(())
    } else {
        Err(Malformed { layout: "ordered number", reason: "its halves do not belong together" })
    }
}

fn json(bytes: &[u8]) -> Result<(), Malformed> {
    serde_json::from_slice::<&RawValue>(bytes)
        .map(drop)
        .map_err(|_| Malformed { layout: "JSON value", reason: "it cannot be parsed" })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn document(fields: &[(u16, &[u8])]) -> Vec<u8> {
        let mut writer = obkv::KvWriterU16::memory();
        for (field, value) in fields {
            writer.insert(*field, value).unwrap();
        }
        writer.into_inner().unwrap()
    }

    #[test]
    fn documents_are_read_as_they_are_written() {
        let long = vec![b'1'; 20_000];
        let bytes = document(&[(0, b"1"), (7, &long), (300, b"null")]);
        check_document(&bytes).unwrap();
        check_document(&[]).unwrap();
        for cut in [1, 3, 5, bytes.len() - 1] {
            assert!(check_document(&bytes[..cut]).is_err(), "{cut}");
        }
        let twice = [document(&[(4, b"1")]), document(&[(4, b"1")])].concat();
        assert_eq!(check_document(&twice).unwrap_err().reason, "its fields are not in order");
        assert!(check_document(&[0, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]).is_err());
    }

    #[test]
    fn halves_of_numbers_belong_together() {
        for value in [0.0, -0.0, 1.5, -3.0, f64::MAX] {
            number(Some(&to_ordered_bytes(value).unwrap())).unwrap();
        }
        let mut bytes = to_ordered_bytes(2.0).unwrap();
        bytes[3] ^= 1;
        assert!(number(Some(&bytes)).is_err());
    }

    proptest! {
        #[test]
        fn any_entry_of_any_table_is_judged(at in 0..Table::ALL.len(), key: Vec<u8>, value: Vec<u8>) {
            let _ = check_entry(Table::ALL[at], &key, &value);
        }
    }
}
