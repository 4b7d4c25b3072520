//! Archive → unpacked directory → parts of an instance, in the forms of version 6.

use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

use flate2::bufread::MultiGzDecoder;
use meilisearch_types::batches::Batch;
use meilisearch_types::features::RuntimeTogglableFeatures;
use meilisearch_types::keys::Key;
use meilisearch_types::settings::Settings;
use meilisearch_types::tasks::TaskId;
use meilisearch_types::webhooks::DumpedWebhooks;
use serde::de::DeserializeOwned;
use serde_json::Value;
use uuid::Uuid;

use crate::error::{Error, Result};
use crate::layout::{self, Places, index_directory};
use crate::metadata::{AnyMetadata, IndexMetadata};
use crate::task::DumpedTask;
use crate::v5;

const BUFFER_BYTES: usize = 256 << 10;

/// A dump, unpacked.
#[derive(Debug)]
pub struct Dump {
    directory: PathBuf,
    indexes: Vec<DumpedIndex>,
}

/// An index of a dump.
#[derive(Debug)]
pub struct DumpedIndex {
    /// What it is called, and its dates.
    pub metadata: IndexMetadata,
    directory: PathBuf,
    /// Its directory in the archive.
    entry: String,
}

impl Dump {
    /// Unpacks an archive into an empty directory, which then belongs to the dump, and brings it to
    /// version 6.
    ///
    /// # Errors
    /// The archive is damaged, incomplete or of a version that is not read, or the directory cannot be
    /// written.
    pub fn unpack(archive: &Path, directory: &Path) -> Result<Dump> {
        let file = File::open(archive).map_err(Error::io("open", archive))?;
        let mut places = Places::default();
        let mut is_snapshot = false;
        let unpacked = (|| {
            let gzip = MultiGzDecoder::new(BufReader::with_capacity(BUFFER_BYTES, file));
            let mut tar = tar::Archive::new(gzip);
            for entry in tar.entries()? {
                let mut entry = entry?;
                let path = entry.path()?.into_owned();
                is_snapshot |= path.ends_with("data.mdb");
                if entry.header().entry_type().is_dir() {
                    continue;
                }
                // Links and devices are no part of a dump.
                let is_file = entry.header().entry_type().is_file()
                    || entry.header().entry_type().is_gnu_sparse();
                if let Some(place) = places.of(&path).filter(|_| is_file) {
                    write(&mut entry, &directory.join(place))?;
                }
            }
            // What follows the end of the tar is read too: the check sum of gzip stands behind it.
            io::copy(&mut tar.into_inner(), &mut io::sink())
        })();
        unpacked.map_err(|source| Error::Archive { path: archive.to_path_buf(), source })?;
        if is_snapshot {
            return Err(Error::Snapshot { path: archive.to_path_buf() });
        }
        let metadata: AnyMetadata = required(directory, layout::METADATA)?;
        match metadata.dump_version.as_str() {
            "V6" => {}
            "V5" => v5::convert(directory, &places)?,
            _ => return Err(Error::Version { found: metadata.dump_version }),
        }
        let mut indexes = Vec::new();
        for (entry, number) in places.indexes {
            let entry = format!("{}/{entry}", layout::INDEXES);
            let directory = directory.join(index_directory(number));
            let metadata =
                named(&format!("{entry}/{}", layout::METADATA), &directory, layout::METADATA)?;
            indexes.push(DumpedIndex { metadata, directory, entry });
        }
        Ok(Dump { directory: directory.to_path_buf(), indexes })
    }

    /// The uid of the instance, if the dump has one.
    ///
    /// # Errors
    /// The file is damaged; as for every other method.
    pub fn instance_uid(&self) -> Result<Option<Uuid>> {
        let path = self.directory.join(layout::INSTANCE_UID);
        match fs::read_to_string(&path) {
            Ok(text) => Uuid::try_parse(text.trim())
                .map(Some)
                .map_err(|error| Error::damaged(layout::INSTANCE_UID, None, error)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(Error::io("read", &path)(error)),
        }
    }

    /// All API keys.
    pub fn keys(&self) -> Result<Vec<Key>> {
        read_lines(&self.directory, layout::KEYS)?.collect()
    }

    /// The experimental features, if the dump has them.
    pub fn features(&self) -> Result<Option<RuntimeTogglableFeatures>> {
        optional(&self.directory, layout::FEATURES)
    }

    /// The network of instances, if the dump has one.
    pub fn network(&self) -> Result<Option<Value>> {
        optional(&self.directory, layout::NETWORK)
    }

    /// The webhooks, if the dump has some.
    pub fn webhooks(&self) -> Result<Option<DumpedWebhooks>> {
        optional(&self.directory, layout::WEBHOOKS)
    }

    /// The settings of the chat workspaces, by their names.
    pub fn chat_settings(&self) -> Result<Vec<(String, Value)>> {
        let path = self.directory.join(layout::CHATS);
        let entries = match fs::read_dir(&path) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(Error::io("list", &path)(error)),
        };
        let mut workspaces = Vec::new();
        for entry in entries {
            let name = entry.map_err(Error::io("list", &path))?.file_name();
            let name = name.to_string_lossy();
            if let Some(workspace) = name.strip_suffix(".json") {
                let settings = required(&self.directory, &format!("{}/{name}", layout::CHATS))?;
                workspaces.push((workspace.to_owned(), settings));
            }
        }
        Ok(workspaces)
    }

