//! An index that is as it should be, filled by hand after the worked example of storage-index.md 19 and
//! enriched; `invariants` breaks it in every way.

mod invariants;

use heed::Database;
use heed::types::Bytes;
use tempfile::TempDir;
use time::OffsetDateTime;

use super::*;
use crate::codec::to_ordered_bytes;
use crate::store::OpenOptions;

struct Sample {
    dir: TempDir,
    index: Index,
}

fn set(docids: &[u32]) -> Vec<u8> {
    docids.iter().flat_map(|docid| docid.to_ne_bytes()).collect()
}

fn roaring(docids: &[u32]) -> Vec<u8> {
    let mut bytes = Vec::new();
    docids.iter().collect::<roaring::RoaringBitmap>().serialize_into(&mut bytes).unwrap();
    bytes
}

fn fst(words: &[&str]) -> Vec<u8> {
    fst::Set::from_iter(words).unwrap().into_fst().into_inner()
}

fn document(fields: &[(u16, &str)]) -> Vec<u8> {
    let mut writer = obkv::KvWriterU16::memory();
    for (field, json) in fields {
        writer.insert(*field, json).unwrap();
    }
    writer.into_inner().unwrap()
}

fn float(number: f64) -> [u8; 16] {
    to_ordered_bytes(number).unwrap()
}

fn vector(numbers: [f32; 2]) -> Vec<u8> {
    let norm = numbers.iter().map(|n| n * n).sum::<f32>().sqrt();
    [0].into_iter()
        .chain([norm, numbers[0], numbers[1]].into_iter().flat_map(f32::to_ne_bytes))
        .collect()
}

fn links(docids: &[u32]) -> Vec<u8> {
    [&[1][..], &roaring(docids)].concat()
}

fn vector_header(items: &[u32], entry_points: &[u32], max_layer: u8) -> Vec<u8> {
    let items = roaring(items);
    let mut bytes = b"cosine\0\0\0\0\x02".to_vec();
    bytes.extend((items.len() as u32).to_be_bytes());
    bytes.extend(items);
    bytes.extend(set(entry_points));
    bytes.push(max_layer);
    bytes
}

