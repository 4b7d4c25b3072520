//! Keys and values of the facet databases and of the word counts (storage-index.md sections 4 and 10).

use std::borrow::Cow;
use std::marker::PhantomData;

use heed::{BoxedError, BytesDecode, BytesEncode};
use roaring::RoaringBitmap;

use super::{Cbo, MalformedBytes, OrderedF64, encode_cbo_into, split_array};

/// A node of a facet tree: field, level, and the bound of its first child.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FacetKey<B> {
    /// Field id.
    pub fid: u16,
    /// 0 holds one node a value; a node of level n + 1 groups nodes of level n.
    pub level: u8,
    /// Bound of the first member: a number, a normalised string, or raw bytes.
    pub bound: B,
}

/// Codec of a [`FacetKey`] whose bound has the codec `B`.
pub struct FacetGroupKey<B>(PhantomData<B>);

impl<'a, B> BytesEncode<'a> for FacetGroupKey<B>
where
    B: BytesEncode<'a>,
    B::EItem: Sized,
{
    type EItem = FacetKey<B::EItem>;

    fn bytes_encode(key: &'a Self::EItem) -> Result<Cow<'a, [u8]>, BoxedError> {
        let bound = B::bytes_encode(&key.bound)?;
        let mut bytes = Vec::with_capacity(3 + bound.len());
        bytes.extend_from_slice(&key.fid.to_be_bytes());
        bytes.push(key.level);
        bytes.extend_from_slice(&bound);
        Ok(Cow::Owned(bytes))
    }
}

impl<'a, B: BytesDecode<'a>> BytesDecode<'a> for FacetGroupKey<B> {
    type DItem = FacetKey<B::DItem>;

    fn bytes_decode(bytes: &'a [u8]) -> Result<Self::DItem, BoxedError> {
        let ([high, low, level], bound) = split_array("facet key", bytes)?;
        let fid = u16::from_be_bytes([high, low]);
        Ok(FacetKey { fid, level, bound: B::bytes_decode(bound)? })
    }
}

/// A node's number of children, then its documents. Level 0 has the size 1.
pub enum FacetGroupValue {}

impl<'a> BytesEncode<'a> for FacetGroupValue {
    type EItem = (u8, RoaringBitmap);

    fn bytes_encode((size, docids): &'a Self::EItem) -> Result<Cow<'a, [u8]>, BoxedError> {
        let mut bytes = vec![*size];
        encode_cbo_into(docids, &mut bytes);
        Ok(Cow::Owned(bytes))
    }
}

impl<'a> BytesDecode<'a> for FacetGroupValue {
    type DItem = (u8, RoaringBitmap);

    fn bytes_decode(bytes: &'a [u8]) -> Result<Self::DItem, BoxedError> {
        let ([size], docids) = split_array("facet group", bytes)?;
        Ok((size, Cbo::bytes_decode(docids)?))
    }
}

/// A value of one document: field, document, value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DocidFacetKey<V> {
    /// Field id.
    pub fid: u16,
    /// Internal document id.
    pub docid: u32,
    /// The number, or the normalised string.
    pub value: V,
}

/// Codec of a [`DocidFacetKey`] whose value has the codec `V`.
pub struct DocidFacet<V>(PhantomData<V>);

/// Key of `field-id-docid-facet-f64s`.
pub type DocidFacetF64 = DocidFacet<OrderedF64>;
/// Key of `field-id-docid-facet-strings`.
pub type DocidFacetString = DocidFacet<StrRef>;

impl<'a, V> BytesEncode<'a> for DocidFacet<V>
where
    V: BytesEncode<'a>,
    V::EItem: Sized,
{
    type EItem = DocidFacetKey<V::EItem>;

    fn bytes_encode(key: &'a Self::EItem) -> Result<Cow<'a, [u8]>, BoxedError> {
        let value = V::bytes_encode(&key.value)?;
        let mut bytes = Vec::with_capacity(6 + value.len());
        bytes.extend_from_slice(&key.fid.to_be_bytes());
        bytes.extend_from_slice(&key.docid.to_be_bytes());
        bytes.extend_from_slice(&value);
        Ok(Cow::Owned(bytes))
    }
}

impl<'a, V: BytesDecode<'a>> BytesDecode<'a> for DocidFacet<V> {
    type DItem = DocidFacetKey<V::DItem>;

    fn bytes_decode(bytes: &'a [u8]) -> Result<Self::DItem, BoxedError> {
        let ([high, low], rest) = split_array("facet of a document", bytes)?;
        let (docid, value) = split_array("facet of a document", rest)?;
        Ok(DocidFacetKey {
            fid: u16::from_be_bytes([high, low]),
            docid: u32::from_be_bytes(docid),
            value: V::bytes_decode(value)?,
        })
    }
}

