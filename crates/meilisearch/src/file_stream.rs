//! A file as the body of an answer.
//!
//! A part is read from disk only when the connection has taken the one before, on a thread where
//! reading may block: a slow reader costs one small buffer.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::sync::Arc;

use actix_web::web;
use bytes::Bytes;
use futures_util::stream;

/// Bytes that are read and sent at once.
const PART_BYTES: u64 = 256 * 1024;

/// The bytes of a file from a place on, part by part.
pub(crate) fn parts(
    file: File,
    first: u64,
    length: u64,
) -> impl stream::Stream<Item = io::Result<Bytes>> {
    stream::try_unfold((Arc::new(file), first, length), async |(file, at, left)| {
        if left == 0 {
            return Ok(None);
        }
        let count = left.min(PART_BYTES);
        let source = file.clone();
        let part = web::block(move || {
            let mut part = vec![0; count as usize];
            source.read_exact_at(&mut part, at).map(|()| Bytes::from(part))
        });
        let part = part.await.map_err(io::Error::other)??;
        Ok(Some((part, (file, at + count, left - count))))
    })
}
