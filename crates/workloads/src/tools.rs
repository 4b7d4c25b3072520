//! Other programs, timed: what our figures are compared with.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

use crate::error::{Error, Result};

/// Runs a pipeline of the shell; gives the seconds that it took. Any part that fails fails it.
pub(crate) fn timed_pipeline(pipeline: &str, directory: &Path) -> Result<f64> {
    let failed = |reason| Error::Tool { command: pipeline.to_owned(), reason };
    let start = Instant::now();
    let output = Command::new("bash")
        .args(["-o", "pipefail", "-e", "-c", pipeline])
        .current_dir(directory)
        .stdin(Stdio::null())
        .output()
        .map_err(|e| failed(e.to_string()))?;
    let seconds = start.elapsed().as_secs_f64();
    if output.status.success() {
        Ok(seconds)
    } else {
        Err(failed(String::from_utf8_lossy(&output.stderr).trim().to_owned()))
    }
}

/// The seconds of `gzip -6` over bytes: a yardstick of the machine.
pub(crate) fn gzip_seconds(bytes: &[u8]) -> Result<f64> {
    let directory = tempfile::tempdir().map_err(Error::io(std::env::temp_dir()))?;
    let path = directory.path().join("data");
    let mut file = File::create(&path).map_err(Error::io(&path))?;
    file.write_all(bytes).map_err(Error::io(&path))?;
    timed_pipeline("gzip -6 < data > /dev/null", directory.path())
}

/// A path as one word of the shell.
pub(crate) fn quoted(path: &Path) -> String {
    format!("'{}'", path.display().to_string().replace('\'', r"'\''"))
}

/// Compiles `mdb_copy` of the pinned LMDB from cargo's registry: the one of the system may have another
/// lock format, and must not touch an environment that a server has open.
pub(crate) fn mdb_copy(directory: &Path) -> Result<PathBuf> {
    let unfit = || {
        Error::Unfit(
            "lmdb-master-sys 0.2.6 is not in cargo's registry: run `cargo fetch` first".into(),
        )
    };
    let home = std::env::var_os("CARGO_HOME").map(PathBuf::from);
    let home = home.or_else(|| std::env::home_dir().map(|home| home.join(".cargo")));
    let registry = home.ok_or_else(unfit)?.join("registry/src");
    let sources = subdirectories(&registry)
        .flat_map(|index| subdirectories(&index).collect::<Vec<_>>())
        .find(|path| {
            let name = path.file_name().map(|name| name.to_string_lossy());
            name.is_some_and(|name| name.starts_with("lmdb-master-sys-0.2.6"))
        })
        .ok_or_else(unfit)?
        .join("lmdb/libraries/liblmdb");
    let source = quoted(&sources);
    let command = format!(
        "cc -O2 -w -pthread -I{source} {source}/mdb_copy.c {source}/mdb.c {source}/midl.c -o mdb_copy"
    );
    timed_pipeline(&command, directory)?;
    Ok(directory.join("mdb_copy"))
}

fn subdirectories(directory: &Path) -> impl Iterator<Item = PathBuf> {
    fs::read_dir(directory).into_iter().flatten().flatten().map(|entry| entry.path())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_that_fails_fails_the_pipeline() {
        let here = Path::new("/");
        assert!(timed_pipeline("true | cat", here).unwrap() > 0.0);
        let error = timed_pipeline("sh -c 'echo broken >&2; exit 3' | cat", here).unwrap_err();
        assert!(error.to_string().contains("broken"));
    }

    #[test]
    fn paths_are_one_word() {
        assert_eq!(quoted(Path::new("/a b/it's")), r"'/a b/it'\''s'");
    }
}
