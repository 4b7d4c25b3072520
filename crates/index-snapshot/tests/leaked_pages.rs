//! An environment whose free list lost pages, as a crash of an older LMDB can leave it: a copy of it cannot
//! be completed, which must be noticed before the first byte (index-snapshots.md 5.3).

#![allow(clippy::unwrap_used, reason = "helpers of tests fail by panicking")]

mod common;

use std::fs;
use std::path::Path;

use common::*;
use heed::types::Bytes;
use index_snapshot::{Compression, Error, Unattended, WriteOptions, write_archive};

const PAGE: usize = 4096;
/// Where the record of the free database and the transaction stand in a meta page.
const FREE_RECORD_AT: usize = 40;
const TRANSACTION_AT: usize = 144;

/// Makes an environment that has free pages, and closes it.
fn with_free_pages(dir: &Path, kept: usize) {
    let entries = many_pages();
    let env = environment(dir, &entries);
    let mut wtxn = env.write_txn().unwrap();
    let documents = env.create_database::<Bytes, Bytes>(&mut wtxn, Some("documents")).unwrap();
    for (key, _) in &entries[kept..] {
        documents.delete(&mut wtxn, key).unwrap();
    }
    wtxn.commit().unwrap();
    env.prepare_for_closing().wait();
}

/// Empties the free database of the newest meta page: its pages belong to nobody from now on.
fn lose_free_pages(dir: &Path) {
    let path = dir.join("data.mdb");
    let mut file = fs::read(&path).unwrap();
    let transaction = |meta: usize| {
        let at = meta * PAGE + TRANSACTION_AT;
        u64::from_ne_bytes(file[at..at + 8].try_into().unwrap())
    };
    let newest = if transaction(0) > transaction(1) { 0 } else { 1 };
    let record = newest * PAGE + FREE_RECORD_AT;
    let root = u64::from_ne_bytes(file[record + 40..record + 48].try_into().unwrap());
    assert_ne!(root, u64::MAX, "nothing is free");
    // Depth and counters; page size and flags stay.
    file[record + 6..record + 40].fill(0);
    file[record + 40..record + 48].fill(0xff);
    fs::write(path, file).unwrap();
}

/// The outcome of a copy, and how many bytes it wrote.
fn copy(dir: &Path, compression: Compression) -> (Result<(), Error>, u64) {
    let env = open(dir);
    let file = tempfile::tempfile().unwrap();
    let options = WriteOptions { databases: &DATABASES, compression, threads: 2 };
    let written = write_archive(&env, manifest(), &options, &file, &Unattended);
    env.prepare_for_closing().wait();
    (written.map(drop), file.metadata().unwrap().len())
}

#[test]
fn lost_pages_are_noticed_before_the_first_byte() {
    // A copy of some pages stays in LMDB's buffers until its end, one of many does not.
    for kept in [10, 1000, 8000] {
        let dir = tempfile::tempdir().unwrap();
        with_free_pages(dir.path(), kept);
        for compression in Compression::ALL {
            let (written, bytes) = copy(dir.path(), compression);
            written.unwrap();
            assert!(bytes > 0);
        }
        lose_free_pages(dir.path());
        for compression in Compression::ALL {
            let (written, bytes) = copy(dir.path(), compression);
            let error = written.unwrap_err();
            assert!(matches!(error, Error::LeakedPages { .. }), "{kept}: {error:?}");
            assert!(error.to_string().contains("dump"), "{error}");
            assert_eq!(bytes, 0);
        }
        // The index itself is read as before.
        assert_eq!(contents(dir.path()).len(), kept);
    }
}
