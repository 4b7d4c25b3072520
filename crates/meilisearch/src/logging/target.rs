//! What a client of `/logs` wants to see: a list of levels and modules.

use std::str::FromStr;

use deserr::Deserr;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::{ParseError, Targets};

/// How a list is written, for whoever wrote something else.
const USAGE: &str = "give a level (`info`), modules with their levels \
                     (`index_scheduler=debug,milli=trace`) or both, separated by commas; `off` \
                     stands for nothing";

/// What is wanted where a client does not tell.
const DEFAULT_LEVEL: LevelFilter = LevelFilter::INFO;
/// The same as a client writes it.
pub(crate) const DEFAULT_TARGET: &str = "info";

/// Which entries of the logs are wanted. Without a level a module is wanted whole.
#[derive(Debug, Clone, Deserr)]
#[deserr(try_from(&String) = LogTarget::from_str -> LogTargetError)]
pub(crate) struct LogTarget(Targets);

impl Default for LogTarget {
    fn default() -> Self {
        LogTarget(Targets::new().with_default(DEFAULT_LEVEL))
    }
}

impl From<LogTarget> for Targets {
    fn from(target: LogTarget) -> Targets {
        target.0
    }
}

/// Why a text is no such list.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LogTargetError {
    #[error("the list of log targets is empty, or an item of it is: {USAGE}")]
    Empty,
    #[error("`{item}` is no log target ({problem}): {USAGE}")]
    Invalid { item: String, problem: ParseError },
}

impl FromStr for LogTarget {
    type Err = LogTargetError;

    fn from_str(text: &str) -> Result<Self, LogTargetError> {
        let items: Vec<_> = text.split(',').map(str::trim).collect();
        for item in &items {
            if item.is_empty() {
                return Err(LogTargetError::Empty);
            }
            Targets::from_str(item).map_err(|problem| {
                let item = (*item).to_owned();
                LogTargetError::Invalid { item, problem }
            })?;
        }
        let whole = items.join(",");
        let invalid = |problem| LogTargetError::Invalid { item: whole.clone(), problem };
        Targets::from_str(&whole).map(LogTarget).map_err(invalid)
    }
}

#[cfg(test)]
mod tests {
    use tracing::Level;

    use super::*;

    #[test]
    fn levels_and_modules() {
        let target = "warn, milli=debug,index_scheduler".parse::<LogTarget>().unwrap();
        let targets = Targets::from(target);
        assert!(targets.would_enable("meilisearch::start", &Level::WARN));
        assert!(!targets.would_enable("meilisearch::start", &Level::INFO));
        assert!(targets.would_enable("milli::indexing", &Level::DEBUG));
        assert!(!targets.would_enable("milli::indexing", &Level::TRACE));
        assert!(targets.would_enable("index_scheduler", &Level::TRACE));
        let only = Targets::from("milli=INFO".parse::<LogTarget>().unwrap());
        assert!(!only.would_enable("meilisearch", &Level::ERROR));
        let silence = Targets::from("off".parse::<LogTarget>().unwrap());
        assert!(!silence.would_enable("meilisearch", &Level::ERROR));
        let default = Targets::from(LogTarget::default());
        assert_eq!(default, Targets::from(DEFAULT_TARGET.parse::<LogTarget>().unwrap()));
        assert!(default.would_enable("milli", &Level::INFO));
        assert!(!default.would_enable("milli", &Level::DEBUG));
    }

    #[test]
    fn what_is_no_list_is_refused_with_a_hint() {
        for (text, expected) in [
            ("", "is empty"),
            (" ", "is empty"),
            ("info,,milli=debug", "is empty"),
            ("info,", "is empty"),
            ("milli=loud", "`milli=loud`"),
            ("info, a=b=c", "`a=b=c`"),
        ] {
            let complaint = text.parse::<LogTarget>().unwrap_err().to_string();
            assert!(complaint.contains(expected), "{text}: {complaint}");
            assert!(complaint.contains("milli=trace"), "{text}: {complaint}");
        }
    }
}
