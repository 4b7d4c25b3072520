//! The six routes: what they answer, what they refuse and with which code.

use serde_json::{Value, json};

use crate::common::{Server, json as body_of};
use crate::support::*;

fn code((status, body): (u16, Value)) -> (u16, String) {
    (status, body["code"].as_str().unwrap_or_default().to_owned())
}

#[test]
fn snapshots_are_listed_shown_and_deleted() {
    let server = Server::start();
    fill(&server, "countries");
    let made: Vec<_> = ["gzip", "zstd", "none"]
        .map(|compression| snapshot(&server, "countries", json!({ "compression": compression })))
        .into();
    let (status, page) = server.get("/indexes/countries/snapshots");
    assert_eq!(status, 200);
    assert_eq!(
        (&page["total"], &page["offset"], &page["limit"]),
        (&json!(3), &json!(0), &json!(20))
    );
    let listed = page["results"].as_array().unwrap();
    for (entry, details) in listed.iter().rev().zip(&made) {
        for field in [
            "snapshotUid",
            "fileName",
            "size",
            "dataSize",
            "compression",
            "sha256",
            "numberOfDocuments",
        ] {
            assert_eq!(entry[field], details[field], "{field}");
        }
        assert_eq!(entry["indexUid"], "countries");
        assert_eq!(entry["meilisearchVersion"], "1.50.0");
        assert_eq!(entry.as_object().unwrap().len(), 11, "{entry}");
    }
    assert_eq!(listed[2]["lastTaskUid"], 1);
    assert_eq!(listed[0]["lastTaskUid"], 3);
    let (_, second) = server.get("/indexes/countries/snapshots?offset=1&limit=1");
    assert_eq!(second["results"], json!([listed[1]]));
    assert_eq!(second["total"], 3);

    let path = format!("/indexes/countries/snapshots/{}", made[0]["snapshotUid"].as_str().unwrap());
    let (status, shown) = server.get(&path);
    assert_eq!(status, 200);
    assert_eq!(shown["index"]["primaryKey"], "id");
    assert_eq!(shown["index"]["numberOfDocuments"], 195);
    let settings = server.get("/indexes/countries/settings").1;
    assert_eq!(shown["index"]["settings"]["synonyms"], settings["synonyms"]);
    assert_eq!(
        shown["index"]["settings"]["filterableAttributes"],
        settings["filterableAttributes"]
    );

    // They outlive their index.
    server.succeed(server.delete("/indexes/countries"));
    assert_eq!(server.get("/indexes/countries/snapshots").1["total"], 3);
    assert_eq!(server.delete(&path), (204, Value::Null));
    assert_eq!(code(server.get(&path)), (404, "index_snapshot_not_found".into()));
    assert_eq!(code(server.delete(&path)), (404, "index_snapshot_not_found".into()));
    assert_eq!(server.get("/indexes/countries/snapshots").1["total"], 2);
    assert_eq!(std::fs::read_dir(server.dir().join("snapshots")).unwrap().count(), 4);
    assert_eq!(server.get("/indexes/other/snapshots").1["results"], json!([]));
}

/// A uid may be longer than a file name; the manifest tells such indexes apart.
#[test]
fn long_uids_have_snapshots_too() {
    let server = Server::start();
    let (long, other) = ("a".repeat(400), format!("{}b", "a".repeat(399)));
    for (uid, id) in [(&long, 1), (&other, 2)] {
        let documents = json!([{ "id": id }]);
        server.succeed(server.post(&format!("/indexes/{uid}/documents"), documents));
        let details = snapshot(&server, uid, json!({}));
        assert!(details["fileName"].as_str().unwrap().contains('~'), "{details}");
        let (_, page) = server.get(&format!("/indexes/{uid}/snapshots"));
        assert_eq!((&page["total"], &page["results"][0]["indexUid"]), (&json!(1), &json!(uid)));
        let archive = download(&server, uid, &details);
        server.succeed(upload(&server, &format!("copy{id}"), "", &archive));
        assert_eq!(server.get(&format!("/indexes/copy{id}/documents/{id}")).0, 200);
    }
}

