//! What `GET /metrics` reads when it is called: sizes, the queue, what runs (operations.md section
//! 21). These values get a registry of their own each time, so that nothing of an earlier call stays
//! and two calls at once do not mix.

use index_scheduler::{IndexScheduler, QueueState};
use meilisearch_auth::AuthStore;
use meilisearch_types::batches::Batch;
use meilisearch_types::error::{Code, ResponseError};
use prometheus::{Gauge, GaugeVec, Opts, Registry, Result, TextEncoder};
use time::{Duration, OffsetDateTime};

use super::{Metrics, PREFIX, register};
use crate::instance_stats::InstanceStats;
use crate::search_queue::SearchQueue;

/// How long the last indexing is told, in addition to its own duration.
const LAST_INDEXING_SHOWN: Duration = Duration::minutes(5);
const BATCH_AND_STEP: [&str; 2] = ["batch_uid", "step_name"];
const BATCH_AND_INDEX: [&str; 2] = ["batch_uid", "index"];

impl Metrics {
    /// All metrics in the text format of Prometheus.
    ///
    /// # Errors
    /// The queue, the key store or an index cannot be read.
    pub(crate) fn text(
        &self,
        scheduler: &IndexScheduler,
        keys: &AuthStore,
        searches: &SearchQueue,
    ) -> std::result::Result<String, ResponseError> {
        let instance = InstanceStats::read(scheduler, keys)?;
        let queue = scheduler.queue_state()?;
        for (uid, stats) in &instance.indexes {
            let documents = stats.inner.number_of_documents();
            self.documents.with_label_values(&[uid]).set(documents as i64);
        }
        self.encode(&instance, &queue, searches).map_err(|error| {
            let message = format!("The metrics cannot be written: {error}");
            ResponseError::from_msg(message, Code::Internal)
        })
    }

    fn encode(
        &self,
        instance: &InstanceStats,
        queue: &QueueState,
        searches: &SearchQueue,
    ) -> Result<String> {
        let scrape = Scrape(Registry::new_custom(Some(PREFIX.to_owned()), None)?);
        scrape.instance(instance)?;
        scrape.queue(queue, OffsetDateTime::now_utc())?;
        scrape.batches(queue)?;
        if let Some(batch) = &queue.last_documents {
            scrape.last_indexing(batch, OffsetDateTime::now_utc())?;
        }
        scrape.searches(searches)?;
        let mut families = self.registry.gather();
        families.extend(scrape.0.gather());
        TextEncoder::new().encode_to_string(&families)
    }
}

/// The values of one call.
struct Scrape(Registry);

impl Scrape {
    fn value(&self, name: &str, help: &str, value: f64) -> Result<()> {
        register(&self.0, Gauge::new(name, help))?.set(value);
        Ok(())
    }

    fn series<const LABELS: usize>(
        &self,
        name: &str,
        help: &str,
        labels: [&str; LABELS],
        values: impl IntoIterator<Item = ([String; LABELS], f64)>,
    ) -> Result<()> {
        let gauges = register(&self.0, GaugeVec::new(Opts::new(name, help), &labels))?;
        for (labels, value) in values {
            gauges.with_label_values(&labels).set(value);
        }
        Ok(())
    }

    fn instance(&self, instance: &InstanceStats) -> Result<()> {
        let InstanceStats { size, used_size, indexes } = instance;
        self.value("db_size_bytes", "Bytes of indexes, queue and keys on disk", *size as f64)?;
        self.value("used_db_size_bytes", "Bytes of them in use", *used_size as f64)?;
        self.value("index_count", "Number of indexes", indexes.len() as f64)?;
        if let Some(last) = indexes.iter().map(|(_, stats)| stats.inner.updated_at).max() {
            let help = "When an index was changed last, in seconds since 1970";
            self.value("last_update", help, last.unix_timestamp() as f64)?;
        }
        Ok(())
    }

