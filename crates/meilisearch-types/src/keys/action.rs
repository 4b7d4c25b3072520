//! What an API key may allow: the table of actions with their stored numbers, and what each
//! becomes when a key holds it (operations.md 13, index-snapshots.md 8).

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// How an action goes together with a key that is limited to some indexes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// Never granted by such a key.
    Global,
    /// Granted without an index in the path; the handler checks indexes.
    Handler,
    /// Always checked against the index of the path.
    Path,
    /// Stands for several actions.
    Several,
}

/// Expands the table into [`Action`].
macro_rules! actions {
    ($($variant:ident = $number:literal, $name:literal, $scope:ident, $in_all_get:literal;)*) => {
        /// An action that a key allows.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, deserr::Deserr)]
        #[repr(u8)]
        pub enum Action {
            $(
                #[doc = concat!("`", $name, "`.")]
                #[serde(rename = $name)]
                #[deserr(rename = $name)]
                $variant = $number,
            )*
        }

        impl Action {
            /// Every action by number.
            pub const ALL_ACTIONS: &'static [Action] = &[$(Action::$variant,)*];

            /// The name on the wire and on disk.
            pub fn name(self) -> &'static str {
                match self { $(Action::$variant => $name,)* }
            }

            /// How the action goes together with a key limited to some indexes.
            pub fn scope(self) -> Scope {
                match self { $(Action::$variant => Scope::$scope,)* }
            }

            /// Whether `*.get` holds it.
            fn is_in_all_get(self) -> bool {
                match self { $(Action::$variant => $in_all_get,)* }
            }
        }
    };
}

actions! {
    All = 0, "*", Several, false;
    Search = 1, "search", Handler, true;
    DocumentsAll = 2, "documents.*", Several, false;
    DocumentsAdd = 3, "documents.add", Path, false;
    DocumentsGet = 4, "documents.get", Handler, true;
    DocumentsDelete = 5, "documents.delete", Path, false;
    IndexesAll = 6, "indexes.*", Several, false;
    IndexesCreate = 7, "indexes.create", Handler, false;
    IndexesGet = 8, "indexes.get", Handler, true;
    IndexesUpdate = 9, "indexes.update", Path, false;
    IndexesDelete = 10, "indexes.delete", Path, false;
    IndexesSwap = 11, "indexes.swap", Handler, false;
    TasksAll = 12, "tasks.*", Several, false;
    TasksCancel = 13, "tasks.cancel", Handler, false;
    TasksDelete = 14, "tasks.delete", Handler, false;
    TasksGet = 15, "tasks.get", Handler, true;
    SettingsAll = 16, "settings.*", Several, false;
    SettingsGet = 17, "settings.get", Handler, true;
    SettingsUpdate = 18, "settings.update", Path, false;
    StatsAll = 19, "stats.*", Handler, false;
    StatsGet = 20, "stats.get", Handler, true;
    MetricsAll = 21, "metrics.*", Global, false;
    MetricsGet = 22, "metrics.get", Global, true;
    DumpsAll = 23, "dumps.*", Global, false;
    DumpsCreate = 24, "dumps.create", Global, false;
    SnapshotsAll = 25, "snapshots.*", Global, false;
    SnapshotsCreate = 26, "snapshots.create", Global, false;
    Version = 27, "version", Global, true;
    KeysCreate = 28, "keys.create", Global, false;
    KeysGet = 29, "keys.get", Global, false;
    KeysUpdate = 30, "keys.update", Global, false;
    KeysDelete = 31, "keys.delete", Global, false;
    ExperimentalGet = 32, "experimental.get", Global, true;
    ExperimentalUpdate = 33, "experimental.update", Global, false;
    Export = 34, "export", Global, true;
    NetworkGet = 35, "network.get", Global, true;
    NetworkUpdate = 36, "network.update", Global, false;
    ChatCompletions = 37, "chatCompletions", Handler, false;
    ChatsAll = 38, "chats.*", Global, false;
    ChatsGet = 39, "chats.get", Global, true;
    ChatsDelete = 40, "chats.delete", Global, false;
    ChatsSettingsAll = 41, "chatsSettings.*", Global, false;
    ChatsSettingsGet = 42, "chatsSettings.get", Global, true;
    ChatsSettingsUpdate = 43, "chatsSettings.update", Global, false;
    AllGet = 44, "*.get", Several, false;
    WebhooksGet = 45, "webhooks.get", Global, true;
    WebhooksUpdate = 46, "webhooks.update", Global, false;
    WebhooksDelete = 47, "webhooks.delete", Global, false;
    WebhooksCreate = 48, "webhooks.create", Global, false;
    WebhooksAll = 49, "webhooks.*", Global, false;
    IndexesCompact = 50, "indexes.compact", Path, false;
    FieldsPost = 51, "fields.post", Path, true;
    TasksCompact = 52, "tasks.compact", Global, false;
    DynamicSearchRulesGet = 53, "dynamicSearchRules.get", Global, true;
    DynamicSearchRulesCreate = 54, "dynamicSearchRules.create", Global, false;
    DynamicSearchRulesUpdate = 55, "dynamicSearchRules.update", Global, false;
    DynamicSearchRulesDelete = 56, "dynamicSearchRules.delete", Global, false;
    DynamicSearchRulesAll = 57, "dynamicSearchRules.*", Global, false;
    // Ours, from 200 on.
    SnapshotsGet = 200, "snapshots.get", Path, true;
    SnapshotsDownload = 201, "snapshots.download", Path, false;
    SnapshotsImport = 202, "snapshots.import", Path, false;
    SnapshotsDelete = 203, "snapshots.delete", Path, false;
}

