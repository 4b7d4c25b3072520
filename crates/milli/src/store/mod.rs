//! What lies on disk: the environment of an index, its databases, the keys of `main`, its sizes.

mod check;
mod env;
mod metadata;
mod stats;
mod tables;

pub use check::{
    CheckOptions, Depth, Fault, Finding, Malformed, Report, Severity, check_directory, check_index,
};
pub use env::{Env, Index, OpenOptions, ReadTxn, RoTxn, RwTxn};
pub use metadata::FieldDistribution;
pub(crate) use metadata::{GEO_FACETED_DOCUMENTS_IDS, GEO_RTREE, MainKey};
pub use stats::{DatabaseStats, IndexStats, camel_case};
pub use tables::{BeU16, BeU32, Table, Tables};
