//! Archives there and back, and what becomes of damaged ones: an error or a whole dump, never a panic.

#![allow(clippy::unwrap_used, reason = "a panic fails the test")]

use std::io::Write;
use std::path::Path;

use dump::{Dump, DumpedTask, Error, IndexMetadata, Writer};
use flate2::Compression;
use flate2::write::GzEncoder;
use meilisearch_types::settings::Settings;
use proptest::prelude::*;
use serde_json::{Value, json};
use time::OffsetDateTime;
use uuid::Uuid;

/// A uid that is longer than a file name may be.
fn long_uid() -> String {
    "u".repeat(400)
}

fn webhooks() -> Value {
    let hook = json!({"url": "https://hook.invalid/", "headers": {"A": "b"}});
    json!({"webhooks": {"c41e84cf-8a85-4b9f-a1c4-5b4f3f6e3a0d": hook}})
}

fn archive() -> Vec<u8> {
    let dir = tempfile::tempdir().unwrap();
    let mut writer = Writer::new(Vec::new(), dir.path(), OffsetDateTime::UNIX_EPOCH).unwrap();
    writer.instance_uid(Uuid::nil()).unwrap();
    writer.keys(&[]).unwrap();
    writer.chat_settings("shop", &json!({"source": "openAi"})).unwrap();
    let mut tasks = writer.lines().unwrap();
    let task: DumpedTask = serde_json::from_value(json!({
        "uid": 0, "status": "enqueued", "indexUid": "a", "enqueuedAt": "2026-01-01T00:00:00Z",
        "type": {"documentImport": {"primary_key": null, "method": "ReplaceDocuments",
            "documents_count": 1, "allow_index_creation": true}},
    }))
    .unwrap();
    tasks.push(&task).unwrap();
    writer.tasks(tasks).unwrap();
    let mut payload = writer.lines().unwrap();
    payload.push_text("{\"id\":\n1}").unwrap();
    writer.payload(0, payload).unwrap();
    let batches = writer.lines().unwrap();
    writer.batches(batches).unwrap();
    for uid in ["a".to_owned(), long_uid()] {
        let mut documents = writer.lines().unwrap();
        documents.push(&json!({"id": uid})).unwrap();
        let metadata = IndexMetadata {
            uid,
            primary_key: Some("id".into()),
            created_at: OffsetDateTime::UNIX_EPOCH,
            updated_at: OffsetDateTime::UNIX_EPOCH,
        };
        writer.index(&metadata, &Settings::default(), documents).unwrap();
    }
    writer.features(&json!({"metrics": true})).unwrap();
    writer.network(&json!({})).unwrap();
    writer.webhooks(&serde_json::from_value(webhooks()).unwrap()).unwrap();
    writer.finish().unwrap()
}

/// Unpacks an archive and reads all that it holds.
fn read(archive: &[u8]) -> Result<Value, Error> {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.dump");
    std::fs::write(&path, archive).unwrap();
    let dump = Dump::unpack(&path, &dir.path().join("unpacked"))?;
    let text = |path: &Path| std::fs::read_to_string(path).unwrap_or_default();
    let indexes = dump.indexes().iter().map(|index| {
        index.settings()?;
        Ok(json!([index.metadata.uid, text(&index.documents()?)]))
    });
    let tasks = dump.tasks()?.map(|task| {
        let task = task?;
        let payload = dump.payload(task.uid).map(|path| text(&path));
        Ok::<_, Error>(json!([task.uid, payload]))
    });
    Ok(json!({
        "instance": dump.instance_uid()?,
        "keys": dump.keys()?.len(),
        "chats": dump.chat_settings()?,
        "tasks": tasks.collect::<Result<Vec<_>, _>>()?,
        "batches": dump.batches()?.collect::<Result<Vec<_>, _>>()?.len(),
        "indexes": indexes.collect::<Result<Vec<_>, Error>>()?,
        "features": dump.features()?.unwrap_or_default().metrics,
        "network": dump.network()?,
        "webhooks": dump.webhooks()?,
    }))
}

#[test]
fn there_and_back() {
    let long = long_uid();
    let expected = json!({
        "instance": Uuid::nil(),
        "keys": 0,
        "chats": [["shop", {"source": "openAi"}]],
        "tasks": [[0, "{\"id\": 1}\n"]],
        "batches": 0,
        "indexes": [["a", "{\"id\":\"a\"}\n"], [long, format!("{{\"id\":\"{long}\"}}\n")]],
        "features": true,
        "network": {},
        "webhooks": webhooks(),
    });
    assert_eq!(read(&archive()).unwrap(), expected);
}

#[test]
fn names_of_workspaces_must_be_file_names() {
    let dir = tempfile::tempdir().unwrap();
    let mut writer = Writer::new(Vec::new(), dir.path(), OffsetDateTime::UNIX_EPOCH).unwrap();
    for name in ["", "a/b", "a\0", &"n".repeat(251)] {
        let error = writer.chat_settings(name, &json!({})).unwrap_err();
        assert!(matches!(error, Error::UnwritableName(_)), "{name}");
    }
}

#[test]
fn entries_that_lead_elsewhere_are_not_unpacked() {
    let outside = tempfile::tempdir().unwrap();
    let target = outside.path().join("keys.jsonl");
    let mut tar = tar::Builder::new(GzEncoder::new(Vec::new(), Compression::fast()));
    let mut header = tar::Header::new_gnu();
    header.set_entry_type(tar::EntryType::Symlink);
    header.set_size(0);
    tar.append_link(&mut header, "keys.jsonl", &target).unwrap();
    let archive = tar.into_inner().unwrap().finish().unwrap();
    assert!(matches!(read(&archive), Err(Error::Missing(name)) if name == "metadata.json"));
    assert!(!target.exists());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn truncated_archives_are_errors(part in 0.0..1.0_f64) {
        let archive = archive();
        let length = (archive.len() as f64 * part) as usize;
        prop_assert!(read(&archive[..length]).is_err());
    }

    #[test]
    fn changed_bytes_of_an_archive_are_errors_or_nothing(at in any::<prop::sample::Index>(), bits in 1..=255_u8) {
        let mut archive = archive();
        let at = at.index(archive.len());
        archive[at] ^= bits;
        // Bytes 4 to 9 of gzip's head say when and where it was made.
        if let Ok(content) = read(&archive) {
            prop_assert!((4..10).contains(&at), "byte {}", at);
            prop_assert_eq!(content, read(&self::archive()).unwrap());
        }
    }

    #[test]
    fn changed_bytes_of_the_files_are_no_panic(at in any::<prop::sample::Index>(), byte in any::<u8>()) {
        let mut tar = Vec::new();
        let mut decoder = flate2::write::GzDecoder::new(&mut tar);
        decoder.write_all(&archive()).unwrap();
        decoder.finish().unwrap();
        let at = at.index(tar.len());
        tar[at] = byte;
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(&tar).unwrap();
        let _ = read(&encoder.finish().unwrap());
    }
}
