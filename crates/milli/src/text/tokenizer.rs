//! The tokeniser of an index: stop words, separators and dictionary of its settings (indexing.md 7.1).

use std::collections::BTreeSet;

use charabia::separators::DEFAULT_SEPARATORS;
use charabia::{Tokenizer, TokenizerBuilder};

use crate::schema::{Schema, StopWords};

/// What the settings say about tokenising, in the form that the tokeniser borrows.
#[derive(Debug, Default)]
pub struct TokenizerSettings<'s> {
    stop_words: Option<&'s fst::Set<Vec<u8>>>,
    separators: Option<Vec<&'s str>>,
    dictionary: Option<Vec<&'s str>>,
}

impl<'s> TokenizerSettings<'s> {
    /// The settings of an index.
    pub fn of(schema: &'s Schema) -> TokenizerSettings<'s> {
        TokenizerSettings::new(
            &schema.stop_words,
            schema.separator_tokens.as_ref(),
            schema.non_separator_tokens.as_ref(),
            schema.dictionary.as_ref(),
        )
    }

    /// Stop words alone, without separators and dictionary.
    pub fn only_stop_words(stop_words: &'s StopWords) -> TokenizerSettings<'s> {
        TokenizerSettings::new(stop_words, None, None, None)
    }

    /// `None` stands for a setting that is not stored. The crate's own separators are left alone unless
    /// one of the two token settings is stored.
    fn new(
        stop_words: &'s StopWords,
        separator_tokens: Option<&'s BTreeSet<String>>,
        non_separator_tokens: Option<&'s BTreeSet<String>>,
        dictionary: Option<&'s BTreeSet<String>>,
    ) -> TokenizerSettings<'s> {
        let separators =
            (separator_tokens.is_some() || non_separator_tokens.is_some()).then(|| {
                let mut all: BTreeSet<&str> = DEFAULT_SEPARATORS.iter().copied().collect();
                all.extend(separator_tokens.into_iter().flatten().map(String::as_str));
                for token in non_separator_tokens.into_iter().flatten() {
                    all.remove(token.as_str());
                }
                all.into_iter().collect()
            });
        let dictionary = dictionary.map(|words| words.iter().map(String::as_str).collect());
        TokenizerSettings { stop_words: stop_words.as_set(), separators, dictionary }
    }

    /// Builds the tokeniser; it may be shared by threads. Normalisation is lossy, without a char map.
    pub fn tokenizer(&self) -> Tokenizer<'_> {
        let mut builder = self.builder();
        if let Some(stop_words) = self.stop_words {
            builder.stop_words(stop_words);
        }
        builder.into_tokenizer()
    }

    /// Builds the tokeniser of highlighting: stop words are words, and a char map leads from a
    /// normalised word back to the original text (search.md 17.2).
    pub fn highlighting_tokenizer(&self) -> Tokenizer<'_> {
        let mut builder = self.builder();
        builder.create_char_map(true);
        builder.into_tokenizer()
    }

    fn builder(&self) -> TokenizerBuilder<'_, Vec<u8>> {
        let mut builder = TokenizerBuilder::new();
        if let Some(separators) = &self.separators {
            builder.separators(separators);
        }
        if let Some(dictionary) = &self.dictionary {
            builder.words_dict(dictionary);
        }
        builder
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(settings: &TokenizerSettings<'_>, text: &str) -> Vec<String> {
        let tokenizer = settings.tokenizer();
        tokenizer
            .tokenize(text)
            .filter(|token| token.is_word())
            .map(|token| token.lemma().to_owned())
            .collect()
    }

    fn set(word: &str) -> BTreeSet<String> {
        [word.to_owned()].into()
    }

    #[test]
    fn defaults() {
        assert_eq!(
            words(&TokenizerSettings::default(), "The red-fox, 7.5"),
            ["the", "red", "fox", "7", "5"]
        );
    }

    #[test]
    fn separators_and_dictionary() {
        let (separators, non_separators, dictionary) = (set("x"), set("#"), set("j.k"));
        let none = StopWords::default();
        let settings = TokenizerSettings::new(
            &none,
            Some(&separators),
            Some(&non_separators),
            Some(&dictionary),
        );
        assert_eq!(words(&settings, "axb #c j.k"), ["a", "b", "#c", "j.k"]);
    }

    #[test]
    fn stop_words_are_recognised_before_lower_casing() {
        let stop_words = StopWords::of(&["the"]);
        let settings = TokenizerSettings::only_stop_words(&stop_words);
        assert_eq!(words(&settings, "the The cat"), ["the", "cat"]);
    }
}
