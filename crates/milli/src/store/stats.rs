//! Sizes and counts of an index, in the form that the task queue caches (storage-instance.md 7).

use heed::types::{Bytes, SerdeJson};
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

use super::env::{Index, RoTxn, RwTxn};
use super::metadata::{FieldDistribution, MainKey};
use crate::error::Result;

pub(super) const DOCUMENTS_STATS: MainKey<SerdeJson<DatabaseStats>> =
    MainKey::new("documents_stats");

/// Entries and bytes of one database.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct DatabaseStats {
    /// Number of entries.
    pub number_of_entries: u64,
    /// Estimated bytes of the keys: 8 an entry.
    pub total_key_size: u64,
    /// Bytes of the pages in use, keys taken off.
    pub total_value_size: u64,
}

/// What `GET /stats` needs of one index.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct IndexStats {
    /// The documents database.
    #[serde(default)]
    pub documents_database_stats: DatabaseStats,
    /// Count kept by older releases; read, never written, and wins when present.
    #[serde(default, skip_serializing)]
    pub number_of_documents: Option<u64>,
    /// Length of the data file in bytes.
    pub database_size: u64,
    /// Bytes of each database that has any, decreasing.
    #[serde(default)]
    pub internal_database_sizes: Vec<(String, u64)>,
    /// Vectors of all embedders.
    pub number_of_embeddings: Option<u64>,
    /// Documents with at least one vector.
    pub number_of_embedded_documents: Option<u64>,
    /// Bytes of all pages in use.
    pub used_database_size: u64,
    /// The primary key, once known.
    pub primary_key: Option<String>,
    /// Documents of each top-level field.
    pub field_distribution: FieldDistribution,
    /// Creation date.
    #[serde(with = "time::serde::rfc3339")]
    pub created_at: OffsetDateTime,
    /// Date of the last change.
    #[serde(with = "time::serde::rfc3339")]
    pub updated_at: OffsetDateTime,
}

impl IndexStats {
    /// Number of documents.
    pub fn number_of_documents(&self) -> u64 {
        self.number_of_documents.unwrap_or(self.documents_database_stats.number_of_entries)
    }
}

impl Index {
    /// Computes the statistics of the index.
    ///
    /// # Errors
    /// The environment cannot be read.
    pub fn stats(&self, rtxn: &RoTxn<'_>) -> Result<IndexStats> {
        let mut internal_database_sizes = self.database_sizes(rtxn)?;
        internal_database_sizes.retain(|(_, size)| *size != 0);
        let (embeddings, embedded_documents) = crate::vector::count(self, rtxn)?;
        // Stable: equal sizes keep the order of the table list.
        internal_database_sizes.sort_by(|(_, a), (_, b)| b.cmp(a));
        Ok(IndexStats {
            documents_database_stats: DOCUMENTS_STATS.get(self, rtxn)?.unwrap_or_default(),
            number_of_documents: None,
            database_size: self.env().real_disk_size()?,
            internal_database_sizes,
            number_of_embeddings: Some(embeddings),
            number_of_embedded_documents: Some(embedded_documents),
            used_database_size: self.env().non_free_pages_size()?,
            primary_key: self.primary_key(rtxn)?.map(str::to_owned),
            field_distribution: self.field_distribution(rtxn)?,
            created_at: self.created_at(rtxn)?,
            updated_at: self.updated_at(rtxn)?,
        })
    }

    /// Bytes of every database under its camelCase name, in the order of the table list.
    ///
    /// # Errors
    /// The environment cannot be read.
    pub fn database_sizes(&self, rtxn: &RoTxn<'_>) -> Result<Vec<(String, u64)>> {
        self.tables()
            .all()
            .into_iter()
            .map(|(name, table)| Ok((camel_case(name), pages_bytes(&table.stat(rtxn)?))))
            .collect()
    }

    /// Stores the statistics of the documents database as they are inside the write transaction.
    pub(crate) fn put_documents_stats(&self, wtxn: &mut RwTxn<'_>) -> Result<()> {
        let stat = self.tables().documents.remap_types::<Bytes, Bytes>().stat(wtxn)?;
        let total_key_size = stat.entries as u64 * 8;
        let stats = DatabaseStats {
            number_of_entries: stat.entries as u64,
            total_key_size,
            total_value_size: pages_bytes(&stat).saturating_sub(total_key_size),
        };
        DOCUMENTS_STATS.put(self, wtxn, &stats)
    }
}

fn pages_bytes(stat: &heed::DatabaseStat) -> u64 {
    (stat.branch_pages + stat.leaf_pages + stat.overflow_pages) as u64 * u64::from(stat.page_size)
}

/// A snake_case name in camelCase; a letter behind a digit begins a word too (`f64s` → `F64S`).
pub fn camel_case(name: &str) -> String {
    let mut out = String::with_capacity(name.len());
    let mut previous = None;
    for letter in name.chars() {
        if letter != '_' {
            let begins = matches!(previous, Some(before) if before == '_')
                || (previous.is_some_and(|before: char| before.is_ascii_digit())
                    && letter.is_ascii_alphabetic());
            out.push(if begins { letter.to_ascii_uppercase() } else { letter });
        }
        previous = Some(letter);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_statistics() {
        assert_eq!(camel_case("main"), "main");
        assert_eq!(camel_case("facet_id_f64_docids"), "facetIdF64Docids");
        assert_eq!(camel_case("field_id_docid_facet_f64s"), "fieldIdDocidFacetF64S");
    }
}
