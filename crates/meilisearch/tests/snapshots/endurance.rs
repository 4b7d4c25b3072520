//! What only shows when it is done often: replacing under load, hundreds of indexes, kills at any moment.

use std::collections::hash_map::RandomState;
use std::fs;
use std::hash::BuildHasher;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::common::{Answer, Server, eventually};
use crate::support::{download, fill, left_on_disk, number_of_documents, snapshot, upload};

/// A number of rounds that the environment may raise.
fn rounds(variable: &str, default: u64) -> u64 {
    std::env::var(variable).map_or(default, |value| value.parse().unwrap())
}

#[test]
fn an_index_is_replaced_twenty_times_under_constant_searches() {
    let server = Server::start();
    fill(&server, "countries");
    let details = snapshot(&server, "countries", json!({}));
    let body = json!({ "snapshotUid": details["snapshotUid"], "overwrite": true });
    let (done, searched) = (AtomicBool::new(false), AtomicU64::new(0));
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                while !done.load(Ordering::Relaxed) {
                    let (status, found) =
                        server.post("/indexes/countries/search", json!({ "q": "mongolia" }));
                    if status != 200 || found["hits"][0]["name"] != "Mongolia" {
                        done.store(true, Ordering::Relaxed);
                        panic!("{status} {found}");
                    }
                    searched.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        for round in 0..20 {
            // A task before and one after each import, all enqueued before any is waited for.
            let document = json!([{ "id": 1000 + round, "name": "Atlantis" }]);
            let before = server.post("/indexes/countries/documents", document.clone());
            let import = server.post("/indexes/countries/snapshots/import", body.clone());
            let after = server.post("/indexes/countries/documents", document);
            server.succeed(before);
            assert_eq!(server.succeed(import)["details"]["replacedIndex"], true);
            server.succeed(after);
            assert_eq!(number_of_documents(&server, "countries"), 196);
            assert!(!done.load(Ordering::Relaxed), "a search has failed");
        }
        done.store(true, Ordering::Relaxed);
    });
    let searched = searched.into_inner();
    assert!(searched > 80, "{searched} searches");
    let (_, tasks) = server.get("/tasks?limit=1000");
    // Settings, documents, the creation, and three a round.
    assert_eq!(tasks["total"], 3 + 3 * 20);
    for task in tasks["results"].as_array().unwrap() {
        assert_eq!(task["status"], "succeeded", "{task}");
    }
    eventually(|| left_on_disk(&server) == (1, 0));
}

/// Open files and file mappings of the server that lie in its directory.
#[cfg(target_os = "linux")]
fn held(server: &Server) -> (usize, usize) {
    let process = std::path::Path::new("/proc").join(server.pid().to_string());
    let dir = server.dir().to_str().unwrap();
    let descriptors = fs::read_dir(process.join("fd")).unwrap();
    // A descriptor may be closed between the listing and the look.
    let targets = descriptors.filter_map(|entry| fs::read_link(entry.unwrap().path()).ok());
    let files = targets.filter(|target| target.starts_with(dir)).count();
    let maps = fs::read_to_string(process.join("maps")).unwrap();
    (files, maps.lines().filter(|line| line.contains(dir)).count())
}

