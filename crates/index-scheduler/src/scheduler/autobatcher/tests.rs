//! The table of tasks.md 8, cell by cell, and the tests that come before it.

use meilisearch_types::settings::Settings;
use meilisearch_types::tasks::{DocumentMethod, DsrUpdate, MissingDocument};
use serde_json::json;
use uuid::Uuid;

use super::*;

fn import(may_create: bool, key: Option<&str>) -> KindWithContent {
    KindWithContent::DocumentAdditionOrUpdate {
        index_uid: "i".into(),
        primary_key: key.map(str::to_owned),
        method: DocumentMethod::UpdateDocuments,
        content_file: Uuid::nil(),
        documents_count: 1,
        allow_index_creation: may_create,
        on_missing_document: MissingDocument::Create,
    }
}

fn settings(may_create: bool, is_deletion: bool) -> KindWithContent {
    KindWithContent::SettingsUpdate {
        index_uid: "i".into(),
        new_settings: Box::new(Settings::default()),
        is_deletion,
        allow_index_creation: may_create,
    }
}

/// One task by its abbreviation in the chapter; a `+` lets it create the index, `=k` asks for a key.
fn task(text: &str) -> KindWithContent {
    let (text, key) = text.split_once('=').map_or((text, None), |(text, key)| (text, Some(key)));
    let name = text.trim_end_matches('+');
    let may_create = name != text;
    let index_uid = String::from("i");
    match name {
        "Imp" => import(may_create, key),
        "Del" => KindWithContent::DocumentDeletion { index_uid, documents_ids: vec![] },
        "DelF" => {
            KindWithContent::DocumentDeletionByFilter { index_uid, filter_expr: json!("a = 1") }
        }
        "Clr" => KindWithContent::DocumentClear { index_uid },
        "Set" => settings(may_create, false),
        "Reset" => settings(may_create, true),
        "IdxDel" => KindWithContent::IndexDeletion { index_uid },
        "Create" => KindWithContent::IndexCreation { index_uid, primary_key: None },
        "RuleU" => KindWithContent::DsrUpdate(DsrUpdate::Deletion("r".into())),
        "RuleC" => KindWithContent::DsrClear,
        other => panic!("unknown abbreviation {other}"),
    }
}

/// `kind of n`, then whether the index is created and why it stopped.
fn batch(tasks: &str, index_exists: bool, index_key: Option<&str>) -> String {
    let tasks: Vec<_> = tasks.split_whitespace().map(task).collect();
    let numbered = (0..).zip(&tasks);
    let batch = autobatch(numbered, index_exists, index_key).unwrap();
    let create = if batch.must_create_index { ", creates" } else { "" };
    let stop = batch.stop.map_or("goes on".to_owned(), |stop| format!("{stop:?}"));
    format!("{:?} of {}{create}: {stop}", batch.kind, batch.len)
}

#[track_caller]
fn check(tasks: &str, expected: &str) {
    assert_eq!(batch(tasks, true, None), expected, "{tasks}");
}

#[track_caller]
fn check_missing(tasks: &str, expected: &str) {
    assert_eq!(batch(tasks, false, None), expected, "{tasks}");
}

#[test]
fn no_task_no_batch() {
    assert_eq!(autobatch([], true, None), None);
}

#[test]
fn first_task() {
    check("Create", "Alone of 1: Alone { kind: IndexCreation, id: 0 }");
    check("IdxDel Imp", "IndexDeletion of 1: IndexDeleted { id: 0 }");
    check("Imp", "Import of 1: goes on");
    check("Imp+", "Import of 1, creates: goes on");
    check("Del", "Deletion of 1: goes on");
    check("DelF", "Deletion of 1: goes on");
    check("Clr", "Clear of 1: goes on");
    check("Set+", "Settings of 1, creates: goes on");
    check("Reset+", "Settings of 1: goes on");
    check("RuleU", "RuleUpdate of 1, creates: goes on");
    check("RuleC", "RuleClear of 1: goes on");
}

#[test]
fn row_import() {
    check("Imp Imp", "Import of 2: goes on");
    check("Imp Del", "Import of 2: goes on");
    check("Imp DelF", "Import of 1: FilterDeletionAfterDocuments { id: 1 }");
    check("Imp Clr Del", "Clear of 3: goes on");
    check("Imp Set", "Import of 1: SettingsAfterDocuments { id: 1 }");
    check("Imp IdxDel Imp", "IndexDeletion of 2: IndexDeleted { id: 1 }");
    check("Imp RuleU", "Import of 1: RulesAfterDocuments { id: 1 }");
    check("Imp RuleC", "Import of 1: RulesAfterDocuments { id: 1 }");
}

#[test]
fn row_deletion() {
    check("Del Imp Imp", "Import of 3: goes on");
    check("Del Imp+", "Import of 2: goes on");
    check_missing("Del Imp", "Import of 2: goes on");
    check_missing("Del Imp+", "Deletion of 1: CreationRightsDiffer { id: 1 }");
    check("Del Del", "Deletion of 2: goes on");
    check("Del DelF", "Deletion of 2: goes on");
    check("Del Clr", "Clear of 2: goes on");
    check("Del Set", "Deletion of 1: SettingsAfterDocuments { id: 1 }");
    check("Del IdxDel", "IndexDeletion of 2: IndexDeleted { id: 1 }");
    check("Del RuleU", "Deletion of 1: RulesAfterDocuments { id: 1 }");
}

