//! An import has its data directory for itself, and one that is killed leaves nothing (operations.md section 6).

use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use serde_json::json;
use tempfile::TempDir;

use crate::common::{Server, command, eventually};

/// Starts a server that is expected to give up; what it says.
fn refused(dir: &Path, arguments: &[String]) -> String {
    let output = command(dir, arguments).output().unwrap();
    let complaint = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{arguments:?}: {complaint}");
    complaint
}

/// The dump of a small instance.
fn dump() -> Vec<u8> {
    let server = Server::start();
    server.succeed(server.post("/indexes/films/documents", json!([{ "id": 1 }, { "id": 2 }])));
    server.succeed(server.raw_post("/dumps"));
    let mut dumps = fs::read_dir(server.dir().join("dumps")).unwrap();
    fs::read(dumps.next().unwrap().unwrap().path()).unwrap()
}

/// A server in the middle of an import: it waits for the second half of its dump.
struct Importing {
    dir: TempDir,
    process: Child,
    dump: Vec<u8>,
    _first_half: File,
}

impl Importing {
    fn start() -> Importing {
        let dir = tempfile::tempdir().unwrap();
        let pipe = dir.path().join("pipe");
        assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
        // For reading as well, so that nobody waits for the other end.
        let mut first_half = OpenOptions::new().read(true).write(true).open(&pipe).unwrap();
        let dump = dump();
        first_half.write_all(&dump[..dump.len() / 2]).unwrap();
        let import = [format!("--import-dump={}", pipe.display())];
        let process = command(dir.path(), &import).stderr(Stdio::null()).spawn().unwrap();
        let importing = Importing { dir, process, dump, _first_half: first_half };
        eventually(|| importing.names().iter().any(|name| name.starts_with(".dump-")));
        importing
    }

    /// What lies in the data directory.
    fn names(&self) -> Vec<String> {
        let Ok(entries) = fs::read_dir(self.dir.path().join("data.ms")) else { return Vec::new() };
        let mut names: Vec<_> =
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    fn kill(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }
}

impl Drop for Importing {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

#[test]
fn a_second_server_leaves_an_import_alone() {
    let mut importing = Importing::start();
    let dir = importing.dir.path();
    let good = dir.join("good.dump");
    fs::write(&good, &importing.dump).unwrap();
    let before = importing.names();
    assert!(before.contains(&".importing".to_owned()), "{before:?}");
    for arguments in [
        vec![],
        vec![format!("--import-dump={}", good.display())],
        vec![
            format!("--import-snapshot={}", good.display()),
            "--ignore-snapshot-if-db-exists".into(),
        ],
    ] {
        let complaint = refused(dir, &arguments);
        assert!(complaint.contains("another process uses the data directory"), "{complaint}");
        assert_eq!(importing.names(), before);
    }
    assert!(importing.process.try_wait().unwrap().is_none(), "the import has ended");
}

#[test]
fn a_killed_import_is_cleared_away_at_the_next_start() {
    let mut importing = Importing::start();
    importing.kill();
    assert!(importing.names().contains(&".importing".to_owned()));
    let data = importing.dir.path().join("data.ms");
    fs::write(data.join("notes.txt"), "of the operator").unwrap();
    let good = importing.dir.path().join("good.dump");
    fs::write(&good, &importing.dump).unwrap();
    let import = [format!("--import-dump={}", good.display())];
    // What is not of the import stays, and so the directory is no empty one.
    let complaint = refused(importing.dir.path(), &import);
    assert!(complaint.contains("there is a database"), "{complaint}");
    assert_eq!(importing.names(), ["notes.txt"]);
    fs::remove_file(data.join("notes.txt")).unwrap();

    let server = Server::start_in(importing.dir.path(), &import);
    assert_eq!(server.get("/indexes/films/stats").1["numberOfDocuments"], 2);
    assert!(!importing.names().contains(&".importing".to_owned()));
}

#[test]
fn a_running_server_has_its_directory_for_itself() {
    let mut server = Server::start();
    server.succeed(server.post("/indexes/films/documents", json!([{ "id": 1 }])));
    let complaint = refused(server.dir(), &[]);
    assert!(complaint.contains("another process uses the data directory"), "{complaint}");
    assert_eq!(server.get("/indexes/films/documents/1").0, 200);
    server.kill_and_restart();
    assert_eq!(server.get("/indexes/films/documents/1").0, 200);
}
