//! Logs on standard error, one line each, and for whoever listens on `/logs/stream`
//! (operations.md sections 8 and 22), and the hook that turns a panic into one such line.
//!
//! Every place that logs go to is a layer of its own behind a filter of its own, so that each can
//! be changed while the server runs and the others do not notice. There is one layer for each form
//! of the stream, because a span is remembered in the form of the layers that saw its start.

mod outlet;
mod profile;
mod target;

use std::backtrace::{Backtrace, BacktraceStatus};
use std::fmt;
use std::panic::PanicHookInfo;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::Stream;
use futures_util::stream::unfold;
use meilisearch_types::error::{Code, ErrorCode};
use tracing::level_filters::LevelFilter;
use tracing_subscriber::field::RecordFields;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::fmt::format::{DefaultFields, FmtSpan, FormatFields, Writer};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{Layer, Registry, reload};

use self::outlet::{Outlet, Queue, TooSlow};
use self::profile::Profile;
use crate::options::{LogLevel, LogsMode, Options};

pub(crate) use self::target::{DEFAULT_TARGET, LogTarget};

type BoxedLayer = Box<dyn Layer<Registry> + Send + Sync>;
type Filter = reload::Handle<Targets, Registry>;

/// What entries of the stream look like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum StreamMode {
    /// The lines of standard error.
    Human,
    /// One JSON object a line.
    Json,
    /// JSON objects about spans and events, without anything between them ([`profile`]).
    Profile {
        /// Whether each of them tells the memory of the process.
        memory: bool,
    },
}

/// Why logging is not changed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LogsError {
    /// There is a listener.
    #[error(
        "Somebody listens to the logs already, and only one can. End that stream by \
         `DELETE /logs/stream`, or wait until its client has left."
    )]
    Taken,
    /// A fault of the server.
    #[error("The filter of the logs cannot be changed: {0}.")]
    Filter(#[from] reload::Error),
}

impl ErrorCode for LogsError {
    fn error_code(&self) -> Code {
        match self {
            LogsError::Taken => Code::BadRequest,
            LogsError::Filter(_) => Code::Internal,
        }
    }
}

/// What can be changed about logging while the server runs.
pub(crate) struct Logs {
    console: Filter,
    human: Filter,
    json: Filter,
    profile: Filter,
    outlet: Outlet,
}

impl Logs {
    /// Replaces the filter of standard error.
    ///
    /// # Errors
    ///
    /// [`LogsError::Filter`].
    pub(crate) fn filter_console(&self, target: LogTarget) -> Result<(), LogsError> {
        Ok(self.console.reload(target)?)
    }

    /// What is logged from now on, until [`Logs::end_stream`] or until the stream is dropped.
    ///
    /// # Errors
    ///
    /// [`LogsError::Taken`] while there is another listener.
    pub(crate) fn stream(
        self: &Arc<Self>,
        target: LogTarget,
        mode: StreamMode,
    ) -> Result<impl Stream<Item = Result<Bytes, TooSlow>> + use<>, LogsError> {
        // Held while the filters change, so that they are those of the listener. Layers take it
        // only when their filter has let an entry through and is free again.
        let mut place = self.outlet.lock();
        if place.as_ref().is_some_and(|queue| !queue.is_overrun()) {
            return Err(LogsError::Taken);
        }
        self.filter_stream(Some((target, mode)))?;
        let queue = Arc::new(Queue::new(mode));
        *place = Some(queue.clone());
        let listener = Listener { queue, logs: self.clone() };
        Ok(unfold(listener, async |listener| Some((listener.queue.next().await?, listener))))
    }

    /// Ends the stream, if there is one; its listener still gets what was logged before.
    ///
    /// # Errors
    ///
    /// [`LogsError::Filter`].
    pub(crate) fn end_stream(&self) -> Result<(), LogsError> {
        let mut place = self.outlet.lock();
        if let Some(queue) = place.take() {
            queue.end();
        }
        self.filter_stream(None)
    }

    /// Lets through what one form of the stream wants, and nothing to the others.
    fn filter_stream(&self, wanted: Option<(LogTarget, StreamMode)>) -> Result<(), LogsError> {
        let of = |mode: fn(StreamMode) -> bool| match &wanted {
            Some((target, wanted)) if mode(*wanted) => target.clone().into(),
            _ => nothing(),
        };
        self.human.reload(of(|mode| mode == StreamMode::Human))?;
        self.json.reload(of(|mode| mode == StreamMode::Json))?;
        self.profile.reload(of(|mode| matches!(mode, StreamMode::Profile { .. })))?;
        Ok(())
    }
}

