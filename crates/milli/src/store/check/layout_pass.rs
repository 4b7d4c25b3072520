//! The layout of every entry of every table: one table after the other, or shared out among threads.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use heed::Database;
use heed::types::Bytes;

use super::CheckOptions;
use super::finding::{Findings, Report};
use super::layout::check_entry;
use crate::error::Result;
use crate::store::Table;
use crate::store::env::{Env, RoTxn};

/// A table is the unit of work, and the largest one is a third of a usual index.
const MAX_THREADS: usize = 4;

/// Checks the entries of one table.
pub(super) fn over_table(
    rtxn: &RoTxn<'_>,
    table: Table,
    database: Database<Bytes, Bytes>,
    findings: &mut Findings<'_>,
) -> Result<()> {
    for entry in database.iter(rtxn)? {
        findings.continue_or_stop()?;
        let (key, value) = entry?;
        if let Err(fault) = check_entry(table, key, value) {
            findings.fault(table, key, fault);
        }
    }
    Ok(())
}

/// Checks the entries of all tables, the largest first, on as many threads as there are cores. Findings
/// come in the order of the tables.
pub(super) fn on_threads(
    env: &Env,
    rtxn: &RoTxn<'_>,
    tables: &[(Table, Database<Bytes, Bytes>)],
    options: &CheckOptions<'_>,
    findings: &mut Findings<'_>,
) -> Result<()> {
    let mut by_size = Vec::with_capacity(tables.len());
    for (at, (_, database)) in tables.iter().enumerate() {
        by_size.push((database.stat(rtxn)?.leaf_pages, at));
    }
    by_size.sort_unstable_by(|one, other| other.cmp(one));
    let next = AtomicUsize::new(0);
    let run = || -> Result<Vec<(usize, Report)>> {
        let rtxn = env.read_txn()?;
        let mut reports = Vec::new();
        while let Some(&(_, at)) = by_size.get(next.fetch_add(1, Ordering::Relaxed)) {
            let (table, database) = tables[at];
            let mut found = Findings::new(options);
            over_table(&rtxn, table, database, &mut found)?;
            reports.push((at, found.into_report()));
        }
        Ok(reports)
    };
    let threads = thread::available_parallelism().map_or(1, |cores| cores.get().min(MAX_THREADS));
    let mut reports = thread::scope(|scope| {
        // A thread that the system refuses leaves its share to the others.
        let others: Vec<_> = (1..threads)
            .filter_map(|_| thread::Builder::new().spawn_scoped(scope, run).ok())
            .collect();
        let mut reports = run();
        for other in others {
            let found = other.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
            reports = reports.and_then(|mut all| {
                all.extend(found?);
                Ok(all)
            });
        }
        reports
    })?;
    reports.sort_unstable_by_key(|&(at, _)| at);
    for (_, report) in reports {
        findings.append(report);
    }
    Ok(())
}
