//! The commands of `docs/index-snapshots.md`, run as they stand, one block after the other.

use std::process::Command;

use serde_json::Value;

use crate::common::Server;
use crate::support::*;

const GUIDE: &str = include_str!("../../../../docs/index-snapshots.md");

/// The blocks of shell commands of a page.
fn commands(page: &str) -> Vec<&str> {
    page.split("```sh\n").skip(1).map(|rest| rest.split("```").next().unwrap()).collect()
}

#[test]
fn the_operators_guide_works() {
    let server = Server::start();
    fill(&server, "countries");
    let blocks = commands(GUIDE);
    assert!(blocks.len() > 12, "{}", blocks.len());
    let wait = "until ! curl -s 'http://localhost:7700/tasks?statuses=enqueued,processing' | grep -q '\"uid\"'; \
                do sleep 0.05; done";
    let script: String = blocks.iter().map(|block| format!("{block}\n{wait}\n")).collect();
    let script = format!("set -eu\n{script}").replace("http://localhost:7700", server.url());
    // The deletion of tasks is the last block: what they came to is looked at before it.
    let (script, last) = script.rsplit_once("curl -s -X POST").unwrap();
    let run = |script: &str| {
        let output =
            Command::new("bash").args(["-c", script]).current_dir(server.dir()).output().unwrap();
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success(), "{text}\n{}", String::from_utf8_lossy(&output.stderr));
        assert!(!text.contains(r#""code":"#), "{text}");
        text
    };
    let text = run(script);
    assert!(text.contains("data.mdb: OK"), "{text}");
    let (_, tasks) = server.get("/tasks?limit=100");
    for task in tasks["results"].as_array().unwrap() {
        assert_eq!(task["status"], "succeeded", "{task}");
    }
    for index in ["countries", "states", "countries-copy", "production", "candidate"] {
        assert_eq!(number_of_documents(&server, index), 195, "{index}");
    }
    run(&format!("set -eu\ncurl -s -X POST{last}"));
    let path = "/tasks?types=singleIndexSnapshotCreation,singleIndexSnapshotImport";
    assert_eq!(server.get(path).1["results"], Value::Array(vec![]));
}
