//! Start and end of the process (operations.md sections 1, 6, 11).

use std::io::{Read, Write};
use std::process::Output;

use serde_json::json;

use crate::common::{Server, command, eventually};

fn run(arguments: &[&str]) -> Output {
    let dir = tempfile::tempdir().unwrap();
    let arguments: Vec<_> = arguments.iter().map(ToString::to_string).collect();
    command(dir.path(), &arguments).output().unwrap()
}

fn complaint(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn help_and_version_end_well() {
    let help = run(&["--help"]);
    assert_eq!(help.status.code(), Some(0));
    let text = String::from_utf8_lossy(&help.stdout).into_owned();
    for option in ["--db-path", "MEILI_MASTER_KEY", "--max-concurrent-index-snapshots"] {
        assert!(text.contains(option), "{option} is not in\n{text}");
    }
    let version = run(&["--version"]);
    assert_eq!(String::from_utf8_lossy(&version.stdout), "meilisearch 1.50.0\n");
}

#[test]
fn wrong_arguments_end_with_2() {
    for arguments in [
        &["--nope"][..],
        &["--env", "staging"],
        &["--s3-bucket-url=x"],
        &["--schedule-snapshot=soon"],
        &["--ignore-missing-snapshot"],
    ] {
        let output = run(arguments);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {}", complaint(&output));
    }
    assert!(complaint(&run(&["--s3-bucket-url=x"])).contains("not built yet"));
}

#[test]
fn the_environment_is_read_and_judged() {
    let dir = tempfile::tempdir().unwrap();
    for (name, value, complaint_part) in [
        ("MEILI_NO_ANALYTICS", "1", "--no-analytics"),
        ("MEILI_MAX_INDEXING_MEMORY", "a lot", "not a size"),
        ("MEILI_UPGRADE_DB", "true", "not built yet"),
    ] {
        let output = command(dir.path(), &[]).env(name, value).output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{name}={value}");
        assert!(complaint(&output).contains(complaint_part), "{}", complaint(&output));
    }
    let output = command(dir.path(), &[]).env("MEILI_ENV", "production").output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{}", complaint(&output));
}

#[test]
fn production_refuses_a_bad_master_key() {
    for key in [&[][..], &["--master-key", "short"]] {
        let output = run(&[&["--env", "production"], key].concat());
        assert_eq!(output.status.code(), Some(1));
        assert!(complaint(&output).contains("--master-key "), "{}", complaint(&output));
    }
}

#[test]
fn a_database_of_another_version_is_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::create_dir(dir.path().join("data.ms")).unwrap();
    let version = dir.path().join("data.ms/VERSION");
    std::fs::write(&version, "1.49.0").unwrap();
    let output = command(dir.path(), &[]).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(complaint(&output).contains("1.49.0"), "{}", complaint(&output));
    assert_eq!(std::fs::read_to_string(version).unwrap(), "1.49.0");
}

#[test]
fn sigterm_ends_with_0_and_the_data_is_there_again() {
    let mut server = Server::start();
    server.succeed(server.post("/indexes", json!({ "uid": "kept", "primaryKey": "id" })));
    assert_eq!(server.terminate(), Some(0));
    assert_eq!(std::fs::read_to_string(server.dir().join("data.ms/VERSION")).unwrap(), "1.50.0");
    server.kill_and_restart();
    let (status, index) = server.get("/indexes/kept");
    assert_eq!((status, &index["primaryKey"]), (200, &json!("id")));
}

#[test]
fn an_open_request_is_answered_before_the_server_ends() {
    let mut server = Server::start();
    let mut connection = server.connect();
    let body = br#"{ "uid": "late" }"#;
    let head = format!(
        "POST /indexes HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n\
         Content-Length: {}\r\nExpect: 100-continue\r\n\r\n",
        body.len()
    );
    connection.write_all(head.as_bytes()).unwrap();
    let mut go_on = [0; b"HTTP/1.1 100 Continue\r\n\r\n".len()];
    connection.read_exact(&mut go_on).unwrap();
    assert_eq!(&go_on, b"HTTP/1.1 100 Continue\r\n\r\n");
    connection.write_all(&body[..5]).unwrap();

    server.ask_to_end();
    eventually(|| server.log().contains("asked to end"));
    assert!(server.is_running());
    connection.write_all(&body[5..]).unwrap();
    let mut answer = String::new();
    connection.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 202"), "{answer}");
    assert!(answer.contains(r#""indexUid":"late""#), "{answer}");
    assert_eq!(server.wait_for_end(), Some(0));

    server.restart();
    assert_eq!(server.wait_for(0)["status"], "succeeded");
    assert_eq!(server.get("/indexes/late").0, 200);
}
