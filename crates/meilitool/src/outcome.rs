//! What a command found, for people and for machines.

use std::io::{self, Write};
use std::process::ExitCode;

use serde_json::{Value, json};

use crate::error::{Error, Result};

/// What a command found.
pub(crate) struct Outcome {
    /// Lines for a terminal.
    pub(crate) text: String,
    /// The same for `--json`.
    pub(crate) json: Value,
    /// What is wrong, in one line, if something is.
    pub(crate) complaint: Option<String>,
}

/// Prints an outcome or an error; gives the exit status.
pub(crate) fn report(outcome: Result<Outcome>, as_json: bool) -> ExitCode {
    let outcome = outcome.unwrap_or_else(|error: Error| {
        let message = error.to_string();
        Outcome { text: String::new(), json: json!({"error": message}), complaint: Some(message) }
    });
    let text = if as_json { format!("{:#}\n", outcome.json) } else { outcome.text };
    // A closed pipe (`| head`) is no failure of the command.
    let _ = io::stdout().write_all(text.as_bytes());
    match outcome.complaint {
        None => ExitCode::SUCCESS,
        Some(complaint) => {
            let _ = writeln!(io::stderr(), "meilitool: {complaint}");
            ExitCode::FAILURE
        }
    }
}
