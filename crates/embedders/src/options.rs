//! The options of each source of vectors, as an index stores them (storage-index.md 13.2), with their
//! defaults (vectors.md 2.2 and 10).

use std::collections::BTreeMap;

use meilisearch_types::settings::{Distribution, Pooling};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A source of vectors with its options.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum EmbedderOptions {
    /// A model that the server runs itself.
    HuggingFace(HuggingFaceOptions),
    /// The embeddings of OpenAI, or of a service that speaks like it.
    OpenAi(OpenAiOptions),
    /// A server of Ollama.
    Ollama(OllamaOptions),
    /// Users send the vectors.
    UserProvided(UserProvidedOptions),
    /// Any service that takes and gives JSON.
    Rest(RestOptions),
    /// One source for queries, another one for documents.
    Composite(CompositeOptions),
}

/// Options of the source `huggingFace`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct HuggingFaceOptions {
    /// Name of the model on the hub.
    pub model: String,
    /// Revision of the model; unset means the default branch.
    #[serde(default)]
    pub revision: Option<String>,
    /// How similarities are spread.
    #[serde(default)]
    pub distribution: Option<Distribution>,
    /// How the vectors of tokens become one.
    #[serde(default)]
    pub pooling: Pooling,
}

/// Options of the source `openAi`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct OpenAiOptions {
    /// Address; unset means that of OpenAI.
    #[serde(default)]
    pub url: Option<String>,
    /// The secret; unset means that of the environment.
    #[serde(default)]
    pub api_key: Option<String>,
    /// Model.
    pub embedding_model: OpenAiModel,
    /// Numbers of a vector; unset means those of the model.
    #[serde(default)]
    pub dimensions: Option<usize>,
    /// How similarities are spread.
    #[serde(default)]
    pub distribution: Option<Distribution>,
}

/// A model of OpenAI (vectors.md 10).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[allow(missing_docs, reason = "the names of the models")]
pub enum OpenAiModel {
    #[serde(rename = "text-embedding-ada-002")]
    Ada002,
    #[default]
    #[serde(rename = "text-embedding-3-small")]
    Small3,
    #[serde(rename = "text-embedding-3-large")]
    Large3,
}

/// Options of the source `ollama`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct OllamaOptions {
    /// Model.
    pub embedding_model: String,
    /// Address; unset means that of the environment, or the local one.
    #[serde(default)]
    pub url: Option<String>,
    /// The secret, for servers behind a proxy.
    #[serde(default)]
    pub api_key: Option<String>,
    /// How similarities are spread.
    #[serde(default)]
    pub distribution: Option<Distribution>,
    /// Numbers of a vector; unset means that the server is asked.
    #[serde(default)]
    pub dimensions: Option<usize>,
}

/// Options of the source `userProvided`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct UserProvidedOptions {
    /// Numbers of a vector.
    pub dimensions: usize,
    /// How similarities are spread.
    #[serde(default)]
    pub distribution: Option<Distribution>,
}

/// Options of the source `rest`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RestOptions {
    /// The secret, sent as a bearer token.
    #[serde(default)]
    pub api_key: Option<String>,
    /// How similarities are spread.
    #[serde(default)]
    pub distribution: Option<Distribution>,
    /// Numbers of a vector; unset means that the service is asked.
    #[serde(default)]
    pub dimensions: Option<usize>,
    /// Address.
    pub url: String,
    /// Pattern of a request (vectors.md 8).
    pub request: Value,
    /// Parts of queries, by name.
    #[serde(default)]
    pub search_fragments: BTreeMap<String, Value>,
    /// Parts of documents, by name.
    #[serde(default)]
    pub indexing_fragments: BTreeMap<String, Value>,
    /// Pattern of an answer.
    pub response: Value,
    /// Headers of a request.
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
}

/// Options of the source `composite`: neither side is composite or user provided.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CompositeOptions {
    /// Embeds queries.
    pub search: Box<EmbedderOptions>,
    /// Embeds documents.
    pub index: Box<EmbedderOptions>,
}

impl OpenAiModel {
    /// All models.
    pub const ALL: [OpenAiModel; 3] =
        [OpenAiModel::Small3, OpenAiModel::Large3, OpenAiModel::Ada002];

