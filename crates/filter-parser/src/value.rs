//! The leaves of the grammar: white space, keywords, words, quoted texts, numbers, escapes.

use crate::error::{Found, ParseErrorKind};
use crate::parser::{Failure, Parser};
use crate::{Number, Span, Text};

/// Words that only quotes turn into a name or a value.
const RESERVED: [&str; 12] =
    ["AND", "OR", "IN", "NOT", "TO", "EXISTS", "IS", "NULL", "EMPTY", "CONTAINS", "STARTS", "WITH"];
/// Words that never name a field, because they mean a place.
const GEO_PREFIXES: [&str; 2] = ["_geoPoint", "_geoDistance"];

pub(crate) fn is_word_char(c: char) -> bool {
    c.is_alphanumeric() || matches!(c, '_' | '-' | '.')
}

impl<'a> Parser<'a> {
    pub(crate) fn rest(&self) -> &'a str {
        self.source.get(self.position..).unwrap_or_default()
    }

    pub(crate) fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    /// Skips white space; tells whether there was any.
    pub(crate) fn skip_space(&mut self) -> bool {
        let rest = self.rest();
        let skipped = rest.len() - rest.trim_start().len();
        self.position += skipped;
        skipped > 0
    }

    /// Takes `text` if it stands here.
    pub(crate) fn take(&mut self, text: &str) -> bool {
        let found = self.rest().starts_with(text);
        if found {
            self.position += text.len();
        }
        found
    }

    /// Takes `word` if it stands here as a complete run of word characters.
    pub(crate) fn take_word(&mut self, word: &str) -> bool {
        let complete = self
            .rest()
            .strip_prefix(word)
            .is_some_and(|behind| !behind.chars().next().is_some_and(is_word_char));
        complete && self.take(word)
    }

    /// Takes the longest run of characters that satisfy `accept`.
    pub(crate) fn take_while(&mut self, accept: impl Fn(char) -> bool) -> &'a str {
        let rest = self.rest();
        let end = rest.find(|c| !accept(c)).unwrap_or(rest.len());
        let (run, _) = rest.split_at(end);
        self.position += end;
        run
    }

    /// What stands here, for an error: a run of word characters, or one other character.
    pub(crate) fn found(&self) -> (Found, Span) {
        let rest = self.rest().trim_start();
        let start = self.source.len() - rest.len();
        let word_end = rest.find(|c| !is_word_char(c)).unwrap_or(rest.len());
        let len = match rest.chars().next() {
            None => return (Found::End, Span { start, end: start }),
            Some(c) => word_end.max(c.len_utf8()),
        };
        let (text, _) = rest.split_at(len);
        (Found::Text(text.to_owned()), Span { start, end: start + len })
    }

    /// An error at what stands here.
    pub(crate) fn unexpected(&self, kind: impl FnOnce(Found) -> ParseErrorKind) -> Failure {
        let (found, span) = self.found();
        (kind(found), span)
    }

    /// `value` of the grammar: a word or a quoted text, white space around it skipped.
    pub(crate) fn value(&mut self) -> Result<Text, Failure> {
        self.skip_space();
        let text = match self.peek() {
            Some(quote @ ('"' | '\'')) => self.quoted(quote)?,
            Some(c) if is_word_char(c) => self.word()?,
            _ => return Err(self.unexpected(|found| ParseErrorKind::MissingValue { found })),
        };
        self.skip_space();
        Ok(text)
    }

    fn word(&mut self) -> Result<Text, Failure> {
        let start = self.position;
        let word = self.take_while(is_word_char);
        let span = Span { start, end: self.position };
        let is_geo = matches!(word, "_geo" | "_geoRadius" | "_geoBoundingBox")
            || GEO_PREFIXES.iter().any(|prefix| word.starts_with(prefix));
        if is_geo {
            return Err((ParseErrorKind::ReservedGeo(word.to_owned()), span));
        }
        if RESERVED.contains(&word) {
            return Err((ParseErrorKind::ReservedWord(word.to_owned()), span));
        }
        Ok(Text { value: word.to_owned(), span })
    }

    /// A text between two equal quotes. The parser stands at the opening one.
    pub(crate) fn quoted(&mut self, quote: char) -> Result<Text, Failure> {
        let start = self.position;
        self.position += quote.len_utf8();
        let mut value = String::new();
        loop {
            value.push_str(self.take_while(|c| c != quote && c != '\\'));
            match self.peek() {
                None => {
                    let span = Span { start, end: self.position };
                    return Err((ParseErrorKind::UnclosedQuote(quote), span));
                }
                Some('\\') => value.push(self.escape()?),
                Some(_) => {
                    self.position += quote.len_utf8();
                    return Ok(Text { value, span: Span { start, end: self.position } });
                }
            }
        }
    }

    /// Decodes one escape sequence. The parser stands at its backslash.
    fn escape(&mut self) -> Result<char, Failure> {
        let start = self.position;
        self.position += 1;
        let mut decode = || {
            let c = self.peek()?;
            let single = match c {
                'b' => Some('\u{8}'),
                'f' => Some('\u{c}'),
                'n' => Some('\n'),
                'r' => Some('\r'),
                't' => Some('\t'),
                '\'' | '"' | '\\' | '/' => Some(c),
                _ => None,
            };
            if single.is_some() {
                self.position += 1;
                return single;
            }
            match c {
                'u' if self.take("u{") => {
                    let digits = self.take_while(|c| c.is_ascii_hexdigit());
                    let code = u32::from_str_radix(digits, 16).ok()?;
                    self.take("}").then(|| char::from_u32(code)).flatten()
                }
                'u' => {
                    self.position += 1;
                    self.digits(4, 16)
                }
                'x' => {
                    self.position += 1;
                    self.digits(2, 16)
                }
                '0'..='3' => {
                    let octal = self.rest().chars().take(3).take_while(|c| c.is_digit(8)).count();
                    self.digits(octal, 8)
                }
                '4'..='7' => {
                    let octal = self.rest().chars().take(2).take_while(|c| c.is_digit(8)).count();
                    self.digits(octal, 8)
                }
                _ => {
                    self.position += c.len_utf8();
                    None
                }
            }
        };
        decode().ok_or_else(|| {
            let span = Span { start, end: self.position };
            let text = self.source.get(start..self.position).unwrap_or_default();
            (ParseErrorKind::InvalidEscape(text.to_owned()), span)
        })
    }

    /// The character whose code is written with exactly `count` digits here.
    fn digits(&mut self, count: usize, radix: u32) -> Option<char> {
        let digits = self.rest().get(..count)?;
        if !digits.chars().all(|c| c.is_digit(radix)) {
            return None;
        }
        self.position += count;
        char::from_u32(u32::from_str_radix(digits, radix).ok()?)
    }

    /// A decimal float literal, white space around it skipped.
    pub(crate) fn number(&mut self) -> Result<Number, Failure> {
        self.skip_space();
        let start = self.position;
        let text =
            self.take_while(|c| c.is_ascii_digit() || matches!(c, '+' | '-' | '.' | 'e' | 'E'));
        let span = Span { start, end: self.position };
        let Ok(value) = text.parse::<f64>() else {
            self.position = start;
            return Err(self.unexpected(|found| ParseErrorKind::MissingNumber { found }));
        };
        if !value.is_finite() {
            return Err((ParseErrorKind::NumberTooLarge(text.to_owned()), span));
        }
        self.skip_space();
        Ok(Number { value, span })
    }
}
