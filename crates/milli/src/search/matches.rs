//! Where the words of a query stand in a text (search.md 17.2).

use std::ops::{Range, RangeInclusive};

use charabia::Token;

use super::matching_terms::{MatchingTerm, MatchingTerms};

/// A word or phrase of a text that the query looked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Match {
    /// The matched part of the text, in bytes.
    pub(crate) bytes: Range<usize>,
    /// First and last token.
    pub(crate) tokens: RangeInclusive<usize>,
    /// First and last word, counting the tokens that are no separators.
    pub(crate) words: RangeInclusive<usize>,
    /// Positions in the query that the matched term covers.
    pub(crate) query_positions: RangeInclusive<u16>,
}

impl Match {
    /// Number of words.
    pub(crate) fn len(&self) -> usize {
        self.words.end() - self.words.start() + 1
    }
}

/// The matches of `text`, cut into `tokens`, from left to right; they do not overlap.
pub(crate) fn find(text: &str, tokens: &[Token<'_>], terms: &MatchingTerms) -> Vec<Match> {
    let mut found = Vec::new();
    if terms.is_empty() {
        return found;
    }
    // A word is known by the index of its token.
    let words: Vec<usize> = (0..tokens.len()).filter(|&i| !tokens[i].is_separator()).collect();
    let mut at = 0;
    while let Some(&token_index) = words.get(at) {
        let matched = phrase_at(tokens, &words[at..], terms)
            .map(|(term, len)| (term, len, None))
            .or_else(|| {
                let (term, len) = word_at(text, &tokens[token_index], terms)?;
                Some((term, 1, Some(len)))
            });
        let Some((term, len, byte_len)) = matched else {
            at += 1;
            continue;
        };
        let last_token = words[at + len - 1];
        let start = tokens[token_index].byte_start;
        let end = byte_len.map_or(tokens[last_token].byte_end, |len| start + len);
        found.push(Match {
            bytes: start..end,
            tokens: token_index..=last_token,
            words: at..=at + len - 1,
            query_positions: term.positions.clone(),
        });
        at += len;
    }
    found
}

/// The first phrase that the words begin with, and its number of words.
fn phrase_at<'m>(
    tokens: &[Token<'_>],
    words: &[usize],
    terms: &'m MatchingTerms,
) -> Option<(&'m MatchingTerm, usize)> {
    // Stop words are ordinary words here, so a hole of a phrase equals nothing.
    let begins_with = |phrase: &[Option<String>]| {
        phrase.len() <= words.len()
            && phrase
                .iter()
                .zip(words)
                .all(|(word, &token)| word.as_deref() == Some(tokens[token].lemma()))
    };
    terms.terms().iter().find_map(|term| {
        let phrase =
            term.phrases.iter().find(|phrase| !phrase.is_empty() && begins_with(phrase))?;
        Some((term, phrase.len()))
    })
}

/// The first term one of whose words the token is, and the matched length in bytes of the text.
fn word_at<'m>(
    text: &str,
    token: &Token<'_>,
    terms: &'m MatchingTerms,
) -> Option<(&'m MatchingTerm, usize)> {
    let lemma = token.lemma();
    let original = text.get(token.byte_start..token.byte_end)?;
    terms.by_words().find_map(|term| {
        if !term.is_prefix {
            return term.words.iter().any(|word| word == lemma).then_some((term, original.len()));
        }
        let word = term.words.iter().find(|word| lemma.starts_with(word.as_str()))?;
        let prefix_bytes = byte_len_of_chars(word, term.query_chars);
        let (chars, _) = token.original_lengths(prefix_bytes);
        Some((term, byte_len_of_chars(original, chars)))
    })
}

/// Length in bytes of the first `chars` characters.
fn byte_len_of_chars(text: &str, chars: usize) -> usize {
    text.char_indices().nth(chars).map_or(text.len(), |(at, _)| at)
}
