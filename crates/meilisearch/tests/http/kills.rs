//! A stream of tasks of all kinds, and SIGKILL at random moments: each task that was answered with 202 is there
//! and ends as it would have, and documents, settings and statistics are as if nothing had happened.

use std::collections::hash_map::RandomState;
use std::fs;
use std::hash::BuildHasher;
use std::process::Command;
use std::thread::JoinHandle;
use std::time::Duration;

use serde_json::{Value, json};

use crate::common::{Server, eventually};

const TASKS: u64 = 500;
/// Indexes that the stream works on. `kept` always exists, `left` and `right` as well and are swapped, `short`
/// comes and goes.
const INDEXES: [&str; 4] = ["kept", "left", "right", "short"];

/// A request that enqueues a task: method, path and body. Its outcome depends on the requests before it, not on
/// how tasks are batched.
fn request(number: u64) -> (&'static str, String, Value) {
    // A fixed mixture.
    let random = (number + 1).wrapping_mul(6_364_136_223_846_793_005) >> 33;
    let index = INDEXES[random as usize % 4];
    let document = |id: u64| json!({ "id": id, "title": format!("title {number}"), "rank": number % 7, "text": "lorem ipsum ".repeat(20) });
    let documents: Vec<Value> = (0..20).map(|i| document((random + i * 3) % 200)).collect();
    let of = |rest: &str| format!("/indexes/{index}{rest}");
    match number {
        // The first ones make what is never deleted.
        0..3 => (
            "POST",
            "/indexes".into(),
            json!({ "uid": INDEXES[number as usize], "primaryKey": "id" }),
        ),
        _ => match random / 4 % 20 {
            0..7 => ("POST", of("/documents?primaryKey=id"), json!(documents)),
            7..9 => ("PUT", of("/documents?primaryKey=id"), json!(documents)),
            9..11 => {
                ("POST", of("/documents/delete-batch"), json!([random % 200, (random + 9) % 200]))
            }
            11 => (
                "PATCH",
                of("/settings"),
                json!({ "filterableAttributes": ["rank"], "stopWords": [format!("word{number}")] }),
            ),
            12 => ("PUT", of("/settings/searchable-attributes"), json!(["title", "text"])),
            13 if random.is_multiple_of(3) => ("DELETE", of("/documents"), Value::Null),
            13 => ("DELETE", "/tasks?uids=4000000000".into(), Value::Null),
            14 if random.is_multiple_of(2) => ("DELETE", "/indexes/short".into(), Value::Null),
            14 => ("POST", "/indexes".into(), json!({ "uid": "short", "primaryKey": "id" })),
            15 => ("POST", "/swap-indexes".into(), json!([{ "indexes": ["left", "right"] }])),
            16 => ("POST", "/indexes/kept/compact".into(), Value::Null),
            17 => ("POST", "/indexes/kept/snapshots".into(), json!({ "compression": "zstd" })),
            18 if random.is_multiple_of(2) => ("POST", "/dumps".into(), Value::Null),
            18 => ("POST", "/snapshots".into(), Value::Null),
            _ => ("POST", "/tasks/cancel?uids=4000000000".into(), Value::Null),
        },
    }
}

/// Sends a request; none when the server does not answer.
fn send(server: &Server, number: u64) -> Option<Value> {
    let (method, path, body) = request(number);
    let headers = [("Content-Type", "application/json")];
    let body = if body.is_null() { String::new() } else { body.to_string() };
    let headers = if body.is_empty() { &headers[..0] } else { &headers[..] };
    let mut answer = server.try_raw(method, &path, headers, body.as_bytes()).ok()?;
    let status = answer.status();
    let text = answer.body_mut().read_to_string().ok()?;
    assert!(status == 202 || status == 200, "{method} {path}: {status} {text}");
    serde_json::from_str(&text).ok()
}

fn last_task(server: &Server) -> Option<u64> {
    server.get("/tasks?limit=1").1["results"][0]["uid"].as_u64()
}

/// Kills the process of a server after a random time.
fn kill_soon(server: &Server, within: Duration) -> JoinHandle<()> {
    let pid = server.pid().to_string();
    let moment = within.mul_f64((RandomState::new().hash_one(0) % 1000) as f64 / 1000.0);
    std::thread::spawn(move || {
        std::thread::sleep(moment);
        assert!(Command::new("kill").args(["-KILL", &pid]).status().unwrap().success());
    })
}

