//! `/logs/stream` and `/logs/stderr` (operations.md section 22).

use std::collections::HashSet;
use std::io::{BufRead, BufReader, Read, Write};

use serde_json::{Deserializer, Value, json};

use crate::common::{Server, eventually, json as body_of};

const KEY: &str = "a-master-key-of-the-test";

/// What comes over a stream, as it comes.
type Stream = BufReader<ureq::BodyReader<'static>>;

fn start() -> Server {
    Server::start_with(&["--experimental-enable-logs-route"])
}

fn try_listen(server: &Server, body: Value) -> Result<Stream, Value> {
    let headers = [("Content-Type", "application/json")];
    let answer = server.raw("POST", "/logs/stream", &headers, body.to_string().as_bytes());
    if answer.status() != 200 {
        return Err(body_of(answer));
    }
    assert_eq!(answer.headers()["content-type"], "application/octet-stream");
    assert_eq!(answer.headers()["x-accel-buffering"], "no");
    Ok(BufReader::new(answer.into_body().into_reader()))
}

fn listen(server: &Server, body: Value) -> Stream {
    try_listen(server, body).unwrap()
}

fn line(stream: &mut Stream) -> String {
    let mut line = String::new();
    assert_ne!(stream.read_line(&mut line).unwrap(), 0, "the stream has ended");
    line
}

/// What is left of a stream that was ended; one that breaks off is an error.
fn rest(mut stream: Stream) -> String {
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    text
}

#[test]
fn the_routes_need_the_action_and_the_feature() {
    let mut server = Server::start_with(&["--master-key", KEY]);
    let codes = |server: &Server| {
        [
            server.post("/logs/stream", json!({})),
            server.delete("/logs/stream"),
            server.post("/logs/stderr", json!({})),
        ]
        .map(|(status, error)| (status, error["code"].as_str().unwrap_or_default().to_owned()))
    };
    let all = |status, code: &str| std::array::from_fn(|_| (status, code.to_owned()));
    assert_eq!(codes(&server), all(401, "missing_authorization_header"));
    server.use_key(Some(KEY));
    assert_eq!(codes(&server), all(400, "feature_not_enabled"));
    let (_, error) = server.post("/logs/stderr", json!({ "target": 1 }));
    assert_eq!(error["code"], "bad_request", "a wrong body is told first");
    let key = |actions: Value| {
        let body = json!({ "actions": actions, "indexes": ["*"], "expiresAt": null });
        server.post("/keys", body).1["key"].as_str().unwrap().to_owned()
    };
    let (stranger, reader) = (key(json!(["stats.get"])), key(json!(["metrics.get"])));
    assert_eq!(server.patch("/experimental-features", json!({ "logsRoute": true })).0, 200);
    server.use_key(Some(&stranger));
    assert_eq!(codes(&server), all(403, "invalid_api_key"));
    server.use_key(Some(&reader));
    assert_eq!(server.delete("/logs/stream"), (204, Value::Null));
    assert_eq!(server.post("/logs/stderr", json!({})), (204, Value::Null));
}

#[test]
fn wrong_bodies_have_their_codes() {
    let server = start();
    for (path, body, code) in [
        ("stream", json!({ "target": "" }), "bad_request"),
        ("stream", json!({ "target": "info,,milli" }), "bad_request"),
        ("stream", json!({ "target": "milli=loud" }), "bad_request"),
        ("stream", json!({ "target": null }), "bad_request"),
        ("stream", json!({ "mode": "xml" }), "bad_request"),
        ("stream", json!({ "profileMemory": "yes" }), "bad_request"),
        ("stream", json!({ "colour": true }), "bad_request"),
        ("stream", json!([]), "bad_request"),
        ("stream", json!({ "profileMemory": true }), "invalid_settings_typo_tolerance"),
        (
            "stream",
            json!({ "profileMemory": true, "mode": "json" }),
            "invalid_settings_typo_tolerance",
        ),
        ("stderr", json!({ "target": "" }), "bad_request"),
        ("stderr", json!({ "target": "a=b=c" }), "bad_request"),
        ("stderr", json!({ "mode": "human" }), "bad_request"),
    ] {
        let (status, error) = server.post(&format!("/logs/{path}"), body.clone());
        assert_eq!((status, &error["code"]), (400, &json!(code)), "{path} {body}");
    }
    let (_, error) = server.post("/logs/stderr", json!({ "target": "" }));
    let message = error["message"].as_str().unwrap();
    assert!(message.contains("index_scheduler=debug"), "no hint: {message}");
}

