//! Environment → archive (index-snapshots.md 5.3 to 5.5).
//!
//! 1. LMDB's compacting copy arrives as a stream of cleared pages (`env_stream`).
//! 2. Head block: `VERSION`, `metadata.json` and the header of `data.mdb`.
//! 3. Page blocks: walked, so that no archive is written that an import would refuse; then summed and
//!    compressed on other threads.
//! 4. Tail block: `SHA256SUMS` and the end of the tar, so its absence shows a truncated archive.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::sync::Arc;
use std::thread::{self, Scope};

use heed::{Env, WithoutTls};

use crate::blocks::{BlockSink, FileSummary, Format};
use crate::compression::Compression;
use crate::env_stream::{EnvStream, StreamError, stream_env};
use crate::error::{Error, Result};
use crate::manifest::Manifest;
use crate::monitor::Monitor;
use crate::reader::{DATA, MANIFEST, SUMS, VERSION, read_head};
use crate::sums::{SumThread, sum, sums_file};
use crate::tar_entry::{END, append, header};
use crate::walk::PageWalk;

/// How to write an archive.
#[derive(Debug, Clone, Copy)]
pub struct WriteOptions<'n> {
    /// Names that the environment's databases may have.
    pub databases: &'n [&'n str],
    /// Compression of the archive.
    pub compression: Compression,
    /// Threads that compress.
    pub threads: usize,
}

/// An archive that was written.
#[derive(Debug)]
pub struct Written {
    /// The manifest in it, with the sizes filled in.
    pub manifest: Manifest,
    /// Bytes of the archive.
    pub size: u64,
    /// SHA-256 of the archive, in hex.
    pub sha256: String,
    /// The last bytes of the archive: the sums and the end of the tar, compressed.
    tail: Vec<u8>,
}

/// Copies an environment into an archive. The caller sees to it that nobody writes to the environment
/// meanwhile; readers do not matter. `data_size` and page size of the manifest are filled in here.
///
/// Nothing is synced and nothing is removed on failure: the file is the caller's.
pub fn write_archive(
    env: &Env<WithoutTls>,
    manifest: Manifest,
    options: &WriteOptions<'_>,
    file: &File,
    monitor: &dyn Monitor,
) -> Result<Written> {
    stream_env(env, |copy| {
        thread::scope(|scope| write(scope, copy, manifest, options, file, monitor))
    })
}

fn write<'scope>(
    scope: &'scope Scope<'scope, '_>,
    mut copy: EnvStream,
    mut manifest: Manifest,
    options: &WriteOptions<'_>,
    file: &'scope File,
    monitor: &dyn Monitor,
) -> Result<Written, StreamError> {
    let data_size = copy.size();
    manifest.data_size = data_size;
    manifest.platform.page_size = copy.meta().page_size as u32;
    monitor.total(data_size);

    let modified = u64::try_from(manifest.created_at.unix_timestamp()).unwrap_or(0);
    let version = manifest.meilisearch_version.clone().into_bytes();
    let manifest_json = manifest.to_json(MANIFEST.limit)?;
    let mut head = Vec::new();
    append(&mut head, VERSION.name, &version, modified)?;
    append(&mut head, MANIFEST.name, &manifest_json, modified)?;
    head.extend_from_slice(&header(DATA, data_size, modified)?);

    let format = Format::Blocks(options.compression);
    let sink = BlockSink::spawn(scope, format, options.threads, file)?;
    let pushed = (|| {
        let mut open = sink.push(Arc::new(head));
        let data_sum = SumThread::spawn(scope)?;
        let mut walk = PageWalk::new(copy.meta(), options.databases);
        while open {
            if monitor.must_stop() {
                return Err(Error::Stopped.into());
            }
            let Some(block) = copy.next_block()? else {
                walk.finish()?;
                break;
            };
            walk.walk(&block)?;
            let block = Arc::new(block);
            data_sum.update(&block)?;
            monitor.advance(block.len() as u64);
            open = sink.push(block);
        }
        let data_sum = data_sum.finish()?;
        let sums = sums_file([
            (sum(&version).as_str(), VERSION.name),
            (sum(&manifest_json).as_str(), MANIFEST.name),
            (data_sum.as_str(), DATA),
        ]);
        let mut tail = Vec::new();
        append(&mut tail, SUMS.name, sums.as_bytes(), modified)?;
        tail.resize(tail.len() + END, 0);
        sink.push(Arc::new(tail));
        Ok::<_, StreamError>(())
    })();
    // Even after a failure: a full disk shows only here, and threads must end before the scope does.
    let finished = sink.finish();
    pushed?;
    let FileSummary { size, last_block: tail, sha256 } = finished?;
    Ok(Written { manifest, size, sha256, tail })
}

/// Reads head and tail of a written archive again, through a handle of its own, and compares them.
pub fn check_archive(mut file: File, written: &Written) -> Result<()> {
    let failed = |e| Error::io("reading the new archive again", e);
    let differs =
        |what: &str| Error::corrupted(format!("{what} of the new archive reads back differently"));
    let length = file.metadata().map_err(failed)?.len();
    if length != written.size {
        return Err(differs("the size"));
    }
    file.rewind().map_err(failed)?;
    let (head, _body) = read_head(&file, None, false)?;
    if head.manifest != written.manifest {
        return Err(differs("the manifest"));
    }
    let tail_at = written.size.saturating_sub(written.tail.len() as u64);
    file.seek(SeekFrom::Start(tail_at)).map_err(failed)?;
    let mut tail = Vec::with_capacity(written.tail.len());
    file.take(written.tail.len() as u64 + 1).read_to_end(&mut tail).map_err(failed)?;
    if tail != written.tail {
        return Err(differs("the end"));
    }
    Ok(())
}
