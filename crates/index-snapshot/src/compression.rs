//! The three compressions of an archive (index-snapshots.md 2).
//!
//! Writing works block by block: each block becomes a gzip member or a zstd frame of its own, so blocks are
//! compressed side by side and the last one can be read without the ones before it.
//! Reading recognises the kind by its magic bytes and reads all members or frames.

use std::io::{self, BufRead, BufReader, Cursor, Read, Write};

use flate2::bufread::MultiGzDecoder;
use flate2::write::GzEncoder;
use flate2::{Compress, Crc, FlushCompress};

/// How an archive is compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Compression {
    /// gzip members; any gzip reads them.
    #[default]
    Gzip,
    /// zstd frames.
    Zstd,
    /// A plain tar.
    None,
}

impl Compression {
    /// All kinds, the default first.
    pub const ALL: [Compression; 3] = [Compression::Gzip, Compression::Zstd, Compression::None];

    /// The end of a file name of this kind, from `.snapshot` on.
    pub fn suffix(self) -> &'static str {
        match self {
            Compression::Gzip => ".snapshot.tar.gz",
            Compression::Zstd => ".snapshot.tar.zst",
            Compression::None => ".snapshot.tar",
        }
    }

    /// The name on the wire: `gzip`, `zstd` or `none`.
    pub fn name(self) -> &'static str {
        match self {
            Compression::Gzip => "gzip",
            Compression::Zstd => "zstd",
            Compression::None => "none",
        }
    }

    fn detect(magic: &[u8]) -> Compression {
        if magic.starts_with(&[0x1f, 0x8b]) {
            Compression::Gzip
        } else if magic.starts_with(&[0x28, 0xb5, 0x2f, 0xfd]) {
            Compression::Zstd
        } else {
            Compression::None
        }
    }
}

/// Level of both compressors: the disk and LMDB are to be the limit, not the processor.
const LEVEL: i32 = 1;

/// Level of a gzip member over all blocks, as the archives of whole instances have it
/// (storage-instance.md 12).
const MEMBER_LEVEL: u32 = 6;

/// Compresses whole blocks, one after the other; keeps its tables between them.
pub(crate) enum BlockCompressor {
    Gzip,
    Zstd(Box<zstd::bulk::Compressor<'static>>),
    None,
    /// Blocks that follow one another in one gzip member, between the header and the end that
    /// [`GzipMember`] gives.
    GzipMember(Box<Compress>),
}

impl BlockCompressor {
    pub(crate) fn of_gzip_member() -> BlockCompressor {
        let level = flate2::Compression::new(MEMBER_LEVEL);
        BlockCompressor::GzipMember(Box::new(Compress::new(level, false)))
    }

    pub(crate) fn new(compression: Compression) -> io::Result<BlockCompressor> {
        Ok(match compression {
            Compression::Gzip => BlockCompressor::Gzip,
            Compression::Zstd => {
                let mut compressor = zstd::bulk::Compressor::new(LEVEL)?;
                compressor.include_checksum(true)?;
                BlockCompressor::Zstd(Box::new(compressor))
            }
            Compression::None => BlockCompressor::None,
        })
    }

    /// The block as a gzip member or zstd frame; `None` when it is to be written as it is.
    pub(crate) fn compress(&mut self, block: &[u8]) -> io::Result<Option<Vec<u8>>> {
        Ok(match self {
            BlockCompressor::Gzip => {
                let capacity = block.len() / 2 + 64;
                let mut encoder = GzEncoder::new(
                    Vec::with_capacity(capacity),
                    flate2::Compression::new(LEVEL as u32),
                );
                encoder.write_all(block)?;
                Some(encoder.finish()?)
            }
            BlockCompressor::Zstd(compressor) => Some(compressor.compress(block)?),
            BlockCompressor::None => None,
            BlockCompressor::GzipMember(compressor) => Some(deflate(compressor, block)?),
        })
    }
}

/// The block as DEFLATE data that refers to nothing before it, ends at a whole byte, and may be followed
/// by more.
fn deflate(compressor: &mut Compress, block: &[u8]) -> io::Result<Vec<u8>> {
    compressor.reset();
    let mut output = Vec::with_capacity(block.len() / 2 + 64);
    loop {
        let rest = block.get(compressor.total_in() as usize..).unwrap_or_default();
        compressor.compress_vec(rest, &mut output, FlushCompress::Sync)?;
        // Room that is left over shows that nothing waits to be put out.
        if compressor.total_in() == block.len() as u64 && output.len() < output.capacity() {
            return Ok(output);
        }
        output.reserve(block.len() / 4 + 64);
    }
}

/// What surrounds the blocks of one gzip member.
#[derive(Default)]
pub(crate) struct GzipMember {
    sum: Crc,
}

impl GzipMember {
    /// DEFLATE, no name, no date, made on Unix.
    pub(crate) const HEADER: [u8; 10] = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3];

