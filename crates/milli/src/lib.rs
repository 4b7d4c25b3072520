//! The search engine: one index, its storage, how documents flow in and queries flow out.
//!
//! It knows nothing of tasks, HTTP, keys or other indexes. Code imports only from rows above:
//!
//! | Place | What |
//! |---|---|
//! | `limits`, `error` | every bound with its unit; user errors apart from internal ones |
//! | `codec` | bytes ↔ values, one layout a file |
//! | `store` | the environment, the list of databases, the keys of `main`, sizes |
//! | `schema` | settings decoded, and the roles they give to fields |
//! | `text` | tokenise, normalise, positions |
//! | `vector` | embedders, the status of documents, the stores of vectors |
//! | `document` | borrowed view of a document, flattening, primary key, merge |
//! | `geo` | points and shapes on the globe, as they are stored |
//! | `indexing` | the write flow in run order, for documents and settings alike |
//! | `facet` | range walk, counts, value search, order |
//! | `query` | parse, terms, typos, graph, filter |
//! | `rank` | the contract of a ranking rule, one file a rule, bucket sort |
//! | `search` | keyword search, distinct, highlighting, scores |

pub mod codec;
pub mod document;
mod error;
pub mod facet;
pub mod geo;
pub mod indexing;
pub mod limits;
pub mod query;
mod rank;
pub mod schema;
pub mod search;
pub mod store;
pub mod text;
pub mod vector;

pub use error::{Error, InternalError, Result};
pub use schema::{FieldId, FieldsIdsMap, Schema, refuse_unshown_settings, settings};
pub use store::{
    CheckOptions, DatabaseStats, Depth, Env, Fault, FieldDistribution, Finding, Index, IndexStats,
    Malformed, OpenOptions, ReadTxn, Report, RoTxn, RwTxn, Severity, Table, Tables,
    check_directory, check_index,
};
