//! Embedders against a provider on this machine.

mod composite;
mod ollama;
mod open_ai;
mod pattern;
mod pool;
mod requests;
mod rest;

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use embedder_mock::{Mock, Reply, Request};
use meilisearch_types::outgoing::{AllowedNetwork, Policy};
use serde_json::{Value, json};

use crate::*;

type TestResult = Result<(), Box<dyn Error>>;

/// Indexing that nobody stops, without counters.
const FOREVER: RequestContext<'_> =
    RequestContext { deadline: None, must_stop: &|| false, counters: None };

/// A pool that may talk to this machine, does not wait between attempts, and remembers no query.
fn pool() -> EmbedderPool {
    pool_with(0, Environment::default())
}

fn pool_with(cache_entries: usize, environment: Environment) -> EmbedderPool {
    let policy = Policy::new(&[AllowedNetwork::Any]);
    let environment = Environment { max_wait: Duration::ZERO, ..environment };
    EmbedderPool::with_environment(PoolOptions { policy, cache_entries }, environment)
}

/// A `rest` embedder of two dimensions.
fn rest_options(mock: &Mock, request: Value, response: Value) -> RestOptions {
    RestOptions {
        api_key: None,
        distribution: None,
        dimensions: Some(2),
        url: mock.url("/embed"),
        request,
        search_fragments: Default::default(),
        indexing_fragments: Default::default(),
        response,
        headers: Default::default(),
    }
}

/// A `rest` embedder of two dimensions that takes ten texts at once.
fn repeated(mock: &Mock) -> EmbedderOptions {
    let request = json!({ "input": ["{{text}}", "{{..}}"] });
    let response = json!({ "output": ["{{embedding}}", "{{..}}"] });
    EmbedderOptions::Rest(rest_options(mock, request, response))
}

fn open_ai_options(mock: &Mock, dimensions: Option<usize>) -> EmbedderOptions {
    EmbedderOptions::OpenAi(OpenAiOptions {
        url: Some(mock.url("/v1/embeddings")),
        api_key: Some("k".to_owned()),
        embedding_model: OpenAiModel::Small3,
        dimensions,
        distribution: None,
    })
}

fn ollama_options(mock: &Mock, path: &str, dimensions: Option<usize>) -> EmbedderOptions {
    EmbedderOptions::Ollama(OllamaOptions {
        embedding_model: "m".to_owned(),
        url: Some(mock.url(path)),
        api_key: None,
        distribution: None,
        dimensions,
    })
}

/// The instance with these options in a pool of its own.
fn embedder(options: &EmbedderOptions) -> Result<Arc<Embedder>, EmbeddingError> {
    pool().get(options, &FOREVER)
}

fn texts<T: ToString>(texts: impl IntoIterator<Item = T>) -> Vec<Input> {
    texts.into_iter().map(|text| Input::Text(text.to_string())).collect()
}

/// What embedding of these texts fails with, and the attempts that are counted.
fn failure(
    embedder: &Embedder,
    inputs: &[Input],
) -> (EmbeddingErrorKind, meilisearch_types::batches::EmbedderStats) {
    let counters = RequestCounters::default();
    let context = RequestContext { counters: Some(&counters), ..FOREVER };
    let error = embedder.embed_documents(inputs, &context).expect_err("it must fail");
    (error.kind, counters.stats())
}

fn query(text: &str) -> QueryInput<'_> {
    QueryInput { text: Some(text), media: None }
}

fn bodies(requests: &[Request]) -> Vec<String> {
    requests.iter().map(Request::text).collect()
}

fn ok(answer: Value) -> Reply {
    Reply::json(&answer)
}
