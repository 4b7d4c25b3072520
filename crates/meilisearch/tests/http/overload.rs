//! More searches than the queue takes (operations.md section 16).

use std::thread;

use serde_json::{Value, json};

use crate::common::{Server, json as body_of};

#[test]
fn a_flood_is_refused_politely_and_leaves_no_trace() {
    // No request may wait, so every one above the parallel ones is refused.
    let server = Server::start_with(&[
        "--experimental-search-queue-size=0",
        "--experimental-nb-searches-per-core=1",
    ]);
    let documents: Vec<Value> = (0..2_000)
        .map(|id| json!({ "id": id, "text": "many words to read ".repeat(10) }))
        .collect();
    server.succeed(server.post("/indexes/big/documents", json!(documents)));

    let clients = 8 * thread::available_parallelism().map_or(2, usize::from);
    let refused = thread::scope(|scope| {
        let flood = || {
            let path = "/indexes/big/documents?limit=2000";
            let response = server.raw("GET", path, &[], b"");
            let status = response.status().as_u16();
            if status == 200 {
                return 0;
            }
            assert_eq!(status, 503);
            assert_eq!(response.headers()["retry-after"], "10");
            let error = body_of(response);
            assert_eq!(
                (&error["code"], &error["type"]),
                (&json!("too_many_search_requests"), &json!("system"))
            );
            1
        };
        let clients: Vec<_> = (0..clients).map(|_| scope.spawn(flood)).collect();
        clients.into_iter().map(|client| client.join().unwrap()).sum::<u32>()
    });
    assert!(refused > 0, "{clients} clients at once, and none was refused");
    for _ in 0..clients {
        assert_eq!(server.get("/indexes/big/documents?limit=1").0, 200, "a permit was lost");
    }
    // What takes no permit was never concerned.
    assert_eq!(server.get("/indexes/big/documents/7").0, 200);
}
