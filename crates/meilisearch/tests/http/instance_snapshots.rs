//! Snapshots of the whole instance from one server to another (tasks.md section 18, operations.md section 6).

use std::path::Path;

use serde_json::{Value, json};

use crate::common::{Server, command, eventually, json as body_of};

/// A server with two indexes, a key, a feature, and its tasks.
fn filled() -> Server {
    let server = Server::start();
    let documents: Vec<Value> = (0..300)
        .map(|i| json!({ "id": i, "title": format!("film number {i}"), "year": 1900 + i % 100 }))
        .collect();
    let settings = json!({ "filterableAttributes": ["year"], "sortableAttributes": ["id"] });
    server.succeed(server.patch("/indexes/films/settings", settings));
    server.succeed(server.post("/indexes/films/documents", json!(documents)));
    server.succeed(server.post("/indexes", json!({ "uid": "books", "primaryKey": "isbn" })));
    server.wait(server.post("/indexes", json!({ "uid": "books" })));
    server.patch("/experimental-features", json!({ "containsFilter": true }));
    server
}

/// What clients see of an instance.
fn seen(server: &Server) -> Vec<Value> {
    let search =
        json!({ "q": "number 7", "filter": "year > 1950", "facets": ["year"], "sort": ["id:asc"] });
    let mut found = server.post("/indexes/films/search", search).1;
    for volatile in ["processingTimeMs", "requestUid"] {
        found.as_object_mut().unwrap().remove(volatile);
    }
    let mut seen = vec![found];
    for path in [
        "/indexes",
        "/indexes/films/settings",
        "/indexes/films/documents?limit=500",
        "/indexes/films/stats",
        "/experimental-features",
        "/keys",
        "/tasks?types=indexCreation,settingsUpdate,documentAdditionOrUpdate",
    ] {
        seen.push(server.get(path).1);
    }
    seen
}

fn with_snapshot(path: &Path, more: &[&str]) -> Server {
    let argument = format!("--import-snapshot={}", path.display());
    Server::start_with(&[&[argument.as_str()], more].concat())
}

#[test]
fn a_snapshot_brings_everything_to_another_server() {
    let mut server = filled();
    let (status, summary) = server.post("/snapshots", json!(null));
    assert_eq!((status, &summary["type"]), (202, &json!("snapshotCreation")));
    assert_eq!(summary["indexUid"], json!(null));
    let task = server.succeed((status, summary));
    assert!(task.get("details").is_none(), "{task}");
    let batch = server.get(&format!("/batches/{}", task["batchUid"])).1;
    let steps = batch["stats"]["progressTrace"].as_object().unwrap();
    for step in [
        "start the snapshot creation",
        "snapshot the index scheduler",
        "snapshot the update files",
        "snapshot the update files > update file",
        "snapshot the indexes",
        "snapshot the indexes > films",
        "snapshot the api keys",
        "create the tarball",
    ] {
        let path = format!("processing tasks > {step}");
        assert!(steps.contains_key(&path), "no {path} in {steps:?}");
    }

    let archive = server.dir().join("snapshots/data.ms.snapshot");
    let mut copy = with_snapshot(&archive, &["--ignore-snapshot-if-db-exists"]);
    assert_eq!(seen(&copy), seen(&server));
    assert_eq!(copy.get("/tasks?types=snapshotCreation").1["total"], 0);
    copy.succeed(copy.post("/indexes/films/documents", json!([{ "id": 1000 }])));
    // With the same arguments it starts again on what it has.
    copy.kill_and_restart();
    assert_eq!(copy.get("/indexes/films/stats").1["numberOfDocuments"], 301);
    assert!(!copy.dir().join("data.ms/.importing").exists());

    // What waits when the snapshot is made runs where it is restored.
    let waiting =
        server.post("/indexes/films/documents", json!([{ "id": 2000 }])).1["taskUid"].clone();
    server.succeed(server.post("/snapshots", json!(null)));
    let copy = with_snapshot(&archive, &[]);
    assert_eq!(copy.wait_for(waiting.as_u64().unwrap())["status"], "succeeded");
    assert_eq!(copy.get("/indexes/films/documents/2000").0, 200);
    assert_eq!(server.terminate(), Some(0));
}

