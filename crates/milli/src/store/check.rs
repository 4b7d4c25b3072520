//! Is an index what it should be? The layout of every entry, then the invariants across tables
//! (storage-index.md 18, and of 8 to 15 what these rest on).
//!
//! | File | What it compares |
//! |---|---|
//! | `finding` | what can be found, and how grave it is |
//! | `layout_pass` | carries the next row out, table by table, on several threads |
//! | `layout`, `bitmap`, `fst_graph`, `geo_tree`, `vectors`, `geojson` | each entry by itself: nothing that a library reads without checks of its own is left unread |
//! | `fields` | version, field names, searchable fields, statistics |
//! | `documents` | documents, their ids, both ways, their fields |
//! | `sets` | every set of documents against `documents-ids`, every field id against the map |
//! | `words`, `prefixes` | words, positions, pairs, counts; what is derived from them |
//! | `facets` | facet trees, values of documents, searchable values |
//! | `references` | vectors and geographic data against the documents |
//!
//! The bytes may be anybody's: no length is trusted and nothing panics. LMDB itself is another matter:
//! a file from elsewhere goes through the page walk of crate `index-snapshot` before it is opened.
//! Everything streams in key order; memory is needed for one value at a time and a few sets.

mod bitmap;
mod documents;
mod facets;
mod fields;
mod finding;
mod fst_graph;
mod geo_tree;
mod geojson;
mod layout;
mod layout_pass;
mod prefixes;
mod references;
mod sets;
#[cfg(test)]
mod tests;
mod vectors;
mod words;

use std::path::Path;

use heed::types::Bytes;

pub use self::finding::{Fault, Finding, Malformed, Report, Severity};

use self::finding::Findings;
use super::env::{Env, Index, RoTxn, open_env_read_only};
use super::tables::{Table, Tables};
use crate::error::Result;

/// How far a check goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Depth {
    /// Each entry by itself: what must hold before the file is opened as an index.
    Layout,
    /// The invariants across tables too, when the layout is sound.
    Everything,
}

/// How to check.
#[derive(Clone, Copy)]
pub struct CheckOptions<'a> {
    /// How far to go.
    pub depth: Depth,
    /// Faults that the report lists, and as many residues; those beyond are only counted.
    pub max_findings: usize,
    /// Asked often; the check ends with [`Error::Aborted`](crate::Error::Aborted) once it says so.
    pub must_stop: &'a (dyn Fn() -> bool + Sync),
}

impl Default for CheckOptions<'_> {
    fn default() -> Self {
        CheckOptions { depth: Depth::Everything, max_findings: 1000, must_stop: &|| false }
    }
}

/// Checks the environment in a directory, opened for reading only with a map of `map_size` bytes (a
/// multiple of the system's page size; LMDB raises it to the file's content). Nobody may write to it
/// meanwhile: several transactions take it for one state.
///
/// # Errors
/// There is no LMDB file, LMDB fails, or the check was stopped. What is wrong with the index is no error.
pub fn check_directory(dir: &Path, map_size: usize, options: &CheckOptions<'_>) -> Result<Report> {
    let env = open_env_read_only(dir, map_size)?;
    let report = check_env(&env, options);
    // Whoever opens the directory next must not meet this handle.
    env.prepare_for_closing().wait();
    report
}

fn check_env(env: &Env, options: &CheckOptions<'_>) -> Result<Report> {
    let opening = env.read_txn()?;
    let mut tables = Vec::with_capacity(Table::ALL.len());
    for table in Table::ALL {
        tables.push((table, env.open_database::<Bytes, Bytes>(&opening, Some(table.name()))?));
    }
    let index = Tables::open(env, &opening)?.map(|tables| Index::from_parts(env.clone(), tables));
    // The handles belong to this transaction alone until it is committed.
    opening.commit()?;
    let rtxn = env.read_txn()?;
    let mut findings = Findings::new(options);
    if options.depth == Depth::Everything {
        for (table, _) in tables.iter().filter(|(_, database)| database.is_none()) {
            findings.fault(*table, b"", Fault::MissingDatabase);
        }
    }
    let tables: Vec<_> =
        tables.into_iter().filter_map(|(table, database)| Some((table, database?))).collect();
    layout_pass::on_threads(env, &rtxn, &tables, options, &mut findings)?;
    check_further(&rtxn, index.as_ref(), options.depth, findings)
}

/// Checks an open index as a transaction sees it.
///
/// # Errors
/// LMDB fails, or the check was stopped. What is wrong with the index is no error.
pub fn check_index(index: &Index, rtxn: &RoTxn<'_>, options: &CheckOptions<'_>) -> Result<Report> {
    let mut findings = Findings::new(options);
    for (table, (_, database)) in Table::ALL.into_iter().zip(index.tables().all()) {
        layout_pass::over_table(rtxn, table, database, &mut findings)?;
    }
    check_further(rtxn, Some(index), options.depth, findings)
}

fn check_further(
    rtxn: &RoTxn<'_>,
    index: Option<&Index>,
    depth: Depth,
    mut findings: Findings<'_>,
) -> Result<Report> {
    // The invariants are read with codecs that give up at the first malformed entry.
    if depth == Depth::Everything
        && findings.is_sound()
        && let Some(index) = index
    {
        check_invariants(index, rtxn, &mut findings)?;
    }
    Ok(findings.into_report())
}

fn check_invariants(index: &Index, rtxn: &RoTxn<'_>, findings: &mut Findings<'_>) -> Result<()> {
    let Some(known) = fields::check(index, rtxn, findings)? else { return Ok(()) };
    documents::check(index, rtxn, &known, findings)?;
    sets::check(index, rtxn, &known, findings)?;
    words::check(index, rtxn, &known, findings)?;
    prefixes::check(index, rtxn, &known, findings)?;
    facets::check(index, rtxn, &known, findings)?;
    references::check(index, rtxn, &known, findings)
}
