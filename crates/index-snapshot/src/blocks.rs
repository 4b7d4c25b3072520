//! The lower half of the writing pipeline: blocks are compressed side by side and written in order.
//!
//! The streaming thread hands in blocks; each gets a place in the order at once and a worker later. Both
//! queues are bounded, so a slow disk holds back the source and memory stays in proportion to the threads.

use std::fs::File;
use std::io::Write;
use std::sync::Arc;
use std::thread::{Builder, Scope, ScopedJoinHandle};

use crossbeam_channel::{Receiver, Sender, bounded};
use sha2::{Digest, Sha256};

use crate::compression::{BlockCompressor, Compression, GzipMember};
use crate::error::{Error, Result};
use crate::flush::FlushedFile;

type Compressed = std::io::Result<Option<Vec<u8>>>;

/// What the file is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    /// A gzip member, zstd frame, or the bytes as they are, for each block.
    Blocks(Compression),
    /// One gzip member over all blocks, for readers that look at the first one only.
    GzipMember,
}

struct Job {
    block: Arc<Vec<u8>>,
    done: Sender<Compressed>,
}

/// A block's place in the order: the block itself, and where its compressed form will arrive.
struct Place {
    block: Arc<Vec<u8>>,
    done: Receiver<Compressed>,
}

/// What the file got.
pub(crate) struct FileSummary {
    /// Bytes of the file.
    pub(crate) size: u64,
    /// Its last block, as it stands at the end of the file.
    pub(crate) last_block: Vec<u8>,
    /// SHA-256 of the file, in hex.
    pub(crate) sha256: String,
}

/// Takes blocks and writes them, compressed, to a file.
pub(crate) struct BlockSink<'scope> {
    jobs: Sender<Job>,
    places: Sender<Place>,
    writer: ScopedJoinHandle<'scope, Result<FileSummary>>,
}

impl<'scope> BlockSink<'scope> {
    pub(crate) fn spawn(
        scope: &'scope Scope<'scope, '_>,
        format: Format,
        threads: usize,
        file: &'scope File,
    ) -> Result<BlockSink<'scope>> {
        let threads = threads.max(1);
        let starting = |e| Error::io("starting the threads that compress", e);
        let (jobs, queue) = bounded::<Job>(threads);
        let (places, ordered) = bounded::<Place>(2 * threads);
        for _ in 0..threads {
            let queue = queue.clone();
            let mut compressor = match format {
                Format::Blocks(compression) => BlockCompressor::new(compression),
                Format::GzipMember => Ok(BlockCompressor::of_gzip_member()),
            }
            .map_err(starting)?;
            Builder::new()
                .name("snapshot-compress".into())
                .spawn_scoped(scope, move || {
                    for Job { block, done } in queue {
                        // Nobody waits any more when the writer has failed.
                        let _ = done.send(compressor.compress(&block));
                    }
                })
                .map_err(starting)?;
        }
        let writer = Builder::new()
            .name("snapshot-write".into())
            .spawn_scoped(scope, move || write_in_order(ordered, format, file))
            .map_err(starting)?;
        Ok(BlockSink { jobs, places, writer })
    }

    /// Hands in the next block. `false` when the writer has given up; [`BlockSink::finish`] tells why.
    pub(crate) fn push(&self, block: Arc<Vec<u8>>) -> bool {
        let (done, receiver) = bounded(1);
        self.places.send(Place { block: block.clone(), done: receiver }).is_ok()
            && self.jobs.send(Job { block, done }).is_ok()
    }

    /// Waits until everything is in the file.
    pub(crate) fn finish(self) -> Result<FileSummary> {
        drop(self.jobs);
        drop(self.places);
        self.writer.join().map_err(|_| Error::Panicked("snapshot-write"))?
    }
}

fn write_in_order(places: Receiver<Place>, format: Format, file: &File) -> Result<FileSummary> {
    let failed = |e| Error::io("writing the archive", e);
    let mut output =
        Output { file: FlushedFile::new(file).map_err(failed)?, hasher: Sha256::new(), size: 0 };
    let mut member = (format == Format::GzipMember).then(GzipMember::default);
    if member.is_some() {
        output.write(&GzipMember::HEADER).map_err(failed)?;
    }
    let mut last_block = None;
    for Place { block, done } in places {
        let compressed = done.recv().map_err(|_| Error::Panicked("snapshot-compress"))?;
        let compressed = compressed.map_err(|e| Error::io("compressing the archive", e))?;
        output.write(compressed.as_deref().unwrap_or(&block)).map_err(failed)?;
        if let Some(member) = &mut member {
            member.add(&block);
        }
        last_block = Some((compressed, block));
    }
    if let Some(member) = member {
        output.write(&member.end()).map_err(failed)?;
    }
    let Output { file, hasher, size } = output;
    file.finish().map_err(failed)?;
    let last_block = last_block.map_or_else(Vec::new, |(compressed, block)| {
        compressed.unwrap_or_else(|| block.as_slice().to_vec())
    });
    Ok(FileSummary { size, last_block, sha256: hex::encode(hasher.finalize()) })
}

/// The file, with what is known of it so far.
struct Output {
    file: FlushedFile,
    hasher: Sha256,
    size: u64,
}

impl Output {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        self.file.write_all(bytes)?;
        self.hasher.update(bytes);
        self.size += bytes.len() as u64;
        Ok(())
    }
}