    fn queue(&self, queue: &QueueState, now: OffsetDateTime) -> Result<()> {
        let count = |kind: &str, value: &str, number: u64| {
            ([kind.to_owned(), value.to_owned()], number as f64)
        };
        let statuses = queue.statuses.iter().map(|(it, n)| count("statuses", it.name(), *n));
        let kinds = queue.kinds.iter().map(|(it, n)| count("types", it.name(), *n));
        let indexes = queue.indexes.iter().map(|(it, n)| count("indexes", it, *n));
        let counts = statuses.chain(kinds).chain(indexes);
        self.series("nb_tasks", "Number of tasks", ["kind", "value"], counts)?;

        let is_indexing = f64::from(u8::from(!queue.running.is_empty()));
        self.value("is_indexing", "1 while a task runs", is_indexing)?;
        let latency = queue.oldest_unfinished.map_or(0.0, |since| (now - since).as_seconds_f64());
        let help = "Age of the oldest task that waits or runs";
        self.value("task_queue_latency_seconds", help, latency.max(0.0))?;
        let help = "Bytes that the queue may use on disk";
        self.value("task_queue_max_size", help, queue.map_size_bytes as f64)?;
        self.value("task_queue_used_size", "Bytes that it uses", queue.used_bytes as f64)?;
        let help = "Bytes that it may still use before tasks are refused";
        self.value("task_queue_size_until_stop_registering", help, queue.room_bytes as f64)
    }

    fn batches(&self, queue: &QueueState) -> Result<()> {
        let running = queue.running.iter().flat_map(|batch| {
            let steps = batch.progress.iter().flat_map(|progress| &progress.steps);
            steps.map(|step| {
                let share = f64::from(step.finished) / f64::from(step.total.max(1));
                ([batch.uid.to_string(), step.current_step.clone().into_owned()], share)
            })
        });
        let help = "Share of each step under way that is done";
        self.series("batch_running_progress_trace", help, BATCH_AND_STEP, running)?;
        let ended = queue.last_finished.iter().flat_map(|batch| {
            batch.stats.progress_trace.iter().filter_map(|(step, time)| {
                let milliseconds = milliseconds(time)?;
                Some(([batch.uid.to_string(), step.clone()], milliseconds.trunc()))
            })
        });
        let help = "Time that each step of the last finished batch took";
        self.series("last_finished_batches_progress_trace_ms", help, BATCH_AND_STEP, ended)
    }

    /// Tells of the last batch that changed documents, unless it is long over.
    fn last_indexing(&self, batch: &Batch, now: OffsetDateTime) -> Result<()> {
        let Some(end) = batch.finished_at else { return Ok(()) };
        let duration = end - batch.started_at;
        if now - end > duration + LAST_INDEXING_SHOWN {
            return Ok(());
        }
        let details = &batch.details;
        let changed =
            [details.indexed_documents, details.edited_documents, details.deleted_documents];
        let changed: u64 = changed.into_iter().flatten().flatten().sum();
        let of_indexes = |value: f64| {
            let indexes = batch.stats.index_uids.keys();
            indexes.map(move |index| ([batch.uid.to_string(), index.clone()], value))
        };
        let help = "Documents that the last indexing added, edited and deleted";
        let counts = of_indexes(changed as f64);
        self.series("last_indexed_documents_count", help, BATCH_AND_INDEX, counts)?;
        let help = "Time that the last indexing took";
        let times = of_indexes(duration.whole_milliseconds() as f64);
        self.series("last_indexed_documents_duration_ms", help, BATCH_AND_INDEX, times)
    }

    fn searches(&self, queue: &SearchQueue) -> Result<()> {
        let (running, waiting) = queue.occupancy();
        self.value("search_queue_size", "Searches that may wait", queue.capacity() as f64)?;
        self.value("searches_running", "Searches that run", running as f64)?;
        let help = "Searches that wait for their turn";
        self.value("searches_waiting_to_be_processed", help, waiting as f64)
    }
}

/// The milliseconds of a duration as the progress trace of a batch writes it, e.g. `1.26s`.
fn milliseconds(text: &str) -> Option<f64> {
    // The longer units first: they end like the shorter ones.
    [("ms", 1.0), ("µs", 1e-3), ("ns", 1e-6), ("s", 1e3)].into_iter().find_map(|(unit, factor)| {
        let number: f64 = text.strip_suffix(unit)?.parse().ok()?;
        Some(number * factor)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_of_any_unit_become_milliseconds() {
        for duration in [1_260_000_000_u64, 12_340_000, 5_600, 45, 90_000_000_000] {
            let duration = std::time::Duration::from_nanos(duration);
            let read = milliseconds(&format!("{duration:.2?}")).unwrap();
            assert!((read - duration.as_secs_f64() * 1e3).abs() < 1e-9, "{duration:?}: {read}");
        }
        assert_eq!(milliseconds("soon"), None);
    }
}
