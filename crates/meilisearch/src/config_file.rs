//! The configuration file (operations.md section 2): TOML, flat, its keys are the names of the options in
//! snake_case. What the command line or the environment gives wins.
//!
//! The definitions of the options are the only list of keys. A value of the file takes part as if it had been
//! given on the command line, so it is judged by the same rules.

use std::any::TypeId;
use std::ffi::OsString;
use std::io;
use std::num::{NonZeroU64, NonZeroUsize};
use std::path::PathBuf;

use clap::parser::ValueSource;
use clap::{Arg, ArgAction, ArgMatches, Command, CommandFactory, FromArgMatches};
use meilisearch_types::not_implemented::OPTIONS as NOT_BUILT;
use toml::{Table, Value};

use crate::options::{IndexingThreads, Options, SnapshotInterval};

/// The key of the file's own path, which cannot stand in it.
const PATH_KEY: &str = "config_file_path";
/// Arguments that ask for a text instead of a server.
const NOT_IN_FILE: [&str; 3] = ["help", "version", "print_openapi"];
/// Keys that work from the command line and the environment only: an import happens once.
const WITHOUT_EFFECT: [&str; 6] = [
    "import_snapshot",
    "ignore_missing_snapshot",
    "ignore_snapshot_if_db_exists",
    "import_dump",
    "ignore_missing_dump",
    "ignore_dump_if_db_exists",
];

/// Why a configuration file is refused.
#[derive(Debug, thiserror::Error)]
#[error("the configuration file `{}` {problem}", path.display())]
pub struct ConfigFileError {
    path: PathBuf,
    problem: Problem,
}

#[derive(Debug, thiserror::Error)]
enum Problem {
    #[error("cannot be read: {0}")]
    Unreadable(#[from] io::Error),
    #[error("is no TOML: {0}")]
    NotToml(#[from] toml::de::Error),
    #[error("has the key `{0}`, which is no option; `--help` lists them")]
    UnknownKey(String),
    #[error("has the key `{PATH_KEY}`: a configuration file cannot name another one")]
    PathInside,
    #[error("asks for `{0}`, which is not built yet; start without it")]
    NotBuilt(String),
    #[error("gives `{key}` {found}, but it must be {expected}")]
    WrongType { key: String, found: &'static str, expected: &'static str },
    #[error("gives `{key}` the value `{value}`, which must be one of {accepted}")]
    WrongChoice { key: String, value: String, accepted: String },
}

/// The options, and the configuration file that was read, if there is one. Ends the process if the arguments
/// are wrong, or ask for help.
///
/// # Errors
/// The configuration file is refused, or was asked for and cannot be read.
pub fn parse_options(
    arguments: Vec<OsString>,
) -> Result<(Options, Option<PathBuf>), ConfigFileError> {
    let mut command = Options::command();
    let matches = command.try_get_matches_from_mut(&arguments).unwrap_or_else(|error| error.exit());
    // What was matched converts.
    let options = Options::from_arg_matches(&matches).unwrap_or_else(|error| error.exit());
    let asked_for = matches.value_source(PATH_KEY) != Some(ValueSource::DefaultValue);
    let path = options.config_file_path.clone();
    let refused = |problem| ConfigFileError { path: path.clone(), problem };
    let text = match std::fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) if asked_for => return Err(refused(error.into())),
        Err(_) => return Ok((options, None)),
    };
    let of_file = arguments_of(&text, &command, &matches).map_err(refused)?;
    let mut all = arguments;
    // Behind the name of the program.
    let behind = all.len().min(1);
    all.splice(behind..behind, of_file);
    let matches = command.try_get_matches_from(all);
    let options = matches.and_then(|matches| Options::from_arg_matches(&matches));
    let options = options.unwrap_or_else(|error| {
        eprintln!("The configuration file `{}` has a wrong value:", path.display());
        error.exit()
    });
    Ok((options, Some(path)))
}

/// The file as arguments, without those that are given already.
fn arguments_of(
    text: &str,
    command: &Command,
    given: &ArgMatches,
) -> Result<Vec<OsString>, Problem> {
    let mut arguments = Vec::new();
    for (key, value) in toml::from_str::<Table>(text)? {
        let arg = command.get_arguments().find(|arg| arg.get_id() == key.as_str());
        match arg {
            _ if key == PATH_KEY => return Err(Problem::PathInside),
            _ if WITHOUT_EFFECT.contains(&key.as_str()) => {}
            Some(arg) if !NOT_IN_FILE.contains(&key.as_str()) => {
                let argument = argument(&key, &value, arg)?;
                if !is_given(arg, given) {
                    arguments.extend(argument.map(OsString::from));
                }
            }
            _ if NOT_BUILT.contains(&key.as_str()) => return Err(Problem::NotBuilt(key)),
            _ => return Err(Problem::UnknownKey(key)),
        }
    }
    Ok(arguments)
}

fn is_given(arg: &Arg, given: &ArgMatches) -> bool {
    // An empty variable counts as set.
    given.value_source(arg.get_id().as_str()) == Some(ValueSource::CommandLine)
        || arg.get_env().is_some_and(|variable| std::env::var_os(variable).is_some())
}

