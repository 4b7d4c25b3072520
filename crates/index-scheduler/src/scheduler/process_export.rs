//! Export of indexes to another instance (tasks.md 19). On the main lane, so no index changes meanwhile but
//! by the import of a snapshot. The tasks that the other instance makes of it are not awaited.

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use flate2::Compression;
use flate2::write::GzEncoder;
use meilisearch_types::index_uid::IndexUidPattern;
use meilisearch_types::progress::{AtomicStep, NamedStep};
use meilisearch_types::tasks::{
    Details, ExportIndexDetails, ExportIndexSettings, KindWithContent, Status, Task,
};
use milli::document::OutgoingDocuments;
use milli::query::filter::Filter;
use milli::{Index, RoTxn, Schema};
use roaring::RoaringBitmap;
use serde_json::{Value, json};
use ureq::http::{Request, Uri};

use crate::Shared;
use crate::error::{Error, Result};
use crate::processing::RunningBatch;
use crate::queue::commit::Outcome;
use crate::testing::Fault;

/// How long one request may take in all.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(5);
/// Answers that are worth another try.
const PASSING_STATUSES: [u16; 6] = [408, 429, 500, 502, 503, 504];
/// Pause before the first new try.
const FIRST_PAUSE: Duration = Duration::from_millis(500);
/// What each pause is multiplied with.
const PAUSE_GROWTH: f64 = 1.5;
/// By which part of itself a pause differs, either way.
const PAUSE_SPREAD: f64 = 0.5;
const MAX_PAUSE: Duration = Duration::from_secs(60);
/// How long one request is tried again.
const MAX_RETRYING: Duration = Duration::from_secs(15 * 60);
/// How often a pause looks at the batch's flag.
const NAP: Duration = Duration::from_millis(50);
/// Longest part of an answer that is told, in characters.
const MAX_TOLD_CHARS: usize = 500;

/// Exports what a task asks for.
pub(super) fn run(shared: &Shared, running: &RunningBatch, mut task: Task) -> Result<Outcome> {
    let KindWithContent::Export { url, api_key, payload_size, indexes } = &task.kind else {
        return Err(Error::CorruptedQueue(format!("task {} is not an export", task.uid)));
    };
    let remote = Remote {
        shared,
        running,
        base: base(url)?,
        authorization: api_key.as_ref().map(|key| format!("Bearer {key}")),
        client: shared.options.export.policy.client(REQUEST_TIMEOUT),
        max_payload_bytes: payload_size.map_or(shared.options.export.payload_bytes, |size| size.0),
    };
    let names = shared.mapper.names(&*shared.queue.read_txn()?)?;
    let chosen: Vec<_> = names
        .into_iter()
        .filter_map(|uid| {
            let (_, settings) = indexes.iter().find(|(pattern, _)| pattern.matches(&uid))?;
            Some((uid, settings.clone()))
        })
        .collect();
    let mut exported = BTreeMap::new();
    for (number, (uid, settings)) in chosen.iter().enumerate() {
        remote.check_stop()?;
        let step = format!("Exporting index `{uid}`");
        let (number, total) = (number as u32, chosen.len() as u32);
        running.progress.update(NamedStep::<Remote<'static>>::new(step, number, total));
        let matched_documents = Some(remote.index(uid, settings)?);
        let details = ExportIndexDetails { settings: settings.clone(), matched_documents };
        let pattern = IndexUidPattern::try_from(uid.clone())
            .map_err(|error| Error::CorruptedQueue(error.to_string()))?;
        exported.insert(pattern, details);
    }
    if let Some(Details::Export { indexes, .. }) = &mut task.details {
        *indexes = exported;
    }
    task.status = Status::Succeeded;
    Ok(Outcome { finished: vec![task], ..Outcome::default() })
}

/// The address of the other instance without a slash at its end.
fn base(url: &str) -> Result<String> {
    let refuse = |reason: &str| Error::ExportUrl { url: url.to_owned(), reason: reason.to_owned() };
    let uri: Uri = url.parse().map_err(|_| refuse("it is no URL"))?;
    if !matches!(uri.scheme_str(), Some("http" | "https")) || uri.host().is_none_or(str::is_empty) {
        return Err(refuse("it must begin with `http://` or `https://` and name a host"));
    }
    if uri.query().is_some() {
        return Err(refuse("it must not have a query"));
    }
    Ok(url.trim_end_matches('/').to_owned())
}

/// The other instance.
struct Remote<'a> {
    shared: &'a Shared,
    running: &'a RunningBatch,
    base: String,
    authorization: Option<String>,
    client: ureq::Agent,
    max_payload_bytes: u64,
}

