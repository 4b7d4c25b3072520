//! Hostile, damaged and foreign archives leave nothing, inside or outside of the data directory.

use flate2::Compression;
use flate2::write::GzEncoder;
use tar::{Builder, EntryType, Header};
use tempfile::TempDir;

use super::*;
use crate::data_directory::DataDirectory;
use crate::import::Import;

/// Name, kind and content of an entry; for links, where they lead.
type Entry<'a> = (&'a str, EntryType, &'a [u8]);

const QUEUE: Entry<'static> = ("tasks/data.mdb", EntryType::Regular, b"the queue");
const VERSION: Entry<'static> = ("VERSION", EntryType::Regular, b"1.50.0");
const UUID: &str = "6e871ccb-295c-4fc9-8d7d-3011ae5bf27b";

fn archive(dir: &Path, entries: &[Entry<'_>]) -> PathBuf {
    let path = dir.join("a.snapshot");
    let gzip = GzEncoder::new(File::create(&path).unwrap(), Compression::fast());
    let mut tar = Builder::new(gzip);
    for (name, kind, content) in entries {
        let mut header = Header::new_gnu();
        // As bytes: the builder itself refuses names that lead outside.
        header.as_mut_bytes()[..name.len()].copy_from_slice(name.as_bytes());
        header.set_entry_type(*kind);
        header.set_mode(0o600);
        let is_link = matches!(kind, EntryType::Symlink | EntryType::Link);
        if is_link {
            header.set_link_name_literal(content).unwrap();
        }
        let content: &[u8] = if is_link { b"" } else { content };
        header.set_size(content.len() as u64);
        header.set_cksum();
        tar.append(&header, content).unwrap();
    }
    tar.into_inner().unwrap().finish().unwrap();
    path
}

/// Imports an archive; what is left of the data directory, and the error.
fn import(dir: &TempDir, archive: &Path) -> Result<Vec<String>, String> {
    let db_path = dir.path().join("data.ms");
    let directory = DataDirectory::lock(&db_path).unwrap();
    let import = Import::begin(&directory).unwrap();
    let unpacked = unpack(archive, &db_path);
    if let Err(error) = unpacked {
        drop(import);
        drop(directory);
        let left: Vec<_> = fs::read_dir(dir.path()).unwrap().map(|e| e.unwrap().path()).collect();
        assert_eq!(left, [archive], "{error}");
        return Err(error.to_string());
    }
    import.finish().unwrap();
    let mut names = Vec::new();
    let mut todo = vec![db_path.clone()];
    while let Some(directory) = todo.pop() {
        for entry in fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                todo.push(path);
            } else {
                names.push(path.strip_prefix(&db_path).unwrap().to_str().unwrap().to_owned());
            }
        }
    }
    names.sort();
    Ok(names)
}

#[test]
fn every_entry_goes_to_its_place() {
    let dir = tempfile::tempdir().unwrap();
    let index = format!("./indexes/{UUID}/data.mdb");
    let payload = format!("update_files/{UUID}");
    let path = archive(
        dir.path(),
        &[
            ("./", EntryType::Directory, b""),
            VERSION,
            ("tasks/", EntryType::Directory, b""),
            QUEUE,
            ("tasks/lock.mdb", EntryType::Regular, b"lock"),
            (&payload, EntryType::Regular, b"{}"),
            (&index, EntryType::Regular, b"an index"),
            ("auth/data.mdb", EntryType::Regular, b"keys"),
        ],
    );
    let names = import(&dir, &path).unwrap();
    let expected =
        ["auth/data.mdb", &format!("indexes/{UUID}/data.mdb"), "tasks/data.mdb", &payload];
    assert_eq!(names, expected);
    assert_eq!(fs::read(dir.path().join("data.ms/tasks/data.mdb")).unwrap(), b"the queue");
}

#[test]
fn what_no_snapshot_holds_is_refused() {
    let file = EntryType::Regular;
    let hidden = format!("indexes/{UUID}/../../../../outside");
    for entry in [
        ("../outside", file, &b"x"[..]),
        ("tasks/../../outside", file, b"x"),
        (&hidden, file, b"x"),
        ("/tmp/outside", file, b"x"),
        ("/tasks/data.mdb", file, b"x"),
        ("indexes/films/data.mdb", file, b"x"),
        ("update_files/../../outside", file, b"x"),
        ("auth/data.mdb", EntryType::Symlink, b"/etc/passwd"),
        ("auth/data.mdb", EntryType::Link, b"/etc/passwd"),
        ("auth/data.mdb", EntryType::Fifo, b""),
        ("auth/data.mdb", EntryType::Char, b""),
        ("auth/data.mdb", EntryType::Directory, b""),
        ("auth", EntryType::Symlink, b"/tmp"),
        ("secrets", EntryType::Directory, b""),
        // Twice.
        QUEUE,
    ] {
        let dir = tempfile::tempdir().unwrap();
        let path = archive(dir.path(), &[VERSION, QUEUE, entry]);
        let error = import(&dir, &path).unwrap_err();
        assert!(error.contains("Nothing was imported"), "{}: {error}", entry.0);
    }
}

#[test]
fn damaged_archives_are_refused_at_every_length() {
    let dir = tempfile::tempdir().unwrap();
    let path = archive(dir.path(), &[VERSION, QUEUE]);
    let whole = fs::read(&path).unwrap();
    for length in 0..whole.len() {
        fs::write(&path, &whole[..length]).unwrap();
        assert!(import(&dir, &path).is_err(), "{length} of {}", whole.len());
    }
    let mut changed = whole.clone();
    let middle = changed.len() / 2;
    changed[middle] ^= 0x10;
    fs::write(&path, changed).unwrap();
    assert!(import(&dir, &path).is_err());
    for (entries, missing) in [(&[VERSION], "tasks/data.mdb"), (&[QUEUE], "VERSION")] {
        let error = import(&dir, &archive(dir.path(), entries)).unwrap_err();
        assert!(error.contains(missing), "{error}");
    }
}

#[test]
fn other_kinds_and_versions_are_named_with_the_right_way_in() {
    let file = EntryType::Regular;
    let cases: [(&[Entry<'_>], &str); 5] = [
        (&[VERSION, ("metadata.json", file, b"{\"formatVersion\":1}")], "/snapshots/import"),
        (&[VERSION, ("data.mdb", file, b"x")], "/snapshots/import"),
        (&[("metadata.json", file, b"{\"dumpVersion\":\"V6\"}")], "--import-dump"),
        (&[("./", EntryType::Directory, b""), ("tasks/queue.jsonl", file, b"")], "--import-dump"),
        (&[("VERSION", file, b"1.49.0"), QUEUE], "version 1.49.0"),
    ];
    for (entries, expected) in cases {
        let dir = tempfile::tempdir().unwrap();
        let error = import(&dir, &archive(dir.path(), entries)).unwrap_err();
        assert!(error.contains(expected), "{error}");
    }
    let dir = tempfile::tempdir().unwrap();
    let missing = unpack(&dir.path().join("none"), &dir.path().join("data.ms")).unwrap_err();
    assert!(matches!(missing, SnapshotImportError::Open { .. }), "{missing}");
    assert!(unpack(dir.path(), &dir.path().join("data.ms")).is_err(), "a directory");
}
