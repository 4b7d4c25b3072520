//! Keys that begin with a word (storage-index.md section 4). Words hold no NUL byte, so a NUL ends them.

use std::borrow::Cow;

use heed::{BoxedError, BytesDecode, BytesEncode};

use super::{MalformedBytes, split_array};

/// Word (or prefix), NUL, big-endian field id or bucketed position.
pub enum WordU16 {}

impl<'a> BytesEncode<'a> for WordU16 {
    type EItem = (&'a str, u16);

    fn bytes_encode(&(word, number): &'a Self::EItem) -> Result<Cow<'a, [u8]>, BoxedError> {
        let mut bytes = Vec::with_capacity(word.len() + 3);
        bytes.extend_from_slice(word.as_bytes());
        bytes.push(0);
        bytes.extend_from_slice(&number.to_be_bytes());
        Ok(Cow::Owned(bytes))
    }
}

impl<'a> BytesDecode<'a> for WordU16 {
    type DItem = (&'a str, u16);

    fn bytes_decode(bytes: &'a [u8]) -> Result<Self::DItem, BoxedError> {
        let malformed = || MalformedBytes::boxed("word and number", bytes);
        let (head, number) = bytes.split_last_chunk::<2>().ok_or_else(malformed)?;
        let word = head.strip_suffix(&[0]).ok_or_else(malformed)?;
        Ok((std::str::from_utf8(word)?, u16::from_be_bytes(*number)))
    }
}

/// Proximity, first word, NUL, second word.
pub enum WordPair {}

impl<'a> BytesEncode<'a> for WordPair {
    type EItem = (u8, &'a str, &'a str);

    fn bytes_encode(
        &(proximity, first, second): &'a Self::EItem,
    ) -> Result<Cow<'a, [u8]>, BoxedError> {
        let mut bytes = Vec::with_capacity(first.len() + second.len() + 2);
        bytes.push(proximity);
        bytes.extend_from_slice(first.as_bytes());
        bytes.push(0);
        bytes.extend_from_slice(second.as_bytes());
        Ok(Cow::Owned(bytes))
    }
}

impl<'a> BytesDecode<'a> for WordPair {
    type DItem = (u8, &'a str, &'a str);

    fn bytes_decode(bytes: &'a [u8]) -> Result<Self::DItem, BoxedError> {
        let ([proximity], words) = split_array("word pair", bytes)?;
        let words = std::str::from_utf8(words)?;
        let (first, second) =
            words.split_once('\0').ok_or_else(|| MalformedBytes::boxed("word pair", bytes))?;
        Ok((proximity, first, second))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn golden_bytes() {
        let key = ("red", 1);
        assert_eq!(*WordU16::bytes_encode(&key).unwrap(), *b"red\0\0\x01");
        let key = (1, "red", "fox");
        assert_eq!(*WordPair::bytes_encode(&key).unwrap(), *b"\x01red\0fox");
    }

    #[test]
    fn a_number_that_holds_a_nul_does_not_move_the_separator() {
        for number in [0, 1, 256, u16::MAX] {
            let bytes = WordU16::bytes_encode(&("mot", number)).unwrap().into_owned();
            assert_eq!(WordU16::bytes_decode(&bytes).unwrap(), ("mot", number));
        }
        assert!(WordU16::bytes_decode(b"ab").is_err());
        assert!(WordPair::bytes_decode(b"").is_err());
    }
}
