//! What was answered with 202 happens, whatever happens to the process.

use std::collections::BTreeMap;
use std::hash::{BuildHasher, RandomState};
use std::io::{BufRead, BufReader};
use std::time::{Duration, Instant};

use flate2::bufread::MultiGzDecoder;
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

type Documents = BTreeMap<u64, serde_json::Map<String, Value>>;

/// The documents to index, with numbers from 1 as their `id`: made up, or those of the packed NDJSON file
/// that `DURABILITY_TEST_DATA` names.
fn documents() -> Documents {
    let objects: Vec<Value> = match std::env::var_os("DURABILITY_TEST_DATA") {
        Some(file) => {
            let packed = BufReader::new(std::fs::File::open(file).unwrap());
            let lines = BufReader::new(MultiGzDecoder::new(packed)).lines();
            lines.map(|line| serde_json::from_str(&line.unwrap()).unwrap()).collect()
        }
        None => (1..=900)
            .map(|n| {
                let words: Vec<String> = (0..20).map(|w| format!("word{}", n * w % 701)).collect();
                let genres = [["Drama", "War"], ["Comedy", "Short"]][n % 2];
                json!({"id": n, "title": format!("Film number {n}"), "year": 1900 + n % 97,
                    "genres": genres, "extract": words.join(" ")})
            })
            .collect(),
    };
    let with_id = |object: Value| {
        let Value::Object(object) = object else { panic!("{object}") };
        (object["id"].as_u64().unwrap(), object)
    };
    objects.into_iter().map(with_id).collect()
}

/// Enqueues a mix of batches, no two of which can be merged; gives their tasks and what must be left.
fn enqueue_mix(server: &Server, uid: &str, documents: &Documents) -> (Vec<u64>, Documents) {
    let mut tasks = Vec::new();
    let mut task = |(status, summary): (u16, Value)| {
        assert_eq!(status, 202, "{summary}");
        tasks.push(summary["taskUid"].as_u64().unwrap());
    };
    let at = |path: &str| format!("/indexes/{uid}/{path}");
    let settings = |body: Value| server.patch(&at("settings"), body);
    let third = |number: u64| -> Vec<_> {
        documents.iter().filter(|(id, _)| **id % 3 == number).map(|(_, object)| object).collect()
    };
    task(server.post(&at("documents"), json!(third(0))));
    task(settings(
        json!({"filterableAttributes": ["genres", "year"], "sortableAttributes": ["year"]}),
    ));
    task(server.post(&at("documents"), json!(third(1))));
    task(settings(json!({"searchableAttributes": ["title"], "stopWords": ["the"]})));
    let ratings: Vec<_> =
        documents.keys().step_by(5).map(|id| json!({"id": id, "rating": id % 7})).collect();
    task(server.put(&at("documents"), json!(ratings)));
    task(settings(json!({"searchableAttributes": null})));
    let deleted: Vec<u64> = documents.keys().copied().step_by(4).collect();
    task(server.post(&at("documents/delete-batch"), json!(deleted)));
    task(settings(json!({"filterableAttributes": ["genres", "rating"]})));
    task(server.post(&at("documents"), json!(third(2))));

    let mut left: Documents = documents.clone();
    left.retain(|id, _| id % 3 != 2);
    for rating in &ratings {
        let Value::Object(rating) = rating else { continue };
        left.entry(rating["id"].as_u64().unwrap()).or_default().extend(rating.clone());
    }
    left.retain(|id, _| deleted.binary_search(id).is_err());
    left.extend(documents.iter().filter(|(id, _)| **id % 3 == 2).map(|(id, d)| (*id, d.clone())));
    (tasks, left)
}

/// Demands that every index of the data directory is what it should be.
fn assert_sound(server: &Server, what: &str) {
    for entry in std::fs::read_dir(server.dir().join("data.ms/indexes")).unwrap() {
        let directory = entry.unwrap().path();
        let report =
            milli::check_directory(&directory, 1 << 20, &milli::CheckOptions::default()).unwrap();
        assert_eq!(report.findings, [], "{what}: {}", directory.display());
    }
}

/// Demands that exactly these documents are left, and counted.
fn assert_left(server: &Server, uid: &str, left: &Documents, what: &str) {
    let mut found = BTreeMap::new();
    loop {
        let offset = found.len();
        let page = format!("/indexes/{uid}/documents?limit=1000&offset={offset}");
        let (_, mut page) = server.get(&page);
        let Value::Array(page) = page["results"].take() else { panic!("{what}: {page}") };
        found.extend(page.into_iter().map(|object| (object["id"].as_u64().unwrap(), object)));
        if found.len() == offset {
            break;
        }
    }
    assert_eq!(found.len(), left.len(), "{what}");
    let mut distribution = BTreeMap::<&str, u64>::new();
    for (id, expected) in left {
        assert_eq!(found[id].as_object(), Some(expected), "{what}");
        for name in expected.keys() {
            *distribution.entry(name).or_default() += 1;
        }
    }
    let (_, stats) = server.get(&format!("/indexes/{uid}/stats"));
    assert_eq!(stats["numberOfDocuments"], left.len(), "{what}: {stats}");
    assert_eq!(stats["fieldDistribution"], json!(distribution), "{what}: {stats}");
}

/// `DURABILITY_TEST_KILLS` sets how often; `--nocapture` shows when.
#[test]
fn indexing_survives_kills_at_random_moments() {
    let kills = std::env::var("DURABILITY_TEST_KILLS").map_or(3, |kills| kills.parse().unwrap());
    let documents = documents();
    let mut server = Server::start();
    let mut usual = Duration::ZERO;
    for round in 0..=kills {
        let uid = format!("films{round}");
        let start = Instant::now();
        let (tasks, left) = enqueue_mix(&server, &uid, &documents);
        let mut what = "round without a kill".to_owned();
        if round > 0 {
            // A moment of the indexing that began with the first task, or shortly after it.
            let moment = usual.mul_f64((RandomState::new().hash_one(0) % 1000) as f64 / 950.0);
            std::thread::sleep(moment.saturating_sub(start.elapsed()));
            server.kill();
            what = format!("round {round}, killed after {moment:?} of {usual:?}");
            assert_sound(&server, &what);
            server.restart();
        }
        for task in &tasks {
            let task = server.wait_for(*task);
            assert_eq!(task["status"], "succeeded", "{what}: {task}");
        }
        if round == 0 {
            usual = start.elapsed();
        }
        assert_left(&server, &uid, &left, &what);
        assert_sound(&server, &what);
        println!("{what}: sound, {} documents", left.len());
        server.succeed(server.delete(&format!("/indexes/{uid}")));
    }
}
