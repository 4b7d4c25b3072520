//! One embedder of setting `embedders` as a request gives it and as it is shown (http-api.md 11, vectors.md
//! 2). Which members go together is told by crate `embedders`, which knows the sources.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize, Serializer};
use serde_json::Value;

use super::Setting;
use crate::error::{Code, ErrorCode};

/// Where an embedder takes vectors from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[allow(missing_docs, reason = "the names of the services")]
pub enum EmbedderSource {
    OpenAi,
    HuggingFace,
    Ollama,
    UserProvided,
    Rest,
    Composite,
}

// The default is that of stored options and dumps without it; new embedders begin with `UseModel`.
/// How the vectors of tokens become one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Pooling {
    /// As the model's files say.
    UseModel,
    /// The first token's vector.
    ForceCls,
    /// The mean of all.
    #[default]
    ForceMean,
}

// search.md 18.2.
/// How the similarities of an embedder are spread.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Distribution {
    /// Mean, 0 to 1.
    #[serde(serialize_with = "shortest")]
    pub mean: f32,
    /// Standard deviation, above 0, at most 1.
    #[serde(serialize_with = "shortest")]
    pub sigma: f32,
}

/// Writes the shortest number that is read back the same; a JSON value would show the digits of the number
/// widened to 64 bits.
fn shortest<S: Serializer>(number: &f32, serializer: S) -> Result<S::Ok, S::Error> {
    let shortest: f64 = number.to_string().parse().map_err(serde::ser::Error::custom)?;
    shortest.serialize(serializer)
}

impl Distribution {
    /// Spreads a similarity: the mean comes to the middle of 0 to 1 (search.md 18.2).
    pub fn shift(self, similarity: f32) -> f32 {
        let factor = 0.4 / self.sigma;
        let shifted = factor * similarity + (0.5 - factor * self.mean);
        if shifted <= 0.0 { f32::EPSILON } else { shifted.min(1.0) }
    }
}

// vectors.md 7.
/// A part of documents or of queries.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FragmentSettings {
    /// JSON whose strings are templates.
    #[serde(deserialize_with = "given")]
    pub value: Value,
}

/// Reads a value that must be there, though it may be null.
fn given<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Value, D::Error> {
    Value::deserialize(deserializer)
}

/// Fragments by name; null removes one.
pub type FragmentsSettings = BTreeMap<String, Option<FragmentSettings>>;

/// A member of an embedder, read from JSON that is not null.
trait Member: Sized {
    /// # Errors
    /// It is of a wrong type; `name` is its path from the embedder.
    fn read(name: &str, value: &Value) -> Result<Self, String>;
}

impl<T: DeserializeOwned> Member for T {
    fn read(name: &str, value: &Value) -> Result<T, String> {
        T::deserialize(value).map_err(|error| format!("`{name}`: {error}"))
    }
}

impl Member for Box<EmbedderSettings> {
    fn read(name: &str, value: &Value) -> Result<Box<EmbedderSettings>, String> {
        EmbedderSettings::read(value).map(Box::new).map_err(|cause| format!("in `{name}`: {cause}"))
    }
}

macro_rules! embedder_settings {
    ($($(#[$doc:meta])* $field:ident: $type:ty, $name:literal;)*) => {
        /// The members of an embedder, each absent, null or set.
        #[derive(Debug, Clone, Default, PartialEq, Serialize, JsonSchema)]
        #[serde(deny_unknown_fields)]
        pub struct EmbedderSettings {
            $(
                $(#[$doc])*
                #[serde(default, rename = $name, skip_serializing_if = "Setting::is_not_set")]
                pub $field: Setting<$type>,
            )*
        }

        impl EmbedderSettings {
            /// The names of all members, in the order in which they are shown.
            const NAMES: &'static [&'static str] = &[$($name),*];

            /// The members that are sent, null included.
            pub fn sent(&self) -> Vec<&'static str> {
                let mut sent = Vec::new();
                $(if !self.$field.is_not_set() { sent.push($name); })*
                sent
            }

            /// The members that are sent and not null.
            pub fn given(&self) -> Vec<&'static str> {
                let mut given = Vec::new();
                $(if matches!(self.$field, Setting::Set(_)) { given.push($name); })*
                given
            }

            /// Forgets the members that a function does not keep.
            pub fn retain(&mut self, keeps: impl Fn(&str) -> bool) {
                $(if !keeps($name) { self.$field = Setting::NotSet; })*
            }

            /// Puts the members of a request on top; those that it resets become absent.
            pub fn overwrite_with(&mut self, request: EmbedderSettings) {
                $(match request.$field {
                    Setting::NotSet => {}
                    Setting::Reset => self.$field = Setting::NotSet,
                    set => self.$field = set,
                })*
            }

            fn read_member(&mut self, name: &str, value: &Value) -> Result<(), String> {
                match name {
                    $($name => {
                        self.$field = match value {
                            Value::Null => Setting::Reset,
                            value => Setting::Set(Member::read(name, value)?),
                        };
                    })*
                    _ => {
                        let known = EmbedderSettings::NAMES.join("`, `");
                        return Err(format!("an embedder has no `{name}`; it may have `{known}`"));
                    }
                }
                Ok(())
            }
        }
    };
}

