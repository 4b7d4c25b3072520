//! A bar on standard error while an archive is read; nothing when that is no terminal.

use index_snapshot::Monitor;
use indicatif::{ProgressBar, ProgressStyle};

/// Counts the bytes of `data.mdb`.
pub(crate) struct Bar(ProgressBar);

impl Bar {
    pub(crate) fn new(doing: &'static str) -> Bar {
        let template = "{msg} {wide_bar} {decimal_bytes}/{decimal_total_bytes} {eta}";
        let style =
            ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
        Bar(ProgressBar::new(0).with_style(style).with_message(doing))
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}

impl Monitor for Bar {
    fn must_stop(&self) -> bool {
        false
    }

    fn total(&self, bytes: u64) {
        self.0.set_length(bytes);
    }

    fn advance(&self, bytes: u64) {
        self.0.inc(bytes);
    }
}
