//! Files of one JSON value a line, being written: nameless, so that nothing is left of them whatever happens.

use std::borrow::Cow;
use std::fs::File;
use std::io::{self, BufWriter, Seek, Write};
use std::path::Path;

use serde::Serialize;

use crate::error::{Error, Result};

const BUFFER_BYTES: usize = 64 << 10;

/// A file of JSON values, each on a line of its own.
pub struct Lines {
    file: BufWriter<File>,
}

impl Lines {
    /// An empty one on the file system of `directory`.
    pub(crate) fn new(directory: &Path) -> Result<Lines> {
        let file = tempfile::tempfile_in(directory)
            .map_err(Error::io("create a temporary file in", directory))?;
        Ok(Lines { file: BufWriter::with_capacity(BUFFER_BYTES, file) })
    }

    /// Adds a value.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn push(&mut self, value: &impl Serialize) -> Result<()> {
        serde_json::to_writer(&mut self.file, value).map_err(io::Error::from)?;
        Ok(self.file.write_all(b"\n")?)
    }

    /// Adds a value that is JSON text already.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn push_text(&mut self, json: &str) -> Result<()> {
        self.file.write_all(one_line(json).as_bytes())?;
        Ok(self.file.write_all(b"\n")?)
    }

    /// The file from its beginning, and its length.
    pub(crate) fn into_file(self) -> io::Result<(File, u64)> {
        let mut file = self.file.into_inner()?;
        let length = file.stream_position()?;
        file.rewind()?;
        Ok((file, length))
    }
}

/// JSON text without line breaks. Inside of JSON strings there are none that are not escaped.
pub fn one_line(json: &str) -> Cow<'_, str> {
    match json.contains(['\n', '\r']) {
        true => Cow::Owned(json.replace(['\n', '\r'], " ")),
        false => Cow::Borrowed(json),
    }
}
