//! LMDB's compacting copy as a stream of whole pages whose length is known before the first byte is used
//! (index-snapshots.md 5.3).
//!
//! The copy runs on a thread of its own, into a pipe. The first two pages tell the exact size; leaked pages
//! are found before anything is written. Unused bytes of the pages are cleared on the way.
//!
//! A failure of the consumer drops the pipe's reading end, which ends the copy within milliseconds; the
//! first cause is reported, never the broken pipe that follows from it.

use std::fs::File;
use std::io::{self, PipeReader, PipeWriter, Read};
use std::os::fd::OwnedFd;
use std::thread::{self, Builder};

use heed::{CompactionOption, Env, MdbError, WithoutTls};

use crate::error::{Error, Result};
use crate::pages::{MetaPages, PageCleaner, SMALLEST_PAGE, page_size, pages_in_use};

/// Bytes that the stream gives at once; a multiple of every page size.
pub(crate) const BLOCK_BYTES: usize = 1024 * 1024;

/// Why the consumer of a stream ended.
pub(crate) enum StreamError {
    /// The copying thread closed its end too early; it knows the cause.
    CopyEnded,
    Failed(Error),
}

impl From<Error> for StreamError {
    fn from(error: Error) -> StreamError {
        StreamError::Failed(error)
    }
}

/// Copies an environment into `consume`. The caller sees to it that nobody writes to the environment
/// meanwhile; readers do not matter.
pub(crate) fn stream_env<T>(
    env: &Env<WithoutTls>,
    consume: impl FnOnce(EnvStream) -> Result<T, StreamError>,
) -> Result<T> {
    let expected_pages = pages_in_use(env)?;
    let (reading_end, writing_end) =
        io::pipe().map_err(|e| Error::io("opening a pipe for the copy", e))?;
    widen(&writing_end);
    thread::scope(|scope| {
        let copier = Builder::new()
            .name("snapshot-copy".into())
            .spawn_scoped(scope, move || copy(env, writing_end))
            .map_err(|e| Error::io("starting the thread that copies", e))?;
        let consumed = EnvStream::open(reading_end, expected_pages).and_then(consume);
        let copied = copier.join().map_err(|_| Error::Panicked("snapshot-copy"))?;
        match (consumed, copied) {
            (Ok(consumed), copied) => copied.map(|()| consumed),
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

/// A copy that is under way.
pub(crate) struct EnvStream {
    pipe: PipeReader,
    meta: MetaPages,
    size: u64,
    left: u64,
    /// What was read of the next block.
    block: Vec<u8>,
    cleaner: PageCleaner,
}

impl EnvStream {
    fn open(mut pipe: PipeReader, expected_pages: u64) -> Result<EnvStream, StreamError> {
        let not_lmdb =
            || Error::corrupted("LMDB's copy of the index does not begin with its meta pages");
        let mut block = Vec::with_capacity(BLOCK_BYTES);
        fill(&mut pipe, &mut block, SMALLEST_PAGE)?;
        let page_size = page_size(&block).ok_or_else(not_lmdb)?;
        fill(&mut pipe, &mut block, 2 * page_size)?;
        let meta = MetaPages::parse(&block).ok_or_else(not_lmdb)?;
        if meta.pages != expected_pages {
            let leaked = Some(meta.pages.abs_diff(expected_pages));
            return Err(Error::LeakedPages { leaked }.into());
        }
        let size = meta.bytes().ok_or_else(not_lmdb)?;
        let cleaner = PageCleaner::new(page_size);
        Ok(EnvStream { pipe, meta, size, left: size, block, cleaner })
    }

    /// What the first two pages say.
    pub(crate) fn meta(&self) -> MetaPages {
        self.meta
    }

    /// Bytes of the whole copy.
    pub(crate) fn size(&self) -> u64 {
        self.size
    }

    /// The next block of whole, cleaned pages; `None` once the copy has ended as announced.
    pub(crate) fn next_block(&mut self) -> Result<Option<Vec<u8>>, StreamError> {
        if self.left == 0 {
            return if self.is_at_end()? {
                Ok(None)
            } else {
                Err(Error::corrupted("LMDB's copy of the index is longer than it announced").into())
            };
        }
        let length = self.left.min(BLOCK_BYTES as u64) as usize;
        fill(&mut self.pipe, &mut self.block, length)?;
        self.cleaner.clean(&mut self.block)?;
        self.left -= length as u64;
        Ok(Some(std::mem::replace(&mut self.block, Vec::with_capacity(BLOCK_BYTES))))
    }

    /// Whether the copy ends here.
    fn is_at_end(&mut self) -> Result<bool> {
        let read = self.pipe.read(&mut [0]).map_err(reading)?;
        Ok(read == 0)
    }
}

/// Fills a buffer from the pipe up to a length.
fn fill(pipe: &mut PipeReader, buffer: &mut Vec<u8>, length: usize) -> Result<(), StreamError> {
    let missing = length - buffer.len();
    let read = pipe.take(missing as u64).read_to_end(buffer).map_err(reading)?;
    if read == missing { Ok(()) } else { Err(StreamError::CopyEnded) }
}

fn reading(error: io::Error) -> Error {
    Error::io("reading LMDB's copy from the pipe", error)
}
