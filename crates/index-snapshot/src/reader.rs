//! Archive → verified `data.mdb`, in three steps that follow one another in the stream
//! (index-snapshots.md 2 and 6): [`read_head`] → [`Body::extract`] → [`Trailer::verify`].
//!
//! Nothing but the entries of the format is accepted, in their order, once each, within their limits; after
//! the end of the tar come at most 10 KiB of zeros. So decompression is bounded by what the head promises.

use std::io::{self, Read, Write};
use std::sync::Arc;
use std::thread::Scope;

use crossbeam_channel::{Receiver, bounded};

use crate::compression::{Compression, Decoder};
use crate::env_stream::BLOCK_BYTES;
use crate::error::{Error, Result};
use crate::foreign::recognise;
use crate::manifest::{Compatibility, Manifest, Version};
use crate::monitor::Monitor;
use crate::pages::MetaPages;
use crate::source::{Marked, classify};
use crate::sums::{SumThread, SummingReader, sum, sums_file};
use crate::tar_entry::{BLOCK, Entry, padding, parse};
use crate::threads::Joined;
use crate::walk::PageWalk;

/// A small entry of the format.
pub(crate) struct SmallEntry {
    pub(crate) name: &'static str,
    /// Bytes that it may have.
    pub(crate) limit: u64,
}

pub(crate) const VERSION: SmallEntry = SmallEntry { name: "VERSION", limit: 64 };
pub(crate) const MANIFEST: SmallEntry = SmallEntry { name: "metadata.json", limit: 1024 * 1024 };
pub(crate) const SUMS: SmallEntry = SmallEntry { name: "SHA256SUMS", limit: 4 * 1024 };
/// Name of the entry that holds the environment.
pub(crate) const DATA: &str = "data.mdb";

const DECODING_THREAD: &str = "snapshot-decode";
/// Decoded blocks that may wait to be walked and written.
const BLOCKS_AHEAD: usize = 4;

/// Zeros that may follow the two blocks that end a tar, in bytes.
const MAX_TRAILING_ZEROS: u64 = 10 * 1024;

/// The first two entries of an archive.
#[derive(Debug, Clone)]
pub struct Head {
    /// Content of `VERSION`.
    pub version: Version,
    /// Content of `metadata.json`.
    pub manifest: Manifest,
    /// How the archive is compressed.
    pub compression: Compression,
}

/// Decodes the head of an archive and, if a rule is given, judges version and platform, each as soon as it
/// is known. `sum_archive` asks for the SHA-256 of the archive itself at the end.
pub fn read_head<R: Read>(
    source: R,
    compatibility: Option<&Compatibility>,
    sum_archive: bool,
) -> Result<(Head, Body<R>)> {
    let source = Marked(SummingReader::new(source, sum_archive));
    let mut tar = TarStream { decoder: Decoder::new(source).map_err(classify)? };
    let compression = tar.decoder.compression();

    let version_text = tar.read_head_entry(&VERSION)?;
    let version =
        std::str::from_utf8(&version_text).ok().and_then(Version::parse).ok_or_else(|| {
            Error::corrupted("`VERSION` does not hold three numbers separated by dots")
        })?;
    let manifest_json = tar.read_head_entry(&MANIFEST)?;
    // A damaged version is told from another one: it stands in both entries. The rest of the manifest is
    // looked at after the judgement, because another version may have another manifest.
    if let Some(claimed) = Manifest::version_in(&manifest_json)
        && Version::parse(&claimed) != Some(version)
    {
        return Err(Error::corrupted(format!(
            "`VERSION` says {version}, `metadata.json` says {claimed}"
        )));
    }
    if let Some(rule) = compatibility {
        rule.check_version(version)?;
    }
    let manifest = Manifest::parse(&manifest_json)?;
    if compatibility.is_some() {
        manifest.check_platform()?;
    }
    let sums = [sum(&version_text), sum(&manifest_json)];
    let head = Head { version, manifest, compression };
    Ok((head.clone(), Body { tar, data_size: head.manifest.data_size, sums }))
}

/// An archive behind its head: `data.mdb` is next.
pub struct Body<R: Read> {
    tar: TarStream<R>,
    data_size: u64,
    sums: [String; 2],
}

