//! How a caller watches and stops a copy.

/// Watches one copy, in either direction, and may stop it. Called from the thread that streams.
pub trait Monitor: Sync {
    /// Whether the work must end now; asked at least once a mebibyte. It then fails with
    /// [`Error::Stopped`](crate::Error::Stopped) and leaves nothing behind.
    fn must_stop(&self) -> bool;

    /// The exact number of bytes of `data.mdb`, told once, before the first of them is counted.
    fn total(&self, bytes: u64);

    /// So many more bytes of `data.mdb` have passed.
    fn advance(&self, bytes: u64);
}

/// A monitor for work that nobody watches and nobody stops.
#[derive(Debug, Clone, Copy, Default)]
pub struct Unattended;

impl Monitor for Unattended {
    fn must_stop(&self) -> bool {
        false
    }

    fn total(&self, _bytes: u64) {}

    fn advance(&self, _bytes: u64) {}
}
