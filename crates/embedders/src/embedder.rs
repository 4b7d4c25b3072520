//! An instance of an embedder: inputs → vectors.

use std::sync::Arc;

use serde_json::Value;

use crate::cache::QueryCache;
use crate::composite;
use crate::error::{EmbeddingError, EmbeddingErrorKind};
use crate::ollama::ollama;
use crate::open_ai::OpenAi;
use crate::options::{CompositeOptions, EmbedderOptions};
use crate::pool::Shared;
use crate::request::RequestContext;
use crate::rest::Rest;
use crate::threads::{PARALLEL_REQUESTS, Threads};

/// One thing of a document that is embedded.
#[derive(Clone, Debug, PartialEq)]
pub enum Input {
    /// A rendered template.
    Text(String),
    /// A rendered fragment.
    Fragment(Value),
}

/// What of a query is embedded.
#[derive(Clone, Copy, Debug, Default)]
pub struct QueryInput<'q> {
    /// The text, as it was sent.
    pub text: Option<&'q str>,
    /// The parameter `media`.
    pub media: Option<&'q Value>,
}

/// An embedder that is ready: it knows the length of its vectors.
#[derive(Debug)]
pub struct Embedder(Source);

#[derive(Debug)]
enum Source {
    UserProvided { dimensions: usize },
    Remote { provider: Arc<Provider>, threads: Arc<Threads>, cache: QueryCache },
    Composite { search: Box<Embedder>, index: Box<Embedder> },
}

/// Whom requests go to.
#[derive(Debug)]
pub(crate) enum Provider {
    Rest(Rest),
    OpenAi(OpenAi),
}

impl Embedder {
    /// An embedder with these options; providers are asked what the options do not say.
    ///
    /// # Errors
    /// The options are wrong, or a provider cannot be asked.
    pub(crate) fn new(
        options: &EmbedderOptions,
        shared: &Shared,
        context: &RequestContext<'_>,
    ) -> Result<Embedder, EmbeddingErrorKind> {
        let Shared { environment, client, threads, cache_entries } = shared;
        let client = Arc::clone(client);
        let provider = match options {
            EmbedderOptions::UserProvided(options) => {
                return Ok(Embedder(Source::UserProvided { dimensions: options.dimensions }));
            }
            EmbedderOptions::Composite(options) => {
                return Embedder::composite(options, shared, context);
            }
            // This build has no code that runs models.
            EmbedderOptions::HuggingFace(_) => return Err(EmbeddingErrorKind::NoLocalModels),
            EmbedderOptions::Rest(options) => Provider::Rest(Rest::new(options, client, context)?),
            EmbedderOptions::Ollama(options) => {
                Provider::Rest(ollama(options, environment, client, context)?)
            }
            EmbedderOptions::OpenAi(options) => {
                Provider::OpenAi(OpenAi::new(options, environment, client, context)?)
            }
        };
        Ok(Embedder(Source::Remote {
            provider: Arc::new(provider),
            threads: Arc::clone(threads),
            cache: QueryCache::new(*cache_entries),
        }))
    }

    /// One embedder for queries, another one for documents, which agree.
    fn composite(
        options: &CompositeOptions,
        shared: &Shared,
        context: &RequestContext<'_>,
    ) -> Result<Embedder, EmbeddingErrorKind> {
        let side = |options: &EmbedderOptions| match options {
            EmbedderOptions::UserProvided(_) | EmbedderOptions::Composite(_) => {
                Err(EmbeddingErrorKind::NestedSource)
            }
            options => Embedder::new(options, shared, context),
        };
        let (search, index) = (side(&options.search)?, side(&options.index)?);
        let has_fragments = [&*options.search, &*options.index].into_iter().any(|side| {
            !(side.search_fragments().is_empty() && side.indexing_fragments().is_empty())
        });
        composite::check(&search, &index, has_fragments, &context.uncounted())?;
        Ok(Embedder(Source::Composite { search: Box::new(search), index: Box::new(index) }))
    }

    /// Numbers of a vector.
    pub fn dimensions(&self) -> usize {
        match &self.0 {
            Source::UserProvided { dimensions } => *dimensions,
            Source::Remote { provider, .. } => provider.rest().dimensions,
            Source::Composite { index, .. } => index.dimensions(),
        }
    }

