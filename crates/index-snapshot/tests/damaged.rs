//! Archives that are truncated, changed, rearranged, oversized, or of another kind: each is refused with the
//! right error, and none makes the reader panic, hang or write without bounds.

#![allow(clippy::unwrap_used, reason = "helpers of tests fail by panicking")]

mod common;

use std::io::{Read, Write};

use common::parts::Parts;
use common::*;
use flate2::write::GzEncoder;
use index_snapshot::{Compression, Error, ForeignArchive, Manifest};
use proptest::prelude::*;

#[test]
fn parts_put_together_rightly_are_accepted() {
    import(&Parts::good().tar()).unwrap();
    import(&Parts::changed(|p| p.after = vec![0; 10 * 1024])).unwrap();
}

#[test]
fn every_truncation_is_refused() {
    for compression in Compression::ALL {
        let archive = archive(&tiny(), compression);
        let step = if compression == Compression::None { 37 } else { 1 };
        for length in
            (0..archive.len()).step_by(step).chain([archive.len() - 1, archive.len() - 512])
        {
            assert_corrupted(
                &archive[..length],
                &format!("{compression:?} cut to {length} of {}", archive.len()),
            );
        }
    }
    let large = archive(&many_pages(), Compression::Gzip);
    for part in 1..16 {
        assert_corrupted(&large[..large.len() * part / 16], "large");
    }
}

#[test]
fn every_changed_byte_is_refused_or_harmless() {
    for compression in Compression::ALL {
        let archive = archive(&tiny(), compression);
        let (good_head, good_data) = import(&archive).unwrap();
        let mut harmless = 0;
        for position in 0..archive.len() {
            let mut changed = archive.clone();
            changed[position] ^= 1 << (position % 8);
            match import(&changed) {
                // A date in a gzip header, or the distance to an equal run of zeros.
                Ok((head, data)) => {
                    assert_eq!(
                        (head.manifest, data),
                        (good_head.manifest.clone(), good_data.clone())
                    );
                    harmless += 1;
                }
                Err(Error::Corrupted { .. }) => {}
                // The sums come last, so a digit of the head may read as another version, machine or format.
                Err(
                    Error::VersionMismatch { .. }
                    | Error::PlatformMismatch { .. }
                    | Error::UnknownFormat { .. },
                ) => {}
                Err(error) => panic!("{compression:?} byte {position}: {error:?}"),
            }
        }
        assert!(harmless * 10 < archive.len(), "{compression:?}: {harmless} changes went unseen");
    }
}

#[test]
fn rearranged_entries_are_refused() {
    let check =
        |what: &str, change: fn(&mut Parts)| assert_corrupted(&Parts::changed(change), what);
    for (a, b) in [(0, 1), (1, 2), (2, 3), (0, 3)] {
        let mut parts = Parts::good();
        parts.entries.swap(a, b);
        assert_corrupted(&parts.tar(), "swapped");
    }
    for position in 0..4 {
        let mut parts = Parts::good();
        let entry = parts.entries.remove(position);
        assert_corrupted(&parts.tar(), "missing");
        parts.entries.insert(position, entry.clone());
        parts.entries.insert(position, entry.clone());
        assert_corrupted(&parts.tar(), "repeated");
        parts.entries.remove(position);
        parts.entries.insert(position, ("lock.mdb".into(), entry.1, entry.2));
        let text = assert_corrupted(&parts.tar(), "unexpected");
        assert!(text.contains("lock.mdb"), "{text}");
    }
    check("repeated at the end", |p| p.entries.push(p.entries[3].clone()));
    check("an extra file at the end", |p| p.push("extra", "x"));
    check("a path", |p| p.entries[2].0 = "a/data.mdb".into());
    check("a leading dot", |p| p.entries[0].0 = "./VERSION".into());
    check("a link", |p| p.entries[2] = ("data.mdb".into(), tar::EntryType::Symlink, vec![]));
    check("a directory", |p| p.entries[0].1 = tar::EntryType::Directory);
    check("a device", |p| p.entries[2].1 = tar::EntryType::Char);
    check("a hard link", |p| p.entries[2].1 = tar::EntryType::Link);
    check("a sparse file", |p| p.entries[2].1 = tar::EntryType::GNUSparse);
}

