//! Drives real servers over HTTP and measures them. Run by hand; `docs/performance.md` has the commands.
//!
//! It knows HTTP, `/proc` and the tools of the system, and nothing of the server's crates, so that any
//! binary that speaks the API can be measured, and two of them in one run (`--bin A --bin B`).
//!
//! | File | What |
//! |---|---|
//! | `index_workload` | `index`: initial load, small replacement, new filters, deletion |
//! | `search_workload` | `search`: latency and throughput of a list of queries, also while documents arrive |
//! | `snapshot_workload` | `snapshot`: creation and import of index snapshots against tools of the system |
//! | `vector_workload` | `vectors`: searches by vectors, what they find of an exact scan, and what bits cost |
//! | `embeddings` | seeded vectors that resemble those of a model, and the exact scan |
//! | `queries` | `queries`: a seeded mix of queries made from a data file |
//! | `data` | the data file: documents, and what their fields are good for |
//! | `server`, `client` | a server in a directory of its own; requests and tasks |
//! | `process`, `tools` | memory and disk as the system sees them; other programs, timed |
//! | `stats`, `report` | percentiles; tables and JSON |

mod client;
mod data;
mod embeddings;
mod error;
mod index_workload;
mod process;
mod queries;
mod report;
mod search_workload;
mod server;
mod snapshot_workload;
mod stats;
mod tools;
mod vector_workload;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Drives real servers over HTTP and measures them.
#[derive(Parser)]
#[command(version, arg_required_else_help = true)]
struct Command {
    #[command(subcommand)]
    workload: Workload,
}

/// What workloads on a data file need.
#[derive(clap::Args)]
struct Common {
    #[command(flatten)]
    setup: Setup,
    /// Documents, one JSON object a line; `.gz` is unpacked.
    #[arg(long, value_name = "FILE")]
    data: PathBuf,
}

/// What every workload needs.
#[derive(clap::Args)]
struct Setup {
    /// A server to measure; give it twice to compare two in one run.
    #[arg(long = "bin", required = true, value_name = "FILE")]
    bins: Vec<PathBuf>,
    /// An argument for every server, for example `--server-arg=--max-indexing-threads=1`.
    #[arg(long = "server-arg", value_name = "ARG")]
    server_args: Vec<String>,
    /// Where servers keep their data; the directory decides which disk is measured.
    #[arg(long, value_name = "DIR")]
    temp_dir: Option<PathBuf>,
    /// Write all figures to a file as well.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

#[derive(Subcommand)]
enum Workload {
    /// Indexing: seconds, documents a second, peak memory and size on disk of each step.
    Index(Common),
    /// Searching: p50, p95, p99 and queries a second for each number of connections.
    Search(search_workload::SearchArgs),
    /// Index snapshots: creation and import for each compression, beside tools of the system.
    Snapshot(snapshot_workload::SnapshotArgs),
    /// Vectors: indexing, latency and recall of searches, plain and as bits, and snapshots.
    Vectors(vector_workload::VectorArgs),
    /// Print a mix of queries made from a data file, one JSON object a line.
    Queries(queries::QueriesArgs),
}

fn main() -> ExitCode {
    let done = match Command::parse().workload {
        Workload::Index(common) => index_workload::run(&common),
        Workload::Search(arguments) => search_workload::run(&arguments),
        Workload::Snapshot(arguments) => snapshot_workload::run(&arguments),
        Workload::Vectors(arguments) => vector_workload::run(&arguments),
        Workload::Queries(arguments) => queries::run(&arguments),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("workloads: {error}");
            ExitCode::FAILURE
        }
    }
}
