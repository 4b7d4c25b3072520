//! What a task does, without its content: the `type` on the wire and the number on disk
//! (storage-instance.md 4, index-snapshots.md 4.1).

use std::fmt;
use std::str::FromStr;

use deserr::errors::helpers::did_you_mean;
use serde::{Deserialize, Serialize};

/// Expands the table into [`Kind`].
macro_rules! kinds {
    ($($variant:ident = $number:literal, $name:literal;)*) => {
        /// What a task does. The order is that of the numbers on disk.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        pub enum Kind {
            $(#[doc = concat!("`", $name, "`.")] #[serde(rename = $name)] $variant = $number,)*
        }

        impl Kind {
            /// Every kind by number.
            pub const ALL: &'static [Kind] = &[$(Kind::$variant,)*];

            /// The name on the wire and on disk.
            pub fn name(self) -> &'static str {
                match self { $(Kind::$variant => $name,)* }
            }

            /// The kind of this number on disk.
            pub fn from_number(number: u32) -> Option<Kind> {
                match number { $($number => Some(Kind::$variant),)* _ => None }
            }
        }
    };
}

kinds! {
    DocumentAdditionOrUpdate = 0, "documentAdditionOrUpdate";
    DocumentEdition = 1, "documentEdition";
    DocumentDeletion = 2, "documentDeletion";
    SettingsUpdate = 3, "settingsUpdate";
    IndexCreation = 4, "indexCreation";
    IndexDeletion = 5, "indexDeletion";
    IndexUpdate = 6, "indexUpdate";
    IndexSwap = 7, "indexSwap";
    TaskCancelation = 8, "taskCancelation";
    TaskDeletion = 9, "taskDeletion";
    DumpCreation = 10, "dumpCreation";
    SnapshotCreation = 11, "snapshotCreation";
    Export = 12, "export";
    UpgradeDatabase = 13, "upgradeDatabase";
    IndexCompaction = 14, "indexCompaction";
    NetworkTopologyChange = 15, "networkTopologyChange";
    DsrUpdate = 16, "dsrUpdate";
    DsrClear = 17, "dsrClear";
    // Ours stand far above upstream's, so that its later kinds never collide.
    SingleIndexSnapshotCreation = 10_000, "singleIndexSnapshotCreation";
    SingleIndexSnapshotImport = 10_001, "singleIndexSnapshotImport";
}

impl Kind {
    /// The number on disk.
    pub fn number(self) -> u32 {
        self as u32
    }

    /// Whether such a task is about one index. All others are left out of listings that are
    /// limited to some indexes (tasks.md 24).
    pub fn related_to_one_index(self) -> bool {
        match self {
            Kind::DocumentAdditionOrUpdate
            | Kind::DocumentEdition
            | Kind::DocumentDeletion
            | Kind::SettingsUpdate
            | Kind::IndexCreation
            | Kind::IndexDeletion
            | Kind::IndexUpdate
            | Kind::IndexCompaction
            | Kind::DsrUpdate
            | Kind::DsrClear
            | Kind::SingleIndexSnapshotCreation
            | Kind::SingleIndexSnapshotImport => true,
            Kind::IndexSwap
            | Kind::TaskCancelation
            | Kind::TaskDeletion
            | Kind::DumpCreation
            | Kind::SnapshotCreation
            | Kind::Export
            | Kind::UpgradeDatabase
            | Kind::NetworkTopologyChange => false,
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A text that is no kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnknownKind(String);

impl std::error::Error for UnknownKind {}

impl fmt::Display for UnknownKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = Kind::ALL.iter().map(|kind| kind.name()).collect();
        let suggestion = did_you_mean(&self.0, &names);
        write!(
            f,
            "`{}` is not a type of tasks: {suggestion}use one of {}.",
            self.0,
            names.join(", ")
        )
    }
}

/// Reads a name in any ASCII case.
impl FromStr for Kind {
    type Err = UnknownKind;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let found = Kind::ALL.iter().find(|kind| kind.name().eq_ignore_ascii_case(text));
        found.copied().ok_or_else(|| UnknownKind(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_numbers() {
        for kind in Kind::ALL {
            assert_eq!(Kind::from_number(kind.number()), Some(*kind));
            assert_eq!(kind.name().to_uppercase().parse(), Ok(*kind));
            assert_eq!(serde_json::to_string(kind).unwrap(), format!("\"{kind}\""));
        }
        assert_eq!(Kind::DsrClear.number(), 17);
        assert_eq!(Kind::from_number(18), None);
    }

    #[test]
    fn unknown_name_gets_a_suggestion() {
        let error = "indexCreatoin".parse::<Kind>().unwrap_err().to_string();
        assert!(error.contains("did you mean `indexCreation`?"), "{error}");
    }
}