/// What an answer says.
struct Answer {
    status: u16,
    body: Value,
    text: String,
}

impl Remote<'_> {
    fn check_stop(&self) -> Result<()> {
        if self.running.cancel.is_raised() { Err(Error::Aborted) } else { Ok(()) }
    }

    /// Exports an index; gives the number of documents.
    fn index(&self, uid: &str, wanted: &ExportIndexSettings) -> Result<u64> {
        let pin = self.shared.mapper.pin(uid)?;
        let index = pin.index();
        let failed = |error| Error::index(uid)(error);
        let rtxn = index.read_txn().map_err(failed)?;
        let docids = self.selected(uid, index, &rtxn, wanted.filter.as_ref())?;
        let documents = OutgoingDocuments::new(index, &rtxn).map_err(failed)?;
        let settings = milli::settings(index, &rtxn).map_err(failed)?;
        let primary_key = index.primary_key(&rtxn).map_err(failed)?;

        let path = format!("/indexes/{uid}");
        let found = self.send("GET", &path, None)?;
        let exists = match found.status {
            200 => true,
            _ if found.body["code"] == "index_not_found" => false,
            _ => return Err(self.refusal("GET", &path, found)),
        };
        if !exists {
            let body = json!({ "uid": uid, "primaryKey": primary_key });
            self.succeed("POST", "/indexes", &Body::json(&body))?;
        } else if wanted.override_settings {
            let body = json!({ "primaryKey": primary_key });
            self.succeed("PATCH", &path, &Body::json(&body))?;
        }
        if !exists || wanted.override_settings {
            let body =
                serde_json::to_value(&settings).map_err(milli::Error::from).map_err(failed)?;
            self.succeed("PATCH", &format!("{path}/settings"), &Body::json(&body))?;
        }
        self.documents(uid, &documents, &docids)?;
        Ok(docids.len())
    }

    fn selected(
        &self,
        uid: &str,
        index: &Index,
        rtxn: &RoTxn<'_>,
        filter: Option<&Value>,
    ) -> Result<RoaringBitmap> {
        let select = || {
            let filter = filter.map(Filter::from_json).transpose()?.flatten();
            let Some(filter) = filter else { return index.documents_ids(rtxn) };
            let schema = Schema::load(index, rtxn)?;
            filter.evaluate(index, rtxn, &schema, &self.shared.features.effective())
        };
        select().map_err(|error| match error {
            milli::Error::Filter(source) => Error::Filter { uid: uid.to_owned(), source },
            error => Error::index(uid)(error),
        })
    }

    /// Sends documents in requests of bounded size, at least one in each.
    fn documents(
        &self,
        uid: &str,
        documents: &OutgoingDocuments<'_>,
        docids: &RoaringBitmap,
    ) -> Result<()> {
        let (counter, step) = AtomicStep::new("document", docids.len() as u32);
        self.running.progress.update(step);
        let path = format!("/indexes/{uid}/documents");
        let (mut buffer, mut document) = (String::new(), String::new());
        let mut buffered = 0;
        for docid in docids {
            self.check_stop()?;
            document.clear();
            documents.write(docid, &mut document).map_err(Error::index(uid))?;
            let size = buffer.len() as u64 + document.len() as u64;
            if buffered > 0 && size > self.max_payload_bytes {
                self.succeed("POST", &path, &Body::documents(&buffer)?)?;
                counter.fetch_add(buffered, Ordering::Relaxed);
                buffered = 0;
                buffer.clear();
            }
            buffer.push_str(&document);
            buffered += 1;
        }
        if buffered > 0 {
            self.succeed("POST", &path, &Body::documents(&buffer)?)?;
            counter.fetch_add(buffered, Ordering::Relaxed);
        }
        Ok(())
    }

    /// Sends a request that must be answered with success.
    fn succeed(&self, method: &'static str, path: &str, body: &Body) -> Result<()> {
        let answer = self.send(method, path, Some(body))?;
        match answer.status {
            200..300 => Ok(()),
            _ => Err(self.refusal(method, path, answer)),
        }
    }

    fn refusal(&self, method: &'static str, path: &str, answer: Answer) -> Error {
        let member = |name: &str| answer.body[name].as_str().map(str::to_owned);
        let told = match (member("code"), member("type"), member("message"), member("link")) {
            (Some(code), Some(kind), Some(message), link) => {
                let link = link.map(|link| format!(", {link}")).unwrap_or_default();
                format!("{message} (code `{code}`, type `{kind}`{link})")
            }
            _ => answer.text.chars().take(MAX_TOLD_CHARS).collect(),
        };
        let url = format!("{}{path}", self.base);
        Error::ExportRefused { method, url, status: answer.status, answer: told }
    }

    /// Sends a request until it is answered with what is worth reading.
    fn send(&self, method: &'static str, path: &str, body: Option<&Body>) -> Result<Answer> {
        let url = format!("{}{path}", self.base);
        let started = Instant::now();
        let mut pause = FIRST_PAUSE;
        loop {
            self.check_stop()?;
            self.shared.faults.hit(Fault::BeforeExportRequest)?;
            let failure = match self.attempt(method, &url, body) {
                Ok(answer) if !PASSING_STATUSES.contains(&answer.status) => return Ok(answer),
                Ok(answer) => self.refusal(method, path, answer),
                Err(error) => {
                    let unreachable = Error::ExportUnreachable {
                        method,
                        url: url.clone(),
                        reason: error.to_string(),
                    };
                    // The policy refuses the address, or the request cannot be: time changes neither.
                    if matches!(
                        error,
                        ureq::Error::Other(_) | ureq::Error::BadUri(_) | ureq::Error::Http(_)
                    ) {
                        return Err(unreachable);
                    }
                    unreachable
                }
            };
            if started.elapsed() + pause > MAX_RETRYING {
                return Err(failure);
            }
            tracing::warn!("an export tries again: {failure}");
            self.wait(pause.mul_f64(rand::random_range(1.0 - PAUSE_SPREAD..1.0 + PAUSE_SPREAD)))?;
            pause = pause.mul_f64(PAUSE_GROWTH).min(MAX_PAUSE);
        }
    }

    fn attempt(&self, method: &str, url: &str, body: Option<&Body>) -> Result<Answer, ureq::Error> {
        let mut request = Request::builder().method(method).uri(url);
        if let Some(authorization) = &self.authorization {
            request = request.header("Authorization", authorization);
        }
        let mut response = match body {
            None => self.client.run(request.body(())?)?,
            Some(Body { content, content_type, is_compressed }) => {
                request = request.header("Content-Type", *content_type);
                if *is_compressed {
                    request = request.header("Content-Encoding", "gzip");
                }
                self.client.run(request.body(content.as_slice())?)?
            }
        };
        let text = response.body_mut().read_to_string()?;
        let body = serde_json::from_str(&text).unwrap_or(Value::Null);
        Ok(Answer { status: response.status().as_u16(), body, text })
    }

    fn wait(&self, pause: Duration) -> Result<()> {
        let until = Instant::now() + pause;
        while Instant::now() < until {
            self.check_stop()?;
            std::thread::sleep(NAP.min(until.saturating_duration_since(Instant::now())));
        }
        Ok(())
    }
}

/// The body of a request.
struct Body {
    content: Vec<u8>,
    content_type: &'static str,
    is_compressed: bool,
}

impl Body {
    fn json(value: &Value) -> Body {
        Body {
            content: value.to_string().into_bytes(),
            content_type: "application/json",
            is_compressed: false,
        }
    }

    /// Documents, one after the other.
    fn documents(text: &str) -> Result<Body> {
        let compress = || {
            let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
            encoder.write_all(text.as_bytes())?;
            encoder.finish()
        };
        let content = compress().map_err(|error: io::Error| dump::Error::from(error))?;
        Ok(Body { content, content_type: "application/x-ndjson", is_compressed: true })
    }
}
