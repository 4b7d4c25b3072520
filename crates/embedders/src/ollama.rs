//! The source `ollama` (vectors.md 11): a `rest` service whose patterns are known.

use std::sync::Arc;

use serde_json::json;

use crate::client::{Client, Target};
use crate::environment::Environment;
use crate::error::EmbeddingErrorKind;
use crate::options::OllamaOptions;
use crate::pattern::TEXT;
use crate::request::RequestContext;
use crate::rest::Rest;

/// Where Ollama listens on its own machine.
const DEFAULT_URL: &str = "http://localhost:11434/api/embeddings";

/// A server of Ollama; it is asked for the length of its vectors if that is not given.
///
/// # Errors
/// The address is not one of the two known ones, or the server cannot be asked.
pub(crate) fn ollama(
    options: &OllamaOptions,
    environment: &Environment,
    client: Arc<Client>,
    context: &RequestContext<'_>,
) -> Result<Rest, EmbeddingErrorKind> {
    let url = options.url.as_deref().or(environment.ollama_url.as_deref()).unwrap_or(DEFAULT_URL);
    let model = &options.embedding_model;
    let (request, response) = if url.ends_with("/api/embeddings") {
        (json!({ "model": model, "prompt": TEXT }), json!({ "embedding": "{{embedding}}" }))
    } else if url.ends_with("/api/embed") {
        (
            json!({ "model": model, "input": [TEXT, "{{..}}"] }),
            json!({ "embeddings": ["{{embedding}}", "{{..}}"] }),
        )
    } else {
        return Err(EmbeddingErrorKind::OllamaUrl(url.to_owned()));
    };
    let target = Target::new(url, options.api_key.as_deref(), [])?.of_model(model);
    let patterns = (&request, TEXT, &response);
    Rest::with_patterns(client, target, patterns, options.dimensions, context)
}
