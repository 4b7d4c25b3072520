//! The two tasks as clients see them: steps, filters, cancelation (index-snapshots.md 4 and 7).

use serde_json::{Value, json};

use crate::common::Server;
use crate::support::*;

const CREATION: &str = "singleIndexSnapshotCreation";
const IMPORT: &str = "singleIndexSnapshotImport";

/// A server with the countries, one snapshot of them (task 2) and one import of it (task 3).
fn with_both() -> (Server, Value) {
    let server = Server::start();
    fill(&server, "countries");
    let details = snapshot(&server, "countries", json!({}));
    let body = json!({ "snapshotUid": details["snapshotUid"], "indexUid": "countries" });
    server.succeed(server.post("/indexes/copy/snapshots/import", body));
    (server, details)
}

#[test]
fn each_is_a_batch_of_its_own_whose_steps_are_told() {
    let (server, _) = with_both();
    let steps = |kind: &str| -> Vec<String> {
        let (_, batches) = server.get(&format!("/batches?types={kind}"));
        assert_eq!(batches["total"], 1);
        let stats = &batches["results"][0]["stats"];
        assert_eq!((&stats["totalNbTasks"], &stats["types"]), (&json!(1), &json!({ kind: 1 })));
        let trace = stats["progressTrace"].as_object().unwrap();
        let steps = trace.keys().filter_map(|step| step.strip_prefix("processing tasks > "));
        steps.map(str::to_owned).collect()
    };
    let creation = [
        "start the snapshot creation",
        "copy and compress the index > KiB",
        "copy and compress the index",
        "sync the archive",
        "check the archive",
        "persist the snapshot",
    ];
    assert_eq!(steps(CREATION), creation);
    let import = [
        "read the manifest",
        "check the compatibility",
        "extract the index > KiB",
        "extract the index",
        "verify the checksums",
        "open the index",
        "register the index",
    ];
    assert_eq!(steps(IMPORT), import);
}

#[test]
fn they_are_found_and_forgotten_like_any_other() {
    let (server, details) = with_both();
    let found = |filter: &str| -> Vec<u64> {
        let (_, page) = server.get(&format!("/tasks?{filter}"));
        let tasks = page["results"].as_array().unwrap();
        tasks.iter().map(|task| task["uid"].as_u64().unwrap()).collect()
    };
    assert_eq!(found(&format!("types={CREATION},{IMPORT}")), [3, 2]);
    assert_eq!(found(&format!("types={CREATION}&indexUids=countries")), [2]);
    // An import is listed under its target.
    assert_eq!(found("indexUids=copy"), [3]);
    assert_eq!(found(&format!("types={IMPORT}&indexUids=countries")), [0; 0]);
    let (_, task) = server.get("/tasks/2");
    assert_eq!((&task["type"], &task["indexUid"]), (&json!(CREATION), &json!("countries")));

    server.succeed(server.delete(&format!("/tasks?types={CREATION},{IMPORT}")));
    assert_eq!(found(&format!("types={CREATION},{IMPORT}")), [0; 0]);
    // What they made stays.
    assert_eq!(download(&server, "countries", &details).len(), details["size"]);
    assert_eq!(number_of_documents(&server, "copy"), 195);
}

#[test]
fn canceled_ones_leave_no_trace() {
    let (server, details) = with_both();
    let body = json!({ "snapshotUid": details["snapshotUid"], "indexUid": "countries" });
    for number in 0..30 {
        server.post("/indexes/countries/snapshots", json!({}));
        server.post(&format!("/indexes/new{number}/snapshots/import"), body.clone());
    }
    let path = format!("/tasks/cancel?types={CREATION},{IMPORT}");
    let task = server.succeed(server.post(&path, Value::Null));
    let told = task["details"]["canceledTasks"].as_u64().unwrap();
    assert!(told > 0, "{task}");

    // Those that were faster have what they made; nothing is there of the others.
    let (_, tasks) = server.get(&format!("/tasks?types={CREATION},{IMPORT}&limit=100"));
    let (mut canceled, mut archives, mut indexes) = (0, 0, 1);
    for task in tasks["results"].as_array().unwrap() {
        match task["status"].as_str().unwrap() {
            "canceled" => {
                canceled += 1;
                assert!(task["canceledBy"].is_u64(), "{task}");
                assert!(task["details"]["snapshotUid"].is_string(), "{task}");
            }
            "succeeded" if task["type"] == CREATION => archives += 1,
            "succeeded" => indexes += 1,
            _ => panic!("{task}"),
        }
    }
    assert_eq!(canceled, told);
    assert_eq!(server.get("/indexes/countries/snapshots").1["total"], archives);
    assert_eq!(std::fs::read_dir(server.dir().join("snapshots")).unwrap().count(), 2 * archives);
    assert_eq!(server.get("/indexes").1["total"], indexes);
    assert_eq!(left_on_disk(&server), (indexes, 0));
}
