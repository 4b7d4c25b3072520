//! Single-index snapshots: one LMDB environment ⇄ one portable archive file (index-snapshots.md).
//!
//! The crate knows LMDB files and tar archives; it knows nothing of tasks, HTTP or the search engine.
//!
//! | Module | What |
//! |---|---|
//! | `manifest` | `VERSION` and `metadata.json`: the first two entries, and whether this server may import them |
//! | `name` | snapshot uids and file names, both ways |
//! | `compression` | the three compressions, recognised by their magic bytes |
//! | `tar_entry`, `sums`, `pages` | the parts of the stream: tar headers, checksums, LMDB pages |
//! | `walk` | every page judged before LMDB sees the file |
//! | `env_stream` | LMDB's compacting copy as a stream of known length |
//! | `writer`, `blocks` | environment → archive, as a pipeline of threads with bounded buffers |
//! | `tarball` | several environments and files → one tar, through the same pipeline; for whole instances |
//! | `reader`, `foreign` | archive → verified `data.mdb`; what an archive of another kind is |
//! | `head_probe` | the head of an upload, judged while it arrives |
//! | `part`, `directory` | files of the snapshot directory: made under a hidden name, published whole, listed, deleted, cleaned up |
//! | `source`, `space`, `flush` | opening a file safely; free room and preallocation; flushing while writing |
//! | `threads` | threads that are joined on every path |
//!
//! Data flows one way. Creation: LMDB's compacting copy → pipe → cleared pages → SHA-256 → tar →
//! compressed blocks → file. Import: file → decoder → tar → page walk → SHA-256 → destination. In both,
//! decoding or compressing, summing and writing run on threads of their own.

mod blocks;
mod compression;
mod directory;
mod env_stream;
mod error;
mod flush;
mod foreign;
mod head_probe;
mod manifest;
mod monitor;
mod name;
mod pages;
mod part;
mod reader;
mod source;
mod space;
mod sums;
mod tar_entry;
mod tarball;
mod threads;
mod walk;
mod writer;

pub use compression::Compression;
pub use directory::{Directory, Owner, SnapshotEntry};
pub use error::{Error, Result};
pub use flush::FlushedFile;
pub use foreign::ForeignArchive;
pub use head_probe::HeadProbe;
pub use manifest::{Compatibility, Manifest, ManifestIndex, Platform, Version};
pub use monitor::{Monitor, Unattended};
pub use name::{ArchiveName, SnapshotUid};
pub use part::{NewFile, PartFile, PublishedSum, ReplacementFile, remove_unlocked, sync_directory};
pub use reader::{Body, Head, Imported, Trailer, read_head};
pub use source::{open_regular_file, read_archive_head};
pub use space::{available_space, preallocate};
pub use tarball::{Tarball, decompress, write_tarball};
#[doc(hidden)]
pub use walk::walk_file;
pub use writer::{WriteOptions, Written, check_archive, write_archive};
