//! Environment → archive → environment, and what others make of an archive.

#![allow(clippy::unwrap_used, reason = "helpers of tests fail by panicking")]

mod common;

use std::fs::{self, File};
use std::io::Write;
use std::process::Command;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use common::*;
use heed::types::Bytes;
use index_snapshot::{
    Compression, Error, HeadProbe, Monitor, Unattended, Version, WriteOptions, check_archive,
    read_head, write_archive,
};
use proptest::prelude::*;
use sha2::{Digest, Sha256};

fn round_trip(entries: &Entries, compression: Compression) {
    let source = tempfile::tempdir().unwrap();
    let env = environment(source.path(), entries);
    let (archive, written) = write(&env, manifest(), compression);
    assert_eq!(written.size, archive.len() as u64);
    assert_eq!(written.sha256, hex::encode(Sha256::digest(&archive)));

    let (head, body) = read_head(archive.as_slice(), Some(&OURS), true).unwrap();
    assert_eq!((head.version, head.compression), (Version(1, 50, 0), compression));
    assert_eq!(head.manifest, written.manifest);
    let mut data = Vec::new();
    let imported = body.extract(&mut data, &DATABASES, &Unattended).unwrap().verify().unwrap();
    assert_eq!(imported.archive_sha256, Some(written.sha256));
    assert_eq!(head.manifest.data_size, data.len() as u64);

    let target = tempfile::tempdir().unwrap();
    fs::write(target.path().join("data.mdb"), data).unwrap();
    assert_eq!(&contents(target.path()), entries);
}

#[test]
fn empty_tiny_and_large_environments_come_back() {
    for compression in Compression::ALL {
        round_trip(&Vec::new(), compression);
        round_trip(&tiny(), compression);
        round_trip(&many_pages(), compression);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]
    #[test]
    fn any_environment_comes_back(
        entries in proptest::collection::btree_map(
            proptest::collection::vec(any::<u8>(), 1..200), proptest::collection::vec(any::<u8>(), 0..9000), 0..60),
        kind in 0usize..3,
    ) {
        round_trip(&entries.into_iter().collect(), Compression::ALL[kind]);
    }
}

#[test]
fn tar_and_sha256sum_read_an_archive() {
    let dir = tempfile::tempdir().unwrap();
    for (compression, name) in [
        (Compression::Gzip, "a.tar.gz"),
        (Compression::Zstd, "a.tar.zst"),
        (Compression::None, "a.tar"),
    ] {
        let archive = archive(&many_pages(), compression);
        let here = dir.path().join(compression.name());
        fs::create_dir(&here).unwrap();
        let run = |program: &str, arguments: &[&str]| {
            Command::new(program).args(arguments).current_dir(&here).output()
        };
        match compression {
            // Not every machine has the zstd program: let the library stand in for it.
            Compression::Zstd => {
                fs::write(here.join(name), zstd::decode_all(archive.as_slice()).unwrap()).unwrap()
            }
            _ => fs::write(here.join(name), archive).unwrap(),
        }
        let output = run("tar", &["xf", name]).unwrap();
        assert!(output.status.success(), "{output:?}");
        let output = run("sha256sum", &["-c", "SHA256SUMS"]).unwrap();
        assert!(output.status.success(), "{output:?}");
        assert_eq!(
            String::from_utf8(output.stdout).unwrap(),
            "VERSION: OK\nmetadata.json: OK\ndata.mdb: OK\n"
        );
        assert_eq!(fs::read_to_string(here.join("VERSION")).unwrap(), "1.50.0");
        assert_eq!(contents(&here), many_pages());
    }
}

#[test]
fn an_archive_packed_again_by_tar_is_accepted() {
    let dir = tempfile::tempdir().unwrap();
    let path = |name: &str| dir.path().join(name);
    fs::write(path("a.tar"), archive(&tiny(), Compression::None)).unwrap();
    let run = |arguments: &[&str]| {
        assert!(
            Command::new("tar").args(arguments).current_dir(dir.path()).status().unwrap().success()
        );
    };
    run(&["xf", "a.tar"]);
    run(&["czf", "b.tar.gz", "VERSION", "metadata.json", "data.mdb", "SHA256SUMS"]);
    import(&fs::read(path("b.tar.gz")).unwrap()).unwrap();
    run(&["czf", "c.tar.gz", "metadata.json", "VERSION", "data.mdb", "SHA256SUMS"]);
    assert_corrupted(&fs::read(path("c.tar.gz")).unwrap(), "other order");
}

#[test]
fn deleted_text_does_not_travel() {
    let dir = tempfile::tempdir().unwrap();
    let secret = b"the launch code is 0000";
    let env = environment(dir.path(), &(0..20).map(|i| (vec![i], secret.to_vec())).collect());
    let mut wtxn = env.write_txn().unwrap();
    let db = env.create_database::<Bytes, Bytes>(&mut wtxn, Some("documents")).unwrap();
    for i in 0..20 {
        db.put(&mut wtxn, &[i], b"harmless").unwrap();
    }
    wtxn.commit().unwrap();
    let (archive, _) = write(&env, manifest(), Compression::None);
    assert!(!archive.windows(secret.len()).any(|window| window == secret));
    assert!(archive.windows(8).any(|window| window == b"harmless"));
}

#[test]
fn the_written_file_is_checked() {
    let dir = tempfile::tempdir().unwrap();
    let env = environment(dir.path(), &many_pages());
    for compression in Compression::ALL {
        let (archive, written) = write(&env, manifest(), compression);
        let check = |bytes: &[u8]| {
            let path = dir.path().join("archive");
            fs::write(&path, bytes).unwrap();
            check_archive(File::open(path).unwrap(), &written)
        };
        check(&archive).unwrap();
        check(&archive[..archive.len() - 1]).unwrap_err();
        for position in [100, archive.len() - 20] {
            let mut changed = archive.clone();
            changed[position] ^= 0x40;
            assert!(check(&changed).is_err(), "{compression:?} byte {position}");
        }
    }
}