/// Sends the stream, and meanwhile kills the server so often.
fn run(server: &mut Server, kills: u64) {
    let mut killer: Option<JoinHandle<()>> = None;
    let mut killed = 0;
    for number in 0..TASKS {
        if killed < kills && number >= killed * TASKS / kills {
            if let Some(killer) = killer.take() {
                killer.join().unwrap();
                server.kill_and_restart();
            }
            killer = Some(kill_soon(server, Duration::from_millis(400)));
            killed += 1;
        }
        // A request without an answer may have been registered all the same.
        let registered = send(server, number).map(|summary| summary["taskUid"].as_u64().unwrap());
        let registered = registered.unwrap_or_else(|| {
            // Nobody else ends it.
            killer.take().unwrap().join().unwrap();
            server.kill_and_restart();
            match last_task(server) {
                Some(uid) if uid == number => uid,
                _ => send(server, number).unwrap()["taskUid"].as_u64().unwrap(),
            }
        });
        assert_eq!(registered, number, "a task is lost or doubled");
    }
    if let Some(killer) = killer {
        killer.join().unwrap();
        server.kill_and_restart();
    }
}

/// Waits until everything has ended, and gives what can be seen of it.
fn outcome(server: &Server) -> Vec<Value> {
    let unfinished = "/tasks?statuses=enqueued,processing&limit=1";
    eventually(|| server.get(unfinished).1["total"] == 0);
    let tasks = server.get(&format!("/tasks?limit={}&reverse=true", 2 * TASKS)).1;
    let mut seen = Vec::new();
    for task in tasks["results"].as_array().unwrap() {
        assert!(task["finishedAt"].is_string() && task["batchUid"].is_u64(), "{task}");
        seen.push(json!([
            task["uid"],
            task["type"],
            task["indexUid"],
            task["status"],
            task["error"]["code"]
        ]));
    }
    assert_eq!(seen.len() as u64, TASKS);
    for index in INDEXES {
        let mut stats = server.get(&format!("/indexes/{index}/stats")).1;
        let kept = ["numberOfDocuments", "fieldDistribution", "isIndexing", "code"];
        if let Some(stats) = stats.as_object_mut() {
            stats.retain(|key, _| kept.contains(&key.as_str()));
        }
        let documents = server.get(&format!("/indexes/{index}/documents?limit=1000")).1;
        let mut documents = documents["results"].as_array().cloned().unwrap_or_default();
        documents.sort_by_key(|document| document["id"].as_u64());
        let search = json!({ "q": "title lorem", "limit": 5, "attributesToRetrieve": ["id"], "showRankingScore": true });
        let found = server.post(&format!("/indexes/{index}/search"), search).1;
        let settings = server.get(&format!("/indexes/{index}/settings")).1;
        let settings = json!([
            settings["stopWords"],
            settings["searchableAttributes"],
            settings["filterableAttributes"]
        ]);
        seen.push(json!([index, stats, documents, found["estimatedTotalHits"], settings]));
    }
    seen
}

/// Hidden files that an interrupted task would leave, and payloads.
fn left_over(server: &Server) -> Vec<String> {
    let mut left = Vec::new();
    for directory in ["snapshots", "dumps", "data.ms", "data.ms/update_files"] {
        for entry in fs::read_dir(server.dir().join(directory)).into_iter().flatten() {
            let name = entry.unwrap().file_name().into_string().unwrap();
            if name.starts_with('.') || directory.ends_with("update_files") {
                left.push(format!("{directory}/{name}"));
            }
        }
    }
    left
}

/// `TEST_KILLS` sets how often.
#[test]
fn a_mixed_stream_survives_kills_at_random_moments() {
    let kills = std::env::var("TEST_KILLS").map_or(3, |kills| kills.parse().unwrap());
    let mut server = Server::start();
    run(&mut server, 0);
    let expected = outcome(&server);
    drop(server);

    let mut server = Server::start();
    run(&mut server, kills);
    let found = outcome(&server);
    for (expected, found) in expected.iter().zip(&found) {
        assert_eq!(expected, found);
    }
    eventually(|| left_over(&server).is_empty());
    let indexes = fs::read_dir(server.dir().join("data.ms/indexes")).unwrap().count();
    let (_, listed) = server.get("/indexes");
    assert_eq!(json!(indexes), listed["total"]);
    let archives = server.get("/indexes/kept/snapshots?limit=1000").1["total"].clone();
    assert_eq!(archives, server.get("/tasks?types=singleIndexSnapshotCreation").1["total"]);
    println!("{TASKS} tasks, {kills} kills: all there, all finished, documents and stats alike");
}
