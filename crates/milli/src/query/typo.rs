//! Words of the index that differ from a query word by one or two typos (search.md 3.1 and 3.3).
//!
//! One automaton walks the words FST. A distance of two is only reachable behind the query word's first
//! character, so the walk enters few branches besides that one.

use fst::{Automaton, IntoStreamer, Streamer};
use levenshtein_automata::{DFA, Distance, LevenshteinAutomatonBuilder, SINK_STATE};

use crate::error::{InternalError, Result};
use crate::text::{ONE_TYPO, TWO_TYPOS};

/// Words of the one-typo class.
const MAX_ONE_TYPO_WORDS: usize = 150;
/// Words of the two-typo class.
const MAX_TWO_TYPO_WORDS: usize = 50;

/// How many typos words may have, by their length.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TypoLengths {
    /// Shortest word, in characters, that may have one typo.
    pub(crate) one: u8,
    /// Shortest word, in characters, that may have two typos.
    pub(crate) two: u8,
}

impl TypoLengths {
    /// Greatest number of typos of a word of so many characters.
    pub(crate) fn max_typos(self, chars: usize) -> u8 {
        if chars < usize::from(self.one) {
            0
        } else if chars < usize::from(self.two) {
            1
        } else {
            2
        }
    }
}

/// Derivations of one word, each list in byte order.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct TypoWords {
    /// Words of the one-typo class.
    pub(crate) one: Vec<String>,
    /// Words of the two-typo class; a typo in the first letter counts as two.
    pub(crate) two: Vec<String>,
}

/// Finds the derivations of `word` with at most `max_typos` typos.
///
/// # Errors
/// The set holds a word that is not UTF-8.
pub(crate) fn typo_words(
    words: &fst::Set<&[u8]>,
    word: &str,
    is_prefix: bool,
    max_typos: u8,
) -> Result<TypoWords> {
    let mut found = TypoWords::default();
    let Some(first) = word.chars().next().filter(|_| max_typos > 0) else {
        return Ok(found);
    };
    let automaton = TypoAutomaton::new(word, first, is_prefix, max_typos);
    let mut stream = words.search_with_state(&automaton).into_stream();
    while let Some((bytes, state)) = stream.next() {
        let Some(distance) = automaton.distance(state) else { continue };
        let derived = std::str::from_utf8(bytes).map_err(|_| {
            InternalError::Inconsistent("the set of words holds bytes that are no text".to_owned())
        })?;
        let same_first = matches!(state, State::Same(_));
        if max_typos == 1 {
            if same_first && distance == 1 {
                found.one.push(derived.to_owned());
                if found.one.len() == MAX_ONE_TYPO_WORDS {
                    break;
                }
            }
            continue;
        }
        let two_is_full = found.two.len() == MAX_TWO_TYPO_WORDS;
        let counted = if same_first || two_is_full { distance } else { distance.min(1) * 2 };
        match counted {
            1 if found.one.len() < MAX_ONE_TYPO_WORDS => found.one.push(derived.to_owned()),
            2 if !two_is_full => found.two.push(derived.to_owned()),
            _ => {}
        }
        if found.one.len() == MAX_ONE_TYPO_WORDS && found.two.len() == MAX_TWO_TYPO_WORDS {
            break;
        }
    }
    Ok(found)
}

/// Distance 2 behind the first character of the query word, distance 1 elsewhere; with one typo
/// allowed, distance 1 behind the first character only.
struct TypoAutomaton {
    first: [u8; 4],
    first_len: usize,
    same: DFA,
    other: Option<DFA>,
}

/// Where a walk stands.
#[derive(Clone, Copy, Debug)]
enum State {
    /// Inside the first character, equal so far: bytes read and the states of both automata.
    First { read: usize, same: u32, other: u32 },
    /// Behind the first character, which is the query word's.
    Same(u32),
    /// The first character is another one.
    Other(u32),
}

impl TypoAutomaton {
    fn new(word: &str, first: char, is_prefix: bool, max_typos: u8) -> TypoAutomaton {
        let build = |builder: &LevenshteinAutomatonBuilder| {
            if is_prefix { builder.build_prefix_dfa(word) } else { builder.build_dfa(word) }
        };
        let mut bytes = [0; 4];
        let first_len = first.encode_utf8(&mut bytes).len();
        let (same, other) = if max_typos == 1 {
            (build(&ONE_TYPO), None)
        } else {
            (build(&TWO_TYPOS), Some(build(&ONE_TYPO)))
        };
        TypoAutomaton { first: bytes, first_len, same, other }
    }

    /// The distance of the word read so far, if it is within bounds.
    fn distance(&self, state: State) -> Option<u8> {
        let distance = match state {
            State::First { same, .. } => self.same.distance(same),
            State::Same(state) => self.same.distance(state),
            State::Other(state) => self.other.as_ref()?.distance(state),
        };
        match distance {
            Distance::Exact(distance) => Some(distance),
            Distance::AtLeast(_) => None,
        }
    }

    fn other_step(&self, state: u32, byte: u8) -> u32 {
        self.other.as_ref().map_or(SINK_STATE, |dfa| dfa.transition(state, byte))
    }
}

impl Automaton for TypoAutomaton {
    type State = State;

    fn start(&self) -> State {
        State::First {
            read: 0,
            same: self.same.initial_state(),
            other: self.other.as_ref().map_or(SINK_STATE, DFA::initial_state),
        }
    }

