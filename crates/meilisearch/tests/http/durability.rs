//! What was answered with 202 happens, whatever happens to the process.

use serde_json::{Value, json};

use crate::common::Server;

#[test]
fn tasks_survive_a_kill() {
    let mut server = Server::start();
    let mut uids = Vec::new();
    for batch in 0..5 {
        let documents: Vec<Value> = (0..200)
            .map(|i| json!({ "id": batch * 200 + i, "title": format!("film number {i}") }))
            .collect();
        let (status, summary) = server.post("/indexes/films/documents", json!(documents));
        assert_eq!(status, 202, "{summary}");
        uids.push(summary["taskUid"].as_u64().unwrap());
    }
    server.kill_and_restart();
    for uid in uids {
        let task = server.wait_for(uid);
        assert_eq!(task["status"], "succeeded", "{task}");
        assert_eq!(task["details"]["indexedDocuments"], 200, "{task}");
    }
    assert_eq!(server.get("/indexes/films/stats").1["numberOfDocuments"], 1_000);
    assert_eq!(server.get("/indexes/films/documents/999").1["title"], "film number 199");
    let left = std::fs::read_dir(server.dir().join("data.ms/update_files")).unwrap().count();
    assert_eq!(left, 0, "payloads of finished tasks are removed");
}
