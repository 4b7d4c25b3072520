//! Threads of a scope that are joined on every path. The end of the scope waits for their work only: a
//! thread may still be tidying up when the caller goes on, as the fuzz targets' leak check has shown.

use std::thread::ScopedJoinHandle;

use crate::error::{Error, Result};

/// A thread that is joined when dropped. Whatever tells it to end must be dropped before: a field that
/// stands before this one is.
pub(crate) struct Joined<'scope, T> {
    name: &'static str,
    handle: Option<ScopedJoinHandle<'scope, T>>,
}

impl<'scope, T> Joined<'scope, T> {
    pub(crate) fn new(name: &'static str, handle: ScopedJoinHandle<'scope, T>) -> Self {
        Joined { name, handle: Some(handle) }
    }

    /// Waits for the thread's end; gives what it returned.
    pub(crate) fn join(mut self) -> Result<T> {
        let ended = self.handle.take().map(ScopedJoinHandle::join);
        ended.and_then(Result::ok).ok_or(Error::Panicked(self.name))
    }
}

impl<T> Drop for Joined<'_, T> {
    fn drop(&mut self) {
        // Who drops it without asking has a failure to report already.
        if let Some(handle) = self.handle.take() {
            let _ = handle.join();
        }
    }
}
