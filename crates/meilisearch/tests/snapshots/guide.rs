//! The commands of `docs/index-snapshots.md`, run as they stand, one block after the other, against two
//! servers. (Those of `meilitool` are run by the tests of that program.)

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;

use serde_json::{Value, json};

use crate::common::Server;
use crate::support::*;

const GUIDE: &str = include_str!("../../../../docs/index-snapshots.md");
const MASTER_KEY: &str = "a-master-key-of-the-test";
/// Sends the key with every request; waits until no task is left on either server.
const PRELUDE: &str = r#"
set -euo pipefail
curl() { command curl -H 'Authorization: Bearer MASTER_KEY' "$@"; }
wait_for_tasks() {
    for server in http://localhost:7700 http://localhost:7701; do
        until curl -s "$server/tasks?statuses=enqueued,processing" | grep -qF '"results":[]'; do
            sleep 0.05
        done
    done
}
"#;

/// The servers that the guide calls `localhost:7700` and `localhost:7701`.
struct Servers {
    production: Server,
    staging: Server,
}

impl Servers {
    fn start() -> Servers {
        let start = || {
            let options = ["--master-key", MASTER_KEY, "--experimental-enable-metrics"];
            let mut server = Server::start_with(&options);
            server.use_key(Some(MASTER_KEY));
            server
        };
        let servers = Servers { production: start(), staging: start() };
        fill(&servers.production, "countries");
        fill(&servers.staging, "shop");
        servers
    }

    fn with_addresses(&self, text: &str) -> String {
        text.replace("http://localhost:7700", self.production.url())
            .replace("http://localhost:7701", self.staging.url())
    }

    /// Runs the blocks of shell commands of a part of the guide in one shell, in the directory of the first
    /// server; all tasks end before the next block. A block that is a script becomes the file that its
    /// second line names. Gives what is printed.
    fn run(&self, part: &str) -> String {
        let mut script = PRELUDE.replace("MASTER_KEY", MASTER_KEY);
        let mut number = 0;
        for block in part.split("```sh\n").skip(1) {
            let block = block.split("```").next().unwrap();
            number += 1;
            if block.starts_with("meilitool") {
                continue;
            }
            if block.starts_with("#!") {
                // Written by the shell: a file that this process wrote may be busy when it is to run.
                let name = block.lines().nth(1).unwrap().split(' ').nth(1).unwrap();
                script += &format!("cat > {name} <<'END'\n{block}END\nchmod +x {name}\n");
                continue;
            }
            script += &format!("{block}\nwait_for_tasks\n");
        }
        assert!(number > 0, "no commands in {part}");
        let output = Command::new("bash")
            .args(["-c", &self.with_addresses(&script)])
            .current_dir(self.production.dir())
            .output()
            .unwrap();
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success(), "{text}\n{}", String::from_utf8_lossy(&output.stderr));
        assert!(!text.contains(r#""code":"#), "{text}");
        text
    }
}

/// The names of metrics in a text.
fn metric_names(text: &str) -> Vec<&str> {
    let words = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    words.filter(|word| word.starts_with("meilisearch_")).collect()
}

#[test]
fn the_operators_guide_works() {
    let servers = Servers::start();
    let Servers { production, staging } = &servers;
    let (everyday, recipes) = GUIDE.split_once("## Nightly backup").unwrap();
    let (recipes, going_back) = recipes.split_once("## Going back").unwrap();

    let text = servers.run(everyday);
    assert!(text.contains("data.mdb: OK"), "{text}");
    for index in ["countries", "states", "countries-copy", "production"] {
        assert_eq!(number_of_documents(production, index), 195, "{index}");
    }
    assert_eq!(production.get("/indexes/countries/snapshots").1["total"], 2);

    servers.run(recipes);
    // The script made a third one and kept two.
    assert_eq!(production.get("/indexes/countries/snapshots").1["total"], 2);
    let header = production.dir().join("snapshot-header");
    assert_eq!(fs::metadata(header).unwrap().permissions().mode() & 0o777, 0o600);
    for (server, index) in [
        (production, "countries"),
        (production, "shop"),
        (production, "seeded"),
        (staging, "seeded"),
    ] {
        assert_eq!(number_of_documents(server, index), 195, "{index}");
    }
    assert_eq!(production.get("/indexes/candidate").0, 404);
    let mut failed = Vec::new();
    for server in [production, staging] {
        let (_, tasks) = server.get("/tasks?limit=1000");
        let tasks = tasks["results"].as_array().unwrap().clone();
        failed.extend(tasks.into_iter().filter(|task| task["status"] != "succeeded"));
    }
    // The guide says so: there is no `shop` to be kept before the first promotion.
    assert_eq!(failed.len(), 1, "{failed:?}");
    assert_eq!(failed[0]["indexUid"], "shop");
    assert_eq!(failed[0]["error"]["code"], "index_not_found");

    let metrics = production.raw("GET", "/metrics", &[], b"").body_mut().read_to_string().unwrap();
    let names = metric_names(GUIDE);
    assert!(names.len() >= 6, "{names:?}");
    for name in names {
        assert!(metrics.contains(&format!("# TYPE {name} ")), "{name}");
    }

    let key_names = || {
        let (_, keys) = production.get("/keys?limit=1000");
        let keys = keys["results"].as_array().unwrap().clone();
        keys.into_iter().filter(|key| key["name"] == "nightly snapshots").count()
    };
    assert_eq!(key_names(), 1);
    servers.run(going_back);
    assert_eq!(key_names(), 0);
    let path = "/tasks?types=singleIndexSnapshotCreation,singleIndexSnapshotImport";
    assert_eq!(production.get(path).1["results"], Value::Array(vec![]));
}

/// The script for cron tells by its status whether there is a new snapshot.
#[test]
fn the_guides_script_fails_when_there_is_no_snapshot() {
    let servers = Servers::start();
    let (_, part) = GUIDE.split_once("A script, `snapshot-index`").unwrap();
    let part = part.split_once("Try it").unwrap().0;
    servers.run(part);
    let run = |header: &str, index: &str| {
        fs::write(servers.production.dir().join("header"), header).unwrap();
        let mut command = Command::new("./snapshot-index");
        let command = command.arg(index).env("MEILI_HEADER", "header");
        command.current_dir(servers.production.dir()).output().unwrap()
    };
    let right = format!("Authorization: Bearer {MASTER_KEY}\n");
    assert!(run(&right, "countries").status.success());
    for (header, index, code) in [
        (right.as_str(), "missing", "index_not_found"),
        ("Authorization: Bearer nonsense\n", "countries", "invalid_api_key"),
    ] {
        let output = run(header, index);
        assert_eq!(output.status.code(), Some(1), "{output:?}");
        let told = String::from_utf8(output.stderr).unwrap();
        assert!(told.contains(code), "{told}");
    }
    let (_, listed) = servers.production.get("/indexes/countries/snapshots");
    assert_eq!(listed["total"], json!(1));
}
