//! Embedders: what computes vectors of documents and queries, and how users set it up (vectors.md 2 to 14).
//!
//! Nothing here knows of indexes: the engine hands over texts, fragments and queries, and takes vectors.
//!
//! | File | What |
//! |---|---|
//! | `config.rs` | an embedder as an index stores it |
//! | `options.rs` | the options of each source, with their defaults |
//! | `template.rs` | a document → the text that is embedded (Liquid) |
//! | `fragment.rs` | JSON whose strings are templates: parts of documents and of queries |
//! | `embedder.rs` | an instance: inputs → vectors |
//! | `pool.rs` | the instances that a process shares, and what they share: threads, cache, policy |
//! | `request.rs` | what a caller says of its requests: how long, until when, who counts |
//! | `error.rs` | what can go wrong |

mod config;
mod embedder;
mod error;
mod fragment;
mod options;
mod pool;
mod request;
mod template;

pub use config::{Config, EmbedderConfig, Fragment, Prompt};
pub use embedder::{Embedder, Input, QueryInput};
pub use error::{EmbeddingError, EmbeddingErrorKind, Fault};
pub use fragment::FragmentTemplate;
pub use options::{
    CompositeOptions, Distribution, EmbedderOptions, HuggingFaceOptions, OllamaOptions,
    OpenAiModel, OpenAiOptions, Pooling, RestOptions, UserProvidedOptions,
};
pub use pool::{EmbedderPool, PoolOptions};
pub use request::{RequestContext, RequestCounters};
pub use template::{DocumentTemplate, TemplateDocument, TemplateError};