fn refused(dir: &Path, arguments: &[String]) -> String {
    let output = command(dir, arguments).output().unwrap();
    let complaint = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{arguments:?}: {complaint}");
    complaint
}

#[test]
fn imports_that_make_no_sense_are_refused_and_leave_nothing() {
    let server = filled();
    server.succeed(server.post("/indexes/films/snapshots", json!({})));
    server.succeed(server.post("/snapshots", json!(null)));
    let snapshots = server.dir().join("snapshots");
    let of_index = std::fs::read_dir(&snapshots)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .find(|path| path.to_str().unwrap().ends_with(".tar.gz"))
        .unwrap();
    let import = |path: &Path| format!("--import-snapshot={}", path.display());
    let whole = snapshots.join("data.ms.snapshot");

    let dir = tempfile::tempdir().unwrap();
    let db_path = dir.path().join("data.ms");
    let missing = dir.path().join("missing");
    assert!(refused(dir.path(), &[import(&missing)]).contains("--ignore-missing-snapshot"));
    let complaint = refused(dir.path(), &[import(&of_index)]);
    assert!(
        complaint.contains("single index") && complaint.contains("/snapshots/import"),
        "{complaint}"
    );
    let mut truncated = std::fs::read(&whole).unwrap();
    truncated.truncate(truncated.len() / 2);
    let half = dir.path().join("half");
    std::fs::write(&half, truncated).unwrap();
    assert!(refused(dir.path(), &[import(&half)]).contains("damaged"));
    assert!(!db_path.exists());

    // An environment that no server can open: everything that was unpacked goes again.
    let broken = dir.path().join("broken");
    let gzip = flate2::write::GzEncoder::new(
        std::fs::File::create(&broken).unwrap(),
        flate2::Compression::fast(),
    );
    let mut tar = tar::Builder::new(gzip);
    for (name, content) in
        [("VERSION", &b"1.50.0"[..]), ("tasks/data.mdb", b"no environment at all")]
    {
        let mut header = tar::Header::new_gnu();
        header.set_size(content.len() as u64);
        tar.append_data(&mut header, name, content).unwrap();
    }
    tar.into_inner().unwrap().finish().unwrap();
    refused(dir.path(), &[import(&broken)]);
    assert!(!db_path.exists());

    // A kill in the middle leaves a marker, by which the next start removes all of it.
    std::fs::create_dir_all(db_path.join("tasks")).unwrap();
    std::fs::write(db_path.join(".importing"), "").unwrap();
    std::fs::write(db_path.join("tasks/data.mdb"), "half").unwrap();
    assert!(refused(dir.path(), &[import(&missing)]).contains("there is no file"));
    assert_eq!(std::fs::read_dir(&db_path).unwrap().count(), 0);

    // A database that exists is neither replaced nor touched.
    std::fs::write(db_path.join("VERSION"), "1.50.0").unwrap();
    assert!(refused(dir.path(), &[import(&whole)]).contains("--ignore-snapshot-if-db-exists"));
    assert_eq!(std::fs::read_dir(&db_path).unwrap().count(), 1);
    let started = with_snapshot(&missing, &["--ignore-missing-snapshot"]);
    assert_eq!(started.get("/indexes").1["total"], 0);
}

#[test]
fn snapshots_are_made_on_schedule() {
    let server = Server::start_with(&["--schedule-snapshot=1"]);
    eventually(|| server.get("/tasks?types=snapshotCreation&statuses=succeeded").1["total"] == 2);
    assert!(server.dir().join("snapshots/data.ms.snapshot").exists());
}

#[test]
fn a_key_needs_the_action() {
    let mut server = Server::start_with(&["--master-key", "a-master-key-of-the-test"]);
    server.use_key(Some("a-master-key-of-the-test"));
    let secret = |action: &str| {
        let key = json!({ "actions": [action], "indexes": ["*"], "expiresAt": null });
        server.post("/keys", key).1["key"].as_str().unwrap().to_owned()
    };
    let (create, other) = (secret("snapshots.create"), secret("snapshots.get"));
    for (key, status) in [(create, 202), (other, 403)] {
        server.use_key(Some(&key));
        let answer = server.raw("POST", "/snapshots", &[], b"");
        assert_eq!(answer.status(), status, "{}", body_of(answer));
    }
}
