//! Tokens of `q` → positive terms with their positions, and negative words and phrases
//! (search.md section 2). Pure: nothing here looks at the index.

use std::ops::RangeInclusive;

use charabia::{SeparatorKind, Token, TokenKind};

use crate::limits::{MAX_QUERY_TERMS, MAX_QUERY_TOKENS};

/// What a hard separator adds to the position, on top of the next word's 1.
const HARD_SEPARATOR_STEP: u16 = 7;

/// The words of a phrase in order; a stop word is a hole.
pub(crate) type PhraseWords = Vec<Option<String>>;

/// A positive term as it stands in the query.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum ParsedTerm {
    /// One word.
    Word {
        /// Its normalised form.
        text: String,
        /// Its position in the query.
        position: u16,
        /// Whether words that begin with it match too.
        is_prefix: bool,
    },
    /// A quoted phrase with at least one word that is no hole.
    Phrase {
        /// All entries, leading and trailing holes included.
        words: PhraseWords,
        /// From the first word that is no hole to the last entry.
        positions: RangeInclusive<u16>,
    },
}

/// A parsed query.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct ParsedQuery {
    /// What a document should match.
    pub(crate) terms: Vec<ParsedTerm>,
    /// Words that a document must not hold.
    pub(crate) negative_words: Vec<String>,
    /// Phrases that a document must not hold.
    pub(crate) negative_phrases: Vec<PhraseWords>,
}

/// Reads the tokens of a query. `prefix_search` tells whether the last word may be a prefix.
pub(crate) fn parse<'o>(
    tokens: impl Iterator<Item = Token<'o>>,
    prefix_search: bool,
) -> ParsedQuery {
    let mut parser = Parser::new();
    let mut tokens = tokens.take(MAX_QUERY_TOKENS).peekable();
    while let Some(token) = tokens.next() {
        if token.lemma().is_empty() {
            continue;
        }
        if parser.query.terms.len() >= MAX_QUERY_TERMS {
            return parser.query;
        }
        let is_last = tokens.peek().is_none();
        match token.kind() {
            TokenKind::Word => parser.word(token.lemma(), false, is_last, prefix_search),
            TokenKind::StopWord => parser.word(token.lemma(), true, is_last, prefix_search),
            TokenKind::Separator(kind) => parser.separator(token.lemma(), kind),
            TokenKind::Unknown => {}
        }
        parser.after_whitespace = token.lemma().ends_with(char::is_whitespace);
    }
    parser.close_phrase();
    parser.query
}

struct Parser {
    query: ParsedQuery,
    /// Position of the last word; wraps around so that the first word gets 0.
    position: u16,
    phrase: Option<OpenPhrase>,
    negate_next: bool,
    after_whitespace: bool,
}

struct OpenPhrase {
    words: PhraseWords,
    /// Position of the first word that is no hole.
    start: Option<u16>,
    end: u16,
    is_negative: bool,
}

impl OpenPhrase {
    fn new(is_negative: bool) -> OpenPhrase {
        OpenPhrase { words: Vec::new(), start: None, end: 0, is_negative }
    }
}

impl Parser {
    fn new() -> Parser {
        Parser {
            query: ParsedQuery::default(),
            position: u16::MAX,
            phrase: None,
            negate_next: false,
            after_whitespace: true,
        }
    }

    fn word(&mut self, text: &str, is_stop_word: bool, is_last: bool, prefix_search: bool) {
        self.position = self.position.wrapping_add(1);
        if let Some(phrase) = &mut self.phrase {
            phrase.end = self.position;
            if is_stop_word {
                phrase.words.push(None);
            } else {
                phrase.start.get_or_insert(self.position);
                phrase.words.push(Some(text.to_owned()));
            }
        } else if std::mem::take(&mut self.negate_next) {
            self.query.negative_words.push(text.to_owned());
        } else if is_last || !is_stop_word {
            self.query.terms.push(ParsedTerm::Word {
                text: text.to_owned(),
                position: self.position,
                is_prefix: is_last && prefix_search,
            });
        }
    }

    fn separator(&mut self, lemma: &str, kind: SeparatorKind) {
        if kind == SeparatorKind::Hard {
            self.position = self.position.wrapping_add(HARD_SEPARATOR_STEP);
            if let Some(is_negative) = self.close_phrase() {
                self.phrase = Some(OpenPhrase::new(is_negative));
            }
        }
        let mut quotes = lemma.matches('"').count();
        if quotes > 0 && self.close_phrase().is_some() {
            quotes -= 1;
        }
        if quotes % 2 == 1 {
            self.phrase = Some(OpenPhrase::new(self.negate_next));
        }
        self.negate_next = self.phrase.is_none() && lemma == "-" && self.after_whitespace;
    }

