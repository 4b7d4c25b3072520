//! `VER`: three big-endian numbers (storage-index.md section 3).

use std::borrow::Cow;
use std::fmt;

use heed::{BoxedError, BytesDecode, BytesEncode};

use super::MalformedBytes;

/// Version of the program that wrote an index, or of a library's format inside it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version {
    /// First number.
    pub major: u32,
    /// Second number.
    pub minor: u32,
    /// Third number.
    pub patch: u32,
}

impl From<(u32, u32, u32)> for Version {
    fn from((major, minor, patch): (u32, u32, u32)) -> Version {
        Version { major, minor, patch }
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.major, self.minor, self.patch)
    }
}

/// Codec of a [`Version`].
pub enum VersionCodec {}

impl BytesEncode<'_> for VersionCodec {
    type EItem = Version;

    fn bytes_encode(version: &Version) -> Result<Cow<'_, [u8]>, BoxedError> {
        let numbers = [version.major, version.minor, version.patch];
        Ok(Cow::Owned(numbers.iter().flat_map(|number| number.to_be_bytes()).collect()))
    }
}

impl BytesDecode<'_> for VersionCodec {
    type DItem = Version;

    fn bytes_decode(bytes: &[u8]) -> Result<Version, BoxedError> {
        let number = |at: usize| bytes.get(at..)?.first_chunk().map(|b| u32::from_be_bytes(*b));
        match (number(0), number(4), number(8)) {
            (Some(major), Some(minor), Some(patch)) if bytes.len() == 12 => {
                Ok(Version { major, minor, patch })
            }
            _ => Err(MalformedBytes::boxed("version", bytes)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn golden_bytes() {
        let version = Version::from((1, 50, 0));
        let bytes = VersionCodec::bytes_encode(&version).unwrap();
        assert_eq!(*bytes, [0, 0, 0, 1, 0, 0, 0, 50, 0, 0, 0, 0]);
        assert_eq!(VersionCodec::bytes_decode(&bytes).unwrap(), version);
        assert!(VersionCodec::bytes_decode(&bytes[1..]).is_err());
    }
}