#[test]
fn bad_requests_have_their_codes() {
    let server = Server::start();
    let create = |body: Value| code(server.post("/indexes/a/snapshots", body));
    let bad = |code: &str| (400, code.to_owned());
    assert_eq!(create(json!({ "compression": "lzma" })), bad("invalid_index_snapshot_compression"));
    assert_eq!(create(json!({ "compression": 3 })), bad("invalid_index_snapshot_compression"));
    assert_eq!(create(json!({ "other": 3 })), bad("bad_request"));
    assert_eq!(create(json!([])), bad("bad_request"));
    assert_eq!(code(server.post("/indexes/a%20b/snapshots", json!({}))), bad("invalid_index_uid"));
    let get = |path: &str| code(server.get(&format!("/indexes/a/snapshots{path}")));
    assert_eq!(get("?offset=x"), bad("invalid_index_snapshot_offset"));
    assert_eq!(get("?limit=-1"), bad("invalid_index_snapshot_limit"));
    assert_eq!(get("?other=1"), bad("bad_request"));
    assert_eq!(get("/nonsense"), bad("invalid_index_snapshot_uid"));
    assert_eq!(get("/..%2F..%2Fsecret/download"), bad("invalid_index_snapshot_uid"));
    assert_eq!(get("/20260201-101530042"), (404, "index_snapshot_not_found".into()));
    assert_eq!(get("/20260201-101530042/download"), (404, "index_snapshot_not_found".into()));

    let import = |body: Value| code(server.post("/indexes/a/snapshots/import", body));
    let uid = "20260201-101530042";
    assert_eq!(import(json!({})), bad("missing_index_snapshot_source"));
    assert_eq!(
        import(json!({ "snapshotUid": uid, "fileName": "a" })),
        bad("missing_index_snapshot_source")
    );
    assert_eq!(import(json!({ "snapshotUid": "x" })), bad("invalid_index_snapshot_uid"));
    assert_eq!(import(json!({ "snapshotUid": 1 })), bad("invalid_index_snapshot_uid"));
    for name in ["", "a/b", "../a", "..", ".hidden", "a\\b", "/etc/passwd"] {
        assert_eq!(
            import(json!({ "fileName": name })),
            bad("invalid_index_snapshot_file_name"),
            "{name}"
        );
    }
    let with = |field: &str, value: Value| {
        let mut body = json!({ "snapshotUid": uid });
        body[field] = value;
        import(body)
    };
    assert_eq!(with("indexUid", json!("a b")), bad("invalid_index_snapshot_index_uid"));
    assert_eq!(with("overwrite", json!("yes")), bad("invalid_index_snapshot_overwrite"));
    assert_eq!(with("dryRun", json!(1)), bad("invalid_index_snapshot_dry_run"));
    assert_eq!(with("sha256", json!("abc")), bad("invalid_index_snapshot_sha256"));
    assert_eq!(with("unknown", json!(1)), bad("bad_request"));
    assert_eq!(with("overwrite", json!(true)), (404, "index_snapshot_not_found".into()));
    assert_eq!(
        import(json!({ "fileName": "missing.tar" })),
        (404, "index_snapshot_not_found".into())
    );

    let send = |query: &str, content_type: Option<&str>| {
        let headers: Vec<_> = content_type.map(|it| ("Content-Type", it)).into_iter().collect();
        let path = format!("/indexes/a/snapshots/import{query}");
        let response = server.raw("POST", &path, &headers, b"not an archive");
        code((response.status().as_u16(), body_of(response)))
    };
    let gzip = Some("application/gzip");
    assert_eq!(send("?overwrite=yes", gzip), bad("invalid_index_snapshot_overwrite"));
    assert_eq!(send("?dryRun=1", gzip), bad("invalid_index_snapshot_dry_run"));
    assert_eq!(send("?sha256=1", gzip), bad("invalid_index_snapshot_sha256"));
    assert_eq!(send("?unknown=1", gzip), bad("bad_request"));
    assert_eq!(send("", gzip), bad("index_snapshot_corrupted"));
    assert_eq!(send("", Some("text/csv")), (415, "invalid_content_type".into()));
    assert_eq!(send("", None), (415, "missing_content_type".into()));
    assert_eq!(server.get("/tasks").1["total"], 0, "nothing was enqueued");
}

#[test]
fn what_a_task_finds_missing_is_its_error() {
    let server = Server::start();
    let task = server.wait(server.post("/indexes/missing/snapshots", json!({})));
    assert_eq!(task["error"]["code"], "index_not_found", "{task}");
    assert_eq!(task["details"]["sha256"], Value::Null);
    assert!(task["details"]["fileName"].as_str().unwrap().starts_with("missing-"));

    fill(&server, "countries");
    let details = snapshot(&server, "countries", json!({}));
    // A directory that cannot be made: a file stands in its place.
    let snapshots = server.dir().join("snapshots");
    std::fs::remove_dir_all(&snapshots).unwrap();
    std::fs::write(&snapshots, "in the way").unwrap();
    let task = server.wait(server.post("/indexes/countries/snapshots", json!({})));
    assert_eq!(task["error"]["code"], "index_snapshot_directory_unwritable", "{task}");
    assert!(task["error"]["message"].as_str().unwrap().contains("snapshots"));
    std::fs::remove_file(&snapshots).unwrap();
    let again = snapshot(&server, "countries", json!({}));
    assert_ne!(again["snapshotUid"], details["snapshotUid"]);
}