#[test]
fn row_deletion_with_filter() {
    check("DelF Imp", "Import of 2: goes on");
    check_missing("DelF Imp+", "Import of 2: goes on");
    check_missing("Del DelF Imp+", "Import of 3: goes on");
    check("DelF Del DelF", "Deletion of 3: goes on");
    check("DelF Clr", "Clear of 2: goes on");
    check("DelF Set", "Deletion of 1: SettingsAfterDocuments { id: 1 }");
    check("DelF IdxDel", "IndexDeletion of 2: IndexDeleted { id: 1 }");
}

#[test]
fn row_clear() {
    check("Clr Imp", "Clear of 1: SettingsAfterDocuments { id: 1 }");
    check("Clr Del DelF Clr", "Clear of 4: goes on");
    check("Clr Set", "Clear of 1: SettingsAfterDocuments { id: 1 }");
    check("Clr IdxDel", "IndexDeletion of 2: IndexDeleted { id: 1 }");
    check("Clr RuleC", "Clear of 1: RulesAfterDocuments { id: 1 }");
}

#[test]
fn row_settings() {
    check("Set Imp", "Settings of 1: DocumentsAfterSettings { id: 1 }");
    check("Set Del", "Settings of 1: DocumentsAfterSettings { id: 1 }");
    check("Set DelF", "Settings of 1: DocumentsAfterSettings { id: 1 }");
    check("Set Reset Set", "Settings of 3: goes on");
    check("Set IdxDel", "IndexDeletion of 2: IndexDeleted { id: 1 }");
    check("Set RuleU", "Settings of 1: RulesAfterSettings { id: 1 }");
}

#[test]
fn row_clear_and_settings() {
    check("Set Clr Del DelF Clr Set", "ClearAndSettings of 6: goes on");
    check("Set Clr Imp", "ClearAndSettings of 2: DocumentsAfterSettings { id: 2 }");
    check("Set Clr IdxDel", "IndexDeletion of 3: IndexDeleted { id: 2 }");
    check("Set Clr RuleC", "ClearAndSettings of 2: RulesAfterSettings { id: 2 }");
}

#[test]
fn rows_of_rules() {
    check("RuleU RuleU RuleC RuleC", "RuleClear of 4, creates: goes on");
    check("RuleC RuleU", "RuleClear of 1: KindCannotMix { kind: DsrClear }");
    for other in ["Imp", "Del", "DelF", "Clr", "Set", "IdxDel"] {
        let stop = "KindCannotMix { kind: DsrUpdate }";
        check(&format!("RuleU {other}"), &format!("RuleUpdate of 1, creates: {stop}"));
    }
}

#[test]
fn what_runs_alone_never_joins() {
    for first in ["Imp", "Del", "Clr", "Set"] {
        let batch = batch(&format!("{first} Create"), true, None);
        assert!(batch.ends_with("of 1: Alone { kind: IndexCreation, id: 1 }"), "{batch}");
    }
}

#[test]
fn creation_rights() {
    check_missing("Imp Imp+", "Import of 1: CreationRightsDiffer { id: 1 }");
    check_missing("Imp+ Imp Imp+", "Import of 3, creates: goes on");
    check_missing("Set Set+", "Settings of 1: CreationRightsDiffer { id: 1 }");
    check_missing("Set Clr Set+", "ClearAndSettings of 2: CreationRightsDiffer { id: 2 }");
    check_missing("Reset+ Set+", "Settings of 1: CreationRightsDiffer { id: 1 }");
    check("Imp Imp+", "Import of 2: goes on");
}

#[test]
fn primary_keys_without_a_key_in_the_index() {
    check("Imp=a Imp=a Imp", "Import of 3: goes on");
    check("Imp=a Imp Imp=a", "Import of 3: goes on");
    check("Imp Imp=a", r#"Import of 1: KeyGuessing { id: 1, key: "a" }"#);
    let differs = r#"KeyDiffersFromBatch { id: 1, key: "b", batch_key: "a" }"#;
    check("Imp=a Imp=b", &format!("Import of 1: {differs}"));
    check("Del Imp=a Imp=a", "Import of 3: goes on");
}

#[test]
fn primary_keys_against_that_of_the_index() {
    let differs = |id| format!(r#"KeyDiffersFromIndex {{ id: {id}, key: "b", index_key: "a" }}"#);
    assert_eq!(batch("Imp=b Imp", true, Some("a")), format!("Import of 1: {}", differs(0)));
    assert_eq!(batch("Imp Imp=b", true, Some("a")), format!("Import of 1: {}", differs(1)));
    assert_eq!(batch("Imp Imp=a Imp", true, Some("a")), "Import of 3: goes on");
    assert_eq!(batch("Clr Imp=b", true, Some("a")), format!("Clear of 1: {}", differs(1)));
}
