//! The head of an archive that arrives piece by piece, judged as early as its bytes allow, so that a hopeless
//! upload is refused before the rest of it is accepted (index-snapshots.md 3, P5).

use std::io::{self, Read};

use crate::error::{Error, Result};
use crate::manifest::Compatibility;
use crate::reader::{Head, read_head};

/// The head must lie in so many bytes of the archive: its entries have little more than a mebibyte, and no
/// compressor makes them much longer.
const MAX_BYTES: usize = 2 * 1024 * 1024;
/// The first attempt waits for so many bytes; each further one for twice as many as the one before.
const FIRST_ATTEMPT_BYTES: usize = 1024;

/// Collects the beginning of an archive until its head can be read.
pub struct HeadProbe {
    compatibility: Compatibility,
    received: Vec<u8>,
    next_attempt: usize,
}

impl HeadProbe {
    /// A probe that has seen nothing.
    pub fn new(compatibility: Compatibility) -> HeadProbe {
        HeadProbe { compatibility, received: Vec::new(), next_attempt: FIRST_ATTEMPT_BYTES }
    }

    /// Takes the next piece. Gives the head once it is complete; the probe is then done.
    pub fn push(&mut self, piece: &[u8]) -> Result<Option<Head>> {
        let room = MAX_BYTES.saturating_sub(self.received.len());
        self.received.extend_from_slice(&piece[..piece.len().min(room)]);
        if self.received.len() < self.next_attempt {
            return Ok(None);
        }
        self.next_attempt = 2 * self.received.len();
        match read_head(MoreToCome(&self.received), Some(&self.compatibility), false) {
            Ok((head, _body)) => Ok(Some(head)),
            Err(Error::Io { source, .. }) if source.kind() == io::ErrorKind::WouldBlock => {
                if self.received.len() >= MAX_BYTES {
                    return Err(Error::corrupted("its head is longer than it may be"));
                }
                self.next_attempt = self.next_attempt.min(MAX_BYTES);
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    /// The archive is over: reads the head from what there is.
    pub fn finish(self) -> Result<Head> {
        Ok(read_head(self.received.as_slice(), Some(&self.compatibility), false)?.0)
    }
}

/// Bytes after which more will come: the end is no end.
struct MoreToCome<'a>(&'a [u8]);

impl Read for MoreToCome<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self.0.read(buffer)? {
            0 if !buffer.is_empty() => Err(io::ErrorKind::WouldBlock.into()),
            read => Ok(read),
        }
    }
}
