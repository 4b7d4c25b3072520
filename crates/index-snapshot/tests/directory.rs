//! The snapshot directory: listing, finding, deleting, cleaning up.

#![allow(clippy::unwrap_used, reason = "helpers of tests fail by panicking")]

mod common;

use std::fs::{self, File};
use std::io::{Read, Write};
use std::os::unix::fs::symlink;
use std::path::Path;

use common::*;
use index_snapshot::{ArchiveName, Compression, Directory, Error, Owner, SnapshotUid};
use uuid::Uuid;

const OWNER: Owner = Owner { task_uid: 7, instance_uid: Uuid::from_u128(1) };

fn uid(text: &str) -> SnapshotUid {
    SnapshotUid::parse(text).unwrap()
}

/// Puts an archive into a directory as a creation would.
fn make(
    directory: &Directory,
    index_uid: &str,
    snapshot_uid: &str,
    compression: Compression,
) -> Result<(), Error> {
    let part =
        directory.create(&ArchiveName::new(index_uid, uid(snapshot_uid), compression), OWNER)?;
    let dir = tempfile::tempdir().unwrap();
    let mut manifest = manifest();
    manifest.index_uid = index_uid.into();
    manifest.snapshot_uid = snapshot_uid.into();
    let day: u8 = snapshot_uid[6..8].parse().unwrap();
    manifest.created_at = manifest.created_at.replace_day(day).unwrap();
    let (bytes, written) = write(&environment(dir.path(), &tiny()), manifest, compression);
    part.file().write_all(&bytes).unwrap();
    part.sync()?;
    index_snapshot::check_archive(part.reopen()?, &written)?;
    let sum = part.publish_sum(&written.sha256)?;
    part.publish(sum)
}

