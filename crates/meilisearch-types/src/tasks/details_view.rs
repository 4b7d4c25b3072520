//! Details as clients see them: one flat object whose members depend on the kind (tasks.md 4).
//! The details of a batch are the fold of those of its tasks (tasks.md 15) and are stored in this
//! form.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{Details, DsrUpdate, ExportIndexDetails, IndexSwap, SnapshotCompression};
use crate::index_uid::IndexUidPattern;
use crate::settings::{Settings, mask};
use crate::sizes::ByteSize;
use crate::versioning::Version;

/// Absent, null, or a value. Null reads back as absent, as it does upstream.
type Nullable<T> = Option<Option<T>>;

/// Expands the table of members into [`DetailsView`]. The last column says what becomes of a
/// member when the details of two tasks are folded.
macro_rules! details {
    ($($(#[$attribute:meta])* $field:ident: $type:ty, $fold:ident;)*) => {
        /// Details as clients see them. Members are absent (`None`), null (`Some(None)`) or set.
        #[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
        #[serde(rename_all = "camelCase")]
        #[allow(missing_docs, reason = "the members are those of tasks.md 4")]
        pub struct DetailsView {
            $(
                #[serde(default, skip_serializing_if = "Option::is_none")]
                $(#[$attribute])*
                pub $field: $type,
            )*
        }

        impl DetailsView {
            /// Adds the details of a further task of the same batch.
            pub fn fold(&mut self, later: DetailsView) {
                $(fold::$fold(&mut self.$field, later.$field);)*
            }
        }
    };
}

details! {
    /// Documents in the request.
    received_documents: Nullable<u64>, sum;
    /// Documents written; null until the task ends.
    indexed_documents: Nullable<u64>, sum;
    /// Documents that the function changed; null until the task ends.
    edited_documents: Nullable<u64>, sum;
    primary_key: Nullable<String>, first;
    /// Ids in the request.
    provided_ids: Nullable<u64>, sum;
    /// Documents deleted; null until the task ends.
    deleted_documents: Nullable<u64>, sum;
    /// Tasks that the filters chose.
    matched_tasks: Nullable<u64>, sum;
    /// Tasks canceled; null until the task ends.
    canceled_tasks: Nullable<u64>, sum;
    /// Tasks deleted; null until the task ends.
    deleted_tasks: Nullable<u64>, sum;
    /// The filter, or the query string, of the request.
    original_filter: Nullable<String>, join;
    /// Uid of the dump; null until the task ends.
    dump_uid: Nullable<String>, first;
    context: Nullable<Map<String, Value>>, first;
    function: Nullable<String>, first;
    #[serde(flatten)]
    settings: Option<Box<Settings>>, settings;
    /// The indexes that change places.
    swaps: Option<Vec<IndexSwap>>, concatenate;
    /// Version of the database before.
    upgrade_from: Option<String>, first_present;
    /// Version of the database after.
    upgrade_to: Option<String>, last_present;
    url: Option<String>, first_present;
    api_key: Option<String>, first_present;
    /// Greatest size of a request to the other server.
    payload_size: Option<String>, first_present;
    indexes: Option<BTreeMap<IndexUidPattern, ExportIndexDetails>>, first_present;
    /// Name of the index before.
    old_index_uid: Option<String>, first_present;
    /// Name of the index after.
    new_index_uid: Option<String>, first_present;
    /// Size of the index before.
    pre_compaction_size: Option<String>, first_present;
    /// Size of the index after.
    post_compaction_size: Option<String>, first_present;
    /// Documents that went to other instances.
    moved_documents: Nullable<u64>, sum;
    /// What happened.
    message: Option<String>, first_present;
    /// The change of the rule.
    rule: Option<Value>, only_one;
    /// Rules that were changed.
    updated_rules: Nullable<u64>, sum;
    snapshot_uid: Option<String>, first_present;
    file_name: Nullable<String>, first;
    /// How the snapshot is compressed.
    compression: Option<SnapshotCompression>, first_present;
    /// Index that the snapshot was made of.
    source_index_uid: Option<String>, first_present;
    overwrite: Option<bool>, first_present;
    dry_run: Option<bool>, first_present;
    /// Whether an index made room; null until the task ends.
    replaced_index: Nullable<bool>, first;
    number_of_documents: Nullable<u64>, first;
    /// Bytes of the index; null until the task ends.
    data_size: Nullable<u64>, first;
    /// Bytes of the snapshot; null until the task ends.
    size: Nullable<u64>, first;
    /// SHA-256 of the snapshot in hex; null until the task ends.
    sha256: Nullable<String>, first;
}

/// Ways to fold two members.
mod fold {
    use super::{IndexSwap, Nullable, Settings, Value};

    pub(super) fn sum(earlier: &mut Nullable<u64>, later: Nullable<u64>) {
        combine(earlier, later, u64::saturating_add);
    }

    pub(super) fn join(earlier: &mut Nullable<String>, later: Nullable<String>) {
        combine(earlier, later, |earlier, later| format!("{earlier}&{later}"));
    }

    pub(super) fn first<T>(earlier: &mut Nullable<T>, later: Nullable<T>) {
        combine(earlier, later, |earlier, _| earlier);
    }

    fn combine<T>(earlier: &mut Nullable<T>, later: Nullable<T>, both: impl FnOnce(T, T) -> T) {
        *earlier = match (earlier.take(), later) {
            (Some(Some(earlier)), Some(Some(later))) => Some(Some(both(earlier, later))),
            (Some(Some(value)), _) | (_, Some(Some(value))) => Some(Some(value)),
            (earlier, later) => earlier.or(later),
        };
    }

    pub(super) fn first_present<T>(earlier: &mut Option<T>, later: Option<T>) {
        *earlier = earlier.take().or(later);
    }

    pub(super) fn last_present<T>(earlier: &mut Option<T>, later: Option<T>) {
        *earlier = later.or(earlier.take());
    }

    pub(super) fn concatenate(earlier: &mut Option<Vec<IndexSwap>>, later: Option<Vec<IndexSwap>>) {
        if let Some(later) = later {
            earlier.get_or_insert_default().extend(later);
        }
    }

    pub(super) fn settings(earlier: &mut Option<Box<Settings>>, later: Option<Box<Settings>>) {
        if let Some(later) = later {
            earlier.get_or_insert_default().fold(*later);
        }
    }

    /// Two cancel out, so a third comes back (tasks.md 15).
    pub(super) fn only_one(earlier: &mut Option<Value>, later: Option<Value>) {
        *earlier = match (earlier.take(), later) {
            (Some(_), Some(_)) => None,
            (earlier, later) => earlier.or(later),
        };
    }
}

fn version_text((major, minor, patch): Version) -> String {
    format!("v{major}.{minor}.{patch}")
}

impl From<Details> for DetailsView {
    fn from(details: Details) -> Self {
        let mut view = DetailsView::default();
        match details {
            Details::DocumentAdditionOrUpdate { received_documents, indexed_documents } => {
                view.received_documents = Some(Some(received_documents));
                view.indexed_documents = Some(indexed_documents);
            }
            Details::DocumentEdition {
                deleted_documents,
                edited_documents,
                original_filter,
                context,
                function,
            } => {
                view.deleted_documents = Some(deleted_documents);
                view.edited_documents = Some(edited_documents);
                view.original_filter = Some(original_filter);
                view.context = Some(context);
                view.function = Some(Some(function));
            }
            Details::DocumentDeletion { provided_ids, deleted_documents } => {
                view.provided_ids = Some(Some(provided_ids));
                view.deleted_documents = Some(deleted_documents);
                view.original_filter = Some(None);
            }
            Details::DocumentDeletionByFilter { original_filter, deleted_documents } => {
                view.provided_ids = Some(Some(0));
                view.deleted_documents = Some(deleted_documents);
                view.original_filter = Some(Some(original_filter));
            }
            Details::ClearAll { deleted_documents } => {
                view.deleted_documents = Some(deleted_documents);
            }
            Details::SettingsUpdate { mut settings } => {
                settings.hide_secrets();
                view.settings = Some(settings);
            }
            Details::IndexInfo { primary_key, new_index_uid, old_index_uid } => {
                view.primary_key = Some(primary_key);
                view.new_index_uid = new_index_uid;
                view.old_index_uid = old_index_uid;
            }
            Details::IndexSwap { swaps } => view.swaps = Some(swaps),
            Details::TaskCancelation { matched_tasks, canceled_tasks, original_filter } => {
                view.matched_tasks = Some(Some(matched_tasks));
                view.canceled_tasks = Some(canceled_tasks);
                view.original_filter = Some(Some(original_filter));
            }
            Details::TaskDeletion { matched_tasks, deleted_tasks, original_filter } => {
                view.matched_tasks = Some(Some(matched_tasks));
                view.deleted_tasks = Some(deleted_tasks);
                view.original_filter = Some(Some(original_filter));
            }
            Details::Dump { dump_uid } => view.dump_uid = Some(dump_uid),
            Details::Export { url, api_key, payload_size, indexes } => {
                view.url = Some(url);
                view.api_key = api_key.as_deref().map(mask);
                view.payload_size = payload_size.map(ByteSize::human);
                view.indexes = Some(indexes);
            }
            Details::UpgradeDatabase { from, to } => {
                view.upgrade_from = Some(version_text(from));
                view.upgrade_to = Some(version_text(to));
            }
            Details::IndexCompaction {
                index_uid: _,
                pre_compaction_size,
                post_compaction_size,
            } => {
                view.pre_compaction_size = pre_compaction_size.map(ByteSize::human);
                view.post_compaction_size = post_compaction_size.map(ByteSize::human);
            }
            Details::NetworkTopologyChange { moved_documents, message } => {
                view.moved_documents = Some(Some(moved_documents));
                view.message = Some(message);
            }
            Details::DsrUpdate(update) => {
                view.updated_rules = Some(Some(1));
                view.rule = match update {
                    DsrUpdate::CreateOrUpdate { update, .. } => Some(update),
                    DsrUpdate::Deletion(_) => None,
                };
            }
            Details::SingleIndexSnapshotCreation {
                snapshot_uid,
                file_name,
                compression,
                number_of_documents,
                data_size,
                size,
                sha256,
            } => {
                view.snapshot_uid = Some(snapshot_uid);
                view.file_name = Some(Some(file_name));
                view.compression = Some(compression);
                view.number_of_documents = Some(number_of_documents);
                view.data_size = Some(data_size);
                view.size = Some(size);
                view.sha256 = Some(sha256);
            }
            Details::SingleIndexSnapshotImport {
                file_name,
                snapshot_uid,
                source_index_uid,
                overwrite,
                dry_run,
                replaced_index,
                number_of_documents,
                data_size,
            } => {
                view.file_name = Some(file_name);
                view.snapshot_uid = Some(snapshot_uid);
                view.source_index_uid = Some(source_index_uid);
                view.overwrite = Some(overwrite);
                view.dry_run = Some(dry_run);
                view.replaced_index = Some(replaced_index);
                view.number_of_documents = Some(number_of_documents);
                view.data_size = Some(data_size);
            }
        }
        view
    }
}
