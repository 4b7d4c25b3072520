//! Durations as tasks and batches show them: ISO 8601 in days and seconds only (tasks.md 3).

use std::fmt::Write as _;

use serde::{Serialize, Serializer};
use time::{Duration, OffsetDateTime};

const SECONDS_A_DAY: u64 = 86_400;

/// `finished - started` when both are known.
pub fn between(
    started: Option<OffsetDateTime>,
    finished: Option<OffsetDateTime>,
) -> Option<Duration> {
    Some(finished? - started?)
}

/// Writes a duration as ISO 8601; none, or a negative one, is null.
pub(crate) fn serialize<S: Serializer>(
    duration: &Option<Duration>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    duration.and_then(to_iso_8601).serialize(serializer)
}

/// `P<days>DT<seconds>.<fraction>S`, parts that are zero left out; none for a negative duration.
fn to_iso_8601(duration: Duration) -> Option<String> {
    let duration = std::time::Duration::try_from(duration).ok()?;
    let (days, seconds) = (duration.as_secs() / SECONDS_A_DAY, duration.as_secs() % SECONDS_A_DAY);
    let nanoseconds = duration.subsec_nanos();

    let mut text = String::from("P");
    if days != 0 {
        let _ = write!(text, "{days}D");
    }
    if days == 0 || seconds != 0 || nanoseconds != 0 {
        let _ = match nanoseconds {
            0 => write!(text, "T{seconds}S"),
            n if n % 1_000_000 == 0 => write!(text, "T{seconds}.{:03}S", n / 1_000_000),
            n if n % 1_000 == 0 => write!(text, "T{seconds}.{:06}S", n / 1_000),
            n => write!(text, "T{seconds}.{n:09}S"),
        };
    }
    Some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts() {
        for (duration, text) in [
            (Duration::ZERO, "PT0S"),
            (Duration::seconds(90), "PT90S"),
            (Duration::days(1), "P1D"),
            (Duration::days(2) + Duration::nanoseconds(1), "P2DT0.000000001S"),
            (Duration::milliseconds(1_500), "PT1.500S"),
            (Duration::microseconds(10), "PT0.000010S"),
            (Duration::seconds(86_399) + Duration::nanoseconds(120), "PT86399.000000120S"),
        ] {
            assert_eq!(to_iso_8601(duration).as_deref(), Some(text));
        }
        assert_eq!(to_iso_8601(Duration::nanoseconds(-1)), None);
    }

    #[test]
    fn unfinished_has_none() {
        let now = OffsetDateTime::UNIX_EPOCH;
        assert_eq!(between(Some(now), None), None);
        assert_eq!(between(Some(now), Some(now + Duration::SECOND)), Some(Duration::SECOND));
    }
}
