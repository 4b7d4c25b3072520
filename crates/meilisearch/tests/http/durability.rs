//! What was answered with 202 happens, whatever happens to the process.

use serde_json::{Value, json};

use crate::common::{Server, eventually};

/// Enqueues five uploads of 200 films each and gives the uids of their tasks.
fn enqueue_films(server: &Server) -> Vec<u64> {
    let upload = |batch: u64| {
        let documents: Vec<Value> = (0..200)
            .map(|i| json!({ "id": batch * 200 + i, "title": format!("film number {i}") }))
            .collect();
        let (status, summary) = server.post("/indexes/films/documents", json!(documents));
        assert_eq!(status, 202, "{summary}");
        summary["taskUid"].as_u64().unwrap()
    };
    (0..5).map(upload).collect()
}

/// Demands that all films are there, and no payload is left.
fn check_films(server: &Server, tasks: Vec<u64>) {
    for uid in tasks {
        let task = server.wait_for(uid);
        assert_eq!(task["status"], "succeeded", "{task}");
        assert_eq!(task["details"]["indexedDocuments"], 200, "{task}");
    }
    assert_eq!(server.get("/indexes/films/stats").1["numberOfDocuments"], 1_000);
    assert_eq!(server.get("/indexes/films/documents/999").1["title"], "film number 199");
    // Payloads go right after the commit that ends their tasks.
    let payloads = server.dir().join("data.ms/update_files");
    eventually(|| std::fs::read_dir(&payloads).unwrap().count() == 0);
}

#[test]
fn tasks_survive_a_kill() {
    let mut server = Server::start();
    let tasks = enqueue_films(&server);
    server.kill_and_restart();
    check_films(&server, tasks);
}

#[test]
fn tasks_survive_a_clean_end() {
    let mut server = Server::start();
    let tasks = enqueue_films(&server);
    assert_eq!(server.terminate(), Some(0));
    server.kill_and_restart();
    check_films(&server, tasks);
}