fn names(path: &Path) -> Vec<String> {
    let mut names: Vec<_> = fs::read_dir(path)
        .unwrap()
        .map(|e| e.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

const FIRST: &str = "20260201-101530042";
const SECOND: &str = "20260202-101530042";
const THIRD: &str = "20260203-101530042";

#[test]
fn archives_are_listed_found_and_deleted() {
    let dir = tempfile::tempdir().unwrap();
    let directory = Directory::new(dir.path().join("deep/snapshots"));
    assert_eq!(directory.list("films", 0, 20).unwrap(), (vec![], 0));
    make(&directory, "films", FIRST, Compression::Gzip).unwrap();
    make(&directory, "films", THIRD, Compression::Zstd).unwrap();
    make(&directory, "films", SECOND, Compression::None).unwrap();
    make(&directory, "films-2", SECOND, Compression::Gzip).unwrap();
    let long = "x".repeat(400);
    make(&directory, &long, FIRST, Compression::Gzip).unwrap();

    let (page, total) = directory.list("films", 0, 20).unwrap();
    let listed: Vec<_> = page.iter().map(|e| (e.snapshot_uid.as_str(), e.compression)).collect();
    assert_eq!(listed, [(THIRD, "zstd"), (SECOND, "none"), (FIRST, "gzip")]);
    assert_eq!(total, 3);
    let (page, total) = directory.list("films", 1, 1).unwrap();
    assert_eq!((page.len(), page[0].snapshot_uid.as_str(), total), (1, SECOND, 3));
    assert_eq!(directory.list(&long, 0, 20).unwrap().1, 1);

    let entry = &directory.list("films", 2, 1).unwrap().0[0];
    let path = directory.path().join(&entry.file_name);
    assert_eq!(entry.size, fs::metadata(&path).unwrap().len());
    assert_eq!(entry.file_name, format!("films-{FIRST}.snapshot.tar.gz"));
    assert_eq!((entry.number_of_documents, entry.last_task_uid), (2, Some(6)));
    let sum = std::process::Command::new("sha256sum")
        .args(["-c", &format!("{}.sha256", entry.file_name)])
        .current_dir(directory.path())
        .output()
        .unwrap();
    assert!(sum.status.success(), "{sum:?}");
    let (got, manifest) = directory.get("films", &uid(FIRST)).unwrap();
    assert_eq!((&got, manifest.index.primary_key.as_deref()), (entry, Some("id")));

    let (name, mut open) = directory.open("films", &uid(FIRST)).unwrap();
    assert_eq!(name, entry.file_name);
    directory.delete("films", &uid(FIRST)).unwrap();
    assert!(!path.exists() && !path.with_extension("gz.sha256").exists());
    let mut rest = Vec::new();
    open.read_to_end(&mut rest).unwrap();
    assert_eq!(rest.len() as u64, entry.size, "whoever has it open reads on");
    for missing in
        [directory.delete("films", &uid(FIRST)), directory.get("films", &uid(FIRST)).map(drop)]
    {
        assert!(matches!(missing, Err(Error::NotFound { .. })));
    }
    assert_eq!(directory.list("films", 0, 20).unwrap().1, 2);
}

#[test]
fn a_listing_follows_changes_and_leaves_out_what_it_cannot_read() {
    let dir = tempfile::tempdir().unwrap();
    let directory = Directory::new(dir.path().to_path_buf());
    make(&directory, "films", FIRST, Compression::Gzip).unwrap();
    let good = dir.path().join(format!("films-{FIRST}.snapshot.tar.gz"));
    let named = |name: &str| dir.path().join(name);
    fs::write(named(&format!("films-{SECOND}.snapshot.tar.gz")), "not a tar").unwrap();
    fs::copy(&good, named(&format!("films-{THIRD}.snapshot.tar.gz"))).unwrap();
    fs::copy(&good, named("films.tar.gz")).unwrap();
    symlink(&good, named(&format!("films-{THIRD}.snapshot.tar"))).unwrap();
    fs::create_dir(named(&format!("films-{THIRD}.snapshot.tar.zst"))).unwrap();
    for _ in 0..2 {
        let (page, total) = directory.list("films", 0, 20).unwrap();
        assert_eq!((page.len(), total), (1, 1));
        assert!(page[0].sha256.is_some());
    }
    fs::remove_file(named(&format!("films-{FIRST}.snapshot.tar.gz.sha256"))).unwrap();
    assert_eq!(directory.list("films", 0, 20).unwrap().0[0].sha256, None);
    // The same name, another content.
    fs::remove_file(&good).unwrap();
    fs::write(&good, "changed").unwrap();
    assert_eq!(directory.list("films", 0, 20).unwrap().1, 0);
}

#[test]
fn a_name_shows_no_other_index() {
    let dir = tempfile::tempdir().unwrap();
    let directory = Directory::new(dir.path().to_path_buf());
    make(&directory, "films", FIRST, Compression::Gzip).unwrap();
    let archive = |uid: &str| dir.path().join(format!("{uid}-{FIRST}.snapshot.tar.gz"));
    fs::copy(archive("films"), archive("books")).unwrap();
    assert_eq!(directory.list("books", 0, 20).unwrap().1, 0);
    for hidden in [
        directory.get("books", &uid(FIRST)).map(drop),
        directory.open("books", &uid(FIRST)).map(drop),
    ] {
        assert!(matches!(hidden, Err(Error::NotFound { .. })));
    }
    directory.delete("books", &uid(FIRST)).unwrap();
    directory.open("films", &uid(FIRST)).unwrap();
}

#[test]
fn a_task_replaces_only_what_it_made_itself() {
    let dir = tempfile::tempdir().unwrap();
    let directory = Directory::new(dir.path().to_path_buf());
    make(&directory, "films", FIRST, Compression::Gzip).unwrap();
    assert!(directory.is_taken("films", &uid(FIRST)));
    assert!(!directory.is_taken("films", &uid(SECOND)));
    let name = ArchiveName::new("films", uid(FIRST), Compression::Gzip);
    for stranger in [Owner { task_uid: 8, ..OWNER }, Owner { instance_uid: Uuid::nil(), ..OWNER }] {
        assert!(matches!(directory.create(&name, stranger), Err(Error::AlreadyExists { .. })));
        directory.remove_own(&name, stranger).unwrap();
    }
    assert_eq!(names(dir.path()).len(), 2);
    make(&directory, "films", FIRST, Compression::Gzip).unwrap();
    directory.remove_own(&name, OWNER).unwrap();
    assert_eq!(names(dir.path()), [""; 0]);
}

#[test]
fn left_overs_are_removed_at_start_up() {
    let dir = tempfile::tempdir().unwrap();
    let directory = Directory::new(dir.path().to_path_buf());
    directory.clean_up().unwrap();
    make(&directory, "films", FIRST, Compression::Gzip).unwrap();
    let second = format!("films-{SECOND}.snapshot.tar.gz");
    let third = format!("films-{THIRD}.snapshot.tar.gz");
    for left_over in
        [format!(".{second}.part"), format!(".{second}.sha256.part"), format!("{second}.sha256")]
    {
        fs::write(dir.path().join(left_over), "x").unwrap();
    }
    // Another server is at work on the third: its sum stands already, its archive is about to follow.
    let held =
        directory.create(&ArchiveName::new("films", uid(THIRD), Compression::Gzip), OWNER).unwrap();
    fs::write(dir.path().join(format!("{third}.sha256")), "x").unwrap();
    for foreign in [".hidden.part", "data.ms.snapshot", "other.sha256"] {
        File::create(dir.path().join(foreign)).unwrap();
    }
    directory.clean_up().unwrap();
    assert_eq!(
        names(dir.path()),
        [
            format!(".{third}.part"),
            ".hidden.part".into(),
            "data.ms.snapshot".into(),
            format!("films-{FIRST}.snapshot.tar.gz"),
            format!("films-{FIRST}.snapshot.tar.gz.sha256"),
            format!("{third}.sha256"),
            "other.sha256".into(),
        ]
    );
    drop(held);
    directory.clean_up().unwrap();
    assert!(!dir.path().join(format!("{third}.sha256")).exists());
}
