//! The delivery of finished tasks to webhooks: one thread, which takes batches from a bounded queue in
//! the order in which they ended (tasks.md 22).
//!
//! A receiver that is slow holds up the deliveries behind it, never a batch.

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::io::Write;
use std::sync::mpsc::{SyncSender, TrySendError, sync_channel};
use std::time::Duration;

use flate2::Compression;
use flate2::write::GzEncoder;
use meilisearch_types::outgoing::Policy;
use meilisearch_types::tasks::TaskView;
use meilisearch_types::webhooks::Webhook;
use ureq::Agent;
use ureq::http::header::{CONTENT_ENCODING, CONTENT_TYPE, HeaderName, HeaderValue};
use uuid::Uuid;

/// How long one request may take in all.
const TIMEOUT: Duration = Duration::from_secs(30);
/// Batches that may wait for delivery.
const MAX_WAITING: usize = 256;

/// The end of a batch and who is told of it.
pub(crate) struct Delivery {
    pub(crate) webhooks: BTreeMap<Uuid, Webhook>,
    /// In the order of their uids.
    pub(crate) tasks: Vec<TaskView>,
}

/// Why the end of a batch is not delivered.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Dropped {
    /// Receivers are slower than batches.
    #[error("too many batches wait for slow webhooks")]
    QueueFull,
    /// It crashed.
    #[error("the thread that calls webhooks is gone")]
    NoThread,
}

/// The queue of deliveries. Its thread ends when the queue is dropped and empty.
pub(crate) struct Deliveries(SyncSender<Delivery>);

impl Deliveries {
    /// Starts the thread.
    ///
    /// # Errors
    /// The system gives no thread.
    pub(crate) fn start(policy: Policy) -> std::io::Result<Deliveries> {
        let (queue, waiting) = sync_channel(MAX_WAITING);
        let work = move || waiting.into_iter().for_each(|delivery| deliver(&delivery, &policy));
        std::thread::Builder::new().name("webhooks".into()).spawn(work)?;
        Ok(Deliveries(queue))
    }

    /// Queues a delivery; never waits.
    ///
    /// # Errors
    /// The queue is full, or the thread crashed.
    pub(crate) fn push(&self, delivery: Delivery) -> Result<(), Dropped> {
        self.0.try_send(delivery).map_err(|error| match error {
            TrySendError::Full(_) => Dropped::QueueFull,
            TrySendError::Disconnected(_) => Dropped::NoThread,
        })
    }
}

fn deliver(Delivery { webhooks, tasks }: &Delivery, policy: &Policy) {
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
) -> Result<ureq::http::StatusCode, ureq::Error> {
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
