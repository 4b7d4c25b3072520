//! What can be wrong with the text of a filter, and how the place is told (search.md 13.7).

use crate::{MAX_DEPTH, Span};

/// A syntax error: the diagnosis, and on a second line its place and the whole expression.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}", describe(kind, *span, expression))]
pub struct ParseError {
    kind: ParseErrorKind,
    span: Span,
    expression: String,
}

impl ParseError {
    pub(crate) fn new(kind: ParseErrorKind, span: Span, expression: &str) -> Self {
        Self { kind, span, expression: expression.to_owned() }
    }

    /// What is wrong.
    pub fn kind(&self) -> &ParseErrorKind {
        &self.kind
    }

    /// First and last column of the offending part, in characters counted from 1.
    pub fn position(&self) -> (usize, usize) {
        columns(self.span, &self.expression)
    }
}

/// Words a problem with a part of an expression: the diagnosis, then a line `start:end expression`
/// with columns in characters counted from 1.
pub fn describe(diagnosis: &impl std::fmt::Display, span: Span, expression: &str) -> String {
    let (start, end) = columns(span, expression);
    format!("{diagnosis}\n{start}:{end} {expression}")
}

fn columns(span: Span, expression: &str) -> (usize, usize) {
    let chars_before = |offset: usize| {
        expression.char_indices().take_while(|(position, _)| *position < offset).count()
    };
    let first = chars_before(span.start) + 1;
    (first, chars_before(span.end).max(first))
}

/// The kinds of syntax errors.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[allow(missing_docs, reason = "the messages say it")]
pub enum ParseErrorKind {
    #[error(
        "the filter is complete before {found}: join conditions with `AND` or `OR`, \
         and quote values that hold spaces or punctuation"
    )]
    UnexpectedText { found: Found },
    #[error("a condition is expected, such as `field = value`, but {found} was found")]
    MissingCondition { found: Found },
    #[error(
        "`{field}` needs an operator behind it (`=`, `!=`, `>`, `>=`, `<`, `<=`, `IN`, `NOT IN`, \
         `TO`, `EXISTS`, `NOT EXISTS`, `IS NULL`, `IS NOT NULL`, `IS EMPTY`, `IS NOT EMPTY`, \
         `CONTAINS`, `NOT CONTAINS`, `STARTS WITH`, `NOT STARTS WITH`), but {found} was found"
    )]
    MissingOperator { field: String, found: Found },
    #[error("a value is expected, but {found} was found")]
    MissingValue { found: Found },
    #[error("`{0}` is a reserved word: put it in quotes to use it as a name or a value")]
    ReservedWord(String),
    #[error(
        "`{0}` cannot be used in a filter: filter on places with `_geoRadius(lat, lng, metres)`, \
         `_geoBoundingBox([lat, lng], [lat, lng])` or `_geoPolygon([lat, lng], …)`"
    )]
    ReservedGeo(String),
    #[error("the quote {0} is never closed")]
    UnclosedQuote(char),
    #[error("`{0}` is not an escape sequence: write `\\\\` for a backslash")]
    InvalidEscape(String),
    #[error("a parenthesis is never closed: `)` is expected, but {found} was found")]
    UnclosedParenthesis { found: Found },
    #[error("`IN` needs a list such as `[a, b]`, but {found} was found")]
    MissingList { found: Found },
    #[error("the list is never closed: `,` or `]` is expected, but {found} was found")]
    UnclosedList { found: Found },
    #[error("a number is expected, but {found} was found")]
    MissingNumber { found: Found },
    #[error("`{0}` is too large for a number")]
    NumberTooLarge(String),
    #[error("`{filter}` is written `{form}`: `{expected}` is expected, but {found} was found")]
    InvalidGeo { filter: &'static str, form: &'static str, expected: char, found: Found },
    #[error("`_geoPolygon` needs three points or more, {0} given")]
    TooFewPoints(usize),
    #[error(
        "`_foreign` is written `_foreign(field, filter)`: `{expected}` is expected, but {found} was found"
    )]
    InvalidForeign { expected: char, found: Found },
    #[error("the filter is nested too deep: at most {MAX_DEPTH} levels are allowed")]
    TooDeep,
}

/// What stands where something else was expected.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found {
    /// Nothing: the text ends there.
    End,
    /// The next word or sign.
    Text(String),
}

impl std::fmt::Display for Found {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Found::End => f.write_str("the end"),
            Found::Text(text) => write!(f, "`{text}`"),
        }
    }
}
