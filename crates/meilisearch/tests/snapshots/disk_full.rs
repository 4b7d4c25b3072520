//! A full disk, for real: the server runs on a small file system of its own, where the test may make one.

#![cfg(target_os = "linux")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};
use sha2::{Digest, Sha512};

use crate::common::Server;
use crate::support::*;

/// Bytes of the file system; the empty queue alone takes some hundred KiB.
const SIZE: u64 = 64 << 20;
/// Mounts the file system in a namespace of its own, so that no clean-up is needed, and starts the server.
const MOUNT: &str = "mount -t tmpfs -o size=64m tmpfs \"$PWD\" && cd \"$PWD\" && exec \"$@\"";

/// A server on its own file system, and where that is seen from outside of its namespace.
fn on_a_small_disk() -> Option<(Server, PathBuf)> {
    let dir = tempfile::tempdir().unwrap();
    let unshare = ["unshare", "--map-root-user", "--mount", "sh", "-c", MOUNT, "sh"];
    let possible = Command::new(unshare[0])
        .args(&unshare[1..])
        .arg("true")
        .current_dir(dir.path())
        .status()
        .is_ok_and(|status| status.success());
    if !possible {
        eprintln!("skipped: no file system may be mounted here");
        return None;
    }
    let server = Server::start_by(&unshare);
    let disk = Path::new("/proc").join(server.pid().to_string()).join("root");
    let disk = disk.join(server.dir().strip_prefix("/").unwrap());
    Some((server, disk))
}

/// Fills the disk up to so many bytes.
fn leave(disk: &Path, bytes: u64) {
    let filler = disk.join("filler");
    let _ = fs::remove_file(&filler);
    let free = rustix::fs::statvfs(disk).unwrap();
    let free = free.f_bavail * free.f_frsize;
    fs::write(&filler, vec![1; (free - bytes) as usize]).unwrap();
}

fn names(directory: PathBuf) -> Vec<String> {
    let entries = fs::read_dir(directory).unwrap();
    entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

#[test]
fn a_full_disk_fails_the_task_and_nothing_else() {
    let Some((server, disk)) = on_a_small_disk() else { return };
    fill(&server, "countries");
    let create = || server.post("/indexes/countries/snapshots", json!({ "compression": "none" }));

    leave(&disk, 100_000);
    let task = server.wait(create());
    assert_eq!(task["error"]["code"], "no_space_left_on_device", "{task}");
    assert_eq!(names(disk.join("snapshots")), [""; 0], "half an archive stays");

    // The queue goes on, and the same request succeeds once there is room.
    fs::remove_file(disk.join("filler")).unwrap();
    let details = server.succeed(create())["details"].clone();
    let archive = download(&server, "countries", &details);

    // An import that cannot fit is refused at the request, with both numbers.
    let room = SIZE / 20 + details["dataSize"].as_u64().unwrap() / 2;
    leave(&disk, room);
    let import = || {
        let body = json!({ "snapshotUid": details["snapshotUid"], "indexUid": "countries" });
        server.post("/indexes/copy/snapshots/import", body)
    };
    for (status, error) in [import(), upload(&server, "copy", "", &archive)] {
        assert_eq!((status, error["code"].as_str()), (422, Some("no_space_left_on_device")));
        let message = error["message"].as_str().unwrap();
        assert!(message.contains("it takes") && message.contains("only"), "{message}");
    }
    assert_eq!(names(disk.join("data.ms/indexes")).len(), 1);
    assert_eq!(names(disk.join("data.ms/update_files")), [""; 0]);
    assert_eq!(server.get("/indexes/copy").0, 404);

    fs::remove_file(disk.join("filler")).unwrap();
    server.succeed(import());
    server.succeed(upload(&server, "other", "", &archive));
    assert_eq!(number_of_documents(&server, "copy"), 195);
}

/// Sends a request while the disk is full and after room was made; gives the message of its failure.
fn fails_then_succeeds(
    server: &Server,
    disk: &Path,
    room: u64,
    request: impl Fn() -> (u16, Value),
) -> String {
    leave(disk, room);
    let task = server.wait(request());
    assert_eq!(task["status"], "failed", "{task}");
    assert_eq!(task["error"]["code"], "no_space_left_on_device", "{task}");
    assert_eq!(server.get("/health").0, 200);
    fs::remove_file(disk.join("filler")).unwrap();
    server.succeed(request());
    task["error"]["message"].as_str().unwrap().to_owned()
}

/// An index whose documents hardly compress.
fn fill_with_noise(server: &Server) {
    let document =
        |id: u64| json!({ "id": id, "text": hex::encode(Sha512::digest(id.to_le_bytes())) });
    let documents: Vec<Value> = (0..4_000).map(document).collect();
    server.succeed(server.put("/indexes/noise/settings/searchable-attributes", json!(["id"])));
    server.succeed(server.post("/indexes/noise/documents", json!(documents)));
}

#[test]
fn a_snapshot_of_the_instance_meets_a_full_disk() {
    let Some((server, disk)) = on_a_small_disk() else { return };
    fill_with_noise(&server);
    let create = || server.post("/snapshots", json!(null));
    fails_then_succeeds(&server, &disk, 200_000, create);
    assert_eq!(names(disk.join("snapshots")), ["data.ms.snapshot"]);
    let whole = fs::read(disk.join("snapshots/data.ms.snapshot")).unwrap();
    // The next failure leaves the older one.
    leave(&disk, 200_000);
    assert_eq!(server.wait(create())["error"]["code"], "no_space_left_on_device");
    assert_eq!(names(disk.join("snapshots")), ["data.ms.snapshot"]);
    assert!(fs::read(disk.join("snapshots/data.ms.snapshot")).unwrap() == whole);
}

#[test]
fn a_dump_meets_a_full_disk() {
    let Some((server, disk)) = on_a_small_disk() else { return };
    fill_with_noise(&server);
    fails_then_succeeds(&server, &disk, 200_000, || server.post("/dumps", json!(null)));
    let dumps = names(disk.join("dumps"));
    assert!(dumps.len() == 1 && dumps[0].ends_with(".dump"), "{dumps:?}");
}

#[test]
fn indexing_meets_a_full_disk() {
    // Room for the payload and the queue, not for the index. LMDB reports a write that was cut short as a
    // failure of the disk.
    for room in [450_000, 600_000, 760_000] {
        let Some((server, disk)) = on_a_small_disk() else { return };
        fill(&server, "countries");
        let document =
            |id| json!({ "id": 1_000 + id, "name": format!("place number {id} of {}", id * 7919) });
        let documents: Vec<Value> = (0..2_000).map(document).collect();
        let add = || server.post("/indexes/countries/documents", json!(documents));
        let message = fails_then_succeeds(&server, &disk, room, add);
        assert!(message.contains("index's storage failed"), "the cause is lost: {message}");
        assert_eq!(number_of_documents(&server, "countries"), 195 + 2_000);
        assert_eq!(names(disk.join("data.ms/update_files")), [""; 0]);
    }
}
