//! Webhooks: their store, and who is told of finished tasks (tasks.md 22).

mod delivery;

use std::collections::BTreeMap;

use heed::{RoTxn, RwTxn};
use meilisearch_types::outgoing::Policy;
use meilisearch_types::tasks::{Task, TaskView};
use meilisearch_types::webhooks::{DumpedWebhooks, MAX_WEBHOOKS, StoredWebhooks, Webhook};
use uuid::Uuid;

pub(crate) use self::delivery::Deliveries;
use self::delivery::Delivery;
use crate::error::{Error, Result};
use crate::queue::Queue;
use crate::{IndexScheduler, Shared};

/// The one key of the webhooks in their database.
const KEY: &str = "webhooks";

/// What the command line says of webhooks.
#[derive(Debug, Clone, Default)]
pub struct WebhookOptions {
    /// The webhook of the command line. It is shown with the nil UUID and stored nowhere.
    pub fixed: Option<Webhook>,
    /// To whom webhooks may send.
    pub policy: Policy,
}

impl WebhookOptions {
    /// The webhooks to serve, in the order of their UUIDs.
    fn with_stored(&self, stored: BTreeMap<Uuid, Webhook>) -> BTreeMap<Uuid, Webhook> {
        let fixed = self.fixed.iter().map(|webhook| (Uuid::nil(), webhook.clone()));
        fixed.chain(stored).collect()
    }
}

impl Queue {
    /// The webhooks made over HTTP.
    pub(crate) fn webhooks(&self, rtxn: &RoTxn<'_>) -> Result<BTreeMap<Uuid, Webhook>> {
        Ok(self.tables().persisted.get(rtxn, KEY)?.unwrap_or_default().runtime)
    }

    /// Stores the webhooks of a dump, but for those that could not have been made over HTTP: nothing can be
    /// sent to them.
    pub(crate) fn put_dumped_webhooks(
        &self,
        wtxn: &mut RwTxn<'_>,
        dumped: DumpedWebhooks,
    ) -> Result<()> {
        let mut runtime = BTreeMap::new();
        for (uuid, webhook) in dumped.webhooks {
            let refusal = match webhook.check() {
                Err(error) => error.to_string(),
                Ok(()) if uuid.is_nil() => "Its UUID is that of the command line's.".to_owned(),
                Ok(()) if runtime.len() >= MAX_WEBHOOKS => {
                    format!("There may be at most {MAX_WEBHOOKS}.")
                }
                Ok(()) => {
                    runtime.insert(uuid, webhook);
                    continue;
                }
            };
            tracing::warn!("the webhook `{uuid}` of the dump is left out: {refusal}");
        }
        Ok(self.tables().persisted.put(wtxn, KEY, &StoredWebhooks { runtime })?)
    }
}

impl IndexScheduler {
    /// All webhooks, in the order of their UUIDs; the one of the command line has the nil UUID.
    ///
    /// # Errors
    /// The queue cannot be read.
    pub fn webhooks(&self) -> Result<BTreeMap<Uuid, Webhook>> {
        let Shared { queue, options, .. } = &*self.shared;
        let rtxn = queue.read_txn()?;
        Ok(options.webhooks.with_stored(queue.webhooks(&rtxn)?))
    }

    /// Changes the webhooks that are stored; nobody else changes them meanwhile. When `change` fails,
    /// nothing is stored.
    ///
    /// # Errors
    /// That of `change`, or the queue cannot be written.
    pub fn change_webhooks<T, E: From<Error>>(
        &self,
        change: impl FnOnce(&mut BTreeMap<Uuid, Webhook>) -> std::result::Result<T, E>,
    ) -> std::result::Result<T, E> {
        let queue = &self.shared.queue;
        let mut wtxn = queue.env().write_txn()?;
        let mut runtime = queue.webhooks(&wtxn)?;
        let changed = change(&mut runtime)?;
        let stored = StoredWebhooks { runtime };
        queue.tables().persisted.put(&mut wtxn, KEY, &stored).map_err(Error::from)?;
        wtxn.commit().map_err(Error::from)?;
        Ok(changed)
    }
}

impl Shared {
    /// Queues the tasks of a batch, whose end is committed, for every webhook.
    pub(crate) fn notify_webhooks(&self, finished: &[Task], canceled: &[Task]) {
        let stored = self.queue.read_txn().and_then(|rtxn| self.queue.webhooks(&rtxn));
        let webhooks = match stored {
            Ok(stored) => self.options.webhooks.with_stored(stored),
            Err(error) => return tracing::error!("no webhook is called: {error}"),
        };
        if webhooks.is_empty() {
            return;
        }
        let mut tasks: Vec<TaskView> =
            finished.iter().chain(canceled).map(TaskView::from).collect();
        tasks.sort_by_key(|task| task.uid);
        let Some(first) = tasks.first().map(|task| task.uid) else { return };
        let count = tasks.len();
        if let Err(error) = self.deliveries.push(Delivery { webhooks, tasks }) {
            tracing::error!(
                "webhooks are not told of the {count} tasks of a batch (the first: {first}): {error}"
            );
        }
    }
}
