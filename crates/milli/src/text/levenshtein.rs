//! Automata of words that differ by typos, built once for the process: their tables take milliseconds.
//! A transposition counts as one typo (search.md 3.3).

use std::sync::LazyLock;

use levenshtein_automata::LevenshteinAutomatonBuilder;

/// Builds automata that accept up to one typo.
pub(crate) static ONE_TYPO: LazyLock<LevenshteinAutomatonBuilder> =
    LazyLock::new(|| LevenshteinAutomatonBuilder::new(1, true));
/// Builds automata that accept up to two typos.
pub(crate) static TWO_TYPOS: LazyLock<LevenshteinAutomatonBuilder> =
    LazyLock::new(|| LevenshteinAutomatonBuilder::new(2, true));