/// Numbers from here on are unknown to upstream: a key's list of actions decides on them, never
/// the second key database (index-snapshots.md 8).
const FIRST_OF_OURS: u8 = 200;

impl Action {
    /// The number on disk.
    pub fn number(self) -> u8 {
        self as u8
    }

    /// Whether upstream does not know the action.
    pub fn is_ours(self) -> bool {
        self.number() >= FIRST_OF_OURS
    }

    /// Whether it is one of the four `keys.` actions, which need a master key.
    pub fn is_on_keys(self) -> bool {
        matches!(
            self,
            Action::KeysCreate | Action::KeysGet | Action::KeysUpdate | Action::KeysDelete
        )
    }

    /// Whether a tenant token may be used for it.
    pub fn is_open_to_tenants(self) -> bool {
        matches!(self, Action::Search | Action::ChatCompletions)
    }

    /// The actions of upstream that a key holding this one is given in the second key database.
    pub fn expand(self) -> Vec<Action> {
        use Action::*;
        match self {
            All => Self::upstream().filter(|action| *action != AllGet).collect(),
            AllGet => Self::upstream().filter(|action| action.is_in_all_get()).collect(),
            DocumentsAll => vec![DocumentsAdd, DocumentsGet, DocumentsDelete],
            IndexesAll => vec![
                IndexesCreate,
                IndexesGet,
                IndexesUpdate,
                IndexesDelete,
                IndexesSwap,
                IndexesCompact,
            ],
            TasksAll => vec![TasksCancel, TasksDelete, TasksGet, TasksCompact],
            SettingsAll => vec![SettingsGet, SettingsUpdate],
            StatsAll => vec![StatsGet],
            MetricsAll => vec![MetricsGet],
            DumpsAll => vec![DumpsCreate],
            SnapshotsAll => vec![SnapshotsCreate],
            ChatsAll => vec![ChatsGet, ChatsDelete],
            ChatsSettingsAll => vec![ChatsSettingsGet, ChatsSettingsUpdate],
            WebhooksAll => vec![WebhooksGet, WebhooksUpdate, WebhooksDelete, WebhooksCreate],
            DynamicSearchRulesAll => vec![
                DynamicSearchRulesGet,
                DynamicSearchRulesCreate,
                DynamicSearchRulesUpdate,
                DynamicSearchRulesDelete,
            ],
            other if other.is_ours() => Vec::new(),
            other => vec![other],
        }
    }

    /// Whether a key whose list names `self` holds `wanted`, an action of ours: `*` holds them
    /// all, `*.get` the listing, `snapshots.*` all but download and import.
    pub fn grants_ours(self, wanted: Action) -> bool {
        match self {
            Action::All => true,
            Action::AllGet => wanted.is_in_all_get(),
            Action::SnapshotsAll => {
                matches!(wanted, Action::SnapshotsGet | Action::SnapshotsDelete)
            }
            other => other == wanted,
        }
    }

    fn upstream() -> impl Iterator<Item = Action> {
        Self::ALL_ACTIONS.iter().copied().filter(|action| !action.is_ours())
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A text that names no action.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not an action that a key can hold.")]
pub struct UnknownAction(String);

impl FromStr for Action {
    type Err = UnknownAction;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        let found = Self::ALL_ACTIONS.iter().find(|action| action.name() == name);
        found.copied().ok_or_else(|| UnknownAction(name.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbers(action: Action) -> Vec<u8> {
        let mut numbers: Vec<u8> = action.expand().into_iter().map(Action::number).collect();
        numbers.sort_unstable();
        numbers
    }

    #[test]
    fn expansion_of_wildcards() {
        let all: Vec<u8> = (0..58).filter(|number| *number != 44).collect();
        assert_eq!(numbers(Action::All), all);
        assert_eq!(
            numbers(Action::AllGet),
            [1, 4, 8, 15, 17, 20, 22, 27, 32, 34, 35, 39, 42, 45, 51, 53]
        );
        assert_eq!(numbers(Action::IndexesAll), [7, 8, 9, 10, 11, 50]);
        assert_eq!(numbers(Action::TasksAll), [13, 14, 15, 52]);
        assert_eq!(numbers(Action::SnapshotsAll), [26]);
        assert_eq!(numbers(Action::WebhooksAll), [45, 46, 47, 48]);
        assert_eq!(numbers(Action::DynamicSearchRulesAll), [53, 54, 55, 56]);
        assert_eq!(numbers(Action::Search), [1]);
        assert!(numbers(Action::SnapshotsImport).is_empty());
    }

    #[test]
    fn our_actions_come_from_the_list_of_the_key() {
        use Action::*;
        for (held, wanted, granted) in [
            (All, SnapshotsImport, true),
            (AllGet, SnapshotsGet, true),
            (AllGet, SnapshotsDownload, false),
            (SnapshotsAll, SnapshotsDelete, true),
            (SnapshotsAll, SnapshotsImport, false),
            (SnapshotsAll, SnapshotsDownload, false),
            (SnapshotsCreate, SnapshotsGet, false),
            (SnapshotsDownload, SnapshotsDownload, true),
        ] {
            assert_eq!(held.grants_ours(wanted), granted, "{held} {wanted}");
        }
    }

    #[test]
    fn names() {
        for action in Action::ALL_ACTIONS {
            assert_eq!(action.name().parse(), Ok(*action));
            assert_eq!(serde_json::to_string(action).unwrap(), format!("\"{action}\""));
        }
        assert_eq!(Action::AllGet.number(), 44);
        assert!("documents".parse::<Action>().is_err());
    }
}
