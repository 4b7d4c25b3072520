//! Headers of tar entries: written in the GNU form, read strictly (index-snapshots.md 2).

use tar::{EntryType, Header};

use crate::error::{Error, Result};

/// Tar counts in blocks of this many bytes.
pub(crate) const BLOCK: usize = 512;

/// Two empty blocks end an archive.
pub(crate) const END: usize = 2 * BLOCK;

/// Bytes of zeros that follow `size` bytes of content.
pub(crate) fn padding(size: u64) -> usize {
    (BLOCK - (size % BLOCK as u64) as usize) % BLOCK
}

/// The header of a regular file. Sizes from 8 GiB on take the base-256 form.
pub(crate) fn header(name: &str, size: u64, modified: u64) -> Result<[u8; BLOCK]> {
    any_header(name, EntryType::Regular, 0o600, size, modified)
}

/// The header of a directory.
pub(crate) fn directory_header(name: &str, modified: u64) -> Result<[u8; BLOCK]> {
    any_header(name, EntryType::Directory, 0o755, 0, modified)
}

fn any_header(
    name: &str,
    entry_type: EntryType,
    mode: u32,
    size: u64,
    modified: u64,
) -> Result<[u8; BLOCK]> {
    let mut header = Header::new_gnu();
    header
        .set_path(name)
        .map_err(|e| Error::io(format!("writing the archive entry `{name}`"), e))?;
    header.set_entry_type(entry_type);
    header.set_size(size);
    header.set_mode(mode);
    header.set_uid(0);
    header.set_gid(0);
    header.set_mtime(modified);
    header.set_cksum();
    Ok(*header.as_bytes())
}

/// Appends a whole small entry to a buffer.
pub(crate) fn append(
    buffer: &mut Vec<u8>,
    name: &str,
    content: &[u8],
    modified: u64,
) -> Result<()> {
    buffer.extend_from_slice(&header(name, content.len() as u64, modified)?);
    buffer.extend_from_slice(content);
    buffer.resize(buffer.len() + padding(content.len() as u64), 0);
    Ok(())
}

/// What a header says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Entry {
    /// Path of the entry; bytes that are no UTF-8 are replaced.
    pub(crate) name: String,
    /// Whether it is an ordinary file.
    pub(crate) is_regular: bool,
    /// Bytes of content.
    pub(crate) size: u64,
}

/// Reads a header block; `None` when it is empty, that is, the beginning of the end.
pub(crate) fn parse(block: &[u8; BLOCK]) -> Result<Option<Entry>> {
    if block.iter().all(|&b| b == 0) {
        return Ok(None);
    }
    let header = Header::from_byte_slice(block);
    let broken =
        || Error::corrupted("it is not a tar archive, or the header of an entry is damaged");
    // The sum counts its own eight bytes as spaces.
    let sum: u32 = block
        .iter()
        .enumerate()
        .map(|(i, &b)| if (148..156).contains(&i) { 32 } else { u32::from(b) })
        .sum();
    if header.cksum().map_err(|_| broken())? != sum {
        return Err(broken());
    }
    let entry_type = header.entry_type();
    Ok(Some(Entry {
        name: String::from_utf8_lossy(&header.path_bytes()).into_owned(),
        is_regular: matches!(entry_type, EntryType::Regular),
        size: header.entry_size().map_err(|_| broken())?,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_read_back_also_beyond_8_gib() {
        for size in [0, 1, 8 << 30, (8 << 30) - 1, 1 << 50] {
            let entry = parse(&header("data.mdb", size, 1_700_000_000).unwrap()).unwrap().unwrap();
            assert_eq!(entry, Entry { name: "data.mdb".into(), is_regular: true, size });
        }
        let octal = header("data.mdb", (8 << 30) - 1, 0).unwrap();
        let binary = header("data.mdb", 8 << 30, 0).unwrap();
        assert_eq!((octal[124], binary[124]), (b'7', 0x80));
    }

    #[test]
    fn damaged_headers_are_refused_and_empty_ones_end() {
        assert_eq!(parse(&[0; BLOCK]).unwrap(), None);
        let good = header("VERSION", 6, 0).unwrap();
        for position in [0, 100, 124, 130, 156, 257, 345, 511] {
            let mut bad = good;
            bad[position] ^= 0x11;
            assert!(parse(&bad).is_err(), "byte {position}");
        }
        assert!(parse(&[b'x'; BLOCK]).is_err());
    }

    #[test]
    fn content_is_padded_to_blocks() {
        assert_eq!([0, 1, 511, 512, 513].map(padding), [0, 511, 1, 0, 511]);
        let mut buffer = Vec::new();
        append(&mut buffer, "VERSION", b"1.50.0", 0).unwrap();
        assert_eq!(buffer.len(), 2 * BLOCK);
    }
}
