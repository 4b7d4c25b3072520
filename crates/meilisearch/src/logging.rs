//! Logs on standard error, one line each (operations.md section 8), and the hook that turns a
//! panic into one such line.

use std::backtrace::{Backtrace, BacktraceStatus};
use std::panic::PanicHookInfo;

use tracing::level_filters::LevelFilter;
use tracing_subscriber::Layer;
use tracing_subscriber::fmt::format::FmtSpan;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

use crate::options::{LogLevel, LogsMode, Options};

/// Starts logging. Later calls in the same process change nothing, so that tests may run servers
/// side by side.
pub(crate) fn init(options: &Options) {
    let level = match options.log_level {
        LogLevel::Off => LevelFilter::OFF,
        LogLevel::Error => LevelFilter::ERROR,
        LogLevel::Warn => LevelFilter::WARN,
        LogLevel::Info => LevelFilter::INFO,
        LogLevel::Debug => LevelFilter::DEBUG,
        LogLevel::Trace => LevelFilter::TRACE,
    };
    let lines = tracing_subscriber::fmt::layer()
        .with_writer(std::io::stderr)
        .with_span_events(FmtSpan::CLOSE)
        .with_ansi(false);
    let layer = match options.experimental_logs_mode {
        LogsMode::Human => lines.boxed(),
        LogsMode::Json => lines.json().boxed(),
    };
    // An error means that a subscriber is already there: the one of another server in a test.
    let _ = tracing_subscriber::registry().with(layer.with_filter(level)).try_init();
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
