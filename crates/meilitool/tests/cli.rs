//! The program as an operator runs it, on archives and directories that the tests make.

#![allow(clippy::unwrap_used, reason = "helpers of tests fail by panicking")]

use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use heed::types::Bytes;
use index_snapshot::{
    Compression, Manifest, ManifestIndex, Platform, Unattended, WriteOptions, write_archive,
};
use milli::{Index, OpenOptions, Tables};
use serde_json::Value;
use time::macros::datetime;

const OPTIONS: OpenOptions = OpenOptions { map_size: 64 << 20, max_readers: 8, write_map: false };

fn meilitool(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_meilitool")).args(arguments).output().unwrap()
}

fn json(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).unwrap()
}

fn error_line(output: &Output) -> String {
    let text = String::from_utf8(output.stderr.clone()).unwrap();
    assert_eq!(output.status.code(), Some(1), "{text}");
    assert_eq!(text.lines().count(), 1, "{text}");
    text
}

fn new_index(dir: &Path) -> Index {
    fs::create_dir_all(dir).unwrap();
    let date = datetime!(2026-01-01 00:00 UTC);
    Index::create(dir, &OPTIONS, date, date).unwrap()
}

/// An archive of an empty index, its sum beside it as the server leaves it.
fn new_archive(dir: &Path, compression: Compression) -> PathBuf {
    let index = new_index(&dir.join("source"));
    let manifest = Manifest {
        format_version: 1,
        snapshot_uid: "20260201-101530042".into(),
        index_uid: "films".into(),
        created_at: datetime!(2026-02-01 10:15:30.042 UTC),
        task_uid: 7,
        instance_uid: uuid::Uuid::from_u128(1),
        meilisearch_version: "1.50.0".into(),
        platform: Platform::current(0),
        data_size: 0,
        last_task_uid: Some(6),
        tokenizer: vec![],
        index: ManifestIndex {
            created_at: datetime!(2026-01-01 00:00 UTC),
            updated_at: datetime!(2026-01-02 00:00 UTC),
            primary_key: Some("id".into()),
            number_of_documents: 3,
            settings: None,
        },
    };
    let path = dir.join(format!("films-20260201-101530042{}", compression.suffix()));
    let file = File::options().create_new(true).read(true).write(true).open(&path).unwrap();
    let options = WriteOptions { databases: &Tables::NAMES, compression, threads: 1 };
    let written =
        write_archive(&index.env().clone(), manifest, &options, &file, &Unattended).unwrap();
    let line = format!("{}  {}\n", written.sha256, path.file_name().unwrap().display());
    fs::write(format!("{}.sha256", path.display()), line).unwrap();
    index.prepare_for_closing().wait();
    path
}

#[test]
fn an_archive_is_inspected_verified_extracted_and_checked() {
    for compression in Compression::ALL {
        let dir = tempfile::tempdir().unwrap();
        let archive = new_archive(dir.path(), compression);
        let archive = archive.to_str().unwrap();

        let output = meilitool(&["index-snapshot", "inspect", archive]);
        assert!(output.status.success());
        let text = String::from_utf8(output.stdout).unwrap();
        assert!(
            text.contains("index            films\n") && text.contains("2026-02-01T10:15:30.042Z")
        );
        let head = json(&meilitool(&["--json", "index-snapshot", "inspect", archive]));
        assert_eq!(head["compression"], compression.name());
        assert_eq!(head["manifest"]["index"]["numberOfDocuments"], 3);

        let output = meilitool(&["index-snapshot", "verify", archive, "--json"]);
        assert!(output.status.success());
        assert_eq!(json(&output)["sha256"], head["sha256"]);

        let target = dir.path().join("new/target");
        let target = target.to_str().unwrap();
        let output = meilitool(&["index-snapshot", "extract", archive, "--output", target]);
        assert!(output.status.success(), "{output:?}");
        assert_eq!(fs::read_dir(target).unwrap().count(), 1);
        let output = meilitool(&["check", target]);
        assert!(output.status.success(), "{output:?}");
        assert!(String::from_utf8(output.stdout).unwrap().contains("sound, 0 faults, 0 residues"));
        Index::open(Path::new(target), &OPTIONS).unwrap().prepare_for_closing().wait();

        let again = meilitool(&["index-snapshot", "extract", archive, "-o", target]);
        assert!(error_line(&again).contains("data.mdb: the file exists"));
    }
}

