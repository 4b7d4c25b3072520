//! Archives that are whole but of another kind: recognised by their entries, so that the operator is told
//! what he holds and the right way in (index-snapshots.md 3).

use std::fmt;
use std::io::Read;

use crate::error::Result;
use crate::reader::TarStream;
use crate::tar_entry::Entry;

/// A kind of archive that is no index snapshot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ForeignArchive {
    /// A snapshot of a whole instance.
    InstanceSnapshot,
    /// A dump.
    Dump,
}

impl fmt::Display for ForeignArchive {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            ForeignArchive::InstanceSnapshot => {
                "The archive is a snapshot of a whole instance, not of one index. Start a server with an empty \
                 data directory and `--import-snapshot` to restore it."
            }
            ForeignArchive::Dump => {
                "The archive is a dump, not an index snapshot. Start a server with an empty data directory and \
                 `--import-dump` to restore it."
            }
        })
    }
}

/// Entries that are looked at, and bytes of content that are passed over, before giving up.
const MAX_ENTRIES: usize = 64;
const MAX_SKIPPED_BYTES: u64 = 4 * 1024 * 1024;

/// What the archive is, from an unexpected entry on. `None` when its entries tell nothing.
pub(crate) fn recognise<R: Read>(
    tar: &mut TarStream<R>,
    first: Entry,
) -> Result<Option<ForeignArchive>> {
    let mut entry = first;
    let mut skipped = 0u64;
    for _ in 0..MAX_ENTRIES {
        if let Some(kind) = kind_of(entry.name.trim_start_matches("./")) {
            return Ok(Some(kind));
        }
        skipped = skipped.saturating_add(entry.size);
        if skipped > MAX_SKIPPED_BYTES {
            return Ok(None);
        }
        tar.skip_content(entry.size)?;
        match tar.next_header()? {
            Some(next) => entry = next,
            None => return Ok(None),
        }
    }
    Ok(None)
}

fn kind_of(name: &str) -> Option<ForeignArchive> {
    let name = name.trim_end_matches('/');
    match name {
        "update_files" | "auth" => Some(ForeignArchive::InstanceSnapshot),
        "keys.jsonl"
        | "batches"
        | "chat-completions-settings"
        | "network.json"
        | "webhooks.json"
        | "experimental-features.json"
        | "instance_uid.uuid"
        | "dumps.json" => Some(ForeignArchive::Dump),
        _ if name.ends_with(".jsonl") => Some(ForeignArchive::Dump),
        _ if name.contains('/') && name.ends_with("/data.mdb") => {
            Some(ForeignArchive::InstanceSnapshot)
        }
        _ => None,
    }
}
