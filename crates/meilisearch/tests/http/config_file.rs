//! The configuration file (operations.md section 2).

use std::path::Path;

use crate::common::{Server, command, eventually};

/// Starts the server with a file and further arguments and variables, and tells the status and complaint.
fn refused(
    dir: &Path,
    file: &str,
    arguments: &[&str],
    variables: &[(&str, &str)],
) -> (i32, String) {
    std::fs::write(dir.join("config.toml"), file).unwrap();
    let arguments: Vec<_> = arguments.iter().map(ToString::to_string).collect();
    let mut command = command(dir, &arguments);
    let output = command.envs(variables.iter().copied()).output().unwrap();
    (output.status.code().unwrap(), String::from_utf8_lossy(&output.stderr).into_owned())
}

#[test]
fn the_file_counts_less_than_the_environment_and_the_command_line() {
    let dir = tempfile::tempdir().unwrap();
    let production = "env = 'production'\n";
    // Production without a key does not start, so the start tells what was in force.
    let (status, complaint) = refused(dir.path(), production, &[], &[]);
    assert!(status == 1 && complaint.contains("master key"), "{complaint}");
    let with_key = format!("{production}master_key = 'short'");
    let (_, complaint) = refused(dir.path(), &with_key, &[], &[]);
    assert!(complaint.contains("too short"), "{complaint}");
    let (_, complaint) = refused(dir.path(), &with_key, &[], &[("MEILI_MASTER_KEY", "")]);
    assert!(complaint.contains("too short"), "an empty variable counts: {complaint}");
    // The default path may be missing or unreadable; one that was asked for may not.
    for asked in [&["--config-file-path", "missing.toml"][..], &["--config-file-path", "."]] {
        let (status, complaint) = refused(dir.path(), "", asked, &[]);
        assert!(status == 1 && complaint.contains("cannot be read"), "{complaint}");
    }
    let variable = [("MEILI_CONFIG_FILE_PATH", "missing.toml")];
    assert_eq!(refused(dir.path(), "", &[], &variable).0, 1);

    let file = tempfile::NamedTempFile::new().unwrap();
    let text = "env = 'production'\nmaster_key = 'a key of the configuration'\nimport_snapshot = '/nowhere'\n\
                schedule_snapshot = 1\nexperimental_enable_metrics = true\nno_analytics = true\n";
    std::fs::write(file.path(), text).unwrap();
    let path = format!("--config-file-path={}", file.path().display());
    let mut server = Server::start_with(&[&path]);
    assert_eq!(server.get("/indexes").0, 401);
    server.use_key(Some("a key of the configuration"));
    assert_eq!(server.raw("GET", "/metrics", &[], b"").status(), 200);
    eventually(|| server.get("/tasks?types=snapshotCreation").1["total"] != 0);
    let mut server = Server::start_with(&[&path, "--master-key", "a key of the command line"]);
    server.use_key(Some("a key of the command line"));
    assert_eq!(server.get("/indexes").0, 200);
}

#[test]
fn wrong_files_are_fatal_and_say_why() {
    let dir = tempfile::tempdir().unwrap();
    for (text, expected, status) in [
        ("env = ", "no TOML", 1),
        ("colour = 'red'", "`colour`", 1),
        ("no_analytics = 1", "`no_analytics` an integer", 1),
        ("config_file_path = 'other.toml'", "cannot name another one", 1),
        ("env = 'staging'", "config.toml", 2),
        ("http_payload_size_limit = 'a lot'", "not a size", 2),
    ] {
        let (found, complaint) = refused(dir.path(), text, &[], &[]);
        assert_eq!(found, status, "{text}: {complaint}");
        assert!(complaint.contains(expected), "{text}: {complaint}");
        // Arguments are judged first.
        assert_eq!(refused(dir.path(), text, &["--nope"], &[]).0, 2);
    }
}
