//! The worked example of storage-index.md section 19, byte for byte.

mod common;

use common::{TestIndex, hex};
use serde_json::json;

const DOC_0: &str = "00000000";
const DOC_1: &str = "01000000";
const BOTH: &str = "0000000001000000";

#[test]
fn every_database_of_the_worked_example() {
    let index = TestIndex::new();
    index.settings(json!({"searchableAttributes": ["title"], "filterableAttributes": ["kind"]}));
    index.replace(json!([
        {"id": 1, "title": "Red fox", "kind": "Animal"},
        {"id": 2, "title": "red apple", "kind": "fruit"},
    ]));

    let mut expected = Vec::new();
    let mut add = |table: &str, key: &[u8], value: &str| {
        let value = value.replace(' ', "").to_ascii_lowercase();
        expected.push((table.to_owned(), hex(key), value));
    };
    let fields = r#"{"names_ids":{"id":0,"kind":2,"title":1},"ids_names":{"0":"id","1":"title","2":"kind"},"next_id":3}"#;
    add("main", b"version", "00000001 00000032 00000000");
    add("main", b"vector_store_backend", &hex(r#""experimental""#));
    add("main", b"primary-key", &hex("id"));
    add("main", b"fields-ids-map", &hex(fields));
    add("main", b"fields-distribution", &hex(r#"{"id":2,"kind":2,"title":2}"#));
    let searchable = "0100000000000000 0500000000000000 7469746C65";
    add("main", b"user-defined-searchable-fields", searchable);
    add("main", b"searchable-fields", searchable);
    add("main", b"fieldids-weights-map", &hex(r#"{"map":{"1":0}}"#));
    add("main", b"filterable-fields", &hex(r#"["kind"]"#));
    add("main", b"disabled_typos_terms", &hex(r#"{"disableOnNumbers":false}"#));
    add("main", b"documents-ids", "3A300000 01000000 0000 0100 10000000 0000 0100");
    let stats = r#"{"numberOfEntries":2,"totalKeySize":16,"totalValueSize":4080}"#;
    add("main", b"documents_stats", &hex(stats));
    let words = "03000000000000000000000000000000001082CFC9C90010AAC4001092C2010509726661100303000000000000002500000000000000CF84F5D6";
    add("main", b"words-fst", words);
    let empty = "0300000000000000000000000000000000000000000000000000001200000000000000546B2D0F";
    add("main", b"words-prefixes-fst", empty);
    let fox = "0000 01 31 0001 09 2252656420666F7822 0002 08 22416E696D616C22";
    add("documents", b"\0\0\0\0", fox);
    let apple = "0000 01 32 0001 0B 22726564206170706C6522 0002 07 22667275697422";
    add("documents", b"\0\0\0\x01", apple);
    add("external_documents_ids", b"1", "00000000");
    add("external_documents_ids", b"2", "00000001");
    add("word_docids", b"apple", DOC_1);
    add("word_docids", b"fox", DOC_0);
    add("word_docids", b"red", BOTH);
    add("word_fid_docids", b"apple\0\0\x01", DOC_1);
    add("word_fid_docids", b"fox\0\0\x01", DOC_0);
    add("word_fid_docids", b"red\0\0\x01", BOTH);
    add("word_position_docids", b"apple\0\0\x01", DOC_1);
    add("word_position_docids", b"fox\0\0\x01", DOC_0);
    add("word_position_docids", b"red\0\0\0", BOTH);
    add("word_pair_proximity_docids", b"\x01red\0apple", DOC_1);
    add("word_pair_proximity_docids", b"\x01red\0fox", DOC_0);
    add("field_id_word_count_docids", b"\0\x01\x02", BOTH);
    add("facet_id_exists_docids", b"\0\x02", BOTH);
    add("facet_id_string_docids", b"\0\x02\0animal", &format!("01{DOC_0}"));
    add("facet_id_string_docids", b"\0\x02\0fruit", &format!("01{DOC_1}"));
    add("field_id_docid_facet_strings", b"\0\x02\0\0\0\0animal", &hex("Animal"));
    add("field_id_docid_facet_strings", b"\0\x02\0\0\0\x01fruit", &hex("fruit"));
    add("facet_id_normalized_string_strings", b"\0\x02animal", &hex(r#"["animal"]"#));
    add("facet_id_normalized_string_strings", b"\0\x02fruit", &hex(r#"["fruit"]"#));
    let values = fst::Set::from_iter(["animal", "fruit"]).unwrap();
    add("facet_id_string_fst", b"\0\x02", &hex(values.as_fst().as_bytes()));
    add("cellulite_metadata", b"\0", "00000000 00000003 00000002");
    expected.sort();

    let dates = [&b"created-at"[..], b"updated-at"];
    let mut found: Vec<_> = index
        .dump()
        .into_iter()
        .filter(|(_, key, _)| !dates.contains(&key.as_slice()))
        .map(|(table, key, value)| (table.to_owned(), hex(key), hex(value)))
        .collect();
    found.sort();
    for (found, expected) in found.iter().zip(&expected) {
        assert_eq!(found, expected);
    }
    assert_eq!(found.len(), expected.len());
}
