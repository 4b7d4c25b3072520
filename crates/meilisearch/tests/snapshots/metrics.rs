//! What `/metrics` tells of snapshots (index-snapshots.md section 9).

use serde_json::json;

use crate::common::{Server, eventually};
use crate::support::*;

/// The value of a series, if it is there.
fn metric(server: &Server, series: &str) -> Option<f64> {
    let mut response = server.raw("GET", "/metrics", &[], b"");
    let text = response.body_mut().read_to_string().unwrap();
    let value = text.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' '));
    value.map(|value| value.parse().unwrap())
}

#[test]
fn snapshots_are_counted_and_a_restart_remembers_the_last_one() {
    const LAST: &str =
        "meilisearch_index_snapshot_last_success_timestamp_seconds{index=\"countries\"}";
    let mut server = Server::start_with(&["--experimental-enable-metrics"]);
    fill(&server, "countries");
    assert_eq!(metric(&server, LAST), None);
    let details = snapshot(&server, "countries", json!({}));
    let of =
        |name: &str, kind: &str| format!("meilisearch_index_snapshot_{name}{{kind=\"{kind}\"}}");
    let creation = "singleIndexSnapshotCreation";
    // Counted right after the task is seen to have ended.
    eventually(|| metric(&server, &of("duration_seconds_count", creation)) == Some(1.0));
    let bytes = metric(&server, &of("bytes_total", creation)).unwrap();
    assert!(bytes > 4096.0 && bytes % 4096.0 == 0.0, "{bytes} bytes, {details}");
    let last = metric(&server, LAST).unwrap();
    let now = time::OffsetDateTime::now_utc().unix_timestamp() as f64;
    assert!((now - 120.0..=now).contains(&last), "{last} at {now}");

    let archive = download(&server, "countries", &details);
    server.succeed(upload(&server, "copy", "", &archive));
    let import = "singleIndexSnapshotImport";
    eventually(|| metric(&server, &of("duration_seconds_count", import)) == Some(1.0));

    let missing = server.wait(server.post("/indexes/nope/snapshots", json!({})));
    assert_eq!(missing["error"]["code"], "index_not_found");
    let failures = format!(
        "meilisearch_index_snapshot_failures_total{{code=\"index_not_found\",kind=\"{creation}\"}}"
    );
    eventually(|| metric(&server, &failures) == Some(1.0));

    server.kill_and_restart();
    assert_eq!(metric(&server, LAST), Some(last));
    assert_eq!(metric(&server, &of("duration_seconds_count", creation)), None);
}