    /// The indexes, by the names of their directories in the archive.
    pub fn indexes(&self) -> &[DumpedIndex] {
        &self.indexes
    }

    /// All batches; none when the dump has no list of them.
    pub fn batches(&self) -> Result<impl Iterator<Item = Result<Batch>>> {
        let has_list = self.directory.join(layout::BATCHES).exists();
        let list = has_list.then(|| read_lines(&self.directory, layout::BATCHES)).transpose()?;
        Ok(list.into_iter().flatten())
    }

    /// All tasks.
    pub fn tasks(&self) -> Result<impl Iterator<Item = Result<DumpedTask>>> {
        read_lines(&self.directory, layout::TASKS)
    }

    /// The file with the documents that a task still has to import.
    pub fn payload(&self, task: TaskId) -> Option<PathBuf> {
        Some(self.directory.join(layout::payload(task))).filter(|path| path.is_file())
    }
}

impl DumpedIndex {
    /// All of its settings.
    pub fn settings(&self) -> Result<Settings> {
        let name = format!("{}/{}", self.entry, layout::SETTINGS);
        named(&name, &self.directory, layout::SETTINGS)
    }

    /// The file with its documents, JSON objects one after another.
    ///
    /// # Errors
    /// There is none.
    pub fn documents(&self) -> Result<PathBuf> {
        let path = self.directory.join(layout::DOCUMENTS);
        match path.is_file() {
            true => Ok(path),
            false => Err(Error::Missing(format!("{}/{}", self.entry, layout::DOCUMENTS))),
        }
    }
}

fn write(entry: &mut impl Read, path: &Path) -> io::Result<()> {
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent)?;
    }
    io::copy(entry, &mut File::create(path)?).map(drop)
}

/// A file that holds one JSON value, if it is there.
fn optional<T: DeserializeOwned>(directory: &Path, name: &str) -> Result<Option<T>> {
    match required(directory, name) {
        Err(Error::Missing(_)) => Ok(None),
        found => found.map(Some),
    }
}

/// A file that holds one JSON value.
pub(crate) fn required<T: DeserializeOwned>(directory: &Path, name: &str) -> Result<T> {
    named(name, directory, name)
}

/// A file that holds one JSON value and is called otherwise in the archive.
pub(crate) fn named<T: DeserializeOwned>(entry: &str, directory: &Path, file: &str) -> Result<T> {
    let json = fs::read(directory.join(file)).map_err(missing(entry, directory, file))?;
    serde_json::from_slice(&json).map_err(|error| Error::damaged(entry, None, error))
}

/// A file of one JSON value a line.
pub(crate) fn read_lines<T: DeserializeOwned>(
    directory: &Path,
    name: &str,
) -> Result<impl Iterator<Item = Result<T>> + use<T>> {
    let file = File::open(directory.join(name)).map_err(missing(name, directory, name))?;
    let name = name.to_owned();
    let lines = BufReader::with_capacity(BUFFER_BYTES, file).lines().enumerate();
    Ok(lines.map(move |(number, line)| {
        let damaged = |reason: String| Error::damaged(&name, Some(number + 1), reason);
        let line = line.map_err(|error| damaged(error.to_string()))?;
        serde_json::from_str(&line).map_err(|error| damaged(error.to_string()))
    }))
}

fn missing(entry: &str, directory: &Path, file: &str) -> impl FnOnce(io::Error) -> Error {
    let (entry, path) = (entry.to_owned(), directory.join(file));
    move |error| match error.kind() {
        io::ErrorKind::NotFound => Error::Missing(entry),
        _ => Error::io("read", &path)(error),
    }
}