/// `SNAPSHOT_TEST_INDEXES` sets how many; more than may be open at once, so that all are closed again.
#[cfg(target_os = "linux")]
#[test]
fn many_indexes_are_snapshotted_and_imported_on_one_server() {
    let indexes = rounds("SNAPSHOT_TEST_INDEXES", 40);
    let server = Server::start();
    for number in 0..indexes {
        let documents = json!([{ "id": number, "name": format!("number {number}") }]);
        server.succeed(server.post(&format!("/indexes/source{number}/documents"), documents));
    }
    let before = held(&server);
    for number in 0..indexes {
        let source = format!("source{number}");
        let details = snapshot(&server, &source, json!({}));
        let body = json!({ "snapshotUid": details["snapshotUid"], "indexUid": source });
        server.succeed(server.post(&format!("/indexes/copy{number}/snapshots/import"), body));
    }
    for number in 0..indexes {
        let (status, document) = server.get(&format!("/indexes/copy{number}/documents/{number}"));
        assert_eq!((status, &document["id"]), (200, &json!(number)), "{document}");
    }
    assert_eq!(left_on_disk(&server), (2 * indexes as usize, 0));
    assert_eq!(files(&server, "snapshots").len(), 2 * indexes as usize);
    let start = Instant::now();
    loop {
        let after = held(&server);
        if after.0 <= before.0 && after.1 <= before.1 {
            break;
        }
        assert!(start.elapsed() < Duration::from_secs(20), "before {before:?}, after {after:?}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// Names in a directory of the server, hidden ones too.
fn files(server: &Server, directory: &str) -> Vec<String> {
    let entries = fs::read_dir(server.dir().join(directory)).unwrap();
    entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

/// Nothing in the directories of indexes but indexes, nothing half done among the archives.
fn assert_no_orphans(server: &Server, indexes: usize, archives: usize, what: &str) {
    eventually(|| left_on_disk(server) == (indexes, 0));
    for uuid in files(server, "data.ms/indexes") {
        for file in files(server, &format!("data.ms/indexes/{uuid}")) {
            assert!(file == "data.mdb" || file == "lock.mdb", "{what}: {uuid}/{file}");
        }
    }
    let found = files(server, "snapshots");
    assert_eq!(found.len(), 2 * archives, "{what}: {found:?}");
    assert!(found.iter().all(|name| !name.starts_with('.')), "{what}: {found:?}");
}

/// A moment of a job that takes about `usual`, or shortly after it.
fn random_moment(usual: Duration) -> Duration {
    let random = RandomState::new().hash_one(0) % 1000;
    usual.mul_f64(random as f64 / 900.0)
}

fn uid((status, summary): Answer) -> u64 {
    assert_eq!(status, 202, "{summary}");
    summary["taskUid"].as_u64().unwrap()
}

/// `SNAPSHOT_TEST_KILLS` sets how often.
#[test]
fn creations_survive_kills_at_random_moments() {
    let mut server = Server::start();
    fill(&server, "countries");
    let start = Instant::now();
    snapshot(&server, "countries", json!({}));
    let usual = start.elapsed();
    let kills = rounds("SNAPSHOT_TEST_KILLS", 3);
    for round in 0..kills {
        let missing = server.post("/indexes/missing/snapshots", json!({}));
        let creation = uid(server.post("/indexes/countries/snapshots", json!({})));
        let moment = random_moment(usual);
        std::thread::sleep(moment);
        server.kill_and_restart();
        let what = format!("round {round}, killed after {moment:?}");
        let task = server.wait_for(creation);
        assert_eq!(task["status"], "succeeded", "{what}: {task}");
        // The request of an index that does not exist is refused, or its task fails; before and after alike.
        if missing.0 == 202 {
            assert_eq!(server.wait(missing)["error"]["code"], "index_not_found", "{what}");
        }
        assert_no_orphans(&server, 1, round as usize + 2, &what);
        let archive = download(&server, "countries", &task["details"]);
        let checked = server.succeed(upload(&server, "copy", "?dryRun=true", &archive));
        assert_eq!(checked["details"]["numberOfDocuments"], 195, "{what}");
    }
}

/// `SNAPSHOT_TEST_KILLS` sets how often.
#[test]
fn imports_survive_kills_at_random_moments() {
    let mut server = Server::start();
    fill(&server, "countries");
    let details = snapshot(&server, "countries", json!({}));
    let archive = download(&server, "countries", &details);
    let start = Instant::now();
    server.succeed(upload(&server, "copy0", "", &archive));
    let usual = start.elapsed();
    let kills = rounds("SNAPSHOT_TEST_KILLS", 3);
    let mut indexes = 2;
    for round in 0..kills {
        // In turn: a new index from a file, one replaced from a file, and a new one from an upload.
        let (target, replaces) = match round % 3 {
            1 => ("copy0".to_owned(), true),
            _ => (format!("copy{}", round + 1), false),
        };
        let import = if round % 3 == 2 {
            upload(&server, &target, "", &archive)
        } else {
            let snapshot_uid = &details["snapshotUid"];
            let body: Value = json!({ "snapshotUid": snapshot_uid, "indexUid": "countries", "overwrite": replaces });
            server.post(&format!("/indexes/{target}/snapshots/import"), body)
        };
        let import = uid(import);
        let body = json!({ "snapshotUid": details["snapshotUid"] });
        let refused = uid(server.post("/indexes/countries/snapshots/import", body));
        let moment = random_moment(usual);
        std::thread::sleep(moment);
        server.kill_and_restart();
        let what = format!("round {round}, killed after {moment:?}");
        let task = server.wait_for(import);
        assert_eq!(task["status"], "succeeded", "{what}: {task}");
        assert_eq!(task["details"]["replacedIndex"], replaces, "{what}: {task}");
        assert_eq!(server.wait_for(refused)["error"]["code"], "index_already_exists", "{what}");
        indexes += usize::from(!replaces);
        assert_no_orphans(&server, indexes, 1, &what);
        assert_eq!(number_of_documents(&server, &target), 195, "{what}");
        let (_, found) =
            server.post(&format!("/indexes/{target}/search"), json!({ "q": "mongolia" }));
        assert_eq!(found["hits"][0]["name"], "Mongolia", "{what}");
    }
}
