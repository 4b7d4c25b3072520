//! Every invariant broken on purpose, numbered as in storage-index.md 18.

use super::*;

#[test]
fn rule_1_version_and_vector_format() {
    check(
        |s| s.put(Table::main, b"version", &[0, 0, 0, 1, 0, 0, 0, 49, 0, 0, 0, 0]),
        &["main `version`: the value is `1.49.0` where `1.50.0` is expected"],
    );
    check(
        |s| s.delete(Table::main, b"vector_store_backend"),
        &["main `vector_store_backend`: the entry is missing"],
    );
}

#[test]
fn rule_2_documents_and_their_ids() {
    check(
        |s| {
            s.put(Table::main, b"documents-ids", &roaring(&[0, 1, 7]));
            s.put(Table::main, b"documents_stats", br#"{"numberOfEntries":3}"#);
        },
        &["main `documents-ids`: 1 documents are not in `documents`, the first is 7"],
    );
    check(
        |s| s.delete(Table::external_documents_ids, b"1"),
        &["external-documents-ids: 1 documents of `documents` are missing, the first is 0"],
    );
    check(
        |s| s.put(Table::external_documents_ids, b"x", &[0, 0, 0, 9]),
        &["external-documents-ids `x`: it has no counterpart in `documents`"],
    );
    check(
        |s| s.put(Table::external_documents_ids, b"1", &[0, 0, 0, 1]),
        &[
            r#"external-documents-ids `1`: the value is the document with the primary key Some("b") where "1" is expected"#,
            "external-documents-ids `b`: the entry should not be here: another id leads to the same document",
            "external-documents-ids: 1 documents of `documents` are missing, the first is 0",
        ],
    );
    check(
        |s| {
            s.put(Table::main, b"primary-key", b"kind.id");
            s.put(Table::main, b"fields-distribution", br#"{"_geojson":1,"kind":2}"#);
            s.put(Table::documents, &[0; 4], &document(&[(2, r#"{"id":1}"#), (7, "{}")]));
            s.put(Table::documents, &[0, 0, 0, 1], &document(&[(2, r#"{"id":"c"}"#)]));
        },
        &[
            r#"external-documents-ids `b`: the value is the document with the primary key Some("c") where "b" is expected"#,
        ],
    );
    check(
        |s| s.put(Table::shard_docids, b"a", &set(&[3])),
        &["shard-docids `a`: 1 document ids are not in `documents-ids`, the first is 3"],
    );
    check(
        |s| s.put(Table::facet_id_is_null_docids, &[0, 2], &set(&[3])),
        &[
            r"(facet-id-is-null-docids `\x00\x02`: 1 document ids are not in `documents-ids`, the first is 3)",
            r"(facet-id-is-null-docids `\x00\x02`: 1 documents are not in `facet-id-exists-docids`, the first is 3)",
        ],
    );
    check(
        |s| {
            s.put(
                Table::main,
                b"fields-distribution",
                br#"{"_geojson":1,"id":2,"kind":2,"title":1,"year":2}"#,
            )
        },
        &["main `fields-distribution`: the value is 1 documents with `title` where 2 is expected"],
    );
}

#[test]
fn rule_3_field_ids() {
    check(
        |s| s.put(Table::facet_id_exists_docids, &[0, 9], &set(&[0])),
        &[r"facet-id-exists-docids `\x00\t`: the field id 9 is not in `fields-ids-map`"],
    );
    let map = br#"{"names_ids":{"_geojson":7,"_geo.lat":5,"_geo.lng":6,"_vectors":3,"id":0,"kind":2,"title":1,"year":4},
        "ids_names":{"0":"id","1":"title","2":"kind","3":"_vectors","4":"year","5":"_geo.lat",
        "6":"_geo.lng","7":"_geojson"},"next_id":7}"#;
    check(
        |s| s.put(Table::main, b"fields-ids-map", map),
        &[
            "main `fields-ids-map`: the value is no valid map of field ids: its two directions, or the next id, contradict each other",
        ],
    );
    check(
        |s| s.put(Table::main, b"fields-ids-map", b"{"),
        &["main `fields-ids-map`: the value is no valid setting: it cannot be decoded"],
    );
}

#[test]
fn rule_4_words() {
    check(
        |s| s.put(Table::main, b"words-fst", &fst(&["apple", "foy", "red"])),
        &[
            "main `words-fst`: the word set lacks `fox`",
            "main `words-fst`: the word set holds `foy`, which nothing else has",
        ],
    );
    check(
        |s| s.delete(Table::word_fid_docids, b"fox\0\0\x01"),
        &[
            "word-field-id-docids `fox`: 1 documents of `word-docids` and `exact-word-docids` are missing, the first is 0",
        ],
    );
    check(
        |s| s.put(Table::word_position_docids, b"fox\0\0\x02", &set(&[1])),
        &[
            "(word-position-docids `fox`: 1 documents are not in `word-docids` and `exact-word-docids`, the first is 1)",
        ],
    );
    check(
        |s| s.put(Table::word_position_docids, b"fox\0\0\x11", &set(&[0])),
        &[
            r"word-position-docids `fox\x00\x00\x11`: the entry should not be here: no position is stored under this number",
        ],
    );
    check(
        |s| s.put(Table::word_fid_docids, b"fox\0\0\x02", &set(&[0])),
        &[
            r"word-field-id-docids `fox\x00\x00\x02`: the entry should not be here: the field is not searchable",
        ],
    );
    check(
        |s| s.put(Table::word_pair_proximity_docids, b"\x02red\0fox", &set(&[0, 1])),
        &[
            r"word-pair-proximity-docids `\x02red\x00fox`: 1 documents are not in the second word, the first is 1",
            r"word-pair-proximity-docids `\x02red\x00fox`: the entry should not be here: a document holds the pair nearer",
        ],
    );
    check(
        |s| s.put(Table::word_pair_proximity_docids, b"\x04red\0fox", &[]),
        &[
            r"(word-pair-proximity-docids `\x04red\x00fox`: the set is empty and should have been deleted)",
            r"word-pair-proximity-docids `\x04red\x00fox`: the entry should not be here: this distance is never stored",
        ],
    );
    check(
        |s| s.put(Table::main, b"proximity-precision", &[1, 0, 0, 0]),
        &[
            r"word-pair-proximity-docids `\x01red\x00apple`: the entry should not be here: proximity is kept by attribute",
            r"word-pair-proximity-docids `\x01red\x00fox`: the entry should not be here: proximity is kept by attribute",
        ],
    );
    check(
        |s| s.put(Table::field_id_word_count_docids, &[0, 1, 3], &set(&[0])),
        &[
            r"(field-id-word-count-docids `\x00\x01\x03`: the entry should not be here: a document has several numbers of words)",
        ],
    );
}

#[test]
fn rule_4_prefixes_are_complete_or_absent() {
    let with_prefix = |s: &Sample, fid_docids: &[u32]| {
        s.put(Table::word_prefix_docids, b"r", &set(&[0, 1]));
        s.put(Table::word_prefix_fid_docids, b"r\0\0\x01", &set(fid_docids));
        s.put(Table::word_prefix_position_docids, b"r\0\0\0", &set(&[0, 1]));
    };
    let rare = "(word-prefix-docids `r`: the entry should not be here: `words-prefixes-fst` does not hold the prefix)";
    check(|s| with_prefix(s, &[0, 1]), &[rare]);
    check(
        |s| with_prefix(s, &[1]),
        &[
            rare,
            r"word-prefix-field-id-docids `r\x00\x00\x01`: 1 documents of the words are missing, the first is 0",
        ],
    );
    check(
        |s| s.put(Table::word_prefix_fid_docids, b"r\0\0\x01", &set(&[0, 1])),
        &[
            r"(word-prefix-field-id-docids `r\x00\x00\x01`: it has no counterpart in `word-prefix-docids`)",
        ],
    );
    check(
        |s| s.put(Table::main, b"words-prefixes-fst", &fst(&["a"])),
        &[
            "(main `words-prefixes-fst`: the word set holds `a`, which nothing else has)",
            "(word-prefix-docids `a`: the entry is missing)",
        ],
    );
    check(
        |s| {
            with_prefix(s, &[0, 1]);
            s.put(Table::main, b"prefix_search", &[1, 0, 0, 0]);
        },
        &[
            "word-prefix-docids `r`: the entry should not be here: prefix search is disabled",
            r"word-prefix-field-id-docids `r\x00\x00\x01`: the entry should not be here: prefix search is disabled",
            r"word-prefix-position-docids `r\x00\x00\x00`: the entry should not be here: prefix search is disabled",
        ],
    );
}

#[test]
fn rule_5_searchable_fields() {
    check(
        |s| s.put(Table::main, b"fieldids-weights-map", br#"{"map":{"1":3}}"#),
        &["main `fieldids-weights-map`: the value is `{1: 3}` where `{1: 0}` is expected"],
    );
    check(
        |s| s.delete(Table::main, b"searchable-fields"),
        &["main `searchable-fields`: the entry is missing"],
    );
    check(
        |s| s.delete(Table::main, b"user-defined-searchable-fields"),
        &[
            "main `searchable-fields`: the entry should not be here: no list of searchable attributes is set",
            "main `fieldids-weights-map`: the entry should not be here: no list of searchable attributes is set",
        ],
    );
}

#[test]
fn rule_6_facets() {
    let value = [&[0, 4, 0, 0, 0, 0][..], &float(1990.0)].concat();
    let leaf = [&[0, 4, 0][..], &float(1990.0)].concat();
    let first = Sample::new();
    first.delete(Table::field_id_docid_facet_f64s, &value);
    let [finding] = &first.report().findings[..] else { panic!() };
    assert_eq!((finding.table, &finding.key), (Table::facet_id_f64_docids, &leaf));
    assert!(matches!(finding.fault, Fault::ExtraDocuments { count: 1, first: 0, .. }));

    let stray = [&[0, 2], &1u32.to_be_bytes()[..], b"animal"].concat();
    check(
        |s| s.put(Table::field_id_docid_facet_strings, &stray, b"Animal"),
        &[
            r"field-id-docid-facet-strings `\x00\x02\x00\x00\x00\x01animal`: it has no counterpart in `facet-id-string-docids`",
        ],
    );
    check(
        |s| s.put(Table::facet_id_exists_docids, &[0, 2], &set(&[0])),
        &[
            r"facet-id-string-docids `\x00\x02`: 1 documents are not in `facet-id-exists-docids`, the first is 1",
        ],
    );
    check(
        |s| s.put(Table::main, b"filterable-fields", br#"["year","_geo","_geojson"]"#),
        &[
            r"(facet-id-string-docids `\x00\x02`: the entry should not be here: the field is not faceted)",
            r"(facet-id-string-fst `\x00\x02`: the entry should not be here: values of the field cannot be searched)",
        ],
    );
}

#[test]
fn facet_trees_group_what_is_below() {
    let node = [&[0, 4, 1][..], &float(1990.0)].concat();
    for (size, docids, reason) in [
        (1, &[0][..], "the level above ends before this node"),
        (3, &[0, 1], "a node counts children that are not there"),
        (2, &[0], "a node is not the union of its children"),
    ] {
        let sample = Sample::new();
        sample.put(Table::facet_id_f64_docids, &node, &[&[size][..], &set(docids)].concat());
        let report = sample.report();
        let faults: Vec<_> = report.findings.iter().map(|finding| &finding.fault).collect();
        assert_eq!(faults, [&Fault::FacetTree(reason)]);
    }
    let sample = Sample::new();
    sample.delete(Table::facet_id_f64_docids, &node);
    let node = [&[0, 4, 1][..], &float(1989.0)].concat();
    sample.put(Table::facet_id_f64_docids, &node, &[&[2][..], &set(&[0, 1])].concat());
    let reason = "a node does not begin where its first child begins";
    assert_eq!(sample.report().findings[0].fault, Fault::FacetTree(reason));
}

#[test]
fn searchable_values_of_facets() {
    check(
        |s| s.put(Table::facet_id_string_fst, &[0, 2], &fst(&["animal"])),
        &[r"facet-id-string-fst `\x00\x02`: the word set lacks `fruit`"],
    );
    check(
        |s| s.put(Table::facet_id_normalized_string_strings, b"\0\x02fruit", b"[]"),
        &[
            r"(facet-id-normalized-string-strings `\x00\x02fruit`: the set is empty and should have been deleted)",
            r"facet-id-string-docids `\x00\x02\x00fruit`: it has no counterpart in `facet-id-normalized-string-strings`",
        ],
    );
    check(
        |s| {
            s.put(
                Table::facet_id_normalized_string_strings,
                b"\0\x02fruit",
                br#"["fruit","fruit"]"#,
            )
        },
        &[
            r"facet-id-normalized-string-strings `\x00\x02fruit`: the list is not sorted or holds something twice",
        ],
    );
    check(
        |s| s.put(Table::facet_id_normalized_string_strings, b"\0\x02fruit", br#"["fruit","x"]"#),
        &[
            r"(facet-id-normalized-string-strings `\x00\x02fruit`: it has no counterpart in `facet-id-string-docids`)",
        ],
    );
}

#[test]
fn rule_8_layout_is_judged_before_anything_is_compared() {
    check(
        |s| {
            s.put(Table::word_docids, b"fox", &roaring(&[0, 1]));
            s.delete(Table::external_documents_ids, b"1");
        },
        &["word-docids `fox`: the value is no valid set of documents: its ids do not rise"],
    );
    check(
        |s| s.put(Table::main, b"documents-ids", &set(&[0, 1])),
        &[
            "main `documents-ids`: the value is no valid set of documents: it does not begin like a set",
        ],
    );
}

#[test]
fn rule_9_nothing_is_pending() {
    check(
        |s| {
            s.put(Table::vector_store, &[0, 0, 1, 0, 0, 0, 1, 0], &[0]);
            s.put(Table::cellulite_update, &[0, 0, 0, 1], &[1]);
        },
        &[
            r"vector-arroy `\x00\x00\x01\x00\x00\x00\x01\x00`: an operation is still pending",
            r"cellulite-update `\x00\x00\x00\x01`: an operation is still pending",
        ],
    );
}

#[test]
fn rule_10_vectors_in_documents() {
    let fields = [
        (0, "1"),
        (1, r#""Red fox""#),
        (2, r#""Animal""#),
        (3, r#"{"ours":[1.0]}"#),
        (4, "1990"),
        (7, r#"{"type":"Point","coordinates":[0,0]}"#),
    ];
    check(
        |s| s.put(Table::documents, &[0; 4], &document(&fields)),
        &[
            r"documents `\x00\x00\x00\x00`: `_vectors` holds the embedder `ours`, which is configured",
        ],
    );
}

#[test]
fn vectors_and_their_graph() {
    check(
        |s| s.delete(Table::vector_store, &[0, 0, 3, 0, 0, 0, 1, 0]),
        &[
            r"vector-arroy `\x00\x00\x00\x00\x00\x00\x00\x00`: 1 documents are not in the stored vectors, the first is 1",
        ],
    );
    check(
        |s| s.put(Table::vector_store, &[0, 0, 3, 0, 0, 0, 1, 0], &[0; 9]),
        &[
            r"vector-arroy `\x00\x00\x03\x00\x00\x00\x01\x00`: the value is no valid vector entry: it has not as many dimensions as its store",
        ],
    );
    check(
        |s| s.put(Table::vector_store, &[0; 8], &vector_header(&[0, 1], &[0], 1)),
        &[
            r"vector-arroy `\x00\x00\x00\x00\x00\x00\x00\x00`: 1 documents are not in the highest layer, the first is 0",
        ],
    );
    check(
        |s| s.put(Table::vector_store, &[0, 0, 2, 0, 0, 0, 0, 0], &links(&[5])),
        &[
            r"vector-arroy `\x00\x00\x02\x00\x00\x00\x00\x00`: 1 documents are not in the items of the store, the first is 5",
        ],
    );
    check(
        |s| s.delete(Table::embedder_category_id, b"ours"),
        &[
            "vector-embedder-category-id `ours`: the entry is missing",
            r"vector-arroy `\x00\x00\x00\x00\x00\x00\x00\x00`: the entry should not be here: no embedder has this id",
        ],
    );
}

#[test]
fn points_and_shapes() {
    check(
        |s| s.put(Table::main, b"geo-rtree", &geo_tree::tests::flat_tree(&[0, 1])),
        &[
            "main `geo-faceted-documents-ids`: 1 documents of `geo-rtree` are missing, the first is 0",
            "main `geo-rtree`: it has no counterpart in `field-id-docid-facet-f64s`",
            "main `geo-rtree`: it has no counterpart in `field-id-docid-facet-f64s`",
        ],
    );
    check(
        |s| s.put(Table::cellulite_cell, &CELL, &padded(&[0, 1])),
        &[
            r"(cellulite-cell `\x08\x00\x00\x00\x00\x00\x00\x01\x01\x00\x00\x00\x00\x00\x00\x00`: 1 documents are not in `cellulite-item`, the first is 1)",
        ],
    );
    check(
        |s| s.put(Table::cellulite_item, &[0, 0, 0, 0, 0, 0, 0, 5], &[0; 24]),
        &[
            "cellulite-item: 1 documents are not in `documents-ids`, the first is 5",
            "cellulite-item: the entry should not be here: not as many shapes as documents with `_geojson`",
            "(cellulite-item: 1 documents are not in `cellulite-cell`, the first is 5)",
        ],
    );
}