    /// Closes the open phrase, if any, and returns whether it was negative.
    fn close_phrase(&mut self) -> Option<bool> {
        let phrase = self.phrase.take()?;
        if let Some(start) = phrase.start {
            if phrase.is_negative {
                self.query.negative_phrases.push(phrase.words);
            } else {
                self.query.terms.push(ParsedTerm::Phrase {
                    words: phrase.words,
                    positions: start..=phrase.end,
                });
            }
        }
        Some(phrase.is_negative)
    }
}

#[cfg(test)]
mod tests {
    use charabia::TokenizerBuilder;
    use proptest::prelude::*;

    use super::*;

    fn parsed(query: &str) -> ParsedQuery {
        let stop_words = fst::Set::from_iter(["of", "the"]).unwrap();
        let mut builder = TokenizerBuilder::new();
        builder.stop_words(&stop_words);
        parse(builder.into_tokenizer().tokenize(query), true)
    }

    /// Prints terms as `word@position`, a prefix with `*`, a phrase with its holes as `_`.
    fn show(query: &ParsedQuery) -> String {
        let phrase = |words: &PhraseWords| {
            words.iter().map(|word| word.as_deref().unwrap_or("_")).collect::<Vec<_>>().join(" ")
        };
        let mut parts = Vec::new();
        for term in &query.terms {
            parts.push(match term {
                ParsedTerm::Word { text, position, is_prefix } => {
                    format!("{text}{}@{position}", if *is_prefix { "*" } else { "" })
                }
                ParsedTerm::Phrase { words, positions } => {
                    format!("\"{}\"@{}-{}", phrase(words), positions.start(), positions.end())
                }
            });
        }
        parts.extend(query.negative_words.iter().map(|word| format!("-{word}")));
        parts.extend(query.negative_phrases.iter().map(|words| format!("-\"{}\"", phrase(words))));
        parts.join(", ")
    }

    fn check(query: &str, expected: &str) {
        assert_eq!(show(&parsed(query)), expected, "{query}");
    }

    #[test]
    fn words() {
        check("Red kite", "red@0, kite*@1");
        check("red kite ", "red@0, kite@1");
        check("red kite.", "red@0, kite@1");
        check("", "");
        check("   ", "");
        check("one. two", "one@0, two*@8");
        check(". one", "one*@7");
    }

    #[test]
    fn stop_words_take_a_position_and_count_only_at_the_end() {
        check("lord of the rings", "lord@0, rings*@3");
        check("lord of", "lord@0, of*@1");
        check("of ", "");
    }

    #[test]
    fn phrases() {
        check("\"red kite\" flies", "\"red kite\"@0-1, flies*@2");
        check("\"the lord of the rings", "\"_ lord _ _ rings\"@1-4");
        check("\"rings of\"", "\"rings _\"@0-1");
        check("\"of the\" x", "x*@2");
        check("\"\" x", "x*@0");
        check("\"a. b\"", "\"a\"@0-0, \"b\"@8-8");
        check("a\"b\"c", "a@0, \"b\"@1-1, c*@2");
    }

    #[test]
    fn negatives() {
        check("kite -red", "kite@0, -red");
        check("-red", "-red");
        check("a-b", "a@0, b*@1");
        check("a - b", "a@0, b*@1");
        check("a -the", "a@0, -the");
        check("a -\"red kite\" b", "a@0, b*@3, -\"red kite\"");
        check("-\"a. b\"", "-\"a\", -\"b\"");
    }

    #[test]
    fn ten_terms_at_most() {
        let query = parsed("a b c d e f g h i j k -l");
        assert_eq!(query.terms.len(), 10);
        assert!(query.negative_words.is_empty());
        let query = parsed("-z a b c d e f g h i \"j\" \"k");
        assert_eq!(query.terms.len(), 10);
        assert_eq!(query.negative_words, ["z"]);
    }

    #[test]
    fn a_thousand_tokens_at_most() {
        // 998 tokens of stop words and spaces, then a word and the space that is considered last.
        check(&format!("{}red {}", "of ".repeat(499), "x ".repeat(10)), "red@499");
        // The last token considered is a stop word; the words behind it are not seen.
        check(&format!("{} red kite", " of".repeat(500)), "of*@499");
    }

    proptest! {
        #[test]
        fn any_query_is_read(query in "[ab\".,\\- of]{0,60}|\\PC{0,60}") {
            let parsed = parsed(&query);
            prop_assert!(parsed.terms.len() <= MAX_QUERY_TERMS);
        }
    }
}
