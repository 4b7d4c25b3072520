//! Parts of an instance → archive of version 6 (storage-instance.md 13).

use std::fs::File;
use std::io::{self, BufWriter, Read, Write};
use std::path::{Path, PathBuf};

use flate2::Compression;
use flate2::write::GzEncoder;
use meilisearch_types::keys::Key;
use meilisearch_types::settings::Settings;
use meilisearch_types::tasks::TaskId;
use meilisearch_types::versioning::VERSION_STR;
use meilisearch_types::webhooks::DumpedWebhooks;
use serde::Serialize;
use time::OffsetDateTime;
use uuid::Uuid;

use crate::error::{Error, Result};
use crate::layout;
use crate::lines::Lines;
use crate::metadata::{IndexMetadata, Metadata, WRITTEN_VERSION};

/// Level of gzip.
const LEVEL: u32 = 6;
const BUFFER_BYTES: usize = 256 << 10;
const FILE_MODE: u32 = 0o644;
const DIRECTORY_MODE: u32 = 0o755;
/// Longest name of a chat workspace, in bytes, that fits with its ending into a file name.
const MAX_WORKSPACE_BYTES: usize = 250;

/// An archive being written, part by part, in any order.
pub struct Writer<W: Write> {
    tar: tar::Builder<GzEncoder<BufWriter<W>>>,
    spool: PathBuf,
    date: OffsetDateTime,
}

impl<W: Write> Writer<W> {
    /// Begins an archive. Parts of unknown length are collected in nameless files on the file system of
    /// `spool`, one at a time.
    ///
    /// # Errors
    /// The output cannot be written; as for every other method.
    pub fn new(output: W, spool: &Path, date: OffsetDateTime) -> Result<Writer<W>> {
        let output = BufWriter::with_capacity(BUFFER_BYTES, output);
        let tar = tar::Builder::new(GzEncoder::new(output, Compression::new(LEVEL)));
        let mut writer = Writer { tar, spool: spool.to_path_buf(), date };
        for directory in
            ["./", "batches", layout::CHATS, layout::INDEXES, "tasks", layout::PAYLOADS]
        {
            writer.directory(directory)?;
        }
        writer.json(
            layout::METADATA,
            &Metadata { dump_version: WRITTEN_VERSION, db_version: VERSION_STR, dump_date: date },
        )?;
        Ok(writer)
    }

    /// The uid of the instance.
    pub fn instance_uid(&mut self, uid: Uuid) -> Result<()> {
        self.bytes(layout::INSTANCE_UID, uid.hyphenated().to_string().as_bytes())
    }

    /// All API keys.
    pub fn keys(&mut self, keys: &[Key]) -> Result<()> {
        let mut lines = self.lines()?;
        keys.iter().try_for_each(|key| lines.push(key))?;
        self.file(layout::KEYS, lines)
    }

    /// The settings of a chat workspace.
    ///
    /// # Errors
    /// Its name can be no file name.
    pub fn chat_settings(&mut self, workspace: &str, settings: &impl Serialize) -> Result<()> {
        let is_file_name = !workspace.contains(['/', '\0'])
            && (1..=MAX_WORKSPACE_BYTES).contains(&workspace.len());
        if !is_file_name {
            return Err(Error::UnwritableName(workspace.to_owned()));
        }
        self.json(&format!("{}/{workspace}.json", layout::CHATS), settings)
    }

    /// The experimental features in force.
    pub fn features(&mut self, features: &impl Serialize) -> Result<()> {
        self.json(layout::FEATURES, features)
    }

    /// The network of instances.
    pub fn network(&mut self, network: &impl Serialize) -> Result<()> {
        self.json(layout::NETWORK, network)
    }

    /// The webhooks.
    pub fn webhooks(&mut self, webhooks: &DumpedWebhooks) -> Result<()> {
        self.json(layout::WEBHOOKS, webhooks)
    }

    /// An empty file of lines, for one of the parts below.
    pub fn lines(&self) -> Result<Lines> {
        Lines::new(&self.spool)
    }

    /// All tasks, one [`crate::DumpedTask`] a line.
    pub fn tasks(&mut self, tasks: Lines) -> Result<()> {
        self.file(layout::TASKS, tasks)
    }

    /// The documents that a task still has to import.
    pub fn payload(&mut self, task: TaskId, documents: Lines) -> Result<()> {
        self.file(&layout::payload(task), documents)
    }

    /// All batches.
    pub fn batches(&mut self, batches: Lines) -> Result<()> {
        self.file(layout::BATCHES, batches)
    }

    /// An index: what it is called, how it is set, and what it holds.
    pub fn index(
        &mut self,
        metadata: &IndexMetadata,
        settings: &Settings,
        documents: Lines,
    ) -> Result<()> {
        let directory = format!("{}/{}", layout::INDEXES, metadata.uid);
        self.directory(&directory)?;
        self.json(&format!("{directory}/{}", layout::METADATA), metadata)?;
        self.json(&format!("{directory}/{}", layout::SETTINGS), settings)?;
        self.file(&format!("{directory}/{}", layout::DOCUMENTS), documents)
    }

    /// Ends the archive and gives the output back.
    pub fn finish(self) -> Result<W> {
        let output = self.tar.into_inner()?.finish()?;
        Ok(output.into_inner().map_err(io::IntoInnerError::into_error)?)
    }

    fn json(&mut self, name: &str, value: &impl Serialize) -> Result<()> {
        let json = serde_json::to_vec(value).map_err(io::Error::from)?;
        self.bytes(name, &json)
    }

    fn bytes(&mut self, name: &str, bytes: &[u8]) -> Result<()> {
        self.entry(name, bytes.len() as u64, bytes)
    }

    fn file(&mut self, name: &str, lines: Lines) -> Result<()> {
        let (file, length): (File, u64) = lines.into_file()?;
        self.entry(name, length, file)
    }

    fn entry(&mut self, name: &str, length: u64, content: impl Read) -> Result<()> {
        let mut header = self.header(tar::EntryType::Regular, FILE_MODE);
        header.set_size(length);
        Ok(self.tar.append_data(&mut header, name, content)?)
    }

    fn directory(&mut self, name: &str) -> Result<()> {
        let mut header = self.header(tar::EntryType::Directory, DIRECTORY_MODE);
        header.set_size(0);
        Ok(self.tar.append_data(&mut header, name, io::empty())?)
    }

    fn header(&self, kind: tar::EntryType, mode: u32) -> tar::Header {
        let mut header = tar::Header::new_gnu();
        header.set_entry_type(kind);
        header.set_mode(mode);
        header.set_mtime(self.date.unix_timestamp().try_into().unwrap_or(0));
        header
    }
}
