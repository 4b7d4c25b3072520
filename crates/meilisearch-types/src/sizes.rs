//! Sizes in bytes as text: as options and requests give them (operations.md 5), as disk keeps
//! them (storage-instance.md 1), and as tasks, batches and statistics show them (tasks.md 4, 15).

use std::fmt;
use std::str::FromStr;

use byte_unit::Byte;
use serde::{Deserialize, Serialize};

/// Units from small to great.
const UNITS: [(&str, u64); 13] = [
    ("B", 1),
    ("KB", 1_000),
    ("KiB", 1 << 10),
    ("MB", 1_000_000),
    ("MiB", 1 << 20),
    ("GB", 1_000_000_000),
    ("GiB", 1 << 30),
    ("TB", 1_000_000_000_000),
    ("TiB", 1 << 40),
    ("PB", 1_000_000_000_000_000),
    ("PiB", 1 << 50),
    ("EB", 1_000_000_000_000_000_000),
    ("EiB", 1 << 60),
];

/// A number of bytes. Its text, stored and parsed, is exact: `48 KiB`, `12.345 KB`, `7 B`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ByteSize(pub u64);

/// A text that is no size.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is not a size: give a number of bytes, or a number with a unit such as `100 MB` or `2.5 GiB`."
)]
pub struct SizeFormatError(String);

impl ByteSize {
    /// The size for human eyes: in the greatest unit, decimal or binary, that is not above it
    /// (tasks.md 4).
    pub fn human(self) -> String {
        let (unit, factor) = greatest_unit(self.0, UNITS);
        format!("{} {unit}", self.0 as f64 / factor as f64)
    }

    /// The size in the greatest binary unit, with two decimals at most (tasks.md 15).
    pub fn human_binary(self) -> String {
        let binary = UNITS
            .into_iter()
            .filter(|(unit, _)| !unit.ends_with('B') || unit.contains('i') || *unit == "B");
        let (unit, factor) = greatest_unit(self.0, binary);
        let rounded = (self.0 as f64 / factor as f64 * 100.0).round() / 100.0;
        format!("{rounded} {unit}")
    }

    /// `self`, and by how much it differs from the size before: `16 KiB (+4 KiB)`.
    pub fn human_change(self, before: ByteSize) -> String {
        let sign = if self < before { '-' } else { '+' };
        let difference = ByteSize(self.0.abs_diff(before.0));
        format!("{} ({sign}{})", self.human_binary(), difference.human_binary())
    }
}

fn greatest_unit(
    bytes: u64,
    units: impl IntoIterator<Item = (&'static str, u64)>,
) -> (&'static str, u64) {
    units.into_iter().take_while(|(_, factor)| *factor <= bytes).last().unwrap_or(UNITS[0])
}

/// The exact count in the greatest unit that needs no more than three decimals.
impl fmt::Display for ByteSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let thousandfold = u128::from(self.0) * 1_000;
        let exact = UNITS
            .iter()
            .rev()
            .find(|(_, factor)| *factor <= self.0 && thousandfold % u128::from(*factor) == 0);
        let (unit, factor) = exact.unwrap_or(&UNITS[0]);
        let thousandths = thousandfold / u128::from(*factor);
        let (whole, fraction) = (thousandths / 1_000, thousandths % 1_000);
        if fraction == 0 {
            return write!(f, "{whole} {unit}");
        }
        let fraction = format!("{fraction:03}");
        write!(f, "{whole}.{} {unit}", fraction.trim_end_matches('0'))
    }
}

/// Reads a number, then an optional unit. Powers of 1000 or, with `i`, of 1024; a lower-case `b`
/// means bits.
impl FromStr for ByteSize {
    type Err = SizeFormatError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let byte = Byte::parse_str(text, false).map_err(|_| SizeFormatError(text.to_owned()))?;
        Ok(ByteSize(byte.as_u64()))
    }
}

impl TryFrom<String> for ByteSize {
    type Error = SizeFormatError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<ByteSize> for String {
    fn from(size: ByteSize) -> Self {
        size.to_string()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn stored_texts() {
        for (bytes, text) in [
            (0, "0 B"),
            (7, "7 B"),
            (1_000, "1 KB"),
            (1_024, "1 KiB"),
            (48 << 10, "48 KiB"),
            (12_345, "12.345 KB"),
            (12_345_678, "12345.678 KB"),
            (1_500_000, "1.5 MB"),
            (999, "999 B"),
            (u64::MAX, "18446744073709551.615 KB"),
        ] {
            assert_eq!(ByteSize(bytes).to_string(), text);
        }
    }

    #[test]
    fn parsed_texts() {
        for (text, bytes) in [
            ("12", 12),
            ("48KiB", 48 << 10),
            ("100 MB", 100_000_000),
            ("100 mB", 100_000_000),
            ("1.5 gib", (3 << 30) / 2 / 8),
            ("2 GiB", 2 << 30),
            ("107.7Gb", 13_462_500_000),
            ("3 k", 3_000),
        ] {
            assert_eq!(text.parse(), Ok(ByteSize(bytes)), "{text}");
        }
        for text in ["", "MB", "-1", "1 XB", "a lot"] {
            assert!(text.parse::<ByteSize>().is_err(), "{text}");
        }
    }

    #[test]
    fn human_texts() {
        assert_eq!(ByteSize(20_971_520).human(), "20 MiB");
        assert_eq!(ByteSize(1_500).human(), "1.46484375 KiB");
        assert_eq!(ByteSize(1_010).human(), "1.01 KB");
        assert_eq!(ByteSize(0).human(), "0 B");
        assert_eq!(ByteSize(10_000).human_binary(), "9.77 KiB");
        assert_eq!(ByteSize(16 << 10).human_change(ByteSize(12 << 10)), "16 KiB (+4 KiB)");
        assert_eq!(ByteSize(0).human_change(ByteSize(4 << 10)), "0 B (-4 KiB)");
    }

    proptest! {
        #[test]
        fn stored_text_comes_back(bytes: u64) {
            prop_assert_eq!(ByteSize(bytes).to_string().parse(), Ok(ByteSize(bytes)));
        }
    }
}