embedder_settings! {
    /// The source.
    source: EmbedderSource, "source";
    /// Name of the model.
    model: String, "model";
    /// Revision of the model.
    revision: String, "revision";
    /// How a model's output becomes one vector.
    pooling: Pooling, "pooling";
    /// The secret for the service.
    api_key: String, "apiKey";
    /// Numbers of a vector.
    dimensions: usize, "dimensions";
    /// Whether only the sign of each number is kept.
    binary_quantized: bool, "binaryQuantized";
    /// Template of a document's text.
    document_template: String, "documentTemplate";
    /// Greatest length of that text in bytes.
    document_template_max_bytes: usize, "documentTemplateMaxBytes";
    /// Address of the service.
    url: String, "url";
    /// Parts of documents that are embedded on their own.
    indexing_fragments: FragmentsSettings, "indexingFragments";
    /// Parts of queries.
    search_fragments: FragmentsSettings, "searchFragments";
    /// Pattern of a request.
    request: Value, "request";
    /// Pattern of an answer.
    response: Value, "response";
    /// Headers of a request.
    headers: BTreeMap<String, String>, "headers";
    /// The embedder for queries.
    search_embedder: Box<EmbedderSettings>, "searchEmbedder";
    /// The embedder for documents.
    indexing_embedder: Box<EmbedderSettings>, "indexingEmbedder";
    /// How similarities are spread.
    distribution: Distribution, "distribution";
}

/// An embedder that cannot be as it is asked to be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`.embedders.{embedder}`: {cause}")]
pub struct EmbedderSettingsError {
    /// Name of the embedder.
    pub embedder: String,
    /// What is wrong, and what to do.
    pub cause: String,
    /// The kind of mistake (vectors.md 3.1).
    pub code: Code,
}

impl EmbedderSettingsError {
    /// A wrong member of one embedder.
    pub fn new(embedder: &str, cause: impl Into<String>) -> EmbedderSettingsError {
        EmbedderSettingsError {
            embedder: embedder.to_owned(),
            cause: cause.into(),
            code: Code::InvalidSettingsEmbedders,
        }
    }
}

impl ErrorCode for EmbedderSettingsError {
    fn error_code(&self) -> Code {
        self.code
    }
}

impl EmbedderSettings {
    /// Reads an embedder.
    ///
    /// # Errors
    /// A member is unknown or of a wrong type, or a distribution out of bounds.
    pub fn parse(name: &str, embedder: &Value) -> Result<EmbedderSettings, EmbedderSettingsError> {
        EmbedderSettings::read(embedder).map_err(|cause| EmbedderSettingsError::new(name, cause))
    }

    fn read(embedder: &Value) -> Result<EmbedderSettings, String> {
        let Value::Object(members) = embedder else {
            return Err("an embedder is an object, or null to remove it".to_owned());
        };
        let mut settings = EmbedderSettings::default();
        for (name, value) in members {
            settings.read_member(name, value)?;
        }
        if let Setting::Set(Distribution { mean, sigma }) = settings.distribution {
            if !(0.0..=1.0).contains(&mean) {
                return Err("`distribution.mean` must be between 0 and 1".to_owned());
            }
            if !(sigma > 0.0 && sigma <= 1.0) {
                return Err("`distribution.sigma` must be above 0, at most 1".to_owned());
            }
        }
        Ok(settings)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn members_are_read_and_shown() {
        let embedder = r#"{"source":"composite","pooling":"forceCls","apiKey":null,"dimensions":2,"indexingFragments":{"a":{"value":null},"b":null},"request":{"a":["{{text}}"]},"headers":{"h":"v"},"searchEmbedder":{"source":"rest"},"distribution":{"mean":0.7,"sigma":0.1}}"#;
        let settings = EmbedderSettings::parse("e", &serde_json::from_str(embedder).unwrap());
        let settings = settings.unwrap();
        assert_eq!(serde_json::to_value(&settings).unwrap().to_string(), embedder);
        assert_eq!(settings.api_key, Setting::Reset);
    }

    #[test]
    fn members_that_are_wrong() {
        for (embedder, told) in [
            (json!({"source": "nobody"}), "`source`"),
            (json!({"dimension": 2}), "`dimension`"),
            (json!({"dimensions": "2"}), "`dimensions`"),
            (json!({"dimensions": -2}), "`dimensions`"),
            (json!({"pooling": "max"}), "`pooling`"),
            (json!({"headers": {"a": 1}}), "`headers`"),
            (json!({"indexingFragments": {"a": {}}}), "`value`"),
            (json!({"searchFragments": {"a": {"value": 1, "other": 2}}}), "`other`"),
            (json!({"searchFragments": ["a"]}), "`searchFragments`"),
            (json!({"distribution": {"mean": 2, "sigma": 0.5}}), "mean"),
            (json!({"distribution": {"mean": 0, "sigma": 0}}), "sigma"),
            (json!({"distribution": {"mean": 0}}), "sigma"),
            (json!({"searchEmbedder": {"dimensions": "2"}}), "in `searchEmbedder`: `dimensions`"),
            (json!({"indexingEmbedder": 1}), "in `indexingEmbedder`"),
            (json!([]), "object"),
        ] {
            let error = EmbedderSettings::parse("e", &embedder).unwrap_err();
            assert!(error.cause.contains(told), "{embedder}: {error}");
            assert_eq!(error.error_code(), Code::InvalidSettingsEmbedders);
        }
    }

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
