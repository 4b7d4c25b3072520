//! Values of faceted fields: which documents have them, in what order, and how often
//! (search.md 13.4, 14 and 15; storage-index.md 10 and 11).
//!
//! | File | What |
//! |---|---|
//! | `tree.rs` | the stored tree of one field: nodes, levels |
//! | `range.rs` | documents with a value between two bounds |
//! | `order.rs` | values in order, each with its documents |
//! | `select.rs` | patterns of the `facets` parameter → fields |
//! | `distribution.rs` | how many documents have each value; extremes of numbers |
//! | `search.rs` | values that begin like a text |
//!
//! A field has two trees, one of numbers and one of normalised strings. Level 0 has a node a value;
//! a node of level n + 1 stands for a run of nodes of level n and holds the union of their
//! documents, so that a walk skips what it does not need.

mod distribution;
pub mod order;
mod range;
pub mod search;
mod select;
#[cfg(test)]
pub(crate) mod testing;
mod tree;

pub use distribution::{FacetCounts, FacetStats, distribution, stats};
pub use select::{UnfilterableFacets, select};

pub(crate) use range::documents_in_range;
pub(crate) use tree::{FacetTree, number_bound, successor};

use crate::codec::DocidFacetKey;
use crate::error::Result;
use crate::schema::FieldId;
use crate::store::{Index, RoTxn};

/// A value of a faceted field.
#[derive(Debug, Clone, PartialEq)]
pub enum FacetValue {
    /// A number.
    Number(f64),
    /// A normalised string.
    String(String),
}

/// Length of the part of a per-document key that names field and document.
pub(crate) const DOCUMENT_PREFIX_BYTES: usize = 6;

/// What the per-document keys of a field and a document begin with.
pub(crate) fn document_prefix(fid: FieldId, docid: u32) -> [u8; DOCUMENT_PREFIX_BYTES] {
    let mut prefix = [0; DOCUMENT_PREFIX_BYTES];
    prefix[..2].copy_from_slice(&fid.to_be_bytes());
    prefix[2..].copy_from_slice(&docid.to_be_bytes());
    prefix
}

/// A normalised string as one of its documents spells it.
fn original_spelling(
    index: &Index,
    rtxn: &RoTxn<'_>,
    fid: FieldId,
    normalized: &str,
    docid: Option<u32>,
) -> Result<String> {
    let spelling = match docid {
        Some(docid) => {
            let key = DocidFacetKey { fid, docid, value: normalized };
            index.tables().field_id_docid_facet_strings.get(rtxn, &key)?
        }
        None => None,
    };
    Ok(spelling.unwrap_or(normalized).to_owned())
}
