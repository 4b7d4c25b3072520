//! Environments and archives that the tests make for themselves.
#![allow(dead_code, reason = "each test binary uses a part of it")]
#![allow(clippy::unwrap_used, reason = "helpers of tests fail by panicking")]

pub(crate) mod broken;
pub(crate) mod parts;

use std::io::{Read, Seek};
use std::path::Path;

use heed::types::Bytes;
use heed::{Env, EnvOpenOptions, WithoutTls};
use index_snapshot::{
    Compatibility, Compression, Error, Head, Manifest, ManifestIndex, Platform, Unattended,
    Version, WriteOptions, Written, read_head, write_archive,
};
use time::macros::datetime;
use uuid::Uuid;

pub(crate) const OURS: Compatibility =
    Compatibility { server: Version(1, 50, 0), oldest: Version(1, 50, 0) };

pub(crate) type Entries = Vec<(Vec<u8>, Vec<u8>)>;

pub(crate) fn open(dir: &Path) -> Env<WithoutTls> {
    let mut options = EnvOpenOptions::new().read_txn_without_tls();
    options.map_size(1 << 30).max_dbs(4);
    unsafe { options.open(dir).unwrap() }
}

/// The databases of the environments that these tests make.
pub(crate) const DATABASES: [&str; 2] = ["documents", "empty"];

/// An environment with one named database that holds the entries, and one that holds none.
pub(crate) fn environment(dir: &Path, entries: &Entries) -> Env<WithoutTls> {
    let env = open(dir);
    let mut wtxn = env.write_txn().unwrap();
    env.create_database::<Bytes, Bytes>(&mut wtxn, Some("empty")).unwrap();
    let db = env.create_database::<Bytes, Bytes>(&mut wtxn, Some("documents")).unwrap();
    for (key, value) in entries {
        db.put(&mut wtxn, key, value).unwrap();
    }
    wtxn.commit().unwrap();
    env
}

pub(crate) fn contents(dir: &Path) -> Entries {
    let env = open(dir);
    let rtxn = env.read_txn().unwrap();
    match env.open_database::<Bytes, Bytes>(&rtxn, Some("documents")).unwrap() {
        Some(db) => db
            .iter(&rtxn)
            .unwrap()
            .map(|e| e.map(|(k, v)| (k.to_vec(), v.to_vec())).unwrap())
            .collect(),
        None => Vec::new(),
    }
}

pub(crate) fn tiny() -> Entries {
    vec![(b"a".to_vec(), b"first".to_vec()), (b"b".to_vec(), b"second".to_vec())]
}

/// Several megabytes: more than one block, branch pages and overflow runs.
pub(crate) fn many_pages() -> Entries {
    (0..9000u32)
        .map(|i| {
            let length = if i % 500 == 0 { 20_000 } else { 100 + (i % 700) as usize };
            let value = (0..length as u32)
                .map(|j| (i.wrapping_mul(31).wrapping_add(j * j) >> 3) as u8)
                .collect();
            (i.to_be_bytes().to_vec(), value)
        })
        .collect()
}

pub(crate) fn manifest() -> Manifest {
    Manifest {
        format_version: 1,
        snapshot_uid: "20260201-101530042".into(),
        index_uid: "films".into(),
        created_at: datetime!(2026-02-01 10:15:30.042 UTC),
        task_uid: 7,
        instance_uid: Uuid::from_u128(1),
        meilisearch_version: "1.50.0".into(),
        platform: Platform::current(0),
        data_size: 0,
        last_task_uid: Some(6),
        tokenizer: vec![],
        index: ManifestIndex {
            created_at: datetime!(2026-01-01 00:00 UTC),
            updated_at: datetime!(2026-01-02 00:00 UTC),
            primary_key: Some("id".into()),
            number_of_documents: 2,
            settings: None,
        },
    }
}

pub(crate) fn write(
    env: &Env<WithoutTls>,
    manifest: Manifest,
    compression: Compression,
) -> (Vec<u8>, Written) {
    let mut file = tempfile::tempfile().unwrap();
    let options = WriteOptions { databases: &DATABASES, compression, threads: 2 };
    let written = write_archive(env, manifest, &options, &file, &Unattended).unwrap();
    let mut bytes = Vec::new();
    file.rewind().unwrap();
    file.read_to_end(&mut bytes).unwrap();
    (bytes, written)
}

/// The archive of an environment with these entries.
pub(crate) fn archive(entries: &Entries, compression: Compression) -> Vec<u8> {
    let dir = tempfile::tempdir().unwrap();
    write(&environment(dir.path(), entries), manifest(), compression).0
}

/// Reads an archive to its end; gives the head and `data.mdb`.
pub(crate) fn import(archive: &[u8]) -> Result<(Head, Vec<u8>), Error> {
    let (head, body) = read_head(archive, Some(&OURS), false)?;
    let mut data = Vec::new();
    body.extract(&mut data, &DATABASES, &Unattended)?.verify()?;
    Ok((head, data))
}

pub(crate) fn assert_corrupted(archive: &[u8], what: &str) -> String {
    match import(archive) {
        Err(error @ Error::Corrupted { .. }) => error.to_string(),
        Err(error) => panic!("{what}: another error: {error:?}"),
        Ok(_) => panic!("{what}: accepted"),
    }
}
