//! The `main` database: one reader and writer a key, with its codec (storage-index.md section 5).
//!
//! Settings keys are read by `schema/` and written by its writing side through [`MainKey`].

use std::collections::BTreeMap;
use std::marker::PhantomData;

use heed::types::{Bytes, DecodeIgnore, SerdeJson, Str};
use heed::{BytesDecode, BytesEncode};
use roaring::RoaringBitmap;
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

use super::env::{Index, RoTxn, RwTxn};
use crate::codec::{FstSet, Roaring, Version, VersionCodec};
use crate::error::{InternalError, Result};
use crate::schema::FieldsIdsMap;

/// A key of the `main` database with the codec of its value.
pub(crate) struct MainKey<C> {
    name: &'static str,
    codec: PhantomData<C>,
}

impl<C: 'static> MainKey<C> {
    /// Names a key.
    pub(crate) const fn new(name: &'static str) -> MainKey<C> {
        MainKey { name, codec: PhantomData }
    }

    /// The key on disk.
    pub(crate) const fn name(&self) -> &'static str {
        self.name
    }

    /// The same key, read and written with another codec.
    pub(crate) const fn with_codec<D>(&self) -> MainKey<D> {
        MainKey { name: self.name, codec: PhantomData }
    }

    /// The value, or `None` when the key is absent.
    pub(crate) fn get<'t>(&self, index: &Index, rtxn: &'t RoTxn<'_>) -> Result<Option<C::DItem>>
    where
        C: BytesDecode<'t>,
    {
        let main = index.tables().main.remap_data_type::<C>();
        main.get(rtxn, self.name)
            .map_err(|source| InternalError::MainKey { key: self.name, source }.into())
    }

    /// Writes the value.
    pub(crate) fn put<'a>(
        &self,
        index: &Index,
        wtxn: &mut RwTxn<'_>,
        value: &'a C::EItem,
    ) -> Result<()>
    where
        C: BytesEncode<'a>,
    {
        Ok(index.tables().main.remap_data_type::<C>().put(wtxn, self.name, value)?)
    }

    /// Removes the key; tells whether it was there.
    pub(crate) fn delete(&self, index: &Index, wtxn: &mut RwTxn<'_>) -> Result<bool> {
        Ok(index.tables().main.delete(wtxn, self.name)?)
    }
}

/// A date as a JSON string: RFC 3339 with up to nine digits.
#[derive(Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct Rfc3339(#[serde(with = "time::serde::rfc3339")] OffsetDateTime);

/// The part of a stored embedder that is read: its name.
#[derive(Serialize, Deserialize)]
struct EmbedderName {
    name: String,
}

/// Number of documents of each top-level field that any document has.
pub type FieldDistribution = BTreeMap<String, u64>;

pub(super) const VERSION: MainKey<VersionCodec> = MainKey::new("version");
pub(super) const VECTOR_STORE_BACKEND: MainKey<SerdeJson<String>> =
    MainKey::new("vector_store_backend");
pub(super) const CREATED_AT: MainKey<SerdeJson<Rfc3339>> = MainKey::new("created-at");
pub(super) const UPDATED_AT: MainKey<SerdeJson<Rfc3339>> = MainKey::new("updated-at");
const PRIMARY_KEY: MainKey<Str> = MainKey::new("primary-key");
pub(super) const DOCUMENTS_IDS: MainKey<Roaring> = MainKey::new("documents-ids");
const EMBEDDING_CONFIGS: MainKey<SerdeJson<Vec<EmbedderName>>> = MainKey::new("embedding_configs");
pub(super) const FIELDS_IDS_MAP: MainKey<SerdeJson<FieldsIdsMap>> = MainKey::new("fields-ids-map");
pub(super) const FIELD_DISTRIBUTION: MainKey<SerdeJson<FieldDistribution>> =
    MainKey::new("fields-distribution");