#[test]
fn a_bad_archive_is_refused_in_one_line_and_leaves_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let archive = new_archive(dir.path(), Compression::None);
    let mut bytes = fs::read(&archive).unwrap();
    // Inside the pages of `data.mdb`, behind the head.
    let at = bytes.len() / 2;
    bytes[at] ^= 0x55;
    let bad = dir.path().join("bad.tar");
    fs::write(&bad, &bytes).unwrap();
    let (bad, target) = (bad.to_str().unwrap(), dir.path().join("target"));
    let verify = meilitool(&["index-snapshot", "verify", bad]);
    assert!(error_line(&verify).contains("bad.tar: The index snapshot is corrupted"));
    let extract =
        meilitool(&["index-snapshot", "extract", bad, "-o", target.to_str().unwrap(), "--json"]);
    assert!(error_line(&extract).contains("corrupted"));
    assert!(json(&extract)["error"].as_str().unwrap().contains("corrupted"));
    assert_eq!(fs::read_dir(&target).unwrap().count(), 0);

    bytes[at] ^= 0x55;
    for (name, content) in [
        ("empty.tar", &b""[..]),
        ("text.tar", b"no archive"),
        ("head.tar", &bytes[..700]),
        ("tail.tar", &bytes[..bytes.len() - 1024]),
        ("garbage.tar", &[&bytes[..], b"x"].concat()),
    ] {
        let path = dir.path().join(name);
        fs::write(&path, content).unwrap();
        let (path, whole) = (path.to_str().unwrap(), target.to_str().unwrap());
        let verify = error_line(&meilitool(&["index-snapshot", "verify", path]));
        assert!(verify.contains(name) && verify.contains("corrupted"), "{verify}");
        error_line(&meilitool(&["index-snapshot", "extract", path, "-o", whole]));
        assert_eq!(fs::read_dir(&target).unwrap().count(), 0, "{name}");
    }

    let missing = meilitool(&["index-snapshot", "inspect", "/nowhere.tar"]);
    assert!(error_line(&missing).contains("There is no index snapshot"));
}

#[test]
fn another_sum_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let archive = new_archive(dir.path(), Compression::Gzip);
    let sum = "0".repeat(64);
    let path = archive.to_str().unwrap();
    let output = meilitool(&["index-snapshot", "verify", path, "--sha256", &sum]);
    assert!(error_line(&output).contains("is asked for"));
    fs::write(format!("{path}.sha256"), format!("{sum}  {path}\n")).unwrap();
    let output = meilitool(&["index-snapshot", "verify", path]);
    assert!(error_line(&output).contains("recorded in the `.sha256` file"));
    fs::write(format!("{path}.sha256"), "").unwrap();
    for command in ["verify", "inspect"] {
        let output = meilitool(&["index-snapshot", command, path]);
        assert!(error_line(&output).contains(".sha256: no SHA-256 is in this file"));
    }
    fs::remove_file(format!("{path}.sha256")).unwrap();
    assert!(meilitool(&["index-snapshot", "verify", path]).status.success());
    assert_eq!(
        meilitool(&["index-snapshot", "verify", path, "--sha256", "x"]).status.code(),
        Some(2)
    );
}

/// Runs the program with standard error on a terminal; gives what appears there.
fn on_a_terminal(arguments: &[&str]) -> (Output, String) {
    use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};

    let ours = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
    grantpt(&ours).unwrap();
    unlockpt(&ours).unwrap();
    let size = rustix::termios::Winsize { ws_row: 24, ws_col: 80, ws_xpixel: 0, ws_ypixel: 0 };
    rustix::termios::tcsetwinsize(&ours, size).unwrap();
    let theirs = ptsname(&ours, Vec::new()).unwrap().into_string().unwrap();
    let theirs = File::options().read(true).write(true).open(theirs).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_meilitool"));
    let output = command.args(arguments).env("TERM", "xterm").stderr(theirs).output().unwrap();
    drop(command);
    let mut shown = Vec::new();
    // When nobody holds the other end any more, Linux ends with EIO.
    let _ = File::from(ours).read_to_end(&mut shown);
    (output, String::from_utf8(shown).unwrap())
}

