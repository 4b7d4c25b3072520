//! What a finished search knows of the words that it looked for: the ranking fills it in, the
//! highlighting reads it (search.md 17.2).

use std::ops::RangeInclusive;

/// One term of the query: an original term or an n-gram.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MatchingTerm {
    /// Single words that the term stands for: the exact word, prefix expansions, and the one- and
    /// two-typo words if they were computed; in the order in which the search first met them. The
    /// entry of a prefix database is not among them.
    pub words: Vec<String>,
    /// The original phrase, the synonyms, and the split words if they were computed. `None` is the
    /// hole that a stop word leaves.
    pub phrases: Vec<Vec<Option<String>>>,
    /// Positions in the query that the term covers.
    pub positions: RangeInclusive<u16>,
    /// Whether `words` are matched as prefixes.
    pub is_prefix: bool,
    /// Length of the normalised query word (n-gram: of the concatenation), in characters: how much
    /// of a word that matches as a prefix is highlighted.
    pub query_chars: usize,
}

/// The terms of a query, in the order of search.md 4.1: original terms, then n-grams.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MatchingTerms {
    terms: Vec<MatchingTerm>,
    /// Indexes into `terms` in the order in which their words are tried.
    word_order: Vec<usize>,
}

impl MatchingTerms {
    /// Takes the terms in the order of search.md 4.1. Without any, nothing matches.
    pub fn new(terms: Vec<MatchingTerm>) -> Self {
        let mut word_order: Vec<_> = (0..terms.len()).collect();
        word_order.sort_by_key(|&i| {
            let term = &terms[i];
            let covered = term.positions.end().saturating_sub(*term.positions.start());
            (term.is_prefix, std::cmp::Reverse(covered))
        });
        Self { terms, word_order }
    }

    /// Whether there is nothing to highlight.
    pub fn is_empty(&self) -> bool {
        self.terms.is_empty()
    }

    /// The terms in the order in which their phrases are tried.
    pub fn terms(&self) -> &[MatchingTerm] {
        &self.terms
    }

    /// The terms in the order in which their words are tried: those that match whole words first,
    /// then those that cover more of the query.
    pub fn by_words(&self) -> impl Iterator<Item = &MatchingTerm> {
        self.word_order.iter().filter_map(|&i| self.terms.get(i))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_tried_whole_before_prefix_and_longer_before_shorter() {
        let term = |word: &str, positions, is_prefix| MatchingTerm {
            words: vec![word.to_owned()],
            phrases: Vec::new(),
            positions,
            is_prefix,
            query_chars: word.len(),
        };
        let terms = MatchingTerms::new(vec![
            term("new", 0..=0, false),
            term("yor", 1..=1, true),
            term("newyor", 0..=1, true),
            term("other", 4..=4, false),
        ]);
        let order: Vec<_> = terms.by_words().map(|term| term.words[0].as_str()).collect();
        assert_eq!(order, ["new", "other", "newyor", "yor"]);
    }
}