    fn is_match(&self, state: &State) -> bool {
        !matches!(state, State::First { .. }) && self.distance(*state).is_some()
    }

    fn can_match(&self, state: &State) -> bool {
        match state {
            State::First { .. } => true,
            State::Same(state) | State::Other(state) => *state != SINK_STATE,
        }
    }

    fn accept(&self, state: &State, byte: u8) -> State {
        match *state {
            State::First { read, same, other } => {
                if self.first[read] != byte {
                    State::Other(self.other_step(other, byte))
                } else if read + 1 == self.first_len {
                    State::Same(self.same.transition(same, byte))
                } else {
                    State::First {
                        read: read + 1,
                        same: self.same.transition(same, byte),
                        other: self.other_step(other, byte),
                    }
                }
            }
            State::Same(state) => State::Same(self.same.transition(state, byte)),
            State::Other(state) => State::Other(self.other_step(state, byte)),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn found(words: &[&str], word: &str, is_prefix: bool, max_typos: u8) -> TypoWords {
        let mut words = words.to_vec();
        words.sort_unstable();
        words.dedup();
        let bytes = fst::Set::from_iter(words).unwrap().into_fst().into_inner();
        let set = fst::Set::new(bytes.as_slice()).unwrap();
        typo_words(&set, word, is_prefix, max_typos).unwrap()
    }

    fn check(
        words: &[&str],
        (word, is_prefix, typos): (&str, bool, u8),
        one: &[&str],
        two: &[&str],
    ) {
        let found = found(words, word, is_prefix, typos);
        assert_eq!(found.one, one, "one typo of {word}");
        assert_eq!(found.two, two, "two typos of {word}");
    }

    #[test]
    fn lengths() {
        let lengths = TypoLengths { one: 5, two: 9 };
        assert_eq!([4, 5, 8, 9, 30].map(|chars| lengths.max_typos(chars)), [0, 1, 1, 2, 2]);
    }

    #[test]
    fn one_typo_keeps_the_first_character() {
        let words = ["kite", "kites", "kit", "bite", "kiet", "skite", "kitten"];
        check(&words, ("kite", false, 1), &["kiet", "kit", "kites"], &[]);
        check(&words, ("kite", false, 0), &[], &[]);
    }

    #[test]
    fn a_first_letter_typo_counts_as_two() {
        let words =
            ["beautiful", "beautifull", "eautiful", "geautiful", "geautifull", "beautifulll"];
        check(
            &words,
            ("beautiful", false, 2),
            &["beautifull"],
            &["beautifulll", "eautiful", "geautiful"],
        );
    }

    #[test]
    fn prefixes_take_the_best_beginning() {
        let words = ["kitchen", "kitcen", "kitsch", "pitchen"];
        // `kitchen` begins with the query word: no typo. `kits` is one away from `kitch` minus `h`.
        check(&words, ("kitch", true, 1), &["kitcen", "kitsch"], &[]);
    }

    #[test]
    fn multi_byte_first_characters() {
        let words = ["école", "écoles", "êcole", "ecole"];
        check(&words, ("école", false, 1), &["écoles"], &[]);
        check(&words, ("école", false, 2), &["écoles"], &["ecole", "êcole"]);
    }

    #[test]
    fn full_lists_drop_and_reclassify() {
        // 60 words with another first letter sort behind `a`: the first 50 fill the two-typo list,
        // the others are then counted by their real distance.
        let many: Vec<String> =
            ('b'..='z').chain('α'..='ω').chain('а'..='я').map(|c| format!("{c}bcdefghi")).collect();
        let many: Vec<&str> = many.iter().map(String::as_str).collect();
        let found = found(&many, "abcdefghi", false, 2);
        assert_eq!(found.two.len(), MAX_TWO_TYPO_WORDS);
        assert_eq!(found.one.len(), many.len() - MAX_TWO_TYPO_WORDS);
    }

    proptest! {
        /// Against the definition: restricted Damerau distance by dynamic programming.
        #[test]
        fn agrees_with_the_definition(words: Vec<String>, word in "[a-c]{4,9}", more in proptest::collection::vec("[a-d]{3,10}", 0..40)) {
            let words: Vec<&str> = words.iter().chain(&more).map(String::as_str).collect();
            let found = found(&words, &word, false, 2);
            for candidate in &words {
                let distance = restricted_distance(&word, candidate);
                let same_first = word.chars().next() == candidate.chars().next();
                let one = same_first && distance == 1;
                let two = if same_first { distance == 2 } else { distance == 1 };
                prop_assert_eq!(found.one.iter().any(|w| w == candidate), one, "{}", candidate);
                prop_assert_eq!(found.two.iter().any(|w| w == candidate), two, "{}", candidate);
            }
        }
    }

    fn restricted_distance(a: &str, b: &str) -> usize {
        let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
        let mut rows = vec![vec![0; b.len() + 1]; a.len() + 1];
        for i in 0..=a.len() {
            for j in 0..=b.len() {
                rows[i][j] = if i == 0 || j == 0 {
                    i + j
                } else {
                    let substitution = rows[i - 1][j - 1] + usize::from(a[i - 1] != b[j - 1]);
                    let mut best = substitution.min(rows[i - 1][j] + 1).min(rows[i][j - 1] + 1);
                    if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                        best = best.min(rows[i - 2][j - 2] + 1);
                    }
                    best
                };
            }
        }
        rows[a.len()][b.len()]
    }
}
