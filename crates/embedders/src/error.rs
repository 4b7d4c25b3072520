//! What can go wrong when vectors are computed (vectors.md 19).

use std::fmt;

use meilisearch_types::error::{Code, ErrorCode};

use crate::pattern::{ExtractionError, PatternError};
use crate::template::TemplateError;

/// Who is at fault (vectors.md 19.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The settings, the documents or the query.
    User,
    /// The provider or the network.
    Runtime,
    /// It cannot be told.
    Undecided,
    /// This program.
    Bug,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Fault::User => "user error",
            Fault::Runtime => "runtime error",
            Fault::Undecided => "error",
            Fault::Bug => "bug",
        })
    }
}

/// Why there is no vector.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}: {kind}", self.fault())]
pub struct EmbeddingError {
    /// What happened.
    pub kind: EmbeddingErrorKind,
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EmbeddingErrorKind {
    /// Users give the vectors of this embedder.
    #[error(
        "it does not compute vectors, users provide them: give `vector` with a query, `_vectors` with a document"
    )]
    UserProvided,
    /// The server cannot run models itself.
    #[error("this server runs no models itself: use a source such as `rest`, `ollama` or `openAi`")]
    NoLocalModels,
    /// A composite embedder is made of a source that it cannot be made of.
    #[error("a side of a composite embedder can neither be composite nor `userProvided`")]
    NestedSource,
    /// Status 401.
    #[error(
        "the provider asks for another key (status 401): check `apiKey`; it answered `{answer}`"
    )]
    Unauthorized {
        /// The body of the answer.
        answer: String,
    },
    /// Status 400.
    #[error("the provider did not understand the request (status 400): it answered `{answer}`")]
    BadRequest {
        /// The body of the answer.
        answer: String,
    },
    /// Status 404 of a provider that answers so when it lacks a model.
    #[error(
        "the provider lacks the model `{model}` (status 404): install it there, for example with `ollama pull`; it answered `{answer}`"
    )]
    ModelNotFound {
        /// The model.
        model: String,
        /// The body of the answer.
        answer: String,
    },
    /// An address or a header that no request can be made with.
    #[error("no request can be made to `{url}`: {message}; check `url`, `apiKey` and `headers`")]
    MalformedRequest {
        /// The address, without secrets.
        url: String,
        /// What is wrong.
        message: String,
    },
    /// The address is not public, and no option allows it.
    #[error("`{url}` cannot be reached: {message}")]
    RefusedAddress {
        /// The address, without secrets.
        url: String,
        /// What the policy says.
        message: String,
    },
    /// `media` for an embedder that only takes text.
    #[error("`media` can only be embedded by a `rest` embedder with `searchFragments`")]
    MediaNotSupported,
    /// A query with neither text nor media.
    #[error("the query has nothing to embed: give `q`, `media` or `vector`")]
    NothingToEmbed,
    /// Not exactly one search fragment fits a query.
    #[error("exactly one of `searchFragments` must fit the query, but {}", fitting(.matching))]
    FragmentMatch {
        /// Those that fit.
        matching: Vec<String>,
    },
    /// A pattern of `request` or `response` is wrong.
    #[error("`{member}` is no pattern: {error}")]
    Pattern {
        /// `request` or `response`.
        member: &'static str,
        /// What is wrong.
        error: PatternError,
    },
    /// The two patterns do not fit together.
    #[error("`request` and `response` must both have `{{{{..}}}}`, or both not have it")]
    PatternArity,
    /// The template of a search fragment is no Liquid.
    #[error("the search fragment `{name}` is wrong: {error}")]
    Fragment {
        /// The fragment.
        name: String,
        /// What is wrong.
        error: TemplateError,
    },
    /// Whether Ollama takes one text or many is told by the address.
    #[error(
        "the address of Ollama must end with `/api/embed` or `/api/embeddings`, but it is `{0}`"
    )]
    OllamaUrl(String),
    /// A probe cannot tell the dimensions of an embedder with fragments.
    #[error("an embedder with fragments needs `dimensions`")]
    FragmentsWithoutDimensions,
    /// The sides of a composite embedder differ.
    #[error(
        "the two sides of the composite embedder must give vectors of the same length, but those of `searchEmbedder` have {search} dimensions and those of `indexingEmbedder` {index}"
    )]
    CompositeDimensions {
        /// Of the side for queries.
        search: usize,
        /// Of the side for documents.
        index: usize,
    },
    /// The sides of a composite embedder differ.
    #[error(
        "the two sides of the composite embedder must give the same vectors, but those of the text `{text}` are too far apart (cosine distance {distance}): use the same model on both sides"
    )]
    CompositeVectors {
        /// A text of the check.
        text: &'static str,
        /// 0 to 1, as text.
        distance: String,
    },
    /// Status 429.
    #[error(
        "the provider asks for fewer requests (status 429): try again later; it answered `{answer}`"
    )]
    TooManyRequests {
        /// The body of the answer.
        answer: String,
    },
    /// Status 5xx.
    #[error("the provider failed with status {status}: it answered `{answer}`")]
    ServerError {
        /// The status.
        status: u16,
        /// The body of the answer.
        answer: String,
    },
    /// There is no whole answer.
    #[error("`{url}` gave no answer: {message}")]
    Network {
        /// The address, without secrets.
        url: String,
        /// What happened.
        message: String,
    },
    /// The answer is no JSON.
    #[error("the provider's answer is no JSON: {0}")]
    NotJson(String),
    /// The answer is too long.
    #[error("the provider's answer is longer than {limit} bytes")]
    TooLarge {
        /// In bytes.
        limit: u64,
    },
    /// The answer does not fit the pattern of `response`.
    #[error("the provider's answer does not have the expected form: {0}")]
    Extraction(ExtractionError),
    /// Too few or too many vectors.
    #[error("the provider answered {found} vectors to {expected} inputs")]
    WrongCount {
        /// Inputs sent.
        expected: usize,
        /// Vectors got.
        found: usize,
    },
    /// A vector of another length.
    #[error("the provider answered a vector with {found} dimensions in place of {expected}")]
    WrongDimensions {
        /// Those of the embedder.
        expected: usize,
        /// Those of the vector.
        found: usize,
    },
    /// A text cannot be cut into tokens.
    #[error("the text is too long for the model, and cannot be cut into tokens to shorten it")]
    Tokens,
    /// The provider was asked for the length of its vectors.
    #[error("the provider cannot be asked for the length of its vectors: {0}")]
    Probe(Box<EmbeddingErrorKind>),
    /// The deadline passed.
    #[error("the search ended before there was a vector")]
    OutOfTime,
    /// A status that says nothing.
    #[error("the provider answered status {status}: `{answer}`")]
    UnexpectedStatus {
        /// The status.
        status: u16,
        /// The body of the answer.
        answer: String,
    },
    /// An empty vector.
    #[error("the provider answered an empty vector")]
    NoEmbedding,
    /// Whoever asked for vectors no longer wants them.
    #[error("the request for vectors was given up")]
    Stopped,
    /// What cannot happen.
    #[error("{0}")]
    Internal(String),
}

