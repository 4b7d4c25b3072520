//! A dump of one server becomes another server, over HTTP and the command line.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::{Value, json};

use crate::common::Server;

const MASTER_KEY: &str = "a master key of 24 bytes";

/// Makes a dump and gives its path.
fn dump(server: &Server) -> PathBuf {
    let task = server.succeed(server.raw_post("/dumps"));
    let uid = task["details"]["dumpUid"].as_str().unwrap();
    server.dir().join("dumps").join(format!("{uid}.dump"))
}

#[test]
fn a_dump_becomes_the_same_instance() {
    let mut server = Server::start_with(&["--master-key", MASTER_KEY]);
    server.use_key(Some(MASTER_KEY));
    let settings = json!({
        "filterableAttributes": ["year"],
        "synonyms": {"film": ["movie"]},
        "embedders": {"m": {"source": "userProvided", "dimensions": 2}},
    });
    server.succeed(server.patch("/indexes/films/settings", settings));
    let documents = json!([
        {"id": 1, "title": "A film", "year": 1999, "_vectors": {"m": [0.5, 0.25]}},
        {"id": 2, "title": "Another\nmovie", "year": 2001.5, "_vectors": {"m": null}},
    ]);
    server.succeed(server.post("/indexes/films/documents", documents));
    server.succeed(server.post("/indexes", json!({"uid": "empty", "primaryKey": "key"})));
    server.wait(server.delete("/indexes/missing"));
    let key = json!({"actions": ["search"], "indexes": ["films"], "expiresAt": null, "name": "k"});
    assert_eq!(server.post("/keys", key).0, 201);
    assert_eq!(server.patch("/experimental-features", json!({"metrics": true})).0, 200);
    let archive = dump(&server);

    let import = ["--master-key", MASTER_KEY, "--import-dump", archive.to_str().unwrap()];
    let mut copy = Server::start_with(&import);
    copy.use_key(Some(MASTER_KEY));
    for path in [
        "/keys",
        "/indexes/films/settings",
        "/indexes/films/documents?retrieveVectors=true",
        "/indexes/films/search?q=film&filter=year%20%3E%201",
        "/indexes/empty/settings",
        "/experimental-features",
        "/tasks?types=documentAdditionOrUpdate,settingsUpdate,indexCreation,indexDeletion",
        "/batches?uids=0,1,2,3",
    ] {
        let answers = [&server, &copy].map(|server| {
            let (status, mut answer) = server.get(path);
            assert_eq!(status, 200, "{path}: {answer}");
            if let Value::Object(answer) = &mut answer {
                answer.remove("processingTimeMs");
                answer.remove("requestUid");
            }
            answer
        });
        assert_eq!(answers[0], answers[1], "{path}");
    }
    assert_eq!(copy.get("/indexes/empty").1["primaryKey"], "key");
    let uid = |server: &Server| std::fs::read(server.dir().join("data.ms/instance-uid")).unwrap();
    assert_eq!(uid(&copy), uid(&server));
    let key = copy.get("/keys").1["results"][0]["key"].as_str().unwrap().to_owned();
    copy.use_key(Some(&key));
    assert_eq!(copy.get("/indexes/films/search?q=film").1["hits"].as_array().unwrap().len(), 2);
    copy.use_key(Some(MASTER_KEY));
    let task = copy.succeed(
        copy.post("/indexes/films/documents", json!([{"id": 3, "_vectors": {"m": null}}])),
    );
    assert!(task["uid"].as_u64() > Some(4), "{task}");
}

/// A dump with other webhooks.
fn with_webhooks(dump: &[u8], webhooks: &Value) -> Vec<u8> {
    let dir = tempfile::tempdir().unwrap();
    tar::Archive::new(flate2::read::GzDecoder::new(dump)).unpack(dir.path()).unwrap();
    std::fs::write(dir.path().join("webhooks.json"), webhooks.to_string()).unwrap();
    let encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    let mut tar = tar::Builder::new(encoder);
    tar.append_dir_all(".", dir.path()).unwrap();
    tar.into_inner().unwrap().finish().unwrap()
}

