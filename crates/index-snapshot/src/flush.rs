//! Flushing while writing: what has been written goes to the disk on a thread of its own, so that the disk
//! works while the stream goes on, and the last sync is short.

use std::fs::File;
use std::io::{self, Write};
use std::thread::{Builder, JoinHandle};

use crossbeam_channel::{Sender, TrySendError, bounded};

/// A flush is asked for each time so many more bytes are written, and skipped while one is under way.
const FLUSH_BYTES: u64 = 16 * 1024 * 1024;

/// A file that is flushed to disk while it is written. Nothing is promised about what is on disk before
/// the caller syncs the file.
pub struct FlushedFile {
    file: File,
    unflushed: u64,
    flusher: Option<Flusher>,
}

struct Flusher {
    requests: Sender<()>,
    thread: JoinHandle<io::Result<()>>,
}

impl FlushedFile {
    /// Writes to a file through a second handle.
    ///
    /// # Errors
    /// The system has no more handles or threads.
    pub fn new(file: &File) -> io::Result<FlushedFile> {
        let (file, flushed) = (file.try_clone()?, file.try_clone()?);
        // Without room, so that a request is taken only by a thread that is idle.
        let (requests, received) = bounded::<()>(0);
        let thread = Builder::new()
            .name("snapshot-flush".into())
            .spawn(move || received.iter().try_for_each(|()| flushed.sync_data()))?;
        Ok(FlushedFile { file, unflushed: 0, flusher: Some(Flusher { requests, thread }) })
    }

    /// Waits for a flush that is under way.
    ///
    /// # Errors
    /// A flush failed. The system tells so only once, so a later sync could succeed.
    pub fn finish(mut self) -> io::Result<()> {
        self.join()
    }

    fn join(&mut self) -> io::Result<()> {
        let Some(Flusher { requests, thread }) = self.flusher.take() else { return Ok(()) };
        drop(requests);
        thread.join().unwrap_or_else(|_| Err(io::Error::other("the flushing thread panicked")))
    }
}

impl Write for FlushedFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.file.write(bytes)?;
        self.unflushed += written as u64;
        if self.unflushed >= FLUSH_BYTES
            && let Some(flusher) = &self.flusher
        {
            match flusher.requests.try_send(()) {
                Ok(()) => self.unflushed = 0,
                Err(TrySendError::Full(())) => {}
                Err(TrySendError::Disconnected(())) => self.join()?,
            }
        }
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for FlushedFile {
    /// A handle that outlived the caller's would keep the file's lock.
    fn drop(&mut self) {
        // Who drops without finishing has a failure to report already.
        let _ = self.join();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_is_in_the_file() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("file");
        let file = File::create(&path).unwrap();
        let mut flushed = FlushedFile::new(&file).unwrap();
        let block: Vec<u8> = (0..FLUSH_BYTES / 2 + 1).map(|i| i as u8).collect();
        for _ in 0..5 {
            flushed.write_all(&block).unwrap();
        }
        flushed.finish().unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), block.repeat(5));
    }

    #[test]
    fn a_failed_flush_is_reported() {
        // A pipe takes bytes, but cannot be flushed to a disk.
        let (mut reader, writer) = io::pipe().unwrap();
        let file = File::from(std::os::fd::OwnedFd::from(writer));
        let mut flushed = FlushedFile::new(&file).unwrap();
        drop(file);
        let reading = std::thread::spawn(move || io::copy(&mut reader, &mut io::sink()));
        let block = vec![0; FLUSH_BYTES as usize];
        let mut written = Ok(());
        for _ in 0..100 {
            written = written.and_then(|()| flushed.write_all(&block));
        }
        assert!(written.and_then(|()| flushed.finish()).is_err());
        reading.join().unwrap().unwrap();
    }
}