#[test]
fn lines_come_until_the_stream_is_ended() {
    let server = start();
    let mut stream = listen(&server, json!({}));
    assert_eq!(server.get("/nowhere").0, 404);
    let first = line(&mut stream);
    // The request of the stream itself began before.
    assert!(!first.contains("/logs/stream"), "{first}");
    for part in ["INFO", "meilisearch::transport", "HTTP request", "/nowhere", "status_code=404"] {
        assert!(first.contains(part), "{part} is not in {first}");
    }
    // Standard error has the same line and each field once, as the stream has.
    eventually(|| server.log().contains("/nowhere"));
    for text in [first, server.log()] {
        let line = text.lines().find(|line| line.contains("/nowhere")).unwrap();
        assert_eq!(line.matches("status_code=").count(), 1, "{line}");
    }

    let (status, error) = server.post("/logs/stream", json!({ "mode": "json" }));
    assert_eq!((status, &error["code"]), (400, &json!("bad_request")), "{error}");
    assert!(error["message"].as_str().unwrap().contains("DELETE /logs/stream"), "{error}");

    assert_eq!(server.delete("/logs/stream"), (204, Value::Null));
    assert!(rest(stream).contains("status_code=400"));
    assert_eq!(server.delete("/logs/stream").0, 204, "without a listener");
}

#[test]
fn each_stream_has_its_mode_and_its_target() {
    let arguments = ["--experimental-enable-logs-route", "--experimental-logs-mode", "json"];
    let server = Server::start_with(&arguments);
    let fields = |line: &str| serde_json::from_str::<Value>(line).unwrap();
    let mut stream = listen(&server, json!({ "mode": "json", "target": "info" }));
    server.get("/health");
    let text = line(&mut stream);
    assert_eq!(text.matches("status_code").count(), 1, "{text}");
    let entry = fields(&text);
    assert_eq!((&entry["level"], &entry["span"]["route"]), (&json!("INFO"), &json!("/health")));
    server.delete("/logs/stream");
    rest(stream).lines().for_each(|line| assert!(fields(line)["timestamp"].is_string()));

    // Nothing of these is logged, by the level or by the module.
    for target in ["off", "warn", "index_scheduler=trace", "info,meilisearch=error"] {
        let stream = listen(&server, json!({ "mode": "human", "target": target }));
        server.get("/health");
        server.delete("/logs/stream");
        assert_eq!(rest(stream), "", "{target}");
    }
    let stream = listen(&server, json!({ "target": "off,meilisearch::transport=info" }));
    server.get("/health");
    server.delete("/logs/stream");
    assert!(rest(stream).contains("/health"));
}

#[test]
fn a_compressed_stream_is_not_held_back() {
    let server = start();
    let headers = [("Content-Type", "application/json"), ("Accept-Encoding", "deflate")];
    let answer = server.raw("POST", "/logs/stream", &headers, b"{}");
    assert_eq!(answer.headers()["content-encoding"], "deflate");
    let mut stream = answer.into_body().into_reader();
    server.get("/health");
    let mut unpacked = flate2::write::ZlibDecoder::new(Vec::new());
    while !unpacked.get_ref().ends_with(b"\n") {
        let mut packed = [0; 512];
        let read = stream.read(&mut packed).unwrap();
        unpacked.write_all(&packed[..read]).unwrap();
        unpacked.flush().unwrap();
    }
    let line = String::from_utf8_lossy(unpacked.get_ref());
    assert!(line.contains("/health"), "{line}");
}