impl<R: Read> Body<R> {
    /// Writes `data.mdb` to a destination, of exactly the promised size, walking its pages and summing it
    /// on the way; decoding and summing run beside it on other threads. `databases` are the names that its
    /// databases may have.
    pub fn extract(
        mut self,
        destination: &mut dyn Write,
        databases: &[&str],
        monitor: &dyn Monitor,
    ) -> Result<Trailer<R>>
    where
        R: Send,
    {
        let entry = self.tar.expect(DATA)?;
        if entry.size != self.data_size {
            return Err(Error::corrupted(format!(
                "`{DATA}` has {} bytes, and `metadata.json` promises {}",
                entry.size, self.data_size
            )));
        }
        monitor.total(self.data_size);
        let data_sum = std::thread::scope(|scope| {
            let data_sum = SumThread::spawn(scope)?;
            let decoded = self.tar.decode_ahead(scope, self.data_size)?;
            let mut left = self.data_size;
            let mut walk = None;
            while left > 0 {
                if monitor.must_stop() {
                    return Err(Error::Stopped);
                }
                let block = decoded.next()?;
                let walk = match &mut walk {
                    Some(walk) => walk,
                    None => {
                        walk.insert(PageWalk::new(check_start(&block, self.data_size)?, databases))
                    }
                };
                walk.walk(&block)?;
                let block = Arc::new(block);
                data_sum.update(&block)?;
                destination
                    .write_all(&block)
                    .map_err(|e| Error::io(format!("writing `{DATA}`"), e))?;
                left -= block.len() as u64;
                monitor.advance(block.len() as u64);
            }
            // An empty file has no pages to walk and is no environment.
            walk.ok_or_else(not_an_environment)?.finish()?;
            data_sum.finish()
        })?;
        self.tar.expect_zeros(padding(self.data_size) as u64)?;
        let [version, manifest] = self.sums;
        Ok(Trailer { tar: self.tar, sums: [version, manifest, data_sum] })
    }
}

/// The file must begin with the meta pages of an LMDB file of just its size.
fn check_start(block: &[u8], data_size: u64) -> Result<MetaPages> {
    match MetaPages::parse(block) {
        Some(meta) if meta.bytes() == Some(data_size) => Ok(meta),
        Some(_) => {
            Err(Error::corrupted(format!("the pages of `{DATA}` do not add up to its size")))
        }
        None => Err(not_an_environment()),
    }
}

fn not_an_environment() -> Error {
    Error::corrupted(format!("`{DATA}` is not an LMDB environment"))
}

/// An archive behind `data.mdb`: the sums are next, and then it must end.
pub struct Trailer<R: Read> {
    tar: TarStream<R>,
    sums: [String; 3],
}

/// What a verified archive turned out to be.
#[derive(Debug)]
pub struct Imported {
    /// SHA-256 of the archive, in hex, if it was asked for.
    pub archive_sha256: Option<String>,
}

impl<R: Read> Trailer<R> {
    /// Compares the sums and checks that the archive ends here.
    pub fn verify(mut self) -> Result<Imported> {
        let found = self.tar.read_small(&SUMS)?;
        let names = [VERSION.name, MANIFEST.name, DATA];
        let lines = || self.sums.iter().map(String::as_str).zip(names);
        if found != sums_file(lines()).as_bytes() {
            let found = String::from_utf8_lossy(&found);
            let wrong = lines().find(|&line| !found.contains(&sums_file([line])));
            return Err(Error::corrupted(match wrong {
                Some((_, name)) => format!("the checksum of `{name}` is wrong"),
                None => format!("`{}` has other lines than it should", SUMS.name),
            }));
        }
        if let Some(entry) = self.tar.next_header()? {
            return Err(unexpected(&entry, "the end of the archive"));
        }
        self.tar.expect_zeros(BLOCK as u64)?;
        self.tar.expect_end()?;
        let (Marked(source), exhausted) = self.tar.decoder.into_source();
        if !exhausted {
            return Err(Error::corrupted("something follows the end of the compressed data"));
        }
        Ok(Imported { archive_sha256: source.sum() })
    }
}

fn unexpected(entry: &Entry, expected: &str) -> Error {
    Error::corrupted(format!("it holds the entry `{}` where {expected} should be", entry.name))
}

/// The decoded tar, read strictly forward.
pub(crate) struct TarStream<R: Read> {
    decoder: Decoder<Marked<SummingReader<R>>>,
}

impl<R: Read + Send> TarStream<R> {
    /// Decodes the next bytes, block by block, on a thread of its own; it ends early when nobody takes the
    /// blocks any more.
    fn decode_ahead<'scope>(
        &'scope mut self,
        scope: &'scope Scope<'scope, '_>,
        length: u64,
    ) -> Result<Decoded<'scope>> {
        let (blocks, decoded) = bounded(BLOCKS_AHEAD);
        let handle = std::thread::Builder::new()
            .name(DECODING_THREAD.into())
            .spawn_scoped(scope, move || {
                let mut left = length;
                while left > 0 {
                    let length = left.min(BLOCK_BYTES as u64);
                    let mut block = Vec::with_capacity(BLOCK_BYTES);
                    let read = self.read_exactly(&mut block, length).map(|()| block);
                    let failed = read.is_err();
                    if blocks.send(read).is_err() || failed {
                        return;
                    }
                    left -= length;
                }
            })
            .map_err(|e| Error::io("starting the thread that decodes", e))?;
        Ok(Decoded { blocks: decoded, _thread: Joined::new(DECODING_THREAD, handle) })
    }
}

