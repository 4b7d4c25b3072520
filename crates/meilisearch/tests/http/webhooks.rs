//! `/webhooks` and the delivery of finished tasks (http-api.md section 14, tasks.md 22).

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use flate2::read::GzDecoder;
use serde_json::{Value, json};

use crate::common::Server;

const NIL: &str = "00000000-0000-0000-0000-000000000000";

/// A request that a webhook got.
struct Delivery {
    /// Request line and headers, in lower case.
    head: String,
    tasks: Vec<Value>,
}

/// Listens like a webhook: answers with a status and hands over what was sent.
fn listen(status: &'static str) -> (String, Receiver<Delivery>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/hook", listener.local_addr().unwrap());
    let (sender, receiver) = channel();
    std::thread::spawn(move || {
        for connection in listener.incoming() {
            let mut connection = BufReader::new(connection.unwrap());
            let mut head = String::new();
            while !head.ends_with("\r\n\r\n") {
                connection.read_line(&mut head).unwrap();
            }
            let head = head.to_lowercase();
            let (_, length) = head.split_once("content-length: ").unwrap();
            let length = length.lines().next().unwrap().parse().unwrap();
            let mut body = vec![0; length];
            connection.read_exact(&mut body).unwrap();
            let mut lines = String::new();
            GzDecoder::new(&body[..]).read_to_string(&mut lines).unwrap();
            let tasks = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
            let answer =
                format!("HTTP/1.1 {status}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
            connection.get_mut().write_all(answer.as_bytes()).unwrap();
            if sender.send(Delivery { head, tasks }).is_err() {
                return;
            }
        }
    });
    (url, receiver)
}

fn next(deliveries: &Receiver<Delivery>) -> Delivery {
    deliveries.recv_timeout(Duration::from_secs(60)).unwrap()
}

#[test]
fn finished_tasks_are_delivered() {
    let (fixed, fixed_deliveries) = listen("200 OK");
    let (failing, failing_deliveries) = listen("500 Internal Server Error");
    let server = Server::start_with(&[
        "--task-webhook-url",
        &fixed,
        "--task-webhook-authorization-header",
        "Bearer a-secret-of-the-hook",
        "--experimental-allowed-ip-networks",
        "127.0.0.0/8,::1",
    ]);
    let headers = json!({ "X-Test": "yes" });
    let (status, hook) = server.post("/webhooks", json!({ "url": failing, "headers": headers }));
    assert_eq!(status, 201, "{hook}");

    let task = server.wait(server.post("/indexes", json!({ "uid": "a" })));
    let delivery = next(&fixed_deliveries);
    assert_eq!(delivery.tasks, [task]);
    for expected in [
        "post /hook http/1.1",
        "content-encoding: gzip",
        "content-type: application/x-ndjson",
        "authorization: bearer a-secret-of-the-hook",
    ] {
        assert!(delivery.head.contains(expected), "{expected}: {}", delivery.head);
    }
    // An answer that is an error changes nothing.
    for name in ["a", "a"] {
        let delivery = next(&failing_deliveries);
        assert!(delivery.head.contains("x-test: yes"), "{}", delivery.head);
        assert_eq!(delivery.tasks[0]["indexUid"], name);
        server.wait(server.post("/indexes", json!({ "uid": "a" })));
    }
    assert_eq!(next(&fixed_deliveries).tasks[0]["error"]["code"], "index_already_exists");
}

#[test]
fn local_addresses_are_refused_unless_allowed() {
    let (url, deliveries) = listen("200 OK");
    let server = Server::start_with(&["--task-webhook-url", &url]);
    server.wait(server.post("/indexes", json!({ "uid": "a" })));
    assert!(deliveries.recv_timeout(Duration::from_millis(500)).is_err());
}

#[test]
fn life_of_a_webhook() {
    let mut server = Server::start_with(&["--task-webhook-url", "https://fixed.invalid/"]);
    let headers = json!({ "authorization": "Bearer a-secret-of-the-hook", "A": null, "B": "b" });
    let body = json!({ "url": "https://hook.invalid/", "headers": headers });
    let (status, hook) = server.post("/webhooks", body);
    assert_eq!(status, 201, "{hook}");
    let masked = json!({ "A": "", "B": "b", "authorization": "Bearer a-sXXXXX..." });
    assert_eq!(hook["headers"], masked);
    assert_eq!(hook["isEditable"], true);
    let path = format!("/webhooks/{}", hook["uuid"].as_str().unwrap());
    assert_eq!(server.get(&path), (200, hook.clone()));

    server.kill_and_restart();
    let fixed =
        json!({ "uuid": NIL, "isEditable": false, "url": "https://fixed.invalid/", "headers": {} });
    assert_eq!(server.get("/webhooks"), (200, json!({ "results": [fixed.clone(), hook] })));
    assert_eq!(server.get(&format!("/webhooks/{NIL}")), (200, fixed));

    let change = json!({ "url": "http://b.invalid/", "headers": { "A": null, "C": "c" } });
    let (_, changed) = server.patch(&path, change);
    assert_eq!(changed["url"], "http://b.invalid/");
    let masked = json!({ "B": "b", "C": "c", "authorization": "Bearer a-sXXXXX..." });
    assert_eq!(changed["headers"], masked);
    let (_, changed) = server.patch(&path, json!({ "headers": null }));
    assert_eq!(changed["headers"], json!({}));
    assert_eq!(server.delete(&path), (204, Value::Null));
    assert_eq!(server.get(&path).1["code"], "webhook_not_found");
    assert_eq!(server.delete(&path).1["code"], "webhook_not_found");
}

#[test]
fn mistakes() {
    let server = Server::start();
    let many: serde_json::Map<_, _> = (0..201).map(|at| (format!("X-{at}"), json!("x"))).collect();
    let url = "https://hook.invalid/";
    for (body, code) in [
        (json!({}), "invalid_webhook_url"),
        (json!({ "url": null }), "invalid_webhook_url"),
        (json!({ "url": "hook" }), "invalid_webhook_url"),
        (json!({ "url": url, "headers": [] }), "invalid_webhook_headers"),
        (json!({ "url": url, "headers": { "a b": "" } }), "invalid_webhook_headers"),
        (json!({ "url": url, "headers": { "a": "\n" } }), "invalid_webhook_headers"),
        (json!({ "url": url, "headers": many }), "invalid_webhook_headers"),
        (json!({ "url": url, "uuid": NIL }), "immutable_webhook_uuid"),
        (json!({ "url": url, "isEditable": true }), "immutable_webhook_is_editable"),
        (json!({ "url": url, "uri": url }), "bad_request"),
    ] {
        let (status, error) = server.post("/webhooks", body.clone());
        assert_eq!((status, &error["code"]), (400, &json!(code)), "{body}");
    }
    for _ in 0..20 {
        assert_eq!(server.post("/webhooks", json!({ "url": url })).0, 201);
    }
    assert_eq!(server.post("/webhooks", json!({ "url": url })).1["code"], "invalid_webhooks");

    let other = "/webhooks/c41e84cf-8a85-4b9f-a1c4-5b4f3f6e3a0d";
    assert_eq!(server.get("/webhooks/x").1["code"], "invalid_webhook_uuid");
    assert_eq!(server.get(other).0, 404);
    assert_eq!(server.patch(other, json!({})).1["code"], "webhook_not_found");
    let fixed = format!("/webhooks/{NIL}");
    assert_eq!(server.patch(&fixed, json!({})).1["code"], "immutable_webhook");
    assert_eq!(server.delete(&fixed).1["code"], "immutable_webhook");
    let first = server.get("/webhooks").1["results"][0]["uuid"].as_str().unwrap().to_owned();
    let (status, error) = server.patch(&format!("/webhooks/{first}"), json!({ "url": null }));
    assert_eq!((status, &error["code"]), (400, &json!("invalid_webhook_url")));
}
