//! Embedders: what computes vectors of documents and queries, and how users set it up (vectors.md 2 to 14).
//!
//! Nothing here knows of indexes: the engine hands over texts, fragments and queries, and takes vectors.
//!
//! | File | What |
//! |---|---|
//! | `config.rs` | an embedder as an index stores it |
//! | `options.rs` | the options of each source, with their defaults |
//! | `template.rs` | a document → the text that is embedded (Liquid) |
//! | `template_value.rs` | JSON as templates see it, with the order of its members |
//! | `fragment.rs` | JSON whose strings are templates: parts of documents and of queries |
//! | `settings/` | setting `embedders`: what users ask for → what is stored, and back |
//! | `pool.rs` | the instances that a process shares, and what they share |
//! | `environment.rs` | the variables of the environment |
//! | `embedder.rs` | an instance: inputs → vectors |
//! | `rest.rs` | a service that takes and gives JSON |
//! | `pattern.rs` | the JSON patterns of such a service |
//! | `open_ai.rs`, `ollama.rs` | services whose patterns are known |
//! | `composite.rs` | whether two services give the same vectors |
//! | `cache.rs` | the vectors of the last queries |
//! | `request.rs` | what a caller says of its requests, and when one is made again |
//! | `client.rs` | one request over HTTP |
//! | `threads.rs` | the threads on which requests of documents wait |
//! | `error.rs` | what can go wrong |

mod cache;
mod client;
mod composite;
mod config;
mod embedder;
mod environment;
mod error;
mod fragment;
mod ollama;
mod open_ai;
mod options;
mod pattern;
mod pool;
mod request;
mod rest;
pub mod settings;
mod template;
mod template_value;
mod threads;

pub use config::{Config, EmbedderConfig, Fragment, Prompt};
pub use embedder::{Embedder, Input, QueryInput};
pub use environment::Environment;
pub use error::{EmbeddingError, EmbeddingErrorKind, Fault};
pub use fragment::FragmentTemplate;
pub use meilisearch_types::settings::{Distribution, Pooling};
pub use options::{
    CompositeOptions, EmbedderOptions, HuggingFaceOptions, OllamaOptions, OpenAiModel,
    OpenAiOptions, RestOptions, UserProvidedOptions,
};
pub use pattern::{Arity, EMBEDDING, ExtractionError, FRAGMENT, Path, Pattern, PatternError, TEXT};
pub use pool::{EmbedderPool, PoolOptions};
pub use request::{RequestContext, RequestCounters};
pub use template::{
    DEFAULT_TEMPLATE, DEFAULT_TEMPLATE_MAX_BYTES, DocumentTemplate, TemplateDocument, TemplateError,
};

#[cfg(test)]
mod tests;
