//! Imports that must not happen: each is refused with a clear error, leaves nothing behind, and the server
//! goes on, also after a restart.

use std::io::{Read, Write};

use serde_json::{Value, json};

use crate::common::Server;
use crate::support::*;

struct Fixture {
    server: Server,
    /// Archives of the same index.
    gzip: Vec<u8>,
    plain: Vec<u8>,
    details: Value,
}

fn fixture() -> Fixture {
    let server = Server::start();
    fill(&server, "countries");
    let details = snapshot(&server, "countries", json!({}));
    let gzip = download(&server, "countries", &details);
    let plain = snapshot(&server, "countries", json!({ "compression": "none" }));
    let plain = download(&server, "countries", &plain);
    Fixture { server, gzip, plain, details }
}

/// The code that an import ends with, at once or as its task's error.
fn refusal(server: &Server, answer: (u16, Value)) -> String {
    let (status, body) = answer;
    if status == 202 {
        let task = server.wait((status, body));
        assert_eq!(task["status"], "failed", "{task}");
        return task["error"]["code"].as_str().unwrap().to_owned();
    }
    assert_eq!(status, 400, "{body}");
    body["code"].as_str().unwrap().to_owned()
}

#[test]
fn damaged_archives_leave_no_trace() {
    let Fixture { mut server, gzip, plain, .. } = fixture();
    let flipped = |archive: &[u8], position: usize| {
        let mut archive = archive.to_vec();
        archive[position] ^= 0x20;
        archive
    };
    let tail = plain.len() - 1024 - 512;
    let garbage = |archive: &[u8]| [archive, b"garbage"].concat();
    let damaged = [
        gzip[..gzip.len() / 2].to_vec(),
        gzip[..gzip.len() - 1].to_vec(),
        plain[..plain.len() - 1024].to_vec(),
        plain[..20_000].to_vec(),
        plain[..700].to_vec(),
        flipped(&gzip, gzip.len() / 2),
        flipped(&plain, plain.len() / 2),
        flipped(&plain, tail),
        flipped(&plain, 3),
        garbage(&gzip),
        garbage(&plain),
        Vec::new(),
        b"hello".to_vec(),
    ];
    for (number, archive) in damaged.iter().enumerate() {
        let code = refusal(&server, upload(&server, "copy", "", archive));
        assert_eq!(code, "index_snapshot_corrupted", "archive {number}");
        assert_eq!(server.get("/indexes/copy").0, 404, "archive {number}");
        assert_eq!(left_on_disk(&server), (1, 0), "archive {number}");
        server.kill_and_restart();
        assert_eq!(server.get("/indexes").1["total"], 1, "archive {number}");
        assert_eq!(left_on_disk(&server), (1, 0), "archive {number}");
    }
    server.succeed(upload(&server, "copy", "", &gzip));
    assert_eq!(number_of_documents(&server, "copy"), 195);
}

/// Puts other digits of the same length in place of the version, in both entries.
fn with_version(plain: &[u8], version: &str) -> Vec<u8> {
    let mut archive = plain.to_vec();
    let old = b"1.50.0";
    assert_eq!(version.len(), old.len());
    let mut replaced = 0;
    for at in 0..4096 {
        if archive[at..].starts_with(old) {
            archive[at..at + old.len()].copy_from_slice(version.as_bytes());
            replaced += 1;
        }
    }
    assert_eq!(replaced, 2, "VERSION and metadata.json");
    archive
}

#[test]
fn other_versions_are_refused_before_anything_is_written() {
    let Fixture { server, plain, .. } = fixture();
    for version in ["2.50.0", "1.51.0", "1.50.1", "1.49.9"] {
        let (status, body) = upload(&server, "copy", "", &with_version(&plain, version));
        assert_eq!((status, body["code"].as_str()), (400, Some("index_snapshot_version_mismatch")));
        let message = body["message"].as_str().unwrap();
        assert!(
            message.contains(version) && message.contains("1.50.0") && message.contains("dump"),
            "{message}"
        );
    }
    // In the directory it is found at the request as well.
    std::fs::write(server.dir().join("snapshots/newer.tar"), with_version(&plain, "1.51.0"))
        .unwrap();
    let (status, body) =
        server.post("/indexes/copy/snapshots/import", json!({ "fileName": "newer.tar" }));
    assert_eq!((status, body["code"].as_str()), (400, Some("index_snapshot_version_mismatch")));
    assert_eq!(left_on_disk(&server), (1, 0));
    assert_eq!(server.get("/tasks").1["total"], 4);
}

#[test]
fn a_hopeless_upload_is_refused_before_it_has_arrived() {
    let Fixture { server, plain, .. } = fixture();
    let address = server.url().strip_prefix("http://").unwrap();
    let mut connection = std::net::TcpStream::connect(address).unwrap();
    connection.set_read_timeout(Some(std::time::Duration::from_secs(20))).unwrap();
    let head = "POST /indexes/copy/snapshots/import HTTP/1.1\r\nHost: x\r\n\
                Content-Type: application/x-tar\r\nContent-Length: 1000000\r\n\r\n";
    connection.write_all(head.as_bytes()).unwrap();
    connection.write_all(&with_version(&plain, "2.50.0")[..20_000]).unwrap();
    // Nothing more is sent, and the answer comes all the same.
    let mut answer = [0; 1000];
    let mut length = 0;
    while !String::from_utf8_lossy(&answer[..length]).contains("index_snapshot_version_mismatch") {
        let read = connection.read(&mut answer[length..]).unwrap();
        assert_ne!(read, 0, "{}", String::from_utf8_lossy(&answer[..length]));
        length += read;
    }
    assert!(answer.starts_with(b"HTTP/1.1 400"));
    assert_eq!(left_on_disk(&server), (1, 0));
}

