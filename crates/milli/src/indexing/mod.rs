//! Documents and settings → index content, in run order (indexing.md).
//!
//! | File | What |
//! |---|---|
//! | `job.rs` | the whole flow, for documents and for settings |
//! | `plan.rs` | operations + store → what each document becomes (`change.rs`) |
//! | `roles.rs` | what each field means under a schema |
//! | `extract/` | changed documents → deltas (`delta.rs`), in parallel (`parallel.rs`) |
//! | `merge.rs` | deltas of all threads → changed posting lists in key order |
//! | `apply.rs`, `posting.rs` | changed posting lists → store |
//! | `derive/` | word set, prefixes, facet levels, facet search |
//! | `finish.rs` | keys written at the end of every batch |
//! | `vectors/` | vectors that documents bring or that are made of them → stores of their embedders |
//! | `settings/` | new settings → stored keys, and what must be indexed anew |

mod apply;
mod change;
mod delta;
mod derive;
mod extract;
mod finish;
mod job;
mod merge;
mod parallel;
mod plan;
mod posting;
mod roles;
mod settings;
mod steps;
mod vectors;

use embedders::{EmbedderPool, RequestCounters};
use meilisearch_types::progress::Progress;
use roaring::RoaringBitmap;

pub use job::{clear_documents, index_documents};
pub use settings::{SettingsError, apply_settings, set_primary_key};
pub use steps::{DocumentDeletionStep, DocumentImportStep};
pub use vectors::GenerationError;

use crate::error::{Error, Result};

/// What the caller gives to every indexing operation.
pub struct IndexingContext<'a> {
    /// Threads that extract; the calling thread writes.
    pub threads: &'a rayon::ThreadPool,
    /// Memory that extraction may use, in bytes; `None` for the engine's default.
    pub max_memory_bytes: Option<usize>,
    /// What computes vectors.
    pub embedders: &'a EmbedderPool,
    /// Whether new and changed embedders are asked for a vector at once, so that wrong ones are refused. The
    /// import of a dump does not: its documents bring their vectors along.
    pub tries_embedders: bool,
    /// Counts the requests to providers of vectors.
    pub embedder_requests: &'a RequestCounters,
    /// Where the steps under way are shown.
    pub progress: &'a Progress,
    /// Asked between chunks of work: `true` ends the operation with [`Error::Aborted`].
    pub must_stop: &'a (dyn Fn() -> bool + Sync),
}

impl IndexingContext<'_> {
    /// # Errors
    /// [`Error::Aborted`] when the caller's stop flag is up.
    fn check_stop(&self) -> Result<()> {
        if (self.must_stop)() { Err(Error::Aborted) } else { Ok(()) }
    }
}

/// What becomes of an object whose document does not exist.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MissingDocument {
    /// It is created.
    Create,
    /// The object is passed over.
    Skip,
}

/// One task of a batch of documents.
#[derive(Clone, Debug)]
pub enum Operation<'a> {
    /// Each object becomes the whole content of its document.
    Replace {
        /// Concatenated JSON objects.
        payload: &'a [u8],
        /// What to do with unknown ids.
        on_missing: MissingDocument,
    },
    /// The top-level fields of each object go over those of its document.
    Update {
        /// Concatenated JSON objects.
        payload: &'a [u8],
        /// What to do with unknown ids.
        on_missing: MissingDocument,
    },
    /// The documents with these ids are deleted.
    DeleteByIds(&'a [String]),
    /// The documents with these internal ids are deleted; they are those of the state before the batch.
    DeleteByDocids(RoaringBitmap),
}

impl<'a> Operation<'a> {
    fn payload(&self) -> Option<&'a [u8]> {
        match self {
            Operation::Replace { payload, .. } | Operation::Update { payload, .. } => Some(payload),
            Operation::DeleteByIds(_) | Operation::DeleteByDocids(_) => None,
        }
    }
}

/// What became of one operation.
#[derive(Debug)]
pub struct OperationOutcome {
    /// `indexedDocuments` or `deletedDocuments` of the task.
    pub count: u64,
    /// Why this operation alone failed; the others went on.
    pub error: Option<Error>,
}
