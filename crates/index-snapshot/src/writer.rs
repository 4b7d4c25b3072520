//! Environment → archive (index-snapshots.md 5.3 to 5.5).
//!
//! 1. LMDB's compacting copy runs on a thread of its own, into a pipe.
//! 2. The first two pages tell the exact size; leaked pages are found before a byte is written.
//! 3. Head block: `VERSION`, `metadata.json` and the header of `data.mdb`.
//! 4. Page blocks: cleared and walked, so that no archive is written that an import would refuse;
//!    then summed and compressed on other threads.
//! 5. Tail block: `SHA256SUMS` and the end of the tar, so its absence shows a truncated archive.
//!
//! A failure drops the pipe's reading end, which ends the copy within milliseconds; the first cause is
//! reported, never the broken pipe that follows from it.

use std::fs::File;
use std::io::{self, PipeReader, PipeWriter, Read, Seek, SeekFrom};
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::thread::{self, Builder, Scope};

use heed::{CompactionOption, Env, MdbError, WithoutTls};

use crate::blocks::{BlockSink, FileSummary};
use crate::compression::Compression;
use crate::error::{Error, Result};
use crate::manifest::Manifest;
use crate::monitor::Monitor;
use crate::pages::{MetaPages, PageCleaner, SMALLEST_PAGE, page_size, pages_in_use};
use crate::reader::{DATA, MANIFEST, SUMS, VERSION, read_head};
use crate::sums::{SumThread, sum, sums_file};
use crate::tar_entry::{END, append, header};
use crate::walk::PageWalk;

/// Bytes of `data.mdb` in a block; a multiple of every page size.
pub(crate) const BLOCK_BYTES: usize = 1024 * 1024;

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
    let expected_pages = pages_in_use(env)?;
    let (reading_end, writing_end) =
        io::pipe().map_err(|e| Error::io("opening a pipe for the copy", e))?;
    widen(&writing_end);
    thread::scope(|scope| {
        let copier = Builder::new()
            .name("snapshot-copy".into())
            .spawn_scoped(scope, move || copy(env, writing_end))
            .map_err(|e| Error::io("starting the thread that copies", e))?;
        let streamed =
            stream(scope, Source(reading_end), expected_pages, manifest, options, file, monitor);
        let copied = copier.join().map_err(|_| Error::Panicked("snapshot-copy"))?;
        match (streamed, copied) {
            (Ok(written), copied) => copied.map(|()| written),
            // A copy that fits into LMDB's buffers fails before it has written a byte.
            (
                Err(StreamError::CopyEnded),
                Err(Error::Lmdb(heed::Error::Mdb(MdbError::Incompatible))),
            ) => Err(Error::LeakedPages { leaked: None }),
            (Err(StreamError::CopyEnded), Err(cause)) => Err(cause),
            (Err(StreamError::CopyEnded), Ok(())) => {
                Err(Error::corrupted("LMDB's copy of the index ended before its announced size"))
            }
            (Err(StreamError::Failed(cause)), _) => Err(cause),
        }
    })
}

/// Runs LMDB's copy. A signal would end it with EINTR, so this thread, and the one that LMDB starts from
/// it, take none.
fn copy(env: &Env<WithoutTls>, writing_end: PipeWriter) -> Result<()> {
    nix::sys::signal::SigSet::all()
        .thread_block()
        .map_err(|e| Error::io("blocking signals for the copy", e.into()))?;
    let mut end = File::from(OwnedFd::from(writing_end));
    env.copy_to_file(&mut end, CompactionOption::Enabled)?;
    Ok(())
}

/// LMDB writes a mebibyte at once: let the pipe hold it, where the system allows.
fn widen(pipe: &PipeWriter) {
    #[cfg(target_os = "linux")]
    let _ = nix::fcntl::fcntl(pipe, nix::fcntl::FcntlArg::F_SETPIPE_SZ(BLOCK_BYTES as i32));
    #[cfg(not(target_os = "linux"))]
    let _ = pipe;
}

enum StreamError {
    /// The copying thread closed its end too early; it knows the cause.
    CopyEnded,
    Failed(Error),
}

impl From<Error> for StreamError {
    fn from(error: Error) -> StreamError {
        StreamError::Failed(error)
    }
}

/// The reading end of the pipe.
struct Source(PipeReader);

impl Source {
    /// Fills a buffer up to a length.
    fn fill(&mut self, buffer: &mut Vec<u8>, length: usize) -> Result<(), StreamError> {
        let missing = length - buffer.len();
        let read = (&mut self.0)
            .take(missing as u64)
            .read_to_end(buffer)
            .map_err(|e| Error::io("reading LMDB's copy from the pipe", e))?;
        if read == missing { Ok(()) } else { Err(StreamError::CopyEnded) }
    }

    /// Whether the copy ends here.
    fn is_at_end(&mut self) -> Result<bool> {
        let read =
            self.0.read(&mut [0]).map_err(|e| Error::io("reading LMDB's copy from the pipe", e))?;
        Ok(read == 0)
    }
}

fn stream<'scope>(
    scope: &'scope Scope<'scope, '_>,
    mut source: Source,
    expected_pages: u64,
    mut manifest: Manifest,
    options: &WriteOptions<'_>,
    file: &'scope File,
    monitor: &dyn Monitor,
) -> Result<Written, StreamError> {
    let not_lmdb =
        || Error::corrupted("LMDB's copy of the index does not begin with its meta pages");
    let mut block = Vec::with_capacity(BLOCK_BYTES);
    source.fill(&mut block, SMALLEST_PAGE)?;
    let page_size = page_size(&block).ok_or_else(not_lmdb)?;
    source.fill(&mut block, 2 * page_size)?;
    let meta = MetaPages::parse(&block).ok_or_else(not_lmdb)?;
    if meta.pages != expected_pages {
        let leaked = Some(meta.pages.abs_diff(expected_pages));
        return Err(Error::LeakedPages { leaked }.into());
    }
    let data_size = meta.bytes().ok_or_else(not_lmdb)?;
    manifest.data_size = data_size;
    manifest.platform.page_size = page_size as u32;
    monitor.total(data_size);

    let modified = u64::try_from(manifest.created_at.unix_timestamp()).unwrap_or(0);
    let version = manifest.meilisearch_version.clone().into_bytes();
    let manifest_json = manifest.to_json(MANIFEST.limit)?;
    let mut head = Vec::new();
    append(&mut head, VERSION.name, &version, modified)?;
    append(&mut head, MANIFEST.name, &manifest_json, modified)?;
    head.extend_from_slice(&header(DATA, data_size, modified)?);

    let sink = BlockSink::spawn(scope, options.compression, options.threads, file)?;
    let pushed = (|| {
        let mut open = sink.push(Arc::new(head));
        let data_sum = SumThread::spawn(scope)?;
        let mut cleaner = PageCleaner::new(page_size);
        let mut walk = PageWalk::new(meta, options.databases);
        let mut left = data_size;
        while open && left > 0 {
            if monitor.must_stop() {
                return Err(Error::Stopped.into());
            }
            let length = left.min(BLOCK_BYTES as u64);
            source.fill(&mut block, length as usize)?;
            cleaner.clean(&mut block)?;
            walk.walk(&block)?;
            let full = Arc::new(std::mem::replace(&mut block, Vec::with_capacity(BLOCK_BYTES)));
            data_sum.update(&full)?;
            open = sink.push(full);
            left -= length;
            monitor.advance(length);
        }
        if open {
            if !source.is_at_end()? {
                return Err(Error::corrupted(
                    "LMDB's copy of the index is longer than it announced",
                )
                .into());
            }
            walk.finish()?;
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
