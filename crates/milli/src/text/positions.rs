//! Positions of the words of one field of one document (indexing.md 7.3).
//!
//! A field has one counter a document, shared by all its values ("leaves"). Every visit of the field
//! after the first moves it by 8; the words of a leaf start at the counter.

use charabia::{Language, SeparatorKind, TokenKind, Tokenizer};

use crate::limits::{HARD_SEPARATOR_DISTANCE, MAX_POSITIONS_PER_FIELD, MAX_WORD_BYTES};

/// The position counter of one field in one document.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct LeafCounter {
    /// Position where the next leaf starts, or `None` before the first visit.
    position: Option<u32>,
}

/// What stood between the last word of a leaf and the next one.
#[derive(Clone, Copy, PartialEq)]
enum Gap {
    /// No word yet.
    Start,
    Word,
    Soft,
    Hard,
}

impl LeafCounter {
    /// Counts a visit of the field, whatever its value. Returns whether words can still be placed.
    pub(crate) fn visit(&mut self) -> bool {
        let position = match self.position {
            None => 0,
            Some(position) => position.saturating_add(HARD_SEPARATOR_DISTANCE),
        };
        self.position = Some(position);
        position < MAX_POSITIONS_PER_FIELD
    }

    /// Gives each indexed word of a visited leaf, with its position, to `emit`.
    ///
    /// Stop words and words that are too long take a position but are not emitted.
    pub(crate) fn words(
        &mut self,
        tokenizer: &Tokenizer<'_>,
        text: &str,
        languages: Option<&[Language]>,
        mut emit: impl FnMut(u16, &str),
    ) {
        let mut position = self.position.unwrap_or(0);
        let mut gap = Gap::Start;
        let tokens = tokenizer.tokenize_with_allow_list(text, languages);
        for token in tokens.skip_while(charabia::Token::is_separator) {
            match token.kind() {
                TokenKind::Word | TokenKind::StopWord if !token.lemma().is_empty() => {
                    position += match gap {
                        Gap::Start => 0,
                        Gap::Word | Gap::Soft => 1,
                        Gap::Hard => HARD_SEPARATOR_DISTANCE,
                    };
                    gap = Gap::Word;
                    let word = token.lemma().trim();
                    if position >= MAX_POSITIONS_PER_FIELD {
                        return;
                    }
                    if token.is_word() && !word.is_empty() && word.len() <= MAX_WORD_BYTES {
                        // Below the limit, so it fits.
                        emit(position as u16, word);
                        self.position = Some(position);
                    }
                }
                TokenKind::Separator(SeparatorKind::Hard) => gap = Gap::Hard,
                TokenKind::Separator(SeparatorKind::Soft) if gap != Gap::Hard => gap = Gap::Soft,
                _ => {}
            }
        }
    }
}

/// The position under which `word-position-docids` keeps a word: exact below 16, then 24 and the powers
/// of two, the last one being 65535.
pub fn bucketed_position(position: u16) -> u16 {
    match position {
        0..16 => position,
        16..24 => 24,
        _ => position.checked_next_power_of_two().unwrap_or(u16::MAX),
    }
}

/// Whether `typoTolerance.disableOnNumbers` speaks of this word: it holds nothing but numeric
/// characters and ASCII punctuation (indexing.md section 8).
pub fn is_number_like(word: &str) -> bool {
    word.chars().all(|c| c.is_numeric() || c.is_ascii_punctuation())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema::StopWords;
    use crate::text::TokenizerSettings;

    fn positions(leaves: &[&str]) -> Vec<(u16, String)> {
        let settings = TokenizerSettings::default();
        let tokenizer = settings.tokenizer();
        let mut counter = LeafCounter::default();
        let mut words = Vec::new();
        for leaf in leaves {
            if counter.visit() {
                counter.words(&tokenizer, leaf, None, |at, word| words.push((at, word.to_owned())));
            }
        }
        words
    }

    fn check(leaves: &[&str], expected: &[(u16, &str)]) {
        let expected: Vec<_> = expected.iter().map(|&(at, word)| (at, word.to_owned())).collect();
        assert_eq!(positions(leaves), expected);
    }

    #[test]
    fn words_follow_each_other() {
        check(&["Red fox"], &[(0, "red"), (1, "fox")]);
        check(&["  -- Red, fox. Jumps!"], &[(0, "red"), (8, "fox"), (16, "jumps")]);
        check(&["red-fox ,x"], &[(0, "red"), (1, "fox"), (2, "x")]);
    }

    #[test]
    fn a_hard_separator_stays_hard_until_the_next_word() {
        check(&["a. - b"], &[(0, "a"), (8, "b")]);
    }

    #[test]
    fn leaves_are_eight_apart() {
        check(&["x", "y"], &[(0, "x"), (8, "y")]);
        check(&["x", "y z"], &[(0, "x"), (8, "y"), (9, "z")]);
        check(&["", "x"], &[(8, "x")]);
    }

    #[test]
    fn stop_words_and_long_words_take_a_position() {
        let stop_words = StopWords::of(&["the"]);
        let settings = TokenizerSettings::only_stop_words(&stop_words);
        let tokenizer = settings.tokenizer();
        let long = "x".repeat(MAX_WORD_BYTES + 1);
        let mut words = Vec::new();
        let mut counter = LeafCounter::default();
        assert!(counter.visit());
        let text = format!("The cat the dog {long} end the");
        counter.words(&tokenizer, &text, None, |at, word| words.push((at, word.to_owned())));
        let words: Vec<_> = words.iter().map(|(at, word)| (*at, word.as_str())).collect();
        // Stop words are recognised before lower-casing, so `The` is a word.
        assert_eq!(words, [(0, "the"), (1, "cat"), (3, "dog"), (5, "end")]);
    }

    #[test]
    fn words_beyond_the_last_position_are_dropped() {
        let text = "w ".repeat(70_000);
        let words = positions(&[&text, "after"]);
        assert_eq!(words.len(), 65_536);
        assert_eq!(words.last().unwrap().0, u16::MAX);
    }

    #[test]
    fn buckets() {
        let cases = [(0, 0), (15, 15), (16, 24), (23, 24), (24, 32), (32, 32), (33, 64), (64, 64)];
        for (position, bucket) in cases {
            assert_eq!(bucketed_position(position), bucket, "{position}");
        }
        assert_eq!(bucketed_position(32_768), 32_768);
        assert_eq!(bucketed_position(32_769), 65_535);
        assert_eq!(bucketed_position(65_535), 65_535);
    }

    #[test]
    fn number_like_words() {
        assert!(is_number_like("1984"));
        assert!(is_number_like("3.14"));
        assert!(is_number_like("½"));
        assert!(!is_number_like("4k"));
    }
}