/// The reading end of the stream; its end is the end of the stream.
struct Listener {
    queue: Arc<Queue>,
    logs: Arc<Logs>,
}

impl Drop for Listener {
    fn drop(&mut self) {
        let mut place = self.logs.outlet.lock();
        if place.as_ref().is_some_and(|queue| Arc::ptr_eq(queue, &self.queue)) {
            *place = None;
            // Filters that stay only cost time.
            let _ = self.logs.filter_stream(None);
        }
        drop(place);
        if self.queue.is_overrun() {
            tracing::warn!("the listener of `/logs/stream` was too slow, so its stream was cut");
        }
    }
}

/// Starts logging. In a process that logs already this changes nothing.
pub(crate) fn init(options: &Options) -> Logs {
    let level = match options.log_level {
        LogLevel::Off => LevelFilter::OFF,
        LogLevel::Error => LevelFilter::ERROR,
        LogLevel::Warn => LevelFilter::WARN,
        LogLevel::Info => LevelFilter::INFO,
        LogLevel::Debug => LevelFilter::DEBUG,
        LogLevel::Trace => LevelFilter::TRACE,
    };
    let everywhere = Targets::new().with_default(level);
    let console = lines(std::io::stderr, DefaultFields::new(), options.experimental_logs_mode);
    let (layers, logs) = layers(console, everywhere);
    // An error means that a subscriber is already there.
    let _ = tracing_subscriber::registry().with(layers).try_init();
    logs
}

fn layers(console: BoxedLayer, filter: Targets) -> (Vec<BoxedLayer>, Logs) {
    let outlet = Outlet::default();
    let of_stream = |mode| lines(outlet.clone(), StreamFields::default(), mode);
    let (console, console_filter) = filtered(console, filter);
    let (human, human_filter) = filtered(of_stream(LogsMode::Human), nothing());
    let (json, json_filter) = filtered(of_stream(LogsMode::Json), nothing());
    let (profile, profile_filter) = filtered(Profile::new(outlet.clone()).boxed(), nothing());
    let logs = Logs {
        console: console_filter,
        human: human_filter,
        json: json_filter,
        profile: profile_filter,
        outlet,
    };
    (vec![console, human, json, profile], logs)
}

/// The filter that lets nothing through.
fn nothing() -> Targets {
    Targets::new()
}

/// A layer behind a filter that can be replaced.
fn filtered(layer: BoxedLayer, filter: Targets) -> (BoxedLayer, Filter) {
    let (filter, handle) = reload::Layer::new(filter);
    (layer.with_filter(filter).boxed(), handle)
}

/// A layer that writes one line for each event and each span that closes.
fn lines<W, F>(writer: W, fields: F, mode: LogsMode) -> BoxedLayer
where
    W: for<'w> MakeWriter<'w> + Send + Sync + 'static,
    F: for<'w> FormatFields<'w> + Send + Sync + 'static,
{
    let lines = tracing_subscriber::fmt::layer()
        .with_writer(writer)
        .fmt_fields(fields)
        .with_span_events(FmtSpan::CLOSE)
        .with_ansi(false);
    match mode {
        LogsMode::Human => lines.boxed(),
        LogsMode::Json => lines.json().boxed(),
    }
}

/// The fields of spans in lines of the stream. A span keeps them under the type of their format, so
/// those of standard error need another one: both layers would add what is recorded later.
#[derive(Default)]
struct StreamFields(DefaultFields);

impl<'w> FormatFields<'w> for StreamFields {
    fn format_fields<R: RecordFields>(&self, writer: Writer<'w>, fields: R) -> fmt::Result {
        self.0.format_fields(writer, fields)
    }
}

/// Logs panics on one line at error level instead of printing them.
pub(crate) fn install_panic_hook() {
    std::panic::set_hook(Box::new(|panic| {
        let backtrace = Backtrace::capture();
        let backtrace = (backtrace.status() == BacktraceStatus::Captured)
            .then(|| backtrace.to_string().replace('\n', " | "));
        tracing::error!(
            thread = std::thread::current().name().unwrap_or("unnamed"),
            location = panic.location().map(ToString::to_string),
            backtrace,
            "panic: {}",
            message(panic).replace('\n', " | "),
        );
    }));
}

fn message(panic: &PanicHookInfo<'_>) -> String {
    let payload = panic.payload();
    let text = payload.downcast_ref::<&str>().copied();
    let text = text.or_else(|| payload.downcast_ref::<String>().map(String::as_str));
    text.unwrap_or("without a message").to_owned()
}