impl EmbeddingErrorKind {
    /// Who is at fault.
    pub fn fault(&self) -> Fault {
        use EmbeddingErrorKind as Kind;
        match self {
            Kind::UserProvided
            | Kind::NoLocalModels
            | Kind::NestedSource
            | Kind::Unauthorized { .. }
            | Kind::BadRequest { .. }
            | Kind::ModelNotFound { .. }
            | Kind::MalformedRequest { .. }
            | Kind::MediaNotSupported
            | Kind::NothingToEmbed
            | Kind::FragmentMatch { .. }
            | Kind::Pattern { .. }
            | Kind::PatternArity
            | Kind::Fragment { .. }
            | Kind::OllamaUrl(_)
            | Kind::FragmentsWithoutDimensions
            | Kind::CompositeDimensions { .. }
            | Kind::CompositeVectors { .. } => Fault::User,
            Kind::TooManyRequests { .. }
            | Kind::ServerError { .. }
            | Kind::Network { .. }
            | Kind::RefusedAddress { .. }
            | Kind::NotJson(_)
            | Kind::TooLarge { .. }
            | Kind::Extraction(_)
            | Kind::WrongCount { .. }
            | Kind::WrongDimensions { .. }
            | Kind::Tokens
            | Kind::Probe(_)
            | Kind::OutOfTime => Fault::Runtime,
            Kind::UnexpectedStatus { .. } | Kind::NoEmbedding | Kind::Stopped => Fault::Undecided,
            Kind::Internal(_) => Fault::Bug,
        }
    }
}

impl EmbeddingError {
    /// Who is at fault.
    pub fn fault(&self) -> Fault {
        self.kind.fault()
    }
}

impl From<EmbeddingErrorKind> for EmbeddingError {
    fn from(kind: EmbeddingErrorKind) -> EmbeddingError {
        EmbeddingError { kind }
    }
}

impl ErrorCode for EmbeddingError {
    fn error_code(&self) -> Code {
        match self.fault() {
            Fault::Bug => Code::Internal,
            _ => Code::VectorEmbeddingError,
        }
    }
}

fn fitting(names: &[String]) -> String {
    match names {
        [] => "none does".to_owned(),
        names => format!("`{}` do", names.join("`, `")),
    }
}