#[test]
fn only_the_right_keys_open_the_routes() {
    let mut server = Server::start_with(&["--master-key", "a-master-key-of-the-test"]);
    let statuses = |server: &Server| {
        let one = "/indexes/a/snapshots/20260201-101530042";
        [
            server.post("/indexes/a/snapshots", json!({})).0,
            server.get("/indexes/a/snapshots").0,
            server.get(one).0,
            server.get(&format!("{one}/download")).0,
            server.delete(one).0,
            server.post("/indexes/a/snapshots/import", json!({ "fileName": "a.tar" })).0,
        ]
    };
    assert_eq!(statuses(&server), [401; 6]);
    server.use_key(Some("nonsense"));
    assert_eq!(statuses(&server), [403; 6]);
    server.use_key(Some("a-master-key-of-the-test"));
    assert_eq!(statuses(&server), [202, 200, 404, 404, 404, 404]);
}

#[test]
fn a_key_sees_only_its_indexes() {
    const MASTER_KEY: &str = "a-master-key-of-the-test";
    let mut server = Server::start_with(&["--master-key", MASTER_KEY]);
    server.use_key(Some(MASTER_KEY));
    for uid in ["mine", "theirs"] {
        fill(&server, uid);
    }
    let mine = snapshot(&server, "mine", json!({}));
    let theirs = snapshot(&server, "theirs", json!({}));
    let (mine_archive, theirs_archive) =
        (download(&server, "mine", &mine), download(&server, "theirs", &theirs));
    let key = |server: &Server, actions: Value| {
        let body = json!({ "actions": actions, "indexes": ["mine", "mine-*"], "expiresAt": null });
        let (status, key) = server.post("/keys", body);
        assert_eq!(status, 201, "{key}");
        key["key"].as_str().unwrap().to_owned()
    };
    let all = json!([
        "snapshots.get",
        "snapshots.download",
        "snapshots.delete",
        "snapshots.import",
        "tasks.get"
    ]);
    let limited = json!(["indexes.get"]);
    let (all, limited) = (key(&server, all), key(&server, limited));
    let path = |uid: &str, details: &Value, rest: &str| {
        format!("/indexes/{uid}/snapshots/{}{rest}", details["snapshotUid"].as_str().unwrap())
    };
    let forbidden = (403, "invalid_api_key".to_owned());

    server.use_key(Some(&limited));
    assert_eq!(code(server.get("/indexes/mine/snapshots")), forbidden);
    assert_eq!(code(upload(&server, "mine-2", "", &mine_archive)), forbidden);

    server.use_key(Some(&all));
    assert_eq!(server.get("/indexes/mine/snapshots").0, 200);
    assert_eq!(code(server.get("/indexes/theirs/snapshots")), forbidden);
    assert_eq!(code(server.get(&path("theirs", &theirs, "/download"))), forbidden);
    assert_eq!(code(server.delete(&path("theirs", &theirs, ""))), forbidden);
    // The source counts as well as the target, in whatever way it is named.
    let import = |target: &str, body: Value| {
        code(server.post(&format!("/indexes/{target}/snapshots/import"), body))
    };
    let (uid, name) = (&theirs["snapshotUid"], &theirs["fileName"]);
    assert_eq!(import("mine-2", json!({ "snapshotUid": uid, "indexUid": "theirs" })), forbidden);
    assert_eq!(import("mine-2", json!({ "fileName": name })), forbidden);
    assert_eq!(import("theirs", json!({ "fileName": mine["fileName"] })), forbidden);
    assert_eq!(code(upload(&server, "mine-2", "", &theirs_archive)), forbidden);
    assert_eq!(code(upload(&server, "theirs", "", &mine_archive)), forbidden);
    server.succeed(upload(&server, "mine-2", "", &mine_archive));
    let body = json!({ "fileName": mine["fileName"] });
    server.succeed(server.post("/indexes/mine-3/snapshots/import", body));
    assert_eq!(server.delete(&path("mine", &mine, "")).0, 204);
    assert_eq!(left_on_disk(&server), (4, 0));
}