/// Searchable: title. Filterable: kind (2) and year (4). Ids: 0 id, 1 title, 3 _vectors. Document 1 has a
/// point (5, 6), document 0 a shape (7).
fn entries() -> Vec<(Table, Vec<u8>, Vec<u8>)> {
    use Table::*;
    let mut entries = Vec::new();
    let mut put = |table: Table, key: &[u8], value: &[u8]| {
        entries.push((table, key.to_vec(), value.to_vec()));
    };
    put(main, b"primary-key", b"id");
    put(
        main,
        b"fields-ids-map",
        br#"{"names_ids":{"_geojson":7,"_geo.lat":5,"_geo.lng":6,"_vectors":3,"id":0,"kind":2,"title":1,"year":4},
            "ids_names":{"0":"id","1":"title","2":"kind","3":"_vectors","4":"year","5":"_geo.lat",
            "6":"_geo.lng","7":"_geojson"},"next_id":8}"#,
    );
    put(main, b"fields-distribution", br#"{"_geojson":1,"id":2,"kind":2,"title":2,"year":2}"#);
    let title = [&1u64.to_le_bytes()[..], &5u64.to_le_bytes(), b"title"].concat();
    put(main, b"user-defined-searchable-fields", &title);
    put(main, b"searchable-fields", &title);
    put(main, b"fieldids-weights-map", br#"{"map":{"1":0}}"#);
    put(main, b"filterable-fields", br#"["kind","year","_geo","_geojson"]"#);
    put(main, b"documents-ids", &roaring(&[0, 1]));
    put(
        main,
        b"documents_stats",
        br#"{"numberOfEntries":2,"totalKeySize":16,"totalValueSize":4080}"#,
    );
    put(main, b"words-fst", &fst(&["apple", "fox", "red"]));
    put(main, b"words-prefixes-fst", &fst(&[]));
    put(main, b"geo-rtree", &geo_tree::tests::flat_tree(&[1]));
    put(main, b"geo-faceted-documents-ids", &roaring(&[1]));
    put(
        main,
        b"embedding_configs",
        br#"[{"name":"ours","config":{"embedder_options":{"UserProvided":{"dimensions":2,"distribution":null}},
            "prompt":{"template":"","max_bytes":null},"quantized":null},"fragments":[]}]"#,
    );
    put(
        documents,
        &[0; 4],
        &document(&[
            (0, "1"),
            (1, r#""Red fox""#),
            (2, r#""Animal""#),
            (4, "1990"),
            (7, r#"{"type":"Point","coordinates":[0,0]}"#),
        ]),
    );
    put(
        documents,
        &[0, 0, 0, 1],
        &document(&[
            (0, r#""b""#),
            (1, r#""red apple""#),
            (2, r#""fruit""#),
            (3, r#"{"theirs":[1.0]}"#),
            (4, "1991"),
        ]),
    );
    put(external_documents_ids, b"1", &[0; 4]);
    put(external_documents_ids, b"b", &[0, 0, 0, 1]);
    for (word, docids, position) in [("apple", &[1][..], 1), ("fox", &[0], 1), ("red", &[0, 1], 0)]
    {
        put(word_docids, word.as_bytes(), &set(docids));
        put(word_fid_docids, &[word.as_bytes(), &[0, 0, 1]].concat(), &set(docids));
        put(word_position_docids, &[word.as_bytes(), &[0, 0, position]].concat(), &set(docids));
    }
    put(word_pair_proximity_docids, b"\x01red\0apple", &set(&[1]));
    put(word_pair_proximity_docids, b"\x01red\0fox", &set(&[0]));
    put(field_id_word_count_docids, &[0, 1, 2], &set(&[0, 1]));
    for fid in [2, 4] {
        put(facet_id_exists_docids, &[0, fid], &set(&[0, 1]));
    }
    for (docid, original, value) in [(0, "Animal", "animal"), (1, "fruit", "fruit")] {
        put(
            facet_id_string_docids,
            &[&[0, 2, 0], value.as_bytes()].concat(),
            &[&[1][..], &set(&[docid])].concat(),
        );
        let key = [&[0, 2], &docid.to_be_bytes()[..], value.as_bytes()].concat();
        put(field_id_docid_facet_strings, &key, original.as_bytes());
        let list = format!("[{value:?}]");
        put(
            facet_id_normalized_string_strings,
            &[&[0, 2], value.as_bytes()].concat(),
            list.as_bytes(),
        );
    }
    put(facet_id_string_fst, &[0, 2], &fst(&["animal", "fruit"]));
    put(facet_id_string_fst, &[0, 4], &fst(&[]));
    for (docid, year) in [(0u32, 1990.0), (1, 1991.0)] {
        put(
            facet_id_f64_docids,
            &[&[0, 4, 0][..], &float(year)].concat(),
            &[&[1][..], &set(&[docid])].concat(),
        );
        put(
            field_id_docid_facet_f64s,
            &[&[0, 4], &docid.to_be_bytes()[..], &float(year)].concat(),
            b"",
        );
    }
    put(
        facet_id_f64_docids,
        &[&[0, 4, 1][..], &float(1990.0)].concat(),
        &[&[2][..], &set(&[0, 1])].concat(),
    );
    for fid in [5, 6] {
        put(facet_id_exists_docids, &[0, fid], &set(&[1]));
        put(
            facet_id_f64_docids,
            &[&[0, fid, 0][..], &float(0.0)].concat(),
            &[&[1][..], &set(&[1])].concat(),
        );
        put(field_id_docid_facet_f64s, &[&[0, fid, 0, 0, 0, 1][..], &float(0.0)].concat(), b"");
    }
    put(embedder_category_id, b"ours", &[&[0, 0, 0, 0, 8][..], &set(&[0, 1]), &set(&[1])].concat());
    put(vector_store, &[0; 8], &vector_header(&[0, 1], &[1], 1));
    put(vector_store, &[0, 0, 0, 0, 0, 0, 1, 0], &[0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 3]);
    put(vector_store, &[0, 0, 2, 0, 0, 0, 0, 0], &links(&[1]));
    put(vector_store, &[0, 0, 2, 0, 0, 0, 1, 0], &links(&[0]));
    put(vector_store, &[0, 0, 2, 0, 0, 0, 1, 1], &links(&[]));
    put(vector_store, &[0, 0, 3, 0, 0, 0, 0, 0], &vector([0.5, -1.0]));
    put(vector_store, &[0, 0, 3, 0, 0, 0, 1, 0], &vector([1.0, 0.0]));
    put(cellulite_item, &[0; 8], &[0; 24]);
    put(cellulite_cell, &CELL, &padded(&[0]));
    put(cellulite_metadata, &[0], &[0, 0, 0, 0, 0, 0, 0, 3, 0, 0, 0, 2]);
    entries
}

const CELL: [u8; 16] = [8, 0, 0, 0, 0, 0, 0, 1, 1, 0, 0, 0, 0, 0, 0, 0];

fn padded(docids: &[u32]) -> Vec<u8> {
    let mut bytes = roaring(docids);
    bytes.resize((bytes.len() / 8 + 1) * 8, 0);
    bytes
}

impl Sample {
    fn new() -> Sample {
        let dir = tempfile::tempdir().unwrap();
        let options = OpenOptions { map_size: 100 << 20, max_readers: 8, write_map: false };
        let now = OffsetDateTime::now_utc();
        let index = Index::create(dir.path(), &options, now, now).unwrap();
        let sample = Sample { dir, index };
        let mut wtxn = sample.index.write_txn().unwrap();
        for (table, key, value) in entries() {
            sample.database(table).put(&mut wtxn, &key, &value).unwrap();
        }
        wtxn.commit().unwrap();
        sample
    }

    fn database(&self, table: Table) -> Database<Bytes, Bytes> {
        let mut all = Table::ALL.into_iter().zip(self.index.tables().all());
        all.find_map(|(t, (_, database))| (t == table).then_some(database)).unwrap()
    }

    fn put(&self, table: Table, key: &[u8], value: &[u8]) {
        let mut wtxn = self.index.write_txn().unwrap();
        self.database(table).put(&mut wtxn, key, value).unwrap();
        wtxn.commit().unwrap();
    }

    fn delete(&self, table: Table, key: &[u8]) {
        let mut wtxn = self.index.write_txn().unwrap();
        assert!(self.database(table).delete(&mut wtxn, key).unwrap(), "{table:?} {key:?}");
        wtxn.commit().unwrap();
    }

    fn report(&self) -> Report {
        let rtxn = self.index.read_txn().unwrap();
        check_index(&self.index, &rtxn, &CheckOptions::default()).unwrap()
    }
}

/// Breaks a sound index and compares what is found, a line a finding, residues in brackets.
#[track_caller]
fn check(break_it: impl Fn(&Sample), expected: &[&str]) {
    let sample = Sample::new();
    break_it(&sample);
    let report = sample.report();
    let found: Vec<String> = report
        .findings
        .iter()
        .map(|finding| match finding.severity {
            Severity::Fault => finding.to_string(),
            Severity::Residue => format!("({finding})"),
        })
        .collect();
    assert_eq!(found, expected);
    assert_eq!(report.faults + report.residues, expected.len() as u64);
}

#[test]
fn a_sound_index_has_no_findings() {
    check(|_| {}, &[]);
    let sample = Sample::new();
    assert!(sample.report().entries > 100);
}

#[test]
fn a_new_index_has_no_findings() {
    let dir = tempfile::tempdir().unwrap();
    let options = OpenOptions { map_size: 100 << 20, max_readers: 8, write_map: false };
    let now = OffsetDateTime::now_utc();
    let index = Index::create(dir.path(), &options, now, now).unwrap();
    let rtxn = index.read_txn().unwrap();
    let report = check_index(&index, &rtxn, &CheckOptions::default()).unwrap();
    assert_eq!(report.findings, []);
}

#[test]
fn a_directory_is_checked_without_a_writer() {
    let Sample { dir, index } = Sample::new();
    index.prepare_for_closing().wait();
    let report = check_directory(dir.path(), 1 << 20, &CheckOptions::default()).unwrap();
    assert_eq!(report.findings, []);
    assert!(check_directory(&dir.path().join("none"), 1 << 20, &CheckOptions::default()).is_err());
}

#[test]
fn a_missing_database_is_found() {
    let dir = tempfile::tempdir().unwrap();
    let mut options = heed::EnvOpenOptions::new();
    options.max_dbs(4).map_size(1 << 20);
    let env = unsafe { options.open(dir.path()).unwrap() };
    let mut wtxn = env.write_txn().unwrap();
    env.create_database::<Bytes, Bytes>(&mut wtxn, Some("main")).unwrap();
    wtxn.commit().unwrap();
    env.prepare_for_closing().wait();

    let report = check_directory(dir.path(), 1 << 20, &CheckOptions::default()).unwrap();
    assert_eq!(report.faults, Table::ALL.len() as u64 - 1);
    assert!(report.findings.iter().all(|finding| finding.fault == Fault::MissingDatabase));
    // An import opens the index later, which makes them.
    let options = CheckOptions { depth: Depth::Layout, ..CheckOptions::default() };
    assert!(check_directory(dir.path(), 1 << 20, &options).unwrap().findings.is_empty());
}

#[test]
fn the_check_stops_when_asked_and_lists_no_more_than_asked() {
    let sample = Sample::new();
    let mut rtxn = sample.index.write_txn().unwrap();
    for docid in 10u32..2000 {
        sample.database(Table::documents).put(&mut rtxn, &docid.to_be_bytes(), b"x").unwrap();
    }
    let options = CheckOptions { must_stop: &|| true, ..CheckOptions::default() };
    let stopped = check_index(&sample.index, &rtxn, &options);
    assert!(matches!(stopped, Err(crate::Error::Aborted)));
    let options = CheckOptions { max_findings: 5, ..CheckOptions::default() };
    let report = check_index(&sample.index, &rtxn, &options).unwrap();
    assert_eq!((report.findings.len(), report.faults), (5, 1990));
}

/// Whatever one byte of one entry becomes, the check ends with a report.
#[test]
fn changed_bytes_never_panic() {
    use proptest::prelude::*;
    use proptest::test_runner::TestRunner;

    let sample = Sample::new();
    let entries = entries();
    let config = ProptestConfig::with_cases(300);
    TestRunner::new(config)
        .run(
            &(any::<prop::sample::Index>(), any::<prop::sample::Index>(), any::<u8>()),
            |(entry, at, byte)| {
                let (table, key, value) = &entries[entry.index(entries.len())];
                if value.is_empty() {
                    return Ok(());
                }
                let mut changed = value.clone();
                changed[at.index(value.len())] = byte;
                let mut wtxn = sample.index.write_txn().unwrap();
                sample.database(*table).put(&mut wtxn, key, &changed).unwrap();
                check_index(&sample.index, &wtxn, &CheckOptions::default()).unwrap();
                Ok(())
            },
        )
        .unwrap();
}