#[test]
fn webhooks_go_along() {
    let fixed = ["--task-webhook-url", "https://fixed.invalid/"];
    let server = Server::start_with(&fixed);
    let headers = json!({"Authorization": "Bearer a-secret-of-the-hook", "X": "1"});
    for url in ["https://a.invalid/", "https://b.invalid/"] {
        assert_eq!(server.post("/webhooks", json!({"url": url, "headers": headers})).0, 201);
    }
    let archive = dump(&server);
    let import = format!("--import-dump={}", archive.display());
    let copy = Server::start_with(&[&import, fixed[0], fixed[1]]);
    // The secrets are hidden here, and whole in the dump that the copy makes.
    assert_eq!(copy.get("/webhooks"), server.get("/webhooks"));
    assert_eq!(copy.get("/webhooks").1["results"].as_array().unwrap().len(), 3);
    let in_dump = |archive: &Path| {
        let file = std::fs::File::open(archive).unwrap();
        let mut tar = tar::Archive::new(flate2::read::GzDecoder::new(file));
        let mut entries = tar.entries().unwrap().map(Result::unwrap);
        let webhooks = entries.find(|entry| entry.path().unwrap().ends_with("webhooks.json"));
        serde_json::from_reader::<_, Value>(webhooks.unwrap()).unwrap()
    };
    let webhooks = in_dump(&archive);
    assert_eq!(in_dump(&dump(&copy)), webhooks);
    // The one of the command line is not among them.
    let mut dumped: Vec<Value> =
        webhooks["webhooks"].as_object().unwrap().values().cloned().collect();
    dumped.sort_by_key(|hook| hook["url"].to_string());
    let expected = |url: &str| json!({"url": url, "headers": headers});
    assert_eq!(dumped, [expected("https://a.invalid/"), expected("https://b.invalid/")]);
}

#[test]
fn webhooks_that_can_never_be_called_are_left_out() {
    let server = Server::start();
    let good = std::fs::read(dump(&server)).unwrap();
    let uuid = |number: u32| format!("c41e84cf-8a85-4b9f-a1c4-{number:012}");
    let hook = |url: &str, headers: Value| json!({"url": url, "headers": headers});
    let url = "https://hook.invalid/";
    let mut webhooks = json!({
        uuid(1): {"url": url},
        uuid(2): hook("hook", json!({})),
        uuid(3): hook(url, json!({"a b": ""})),
        uuid(4): hook(url, json!({"a": "\n"})),
        "00000000-0000-0000-0000-000000000000": hook(url, json!({})),
    });
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.dump");
    let count = |webhooks: &Value| {
        let webhooks = json!({ "webhooks": webhooks });
        std::fs::write(&path, with_webhooks(&good, &webhooks)).unwrap();
        let server = Server::start_with(&[&format!("--import-dump={}", path.display())]);
        let (_, kept) = server.get("/webhooks");
        kept["results"].as_array().unwrap().len()
    };
    assert_eq!(count(&webhooks), 1);
    for number in 10..40 {
        webhooks[uuid(number)] = hook(url, json!({}));
    }
    assert_eq!(count(&webhooks), 20);
    // What has another form than a webhook tells of damage.
    for damaged in
        [json!({"webhooks": {uuid(1): {}}}), json!({"webhooks": {"x": {"url": url}}}), json!([])]
    {
        std::fs::write(&path, with_webhooks(&good, &damaged)).unwrap();
        let output = import(dir.path(), &path);
        let log = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(1), "{damaged}: {log}");
        assert!(log.contains("`webhooks.json`"), "{damaged}: {log}");
        assert!(!dir.path().join("data.ms").exists(), "{damaged}: {log}");
    }
}

/// Starts a server in a directory with a dump to import that it is expected not to accept.
fn import(dir: &Path, archive: &Path) -> Output {
    let path = |name: &str| dir.join(name);
    let mut command = Command::new(env!("CARGO_BIN_EXE_meilisearch"));
    command.arg("--db-path").arg(path("data.ms")).arg("--import-dump").arg(archive);
    command.arg("--dump-dir").arg(path("dumps")).arg("--snapshot-dir").arg(path("snapshots"));
    command.args(["--http-addr", "127.0.0.1:0"]).current_dir(dir).output().unwrap()
}

