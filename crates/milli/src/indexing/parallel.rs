//! Work over a list on the indexing threads, each with its own view of the write transaction.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use super::IndexingContext;
use crate::error::Result;
use crate::store::{Index, ReadTxn, RwTxn};

/// Calls `work` for every item, with the state of the thread that took it, a read transaction that sees
/// what the write transaction wrote, the place of the item in the list, and the item.
///
/// When `is_full` accepts a thread's state, no more items are taken; it is asked after each. Returns the
/// states, and how many items from the start of the list have been worked on.
///
/// # Errors
/// The first error of `work`, or `Aborted` when the caller's stop flag is up.
pub(super) fn over_items<T: Sync, S: Default + Send>(
    index: &Index,
    wtxn: &RwTxn<'_>,
    context: &IndexingContext<'_>,
    items: &[T],
    is_full: impl Fn(&S) -> bool + Sync,
    work: impl Fn(&mut S, &ReadTxn<'_>, usize, &T) -> Result<()> + Sync,
) -> Result<(Vec<S>, usize)> {
    let next = AtomicUsize::new(0);
    let stop = AtomicBool::new(false);
    let run = |rtxn: &ReadTxn<'_>| -> Result<S> {
        let mut state = S::default();
        while !stop.load(Ordering::Relaxed) {
            let place = next.fetch_add(1, Ordering::Relaxed);
            let Some(item) = items.get(place) else { break };
            let outcome = context.check_stop().and_then(|()| work(&mut state, rtxn, place, item));
            if outcome.is_err() || is_full(&state) {
                stop.store(true, Ordering::Relaxed);
            }
            outcome?;
        }
        Ok(state)
    };
    let threads = context.threads.current_num_threads().min(items.len()).max(1);
    let rtxns = (0..threads)
        .map(|_| index.env().nested_read_txn(wtxn))
        .collect::<heed::Result<Vec<_>>>()?;
    let mut states: Vec<Option<Result<S>>> = rtxns.iter().map(|_| None).collect();
    context.threads.scope(|scope| {
        for (rtxn, state) in rtxns.into_iter().zip(&mut states) {
            let run = &run;
            scope.spawn(move |_| *state = Some(run(&rtxn)));
        }
    });
    let states = states.into_iter().flatten().collect::<Result<Vec<_>>>()?;
    Ok((states, next.into_inner().min(items.len())))
}
