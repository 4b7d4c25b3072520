//! The shell commands of `docs/operations.md`, run as they stand, one block after the other in one shell.

use std::net::TcpListener;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;

const GUIDE: &str = include_str!("../../../../docs/operations.md");
/// A command that fails ends the script, and the end takes the servers along.
const PRELUDE: &str = "set -euo pipefail\ntrap 'kill $(jobs -p) 2>/dev/null || true' EXIT\n";
/// The data directory of another server, as the guide calls it.
const FOREIGN: &str = "/var/lib/meilisearch/data.ms";

/// A port that nobody listens on.
fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// The blocks of shell commands.
fn blocks() -> impl Iterator<Item = &'static str> {
    GUIDE.split("```sh\n").skip(1).map(|rest| rest.split("```").next().unwrap())
}

#[test]
fn the_operations_guide_works() {
    let dir = tempfile::tempdir().unwrap();
    let bin = dir.path().join("bin");
    std::fs::create_dir(&bin).unwrap();
    symlink(env!("CARGO_BIN_EXE_meilisearch"), bin.join("meilisearch")).unwrap();
    let mut script = PRELUDE.to_owned();
    for (number, block) in blocks().enumerate() {
        script += &format!("echo '== block {number}'\n{block}\n");
    }
    let script = script
        .replace("localhost:7700", &format!("localhost:{}", free_port()))
        .replace(FOREIGN, "data/data.ms");
    let path = format!("{}:{}", bin.display(), std::env::var("PATH").unwrap());
    let output = Command::new("timeout")
        .args(["120", "bash", "-c", &script])
        .current_dir(dir.path())
        .env_clear()
        .env("PATH", path)
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let log = std::fs::read_to_string(dir.path().join("server.log")).unwrap_or_default();
    let complaints = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{text}\n{complaints}\n{log}");
    assert!(!text.contains(r#""code":"#), "{text}");
    assert_eq!(text.matches(r#""status":"succeeded""#).count(), 3, "{text}");
    // The original, the copies from the dump, from the snapshot and of the directory.
    assert_eq!(text.matches(r#""title":"Another""#).count(), 2, "{text}");
    assert!(text.contains(r#""films":{"numberOfDocuments":2"#), "{text}");
    assert!(text.contains("ended well"), "{text}");
    for data in ["data/data.ms", "copy/data.ms", "restored/data.ms", "trial/data.ms"] {
        let data = dir.path().join(data);
        assert!(data.join("VERSION").exists() && !data.join(".importing").exists(), "{data:?}");
    }
}

/// What the guide says of files and messages is there.
#[test]
fn the_operations_guide_names_what_there_is() {
    for line in GUIDE.lines() {
        for link in line.split("](").skip(1) {
            let target = link.split(')').next().unwrap();
            let file = target.split('#').next().unwrap();
            let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs").join(file);
            assert!(target.starts_with('#') || path.exists(), "{target}");
        }
    }
    let help = Command::new(env!("CARGO_BIN_EXE_meilisearch")).arg("--help").output().unwrap();
    let help = String::from_utf8(help.stdout).unwrap();
    let is_part = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    for option in GUIDE.split("`--").skip(1) {
        let name = option.split(|c| !is_part(c)).next().unwrap();
        let known = help.contains(&format!("--{name} ")) || help.contains(&format!("--{name}\n"));
        // Named as missing.
        assert!(known || name == "upgrade-db", "--{name}");
    }
}
