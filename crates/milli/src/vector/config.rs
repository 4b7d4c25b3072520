//! An embedder as it is stored (storage-index.md 13.2), and as users see it (vectors.md 2.3).

use heed::types::SerdeJson;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::VectorStore;
use crate::store::MainKey;

/// The embedders of an index.
pub(crate) const CONFIGS: MainKey<SerdeJson<Vec<EmbedderConfig>>> =
    MainKey::new("embedding_configs");

/// One embedder.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EmbedderConfig {
    /// Its name.
    pub name: String,
    /// How it embeds.
    pub(crate) config: Config,
    /// Fragments of documents that are embedded on their own.
    #[serde(default)]
    pub(crate) fragments: Vec<Fragment>,
}

/// A part of documents that is embedded on its own.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Fragment {
    /// The store of its vectors among those of the embedder.
    pub(crate) id: u8,
    pub(crate) name: String,
}

/// What is set of an embedder.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Config {
    pub(crate) embedder_options: EmbedderOptions,
    pub(crate) prompt: Prompt,
    #[serde(default)]
    pub(crate) quantized: Option<bool>,
}

/// The template of documents; not used by embedders that only take vectors.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Prompt {
    pub(crate) template: String,
    #[serde(default)]
    pub(crate) max_bytes: Option<usize>,
}

/// The source of vectors with its options.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum EmbedderOptions {
    /// Users send the vectors.
    UserProvided {
        /// Numbers of a vector.
        dimensions: usize,
        /// How similarities are spread.
        #[serde(default)]
        distribution: Option<Distribution>,
    },
    /// A source that is not built, as stored.
    #[serde(untagged)]
    Other(Value),
}

/// Mean and spread of the similarities of an embedder (search.md 18.2).
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Distribution {
    /// Mean, 0 to 1.
    pub mean: f32,
    /// Standard deviation, above 0, at most 1.
    pub sigma: f32,
}

impl Distribution {
    /// Spreads a similarity: the mean comes to the middle of 0 to 1 (search.md 18.2).
    pub(super) fn shift(self, similarity: f32) -> f32 {
        let factor = 0.4 / self.sigma;
        let shifted = factor * similarity + (0.5 - factor * self.mean);
        if shifted <= 0.0 { f32::EPSILON } else { shifted.min(1.0) }
    }
}

impl EmbedderConfig {
    /// Whether vectors are kept as bits.
    pub fn is_quantized(&self) -> bool {
        self.config.quantized.unwrap_or(false)
    }

    /// Numbers of a vector; `None` when the source is not built.
    pub fn dimensions(&self) -> Option<usize> {
        match self.config.embedder_options {
            EmbedderOptions::UserProvided { dimensions, .. } => Some(dimensions),
            EmbedderOptions::Other(_) => None,
        }
    }

    /// The stores of the embedder, whose id is `id`; `None` when the source is not built.
    pub(crate) fn store(&self, id: u8) -> Option<VectorStore> {
        let dimensions = self.dimensions()?;
        Some(VectorStore { id, dimensions, is_quantized: self.is_quantized() })
    }

    /// The embedder as a setting; `None` when the source is not built.
    ///
    /// # Errors
    /// A number cannot be written.
    pub(crate) fn shown(&self) -> Option<Value> {
        let EmbedderOptions::UserProvided { dimensions, distribution } =
            &self.config.embedder_options
        else {
            return None;
        };
        let mut shown = Map::new();
        shown.insert("source".to_owned(), "userProvided".into());
        shown.insert("dimensions".to_owned(), (*dimensions).into());
        if let Some(quantized) = self.config.quantized {
            shown.insert("binaryQuantized".to_owned(), quantized.into());
        }
        if let Some(distribution) = distribution {
            // By way of text: a JSON value would show the digits of the number widened to 64 bits.
            let text = serde_json::to_string(distribution).ok()?;
            shown.insert("distribution".to_owned(), serde_json::from_str(&text).ok()?);
        }
        Some(Value::Object(shown))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The table of vectors.md 21.1.
    #[test]
    fn similarities_are_spread() {
        let distribution = Distribution { mean: 0.7, sigma: 0.3 };
        for (similarity, shifted) in
            [(1.0, 0.9), (0.853_553_4, 0.704_737_9), (0.5, 0.233_333_35), (0.0, f32::EPSILON)]
        {
            assert_eq!(distribution.shift(similarity), shifted);
        }
        assert_eq!(Distribution { mean: 0.0, sigma: 0.1 }.shift(1.0), 1.0);
    }
}