/// Blocks that a thread decodes ahead; dropped, the thread ends.
struct Decoded<'scope> {
    blocks: Receiver<Result<Vec<u8>>>,
    _thread: Joined<'scope, ()>,
}

impl Decoded<'_> {
    fn next(&self) -> Result<Vec<u8>> {
        self.blocks.recv().map_err(|_| Error::Panicked(DECODING_THREAD))?
    }
}

impl<R: Read> TarStream<R> {
    fn read_exactly(&mut self, buffer: &mut Vec<u8>, length: u64) -> Result<()> {
        let read = (&mut self.decoder).take(length).read_to_end(buffer).map_err(classify)?;
        if (read as u64) < length {
            return Err(Error::corrupted("it is truncated"));
        }
        Ok(())
    }

    /// The next header; `None` at the first empty block.
    pub(crate) fn next_header(&mut self) -> Result<Option<Entry>> {
        let mut block = [0; BLOCK];
        self.decoder.read_exact(&mut block).map_err(classify)?;
        parse(&block)
    }

    /// Passes over the content of an entry and its padding.
    pub(crate) fn skip_content(&mut self, size: u64) -> Result<()> {
        let length = size + padding(size) as u64;
        let skipped =
            io::copy(&mut (&mut self.decoder).take(length), &mut io::sink()).map_err(classify)?;
        if skipped < length {
            return Err(Error::corrupted("it is truncated"));
        }
        Ok(())
    }

    fn expect(&mut self, name: &str) -> Result<Entry> {
        match self.next_header()? {
            Some(entry) if entry.name == name && entry.is_regular => Ok(entry),
            Some(entry) if entry.name == name => {
                Err(Error::corrupted(format!("the entry `{name}` is not a regular file")))
            }
            Some(entry) => Err(unexpected(&entry, &format!("`{name}`"))),
            None => Err(Error::corrupted(format!("the entry `{name}` is missing"))),
        }
    }

    fn read_small(&mut self, wanted: &SmallEntry) -> Result<Vec<u8>> {
        let entry = self.expect(wanted.name)?;
        self.content(&entry, wanted)
    }

    /// As `read_small`, for the first entries, whose absence may mean an archive of another kind.
    fn read_head_entry(&mut self, wanted: &SmallEntry) -> Result<Vec<u8>> {
        match self.next_header()? {
            Some(entry) if entry.name == wanted.name && entry.is_regular => {
                self.content(&entry, wanted)
            }
            Some(entry) => {
                let error = unexpected(&entry, &format!("`{}`", wanted.name));
                match recognise(self, entry) {
                    Ok(Some(kind)) => Err(Error::Foreign(kind)),
                    // The source has no more bytes yet: the judgement has to wait for them.
                    Err(failure @ Error::Io { .. }) => Err(failure),
                    Ok(None) | Err(_) => Err(error),
                }
            }
            None => Err(Error::corrupted(format!("the entry `{}` is missing", wanted.name))),
        }
    }

    fn content(&mut self, entry: &Entry, wanted: &SmallEntry) -> Result<Vec<u8>> {
        if entry.size > wanted.limit {
            return Err(Error::corrupted(format!(
                "the entry `{}` has {} bytes, more than the {} that it may have",
                entry.name, entry.size, wanted.limit
            )));
        }
        let mut content = Vec::new();
        self.read_exactly(&mut content, entry.size)?;
        self.expect_zeros(padding(entry.size) as u64)?;
        Ok(content)
    }

    fn expect_zeros(&mut self, length: u64) -> Result<()> {
        let mut zeros = Vec::new();
        self.read_exactly(&mut zeros, length)?;
        if zeros.iter().any(|&b| b != 0) {
            return Err(Error::corrupted("it holds bytes where only zeros should be"));
        }
        Ok(())
    }

    fn expect_end(&mut self) -> Result<()> {
        let mut rest = Vec::new();
        let limit = MAX_TRAILING_ZEROS + 1;
        let read = (&mut self.decoder).take(limit).read_to_end(&mut rest).map_err(classify)?;
        if read as u64 == limit || rest.iter().any(|&b| b != 0) {
            return Err(Error::corrupted("something follows the end of the archive"));
        }
        Ok(())
    }
}
