//! Several environments and files → one tar in one gzip member (storage-instance.md 12), through the pipeline
//! that compresses single-index archives: nothing is held whole, no environment is copied to disk first.

use std::fs::File;
use std::io::Read;
use std::sync::Arc;

use heed::{Env, WithoutTls};

use crate::blocks::{BlockSink, Format};
use crate::compression::Decoder;
use crate::env_stream::{BLOCK_BYTES, EnvStream, StreamError, stream_env};
use crate::error::{Error, Result};
use crate::tar_entry::{END, append, directory_header, header, padding};

/// Writes the tar that `fill` fills. `modified` is the time of all entries, in seconds since 1970;
/// `must_stop` is asked at least once a mebibyte, and ends the work with [`Error::Stopped`].
///
/// Nothing is synced and nothing is removed on failure: the file is the caller's.
///
/// # Errors
/// Those of `fill`, and that the file cannot be written.
pub fn write_tarball<E: From<Error>>(
    file: &File,
    threads: usize,
    modified: u64,
    must_stop: &dyn Fn() -> bool,
    fill: impl FnOnce(&mut Tarball<'_, '_>) -> Result<(), E>,
) -> Result<(), E> {
    std::thread::scope(|scope| {
        let sink = BlockSink::spawn(scope, Format::GzipMember, threads, file)?;
        let mut tarball = Tarball { sink: &sink, buffer: Vec::new(), modified, must_stop };
        let filled = fill(&mut tarball).and_then(|()| Ok(tarball.end()?));
        // A failed writer is the cause of whatever failed above it.
        sink.finish()?;
        filled
    })
}

/// The decompressed content of an archive, whatever its compression.
///
/// # Errors
/// The source cannot be read.
pub fn decompress<R: Read>(source: R) -> Result<impl Read> {
    Decoder::new(source).map_err(|e| Error::io("reading the archive", e))
}

/// A tar in the making.
pub struct Tarball<'a, 'scope> {
    sink: &'a BlockSink<'scope>,
    /// What goes before the next block: small entries share one.
    buffer: Vec<u8>,
    modified: u64,
    must_stop: &'a dyn Fn() -> bool,
}

impl Tarball<'_, '_> {
    /// Adds a directory.
    ///
    /// # Errors
    /// The file cannot be written, or the work is to stop.
    pub fn directory(&mut self, name: &str) -> Result<()> {
        self.buffer.extend_from_slice(&directory_header(name, self.modified)?);
        self.flush_if_full()
    }

    /// Adds a file of that content.
    ///
    /// # Errors
    /// As [`Tarball::directory`].
    pub fn bytes(&mut self, name: &str, content: &[u8]) -> Result<()> {
        append(&mut self.buffer, name, content, self.modified)?;
        self.flush_if_full()
    }

    /// Adds a file whose content is read from another one; nothing may change that meanwhile.
    ///
    /// # Errors
    /// As [`Tarball::directory`], and that the source cannot be read to its end.
    pub fn file(&mut self, name: &str, mut source: File) -> Result<()> {
        let failed = |e| Error::io(format!("reading the file for `{name}`"), e);
        let size = source.metadata().map_err(failed)?.len();
        self.buffer.extend_from_slice(&header(name, size, self.modified)?);
        let mut left = size;
        while left > 0 {
            let room = BLOCK_BYTES.saturating_sub(self.buffer.len()) as u64;
            let read =
                (&mut source).take(room.min(left)).read_to_end(&mut self.buffer).map_err(failed)?;
            if read == 0 && room > 0 {
                return Err(failed(std::io::ErrorKind::UnexpectedEof.into()));
            }
            left -= read as u64;
            self.flush_if_full()?;
        }
        self.pad(size)
    }

    /// Adds a compacting copy of an environment. The caller sees to it that nobody writes to it meanwhile.
    ///
    /// # Errors
    /// As [`Tarball::directory`]; pages have leaked, or LMDB cannot copy.
    pub fn environment(&mut self, name: &str, env: &Env<WithoutTls>) -> Result<()> {
        stream_env(env, |copy| self.copied(name, copy))
    }

    fn copied(&mut self, name: &str, mut copy: EnvStream) -> Result<(), StreamError> {
        let size = copy.size();
        self.buffer.extend_from_slice(&header(name, size, self.modified)?);
        self.flush()?;
        while let Some(block) = copy.next_block()? {
            self.push(block)?;
        }
        Ok(self.pad(size)?)
    }

    fn pad(&mut self, size: u64) -> Result<()> {
        self.buffer.resize(self.buffer.len() + padding(size), 0);
        self.flush_if_full()
    }

