//! SHA-256 sums: of the entries, of the archive, and the text that `sha256sum` writes and checks.

use std::io::{self, Read};
use std::sync::Arc;
use std::thread::Scope;

use crossbeam_channel::{Sender, bounded};
use sha2::{Digest, Sha256};

use crate::error::{Error, Result};
use crate::threads::Joined;

/// Blocks that may wait for the summing thread.
const WAITING_BLOCKS: usize = 4;

/// The sum of some bytes, in hex.
pub(crate) fn sum(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
}

/// One line a file, as `sha256sum` writes them.
pub(crate) fn sums_file<'a>(files: impl IntoIterator<Item = (&'a str, &'a str)>) -> String {
    files.into_iter().map(|(sum, name)| format!("{sum}  {name}\n")).collect()
}

/// The sum in a file that `sums_file` wrote for one name; `None` when it has another form.
pub(crate) fn parse_sum(text: &str) -> Option<String> {
    let sum = text.get(..64)?;
    let plain = sum.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
    (plain && text[64..].starts_with("  ")).then(|| sum.to_string())
}

/// Sums a stream of blocks on a thread of its own, because one core does only some 300 MB/s of it.
pub(crate) struct SumThread<'scope> {
    blocks: Sender<Arc<Vec<u8>>>,
    thread: Joined<'scope, String>,
}

const NAME: &str = "snapshot-sum";

impl<'scope> SumThread<'scope> {
    pub(crate) fn spawn(scope: &'scope Scope<'scope, '_>) -> Result<SumThread<'scope>> {
        let (blocks, received) = bounded::<Arc<Vec<u8>>>(WAITING_BLOCKS);
        let handle = std::thread::Builder::new()
            .name(NAME.into())
            .spawn_scoped(scope, move || {
                let mut hasher = Sha256::new();
                for block in received {
                    hasher.update(block.as_slice());
                }
                hex::encode(hasher.finalize())
            })
            .map_err(|e| Error::io("starting the thread that sums", e))?;
        Ok(SumThread { blocks, thread: Joined::new(NAME, handle) })
    }

    pub(crate) fn update(&self, block: &Arc<Vec<u8>>) -> Result<()> {
        self.blocks.send(block.clone()).map_err(|_| Error::Panicked(NAME))
    }

    pub(crate) fn finish(self) -> Result<String> {
        drop(self.blocks);
        self.thread.join()
    }
}

/// Sums what is read through it, if that is wanted.
pub(crate) struct SummingReader<R> {
    inner: R,
    hasher: Option<Sha256>,
}

impl<R: Read> SummingReader<R> {
    pub(crate) fn new(inner: R, wanted: bool) -> SummingReader<R> {
        SummingReader { inner, hasher: wanted.then(Sha256::new) }
    }

    /// The sum of all that was read.
    pub(crate) fn sum(self) -> Option<String> {
        self.hasher.map(|hasher| hex::encode(hasher.finalize()))
    }
}

impl<R: Read> Read for SummingReader<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer)?;
        if let Some(hasher) = &mut self.hasher {
            hasher.update(&buffer[..read]);
        }
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EMPTY: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

    #[test]
    fn a_sums_file_reads_back() {
        let text = sums_file([(EMPTY, "a"), (EMPTY, "b")]);
        assert_eq!(text, format!("{EMPTY}  a\n{EMPTY}  b\n"));
        assert_eq!(parse_sum(&text), Some(EMPTY.to_string()));
        for bad in [
            "",
            "abc",
            &EMPTY[..63],
            EMPTY,
            &format!("{EMPTY} a"),
            &format!("{}  a", EMPTY.to_uppercase()),
        ] {
            assert_eq!(parse_sum(bad), None, "{bad}");
        }
    }

    #[test]
    fn all_ways_of_summing_agree() {
        let data = vec![7u8; 100_000];
        let threaded = std::thread::scope(|scope| {
            let thread = SumThread::spawn(scope).unwrap();
            for chunk in data.chunks(999) {
                thread.update(&Arc::new(chunk.to_vec())).unwrap();
            }
            thread.finish().unwrap()
        });
        let mut reader = SummingReader::new(data.as_slice(), true);
        io::copy(&mut reader, &mut io::sink()).unwrap();
        assert_eq!(threaded, sum(&data));
        assert_eq!(reader.sum(), Some(threaded));
        assert_eq!(sum(b""), EMPTY);
    }
}
