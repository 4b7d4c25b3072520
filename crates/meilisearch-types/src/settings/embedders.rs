//! One embedder of setting `embedders` as a request gives it (http-api.md 11, vectors.md 2 and 3).

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use super::Setting;
use crate::error::{Code, ErrorCode};

/// Where an embedder takes vectors from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
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

// search.md 18.2.
/// How the similarities of an embedder are spread.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct EmbedderDistribution {
    /// Mean, 0 to 1.
    pub mean: f32,
    /// Standard deviation, above 0, at most 1.
    pub sigma: f32,
}

macro_rules! embedder_settings {
    ($($(#[$doc:meta])* $field:ident: $type:ty, $name:literal;)*) => {
        /// The members of an embedder, each absent, null or set.
        #[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
        #[serde(deny_unknown_fields)]
        pub struct EmbedderSettings {
            $($(#[$doc])* #[serde(default, rename = $name)] pub $field: Setting<$type>,)*
        }

        impl EmbedderSettings {
            /// The members that are sent, null included.
            fn sent(&self) -> Vec<&'static str> {
                let mut sent = Vec::new();
                $(if !self.$field.is_not_set() { sent.push($name); })*
                sent
            }

            /// The members that are sent and not null.
            fn given(&self) -> Vec<&'static str> {
                let mut given = Vec::new();
                $(if matches!(self.$field, Setting::Set(_)) { given.push($name); })*
                given
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
    pooling: Value, "pooling";
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
    indexing_fragments: BTreeMap<String, Value>, "indexingFragments";
    /// Parts of queries.
    search_fragments: BTreeMap<String, Value>, "searchFragments";
    /// Pattern of a request.
    request: Value, "request";
    /// Pattern of an answer.
    response: Value, "response";
    /// Headers of a request.
    headers: BTreeMap<String, String>, "headers";
    /// The embedder for queries.
    search_embedder: Value, "searchEmbedder";
    /// The embedder for documents.
    indexing_embedder: Value, "indexingEmbedder";
    /// How similarities are spread.
    distribution: EmbedderDistribution, "distribution";
}

/// An embedder that cannot be as it is asked to be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`.embedders.{embedder}`: {cause}")]
pub struct EmbedderSettingsError {
    /// Name of the embedder.
    pub embedder: String,
    /// What is wrong, and what to do.
    pub cause: String,
}

impl EmbedderSettingsError {
    /// An error of one embedder.
    pub fn new(embedder: &str, cause: impl Into<String>) -> EmbedderSettingsError {
        EmbedderSettingsError { embedder: embedder.to_owned(), cause: cause.into() }
    }
}

impl ErrorCode for EmbedderSettingsError {
    fn error_code(&self) -> Code {
        Code::InvalidSettingsEmbedders
    }
}

impl EmbedderSettings {
    /// Reads an embedder and checks the bounds of its members.
    ///
    /// # Errors
    /// A member is unknown, of a wrong type or out of bounds.
    pub fn parse(name: &str, embedder: &Value) -> Result<EmbedderSettings, EmbedderSettingsError> {
        let fail = |cause: String| EmbedderSettingsError::new(name, cause);
        if !embedder.is_object() {
            return Err(fail("an embedder is an object, or null to remove it".to_owned()));
        }
        let settings =
            EmbedderSettings::deserialize(embedder).map_err(|error| fail(error.to_string()))?;
        if let Setting::Set(EmbedderDistribution { mean, sigma }) = settings.distribution {
            if !(0.0..=1.0).contains(&mean) {
                return Err(fail("`distribution.mean` must be between 0 and 1".to_owned()));
            }
            if sigma <= 0.0 || sigma > 1.0 {
                return Err(fail("`distribution.sigma` must be above 0, at most 1".to_owned()));
            }
        }
        for (member, value) in [
            ("dimensions", &settings.dimensions),
            ("documentTemplateMaxBytes", &settings.document_template_max_bytes),
        ] {
            if *value == Setting::Set(0) {
                return Err(fail(format!("`{member}` must be at least 1")));
            }
        }
        Ok(settings)
    }

    /// Refuses members that an embedder of this source has not.
    ///
    /// # Errors
    /// There is one.
    pub fn check_allowed(
        &self,
        name: &str,
        source: EmbedderSource,
    ) -> Result<(), EmbedderSettingsError> {
        let Members { source, required, optional } = source.members();
        let allowed = || [&OF_EVERY_SOURCE, required, optional].into_iter().flatten();
        match self.sent().into_iter().find(|member| !allowed().any(|allowed| allowed == member)) {
            Some(member) => Err(EmbedderSettingsError::new(
                name,
                format!(
                    "an embedder of source `{source}` has no `{member}`; it takes {}",
                    allowed().map(|allowed| format!("`{allowed}`")).collect::<Vec<_>>().join(", ")
                ),
            )),
            None => Ok(()),
        }
    }

    /// Asks for the members that a request naming this source must hold.
    ///
    /// # Errors
    /// One is missing.
    pub fn check_required(
        &self,
        name: &str,
        source: EmbedderSource,
    ) -> Result<(), EmbedderSettingsError> {
        let Members { source, required, .. } = source.members();
        let given = self.given();
        match required.iter().find(|member| !given.contains(member)) {
            Some(member) => Err(EmbedderSettingsError::new(
                name,
                format!("an embedder of source `{source}` needs `{member}`"),
            )),
            None => Ok(()),
        }
    }
}

/// The members that an embedder has, by its source (http-api.md 11).
struct Members {
    source: &'static str,
    required: &'static [&'static str],
    optional: &'static [&'static str],
}

const OF_EVERY_SOURCE: [&str; 3] = ["source", "binaryQuantized", "distribution"];

impl EmbedderSource {
    fn members(self) -> Members {
        let members = |source, required, optional| Members { source, required, optional };
        match self {
            EmbedderSource::OpenAi => members(
                "openAi",
                &[],
                &[
                    "model",
                    "apiKey",
                    "dimensions",
                    "documentTemplate",
                    "documentTemplateMaxBytes",
                    "url",
                ],
            ),
            EmbedderSource::HuggingFace => members(
                "huggingFace",
                &[],
                &["model", "revision", "pooling", "documentTemplate", "documentTemplateMaxBytes"],
            ),
            EmbedderSource::Ollama => members(
                "ollama",
                &["model"],
                &["apiKey", "dimensions", "documentTemplate", "documentTemplateMaxBytes", "url"],
            ),
            EmbedderSource::UserProvided => members("userProvided", &["dimensions"], &[]),
            EmbedderSource::Rest => members(
                "rest",
                &["url", "request", "response"],
                &[
                    "apiKey",
                    "dimensions",
                    "documentTemplate",
                    "documentTemplateMaxBytes",
                    "headers",
                    "indexingFragments",
                    "searchFragments",
                ],
            ),
            EmbedderSource::Composite => {
                members("composite", &["searchEmbedder", "indexingEmbedder"], &[])
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::Settings;
    use super::*;

    fn check(embedder: Value) -> Option<String> {
        let embedders = BTreeMap::from([("e".to_owned(), Setting::Set(embedder))]);
        let settings = Settings { embedders: Setting::Set(embedders), ..Settings::default() };
        let checked = settings.check_embedders().and_then(|()| settings.check_embedder_sources());
        checked.err().map(|error| error.cause)
    }

    #[test]
    fn embedders_that_are_right() {
        for embedder in [
            json!({"source": "userProvided", "dimensions": 2}),
            json!({"source": "userProvided", "dimensions": 2, "binaryQuantized": null,
                   "distribution": {"mean": 0.5, "sigma": 1}}),
            json!({"dimensions": 3}),
            json!({"binaryQuantized": true}),
        ] {
            assert_eq!(check(embedder.clone()), None, "{embedder}");
        }
    }

    #[test]
    fn embedders_that_are_wrong() {
        for (embedder, told) in [
            (json!({"source": "userProvided"}), "dimensions"),
            (json!({"source": "userProvided", "dimensions": null}), "dimensions"),
            (json!({"source": "userProvided", "dimensions": 2, "url": null}), "`url`"),
            (json!({"source": "nobody"}), "nobody"),
            (json!({"dimension": 2}), "dimension"),
            (json!({"dimensions": 0}), "dimensions"),
            (json!({"dimensions": "2"}), "usize"),
            (json!({"distribution": {"mean": 2, "sigma": 0.5}}), "mean"),
            (json!({"distribution": {"mean": 0, "sigma": 0}}), "sigma"),
            (json!([]), "object"),
            (json!({"source": "rest"}), "`url`"),
            (json!({"source": "rest", "url": "http://a", "request": {}}), "`response`"),
            (json!({"source": "ollama", "model": null}), "`model`"),
            (json!({"source": "openAi", "revision": "main"}), "`revision`"),
            (json!({"source": "huggingFace", "apiKey": null}), "`apiKey`"),
            (json!({"source": "composite", "searchEmbedder": {}}), "`indexingEmbedder`"),
        ] {
            let cause = check(embedder.clone()).unwrap_or_default();
            assert!(cause.contains(told), "{embedder}: {cause}");
        }
    }
}
