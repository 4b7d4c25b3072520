//! Room on disk: how much is free, and taking it before it is needed.

use std::fs::File;
use std::path::Path;

use rustix::fs::{FallocateFlags, fallocate, statvfs};
use rustix::io::Errno;

use crate::error::{Error, Result};

/// Bytes that may still be written under a directory while its file system keeps a reserve: the smaller of
/// 1 GiB and 5 % of its size.
pub fn available_space(directory: &Path) -> Result<u64> {
    const GIB: u64 = 1024 * 1024 * 1024;
    let doing = || format!("asking for the free space of `{}`", directory.display());
    let stat = statvfs(directory).map_err(|e| Error::io(doing(), e.into()))?;
    let free = stat.f_bavail.saturating_mul(stat.f_frsize);
    let reserve = (stat.f_blocks.saturating_mul(stat.f_frsize) / 20).min(GIB);
    Ok(free.saturating_sub(reserve))
}

/// Takes the room of a new file at once. A file system that cannot do so is left to run full later.
pub fn preallocate(file: &File, bytes: u64) -> Result<()> {
    match fallocate(file, FallocateFlags::empty(), 0, bytes) {
        Ok(()) | Err(Errno::OPNOTSUPP | Errno::NOSYS | Errno::INVAL) => Ok(()),
        Err(error) => Err(Error::io(format!("taking {bytes} bytes for the index"), error.into())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn room_is_taken() {
        let dir = tempfile::tempdir().unwrap();
        assert!(available_space(dir.path()).unwrap() > 0);
        assert!(available_space(&dir.path().join("missing")).is_err());
        let file = File::create(dir.path().join("file")).unwrap();
        preallocate(&file, 100_000).unwrap();
        assert!([0, 100_000].contains(&file.metadata().unwrap().len()));
    }
}