/// A key and its value as an argument; none for a flag that is off.
fn argument(key: &str, value: &Value, arg: &Arg) -> Result<Option<String>, Problem> {
    let flag = format!("--{}", key.replace('_', "-"));
    let text = match (Expected::of(arg), value) {
        (Expected::Flag, Value::Boolean(on)) => return Ok(on.then_some(flag)),
        (Expected::Interval, Value::Boolean(true)) => return Ok(Some(flag)),
        (Expected::Interval, Value::Boolean(false)) => return Ok(None),
        (Expected::Number | Expected::Interval, Value::Integer(number)) => number.to_string(),
        (Expected::Text, Value::String(text)) => text.clone(),
        (Expected::List, Value::Array(items)) => {
            let texts: Option<Vec<_>> = items.iter().map(Value::as_str).collect();
            texts.ok_or_else(|| wrong_type(key, value, Expected::List))?.join(",")
        }
        (expected, _) => return Err(wrong_type(key, value, expected)),
    };
    // The command line takes any case, the file only the names as they are.
    if arg.is_ignore_case_set() {
        let accepted = arg.get_possible_values();
        if !accepted.iter().any(|choice| choice.get_name() == text) {
            let names: Vec<_> =
                accepted.iter().map(|choice| format!("`{}`", choice.get_name())).collect();
            let (key, accepted) = (key.to_owned(), names.join(", "));
            return Err(Problem::WrongChoice { key, value: text, accepted });
        }
    }
    Ok(Some(format!("{flag}={text}")))
}

fn wrong_type(key: &str, found: &Value, expected: Expected) -> Problem {
    let found = match found {
        Value::String(_) => "a string",
        Value::Integer(_) => "an integer",
        Value::Float(_) => "a float",
        Value::Boolean(_) => "a boolean",
        Value::Datetime(_) => "a date",
        Value::Array(_) => "an array",
        Value::Table(_) => "a table",
    };
    Problem::WrongType { key: key.to_owned(), found, expected: expected.description() }
}

/// The TOML type of an option.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Expected {
    Flag,
    Number,
    Text,
    /// Strings that the command line separates by commas.
    List,
    /// A flag that may have a number.
    Interval,
}

impl Expected {
    fn of(arg: &Arg) -> Expected {
        if matches!(arg.get_action(), ArgAction::SetTrue) {
            return Expected::Flag;
        }
        if arg.get_value_delimiter().is_some() {
            return Expected::List;
        }
        let parsed = arg.get_value_parser().type_id();
        let numbers = [
            TypeId::of::<usize>(),
            TypeId::of::<u64>(),
            TypeId::of::<NonZeroUsize>(),
            TypeId::of::<NonZeroU64>(),
            TypeId::of::<i64>(),
            TypeId::of::<u32>(),
            TypeId::of::<IndexingThreads>(),
        ];
        if parsed == TypeId::of::<SnapshotInterval>() {
            Expected::Interval
        } else if numbers.iter().any(|number| parsed == *number) {
            Expected::Number
        } else {
            Expected::Text
        }
    }

    fn description(self) -> &'static str {
        match self {
            Expected::Flag => "a boolean",
            Expected::Number => "an integer",
            Expected::Text => "a string",
            Expected::List => "an array of strings",
            Expected::Interval => "a boolean or a number of seconds",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn arguments(text: &str, given: &[&str]) -> Result<Vec<String>, String> {
        let mut command = Options::command();
        let given = [&["meilisearch"], given].concat();
        let matches = command.try_get_matches_from_mut(given).unwrap();
        let arguments = arguments_of(text, &command, &matches);
        let arguments = arguments.map_err(|problem| problem.to_string())?;
        Ok(arguments.into_iter().map(|argument| argument.into_string().unwrap()).collect())
    }

    #[test]
    fn values_become_arguments_unless_they_are_given() {
        let text = r#"
            db_path = "/srv/data"
            no_analytics = true
            experimental_contains_filter = false
            experimental_search_queue_size = 7
            max_indexing_threads = 3
            http_payload_size_limit = "2 MiB"
            log_level = "DEBUG"
            env = "production"
            import_snapshot = "/nowhere"
            ignore_missing_dump = 7
        "#;
        let mut all = arguments(text, &[]).unwrap();
        all.sort();
        let expected = [
            "--db-path=/srv/data",
            "--env=production",
            "--experimental-search-queue-size=7",
            "--http-payload-size-limit=2 MiB",
            "--log-level=DEBUG",
            "--max-indexing-threads=3",
            "--no-analytics",
        ];
        assert_eq!(all, expected);
        let rest = arguments(text, &["--db-path", "elsewhere", "--no-analytics"]).unwrap();
        assert_eq!(rest.len(), expected.len() - 2, "{rest:?}");
    }

    #[test]
    fn a_schedule_is_a_boolean_or_a_number() {
        assert_eq!(arguments("schedule_snapshot = true", &[]).unwrap(), ["--schedule-snapshot"]);
        assert_eq!(arguments("schedule_snapshot = false", &[]).unwrap(), [""; 0]);
        assert_eq!(arguments("schedule_snapshot = 60", &[]).unwrap(), ["--schedule-snapshot=60"]);
        assert!(arguments("schedule_snapshot = '60'", &[]).is_err());
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (text, expected) in [
            ("db_path = ", "no TOML"),
            ("data_path = 'x'", "`data_path`, which is no option"),
            ("help = true", "`help`"),
            ("config_file_path = 'x'", "cannot name another one"),
            ("db_path = 3", "`db_path` an integer, but it must be a string"),
            ("no_analytics = 'true'", "`no_analytics` a string, but it must be a boolean"),
            ("http_payload_size_limit = 100", "must be a string"),
            ("max_indexing_memory = 100", "must be a string"),
            ("max_indexing_threads = 'unlimited'", "must be an integer"),
            ("experimental_search_queue_size = 1.5", "a float"),
            ("log_level = 'info'", "one of `OFF`, `ERROR`"),
            ("experimental_logs_mode = 'json'", "one of `HUMAN`, `JSON`"),
            ("s3_bucket_url = 'x'", "not built yet"),
        ] {
            let problem = arguments(text, &[]).unwrap_err();
            assert!(problem.contains(expected), "{text}: {problem}");
        }
    }
}
