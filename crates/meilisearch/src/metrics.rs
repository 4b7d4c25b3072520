//! What is counted for Prometheus from the start of the server, whether or not somebody asks
//! (operations.md section 21, index-snapshots.md section 9). [`scrape`] adds what is read only when
//! `GET /metrics` is called.

mod scrape;

use std::collections::HashSet;
use std::time::Instant;

use actix_web::Error;
use actix_web::body::MessageBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::middleware::Next;
use actix_web::web::Data;
use index_scheduler::{IndexFilter, IndexScheduler, Query};
use meilisearch_types::tasks::{Details, Kind, Status, Task};
use prometheus::core::Collector;
use prometheus::{
    HistogramOpts, HistogramVec, IntCounterVec, IntGauge, IntGaugeVec, Opts, Registry, Result,
};

/// What stands before every name.
const PREFIX: &str = "meilisearch";
/// Upper bounds of the response times, in seconds.
const RESPONSE_SECONDS: [f64; 14] =
    [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0];
/// Upper bounds of the durations of snapshot tasks, in seconds: a tenth of one to six hours.
const SNAPSHOT_SECONDS: [f64; 14] =
    [0.1, 0.5, 1.0, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1800.0, 3600.0, 7200.0, 21_600.0];

/// Everything that is counted while the server runs.
pub(crate) struct Metrics {
    registry: Registry,
    requests: IntCounterVec,
    response_seconds: HistogramVec,
    degraded_searches: IntGauge,
    /// Set when the route is called; those of deleted indexes stay.
    documents: IntGaugeVec,
    snapshots: SnapshotMetrics,
}

/// What is told of single-index snapshots.
#[derive(Clone)]
struct SnapshotMetrics {
    last_success: IntGaugeVec,
    seconds: HistogramVec,
    bytes: IntCounterVec,
    failures: IntCounterVec,
}

impl Metrics {
    /// All metrics at their start.
    ///
    /// # Errors
    /// Two have the same name, or a name is none.
    pub(crate) fn new() -> Result<Metrics> {
        let registry = Registry::new_custom(Some(PREFIX.to_owned()), None)?;
        let counter = |name: &str, help: &str, labels: &[&str]| {
            register(&registry, IntCounterVec::new(Opts::new(name, help), labels))
        };
        let gauge = |name: &str, help: &str| register(&registry, IntGauge::new(name, help));
        let gauges = |name: &str, help: &str, labels: &[&str]| {
            register(&registry, IntGaugeVec::new(Opts::new(name, help), labels))
        };
        let histogram = |name: &str, help: &str, labels: &[&str], bounds: &[f64]| {
            let options = HistogramOpts::new(name, help).buckets(bounds.to_vec());
            register(&registry, HistogramVec::new(options, labels))
        };

        // Chats and personalisation are not built: their counts stay at 0.
        gauge("personalized_search_requests", "Searches whose hits were personalised")?;
        counter("chat_searches_total", "Searches that chats asked for", &["type"])?
            .with_label_values(&["internal"]);
        for (name, help) in [
            ("chat_prompt_tokens_total", "Tokens of the prompts of chats"),
            ("chat_completion_tokens_total", "Tokens of the completions of chats"),
            ("chat_tokens_total", "Tokens of chats"),
        ] {
            counter(name, help, &["workspace", "model"])?;
        }

        let snapshots = SnapshotMetrics {
            last_success: gauges(
                "index_snapshot_last_success_timestamp_seconds",
                "When the newest snapshot of the index was made, in seconds since 1970",
                &["index"],
            )?,
            seconds: histogram(
                "index_snapshot_duration_seconds",
                "Time from start to end of successful tasks of single-index snapshots",
                &["kind"],
                &SNAPSHOT_SECONDS,
            )?,
            bytes: counter(
                "index_snapshot_bytes_total",
                "Bytes of the indexes that successful tasks of single-index snapshots copied",
                &["kind"],
            )?,
            failures: counter(
                "index_snapshot_failures_total",
                "Failed tasks of single-index snapshots by the code of their error",
                &["kind", "code"],
            )?,
        };
        Ok(Metrics {
            requests: counter(
                "http_requests_total",
                "Answered requests by route and status",
                &["method", "path", "status"],
            )?,
            response_seconds: histogram(
                "http_response_time_seconds",
                "Time until the answer to a request begins",
                &["method", "path"],
                &RESPONSE_SECONDS,
            )?,
            degraded_searches: gauge(
                "degraded_search_requests",
                "Searches that the time limit cut",
            )?,
            documents: gauges("index_docs_count", "Documents of the index", &["index"])?,
            snapshots,
            registry,
        })
    }

