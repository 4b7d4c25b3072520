//! The source `openAi` (vectors.md 10): a `rest` service whose patterns are known, and which says of a text
//! that is too long only that the request is bad.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use serde_json::{Value, json};

use crate::client::{Client, Target};
use crate::environment::Environment;
use crate::error::EmbeddingErrorKind;
use crate::options::OpenAiOptions;
use crate::pattern::{Pattern, TEXT};
use crate::request::RequestContext;
use crate::rest::Rest;

const DEFAULT_URL: &str = "https://api.openai.com/v1/embeddings";
/// The most tokens of a text.
const MAX_TOKENS: usize = 8191;

/// The embeddings of OpenAI, or of a service that speaks like it.
#[derive(Debug)]
pub(crate) struct OpenAi {
    /// Takes several texts.
    pub(crate) texts: Rest,
    /// A request that takes the tokens of one text in place of the list of texts.
    tokens: Pattern,
}

impl OpenAi {
    /// No request is made.
    ///
    /// # Errors
    /// The address is wrong.
    pub(crate) fn new(
        options: &OpenAiOptions,
        environment: &Environment,
        client: Arc<Client>,
        context: &RequestContext<'_>,
    ) -> Result<OpenAi, EmbeddingErrorKind> {
        let model = options.embedding_model;
        let asked = options.dimensions.filter(|_| model.takes_dimensions());
        let request = |input: Value| match asked {
            None => json!({ "model": model, "input": input }),
            Some(asked) => json!({ "model": model, "input": input, "dimensions": asked }),
        };
        let tokens = Pattern::parse(&request(json!(TEXT)), TEXT)
            .map_err(|error| EmbeddingErrorKind::Pattern { member: "request", error })?;
        let response = json!({ "data": [{ "embedding": "{{embedding}}" }, "{{..}}"] });
        let url = options.url.as_deref().unwrap_or(DEFAULT_URL);
        let key = options.api_key.as_deref().or(environment.open_ai_key.as_deref());
        let dimensions = options.dimensions.unwrap_or(model.default_dimensions());
        let patterns = (&request(json!([TEXT, "{{..}}"])), TEXT, &response);
        let target = Target::new(url, key, [])?;
        let texts = Rest::with_patterns(client, target, patterns, Some(dimensions), context)?;
        Ok(OpenAi { texts, tokens })
    }

    /// The vectors of the texts of one request. If it is bad, each text is sent alone, and long ones as
    /// their first tokens; these requests are not counted.
    ///
    /// # Errors
    /// There are none.
    pub(crate) fn embed(
        &self,
        inputs: &[Value],
        context: &RequestContext<'_>,
    ) -> Result<Vec<Vec<f32>>, EmbeddingErrorKind> {
        match self.texts.embed(inputs, context) {
            Err(EmbeddingErrorKind::BadRequest { .. }) => {
                let context = context.uncounted();
                inputs.iter().map(|input| self.embed_alone(input, &context)).collect()
            }
            result => result,
        }
    }

    fn embed_alone(
        &self,
        input: &Value,
        context: &RequestContext<'_>,
    ) -> Result<Vec<f32>, EmbeddingErrorKind> {
        let tokens = input.as_str().map(tokens).transpose()?.unwrap_or_default();
        let vectors = match tokens.get(..MAX_TOKENS) {
            None => self.texts.embed(std::slice::from_ref(input), context),
            Some(first) => self.texts.embed_as(&self.tokens, &[json!(first)], context),
        };
        vectors?.pop().ok_or(EmbeddingErrorKind::NoEmbedding)
    }
}

/// The tokens of a text, in which the names of special tokens are plain text.
fn tokens(text: &str) -> Result<Vec<u32>, EmbeddingErrorKind> {
    // The crate panics on texts that are too much for its regular expressions.
    catch_unwind(AssertUnwindSafe(|| tiktoken_rs::cl100k_base_singleton().encode_ordinary(text)))
        .map_err(|_| EmbeddingErrorKind::Tokens)
}
