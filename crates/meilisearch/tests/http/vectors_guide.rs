//! The shell commands of `docs/vectors.md`, run as they stand in one shell, beside a provider.

use std::net::TcpListener;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;

use embedder_mock::{Mock, answer};

const GUIDE: &str = include_str!("../../../../docs/vectors.md");
/// A command that fails ends the script, and the end takes the server along.
const PRELUDE: &str = "set -euo pipefail\ntrap 'kill $(jobs -p) 2>/dev/null || true' EXIT\n";

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

#[test]
fn the_vectors_guide_works() {
    let mock = Mock::with(|request| answer(request, 64)).unwrap();
    let dir = tempfile::tempdir().unwrap();
    let bin = dir.path().join("bin");
    std::fs::create_dir(&bin).unwrap();
    symlink(env!("CARGO_BIN_EXE_meilisearch"), bin.join("meilisearch")).unwrap();
    let mut script = PRELUDE.to_owned();
    for (number, rest) in GUIDE.split("```sh\n").skip(1).enumerate() {
        script += &format!("echo '== block {number}'\n{}\n", rest.split("```").next().unwrap());
    }
    script += "echo '== end'\ncurl -s localhost:7700/tasks?statuses=failed\n";
    let script = script
        .replace("127.0.0.1:7799", &mock.address().to_string())
        .replace("localhost:7700", &format!("localhost:{}", free_port()));
    let path = format!("{}:{}", bin.display(), std::env::var("PATH").unwrap());
    let output = Command::new("timeout")
        .args(["120", "bash", "-c", &script])
        .current_dir(dir.path())
        .env_clear()
        .env("PATH", path)
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let complaints = String::from_utf8_lossy(&output.stderr);
    let log = std::fs::read_to_string(dir.path().join("server.log")).unwrap_or_default();
    assert!(output.status.success(), "{text}\n{complaints}\n{log}");
    let after = |block: &str| text.split(block).nth(1).unwrap().split("== ").next().unwrap();
    assert!(after("== end").contains(r#""total":0"#), "{text}");
    assert!(!text.contains(r#""code":"invalid"#), "{text}");
    // Three embedders, each with three documents.
    assert!(after("== block 1").contains(r#""numberOfEmbeddings":9"#), "{text}");
    assert!(after("== block 1").contains(r#""apiKey":"XXX...""#), "{text}");
    assert!(after("== block 2").contains(r#""rendered":"Up high""#), "{text}");
    // The picture itself is nearest to its own vector.
    assert!(after("== block 3").contains(r#""caption":"a red kite""#), "{text}");
    assert!(after("== block 3").contains(r#""_rankingScore":1.0"#), "{text}");
    assert!(after("== block 5").contains(r#""_rankingScore":1.0"#), "{text}");
    assert!(after("== block 6").contains(r#""title":"Up high""#), "{text}");
    assert!(after("== block 7").contains(r#""title":"The string""#), "{text}");
    assert!(after("== block 9").contains(r#""status":"canceled""#), "{text}");
    let snapshots = std::fs::read_dir(dir.path().join("snapshots")).unwrap();
    assert!(snapshots.count() > 0);
}

/// What the guide links to is there.
#[test]
fn the_vectors_guide_links_to_what_there_is() {
    for link in GUIDE.split("](").skip(1) {
        let target = link.split(')').next().unwrap();
        let file = target.split('#').next().unwrap();
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs").join(file);
        assert!(
            target.starts_with('#') || target.starts_with("https://") || path.exists(),
            "{target}"
        );
    }
}
