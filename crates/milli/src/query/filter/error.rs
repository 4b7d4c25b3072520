//! What can be wrong with a filter that is more than its syntax.

use filter_parser::{ParseError, Span, describe};
use meilisearch_types::error::{Code, ErrorCode};
use meilisearch_types::not_implemented::NotImplemented;
use serde_json::Value;

/// A filter that cannot be evaluated, and why.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum FilterError {
    /// The text is no filter.
    #[error(transparent)]
    Syntax(#[from] ParseError),
    /// The JSON has the wrong shape.
    #[error(
        "Invalid filter{}: a string, or an array of strings and arrays of strings, is expected, but {found} was found",
        if path.is_empty() { String::new() } else { format!(" at `{path}`") }
    )]
    WrongType {
        /// Where in the filter, empty for the filter itself.
        path: String,
        /// What is there, as compact JSON.
        found: String,
    },
    /// Something in an expression does not fit the index; the message holds the place.
    #[error("{}", describe(problem, *span, expression))]
    InPlace {
        /// What is wrong.
        problem: FilterProblem,
        /// Where in the expression.
        span: Span,
        /// The whole expression.
        expression: String,
    },
    /// An experimental feature is needed.
    #[error(
        "Using {what} in a filter needs the experimental feature `{feature}`: enable it with `PATCH /experimental-features`"
    )]
    FeatureNotEnabled {
        /// What needs it.
        what: &'static str,
        /// The feature's name.
        feature: &'static str,
    },
    /// This server cannot do it yet.
    #[error(transparent)]
    NotImplemented(#[from] NotImplemented),
}

/// What is wrong with a part of an expression.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum FilterProblem {
    /// The attribute is in no filterable rule.
    #[error("attribute `{attribute}` is not filterable; {}", filterable_list(.filterable))]
    NotFilterable {
        /// The attribute.
        attribute: String,
        /// Attributes and patterns that are filterable.
        filterable: Vec<String>,
    },
    /// The attribute's rule does not allow the operator.
    #[error(
        "attribute `{attribute}` cannot be filtered with `{operator}`: its rule in `filterableAttributes` has `{feature}` off"
    )]
    OperatorNotAllowed {
        /// The attribute.
        attribute: String,
        /// The operator as it is written.
        operator: &'static str,
        /// The feature that is off.
        feature: &'static str,
    },
    /// A coordinate is outside its range.
    #[error("{name} {value} is outside its range, {min} to {max}")]
    CoordinateOutOfRange {
        /// `latitude` or `longitude`.
        name: &'static str,
        /// The value given.
        value: f64,
        /// Smallest allowed value.
        min: f64,
        /// Greatest allowed value.
        max: f64,
    },
    /// The corners of a box are the wrong way round.
    #[error("the first corner's latitude {top} is below the second corner's {bottom}")]
    BoxUpsideDown {
        /// Latitude of the first corner.
        top: f64,
        /// Latitude of the second corner.
        bottom: f64,
    },
    /// The number of corners of a circle is outside its range.
    #[error("the resolution {0} is not a whole number from 3 to 1000")]
    ResolutionOutOfRange(f64),
    /// `_vectors` names an embedder that the index does not have.
    #[error("the index has no embedder `{embedder}`; its embedders are: {}", names(.known))]
    UnknownEmbedder {
        /// The name given.
        embedder: String,
        /// Embedders of the index.
        known: Vec<String>,
    },
    /// `_vectors` names a fragment that the embedder does not have.
    #[error("the embedder `{embedder}` has no fragment `{fragment}`; its fragments are: {}", names(.known))]
    UnknownFragment {
        /// The embedder.
        embedder: String,
        /// The name given.
        fragment: String,
        /// Fragments of the embedder.
        known: Vec<String>,
    },
    /// The grid over the globe cannot hold the area.
    #[error("the area cannot be laid out on the globe: it is too large, or has no surface")]
    ImpossibleArea,
}

impl FilterError {
    pub(super) fn wrong_type(path: String, found: &Value) -> Self {
        Self::WrongType { path, found: found.to_string() }
    }

    pub(super) fn in_place(problem: FilterProblem, span: Span, expression: &str) -> Self {
        Self::InPlace { problem, span, expression: expression.to_owned() }
    }

    /// The code of the error on an endpoint whose own code for a bad filter is `invalid`.
    pub fn code_on(&self, invalid: Code) -> Code {
        match self {
            Self::Syntax(_) | Self::WrongType { .. } | Self::InPlace { .. } => invalid,
            Self::FeatureNotEnabled { .. } => Code::FeatureNotEnabled,
            Self::NotImplemented(error) => error.error_code(),
        }
    }
}

impl ErrorCode for FilterError {
    fn error_code(&self) -> Code {
        self.code_on(Code::InvalidSearchFilter)
    }
}

fn filterable_list(filterable: &[String]) -> String {
    if filterable.is_empty() {
        return "this index has no filterable attribute, add some to its setting \
                `filterableAttributes`"
            .to_owned();
    }
    format!("filterable attributes and patterns are: {}", names(filterable))
}

fn names(names: &[String]) -> String {
    if names.is_empty() {
        return "none".to_owned();
    }
    let quoted: Vec<_> = names.iter().map(|name| format!("`{name}`")).collect();
    quoted.join(", ")
}
