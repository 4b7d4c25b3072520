//! Where a task stands.

use std::fmt;
use std::str::FromStr;

use deserr::errors::helpers::did_you_mean;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Where a task stands. The order is that of the numbers on disk.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "camelCase")]
pub enum Status {
    /// Waiting.
    Enqueued,
    /// Running; known in memory only, on disk such a task is enqueued.
    Processing,
    /// Done.
    Succeeded,
    /// Ended with an error.
    Failed,
    /// Stopped by a cancelation.
    Canceled,
}

impl Status {
    /// Every status by number.
    pub const ALL: [Status; 5] =
        [Status::Enqueued, Status::Processing, Status::Succeeded, Status::Failed, Status::Canceled];

    /// The number on disk.
    pub fn number(self) -> u32 {
        self as u32
    }

    /// The name on the wire and on disk.
    pub fn name(self) -> &'static str {
        match self {
            Status::Enqueued => "enqueued",
            Status::Processing => "processing",
            Status::Succeeded => "succeeded",
            Status::Failed => "failed",
            Status::Canceled => "canceled",
        }
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A text that is no status.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnknownStatus(String);

impl std::error::Error for UnknownStatus {}

impl fmt::Display for UnknownStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = Status::ALL.map(Status::name);
        let suggestion = did_you_mean(&self.0, &names);
        write!(
            f,
            "`{}` is not a status of tasks: {suggestion}use one of {}.",
            self.0,
            names.join(", ")
        )
    }
}

/// Reads a name in any ASCII case.
impl FromStr for Status {
    type Err = UnknownStatus;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let found = Status::ALL.into_iter().find(|status| status.name().eq_ignore_ascii_case(text));
        found.ok_or_else(|| UnknownStatus(text.to_owned()))
    }
}