pub(super) const WORDS_FST: MainKey<FstSet> = MainKey::new("words-fst");
pub(super) const WORDS_PREFIXES_FST: MainKey<FstSet> = MainKey::new("words-prefixes-fst");
/// Points of all documents, as bytes (storage-index.md 14); `geo/points.rs` decodes them.
pub(crate) const GEO_RTREE: MainKey<Bytes> = MainKey::new("geo-rtree");
pub(crate) const GEO_FACETED_DOCUMENTS_IDS: MainKey<Roaring> =
    MainKey::new("geo-faceted-documents-ids");

impl Index {
    /// Version that last wrote or upgraded the index.
    ///
    /// # Errors
    /// The stored value cannot be read; so for all readers below.
    pub fn version(&self, rtxn: &RoTxn<'_>) -> Result<Option<Version>> {
        VERSION.get(self, rtxn)
    }

    pub(super) fn put_version(&self, wtxn: &mut RwTxn<'_>, version: Version) -> Result<()> {
        VERSION.put(self, wtxn, &version)
    }

    /// Every index of ours stores vectors in the newer of upstream's two formats.
    pub(super) fn put_vector_store_backend(&self, wtxn: &mut RwTxn<'_>) -> Result<()> {
        VECTOR_STORE_BACKEND.put(self, wtxn, &"experimental".to_owned())
    }

    pub(super) fn created_at_if_any(&self, rtxn: &RoTxn<'_>) -> Result<Option<OffsetDateTime>> {
        Ok(CREATED_AT.get(self, rtxn)?.map(|Rfc3339(date)| date))
    }

    /// When the index was created.
    pub fn created_at(&self, rtxn: &RoTxn<'_>) -> Result<OffsetDateTime> {
        self.created_at_if_any(rtxn)?
            .ok_or_else(|| InternalError::MissingMainKey { key: CREATED_AT.name }.into())
    }

    /// Sets the creation date (used by dump import).
    pub fn put_created_at(&self, wtxn: &mut RwTxn<'_>, date: OffsetDateTime) -> Result<()> {
        CREATED_AT.put(self, wtxn, &Rfc3339(date))
    }

    /// When documents, settings or the primary key last changed.
    pub fn updated_at(&self, rtxn: &RoTxn<'_>) -> Result<OffsetDateTime> {
        UPDATED_AT
            .get(self, rtxn)?
            .map(|Rfc3339(date)| date)
            .ok_or_else(|| InternalError::MissingMainKey { key: UPDATED_AT.name }.into())
    }

    /// Sets the date of the last change.
    pub fn put_updated_at(&self, wtxn: &mut RwTxn<'_>, date: OffsetDateTime) -> Result<()> {
        UPDATED_AT.put(self, wtxn, &Rfc3339(date))
    }

    /// The primary key, once known.
    pub fn primary_key<'t>(&self, rtxn: &'t RoTxn<'_>) -> Result<Option<&'t str>> {
        PRIMARY_KEY.get(self, rtxn)
    }

    pub(crate) fn put_primary_key(&self, wtxn: &mut RwTxn<'_>, key: &str) -> Result<()> {
        PRIMARY_KEY.put(self, wtxn, key)
    }

    /// All docids.
    pub fn documents_ids(&self, rtxn: &RoTxn<'_>) -> Result<RoaringBitmap> {
        Ok(DOCUMENTS_IDS.get(self, rtxn)?.unwrap_or_default())
    }

    pub(crate) fn put_documents_ids(
        &self,
        wtxn: &mut RwTxn<'_>,
        docids: &RoaringBitmap,
    ) -> Result<()> {
        DOCUMENTS_IDS.put(self, wtxn, docids)
    }

    /// Number of documents.
    pub fn number_of_documents(&self, rtxn: &RoTxn<'_>) -> Result<u64> {
        Ok(self.documents_ids(rtxn)?.len())
    }

