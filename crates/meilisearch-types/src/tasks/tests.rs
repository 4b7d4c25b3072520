//! Stored forms byte for byte, views, and details from registration to the fold of a batch.

use proptest::prelude::*;
use roaring::RoaringBitmap;
use serde_json::{Value, json};

use super::*;

/// `kind`, its number, the indexes that it is listed under, and its first details.
const KINDS: &[(&str, u32, &[&str], &str)] = &[
    (
        r#"{"documentAdditionOrUpdate":{"index_uid":"a","primary_key":null,"method":"ReplaceDocuments","content_file":"7d21e800-741f-4186-9c12-453842e06f7d","documents_count":3,"allow_index_creation":true,"on_missing_document":"Create"}}"#,
        0,
        &["a"],
        r#"{"DocumentAdditionOrUpdate":{"received_documents":3,"indexed_documents":null}}"#,
    ),
    (
        r#"{"documentEdition":{"index_uid":"a","filter_expr":["b = 1"],"context":{"x":1},"function":"f"}}"#,
        1,
        &["a"],
        r#"{"DocumentEdition":{"deleted_documents":null,"edited_documents":null,"original_filter":"[\"b = 1\"]","context":{"x":1},"function":"f"}}"#,
    ),
    (
        r#"{"documentDeletion":{"index_uid":"a","documents_ids":["1","b"]}}"#,
        2,
        &["a"],
        r#"{"DocumentDeletion":{"provided_ids":2,"deleted_documents":null}}"#,
    ),
    (
        r#"{"documentDeletionByFilter":{"index_uid":"a","filter_expr":"b = 1"}}"#,
        2,
        &["a"],
        r#"{"DocumentDeletionByFilter":{"original_filter":"\"b = 1\"","deleted_documents":null}}"#,
    ),
    (
        r#"{"documentClear":{"index_uid":"a"}}"#,
        2,
        &["a"],
        r#"{"ClearAll":{"deleted_documents":null}}"#,
    ),
    (
        r#"{"settingsUpdate":{"index_uid":"a","new_settings":{"stopWords":["the"]},"is_deletion":false,"allow_index_creation":true}}"#,
        3,
        &["a"],
        r#"{"SettingsUpdate":{"settings":{"stopWords":["the"]}}}"#,
    ),
    (
        r#"{"indexCreation":{"index_uid":"shop","primary_key":"sku"}}"#,
        4,
        &["shop"],
        r#"{"IndexInfo":{"primary_key":"sku","new_index_uid":null,"old_index_uid":null}}"#,
    ),
    (
        r#"{"indexDeletion":{"index_uid":"a"}}"#,
        5,
        &["a"],
        r#"{"ClearAll":{"deleted_documents":null}}"#,
    ),
    (
        r#"{"indexUpdate":{"index_uid":"a","primary_key":null,"new_index_uid":"b"}}"#,
        6,
        &["a", "b"],
        r#"{"IndexInfo":{"primary_key":null,"new_index_uid":"b","old_index_uid":"a"}}"#,
    ),
    (
        r#"{"indexUpdate":{"index_uid":"a","primary_key":"id","new_index_uid":null}}"#,
        6,
        &["a"],
        r#"{"IndexInfo":{"primary_key":"id","new_index_uid":null,"old_index_uid":null}}"#,
    ),
    (
        r#"{"indexSwap":{"swaps":[{"indexes":["a","b"],"rename":false},{"indexes":["c","d"],"rename":true}]}}"#,
        7,
        &["a", "b", "c", "d"],
        r#"{"IndexSwap":{"swaps":[{"indexes":["a","b"],"rename":false},{"indexes":["c","d"],"rename":true}]}}"#,
    ),
    (
        r#"{"taskCancelation":{"query":"?uids=1","tasks":[58,48,0,0,1,0,0,0,0,0,0,0,16,0,0,0,1,0]}}"#,
        8,
        &[],
        r#"{"TaskCancelation":{"matched_tasks":1,"canceled_tasks":null,"original_filter":"?uids=1"}}"#,
    ),
    (
        r#"{"taskDeletion":{"query":"?uids=1","tasks":[58,48,0,0,0,0,0,0]}}"#,
        9,
        &[],
        r#"{"TaskDeletion":{"matched_tasks":0,"deleted_tasks":null,"original_filter":"?uids=1"}}"#,
    ),
    (
        r#"{"dumpCreation":{"keys":[],"instance_uid":null}}"#,
        10,
        &[],
        r#"{"Dump":{"dump_uid":null}}"#,
    ),
    (r#""snapshotCreation""#, 11, &[], "null"),
    (
        r#"{"export":{"url":"http://u","api_key":"s3cret","payload_size":"48 KiB","indexes":{"*":{"filter":null,"overrideSettings":false}}}}"#,
        12,
        &[],
        r#"{"Export":{"url":"http://u","api_key":"s3cret","payload_size":"48 KiB","indexes":{"*":{"filter":null,"overrideSettings":false}}}}"#,
    ),
    (
        r#"{"upgradeDatabase":{"from":[1,49,0]}}"#,
        13,
        &[],
        r#"{"UpgradeDatabase":{"from":[1,49,0],"to":[1,50,0]}}"#,
    ),
    (
        r#"{"indexCompaction":{"index_uid":"a"}}"#,
        14,
        &["a"],
        r#"{"IndexCompaction":{"index_uid":"a","pre_compaction_size":null,"post_compaction_size":null}}"#,
    ),
    (r#"{"networkTopologyChange":{"state":"finished"}}"#, 15, &[], "null"),
    (
        r#"{"dsrUpdate":{"createOrUpdate":{"rule_id":"r","update":{"active":true}}}}"#,
        16,
        &[".meili_dsr"],
        r#"{"DsrUpdate":{"createOrUpdate":{"rule_id":"r","update":{"active":true}}}}"#,
    ),
    (r#"{"dsrUpdate":{"deletion":"r"}}"#, 16, &[".meili_dsr"], r#"{"DsrUpdate":{"deletion":"r"}}"#),
    (r#""dsrClear""#, 17, &[".meili_dsr"], r#"{"ClearAll":{"deleted_documents":null}}"#),
    (
        r#"{"singleIndexSnapshotCreation":{"index_uid":"a","snapshot_uid":"20260101-000000000","compression":"gzip"}}"#,
        10_000,
        &["a"],
        "null",
    ),
    (
        r#"{"singleIndexSnapshotImport":{"index_uid":"a","source":{"file":"a-20260101-000000000.snapshot.tar.gz"},"source_index_uid":"b","sha256":null,"overwrite":false,"dry_run":true}}"#,
        10_001,
        &["a"],
        "null",
    ),
    (
        r#"{"singleIndexSnapshotImport":{"index_uid":"a","source":{"upload":"7d21e800-741f-4186-9c12-453842e06f7d"},"source_index_uid":"b","sha256":"00","overwrite":true,"dry_run":false}}"#,
        10_001,
        &["a"],
        "null",
    ),
];

#[test]
fn stored_kinds() {
    for (json, number, indexes, details) in KINDS {
        let kind: KindWithContent = serde_json::from_str(json).unwrap();
        assert_eq!(serde_json::to_string(&kind).unwrap(), *json);
        assert_eq!(kind.kind().number(), *number, "{json}");
        assert_eq!(kind.indexes(), *indexes, "{json}");
        assert_eq!(kind.index_uid().is_some(), kind.kind().related_to_one_index(), "{json}");
        assert_eq!(serde_json::to_string(&kind.default_details()).unwrap(), *details);
        let back: Option<Details> = serde_json::from_str(details).unwrap();
        assert_eq!(back, kind.default_details());
    }
}

#[test]
fn members_that_older_versions_did_not_write() {
    let addition = r#"{"documentAdditionOrUpdate":{"index_uid":"a","method":"UpdateDocuments","content_file":"7d21e800-741f-4186-9c12-453842e06f7d","documents_count":3,"allow_index_creation":true}}"#;
    let KindWithContent::DocumentAdditionOrUpdate { primary_key, on_missing_document, .. } =
        serde_json::from_str(addition).unwrap()
    else {
        panic!("an addition")
    };
    assert_eq!((primary_key, on_missing_document), (None, MissingDocument::Create));
    let swap: IndexSwap = serde_json::from_str(r#"{"indexes":["a","b"]}"#).unwrap();
    assert!(!swap.rename);
}

#[test]
fn content_files() {
    let uuids = KINDS.iter().filter_map(|(json, ..)| {
        serde_json::from_str::<KindWithContent>(json).unwrap().content_uuid()
    });
    assert_eq!(uuids.count(), 2, "one addition and one upload");
}

const TASK: &str = r#"{"uid":7,"batchUid":null,"enqueuedAt":"2026-02-01T10:00:00.5Z","startedAt":null,"finishedAt":null,"error":null,"canceledBy":null,"details":{"IndexInfo":{"primary_key":"sku","new_index_uid":null,"old_index_uid":null}},"status":"enqueued","kind":{"indexCreation":{"index_uid":"shop","primary_key":"sku"}}}"#;

fn task() -> Task {
    serde_json::from_str(TASK).unwrap()
}

#[test]
fn stored_task() {
    assert_eq!(serde_json::to_string(&task()).unwrap(), TASK);
    let without_dates = TASK.replace(r#""startedAt":null,"#, "");
    assert!(serde_json::from_str::<Task>(&without_dates).is_err(), "`startedAt` must be there");
    let unknown = TASK.replace(r#"{"uid":7"#, r#"{"ofTheFuture":1,"uid":7"#);
    assert!(serde_json::from_str::<Task>(&unknown).is_ok());

    let network = r#"{"origin":{"remoteName":"r","taskUid":1,"networkVersion":"00000000-0000-0000-0000-000000000000"}}"#;
    let with_rest = TASK.strip_suffix('}').unwrap();
    let full = format!(r#"{with_rest},"network":{network},"customMetadata":"m"}}"#);
    assert_eq!(serde_json::to_string(&serde_json::from_str::<Task>(&full).unwrap()).unwrap(), full);
}

#[test]
fn views() {
    let mut task = task();
    insta::assert_snapshot!(serde_json::to_string(&SummarizedTaskView::from(&task)).unwrap(), @r#"{"taskUid":7,"indexUid":"shop","status":"enqueued","type":"indexCreation","enqueuedAt":"2026-02-01T10:00:00.5Z"}"#);
    insta::assert_snapshot!(serde_json::to_string(&TaskView::from(&task)).unwrap(), @r#"{"uid":7,"batchUid":null,"indexUid":"shop","status":"enqueued","type":"indexCreation","canceledBy":null,"details":{"primaryKey":"sku"},"error":null,"duration":null,"enqueuedAt":"2026-02-01T10:00:00.5Z","startedAt":null,"finishedAt":null}"#);

    task.kind = KindWithContent::SnapshotCreation;
    task.details = None;
    task.batch_uid = Some(3);
    task.status = Status::Failed;
    task.started_at = Some(task.enqueued_at);
    task.finished_at = Some(task.enqueued_at + time::Duration::milliseconds(1_500));
    task.error = Some(ResponseError::from_msg("m".to_owned(), crate::error::Code::Internal));
    task.custom_metadata = Some("mine".to_owned());
    insta::assert_snapshot!(serde_json::to_string(&TaskView::from(&task)).unwrap(), @r#"{"uid":7,"batchUid":3,"indexUid":null,"status":"failed","type":"snapshotCreation","canceledBy":null,"error":{"message":"m","code":"internal","type":"internal","link":"https://docs.meilisearch.com/errors#internal"},"duration":"PT1.500S","enqueuedAt":"2026-02-01T10:00:00.5Z","startedAt":"2026-02-01T10:00:00.5Z","finishedAt":"2026-02-01T10:00:02Z","customMetadata":"mine"}"#);
}

/// The view of stored details.
fn view(stored: Value) -> DetailsView {
    serde_json::from_value::<Details>(stored).unwrap().into()
}

fn json_of(view: &DetailsView) -> String {
    serde_json::to_string(view).unwrap()
}

#[test]
fn views_of_details() {
    for (stored, shown) in [
        (
            json!({"DocumentAdditionOrUpdate": {"received_documents": 2, "indexed_documents": null}}),
            r#"{"receivedDocuments":2,"indexedDocuments":null}"#,
        ),
        (
            json!({"DocumentEdition": {"deleted_documents": null, "edited_documents": 0, "original_filter": null, "context": null, "function": "f"}}),
            r#"{"editedDocuments":0,"deletedDocuments":null,"originalFilter":null,"context":null,"function":"f"}"#,
        ),
        (
            json!({"DocumentDeletion": {"provided_ids": 2, "deleted_documents": 1}}),
            r#"{"providedIds":2,"deletedDocuments":1,"originalFilter":null}"#,
        ),
        (
            json!({"DocumentDeletionByFilter": {"original_filter": "\"a = 1\"", "deleted_documents": null}}),
            r#"{"providedIds":0,"deletedDocuments":null,"originalFilter":"\"a = 1\""}"#,
        ),
        (
            json!({"SettingsUpdate": {"settings": {"displayedAttributes": ["*"], "embedders": {"e": {"apiKey": "1234567890"}}}}}),
            r#"{"displayedAttributes":["*"],"embedders":{"e":{"apiKey":"12XXXX..."}}}"#,
        ),
        (
            json!({"IndexInfo": {"primary_key": null, "new_index_uid": "b", "old_index_uid": "a"}}),
            r#"{"primaryKey":null,"oldIndexUid":"a","newIndexUid":"b"}"#,
        ),
        (
            json!({"Export": {"url": "u", "api_key": "s3cret", "payload_size": "20971.52 KB", "indexes": {"a": {"filter": null, "overrideSettings": true, "matched_documents": 3}}}}),
            r#"{"url":"u","apiKey":"XXX...","payloadSize":"20 MiB","indexes":{"a":{"filter":null,"overrideSettings":true,"matched_documents":3}}}"#,
        ),
        (
            json!({"UpgradeDatabase": {"from": [1, 49, 0], "to": [1, 50, 0]}}),
            r#"{"upgradeFrom":"v1.49.0","upgradeTo":"v1.50.0"}"#,
        ),
        (
            json!({"IndexCompaction": {"index_uid": "a", "pre_compaction_size": "48 KiB", "post_compaction_size": null}}),
            r#"{"preCompactionSize":"48 KiB"}"#,
        ),
        (
            json!({"DsrUpdate": {"createOrUpdate": {"rule_id": "r", "update": {"active": true}}}}),
            r#"{"rule":{"active":true},"updatedRules":1}"#,
        ),
        (json!({"DsrUpdate": {"deletion": "r"}}), r#"{"updatedRules":1}"#),
        (
            json!({"SingleIndexSnapshotCreation": {"snapshot_uid": "u", "file_name": "f", "compression": "zstd", "number_of_documents": 1, "data_size": 2, "size": null, "sha256": null}}),
            r#"{"snapshotUid":"u","fileName":"f","compression":"zstd","numberOfDocuments":1,"dataSize":2,"size":null,"sha256":null}"#,
        ),
        (
            json!({"SingleIndexSnapshotImport": {"file_name": null, "snapshot_uid": "u", "source_index_uid": "s", "overwrite": true, "dry_run": false, "replaced_index": true, "number_of_documents": 1, "data_size": 2}}),
            r#"{"snapshotUid":"u","fileName":null,"sourceIndexUid":"s","overwrite":true,"dryRun":false,"replacedIndex":true,"numberOfDocuments":1,"dataSize":2}"#,
        ),
    ] {
        assert_eq!(json_of(&view(stored)), shown);
    }
}

#[test]
fn failed_forms() {
    for (before, after) in [
        (
            json!({"DocumentAdditionOrUpdate": {"received_documents": 2, "indexed_documents": null}}),
            json!({"DocumentAdditionOrUpdate": {"received_documents": 2, "indexed_documents": 0}}),
        ),
        (
            json!({"DocumentEdition": {"deleted_documents": null, "edited_documents": null, "original_filter": null, "context": null, "function": "f"}}),
            json!({"DocumentEdition": {"deleted_documents": null, "edited_documents": 0, "original_filter": null, "context": null, "function": "f"}}),
        ),
        (
            json!({"ClearAll": {"deleted_documents": null}}),
            json!({"ClearAll": {"deleted_documents": 0}}),
        ),
        (json!({"Dump": {"dump_uid": null}}), json!({"Dump": {"dump_uid": null}})),
        (
            json!({"IndexCompaction": {"index_uid": "a", "pre_compaction_size": "1 KB", "post_compaction_size": "1 KB"}}),
            json!({"IndexCompaction": {"index_uid": "a", "pre_compaction_size": null, "post_compaction_size": null}}),
        ),
    ] {
        let details: Details = serde_json::from_value(before).unwrap();
        assert_eq!(serde_json::to_value(details.into_failed()).unwrap(), after);
    }
}

fn folded(stored: impl IntoIterator<Item = Value>) -> String {
    let mut batch = DetailsView::default();
    for details in stored {
        batch.fold(view(details));
    }
    json_of(&batch)
}

#[test]
fn fold_of_a_batch() {
    let addition = |indexed: Option<u64>| json!({"DocumentAdditionOrUpdate": {"received_documents": 2, "indexed_documents": indexed}});
    let deletion = |filter: &str| json!({"DocumentDeletionByFilter": {"original_filter": filter, "deleted_documents": 1}});
    let by_ids = json!({"DocumentDeletion": {"provided_ids": 3, "deleted_documents": null}});
    let settings = |settings: Value| json!({"SettingsUpdate": {"settings": settings}});
    let rule = |n: u64| json!({"DsrUpdate": {"createOrUpdate": {"rule_id": "r", "update": {"precedence": n}}}});
    let swap =
        |a: &str, b: &str| json!({"IndexSwap": {"swaps": [{"indexes": [a, b], "rename": false}]}});

    assert_eq!(
        folded([addition(None), addition(None)]),
        r#"{"receivedDocuments":4,"indexedDocuments":null}"#
    );
    assert_eq!(
        folded([addition(None), addition(Some(1)), addition(Some(2))]),
        r#"{"receivedDocuments":6,"indexedDocuments":3}"#
    );
    assert_eq!(
        folded([by_ids, deletion("a"), deletion("b")]),
        r#"{"providedIds":3,"deletedDocuments":2,"originalFilter":"a&b"}"#
    );
    assert_eq!(
        folded([
            settings(
                json!({"stopWords": ["a"], "pagination": {"maxTotalHits": 1}, "embedders": {"a": null, "b": null}})
            ),
            settings(json!({"stopWords": ["b"], "embedders": {"b": {"source": "rest"}}})),
        ]),
        r#"{"stopWords":["b"],"pagination":{"maxTotalHits":1},"embedders":{"a":null,"b":{"source":"rest"}}}"#
    );
    assert_eq!(
        folded([settings(json!({"embedders": {"a": null}})), settings(json!({"embedders": null}))]),
        r#"{"embedders":null}"#
    );
    assert_eq!(
        folded([swap("a", "b"), swap("c", "d")]),
        r#"{"swaps":[{"indexes":["a","b"],"rename":false},{"indexes":["c","d"],"rename":false}]}"#
    );
    assert_eq!(folded([rule(1), rule(2)]), r#"{"updatedRules":2}"#);
    assert_eq!(
        folded([rule(1), rule(2), rule(3)]),
        r#"{"rule":{"precedence":3},"updatedRules":3}"#
    );
    let upgrade = |to: u32| json!({"UpgradeDatabase": {"from": [1, 40, 0], "to": [1, to, 0]}});
    assert_eq!(
        folded([upgrade(49), upgrade(50)]),
        r#"{"upgradeFrom":"v1.40.0","upgradeTo":"v1.50.0"}"#
    );
}

#[test]
fn stored_fold_loses_its_nulls_and_settings_that_do_not_parse() {
    let read = |json: &str| json_of(&serde_json::from_str(json).unwrap());
    assert_eq!(read(r#"{"primaryKey":null,"indexedDocuments":3}"#), r#"{"indexedDocuments":3}"#);
    assert_eq!(
        read(r#"{"stopWords":["a"],"displayedAttributes":["*"]}"#),
        r#"{"displayedAttributes":["*"],"stopWords":["a"]}"#
    );
    assert_eq!(
        read(r#"{"stopWords":["a"],"rankingRules":["of the future"],"dumpUid":"d"}"#),
        r#"{"dumpUid":"d"}"#
    );
}

proptest! {
    #[test]
    fn bitmaps_survive(uids in prop::collection::btree_set(any::<u32>(), 0..300)) {
        let tasks: RoaringBitmap = uids.into_iter().collect();
        let kind = KindWithContent::TaskDeletion { query: String::new(), tasks };
        let json = serde_json::to_string(&kind).unwrap();
        prop_assert_eq!(serde_json::from_str::<KindWithContent>(&json).unwrap(), kind);
    }

    #[test]
    fn corrupted_bitmaps_are_errors(bytes in prop::collection::vec(any::<u8>(), 0..40)) {
        let json = serde_json::to_string(&json!({"taskDeletion": {"query": "", "tasks": bytes}}));
        let _ = serde_json::from_str::<KindWithContent>(&json.unwrap());
    }

    #[test]
    fn dates_survive(nanoseconds in 0..4_000_000_000_000_000_000_i128) {
        let mut task = task();
        task.finished_at = Some(OffsetDateTime::from_unix_timestamp_nanos(nanoseconds).unwrap());
        let json = serde_json::to_string(&task).unwrap();
        prop_assert_eq!(serde_json::from_str::<Task>(&json).unwrap(), task);
    }
}