#[test]
fn a_terminal_shows_a_bar_and_nothing_else_does() {
    let dir = tempfile::tempdir().unwrap();
    let archive = new_archive(dir.path(), Compression::Gzip);
    let path = archive.to_str().unwrap();
    let target = dir.path().join("target");
    let extract = ["index-snapshot", "extract", path, "--output", target.to_str().unwrap()];
    for (doing, arguments) in
        [("verifying", &["index-snapshot", "verify", path, "--json"][..]), ("extracting", &extract)]
    {
        let (output, shown) = on_a_terminal(arguments);
        assert!(output.status.success(), "{shown}");
        assert!(shown.contains(doing) && shown.contains("kB"), "{shown:?}");
        assert!(!output.stdout.is_empty());
    }
    let output = meilitool(&["index-snapshot", "verify", path]);
    assert_eq!(output.stderr, b"", "a log file gets no bar");

    let (output, shown) = on_a_terminal(&["index-snapshot", "verify", "/nowhere.tar"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(shown.starts_with("meilitool: /nowhere.tar: There is no index snapshot"), "{shown:?}");
}

#[test]
fn a_data_directory_is_checked_index_by_index() {
    let dir = tempfile::tempdir().unwrap();
    let indexes = dir.path().join("indexes");
    new_index(&indexes.join("a")).prepare_for_closing().wait();
    let damaged = new_index(&indexes.join("b"));
    let mut wtxn = damaged.write_txn().unwrap();
    let words = damaged.tables().word_docids.remap_types::<Bytes, Bytes>();
    words.put(&mut wtxn, b"fox", &[1]).unwrap();
    wtxn.commit().unwrap();
    damaged.prepare_for_closing().wait();
    fs::create_dir(indexes.join("c")).unwrap();
    new_index(&indexes.join("d")).prepare_for_closing().wait();
    fs::write(indexes.join("d/importing"), "").unwrap();

    let output = meilitool(&["check", dir.path().to_str().unwrap(), "--json"]);
    assert!(error_line(&output).contains("1 of 2 indexes are damaged"));
    let found = json(&output);
    assert_eq!(found["indexes"][0]["sound"], true);
    let finding = &found["indexes"][1]["findings"][0];
    assert_eq!((&finding["database"], &finding["key"]), (&"word-docids".into(), &"fox".into()));
    assert_eq!(found["skipped"].as_array().unwrap().len(), 2);

    let empty = tempfile::tempdir().unwrap();
    let output = meilitool(&["check", empty.path().to_str().unwrap()]);
    assert!(error_line(&output).contains("neither `data.mdb` nor `indexes`"));
}

/// Blocks of shell commands of a page that begin with the program's name.
fn commands(page: &str) -> Vec<&str> {
    let blocks = page.split("```sh\n").skip(1).map(|rest| rest.split("```").next().unwrap());
    blocks.filter(|block| block.starts_with("meilitool")).collect()
}

#[test]
fn the_commands_of_the_guides_work() {
    let pages = [
        include_str!("../../../docs/meilitool.md"),
        include_str!("../../../docs/index-snapshots.md"),
    ];
    let blocks: Vec<_> = pages.into_iter().flat_map(commands).collect();
    assert!(blocks.len() >= 3, "{blocks:?}");
    let dir = tempfile::tempdir().unwrap();
    let archive = new_archive(dir.path(), Compression::Gzip);
    let index = dir.path().join("data.ms/indexes/2d9f12f5-c8ca-48bc-86b9-6c9366bd00d1");
    new_index(&index).prepare_for_closing().wait();
    let script = format!(
        "set -eux\nmeilitool() {{ '{}' \"$@\"; }}\nfile='{}'\n{}",
        env!("CARGO_BIN_EXE_meilitool"),
        archive.display(),
        blocks.concat()
    );
    let output = Command::new("sh").args(["-c", &script]).current_dir(dir.path()).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(dir.path().join("unpacked/data.mdb").exists());
}
