//! The only list of an index's databases: name on disk, codecs, what they hold (storage-index.md 4).
//!
//! No other file names a database. The order is that of the statistics (tasks.md 15), whose names are
//! the field names in camelCase.

use heed::byteorder::BE;
use heed::types::{Bytes, Str, U8, U32, Unit};
use heed::{Database, Unspecified};

use super::env::{Env, RoTxn, RwTxn};
use crate::codec::{
    Cbo, DocidFacetF64, DocidFacetString, FacetGroupKey, FacetGroupValue, FidString, FieldIdCount,
    FstSet, Obkv, OrderedF64, StrRef, VersionCodec, WordPair, WordU16,
};

/// Big-endian document id or field id.
pub type BeU32 = U32<BE>;
/// Big-endian field id.
pub type BeU16 = heed::types::U16<BE>;

macro_rules! tables {
    ($($(#[$doc:meta])* $field:ident: $name:literal, $key:ty => $value:ty;)*) => {
        /// The typed databases of one index.
        #[derive(Clone, Copy)]
        pub struct Tables {
            $($(#[$doc])* pub $field: Database<$key, $value>,)*
        }

        /// One of the databases, under the name of its field in [`Tables`].
        #[allow(non_camel_case_types, reason = "the variants are the field names")]
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Table {
            $($(#[$doc])* $field,)*
        }

        impl Table {
            /// All of them, in the order of the statistics.
            pub const ALL: [Table; Tables::NAMES.len()] = [$(Table::$field),*];

            /// The name on disk.
            pub fn name(self) -> &'static str {
                match self {
                    $(Table::$field => $name,)*
                }
            }
        }

        impl Tables {
            /// The names on disk, in the order of the statistics.
            pub const NAMES: [&'static str; [$($name),*].len()] = [$($name),*];

            /// Opens all databases; `None` when one is missing.
            ///
            /// # Errors
            /// LMDB cannot read the environment.
            pub(super) fn open(env: &Env, rtxn: &RoTxn<'_>) -> heed::Result<Option<Tables>> {
                $(let Some($field) = env.open_database(rtxn, Some($name))? else {
                    return Ok(None);
                };)*
                Ok(Some(Tables { $($field),* }))
            }

            /// Opens all databases, making those that are missing.
            ///
            /// # Errors
            /// LMDB cannot write the environment.
            pub(super) fn create(env: &Env, wtxn: &mut RwTxn<'_>) -> heed::Result<Tables> {
                $(let $field = env.create_database(wtxn, Some($name))?;)*
                Ok(Tables { $($field),* })
            }

            /// Every database with its name for statistics, types put aside.
            pub fn all(&self) -> [(&'static str, Database<Bytes, Bytes>); Self::NAMES.len()] {
                [$((stringify!($field), self.$field.remap_types::<Bytes, Bytes>())),*]
            }
        }
    };
}

tables! {
    /// Settings, statistics and derived values, a codec a key; see `store/metadata.rs`.
    main: "main", Str => Unspecified;
    /// External id → docid.
    external_documents_ids: "external-documents-ids", Str => BeU32;
    /// Word → docids that hold it in a field that tolerates typos.
    word_docids: "word-docids", Str => Cbo;
    /// Word → docids that hold it in an exact field, or that are numbers without typos.
    exact_word_docids: "exact-word-docids", Str => Cbo;
    /// Normalised words joined by `1F` → the alternatives as the user wrote them.
    synonyms: "synonyms", Str => Bytes;
    /// Prefix → union of `word_docids`.
    word_prefix_docids: "word-prefix-docids", Str => Cbo;
    /// Prefix → union of `exact_word_docids`.
    exact_word_prefix_docids: "exact-word-prefix-docids", Str => Cbo;
    /// (proximity, first word, second word) → docids.
    word_pair_proximity_docids: "word-pair-proximity-docids", WordPair => Cbo;
    /// (word, bucketed position) → docids.
    word_position_docids: "word-position-docids", WordU16 => Cbo;
    /// (word, field id) → docids.
    word_fid_docids: "word-field-id-docids", WordU16 => Cbo;
    /// (prefix, bucketed position) → docids.
    word_prefix_position_docids: "word-prefix-position-docids", WordU16 => Cbo;
    /// (prefix, field id) → docids.
    word_prefix_fid_docids: "word-prefix-field-id-docids", WordU16 => Cbo;
    /// (field id, number of words) → docids.
    field_id_word_count_docids: "field-id-word-count-docids", FieldIdCount => Cbo;
    /// Facet tree of numbers.
    facet_id_f64_docids: "facet-id-f64-docids", FacetGroupKey<OrderedF64> => FacetGroupValue;
    /// Facet tree of normalised strings.
    facet_id_string_docids: "facet-id-string-docids", FacetGroupKey<StrRef> => FacetGroupValue;
    /// (field id, search-normalised value) → JSON list of normalised strings.
    facet_id_normalized_string_strings: "facet-id-normalized-string-strings", FidString => Bytes;
    /// Field id → set of its search-normalised values.
    facet_id_string_fst: "facet-id-string-fst", BeU16 => FstSet;
    /// Field id → docids that have the field, whatever its value.
    facet_id_exists_docids: "facet-id-exists-docids", BeU16 => Cbo;
    /// Field id → docids where the field is null.
    facet_id_is_null_docids: "facet-id-is-null-docids", BeU16 => Cbo;
    /// Field id → docids where the field is `""`, `[]` or `{}`.
    facet_id_is_empty_docids: "facet-id-is-empty-docids", BeU16 => Cbo;
    /// (field id, docid, number).
    field_id_docid_facet_f64s: "field-id-docid-facet-f64s", DocidFacetF64 => Unit;
    /// (field id, docid, normalised string) → the original string.
    field_id_docid_facet_strings: "field-id-docid-facet-strings", DocidFacetString => Str;
    /// Vectors and their graph (storage-index.md 13.3).
    vector_store: "vector-arroy", Bytes => Bytes;
    /// Embedder name → its id and which documents bring their own vectors.
    embedder_category_id: "vector-embedder-category-id", Str => Bytes;
    /// Shard name → docids.
    shard_docids: "shard-docids", Str => Cbo;
    /// docid → the stored document.
    documents: "documents", BeU32 => Obkv;
    /// GeoJSON shapes (storage-index.md 15).
    cellulite_item: "cellulite-item", Bytes => Bytes;
    /// GeoJSON cells.
    cellulite_cell: "cellulite-cell", Bytes => Bytes;
    /// Pending GeoJSON operations; empty at every commit.
    cellulite_update: "cellulite-update", BeU32 => U8;
    /// Version of the GeoJSON format.
    cellulite_metadata: "cellulite-metadata", U8 => VersionCodec;
}
