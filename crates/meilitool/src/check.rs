//! `check`: the invariants of one index, or of every index of a data directory.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use milli::{CheckOptions, Depth, Finding, Report, Severity, check_directory};
use serde_json::{Value, json};

use crate::error::{Error, Result};
use crate::outcome::Outcome;

/// Size of the memory map in bytes; LMDB makes it as large as the file asks for.
const MAP_BYTES: usize = 1 << 20;

/// A directory of `indexes` that the next start of the server will tidy up.
const MARKERS: [&str; 2] = ["importing", "deleting"];

/// What to check, and how much to print.
#[derive(clap::Args)]
pub(crate) struct CheckArgs {
    /// A data directory (`data.ms`), or the directory of one index with its `data.mdb`. No server should
    /// be writing to it.
    directory: PathBuf,
    /// Look at each entry by itself only, not at what the databases say of each other.
    #[arg(long)]
    layout_only: bool,
    /// Faults, and residues, to print of each index; all are counted.
    #[arg(long, default_value_t = 100)]
    max_findings: usize,
    /// Print residues too: what operations may leave behind without harm.
    #[arg(long)]
    residues: bool,
}

/// Checks what the arguments name.
pub(crate) fn check(arguments: &CheckArgs) -> Result<Outcome> {
    let directory = &arguments.directory;
    let (indexes, skipped) = if directory.join("data.mdb").is_file() {
        (vec![directory.clone()], Vec::new())
    } else {
        index_directories(directory)?
    };
    let options = CheckOptions {
        depth: if arguments.layout_only { Depth::Layout } else { Depth::Everything },
        max_findings: arguments.max_findings,
        must_stop: &|| false,
    };
    let (mut text, mut reports) = (String::new(), Vec::new());
    let mut faulty = 0;
    for index in &indexes {
        let report = check_directory(index, MAP_BYTES, &options)
            .map_err(|source| Error::Check { path: index.clone(), source })?;
        faulty += usize::from(!report.is_sound());
        describe(index, &report, arguments, &mut text);
        reports.push(as_json(index, &report, arguments));
    }
    for (path, why) in &skipped {
        let _ = writeln!(text, "{}: skipped, {why}", path.display());
    }
    let complaint = (faulty != 0).then(|| {
        format!("{}: {faulty} of {} indexes are damaged", directory.display(), indexes.len())
    });
    let skipped = skipped.iter().map(|(path, why)| json!({"directory": path, "reason": why}));
    let json = json!({"indexes": reports, "skipped": skipped.collect::<Vec<_>>()});
    Ok(Outcome { text, json, complaint })
}

type Skipped = Vec<(PathBuf, &'static str)>;

/// The directories of a data directory's indexes, and those that hold none.
fn index_directories(directory: &Path) -> Result<(Vec<PathBuf>, Skipped)> {
    let parent = directory.join("indexes");
    if !parent.is_dir() {
        return Err(Error::NoIndex(directory.to_path_buf()));
    }
    let (mut indexes, mut skipped) = (Vec::new(), Vec::new());
    for entry in fs::read_dir(&parent).map_err(|source| Error::io(&parent, source))? {
        let path = entry.map_err(|source| Error::io(&parent, source))?.path();
        if MARKERS.iter().any(|marker| path.join(marker).exists()) {
            skipped.push((path, "an import or deletion was interrupted; the next start tidies up"));
        } else if path.join("data.mdb").is_file() {
            indexes.push(path);
        } else {
            skipped.push((path, "there is no `data.mdb` in it"));
        }
    }
    indexes.sort();
    Ok((indexes, skipped))
}

fn shown<'r>(report: &'r Report, arguments: &CheckArgs) -> impl Iterator<Item = &'r Finding> {
    let residues = arguments.residues;
    report.findings.iter().filter(move |finding| residues || finding.severity == Severity::Fault)
}

fn describe(index: &Path, report: &Report, arguments: &CheckArgs, text: &mut String) {
    let verdict = if report.is_sound() { "sound" } else { "DAMAGED" };
    let _ = writeln!(
        text,
        "{}: {verdict}, {} faults, {} residues, {} entries looked at",
        index.display(),
        report.faults,
        report.residues,
        report.entries
    );
    for finding in shown(report, arguments) {
        let label = match finding.severity {
            Severity::Fault => "fault",
            Severity::Residue => "residue",
        };
        let _ = writeln!(text, "  {label}: {finding}");
    }
}

fn as_json(index: &Path, report: &Report, arguments: &CheckArgs) -> Value {
    let findings: Vec<_> = shown(report, arguments)
        .map(|finding| {
            json!({
                "severity": match finding.severity {
                    Severity::Fault => "fault",
                    Severity::Residue => "residue",
                },
                "database": finding.table.name(),
                "key": finding.key.escape_ascii().to_string(),
                "message": finding.fault.to_string(),
            })
        })
        .collect();
    json!({
        "directory": index,
        "sound": report.is_sound(),
        "faults": report.faults,
        "residues": report.residues,
        "entries": report.entries,
        "findings": findings,
    })
}
