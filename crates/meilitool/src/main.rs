//! Offline help for an operator: looks into archives of single indexes and into a stopped data directory,
//! without a server.
//!
//! | File | Commands |
//! |---|---|
//! | `archive.rs` | `index-snapshot inspect`, `verify`, `extract` |
//! | `check.rs` | `check` |
//! | `outcome.rs` | what a command found, as text or as JSON |
//! | `progress.rs` | the bar on a terminal |
//!
//! Exit status: 0 when all is well, 1 with one line on standard error when something is not, 2 when the
//! command line is wrong.

mod archive;
mod check;
mod error;
mod outcome;
mod progress;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Looks into index snapshots and data directories without a server.
#[derive(Parser)]
#[command(version, arg_required_else_help = true)]
struct Command {
    /// Print JSON instead of text.
    #[arg(long, global = true)]
    json: bool,
    #[command(subcommand)]
    tool: Tool,
}

#[derive(Subcommand)]
enum Tool {
    /// An archive of a single index: look at it, verify it, unpack it.
    #[command(subcommand)]
    IndexSnapshot(ArchiveTool),
    /// Check a stopped data directory, or the directory of one index. Nothing is written.
    Check(check::CheckArgs),
}

#[derive(Subcommand)]
enum ArchiveTool {
    /// Print what the head of an archive tells, without reading the rest.
    Inspect {
        /// The archive.
        file: PathBuf,
    },
    /// Read an archive to its end and compare every checksum.
    Verify {
        /// The archive.
        file: PathBuf,
        /// The SHA-256 that the archive itself must have, 64 hex digits. Without it the `.sha256` file
        /// beside the archive is compared, if there is one.
        #[arg(long, value_parser = archive::parse_sha256)]
        sha256: Option<String>,
    },
    /// Verify an archive and unpack its LMDB file, ready to be opened as an index.
    Extract {
        /// The archive.
        file: PathBuf,
        /// Where `data.mdb` goes; made when it does not exist.
        #[arg(long, short, default_value = ".")]
        output: PathBuf,
    },
}

fn main() -> ExitCode {
    let command = Command::parse();
    let outcome = match command.tool {
        Tool::IndexSnapshot(ArchiveTool::Inspect { file }) => archive::inspect(&file),
        Tool::IndexSnapshot(ArchiveTool::Verify { file, sha256 }) => {
            archive::verify(&file, sha256.as_deref())
        }
        Tool::IndexSnapshot(ArchiveTool::Extract { file, output }) => {
            archive::extract(&file, &output)
        }
        Tool::Check(arguments) => check::check(&arguments),
    };
    outcome::report(outcome, command.json)
}