#[test]
fn a_profile_tells_spans_from_begin_to_end() {
    let server = start();
    let stream = listen(&server, json!({ "mode": "profile", "target": "info" }));
    server.get("/health");
    server.delete("/logs/stream");
    let text = rest(stream);
    assert!(!text.contains('\n'), "{text}");
    let entries: Vec<Value> =
        Deserializer::from_str(&text).into_iter().collect::<Result<_, _>>().unwrap();
    let begin = &entries[0];
    assert_eq!((&begin["type"], &begin["name"]), (&json!("span"), &json!("HTTP request")));
    assert_eq!(begin["target"], "meilisearch::transport");
    assert_eq!((&begin["level"], &begin["parent"]), (&json!("INFO"), &Value::Null));
    assert_eq!(begin["fields"]["route"], "/health");
    let of_first: Vec<_> = entries.iter().take_while(|it| it["id"] == begin["id"]).collect();
    let types: Vec<_> = of_first.iter().map(|it| it["type"].as_str().unwrap()).collect();
    assert!(types.starts_with(&["span", "enter", "exit"]), "{types:?}");
    assert_eq!(types.last(), Some(&"close"), "{types:?}");
    let record = of_first.iter().find(|it| it["type"] == "record").unwrap();
    assert_eq!(record["fields"], json!({ "status_code": 200 }));
    let times: Vec<_> = of_first.iter().map(|it| it["time"].as_u64().unwrap()).collect();
    assert!(times.is_sorted(), "{times:?}");
    assert!(entries.iter().all(|it| it["threadId"].is_string() && it.get("memory").is_none()));
}

#[test]
fn a_profile_may_tell_memory_and_is_sent_without_an_end() {
    let server = start();
    let body = json!({ "mode": "profile", "profileMemory": true });
    let stream = listen(&server, body);
    let documents = json!([{ "id": 1 }]);
    server.succeed(server.post("/indexes/films/documents", documents));
    let mut types = HashSet::new();
    for entry in Deserializer::from_reader(stream).into_iter::<Value>() {
        let entry = entry.unwrap();
        assert!(entry["memory"].as_u64().unwrap() > 1 << 20, "{entry}");
        types.insert(entry["type"].as_str().unwrap().to_owned());
        if types.contains("close") {
            break;
        }
    }
    assert!(["span", "enter", "exit", "record"].iter().all(|it| types.contains(*it)), "{types:?}");
}

#[test]
fn a_client_that_leaves_makes_room_for_the_next() {
    let server = start();
    for _ in 0..3 {
        let mut stream = listen(&server, json!({}));
        server.get("/health");
        line(&mut stream);
        drop(stream);
        // Its going is noticed when lines cannot be sent, and each of these requests logs one.
        eventually(|| match try_listen(&server, json!({ "target": "warn" })) {
            Ok(_) => server.delete("/logs/stream").0 == 204,
            Err(error) => {
                assert_eq!(error["code"], "bad_request");
                false
            }
        });
    }
}

#[test]
fn the_end_of_the_server_ends_the_stream_in_order() {
    let mut server = start();
    let stream = listen(&server, json!({ "mode": "json" }));
    assert_eq!(server.terminate(), Some(0));
    assert!(rest(stream).contains("asked to end"));
}

#[test]
fn the_filter_of_standard_error_can_be_replaced() {
    let server = start();
    let is_logged = |path: &str| server.log().contains(path);
    server.get("/nowhere/at/first");
    eventually(|| is_logged("/nowhere/at/first"));
    assert_eq!(server.post("/logs/stderr", json!({ "target": "warn" })), (204, Value::Null));
    server.get("/nowhere/in/silence");
    assert_eq!(server.post("/logs/stderr", json!({ "target": "meilisearch=info" })).0, 204);
    server.get("/nowhere/in/the/end");
    eventually(|| is_logged("/nowhere/in/the/end"));
    assert!(!is_logged("/nowhere/in/silence"), "{}", server.log());
    // The stream has a filter of its own.
    let mut stream = listen(&server, json!({ "target": "info" }));
    assert_eq!(server.post("/logs/stderr", json!({ "target": "off" })).0, 204);
    assert!(line(&mut stream).contains("/logs/stderr"));
}

#[test]
fn a_silent_server_can_be_made_to_speak() {
    let server = start();
    assert_eq!(server.post("/logs/stderr", json!({ "target": "off" })).0, 204);
    server.get("/nowhere/in/silence");
    assert_eq!(server.post("/logs/stderr", json!({})).0, 204);
    server.get("/nowhere/again");
    eventually(|| server.log().contains("/nowhere/again"));
    assert!(!server.log().contains("/nowhere/in/silence"));
}