    /// The names of the embedders that the index is configured with.
    ///
    /// # Errors
    /// The entry cannot be read.
    pub fn embedder_names(&self, rtxn: &RoTxn<'_>) -> Result<Vec<String>> {
        let embedders = EMBEDDING_CONFIGS.get(self, rtxn)?.unwrap_or_default();
        Ok(embedders.into_iter().map(|embedder| embedder.name).collect())
    }

    /// Field names and their ids.
    pub fn fields_ids_map(&self, rtxn: &RoTxn<'_>) -> Result<FieldsIdsMap> {
        Ok(FIELDS_IDS_MAP.get(self, rtxn)?.unwrap_or_default())
    }

    pub(crate) fn put_fields_ids_map(
        &self,
        wtxn: &mut RwTxn<'_>,
        map: &FieldsIdsMap,
    ) -> Result<()> {
        FIELDS_IDS_MAP.put(self, wtxn, map)
    }

    /// How many documents have each top-level field.
    pub fn field_distribution(&self, rtxn: &RoTxn<'_>) -> Result<FieldDistribution> {
        Ok(FIELD_DISTRIBUTION.get(self, rtxn)?.unwrap_or_default())
    }

    pub(crate) fn put_field_distribution(
        &self,
        wtxn: &mut RwTxn<'_>,
        distribution: &FieldDistribution,
    ) -> Result<()> {
        FIELD_DISTRIBUTION.put(self, wtxn, distribution)
    }

    /// The keys of `word-docids`, as a set that automata can search; empty before the first batch.
    pub fn words_fst<'t>(&self, rtxn: &'t RoTxn<'_>) -> Result<fst::Set<&'t [u8]>> {
        read_fst(self, rtxn, &WORDS_FST)
    }

    /// Whether that set is stored: from the first batch on.
    pub(crate) fn has_words_fst(&self, rtxn: &RoTxn<'_>) -> Result<bool> {
        Ok(WORDS_FST.with_codec::<DecodeIgnore>().get(self, rtxn)?.is_some())
    }

    pub(crate) fn put_words_fst(&self, wtxn: &mut RwTxn<'_>, fst: &[u8]) -> Result<()> {
        WORDS_FST.with_codec::<Bytes>().put(self, wtxn, fst)
    }

    /// The precomputed prefixes.
    pub fn words_prefixes_fst<'t>(&self, rtxn: &'t RoTxn<'_>) -> Result<fst::Set<&'t [u8]>> {
        read_fst(self, rtxn, &WORDS_PREFIXES_FST)
    }

    pub(crate) fn put_words_prefixes_fst(&self, wtxn: &mut RwTxn<'_>, fst: &[u8]) -> Result<()> {
        WORDS_PREFIXES_FST.with_codec::<Bytes>().put(self, wtxn, fst)
    }

    pub(crate) fn delete_words_prefixes_fst(&self, wtxn: &mut RwTxn<'_>) -> Result<bool> {
        WORDS_PREFIXES_FST.delete(self, wtxn)
    }
}

/// The bytes of an `fst` set without words (storage-index.md 19).
static EMPTY_FST: [u8; 39] = [
    3, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 18, 0, 0, 0,
    0, 0, 0, 0, 84, 107, 45, 15,
];

fn read_fst<'t>(
    index: &Index,
    rtxn: &'t RoTxn<'_>,
    key: &MainKey<FstSet>,
) -> Result<fst::Set<&'t [u8]>> {
    match key.get(index, rtxn)? {
        Some(set) => Ok(set),
        None => Ok(fst::Set::new(&EMPTY_FST[..]).map_err(InternalError::from)?),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_empty_set_is_what_the_library_writes() {
        let written = fst::SetBuilder::memory().into_inner().unwrap();
        assert_eq!(written, EMPTY_FST);
    }

    #[test]
    fn dates_keep_their_nanoseconds_without_trailing_zeros() {
        let date = time::macros::datetime!(2030-01-02 03:04:05.678901230 UTC);
        assert_eq!(
            serde_json::to_string(&Rfc3339(date)).unwrap(),
            "\"2030-01-02T03:04:05.67890123Z\""
        );
    }
}
