//! A server with the countries of the repository, and what all tests do with snapshots.

use std::io::Read;

use serde_json::{Value, json};

use crate::common::{Answer, Server, json as body_of};

pub(crate) const COUNTRIES: &str = include_str!("../../../../datasets/countries.ndjson");

pub(crate) fn countries() -> Vec<Value> {
    COUNTRIES.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// Fills an index with the countries, ready for filters, sorts and facets.
pub(crate) fn fill(server: &Server, uid: &str) {
    let settings = json!({
        "searchableAttributes": ["name", "capital", "languages", "currency"],
        "filterableAttributes": ["continent", "population", "area", "languages", "landlocked", "currency"],
        "sortableAttributes": ["name", "population", "area"],
        "synonyms": { "holland": ["netherlands"] },
        "stopWords": ["of", "the"],
        "faceting": { "maxValuesPerFacet": 150 }
    });
    server.succeed(server.patch(&format!("/indexes/{uid}/settings"), settings));
    let headers = [("Content-Type", "application/x-ndjson")];
    let path = format!("/indexes/{uid}/documents?primaryKey=id");
    let added = server.raw("POST", &path, &headers, COUNTRIES.as_bytes());
    server.succeed((added.status().as_u16(), body_of(added)));
}

/// Makes a snapshot and gives its task's details.
pub(crate) fn snapshot(server: &Server, uid: &str, body: Value) -> Value {
    let task = server.succeed(server.post(&format!("/indexes/{uid}/snapshots"), body));
    task["details"].clone()
}

pub(crate) fn download(server: &Server, uid: &str, details: &Value) -> Vec<u8> {
    let snapshot_uid = details["snapshotUid"].as_str().unwrap();
    let path = format!("/indexes/{uid}/snapshots/{snapshot_uid}/download");
    let mut response = server.raw("GET", &path, &[], b"");
    assert_eq!(response.status(), 200);
    let mut archive = Vec::new();
    response.body_mut().as_reader().read_to_end(&mut archive).unwrap();
    archive
}

/// Uploads an archive; the answer is not waited for.
pub(crate) fn upload(server: &Server, uid: &str, query: &str, archive: &[u8]) -> Answer {
    let path = format!("/indexes/{uid}/snapshots/import{query}");
    let headers = [("Content-Type", "application/octet-stream")];
    let response = server.raw("POST", &path, &headers, archive);
    (response.status().as_u16(), body_of(response))
}

/// The directory names under `indexes/` and the files of the payload store.
pub(crate) fn left_on_disk(server: &Server) -> (usize, usize) {
    let count =
        |name: &str| std::fs::read_dir(server.dir().join("data.ms").join(name)).unwrap().count();
    (count("indexes"), count("update_files"))
}

pub(crate) fn number_of_documents(server: &Server, uid: &str) -> Value {
    server.get(&format!("/indexes/{uid}/stats")).1["numberOfDocuments"].clone()
}