    /// How many inputs of documents are best handed over at once.
    pub fn group_size(&self) -> usize {
        match &self.0 {
            Source::UserProvided { .. } => 100,
            Source::Remote { provider, .. } => PARALLEL_REQUESTS * provider.inputs_per_request(),
            Source::Composite { index, .. } => index.group_size(),
        }
    }

    /// The vectors of inputs of documents, in their order.
    ///
    /// # Errors
    /// An input cannot be embedded; those before it are lost too.
    pub fn embed_documents(
        &self,
        inputs: &[Input],
        context: &RequestContext<'_>,
    ) -> Result<Vec<Vec<f32>>, EmbeddingError> {
        let (provider, threads) = match &self.0 {
            _ if inputs.is_empty() => return Ok(Vec::new()),
            Source::UserProvided { .. } => return Err(EmbeddingErrorKind::UserProvided.into()),
            Source::Composite { index, .. } => return index.embed_documents(inputs, context),
            Source::Remote { provider, threads, .. } => (Arc::clone(provider), threads),
        };
        let json = |input: &Input| match input {
            Input::Text(text) => Value::from(text.as_str()),
            Input::Fragment(fragment) => fragment.clone(),
        };
        let slices = inputs.chunks(provider.inputs_per_request());
        let slices: Vec<Vec<Value>> =
            slices.map(|slice| slice.iter().map(json).collect()).collect();
        let vectors = threads.run(slices.len(), context, move |number, context| {
            slices.get(number).map_or(Ok(Vec::new()), |slice| provider.embed(slice, context))
        })?;
        Ok(vectors.into_iter().flatten().collect())
    }

    /// The vector of a query.
    ///
    /// # Errors
    /// The query cannot be embedded, or not before the deadline.
    pub fn embed_query(
        &self,
        query: QueryInput<'_>,
        context: &RequestContext<'_>,
    ) -> Result<Vec<f32>, EmbeddingError> {
        let (provider, cache) = match &self.0 {
            Source::UserProvided { .. } => return Err(EmbeddingErrorKind::UserProvided.into()),
            Source::Composite { search, .. } => return search.embed_query(query, context),
            Source::Remote { provider, cache, .. } => (provider, cache),
        };
        let embed = || {
            let input = provider.rest().query(query)?;
            let vector = provider.embed(&[input], &context.uncounted())?.pop();
            vector.ok_or(EmbeddingErrorKind::NoEmbedding)
        };
        let vector = match query {
            QueryInput { text: Some(text), media: None } => cache.get(text, embed),
            _ => embed(),
        };
        Ok(vector?)
    }

    /// The vectors of a few texts, one request after the other.
    ///
    /// # Errors
    /// A text cannot be embedded.
    pub(crate) fn embed_texts(
        &self,
        texts: &[&str],
        context: &RequestContext<'_>,
    ) -> Result<Vec<Vec<f32>>, EmbeddingErrorKind> {
        let Source::Remote { provider, .. } = &self.0 else {
            return Err(EmbeddingErrorKind::NestedSource);
        };
        let texts: Vec<Value> = texts.iter().map(|text| Value::from(*text)).collect();
        let slices = texts.chunks(provider.inputs_per_request());
        let vectors = slices.map(|slice| provider.embed(slice, context));
        Ok(vectors.collect::<Result<Vec<_>, _>>()?.into_iter().flatten().collect())
    }
}

impl Provider {
    fn rest(&self) -> &Rest {
        match self {
            Provider::Rest(rest) => rest,
            Provider::OpenAi(open_ai) => &open_ai.texts,
        }
    }

    fn inputs_per_request(&self) -> usize {
        self.rest().arity().inputs_per_request()
    }

    /// The vectors of the inputs of one request.
    fn embed(
        &self,
        inputs: &[Value],
        context: &RequestContext<'_>,
    ) -> Result<Vec<Vec<f32>>, EmbeddingErrorKind> {
        match self {
            Provider::Rest(rest) => rest.embed(inputs, context),
            Provider::OpenAi(open_ai) => open_ai.embed(inputs, context),
        }
    }
}
