//! `GET /tasks/{task_id}/documents` (http-api.md section 12).

use serde_json::json;

use crate::common::{Server, json as body_of};

#[test]
fn documents_can_be_read_until_their_task_has_ended() {
    // No task runs, so that all stay enqueued.
    let server = Server::start_with(&["--experimental-max-number-of-batched-tasks", "0"]);
    let csv = [("Content-Type", "text/csv")];
    assert_eq!(server.raw("POST", "/indexes/a/documents", &csv, b"id,t\n1,x\n").status(), 202);
    assert_eq!(server.post("/indexes/a/documents", json!([{ "id": 1 }, { "id": 2 }])).0, 202);
    assert_eq!(server.delete("/indexes/a").0, 202);
    let code = |path: &str| {
        let (status, error) = server.get(path);
        (status, error["code"].as_str().unwrap_or_default().to_owned())
    };
    assert_eq!(code("/tasks/0/documents"), (400, "feature_not_enabled".into()));
    assert_eq!(code("/tasks/x/documents"), (400, "invalid_task_uids".into()));
    let feature = json!({ "getTaskDocumentsRoute": true });
    assert_eq!(server.patch("/experimental-features", feature).0, 200);

    for (task, documents) in [(0, r#"{"id":"1","t":"x"}"#), (1, r#"{"id":1}{"id":2}"#)] {
        let mut answer = server.raw("GET", &format!("/tasks/{task}/documents"), &[], b"");
        assert_eq!(answer.status(), 200);
        assert_eq!(answer.headers()["content-type"], "application/x-ndjson");
        assert_eq!(answer.body_mut().read_to_string().unwrap(), documents);
    }
    assert_eq!(code("/tasks/2/documents"), (404, "task_file_not_found".into()));
    assert_eq!(code("/tasks/3/documents"), (404, "task_not_found".into()));
}

#[test]
fn a_finished_task_has_no_documents_left() {
    let mut server = Server::start_with(&["--master-key", "a-master-key-of-the-test"]);
    server.use_key(Some("a-master-key-of-the-test"));
    let feature = json!({ "getTaskDocumentsRoute": true });
    assert_eq!(server.patch("/experimental-features", feature).0, 200);
    server.succeed(server.post("/indexes/a/documents", json!([{ "id": 1 }])));
    let error = body_of(server.raw("GET", "/tasks/0/documents", &[], b""));
    assert_eq!(error["code"], "task_file_not_found");

    let key = json!({ "actions": ["tasks.get"], "indexes": ["other"], "expiresAt": null });
    let (_, key) = server.post("/keys", key);
    server.use_key(key["key"].as_str());
    assert_eq!(server.get("/tasks/0/documents").1["code"], "task_not_found");
}
