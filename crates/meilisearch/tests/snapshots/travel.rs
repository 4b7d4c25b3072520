//! The journey that the project exists for: an index is made on one server, downloaded, and uploaded to
//! another one under another name, where everything that a client can see is the same.

use std::collections::HashSet;

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::common::Server;
use crate::support::*;

/// A search, and the ids of its first hits where the data alone tells them.
struct Search {
    body: Value,
    expected: Option<Vec<u64>>,
}

fn searches() -> Vec<Search> {
    let rows = countries();
    let mut searches = Vec::new();
    let mut any = |body: Value| searches.push(Search { body, expected: None });

    for typo in [
        "portugeuse",
        "germny",
        "frnace",
        "brazl",
        "austrlia",
        "zeland",
        "sri lnka",
        "londn",
        "canbera",
        "nairobbi",
        "bogta",
        "helsinky",
        "madrit",
        "jakrta",
    ] {
        any(json!({ "q": typo }));
    }
    for words in [
        "ara",
        "holland",
        "isl",
        "guinea",
        "dollar",
        "saint",
        "new",
        "port",
        "french english",
        "euro",
    ] {
        any(json!({ "q": words, "limit": 5, "showRankingScore": true }));
    }
    for continent in ["Africa", "Asia", "Europe", "Oceania", "North America", "South America"] {
        any(
            json!({ "filter": format!("continent = \"{continent}\""), "facets": ["languages", "landlocked"] }),
        );
        any(
            json!({ "q": "a", "filter": format!("continent = \"{continent}\""), "sort": ["area:desc"] }),
        );
    }
    for filter in [
        "languages IN [English, French]",
        "landlocked = true AND NOT continent = Europe",
        "population 1000000 TO 5000000",
        "currency = euro OR currency = franc",
        "languages = Arabic AND area > 500000",
    ] {
        any(json!({ "filter": filter, "facets": ["*"], "limit": 3 }));
    }
    for attribute in ["name", "capital", "currency"] {
        any(
            json!({ "q": "an", "attributesToRetrieve": ["id", attribute], "attributesToHighlight": [attribute] }),
        );
    }
    any(json!({ "sort": ["name:asc"], "offset": 50, "limit": 7 }));
    any(json!({ "sort": ["name:desc"], "page": 3, "hitsPerPage": 11 }));

    // Ten whose hits follow from the rows.
    let number = |row: &Value, field: &str| row[field].as_f64().unwrap();
    let id = |row: &Value| row["id"].as_u64().unwrap();
    let by = |field: &str, descending: bool, keep: &dyn Fn(&Value) -> bool| {
        let mut kept: Vec<_> = rows.iter().filter(|row| keep(row)).collect();
        kept.sort_by(|a, b| number(a, field).total_cmp(&number(b, field)));
        if descending {
            kept.reverse();
        }
        Some(kept.into_iter().take(5).map(id).collect::<Vec<_>>())
    };
    let within = |row: &Value, continent: &str| row["continent"] == continent;
    let speaks = |row: &Value, language: &str| {
        row["languages"].as_array().is_some_and(|languages| languages.contains(&json!(language)))
    };
    let mut known = |body: Value, expected| searches.push(Search { body, expected });
    known(json!({ "sort": ["population:desc"], "limit": 5 }), by("population", true, &|_| true));
    known(json!({ "sort": ["area:asc"], "limit": 5 }), by("area", false, &|_| true));
    known(
        json!({ "filter": "continent = Africa", "sort": ["area:desc"], "limit": 5 }),
        by("area", true, &|row| within(row, "Africa")),
    );
    known(
        json!({ "filter": "landlocked = true", "sort": ["area:desc"], "limit": 5 }),
        by("area", true, &|row| row["landlocked"] == true),
    );
    known(
        json!({ "filter": "languages = Spanish", "sort": ["population:desc"], "limit": 5 }),
        by("population", true, &|row| speaks(row, "Spanish")),
    );
    known(
        json!({ "filter": ["population > 100000000", "continent = Asia"], "sort": ["population:desc"], "limit": 5 }),
        by("population", true, &|row| {
            number(row, "population") > 100_000_000.0 && within(row, "Asia")
        }),
    );
    let named = |name: &str| {
        let row = rows.iter().find(|row| row["name"] == name).unwrap();
        Some(vec![id(row)])
    };
    known(json!({ "q": "mongolia", "limit": 1 }), named("Mongolia"));
    known(json!({ "q": "mongolai", "limit": 1 }), named("Mongolia"));
    known(json!({ "q": "ulaanbaatar", "limit": 1 }), named("Mongolia"));
    known(json!({ "q": "portugl", "limit": 1 }), named("Portugal"));
    searches
}

fn answer(server: &Server, uid: &str, body: &Value) -> Value {
    let (status, mut answer) = server.post(&format!("/indexes/{uid}/search"), body.clone());
    assert_eq!(status, 200, "{body}: {answer}");
    let answer_object = answer.as_object_mut().unwrap();
    answer_object.shift_remove("processingTimeMs");
    answer_object.shift_remove("requestUid");
    answer
}