/// UTF-8 text as a sized item, so that it can stand inside a composed key.
pub enum StrRef {}

impl<'a> BytesEncode<'a> for StrRef {
    type EItem = &'a str;

    fn bytes_encode(text: &'a &'a str) -> Result<Cow<'a, [u8]>, BoxedError> {
        Ok(Cow::Borrowed(text.as_bytes()))
    }
}

impl<'a> BytesDecode<'a> for StrRef {
    type DItem = &'a str;

    fn bytes_decode(bytes: &'a [u8]) -> Result<Self::DItem, BoxedError> {
        Ok(std::str::from_utf8(bytes)?)
    }
}

/// Field id, then text.
pub enum FidString {}

impl<'a> BytesEncode<'a> for FidString {
    type EItem = (u16, &'a str);

    fn bytes_encode((fid, text): &'a Self::EItem) -> Result<Cow<'a, [u8]>, BoxedError> {
        let mut bytes = Vec::with_capacity(2 + text.len());
        bytes.extend_from_slice(&fid.to_be_bytes());
        bytes.extend_from_slice(text.as_bytes());
        Ok(Cow::Owned(bytes))
    }
}

impl<'a> BytesDecode<'a> for FidString {
    type DItem = (u16, &'a str);

    fn bytes_decode(bytes: &'a [u8]) -> Result<Self::DItem, BoxedError> {
        let (fid, text) = split_array("field and text", bytes)?;
        Ok((u16::from_be_bytes(fid), std::str::from_utf8(text)?))
    }
}

/// Field id, then a number of words.
pub enum FieldIdCount {}

impl<'a> BytesEncode<'a> for FieldIdCount {
    type EItem = (u16, u8);

    fn bytes_encode((fid, count): &'a Self::EItem) -> Result<Cow<'a, [u8]>, BoxedError> {
        let [high, low] = fid.to_be_bytes();
        Ok(Cow::Owned(vec![high, low, *count]))
    }
}

impl<'a> BytesDecode<'a> for FieldIdCount {
    type DItem = (u16, u8);

    fn bytes_decode(bytes: &'a [u8]) -> Result<Self::DItem, BoxedError> {
        match *bytes {
            [high, low, count] => Ok((u16::from_be_bytes([high, low]), count)),
            _ => Err(MalformedBytes::boxed("field and word count", bytes)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn golden_bytes() {
        let key = FacetKey { fid: 6, level: 0, bound: 5.0 };
        let bytes = FacetGroupKey::<OrderedF64>::bytes_encode(&key).unwrap().into_owned();
        assert_eq!(bytes[..5], [0, 6, 0, 0xC0, 0x14]);
        assert_eq!(bytes.len(), 19);
        assert_eq!(FacetGroupKey::<OrderedF64>::bytes_decode(&bytes).unwrap(), key);

        let value = (4, (0..4).collect());
        let bytes = FacetGroupValue::bytes_encode(&value).unwrap().into_owned();
        assert_eq!(bytes, [4, 0, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3, 0, 0, 0]);
        assert_eq!(FacetGroupValue::bytes_decode(&bytes).unwrap(), value);

        let key = DocidFacetKey { fid: 2, docid: 1, value: "fruit" };
        let bytes = DocidFacetString::bytes_encode(&key).unwrap().into_owned();
        assert_eq!(bytes, *b"\0\x02\0\0\0\x01fruit");
        assert_eq!(DocidFacetString::bytes_decode(&bytes).unwrap(), key);

        let key = FieldIdCount::bytes_encode(&(1, 2)).unwrap().into_owned();
        assert_eq!(key, [0, 1, 2]);
    }

    #[test]
    fn short_keys_are_refused() {
        assert!(FacetGroupKey::<OrderedF64>::bytes_decode(&[0, 1]).is_err());
        assert!(FacetGroupKey::<OrderedF64>::bytes_decode(&[0, 1, 0, 9]).is_err());
        assert!(DocidFacetF64::bytes_decode(&[0, 1, 0, 0]).is_err());
        assert!(FacetGroupValue::bytes_decode(&[]).is_err());
        assert!(FieldIdCount::bytes_decode(&[0, 1]).is_err());
    }
}