    /// Counts a block, not compressed, that the member holds.
    pub(crate) fn add(&mut self, block: &[u8]) {
        self.sum.update(block);
    }

    /// An empty last block, then sum and length of all.
    pub(crate) fn end(&self) -> Vec<u8> {
        let mut end = vec![3, 0];
        end.extend_from_slice(&self.sum.sum().to_le_bytes());
        end.extend_from_slice(&self.sum.amount().to_le_bytes());
        end
    }
}

/// Bytes that are read from the source at once.
const BUFFER_BYTES: usize = 128 * 1024;

type Buffered<R> = BufReader<io::Chain<Cursor<Vec<u8>>, R>>;

/// Reads the tar stream of an archive, whatever its compression.
pub(crate) enum Decoder<R: Read> {
    Gzip(Box<MultiGzDecoder<Buffered<R>>>),
    Zstd(Box<zstd::stream::read::Decoder<'static, Buffered<R>>>),
    Plain(Buffered<R>),
}

impl<R: Read> Decoder<R> {
    /// Looks at the first bytes of the source and chooses.
    pub(crate) fn new(mut source: R) -> io::Result<Decoder<R>> {
        let mut magic = Vec::with_capacity(4);
        source.by_ref().take(4).read_to_end(&mut magic)?;
        let compression = Compression::detect(&magic);
        let input = BufReader::with_capacity(BUFFER_BYTES, Cursor::new(magic).chain(source));
        Ok(match compression {
            Compression::Gzip => Decoder::Gzip(Box::new(MultiGzDecoder::new(input))),
            Compression::Zstd => {
                Decoder::Zstd(Box::new(zstd::stream::read::Decoder::with_buffer(input)?))
            }
            Compression::None => Decoder::Plain(input),
        })
    }

    pub(crate) fn compression(&self) -> Compression {
        match self {
            Decoder::Gzip(_) => Compression::Gzip,
            Decoder::Zstd(_) => Compression::Zstd,
            Decoder::Plain(_) => Compression::None,
        }
    }

    /// The source, for what was learnt about it; bytes may remain in buffers.
    pub(crate) fn into_source(self) -> (R, bool) {
        let mut input = match self {
            Decoder::Gzip(decoder) => decoder.into_inner(),
            Decoder::Zstd(decoder) => decoder.into_inner(),
            Decoder::Plain(input) => input,
        };
        let exhausted = input.fill_buf().is_ok_and(|rest| rest.is_empty());
        (input.into_inner().into_inner().1, exhausted)
    }
}

impl<R: Read> Read for Decoder<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Decoder::Gzip(decoder) => decoder.read(buffer),
            Decoder::Zstd(decoder) => decoder.read(buffer),
            Decoder::Plain(input) => input.read(buffer),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_read_back_as_one_stream() {
        for compression in Compression::ALL {
            let mut compressor = BlockCompressor::new(compression).unwrap();
            let mut archive = Vec::new();
            let blocks: [&[u8]; 3] = [b"first block, ", b"", b"and the last"];
            for block in blocks {
                match compressor.compress(block).unwrap() {
                    Some(bytes) => archive.extend_from_slice(&bytes),
                    None => archive.extend_from_slice(block),
                }
            }
            let mut decoder = Decoder::new(archive.as_slice()).unwrap();
            assert_eq!(decoder.compression(), compression);
            let mut text = String::new();
            decoder.read_to_string(&mut text).unwrap();
            assert_eq!(text, "first block, and the last");
            assert!(decoder.into_source().1);
        }
    }

    #[test]
    fn blocks_of_one_member_are_read_by_a_reader_of_one_member() {
        let mut compressor = BlockCompressor::of_gzip_member();
        let mut member = GzipMember::default();
        let mut archive = GzipMember::HEADER.to_vec();
        // What does not compress needs more room than it takes itself.
        let noise: Vec<u8> =
            (0..300_000_u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
        let blocks: [&[u8]; 4] = [b"first block, ", b"", &noise, b"and the last"];
        for block in blocks {
            archive.extend_from_slice(&compressor.compress(block).unwrap().unwrap());
            member.add(block);
        }
        archive.extend_from_slice(&member.end());
        let mut read = Vec::new();
        let mut decoder = flate2::bufread::GzDecoder::new(archive.as_slice());
        decoder.read_to_end(&mut read).unwrap();
        assert_eq!(read, blocks.concat());
        assert!(decoder.into_inner().is_empty());
    }

    #[test]
    fn short_sources_are_plain() {
        for source in [&b""[..], b"\x1f", b"abc"] {
            let mut bytes = Vec::new();
            Decoder::new(source).unwrap().read_to_end(&mut bytes).unwrap();
            assert_eq!(bytes, source);
        }
    }
}
