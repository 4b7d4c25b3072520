//! What a check can find, where, and how grave it is.

use std::fmt;

use roaring::RoaringBitmap;

use super::CheckOptions;
use crate::error::{Error, Result};
use crate::store::Table;

/// How grave a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Left behind by an operation and tolerated by every reader (storage-index.md 17): it costs room or
    /// time, never a wrong answer.
    Residue,
    /// Breaks what readers or writers rely on.
    Fault,
}

/// One thing that is not as it should be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// Where it is.
    pub table: Table,
    /// Key of the entry, as on disk; empty when the whole table is meant.
    pub key: Vec<u8>,
    /// What is wrong.
    pub fault: Fault,
    /// How grave it is.
    pub severity: Severity,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.table.name())?;
        if !self.key.is_empty() {
            write!(f, " `{}`", self.key.escape_ascii())?;
        }
        write!(f, ": {}", self.fault)
    }
}

/// The bytes of a value do not have their layout.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no valid {layout}: {reason}")]
pub struct Malformed {
    /// Name of the layout.
    pub layout: &'static str,
    /// What gives it away.
    pub reason: &'static str,
}

/// What can be wrong.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// A database of the catalogue is not there.
    #[error("the database is missing")]
    MissingDatabase,
    /// The key's bytes do not have the layout of the table.
    #[error("the key is {0}")]
    MalformedKey(Malformed),
    /// The value's bytes do not have the layout of the table.
    #[error("the value is {0}")]
    MalformedValue(Malformed),
    /// A value that every index has is not there.
    #[error("the entry is missing")]
    MissingEntry,
    /// A value is not the one that the rest of the index calls for.
    #[error("the value is {found} where {expected} is expected")]
    UnexpectedValue {
        /// What is stored.
        found: String,
        /// What should be.
        expected: String,
    },
    /// A table that must be empty under the index's settings is not.
    #[error("the entry should not be here: {0}")]
    UnexpectedEntry(&'static str),
    /// The value lists the same thing twice, or not in order.
    #[error("the list is not sorted or holds something twice")]
    Unsorted,
    /// A field id without a name.
    #[error("the field id {0} is not in `fields-ids-map`")]
    UnknownField(u16),
    /// A set that became empty and was not deleted.
    #[error("the set is empty and should have been deleted")]
    EmptySet,
    /// Ids that no document has.
    #[error("{count} document ids are not in `documents-ids`, the first is {first}")]
    UnknownDocuments {
        /// How many.
        count: u64,
        /// The smallest.
        first: u32,
    },
    /// Documents are missing that another place has.
    #[error("{count} documents of {of} are missing, the first is {first}")]
    LacksDocuments {
        /// How many.
        count: u64,
        /// The smallest.
        first: u32,
        /// Where they are.
        of: &'static str,
    },
    /// Documents are here that another place has not.
    #[error("{count} documents are not in {of}, the first is {first}")]
    ExtraDocuments {
        /// How many.
        count: u64,
        /// The smallest.
        first: u32,
        /// Where they should be.
        of: &'static str,
    },
    /// What this entry speaks of is not in the table that must have it.
    #[error("it has no counterpart in `{}`", .0.name())]
    NoCounterpart(Table),
    /// What a word set should hold as well.
    #[error("the word set lacks `{0}`")]
    MissingWord(String),
    /// What a word set should not hold.
    #[error("the word set holds `{0}`, which nothing else has")]
    ExtraWord(String),
    /// The nodes of a level do not group the level below.
    #[error("the facet tree is broken: {0}")]
    FacetTree(&'static str),
    /// An operation was recorded and not carried out.
    #[error("an operation is still pending")]
    Pending,
    /// Vectors of an embedder that the index manages are left in the document.
    #[error("`_vectors` holds the embedder `{0}`, which is configured")]
    ConfiguredEmbedder(String),
}

/// The outcome of a check.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// The first faults and the first residues, in the order they were met, up to the limit asked for.
    pub findings: Vec<Finding>,
    /// Number of faults, those not listed included.
    pub faults: u64,
    /// Number of residues, those not listed included.
    pub residues: u64,
    /// Entries that were looked at.
    pub entries: u64,
}

impl Report {
    /// Whether there is no fault; residues may be there.
    pub fn is_sound(&self) -> bool {
        self.faults == 0
    }
}

/// The report while it grows.
pub(super) struct Findings<'a> {
    report: Report,
    max_findings: usize,
    must_stop: &'a (dyn Fn() -> bool + Sync),
}

impl<'a> Findings<'a> {
    pub(super) fn new(options: &CheckOptions<'a>) -> Findings<'a> {
        Findings {
            report: Report::default(),
            max_findings: options.max_findings,
            must_stop: options.must_stop,
        }
    }

    pub(super) fn add(&mut self, table: Table, key: &[u8], fault: Fault, severity: Severity) {
        let count = match severity {
            Severity::Fault => &mut self.report.faults,
            Severity::Residue => &mut self.report.residues,
        };
        *count += 1;
        if *count <= self.max_findings as u64 {
            self.report.findings.push(Finding { table, key: key.to_vec(), fault, severity });
        }
    }

    pub(super) fn fault(&mut self, table: Table, key: &[u8], fault: Fault) {
        self.add(table, key, fault, Severity::Fault);
    }

    pub(super) fn residue(&mut self, table: Table, key: &[u8], fault: Fault) {
        self.add(table, key, fault, Severity::Residue);
    }

    /// Compares two sets that should be equal: what is missing, and what is too much, at the severity
    /// given for each.
    pub(super) fn compare_sets(
        &mut self,
        at: (Table, &[u8]),
        found: &RoaringBitmap,
        expected: &RoaringBitmap,
        of: &'static str,
        [lacks, extra]: [Severity; 2],
    ) {
        if found == expected {
            return;
        }
        let (table, key) = at;
        let missing = expected - found;
        if let Some(first) = missing.min() {
            self.add(table, key, Fault::LacksDocuments { count: missing.len(), first, of }, lacks);
        }
        self.within(at, found, expected, of, extra);
    }

    /// Reports what a set has beyond another one.
    pub(super) fn within(
        &mut self,
        (table, key): (Table, &[u8]),
        found: &RoaringBitmap,
        bound: &RoaringBitmap,
        of: &'static str,
        severity: Severity,
    ) {
        if found.is_subset(bound) {
            return;
        }
        let surplus = found - bound;
        if let Some(first) = surplus.min() {
            let fault = Fault::ExtraDocuments { count: surplus.len(), first, of };
            self.add(table, key, fault, severity);
        }
    }

    /// Adds what another part of the same check found.
    pub(super) fn append(&mut self, part: Report) {
        let Report { findings, faults, residues, entries } = part;
        let listed = |severity| findings.iter().filter(move |f| f.severity == severity).count();
        let unlisted =
            [faults - listed(Severity::Fault) as u64, residues - listed(Severity::Residue) as u64];
        for Finding { table, key, fault, severity } in findings {
            self.add(table, &key, fault, severity);
        }
        self.report.faults += unlisted[0];
        self.report.residues += unlisted[1];
        self.report.entries += entries;
    }

    /// Counts one entry, and ends the check when it is asked to.
    pub(super) fn continue_or_stop(&mut self) -> Result<()> {
        self.report.entries += 1;
        if self.report.entries.is_multiple_of(1024) && (self.must_stop)() {
            return Err(Error::Aborted);
        }
        Ok(())
    }

    pub(super) fn is_sound(&self) -> bool {
        self.report.is_sound()
    }

    pub(super) fn into_report(self) -> Report {
        self.report
    }
}
