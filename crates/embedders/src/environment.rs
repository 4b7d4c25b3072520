//! What the environment says of embedders (vectors.md 2.2 and 9.3).

use std::fmt;
use std::time::Duration;

const TIMEOUT: &str = "MEILI_EXPERIMENTAL_REST_EMBEDDER_TIMEOUT_SECONDS";
const MAX_WAIT: &str = "MEILI_EXPERIMENTAL_REST_EMBEDDER_MAX_RETRY_DURATION_SECONDS";

/// The variables of the environment, with their defaults.
#[derive(Clone, PartialEq, Eq)]
pub struct Environment {
    /// Of one attempt without deadline.
    pub timeout: Duration,
    /// The longest time between two attempts.
    pub max_wait: Duration,
    /// The key of `openAi` embedders without one.
    pub open_ai_key: Option<String>,
    /// The address of `ollama` embedders without one.
    pub ollama_url: Option<String>,
}

impl Environment {
    /// That of this process.
    pub fn read() -> Environment {
        Environment::of(|name| std::env::var(name).ok())
    }

    fn of(variable: impl Fn(&str) -> Option<String>) -> Environment {
        let set = |name: &str| variable(name).filter(|value| !value.is_empty());
        let seconds = |name: &str, default: Duration| {
            let Some(text) = set(name) else { return default };
            text.parse().map(Duration::from_secs).unwrap_or_else(|_| {
                // Vectors matter less than a server that runs.
                tracing::warn!(
                    "{name} must be a number of seconds, but it is `{text}`: it is ignored"
                );
                default
            })
        };
        let default = Environment::default();
        Environment {
            timeout: seconds(TIMEOUT, default.timeout),
            max_wait: seconds(MAX_WAIT, default.max_wait),
            open_ai_key: set("MEILI_OPENAI_API_KEY").or_else(|| set("OPENAI_API_KEY")),
            ollama_url: set("MEILI_OLLAMA_URL"),
        }
    }
}

/// That of a process without any of the variables.
impl Default for Environment {
    fn default() -> Environment {
        Environment {
            timeout: Duration::from_secs(30),
            max_wait: Duration::from_secs(60),
            open_ai_key: None,
            ollama_url: None,
        }
    }
}

/// Without the key.
impl fmt::Debug for Environment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Environment { timeout, max_wait, open_ai_key: _, ollama_url } = self;
        f.debug_struct("Environment")
            .field("timeout", timeout)
            .field("max_wait", max_wait)
            .field("ollama_url", ollama_url)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_have_defaults() {
        assert_eq!(Environment::of(|_| None), Environment::default());
        let set = Environment::of(|name| {
            Some(match name {
                TIMEOUT => "2".to_owned(),
                MAX_WAIT => "soon".to_owned(),
                "MEILI_OPENAI_API_KEY" => String::new(),
                other => other.to_lowercase(),
            })
        });
        assert_eq!(set.timeout, Duration::from_secs(2));
        assert_eq!(set.max_wait, Duration::from_secs(60), "what is no number is ignored");
        assert_eq!(set.open_ai_key.as_deref(), Some("openai_api_key"));
        assert_eq!(set.ollama_url.as_deref(), Some("meili_ollama_url"));
        assert!(!format!("{set:?}").contains("openai_api_key"));
    }
}
