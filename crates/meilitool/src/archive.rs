//! `index-snapshot`: the archive of one index, read as the server reads it (index-snapshots.md 2).

use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use index_snapshot::{Head, open_regular_file, read_archive_head, read_head};
use milli::Tables;
use serde_json::{Value, json};
use time::format_description::well_known::Rfc3339;

use crate::error::{Error, Result};
use crate::outcome::Outcome;
use crate::progress::Bar;

/// Bytes of a `.sha256` file that are looked at.
const MAX_SUM_FILE_BYTES: u64 = 1024;

/// Prints the head of an archive.
pub(crate) fn inspect(file: &Path) -> Result<Outcome> {
    let head = read_archive_head(file, None).map_err(bad(file))?;
    let size = fs::metadata(file).map_err(|source| Error::io(file, source))?.len();
    let sum = recorded_sum(file)?;
    let index = &head.manifest.index;
    let mut json = describe(file, &head);
    json["size"] = size.into();
    json["sha256"] = sum.clone().into();
    json["manifest"] = serde_json::to_value(&head.manifest).unwrap_or(Value::Null);

    let date = |date: time::OffsetDateTime| date.format(&Rfc3339).unwrap_or_default();
    let lines = [
        ("index", head.manifest.index_uid.clone()),
        ("snapshot", head.manifest.snapshot_uid.clone()),
        ("taken", date(head.manifest.created_at)),
        ("by version", head.version.to_string()),
        ("compression", head.compression.name().to_owned()),
        ("archive", format!("{size} bytes")),
        ("data.mdb", format!("{} bytes", head.manifest.data_size)),
        ("documents", index.number_of_documents.to_string()),
        ("primary key", index.primary_key.clone().unwrap_or_else(|| "none yet".into())),
        ("index created", date(index.created_at)),
        ("index updated", date(index.updated_at)),
        ("last task", head.manifest.last_task_uid.map_or("none".into(), |uid| uid.to_string())),
        ("recorded sha256", sum.unwrap_or_else(|| "no .sha256 file beside it".into())),
    ];
    let mut text = String::new();
    for (name, value) in lines {
        let _ = writeln!(text, "{name:<16} {value}");
    }
    Ok(Outcome { text, json, complaint: None })
}

/// Reads an archive to its end.
pub(crate) fn verify(file: &Path, expected: Option<&str>) -> Result<Outcome> {
    let (head, sha256) = read_whole(file, &mut io::sink(), "verifying")?;
    let expected = match expected {
        Some(sum) => Some((sum.to_ascii_lowercase(), "asked for")),
        None => recorded_sum(file)?.map(|sum| (sum, "recorded in the `.sha256` file beside it")),
    };
    if let Some((expected, whence)) = expected
        && expected != sha256
    {
        let (file, whence) = (file.to_path_buf(), whence.to_owned());
        return Err(Error::OtherSum { file, found: sha256, expected, whence });
    }
    let mut json = describe(file, &head);
    json["valid"] = true.into();
    json["sha256"] = sha256.clone().into();
    let text = format!(
        "{}: intact, index `{}`, {} documents, sha256 {sha256}\n",
        file.display(),
        head.manifest.index_uid,
        head.manifest.index.number_of_documents
    );
    Ok(Outcome { text, json, complaint: None })
}

/// Verifies an archive and leaves its LMDB file in a directory, whole or not at all.
pub(crate) fn extract(file: &Path, directory: &Path) -> Result<Outcome> {
    // A bad head is told before anything is made.
    read_archive_head(file, None).map_err(bad(file))?;
    fs::create_dir_all(directory).map_err(|source| Error::io(directory, source))?;
    let data = directory.join("data.mdb");
    if data.symlink_metadata().is_ok() {
        return Err(Error::Exists(data));
    }
    let mut part = tempfile::Builder::new()
        .prefix(".data.mdb.")
        .suffix(".part")
        .tempfile_in(directory)
        .map_err(|source| Error::io(directory, source))?;
    let (head, sha256) = read_whole(file, part.as_file_mut(), "extracting")?;
    part.as_file().sync_all().map_err(|source| Error::io(&data, source))?;
    part.persist_noclobber(&data).map_err(|failed| match failed.error.kind() {
        io::ErrorKind::AlreadyExists => Error::Exists(data.clone()),
        _ => Error::io(&data, failed.error),
    })?;
    index_snapshot::sync_directory(directory).map_err(bad(directory))?;

    let mut json = describe(file, &head);
    json["dataFile"] = data.display().to_string().into();
    json["sha256"] = sha256.into();
    let text = format!(
        "{}: index `{}`, {} bytes; `meilitool check {}` looks into it\n",
        data.display(),
        head.manifest.index_uid,
        head.manifest.data_size,
        directory.display()
    );
    Ok(Outcome { text, json, complaint: None })
}

/// Streams `data.mdb` out of an archive while all of it is verified; gives the archive's own sum.
fn read_whole(
    file: &Path,
    destination: &mut dyn Write,
    doing: &'static str,
) -> Result<(Head, String)> {
    let source = open_regular_file(file).map_err(bad(file))?;
    let read = || {
        let (head, body) = read_head::<File>(source, None, true)?;
        let bar = Bar::new(doing);
        let imported = body.extract(destination, &Tables::NAMES, &bar)?.verify()?;
        Ok((head, imported.archive_sha256.unwrap_or_default()))
    };
    read().map_err(bad(file))
}

fn bad(file: &Path) -> impl FnOnce(index_snapshot::Error) -> Error {
    let file = file.to_path_buf();
    |source| Error::Archive { file, source }
}

fn describe(file: &Path, head: &Head) -> Value {
    json!({
        "fileName": file.file_name().map(|name| name.to_string_lossy()),
        "indexUid": head.manifest.index_uid,
        "snapshotUid": head.manifest.snapshot_uid,
        "meilisearchVersion": head.version.to_string(),
        "compression": head.compression.name(),
        "dataSize": head.manifest.data_size,
        "numberOfDocuments": head.manifest.index.number_of_documents,
    })
}

/// The sum in the file that `sha256sum` checks; `None` without such a file.
fn recorded_sum(file: &Path) -> Result<Option<String>> {
    let mut path = file.as_os_str().to_owned();
    path.push(".sha256");
    let path = PathBuf::from(path);
    let mut text = Vec::new();
    match File::open(&path).and_then(|file| file.take(MAX_SUM_FILE_BYTES).read_to_end(&mut text)) {
        Ok(_) => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(source) => return Err(Error::io(path, source)),
    }
    let text = String::from_utf8_lossy(&text);
    match text.split_ascii_whitespace().next().map(parse_sha256) {
        Some(Ok(sum)) => Ok(Some(sum)),
        _ => Err(Error::NoSum(path)),
    }
}

/// Accepts 64 hex digits; gives them in lower case.
pub(crate) fn parse_sha256(text: &str) -> std::result::Result<String, &'static str> {
    if text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        Ok(text.to_ascii_lowercase())
    } else {
        Err("a SHA-256 has 64 hexadecimal digits")
    }
}
