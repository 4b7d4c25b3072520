//! Webhooks: their store, and the delivery of finished tasks (tasks.md 22).

use std::collections::BTreeMap;
use std::io::Write;
use std::time::Duration;

use flate2::Compression;
use flate2::write::GzEncoder;
use heed::{RoTxn, RwTxn};
use meilisearch_types::outgoing::Policy;
use meilisearch_types::tasks::{Task, TaskView};
use meilisearch_types::webhooks::{DumpedWebhooks, MAX_WEBHOOKS, StoredWebhooks, Webhook};
use ureq::Agent;
use ureq::http::header::{CONTENT_ENCODING, CONTENT_TYPE, HeaderName, HeaderValue};
use uuid::Uuid;

use crate::error::{Error, Result};
use crate::queue::Queue;
use crate::{IndexScheduler, Shared};

/// How long one delivery may take in all.
const TIMEOUT: Duration = Duration::from_secs(30);
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
    /// Sends the tasks of a batch, whose end is committed, to every webhook, on a thread of its own.
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
        let policy = self.options.webhooks.policy.clone();
        let thread = std::thread::Builder::new().name("webhooks".into());
        let spawned = thread.spawn(move || deliver(&webhooks, &tasks, &policy));
        if let Err(error) = spawned {
            tracing::error!("no webhook is called, there is no thread for it: {error}");
        }
    }
}

fn deliver(webhooks: &BTreeMap<Uuid, Webhook>, tasks: &[TaskView], policy: &Policy) {
    let body = match lines(tasks) {
        Ok(body) => body,
        Err(error) => return tracing::error!("no webhook is called: {error}"),
    };
    let client = policy.client(TIMEOUT);
    for (uuid, webhook) in webhooks {
        match send(&client, webhook, &body) {
            Ok(status) if status.is_success() => (),
            Ok(status) => tracing::error!("the webhook {uuid} answered {status}"),
            Err(error) => tracing::error!("the webhook {uuid} is not reached: {error}"),
        }
    }
}

/// The tasks, one a line, compressed.
fn lines(tasks: &[TaskView]) -> std::io::Result<Vec<u8>> {
    let mut body = GzEncoder::new(Vec::new(), Compression::new(6));
    for task in tasks {
        serde_json::to_writer(&mut body, task)?;
        body.write_all(b"\n")?;
    }
    body.finish()
}

/// The webhook's own headers come last, so that they win.
fn send(
    client: &Agent,
    webhook: &Webhook,
    body: &[u8],
) -> std::result::Result<ureq::http::StatusCode, ureq::Error> {
    let mut request = client.post(&webhook.url);
    if let Some(headers) = request.headers_mut() {
        headers.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/x-ndjson"));
        for (name, value) in &webhook.headers {
            let name = HeaderName::from_bytes(name.as_bytes()).map_err(ureq::http::Error::from)?;
            let value = HeaderValue::from_str(value).map_err(ureq::http::Error::from)?;
            headers.insert(name, value);
        }
    }
    request.send(body).map(|answer| answer.status())
}
