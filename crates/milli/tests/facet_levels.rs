//! Facet trees under many small changes: every tree is valid, and levels come and go with the values.

#![allow(clippy::unwrap_used, reason = "a failure here is a failed test")]

mod common;

use common::TestIndex;
use milli::{CheckOptions, check_index};
use serde_json::{Value, json};

/// Levels of the tree of numbers, and of strings, each with its number of nodes.
fn levels(index: &TestIndex) -> (Vec<usize>, Vec<usize>) {
    let dump = index.dump();
    let of_table = |name: &str| {
        let mut sizes = Vec::new();
        for (_, key, _) in dump.iter().filter(|(table, _, _)| *table == name) {
            let level = usize::from(key[2]);
            sizes.resize(sizes.len().max(level + 1), 0);
            sizes[level] += 1;
        }
        sizes
    };
    (of_table("facet_id_f64_docids"), of_table("facet_id_string_docids"))
}

#[track_caller]
fn check_trees(index: &TestIndex) {
    let rtxn = index.index.read_txn().unwrap();
    let report = check_index(&index.index, &rtxn, &CheckOptions::default()).unwrap();
    assert_eq!(report.findings, []);
    drop(rtxn);
    let (numbers, strings) = levels(index);
    for sizes in [numbers, strings] {
        for (level, pair) in sizes.windows(2).enumerate() {
            assert!(pair[0] >= 20, "level {} stands on {} nodes: {sizes:?}", level + 1, pair[0]);
        }
        assert!(sizes.last().is_none_or(|top| *top < 20), "{sizes:?}");
    }
}

fn documents(ids: impl Iterator<Item = u32>, value: impl Fn(u32) -> u32) -> Value {
    ids.map(|id| json!({"id": id, "v": [value(id), format!("s{:04}", value(id))]})).collect()
}

#[test]
fn small_batches_keep_trees_valid() {
    let index = TestIndex::new();
    index.settings(json!({"filterableAttributes": ["v"], "sortableAttributes": ["v"]}));
    // Values come in an order that fills gaps, then at the front, then at the back.
    for batch in 0..20 {
        index.replace(documents(batch * 10..(batch + 1) * 10, |id| 1000 + id * 37 % 200));
        check_trees(&index);
    }
    assert_eq!(levels(&index).0[0], 200);
    assert!(levels(&index).0.len() > 2);
    index.replace(documents(200..230, |id| 229 - id));
    check_trees(&index);
    index.replace(documents(230..300, |id| 5000 + id));
    check_trees(&index);
    for batch in 0..29 {
        let ids: Vec<String> =
            (0..300).filter(|id| id % 30 == batch).map(|id| id.to_string()).collect();
        index.delete(&ids.iter().map(String::as_str).collect::<Vec<_>>());
        check_trees(&index);
    }
    assert_eq!(levels(&index), (vec![10], vec![10]));
}

#[test]
fn a_large_batch_builds_the_levels_at_once() {
    let index = TestIndex::new();
    index.settings(json!({"filterableAttributes": ["v"]}));
    index.replace(documents(0..1500, |id| id));
    check_trees(&index);
    let (numbers, strings) = levels(&index);
    assert_eq!(numbers, [1500, 375, 93, 23, 5]);
    assert_eq!(strings, numbers);
}
