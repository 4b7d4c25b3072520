//! Deltas of all workers → one stream, a posting list at a time, in the order of the keys on disk.
//!
//! Each worker numbers its words by itself. Here all words are sorted, numbers become ranks, each
//! worker's deltas are sorted, and the sorted runs are merged.

use rayon::prelude::*;

use super::delta::{Delta, Op, Symbols, Target};

/// What one worker found: deltas whose symbols are numbered by `symbols`.
#[derive(Default)]
pub(super) struct Run {
    pub(super) symbols: Symbols,
    pub(super) deltas: Vec<Delta>,
}

impl Run {
    /// Memory in use, in bytes.
    pub(super) fn memory(&self) -> usize {
        self.symbols.memory() + self.deltas.capacity() * size_of::<Delta>()
    }
}

/// All changes of one posting list. A document is in one of the two lists only; both ascend.
pub(super) struct PostingChange<'s> {
    pub(super) target: Target,
    /// Key parts, see [`Target`]; those that are symbols are given as bytes too.
    pub(super) a: u32,
    pub(super) b: u32,
    pub(super) a_bytes: &'s [u8],
    pub(super) b_bytes: &'s [u8],
    pub(super) removed: Vec<u32>,
    pub(super) added: Vec<u32>,
}

/// The strings of all workers in order, each once. Sorts in parallel when called on a pool.
pub(super) fn sort_strings(symbols: &[Symbols]) -> Vec<&[u8]> {
    let mut strings: Vec<&[u8]> = symbols.iter().flat_map(Symbols::iter).collect();
    strings.par_sort_unstable();
    strings.dedup();
    strings
}

/// Replaces the numbers of strings by their ranks in `strings`, and sorts each run.
pub(super) fn sort_runs(runs: &mut [Vec<Delta>], symbols: &[Symbols], strings: &[&[u8]]) {
    runs.par_iter_mut().zip(symbols).for_each(|(run, symbols)| {
        let rank = |string: &[u8]| strings.partition_point(|known| *known < string) as u32;
        let ranks: Vec<u32> = symbols.iter().map(rank).collect();
        run.iter_mut().for_each(|delta| delta.rank(&ranks));
        run.par_sort_unstable();
        run.dedup();
    });
}

/// Gives every changed posting list of sorted runs to `each`, in key order.
///
/// # Errors
/// Those of `each`, which end the merge.
pub(super) fn for_each_posting<E>(
    runs: &[Vec<Delta>],
    strings: &[&[u8]],
    mut each: impl FnMut(&PostingChange<'_>) -> Result<(), E>,
) -> Result<(), E> {
    let mut change = PostingChange {
        target: Target::Word,
        a: 0,
        b: 0,
        a_bytes: &[],
        b_bytes: &[],
        removed: Vec::new(),
        added: Vec::new(),
    };
    let mut key = None;
    let merged =
        SortedRuns { heads: runs.iter().map(|run| run.iter().copied().peekable()).collect() };
    for delta in merged {
        if key != Some(delta.key()) {
            if key.is_some() {
                each(&change)?;
            }
            key = Some(delta.key());
            let (a_bytes, b_bytes) = delta.symbols_in(strings);
            let (target, a, b) = (delta.target(), delta.a(), delta.b());
            change = PostingChange { target, a, b, a_bytes, b_bytes, ..change };
            change.removed.clear();
            change.added.clear();
        }
        match delta.op() {
            Op::Remove => change.removed.push(delta.docid()),
            // What leaves and enters at once stays.
            Op::Add => {
                if change.removed.last() == Some(&delta.docid()) {
                    change.removed.pop();
                }
                change.added.push(delta.docid());
            }
        }
    }
    if key.is_some() {
        each(&change)?;
    }
    Ok(())
}

/// Merges sorted runs; there are as many as threads, so the least head is found by looking at all.
struct SortedRuns<I: Iterator<Item = Delta>> {
    heads: Vec<std::iter::Peekable<I>>,
}

impl<I: Iterator<Item = Delta>> Iterator for SortedRuns<I> {
    type Item = Delta;

    fn next(&mut self) -> Option<Delta> {
        let least = self.heads.iter_mut().filter_map(|run| run.peek().copied()).min()?;
        self.heads.iter_mut().find_map(|run| run.next_if_eq(&least))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn merge(runs: Vec<Run>, mut each: impl FnMut(&PostingChange<'_>)) {
        let (symbols, mut runs): (Vec<_>, Vec<_>) =
            runs.into_iter().map(|run| (run.symbols, run.deltas)).unzip();
        let strings = sort_strings(&symbols);
        sort_runs(&mut runs, &symbols, &strings);
        let each = |change: &PostingChange<'_>| {
            each(change);
            Ok::<_, ()>(())
        };
        for_each_posting(&runs, &strings, each).unwrap();
    }

    fn run(changes: &[(&str, u32, Op)]) -> Run {
        let mut run = Run::default();
        for (word, docid, op) in changes {
            let word = run.symbols.intern(word.as_bytes());
            run.deltas.push(Delta::new(Target::Word, word, 0, *docid, *op));
        }
        run
    }

    #[test]
    fn runs_with_different_numbers_meet_in_key_order() {
        let runs = vec![
            run(&[("pear", 1, Op::Add), ("apple", 1, Op::Add), ("pear", 3, Op::Remove)]),
            run(&[("apple", 0, Op::Remove), ("pear", 2, Op::Add), ("pear", 3, Op::Add)]),
        ];
        let mut changes = Vec::new();
        merge(runs, |change| {
            let word = String::from_utf8(change.a_bytes.to_vec()).unwrap();
            changes.push((word, change.removed.clone(), change.added.clone()));
        });
        assert_eq!(
            changes,
            [("apple".to_owned(), vec![0], vec![1]), ("pear".to_owned(), vec![], vec![1, 2, 3])]
        );
    }

    #[test]
    fn repeated_deltas_count_once() {
        let runs = vec![run(&[("a", 1, Op::Add), ("a", 1, Op::Add)]), run(&[("a", 1, Op::Remove)])];
        merge(runs, |change| {
            assert_eq!((&change.removed[..], &change.added[..]), (&[][..], &[1][..]));
        });
    }
}