#[test]
fn sizes_and_sums_must_agree() {
    let check =
        |what: &str, change: fn(&mut Parts)| assert_corrupted(&Parts::changed(change), what);
    check("a shorter data.mdb", |p| p.entries[2].2.truncate(8192));
    check("a longer data.mdb", |p| p.entries[2].2.extend([0; 4096]));
    let text = check("another data.mdb", |p| *p.entries[2].2.last_mut().unwrap() ^= 1);
    assert!(text.contains("checksum of `data.mdb`"), "{text}");
    let text = check("another manifest", |p| p.entries[1].2.push(b' '));
    assert!(text.contains("checksum of `metadata.json`"), "{text}");
    check("another sum", |p| p.entries[3].2[5] ^= 1);
    check("a further sum", |p| {
        let line = p.entries[3].2.clone();
        p.entries[3].2.extend(line);
    });
    check("sums without the last line", |p| {
        let length = p.entries[3].2.len();
        p.entries[3].2.truncate(length - 20);
    });
    check("not LMDB", |p| p.entries[2].2.fill(b'x'));
    check("a version that is none", |p| p.entries[0].2 = b"newest".to_vec());
    check("a version of 65 bytes", |p| p.entries[0].2 = vec![b' '; 65]);
    check("a manifest that is none", |p| p.entries[1].2 = b"{}".to_vec());
    check("a manifest of more than a mebibyte", |p| p.entries[1].2.extend(vec![b' '; 1 << 20]));
    check("two versions", |p| {
        let json = String::from_utf8(p.entries[1].2.clone()).unwrap();
        p.entries[1].2 = json.replace("1.50.0", "1.49.0").into_bytes();
    });
    check("too long sums", |p| p.entries[3].2.extend([b'\n'; 4097]));
}

#[test]
fn what_follows_the_end_is_refused() {
    let check =
        |what: &str, change: fn(&mut Parts)| assert_corrupted(&Parts::changed(change), what);
    check("a byte", |p| p.after = vec![1]);
    check("a byte after zeros", |p| p.after = [vec![0; 5000], vec![7]].concat());
    check("too many zeros", |p| p.after = vec![0; 10 * 1024 + 1]);
    for compression in Compression::ALL {
        let mut archive = archive(&tiny(), compression);
        archive.extend_from_slice(b"garbage");
        assert_corrupted(&archive, "garbage");
        let length = archive.len() - 7;
        archive.truncate(length);
        let twice = [archive.clone(), archive].concat();
        assert_corrupted(&twice, "twice");
    }
}

fn gzip(content: impl Read) -> Vec<u8> {
    let mut content = content;
    let mut encoder = GzEncoder::new(Vec::new(), flate2::Compression::fast());
    std::io::copy(&mut content, &mut encoder).unwrap();
    encoder.finish().unwrap()
}

#[test]
fn bombs_are_bounded() {
    const HUGE: u64 = 1 << 28;
    let zeros = || std::io::repeat(0).take(HUGE);
    assert_corrupted(&gzip(zeros()), "only zeros");
    let good = Parts::good();
    assert_corrupted(&gzip(good.tar().as_slice().chain(zeros())), "zeros after the end");

    let header = |name: &str, size: u64| {
        let mut header = tar::Header::new_gnu();
        header.set_path(name).unwrap();
        header.set_size(size);
        header.set_cksum();
        header.as_bytes().to_vec()
    };
    assert_corrupted(&gzip(header("VERSION", HUGE).as_slice().chain(zeros())), "a huge version");
    let tar = good.tar();
    let data_header = 4 * 512;
    for (name, size) in [("data.mdb", HUGE), ("data.mdb", u64::MAX), ("metadata.json", HUGE)] {
        let bomb = [&tar[..data_header], &header(name, size)].concat();
        assert_corrupted(&gzip(bomb.as_slice().chain(zeros())), name);
    }
    // What is written never exceeds what the manifest promises.
    let mut manifest = import(&tar).unwrap().0.manifest;
    manifest.data_size = 1 << 40;
    assert_corrupted(&Parts::new(&manifest, &[0; 8192]).tar(), "a promise that is not kept");
}

#[test]
fn other_versions_and_machines_are_refused_first() {
    let judged = |change: fn(&mut Manifest)| {
        let mut parts = Parts::good();
        let mut manifest: Manifest = serde_json::from_slice(&parts.entries[1].2).unwrap();
        change(&mut manifest);
        parts.entries[0].2 = manifest.meilisearch_version.clone().into_bytes();
        parts.entries[1].2 = serde_json::to_vec(&manifest).unwrap();
        // Cut behind the second entry: the judgement needs no more.
        let tar = parts.tar();
        import(&tar[..512 + 512 + 512 + parts.entries[1].2.len().next_multiple_of(512)])
            .unwrap_err()
    };
    for version in ["2.0.0", "0.50.0", "1.51.0", "1.50.1", "1.49.9"] {
        let error = match version {
            "2.0.0" => judged(|m| m.meilisearch_version = "2.0.0".into()),
            "0.50.0" => judged(|m| m.meilisearch_version = "0.50.0".into()),
            "1.51.0" => judged(|m| m.meilisearch_version = "1.51.0".into()),
            "1.50.1" => judged(|m| m.meilisearch_version = "1.50.1".into()),
            _ => judged(|m| m.meilisearch_version = "1.49.9".into()),
        };
        let Error::VersionMismatch { archive, .. } = error else { panic!("{version}: {error:?}") };
        assert_eq!(archive.to_string(), version);
    }
    assert!(matches!(judged(|m| m.format_version = 2), Error::UnknownFormat { found: 2, .. }));
    assert!(matches!(judged(|m| m.platform.pointer_width = 32), Error::PlatformMismatch { .. }));
    assert!(matches!(judged(|m| m.platform.endian = "big".into()), Error::PlatformMismatch { .. }));
    assert!(matches!(judged(|m| m.platform.page_size = 65536), Error::PlatformMismatch { .. }));
    assert!(matches!(judged(|m| m.data_size = 5000), Error::Corrupted { .. }));
}

