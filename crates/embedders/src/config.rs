//! An embedder as an index stores it in the key `embedding_configs` (storage-index.md 13.2).

use serde::{Deserialize, Serialize};

use crate::options::EmbedderOptions;

/// One embedder.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EmbedderConfig {
    /// Its name.
    pub name: String,
    /// How it embeds.
    pub config: Config,
    /// The indexing fragments with the stores of their vectors.
    #[serde(default)]
    pub fragments: Vec<Fragment>,
}

/// A part of documents that is embedded on its own.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fragment {
    /// The store of its vectors among those of the embedder.
    pub id: u8,
    /// Its name among `indexing_fragments` of the options.
    pub name: String,
}

/// What is set of an embedder.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Config {
    /// The source with its options.
    pub embedder_options: EmbedderOptions,
    /// The template of documents.
    pub prompt: Prompt,
    /// Whether vectors are kept as bits; unset means no.
    #[serde(default)]
    pub quantized: Option<bool>,
}

/// The template of documents; not used by embedders that only take vectors or have fragments.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Prompt {
    /// Liquid.
    pub template: String,
    /// Greatest length of the rendered text, in bytes; unset means 400.
    #[serde(default)]
    pub max_bytes: Option<usize>,
}

impl EmbedderConfig {
    /// Numbers the fragments from 0, in the order of their names: their stores are filled anew.
    pub fn number_fragments(&mut self) {
        self.fragments.sort_unstable_by(|a, b| a.name.cmp(&b.name));
        for (fragment, id) in self.fragments.iter_mut().zip(0..) {
            fragment.id = id;
        }
    }

    /// Whether vectors are kept as bits.
    pub fn is_quantized(&self) -> bool {
        self.config.quantized.unwrap_or(false)
    }
}
