//! The source `rest`: any service that takes and gives JSON. The other remote sources are told in its terms.

use std::sync::Arc;

use serde_json::Value;

use crate::client::{Client, Target};
use crate::embedder::QueryInput;
use crate::error::EmbeddingErrorKind;
use crate::fragment::FragmentTemplate;
use crate::options::RestOptions;
use crate::pattern::{Arity, EMBEDDING, FRAGMENT, Pattern, TEXT};
use crate::request::RequestContext;

/// The text that a provider is asked for, to see how long its vectors are.
pub(crate) const PROBE: &str = "test";

/// A service with what it is sent and what it answers.
#[derive(Debug)]
pub(crate) struct Rest {
    client: Arc<Client>,
    target: Target,
    request: Pattern,
    response: Pattern,
    /// Numbers of a vector; 0 until the service has been asked.
    pub(crate) dimensions: usize,
    /// By name; of embedders without any, queries are embedded as their text.
    search_fragments: Vec<(String, FragmentTemplate)>,
}

impl Rest {
    /// A service as set up by users; it is asked for the length of its vectors if that is not given.
    ///
    /// # Errors
    /// The options are wrong, or the service cannot be asked.
    pub(crate) fn new(
        options: &RestOptions,
        client: Arc<Client>,
        context: &RequestContext<'_>,
    ) -> Result<Rest, EmbeddingErrorKind> {
        let has_fragments =
            !(options.search_fragments.is_empty() && options.indexing_fragments.is_empty());
        if has_fragments && options.dimensions.is_none() {
            return Err(EmbeddingErrorKind::FragmentsWithoutDimensions);
        }
        let placeholder = if has_fragments { FRAGMENT } else { TEXT };
        let fragment = |(name, value): (&String, &Value)| {
            let template = FragmentTemplate::parse(value)
                .map_err(|error| EmbeddingErrorKind::Fragment { name: name.clone(), error })?;
            Ok((name.clone(), template))
        };
        let search_fragments =
            options.search_fragments.iter().map(fragment).collect::<Result<_, _>>()?;
        let target = Target::new(&options.url, options.api_key.as_deref(), &options.headers)?;
        let patterns = (&options.request, placeholder, &options.response);
        let rest = Rest::with_patterns(client, target, patterns, options.dimensions, context)?;
        Ok(Rest { search_fragments, ..rest })
    }

    /// A service without fragments: its address, its `request` with the placeholder in it, its `response`.
    ///
    /// # Errors
    /// The patterns are wrong, or the service cannot be asked for the length of its vectors.
    pub(crate) fn with_patterns(
        client: Arc<Client>,
        target: Target,
        (request, placeholder, response): (&Value, &'static str, &Value),
        dimensions: Option<usize>,
        context: &RequestContext<'_>,
    ) -> Result<Rest, EmbeddingErrorKind> {
        let wrong = |member| move |error| EmbeddingErrorKind::Pattern { member, error };
        let request = Pattern::parse(request, placeholder).map_err(wrong("request"))?;
        let response = Pattern::parse(response, EMBEDDING).map_err(wrong("response"))?;
        if request.arity() != response.arity() {
            return Err(EmbeddingErrorKind::PatternArity);
        }
        let search_fragments = Vec::new();
        let mut rest = Rest { client, target, request, response, dimensions: 0, search_fragments };
        rest.dimensions = match dimensions {
            Some(dimensions) => dimensions,
            None => rest.probe(&context.uncounted())?,
        };
        Ok(rest)
    }

    /// How many inputs a request takes.
    pub(crate) fn arity(&self) -> Arity {
        self.request.arity()
    }

    /// The vectors of the inputs of one request.
    ///
    /// # Errors
    /// There are none, or not as many, or of another length.
    pub(crate) fn embed(
        &self,
        inputs: &[Value],
        context: &RequestContext<'_>,
    ) -> Result<Vec<Vec<f32>>, EmbeddingErrorKind> {
        self.embed_as(&self.request, inputs, context)
    }

    /// [`Rest::embed`] with another form of request.
    ///
    /// # Errors
    /// The same.
    pub(crate) fn embed_as(
        &self,
        request: &Pattern,
        inputs: &[Value],
        context: &RequestContext<'_>,
    ) -> Result<Vec<Vec<f32>>, EmbeddingErrorKind> {
        let body = request.render(inputs);
        self.client.post(&self.target, &body, context, |answer| {
            let vectors = self.vectors(answer, inputs.len())?;
            match vectors.iter().find(|vector| vector.len() != self.dimensions) {
                None => Ok(vectors),
                Some(vector) => Err(EmbeddingErrorKind::WrongDimensions {
                    expected: self.dimensions,
                    found: vector.len(),
                }),
            }
        })
    }

    /// What is embedded of a query: the text, or the one search fragment that fits.
    ///
    /// # Errors
    /// Nothing, or not exactly one fragment.
    pub(crate) fn query(&self, query: QueryInput<'_>) -> Result<Value, EmbeddingErrorKind> {
        if self.search_fragments.is_empty() {
            return text_of(query);
        }
        let fit = |(name, template): &(String, FragmentTemplate)| {
            template.of_query(query).ok().map(|fragment| (name.clone(), fragment))
        };
        let mut fitting: Vec<_> = self.search_fragments.iter().filter_map(fit).collect();
        match (fitting.pop(), fitting.is_empty()) {
            (Some((_, fragment)), true) => Ok(fragment),
            (last, _) => {
                let matching = fitting.into_iter().chain(last).map(|(name, _)| name).collect();
                Err(EmbeddingErrorKind::FragmentMatch { matching })
            }
        }
    }

    fn vectors(
        &self,
        answer: &Value,
        expected: usize,
    ) -> Result<Vec<Vec<f32>>, EmbeddingErrorKind> {
        let vectors = self.response.extract(answer).map_err(EmbeddingErrorKind::Extraction)?;
        match vectors.len() {
            found if found != expected => Err(EmbeddingErrorKind::WrongCount { expected, found }),
            _ => Ok(vectors),
        }
    }

    /// The length of the service's vectors.
    fn probe(&self, context: &RequestContext<'_>) -> Result<usize, EmbeddingErrorKind> {
        let body = self.request.render(&[Value::from(PROBE)]);
        let length = self.client.post(&self.target, &body, context, |answer| {
            let vectors = self.vectors(answer, 1)?;
            let length = vectors.first().map_or(0, Vec::len);
            if length == 0 { Err(EmbeddingErrorKind::NoEmbedding) } else { Ok(length) }
        });
        length.map_err(|kind| match kind {
            EmbeddingErrorKind::Stopped | EmbeddingErrorKind::OutOfTime => kind,
            kind => EmbeddingErrorKind::Probe(Box::new(kind)),
        })
    }
}

/// The text of a query for what embeds nothing else.
fn text_of(query: QueryInput<'_>) -> Result<Value, EmbeddingErrorKind> {
    match query {
        QueryInput { media: Some(_), .. } => Err(EmbeddingErrorKind::MediaNotSupported),
        QueryInput { text: Some(text), .. } => Ok(text.into()),
        QueryInput { text: None, media: None } => Err(EmbeddingErrorKind::NothingToEmbed),
    }
}
