//! Every bound of the engine, with its unit (indexing.md section 1, search.md).

/// Largest LMDB key of the pinned build, in bytes.
pub const MAX_LMDB_KEY_BYTES: usize = 511;
/// Key budget that the engine keeps for itself, in bytes.
pub const SAFE_KEY_BYTES: usize = 500;
/// Longest indexed word, in bytes; longer tokens are dropped, not cut.
pub const MAX_WORD_BYTES: usize = 250;
/// Longest facet string in a key, in bytes; longer values are cut at a character boundary.
pub const MAX_FACET_VALUE_BYTES: usize = 468;
/// Longest document id, in bytes.
pub const MAX_DOCUMENT_ID_BYTES: usize = 511;
/// Number of token positions kept in one field of one document.
pub const MAX_POSITIONS_PER_FIELD: u32 = 65_536;
/// Largest number of words of a field that is recorded in `field-id-word-count-docids`.
pub const MAX_RECORDED_WORD_COUNT: usize = 30;
/// Positions added by a hard separator, and between two values of one field.
pub const HARD_SEPARATOR_DISTANCE: u32 = 8;
/// Largest distance of a stored word pair.
pub const MAX_STORED_PROXIMITY: u8 = 3;
/// Longest precomputed prefix, in bytes.
pub const MAX_PREFIX_BYTES: usize = 4;
/// A prefix is precomputed when at least so many words begin with it.
pub const MIN_WORDS_FOR_PREFIX: usize = 100;
/// Children of a facet tree node when a level is built in bulk.
pub const FACET_GROUP_SIZE: usize = 4;
/// A level of numbers is kept only with at least so many nodes.
pub const FACET_MIN_LEVEL_SIZE: usize = 5;
/// Most children that a facet tree node may have.
pub const FACET_MAX_GROUP_SIZE: usize = 8;
/// Default of `faceting.maxValuesPerFacet`, values.
pub const DEFAULT_MAX_VALUES_PER_FACET: usize = 100;
/// Default of `pagination.maxTotalHits`, hits.
pub const DEFAULT_MAX_TOTAL_HITS: usize = 1000;
/// Default of `searchCutoffMs`, milliseconds.
pub const DEFAULT_SEARCH_CUTOFF_MS: u64 = 1500;
/// Default of `typoTolerance.minWordSizeForTypos.oneTypo`, characters.
pub const DEFAULT_ONE_TYPO_WORD_LEN: u8 = 5;
/// Default of `typoTolerance.minWordSizeForTypos.twoTypos`, characters.
pub const DEFAULT_TWO_TYPOS_WORD_LEN: u8 = 9;
/// Positive terms of a query; what follows is ignored.
pub const MAX_QUERY_TERMS: usize = 10;
/// Tokens of a query that are looked at.
pub const MAX_QUERY_TOKENS: usize = 1000;
/// Named databases that an environment may hold.
pub const MAX_DATABASES: u32 = 31;