/// Counts, and stops after some bytes.
struct StopAfter {
    limit: u64,
    total: AtomicU64,
    passed: AtomicU64,
}

impl StopAfter {
    fn new(limit: u64) -> StopAfter {
        StopAfter { limit, total: AtomicU64::new(0), passed: AtomicU64::new(0) }
    }
}

impl Monitor for StopAfter {
    fn must_stop(&self) -> bool {
        self.passed.load(Relaxed) >= self.limit
    }
    fn total(&self, bytes: u64) {
        self.total.store(bytes, Relaxed);
    }
    fn advance(&self, bytes: u64) {
        self.passed.fetch_add(bytes, Relaxed);
    }
}

#[test]
fn both_directions_count_and_stop() {
    let dir = tempfile::tempdir().unwrap();
    let env = environment(dir.path(), &many_pages());
    let options =
        WriteOptions { databases: &DATABASES, compression: Compression::Gzip, threads: 2 };
    let write_watched = |monitor: &StopAfter| {
        write_archive(&env, manifest(), &options, &tempfile::tempfile().unwrap(), monitor)
    };
    let watched = StopAfter::new(u64::MAX);
    let written = write_watched(&watched).unwrap();
    assert_eq!(watched.total.into_inner(), written.manifest.data_size);
    assert_eq!(watched.passed.into_inner(), written.manifest.data_size);
    for limit in [0, 1, 2 << 20] {
        assert!(matches!(write_watched(&StopAfter::new(limit)), Err(Error::Stopped)), "{limit}");
    }

    let (archive, _) = write(&env, manifest(), Compression::Gzip);
    let read_watched = |monitor: &StopAfter| {
        let (_, body) = read_head(archive.as_slice(), Some(&OURS), false).unwrap();
        body.extract(&mut std::io::sink(), &DATABASES, monitor).map(drop)
    };
    let watched = StopAfter::new(u64::MAX);
    read_watched(&watched).unwrap();
    assert_eq!(watched.passed.into_inner(), written.manifest.data_size);
    for limit in [0, 1, 2 << 20] {
        assert!(matches!(read_watched(&StopAfter::new(limit)), Err(Error::Stopped)), "{limit}");
    }
    // The environment is as usable as before.
    write_watched(&StopAfter::new(u64::MAX)).unwrap();
}

#[test]
fn a_full_disk_is_the_cause_that_is_told() {
    let dir = tempfile::tempdir().unwrap();
    let env = environment(dir.path(), &many_pages());
    for compression in Compression::ALL {
        let full = File::options().write(true).open("/dev/full").unwrap();
        let options = WriteOptions { databases: &DATABASES, compression, threads: 2 };
        let error = write_archive(&env, manifest(), &options, &full, &Unattended).unwrap_err();
        assert!(matches!(error, Error::NoSpace { .. }), "{error:?}");
    }
    let archive = archive(&tiny(), Compression::Gzip);
    let (_, body) = read_head(archive.as_slice(), Some(&OURS), false).unwrap();
    let mut full = File::options().write(true).open("/dev/full").unwrap();
    assert!(matches!(body.extract(&mut full, &DATABASES, &Unattended), Err(Error::NoSpace { .. })));
}

#[test]
fn heads_are_judged_before_the_rest_has_come() {
    for compression in Compression::ALL {
        let archive = archive(&many_pages(), compression);
        let mut probe = HeadProbe::new(OURS);
        let mut pieces = archive.chunks(100);
        let head = loop {
            if let Some(head) = probe.push(pieces.next().unwrap()).unwrap() {
                break head;
            }
        };
        assert_eq!(head.manifest.index_uid, "films");
        assert!(archive.len() - pieces.map(<[u8]>::len).sum::<usize>() < 10_000, "{compression:?}");
    }
    let mut newer = manifest();
    newer.meilisearch_version = "2.0.0".into();
    let dir = tempfile::tempdir().unwrap();
    let (archive, _) = write(&environment(dir.path(), &many_pages()), newer, Compression::Gzip);
    let mut probe = HeadProbe::new(OURS);
    assert!(matches!(probe.push(&archive[..2000]), Err(Error::VersionMismatch { .. })));

    let mut probe = HeadProbe::new(OURS);
    probe.push(b"short").unwrap();
    assert!(matches!(probe.finish(), Err(Error::Corrupted { .. })));
    let mut probe = HeadProbe::new(OURS);
    assert!(matches!(probe.push(&[b'x'; 5000]), Err(Error::Corrupted { .. })));
    // An endless head that never completes.
    let mut bomb = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::none());
    let header = archive_header("VERSION", 6);
    bomb.write_all(&header).unwrap();
    bomb.write_all(b"1.50.0").unwrap();
    bomb.write_all(&[0; 506]).unwrap();
    bomb.write_all(&archive_header("metadata.json", 1 << 20)).unwrap();
    bomb.write_all(&vec![b' '; 1 << 20]).unwrap();
    let bomb = bomb.finish().unwrap();
    let mut probe = HeadProbe::new(OURS);
    let outcome = bomb.chunks(4096).find_map(|piece| probe.push(piece).transpose());
    assert!(matches!(outcome, Some(Err(Error::Corrupted { .. })) | None));
}

fn archive_header(name: &str, size: u64) -> [u8; 512] {
    let mut header = tar::Header::new_gnu();
    header.set_path(name).unwrap();
    header.set_size(size);
    header.set_mode(0o600);
    header.set_cksum();
    *header.as_bytes()
}