#[test]
fn archives_of_other_kinds_are_told_the_right_way_in() {
    let Fixture { server, .. } = fixture();
    let pack = |entries: &[&str]| {
        let mut builder =
            tar::Builder::new(flate2::write::GzEncoder::new(Vec::new(), Default::default()));
        for name in entries {
            let mut header = tar::Header::new_gnu();
            header.set_size(6);
            header.set_cksum();
            builder.append_data(&mut header, name, &b"1.50.0"[..]).unwrap();
        }
        builder.into_inner().unwrap().finish().unwrap()
    };
    for (entries, way) in [
        (&["VERSION", "tasks/data.mdb", "auth/data.mdb"][..], "--import-snapshot"),
        (&["metadata.json", "keys.jsonl", "tasks/queue.jsonl"], "--import-dump"),
    ] {
        let (status, body) = upload(&server, "copy", "", &pack(entries));
        assert_eq!((status, body["code"].as_str()), (400, Some("index_snapshot_corrupted")));
        assert!(body["message"].as_str().unwrap().contains(way), "{body}");
    }
}

#[test]
fn a_demanded_sum_must_be_the_archives() {
    let Fixture { server, gzip, details, .. } = fixture();
    let sum = details["sha256"].as_str().unwrap();
    let other = "0".repeat(64);
    let wrong = upload(&server, "copy", &format!("?sha256={other}"), &gzip);
    assert_eq!(refusal(&server, wrong), "index_snapshot_corrupted");
    let body =
        json!({ "snapshotUid": details["snapshotUid"], "indexUid": "countries", "sha256": other });
    assert_eq!(
        refusal(&server, server.post("/indexes/copy/snapshots/import", body)),
        "index_snapshot_corrupted"
    );
    assert_eq!(server.get("/indexes/copy").0, 404);
    server.succeed(upload(&server, "copy", &format!("?sha256={}", sum.to_uppercase()), &gzip));
}

#[test]
fn a_dry_run_changes_nothing() {
    let Fixture { server, gzip, .. } = fixture();
    let task = server.succeed(upload(&server, "copy", "?dryRun=true", &gzip));
    assert_eq!(task["details"]["numberOfDocuments"], 195);
    assert_eq!(
        (&task["details"]["dryRun"], &task["details"]["replacedIndex"]),
        (&json!(true), &json!(false))
    );
    assert_eq!(server.get("/indexes/copy").0, 404);
    let task = server.succeed(upload(&server, "countries", "?dryRun=true&overwrite=true", &gzip));
    assert_eq!(task["details"]["replacedIndex"], true);
    assert_eq!(left_on_disk(&server), (1, 0));
}

#[test]
fn files_of_the_directory_are_imported_by_name() {
    let Fixture { server, gzip, .. } = fixture();
    let path = |name: &str| server.dir().join("snapshots").join(name);
    std::fs::write(path("from-a-friend.tgz"), &gzip).unwrap();
    let import = |body: Value| server.post("/indexes/copy/snapshots/import", body);
    let task = server.succeed(import(json!({ "fileName": "from-a-friend.tgz" })));
    assert_eq!(task["details"]["fileName"], "from-a-friend.tgz");
    assert_eq!(task["details"]["sourceIndexUid"], "countries");
    assert_eq!(number_of_documents(&server, "copy"), 195);
    let other = import(json!({ "fileName": "from-a-friend.tgz", "indexUid": "cities" }));
    assert_eq!(refusal(&server, other), "index_snapshot_corrupted");

    std::os::unix::fs::symlink("/etc/passwd", path("link.tar")).unwrap();
    std::fs::create_dir(path("directory.tar")).unwrap();
    let made = std::process::Command::new("mkfifo").arg(path("pipe.tar")).status().unwrap();
    assert!(made.success());
    for name in ["link.tar", "directory.tar", "pipe.tar"] {
        assert_eq!(
            refusal(&server, import(json!({ "fileName": name }))),
            "index_snapshot_unreadable",
            "{name}"
        );
    }
    // Only the directory's own form is listed.
    assert_eq!(server.get("/indexes/countries/snapshots").1["total"], 2);
}

#[test]
fn a_size_limit_is_kept() {
    let Fixture { gzip, .. } = fixture();
    let limit = (gzip.len() - 1).to_string();
    let server = Server::start_with(&["--max-index-snapshot-upload-size", &limit]);
    let (status, body) = upload(&server, "copy", "", &gzip);
    assert_eq!((status, body["code"].as_str()), (413, Some("payload_too_large")));
    // The limit for documents is another matter.
    let server = Server::start_with(&[
        "--max-index-snapshot-upload-size",
        &gzip.len().to_string(),
        "--http-payload-size-limit",
        "1000",
    ]);
    server.succeed(upload(&server, "copy", "", &gzip));
}

#[test]
fn a_client_that_leaves_leaves_nothing() {
    let Fixture { server, gzip, .. } = fixture();
    let address = server.url().strip_prefix("http://").unwrap();
    let mut connection = std::net::TcpStream::connect(address).unwrap();
    let head = format!(
        "POST /indexes/copy/snapshots/import HTTP/1.1\r\nHost: x\r\nContent-Type: application/gzip\r\n\
         Content-Length: {}\r\n\r\n",
        gzip.len()
    );
    connection.write_all(head.as_bytes()).unwrap();
    connection.write_all(&gzip[..gzip.len() / 2]).unwrap();
    connection.flush().unwrap();
    std::thread::sleep(std::time::Duration::from_millis(200));
    drop(connection);
    for _ in 0..100 {
        if left_on_disk(&server) == (1, 0) {
            break;
        }
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    assert_eq!(left_on_disk(&server), (1, 0));
    assert_eq!(server.get("/tasks").1["total"], 4);
}