#[test]
fn damaged_dumps_are_refused_and_leave_no_database() {
    let server = Server::start();
    server.succeed(server.post("/indexes/films/documents", json!([{"id": 1}, {"id": 2}])));
    let good = std::fs::read(dump(&server)).unwrap();
    let dir = tempfile::tempdir().unwrap();
    let unpacked = dir.path().join("unpacked");
    let repacked = |file: &str, content: Option<&str>| {
        let _ = std::fs::remove_dir_all(&unpacked);
        let decoder = flate2::read::GzDecoder::new(good.as_slice());
        tar::Archive::new(decoder).unpack(&unpacked).unwrap();
        match content {
            Some(content) => std::fs::write(unpacked.join(file), content).unwrap(),
            None => std::fs::remove_file(unpacked.join(file)).unwrap(),
        }
        let encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        let mut tar = tar::Builder::new(encoder);
        tar.append_dir_all(".", &unpacked).unwrap();
        tar.into_inner().unwrap().finish().unwrap()
    };
    let documents = "indexes/films/documents.jsonl";
    for (archive, told) in [
        (b"not a dump".to_vec(), "cannot be unpacked"),
        (Vec::new(), "cannot be unpacked"),
        (good[..good.len() / 2].to_vec(), "cannot be unpacked"),
        (good[..good.len() - 1].to_vec(), "cannot be unpacked"),
        (repacked("metadata.json", None), "no `metadata.json`"),
        (repacked("metadata.json", Some(r#"{"dumpVersion":"V3"}"#)), "version V3"),
        (repacked("metadata.json", Some(r#"{"dumpVersion":"V7"}"#)), "version V7"),
        (repacked("metadata.json", Some("{}")), "`metadata.json`"),
        (repacked("keys.jsonl", None), "no `keys.jsonl`"),
        (repacked("keys.jsonl", Some("{}\n")), "`keys.jsonl`, line 1"),
        (repacked("tasks/queue.jsonl", None), "no `tasks/queue.jsonl`"),
        (repacked("tasks/queue.jsonl", Some("\n")), "`tasks/queue.jsonl`, line 1"),
        (repacked("batches/queue.jsonl", Some("[]\n")), "`batches/queue.jsonl`, line 1"),
        (repacked("indexes/films/metadata.json", Some("1")), "indexes/films/metadata.json"),
        (repacked("indexes/films/settings.json", None), "indexes/films/settings.json"),
        (repacked("indexes/films/settings.json", Some("{\"stopWords\":1}")), "settings.json"),
        (repacked(documents, None), documents),
        (repacked(documents, Some("{\"id\":1}\n{\"id\":")), "films"),
        (repacked(documents, Some("[{\"id\":1}]")), "films"),
        (repacked(documents, Some("{\"id\":1}\n{\"id\":[]}\n")), "films"),
        (repacked("data.mdb", Some("")), "is a snapshot, not a dump"),
    ] {
        let path = dir.path().join("a.dump");
        std::fs::write(&path, archive).unwrap();
        let output = import(dir.path(), &path);
        let log = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(1), "{told}: {log}");
        assert!(log.contains(told), "{told}: {log}");
        assert!(!log.contains("panicked"), "{told}: {log}");
        assert!(!dir.path().join("data.ms").exists(), "{told}: {log}");
    }
}

/// An archive of version 5, as Meilisearch 0.29 made it.
fn version_5() -> Vec<u8> {
    let index = "5d9e5e8e-6b1a-4d09-8a4c-1f4b3a2c1d00";
    let payload = "0c8e5d6f-1a2b-4c3d-9e4f-5a6b7c8d9e0f";
    let key = json!({
        "name": "k", "uid": "7d21e800-741f-4186-9c12-453842e06f7d", "actions": ["search"],
        "indexes": ["*"], "expires_at": null,
        "created_at": "2022-10-01T10:00:00Z", "updated_at": "2022-10-01T10:00:00Z",
    });
    let addition = |uuid: &str, count: u64| {
        json!({"DocumentAddition": {
            "index_uid": "films", "content_uuid": uuid, "merge_strategy": "ReplaceDocuments",
            "primary_key": null, "documents_count": count, "allow_index_creation": true,
        }})
    };
    let tasks = [
        json!({"id": 3, "content": addition(payload, 1), "events": [{"Created": "2022-10-01T10:00:04Z"}]}),
        json!({"id": 2, "content": {"SettingsUpdate": {
            "index_uid": "films", "settings": {"rankingRules": ["typo", "nope"]},
            "is_deletion": false, "allow_index_creation": true,
        }}, "events": [
            {"Created": "2022-10-01T10:00:02Z"}, {"Processing": "2022-10-01T10:00:02.5Z"},
            {"Failed": {"error": {"message": "m", "code": "invalid_ranking_rule", "type": "t", "link": "l"},
                "timestamp": "2022-10-01T10:00:03Z"}},
        ]}),
        json!({"id": 0, "content": addition("11111111-1111-4111-8111-111111111111", 1), "events": [
            {"Created": "2022-10-01T10:00:00Z"},
            {"Batched": {"timestamp": "2022-10-01T10:00:00.1Z", "batch_id": 0}},
            {"Processing": "2022-10-01T10:00:00.2Z"},
            {"Succeeded": {"result": {"DocumentAddition": {"indexed_documents": 1}},
                "timestamp": "2022-10-01T10:00:01Z"}},
        ]}),
    ];
    let tasks: String = tasks.iter().map(|task| format!("{task}\n")).collect();
    let settings = json!({
        "displayedAttributes": ["*"], "searchableAttributes": ["title"], "stopWords": [],
        "rankingRules": ["words", "gone", "year:desc"], "pagination": {"maxTotalHits": 0},
    });
    let files = [
        (
            "metadata.json",
            json!({"dumpVersion": "V5", "dbVersion": "0.29.1", "indexDbSize": 1,
            "updateDbSize": 1, "dumpDate": "2022-10-01T11:00:00Z"})
            .to_string(),
        ),
        ("instance-uid", "1b5b0a8e-9a3e-4b7e-8d6d-0a8f1c2d3e4f".to_owned()),
        ("keys", format!("{key}\n")),
        (
            "index_uuids/data.jsonl",
            format!(
                "{}\n",
                json!({"uid": "films",
            "index_meta": {"uuid": index, "creation_task_id": 0}})
            ),
        ),
        (
            &format!("indexes/{index}/meta.json"),
            json!({"settings": settings, "primary_key": "id"}).to_string(),
        ),
        (&format!("indexes/{index}/documents.jsonl"), "{\"id\":1,\"title\":\"old\"}\n".to_owned()),
        ("updates/data.jsonl", tasks),
        (&format!("updates/updates_files/{payload}"), "{\"id\":2,\"title\":\"new\"}\n".to_owned()),
    ];
    let encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    let mut tar = tar::Builder::new(encoder);
    for (name, content) in files {
        let mut header = tar::Header::new_gnu();
        header.set_size(content.len() as u64);
        header.set_mode(0o644);
        tar.append_data(&mut header, name, content.as_bytes()).unwrap();
    }
    tar.into_inner().unwrap().finish().unwrap()
}

#[test]
fn version_5_is_imported() {
    let dir = tempfile::tempdir().unwrap();
    let archive = dir.path().join("old.dump");
    std::fs::write(&archive, version_5()).unwrap();
    let mut server = Server::start_with(&[
        "--master-key",
        MASTER_KEY,
        "--import-dump",
        archive.to_str().unwrap(),
    ]);
    server.use_key(Some(MASTER_KEY));
    let task = server.wait_for(3);
    assert_eq!(task["status"], "succeeded", "{task}");
    assert_eq!(task["details"], json!({"receivedDocuments": 1, "indexedDocuments": 1}));
    let task = server.get("/tasks/0").1;
    assert_eq!(task["details"], json!({"receivedDocuments": 1, "indexedDocuments": 1}));
    assert_eq!(task["startedAt"], "2022-10-01T10:00:00.2Z");
    let task = server.get("/tasks/2").1;
    assert_eq!(task["error"]["code"], "invalid_settings_ranking_rules");
    assert_eq!(task["details"], json!({"rankingRules": ["typo"]}));
    assert_eq!(server.get("/indexes/films").1["createdAt"], "2022-10-01T10:00:00Z");
    let settings = server.get("/indexes/films/settings").1;
    assert_eq!(settings["rankingRules"], json!(["words", "year:desc"]));
    assert_eq!(settings["pagination"]["maxTotalHits"], 1);
    assert_eq!(server.get("/indexes/films/documents").1["total"], 2);
    let keys = server.get("/keys").1;
    assert_eq!(keys["total"], 1, "{keys}");
    assert_eq!(keys["results"][0]["name"], "k");
}
