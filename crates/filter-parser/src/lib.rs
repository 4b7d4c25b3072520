//! Text of a filter → syntax tree with positions (search.md 13.2).
//!
//! | Module | What |
//! |---|---|
//! | [`tree`] | the syntax tree: [`Node`], [`Operator`] and the leaves that carry a [`Span`] |
//! | `parser` | recursive descent over the grammar, alternatives in the order of the chapter |
//! | `value` | the leaves of the grammar: words, quoted texts, numbers, escapes |
//! | `canonical` | syntax tree → the one text that stands for it (search.md 13.7) |
//! | [`error`] | what can be wrong with a filter, and where |
//!
//! The crate knows nothing of documents: whether a field is filterable, or a feature enabled, is
//! decided by the evaluation.
//!
//! ```
//! let filter = filter_parser::parse("year > 1990 AND genre != 'Sci-Fi'")?.expect("not blank");
//! assert_eq!(filter.root.to_string(), r#"("year" > "1990") AND ("genre" != "Sci-Fi")"#);
//!
//! let error = filter_parser::parse("year >").unwrap_err();
//! assert_eq!(error.position(), (7, 7));
//! # Ok::<(), filter_parser::ParseError>(())
//! ```

mod canonical;
pub mod error;
mod parser;
pub mod tree;
mod value;

pub use error::{ParseError, ParseErrorKind, describe};
pub use tree::{Expression, Node, Number, Operator, Point, Span, Text, VectorScope};

/// How often the grammar's `or`, `and`, `not` and `primary` may be nested (search.md 13.2).
pub const MAX_DEPTH: usize = 150;

/// Parses one expression. A blank text is no filter at all: `None`.
pub fn parse(source: &str) -> Result<Option<Expression>, ParseError> {
    if source.trim().is_empty() {
        return Ok(None);
    }
    let root = parser::Parser::new(source)
        .parse()
        .map_err(|(kind, span)| ParseError::new(kind, span, source))?;
    Ok(Some(Expression { source: source.to_owned(), root }))
}