#[test]
fn archives_of_other_kinds_are_named() {
    let foreign = |names: &[&str]| {
        let mut parts = Parts { entries: Vec::new(), after: Vec::new() };
        for name in names {
            match name.strip_suffix('/') {
                Some(_) => {
                    parts.entries.push((name.to_string(), tar::EntryType::Directory, Vec::new()))
                }
                None => parts.push(name, if *name == "VERSION" { "1.50.0" } else { "{}" }),
            }
        }
        match import(&gzip(parts.tar().as_slice())) {
            Err(Error::Foreign(kind)) => Some(kind),
            Err(Error::Corrupted { .. }) => None,
            other => panic!("{:?}", other.map(|_| ())),
        }
    };
    let instance = Some(ForeignArchive::InstanceSnapshot);
    assert_eq!(
        foreign(&[
            "./",
            "VERSION",
            "update_files/",
            "indexes/",
            "indexes/a/",
            "indexes/a/data.mdb"
        ]),
        instance
    );
    assert_eq!(foreign(&["VERSION", "tasks/", "tasks/data.mdb"]), instance);
    let dump = Some(ForeignArchive::Dump);
    assert_eq!(foreign(&["./", "keys.jsonl", "batches/"]), dump);
    assert_eq!(
        foreign(&["metadata.json", "indexes/", "indexes/a/", "indexes/a/documents.jsonl"]),
        dump
    );
    assert_eq!(foreign(&["holiday.jpg", "notes.txt"]), None);
    assert!(ForeignArchive::Dump.to_string().contains("--import-dump"));
    assert!(ForeignArchive::InstanceSnapshot.to_string().contains("--import-snapshot"));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]
    #[test]
    fn no_mutation_makes_the_reader_panic_or_lie(
        kind in 0usize..3,
        changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
        cut in proptest::option::of(any::<prop::sample::Index>()),
        insertion in proptest::collection::vec(any::<u8>(), 0..40),
    ) {
        static ARCHIVES: std::sync::OnceLock<[Vec<u8>; 3]> = std::sync::OnceLock::new();
        let archives = ARCHIVES.get_or_init(|| Compression::ALL.map(|c| archive(&tiny(), c)));
        let good = &archives[kind];
        let mut bytes = good.clone();
        for (at, value) in changes {
            let at = at.index(bytes.len());
            bytes[at] = value;
        }
        if let Some(cut) = cut {
            let at = cut.index(bytes.len());
            bytes.splice(at..at, insertion);
        }
        if let Ok((_, data)) = import(&bytes) {
            prop_assert_eq!(data, import(good).unwrap().1);
        }
    }

    #[test]
    fn no_bytes_make_the_reader_panic(mut bytes in proptest::collection::vec(any::<u8>(), 0..3000), magic in 0usize..3) {
        let start: &[u8] = [&[0x1f, 0x8b, 8, 0][..], &[0x28, 0xb5, 0x2f, 0xfd], &[]][magic];
        bytes.splice(0..0, start.iter().copied());
        prop_assert!(import(&bytes).is_err());
    }
}

#[test]
fn a_source_that_fails_is_not_called_corrupted() {
    struct Failing<'a>(&'a [u8]);
    impl Read for Failing<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
            match self.0.read(buffer)? {
                0 => Err(std::io::Error::other("the disk is on fire")),
                read => Ok(read),
            }
        }
    }
    for compression in Compression::ALL {
        let archive = archive(&many_pages(), compression);
        let (_, body) =
            index_snapshot::read_head(Failing(&archive[..archive.len() / 2]), Some(&OURS), false)
                .unwrap();
        let mut sink = Vec::new();
        let error = body.extract(&mut sink, &DATABASES, &index_snapshot::Unattended).err().unwrap();
        assert!(matches!(error, Error::Io { .. }), "{compression:?}: {error:?}");
        assert!(error.to_string().contains("on fire"), "{error}");
        sink.flush().unwrap();
    }
}