#[test]
fn an_index_travels_between_two_servers() {
    let home = Server::start();
    let abroad = Server::start();
    fill(&home, "countries");
    let details = snapshot(&home, "countries", json!({}));
    assert_eq!(details["numberOfDocuments"], 195);
    let archive = download(&home, "countries", &details);
    assert_eq!(details["size"], archive.len());
    assert_eq!(details["sha256"], hex::encode(Sha256::digest(&archive)));

    let task = abroad.succeed(upload(&abroad, "states", "", &archive));
    assert_eq!(task["type"], "singleIndexSnapshotImport");
    assert_eq!(task["indexUid"], "states");
    let expected = json!({
        "fileName": null, "snapshotUid": details["snapshotUid"], "sourceIndexUid": "countries", "overwrite": false,
        "dryRun": false, "replacedIndex": false, "numberOfDocuments": 195, "dataSize": details["dataSize"],
    });
    assert_eq!(task["details"], expected);

    let searches = searches();
    let mut answers = HashSet::new();
    let mut known = 0;
    for Search { body, expected } in &searches {
        let there = answer(&abroad, "states", body);
        assert_eq!(there, answer(&home, "countries", body), "{body}");
        let hits = there["hits"].as_array().unwrap();
        assert!(!hits.is_empty(), "{body}");
        if let Some(expected) = expected {
            let ids: Vec<_> = hits.iter().map(|hit| hit["id"].as_u64().unwrap()).collect();
            assert_eq!(&ids, expected, "{body}");
            known += 1;
        }
        answers.insert(there.to_string());
    }
    assert!(searches.len() >= 50 && known >= 10, "{} searches, {known} known", searches.len());
    assert!(answers.len() >= 30, "{} different answers", answers.len());

    for path in ["/settings", "/documents?limit=1000", "/documents/42"] {
        let (status, here) = home.get(&format!("/indexes/countries{path}"));
        assert_eq!((status, here), abroad.get(&format!("/indexes/states{path}")), "{path}");
        assert_eq!(status, 200);
    }
    let visible = |server: &Server, uid: &str| {
        let mut index = server.get(&format!("/indexes/{uid}")).1;
        index.as_object_mut().unwrap().shift_remove("uid");
        index
    };
    assert_eq!(visible(&home, "countries"), visible(&abroad, "states"));
    let stats = |server: &Server, uid: &str| {
        let stats = server.get(&format!("/indexes/{uid}/stats")).1;
        json!([stats["numberOfDocuments"], stats["fieldDistribution"], stats["isIndexing"]])
    };
    assert_eq!(stats(&home, "countries"), stats(&abroad, "states"));

    // It is an index like any other: it takes documents and searches them.
    let added = json!([{ "id": 1000, "name": "Atlantis", "capital": "Poseidonis" }]);
    abroad.succeed(abroad.post("/indexes/states/documents", added));
    assert_eq!(answer(&abroad, "states", &json!({ "q": "atlantis" }))["hits"][0]["id"], 1000);
    assert_eq!(number_of_documents(&abroad, "states"), 196);
    assert_eq!(number_of_documents(&home, "countries"), 195);
}

#[test]
fn a_snapshot_holds_what_was_enqueued_before_it_and_nothing_after() {
    let server = Server::start();
    fill(&server, "countries");
    let document = |id: u32| json!([{ "id": id, "name": format!("Land {id}") }]);
    // All are enqueued before the first of them is waited for.
    server.post("/indexes/countries/documents", document(1001));
    server.post("/indexes/countries/documents", document(1002));
    let creation = server.post("/indexes/countries/snapshots", json!({ "compression": "none" }));
    server.post("/indexes/countries/documents", document(1003));
    let last = server.post("/indexes/countries/documents", document(1004));
    let details = server.succeed(creation)["details"].clone();
    server.succeed(last);
    assert_eq!(details["numberOfDocuments"], 197);
    assert_eq!(number_of_documents(&server, "countries"), 199);

    let import = json!({ "snapshotUid": details["snapshotUid"], "indexUid": "countries" });
    server.succeed(server.post("/indexes/copy/snapshots/import", import));
    for (id, status) in [(1001, 200), (1002, 200), (1003, 404), (1004, 404)] {
        assert_eq!(server.get(&format!("/indexes/copy/documents/{id}")).0, status, "{id}");
    }
    assert_eq!(number_of_documents(&server, "copy"), 197);
}

#[test]
fn an_index_is_brought_back_as_it_was() {
    let mut server = Server::start();
    fill(&server, "countries");
    let details = snapshot(&server, "countries", json!({ "compression": "zstd" }));
    server.succeed(server.delete("/indexes/countries/documents"));
    assert_eq!(number_of_documents(&server, "countries"), 0);

    let restore = |overwrite: bool| {
        let body = json!({ "snapshotUid": details["snapshotUid"], "overwrite": overwrite });
        server.wait(server.post("/indexes/countries/snapshots/import", body))
    };
    let task = restore(false);
    assert_eq!(
        (&task["status"], &task["error"]["code"]),
        (&json!("failed"), &json!("index_already_exists"))
    );
    assert_eq!(number_of_documents(&server, "countries"), 0, "the existing index is untouched");
    let task = restore(true);
    assert_eq!(task["status"], "succeeded", "{task}");
    assert_eq!(task["details"]["replacedIndex"], true);
    assert_eq!(number_of_documents(&server, "countries"), 195);

    // And it stays so through a power cut.
    server.kill_and_restart();
    assert_eq!(number_of_documents(&server, "countries"), 195);
    assert_eq!(left_on_disk(&server), (1, 0), "the replaced index and the payloads are gone");
}

#[test]
fn creation_survives_being_killed() {
    let mut server = Server::start();
    fill(&server, "countries");
    let (status, summary) = server.post("/indexes/countries/snapshots", json!({}));
    assert_eq!(status, 202);
    server.kill_and_restart();
    let task = server.wait_for(summary["taskUid"].as_u64().unwrap());
    assert_eq!(task["status"], "succeeded", "{task}");
    let names: Vec<_> = std::fs::read_dir(server.dir().join("snapshots"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    assert_eq!(names.len(), 2, "{names:?}");
    let archive = download(&server, "countries", &task["details"]);
    server.succeed(upload(&server, "copy", "", &archive));
    assert_eq!(number_of_documents(&server, "copy"), 195);
}
