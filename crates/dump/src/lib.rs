//! Dumps: a whole instance as a portable archive of JSON files (storage-instance.md 13 and 14).
//!
//! The crate knows the files and their forms; it knows nothing of queues, indexes or HTTP.
//!
//! | Module | What |
//! |---|---|
//! | `error` | what can go wrong, with the file and line |
//! | `layout` | which entries an archive has, and where each is unpacked |
//! | `metadata` | the two small files that describe a dump and each of its indexes |
//! | `task` | a task as dumps write it ⇄ a task as the queue stores it |
//! | `lines` | files of one JSON value a line |
//! | `writer` | parts of an instance → archive, version 6, streamed |
//! | `reader` | archive → unpacked directory → parts of an instance |
//! | `v5` | an unpacked dump of version 5 → one of version 6 |
//!
//! An archive's entries come in any order, so a reader unpacks them first. A writer does not stage: what
//! goes into an entry is collected in a nameless file, because the entry begins with its length.

mod error;
mod layout;
mod lines;
mod metadata;
mod reader;
mod task;
mod v5;
mod writer;

pub use error::{Error, Result};
pub use lines::{Lines, one_line};
pub use metadata::IndexMetadata;
pub use reader::{Dump, DumpedIndex};
pub use task::{DumpedKind, DumpedTask};
pub use writer::Writer;