    fn end(mut self) -> Result<()> {
        self.buffer.resize(self.buffer.len() + END, 0);
        self.flush()
    }

    fn flush_if_full(&mut self) -> Result<()> {
        if self.buffer.len() < BLOCK_BYTES { Ok(()) } else { self.flush() }
    }

    fn flush(&mut self) -> Result<()> {
        let block = std::mem::take(&mut self.buffer);
        self.push(block)
    }

    fn push(&mut self, block: Vec<u8>) -> Result<()> {
        if (self.must_stop)() {
            return Err(Error::Stopped);
        }
        // Why the writer has ended is told by `write_tarball`.
        if self.sink.push(Arc::new(block)) {
            Ok(())
        } else {
            Err(Error::Panicked("snapshot-write"))
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::path::Path;

    use heed::types::Str;
    use heed::{Database, EnvOpenOptions};

    use super::*;

    fn environment(directory: &Path, entries: usize) -> Env<WithoutTls> {
        std::fs::create_dir(directory).unwrap();
        let mut options = EnvOpenOptions::new().read_txn_without_tls();
        options.map_size(64 << 20).max_dbs(1);
        let env = unsafe { options.open(directory) }.unwrap();
        let mut wtxn = env.write_txn().unwrap();
        let database: Database<Str, Str> = env.create_database(&mut wtxn, Some("entries")).unwrap();
        for number in 0..entries {
            let key = format!("key {number}");
            database.put(&mut wtxn, &key, &"value ".repeat(number % 300)).unwrap();
        }
        wtxn.commit().unwrap();
        env
    }

    fn temporary(content: &[u8]) -> File {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(content).unwrap();
        std::io::Seek::rewind(&mut file).unwrap();
        file
    }

    #[test]
    fn entries_read_back_through_one_gzip_member() {
        let dir = tempfile::tempdir().unwrap();
        let env = environment(&dir.path().join("env"), 5_000);
        let long = b"0123456789".repeat(400_000);
        let archive = dir.path().join("archive");
        let file = File::create(&archive).unwrap();
        write_tarball::<Error>(&file, 2, 7, &|| false, |tar| {
            tar.directory("./")?;
            tar.bytes("VERSION", b"1.50.0")?;
            tar.file("update_files/long", temporary(&long))?;
            tar.file("update_files/empty", temporary(b""))?;
            tar.environment("tasks/data.mdb", &env)
        })
        .unwrap();

        // As readers do that know nothing of several members.
        let decoder = flate2::read::GzDecoder::new(File::open(&archive).unwrap());
        let unpacked = dir.path().join("unpacked");
        std::fs::create_dir(&unpacked).unwrap();
        let mut names = Vec::new();
        let mut tar = tar::Archive::new(decoder);
        for entry in tar.entries().unwrap() {
            let mut entry = entry.unwrap();
            names.push(entry.path().unwrap().to_str().unwrap().to_owned());
            assert_eq!(entry.header().mtime().unwrap(), 7);
            entry.unpack_in(&unpacked).unwrap();
        }
        let expected =
            ["./", "VERSION", "update_files/long", "update_files/empty", "tasks/data.mdb"];
        assert_eq!(names, expected);
        assert_eq!(std::fs::read(unpacked.join("update_files/long")).unwrap(), long);
        let mut options = EnvOpenOptions::new().read_txn_without_tls();
        options.map_size(64 << 20).max_dbs(1);
        let copy = unsafe { options.open(unpacked.join("tasks")) }.unwrap();
        let rtxn = copy.read_txn().unwrap();
        let database: Option<Database<Str, Str>> =
            copy.open_database(&rtxn, Some("entries")).unwrap();
        assert_eq!(database.unwrap().len(&rtxn).unwrap(), 5_000);
    }

    #[test]
    fn it_stops_when_asked_and_the_error_of_the_caller_comes_through() {
        let file = tempfile::tempfile().unwrap();
        let stopped = write_tarball::<Error>(&file, 1, 0, &|| true, |tar| tar.bytes("a", b"a"));
        assert!(matches!(stopped, Err(Error::Stopped)));
        let failed = write_tarball(&file, 1, 0, &|| false, |_| Err(Error::corrupted("so")));
        assert!(matches!(failed, Err(Error::Corrupted { .. })));
    }

    #[test]
    fn a_file_that_cannot_be_written_is_the_cause() {
        let full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
        let long = vec![7; 9 * BLOCK_BYTES];
        let result = write_tarball::<Error>(&full, 1, 0, &|| false, |tar| {
            (0..50).try_for_each(|_| tar.bytes("a", &long))
        });
        assert!(matches!(result, Err(Error::NoSpace { .. })), "{result:?}");
    }
}
