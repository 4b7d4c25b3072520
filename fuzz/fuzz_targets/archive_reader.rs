//! Any bytes as an archive: read the head, extract, verify. Neither a panic, nor more written than promised.

#![no_main]

use std::io::{self, Write};

use index_snapshot::{Compatibility, Unattended, Version, read_head};
use libfuzzer_sys::fuzz_target;

const OURS: Compatibility = Compatibility { server: Version(1, 50, 0), oldest: Version(1, 50, 0) };
const DATABASES: [&str; 3] = ["documents", "empty", "words"];
/// Bytes of `data.mdb` that one input may write.
const LIMIT: u64 = 4 << 20;

/// A disk that is full after so many bytes.
struct Disk {
    room: u64,
}

impl Write for Disk {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let left = self.room.checked_sub(bytes.len() as u64);
        self.room = left.ok_or_else(|| io::Error::from(io::ErrorKind::StorageFull))?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fuzz_target!(|archive: &[u8]| {
    let Ok((head, body)) = read_head(archive, Some(&OURS), true) else { return };
    let mut disk = Disk { room: LIMIT };
    let extracted = body.extract(&mut disk, &DATABASES, &Unattended);
    let written = LIMIT - disk.room;
    assert!(written <= head.manifest.data_size, "{written} bytes of {}", head.manifest.data_size);
    if let Ok(trailer) = extracted
        && trailer.verify().is_ok()
    {
        assert_eq!(written, head.manifest.data_size);
    }
});