    /// The model of that name.
    pub fn named(name: &str) -> Option<OpenAiModel> {
        OpenAiModel::ALL.into_iter().find(|model| model.name() == name)
    }

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            OpenAiModel::Ada002 => "text-embedding-ada-002",
            OpenAiModel::Small3 => "text-embedding-3-small",
            OpenAiModel::Large3 => "text-embedding-3-large",
        }
    }

    /// Numbers of a vector where none are asked for.
    pub fn default_dimensions(self) -> usize {
        match self {
            OpenAiModel::Ada002 | OpenAiModel::Small3 => 1536,
            OpenAiModel::Large3 => 3072,
        }
    }

    /// Whether shorter vectors can be asked for.
    pub fn takes_dimensions(self) -> bool {
        self != OpenAiModel::Ada002
    }

    fn distribution(self) -> Distribution {
        let (mean, sigma) = match self {
            OpenAiModel::Ada002 => (0.90, 0.08),
            OpenAiModel::Large3 => (0.70, 0.1),
            OpenAiModel::Small3 => (0.75, 0.1),
        };
        Distribution { mean, sigma }
    }
}

impl EmbedderOptions {
    /// How similarities are spread: as set, or as is known of the model.
    pub fn distribution(&self) -> Option<Distribution> {
        match self {
            EmbedderOptions::HuggingFace(options) => options.distribution.or_else(|| {
                let known = Distribution { mean: 0.85, sigma: 0.1 };
                (options.model == "BAAI/bge-base-en-v1.5").then_some(known)
            }),
            EmbedderOptions::OpenAi(options) => {
                options.distribution.or(Some(options.embedding_model.distribution()))
            }
            EmbedderOptions::Ollama(options) => options.distribution,
            EmbedderOptions::UserProvided(options) => options.distribution,
            EmbedderOptions::Rest(options) => options.distribution,
            EmbedderOptions::Composite(options) => {
                options.search.distribution().or_else(|| options.index.distribution())
            }
        }
    }

    /// Numbers of a vector as far as the options tell; otherwise an instance knows.
    pub fn dimensions(&self) -> Option<usize> {
        match self {
            EmbedderOptions::HuggingFace(_) => None,
            EmbedderOptions::OpenAi(options) => {
                Some(options.dimensions.unwrap_or(options.embedding_model.default_dimensions()))
            }
            EmbedderOptions::Ollama(options) => options.dimensions,
            EmbedderOptions::UserProvided(options) => Some(options.dimensions),
            EmbedderOptions::Rest(options) => options.dimensions,
            EmbedderOptions::Composite(options) => {
                options.search.dimensions().or_else(|| options.index.dimensions())
            }
        }
    }

    /// Whether this build can make an instance: it has no code that runs models.
    pub fn is_built(&self) -> bool {
        match self {
            EmbedderOptions::HuggingFace(_) => false,
            EmbedderOptions::Composite(options) => {
                options.search.is_built() && options.index.is_built()
            }
            _ => true,
        }
    }

    /// The options of what embeds documents.
    pub fn indexing_side(&self) -> &EmbedderOptions {
        match self {
            EmbedderOptions::Composite(options) => &options.index,
            options => options,
        }
    }

    /// The options of what embeds queries.
    pub fn search_side(&self) -> &EmbedderOptions {
        match self {
            EmbedderOptions::Composite(options) => &options.search,
            options => options,
        }
    }

    /// The parts of documents that are embedded in place of a text; empty when a text is.
    pub fn indexing_fragments(&self) -> &BTreeMap<String, Value> {
        static NONE: BTreeMap<String, Value> = BTreeMap::new();
        match self.indexing_side() {
            EmbedderOptions::Rest(options) => &options.indexing_fragments,
            _ => &NONE,
        }
    }

    /// The parts of queries that are embedded in place of the query's text; empty when the text is.
    pub fn search_fragments(&self) -> &BTreeMap<String, Value> {
        static NONE: BTreeMap<String, Value> = BTreeMap::new();
        match self.search_side() {
            EmbedderOptions::Rest(options) => &options.search_fragments,
            _ => &NONE,
        }
    }
}