    /// Counts the snapshot tasks of a scheduler from now on. Those that it remembers tell when the
    /// newest snapshots were made, so that a restart does not forget it.
    ///
    /// # Errors
    /// The queue cannot be read.
    pub(crate) fn observe(
        &self,
        scheduler: &IndexScheduler,
    ) -> std::result::Result<(), index_scheduler::Error> {
        let made = Query {
            types: Some(vec![Kind::SingleIndexSnapshotCreation]),
            statuses: Some(vec![Status::Succeeded]),
            ..Query::default()
        };
        // The newest ones come first.
        let mut seen = HashSet::new();
        for task in scheduler.tasks(&made, IndexFilter::All)?.0 {
            if let Some(index) = task.index_uid()
                && seen.insert(index.to_owned())
            {
                self.snapshots.succeeded_last(&task);
            }
        }
        let snapshots = self.snapshots.clone();
        scheduler.observe_ended_tasks(move |task| snapshots.count(task));
        Ok(())
    }

    /// Counts searches that the time limit cut.
    pub(crate) fn count_degraded_searches(&self, number: usize) {
        self.degraded_searches.add(number as i64);
    }
}

fn register<C: Collector + Clone + 'static>(registry: &Registry, metric: Result<C>) -> Result<C> {
    let metric = metric?;
    registry.register(Box::new(metric.clone()))?;
    Ok(metric)
}

impl SnapshotMetrics {
    /// Counts a task that ended, if it is about a snapshot of one index.
    fn count(&self, task: &Task) {
        let copied = match &task.details {
            Some(
                Details::SingleIndexSnapshotCreation { data_size, .. }
                | Details::SingleIndexSnapshotImport { data_size, .. },
            ) => *data_size,
            _ => return,
        };
        let kind = task.kind().name();
        match task.status {
            Status::Succeeded => {
                self.succeeded_last(task);
                if let (Some(start), Some(end)) = (task.started_at, task.finished_at) {
                    let seconds = (end - start).as_seconds_f64();
                    self.seconds.with_label_values(&[kind]).observe(seconds);
                }
                self.bytes.with_label_values(&[kind]).inc_by(copied.unwrap_or_default());
            }
            Status::Failed => {
                let code = task.error.as_ref().map_or("", |error| error.code());
                self.failures.with_label_values(&[kind, code]).inc();
            }
            Status::Enqueued | Status::Processing | Status::Canceled => {}
        }
    }

    /// Notes a snapshot that was made.
    fn succeeded_last(&self, task: &Task) {
        if task.kind() == Kind::SingleIndexSnapshotCreation
            && let (Some(index), Some(end)) = (task.index_uid(), task.finished_at)
        {
            self.last_success.with_label_values(&[index]).set(end.unix_timestamp());
        }
    }
}

/// Counts each request by its route, and with the feature on measures it.
pub(crate) async fn count_request<B: MessageBody>(
    metrics: Data<Metrics>,
    scheduler: Data<IndexScheduler>,
    request: ServiceRequest,
    next: Next<B>,
) -> std::result::Result<ServiceResponse<B>, Error> {
    let start = Instant::now();
    let response = next.call(request).await?;
    let request = response.request();
    let method = request.method().as_str();
    let route = request.match_pattern();
    if let Some(route) = &route
        && scheduler.features().metrics
    {
        let seconds = start.elapsed().as_secs_f64();
        metrics.response_seconds.with_label_values(&[method, route.as_str()]).observe(seconds);
    }
    let path = route.as_deref().unwrap_or_else(|| request.path());
    let status = response.status();
    metrics.requests.with_label_values(&[method, path, status.as_str()]).inc();
    Ok(response)
}
