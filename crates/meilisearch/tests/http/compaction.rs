//! `POST /tasks/compact` (tasks.md section 21).

use serde_json::json;

use crate::common::Server;

#[test]
fn the_queue_is_compacted_once_and_the_server_has_to_be_restarted() {
    let mut server = Server::start();
    for number in 0..100 {
        server.post("/indexes", json!({ "uid": format!("index{number}") }));
    }
    server.wait_for(99);
    server.succeed(server.delete("/tasks?uids=*"));
    let refused = server.post("/tasks/compact", json!(null));
    assert_eq!((refused.0, &refused.1["code"]), (400, &json!("feature_not_enabled")));
    server.patch("/experimental-features", json!({ "taskQueueCompactionRoute": true }));
    assert_eq!(server.get("/health"), (200, json!({ "status": "available" })));

    let (status, done) = server.post("/tasks/compact", json!(null));
    assert_eq!((status, &done["status"]), (200, &json!("succeeded")), "{done}");
    for key in ["preSize", "postSize", "actionRequired"] {
        assert!(done[key].is_string(), "{done}");
    }
    assert_ne!(done["preSize"], done["postSize"]);
    assert_eq!(server.get("/health"), (500, json!({ "status": "mustRestart" })));
    // Nothing hangs: what writes is refused, what reads is answered.
    let (status, refused) = server.post("/indexes", json!({ "uid": "late" }));
    assert_eq!(status, 500);
    assert!(refused["message"].as_str().unwrap().contains("restarted"), "{refused}");
    let (status, failed) = server.post("/tasks/compact", json!(null));
    assert_eq!((status, &failed["status"]), (500, &json!("failed")));
    assert!(failed["errorMessage"].as_str().unwrap().contains("restarted"), "{failed}");
    assert_eq!(server.get("/tasks").1["total"], 1);

    assert_eq!(server.terminate(), Some(0));
    server.kill_and_restart();
    assert_eq!(server.get("/health"), (200, json!({ "status": "available" })));
    assert_eq!(server.get("/tasks").1["total"], 1);
    server.succeed(server.post("/indexes", json!({ "uid": "late" })));
}
