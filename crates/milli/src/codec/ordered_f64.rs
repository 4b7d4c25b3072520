//! `OF64`: sixteen bytes whose byte order is the order of the numbers (storage-index.md 3.3).
//!
//! The first eight bytes sort, the last eight are the number itself. So −0 and +0 share their first
//! half and are told apart by the second.

use std::borrow::Cow;

use heed::{BoxedError, BytesDecode, BytesEncode};

use super::{MalformedBytes, split_array};

/// Codec of an ordered finite `f64`.
pub enum OrderedF64 {}

impl BytesEncode<'_> for OrderedF64 {
    type EItem = f64;

    fn bytes_encode(number: &f64) -> Result<Cow<'_, [u8]>, BoxedError> {
        match to_ordered_bytes(*number) {
            Some(bytes) => Ok(Cow::Owned(bytes.to_vec())),
            None => Err("a facet number must be finite".into()),
        }
    }
}

impl BytesDecode<'_> for OrderedF64 {
    type DItem = f64;

    fn bytes_decode(bytes: &[u8]) -> Result<f64, BoxedError> {
        from_ordered_bytes(bytes).ok_or_else(|| MalformedBytes::boxed("ordered number", bytes))
    }
}

/// The sortable form of a number, or `None` when it is not finite.
pub fn to_ordered_bytes(number: f64) -> Option<[u8; 16]> {
    const SIGN: u64 = 1 << 63;
    if !number.is_finite() {
        return None;
    }
    let bits = if number == 0.0 { 0 } else { number.to_bits() };
    let sortable = if bits & SIGN == 0 { bits ^ SIGN } else { !bits };
    let mut bytes = [0; 16];
    bytes[..8].copy_from_slice(&sortable.to_be_bytes());
    bytes[8..].copy_from_slice(&number.to_be_bytes());
    Some(bytes)
}

/// The number of a sortable form, or `None` when the length or the number is wrong.
pub fn from_ordered_bytes(bytes: &[u8]) -> Option<f64> {
    let (_, number) = split_array::<8>("ordered number", bytes).ok()?;
    let number = f64::from_be_bytes(number.try_into().ok()?);
    number.is_finite().then_some(number)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn golden_bytes() {
        let hex = |number| {
            to_ordered_bytes(number).unwrap().iter().map(|b| format!("{b:02X}")).collect::<String>()
        };
        assert_eq!(hex(5.0), "C0140000000000004014000000000000");
        assert_eq!(hex(-3.0), "3FF7FFFFFFFFFFFFC008000000000000");
        assert_eq!(hex(0.0), "80000000000000000000000000000000");
        assert_eq!(hex(-0.0), "80000000000000008000000000000000");
        assert_eq!(to_ordered_bytes(f64::NAN), None);
    }

    proptest! {
        #[test]
        fn bytes_sort_as_numbers(a in proptest::num::f64::NORMAL, b in proptest::num::f64::NORMAL) {
            let (x, y) = (to_ordered_bytes(a).unwrap(), to_ordered_bytes(b).unwrap());
            prop_assert_eq!(a.partial_cmp(&b), Some(x.cmp(&y)));
            prop_assert_eq!(from_ordered_bytes(&x), Some(a));
        }
    }
}
