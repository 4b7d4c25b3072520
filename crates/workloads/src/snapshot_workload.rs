//! `snapshot`: creation and import of index snapshots for each compression, beside what the tools of the
//! system need for the same file on the same disk in the same run, syncs on both sides.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::Common;
use crate::client::{Client, FinishedTask};
use crate::data::Data;
use crate::error::{Error, Result};
use crate::process::{Peaks, Watch, disk_usage, memory};
use crate::queries::{self, Mix};
use crate::report::{mib, print_table, two, write_json};
use crate::search_workload::{Replay, Until, prepare, replay};
use crate::server::Server;
use crate::stats::median;
use crate::tools::{mdb_copy, quoted, timed_pipeline};

/// How long searches are measured idle, and at least beside repeated creations or imports.
const SEARCH_FOR: Duration = Duration::from_secs(5);
/// Time that a server gets to calm down before its idle memory is read.
const CALM_DOWN: Duration = Duration::from_secs(2);

/// Measures index snapshots.
#[derive(clap::Args)]
pub(crate) struct SnapshotArgs {
    #[command(flatten)]
    common: Common,
    #[command(flatten)]
    mix: Mix,
    /// Compressions to measure.
    #[arg(long, value_enum, value_delimiter = ',', default_value = "gzip,zstd,none")]
    compressions: Vec<Compression>,
    /// How often each is measured; the median counts.
    #[arg(long, default_value_t = 3)]
    rounds: usize,
}

#[derive(Clone, Copy, clap::ValueEnum)]
enum Compression {
    Gzip,
    Zstd,
    None,
}

impl Compression {
    fn name(self) -> &'static str {
        match self {
            Compression::Gzip => "gzip",
            Compression::Zstd => "zstd",
            Compression::None => "none",
        }
    }

    /// The pipeline that copies an environment into the file `copy`.
    fn copy_pipeline(self, mdb_copy: &Path, index: &Path) -> String {
        let copy = format!("{} -c {}", quoted(mdb_copy), quoted(index));
        match self {
            Compression::Gzip => format!("{copy} | pigz -1 > copy; sync copy"),
            Compression::Zstd => format!("{copy} | zstd -1 -T2 -q > copy; sync copy"),
            Compression::None => format!("{copy} > copy; sync copy"),
        }
    }

    /// The pipeline that unpacks an archive into the working directory.
    fn unpack_pipeline(self, archive: &Path) -> String {
        let archive = quoted(archive);
        match self {
            Compression::Gzip => format!("gzip -dc {archive} | tar x; sync data.mdb"),
            Compression::Zstd => format!("zstd -dcq {archive} | tar x; sync data.mdb"),
            Compression::None => format!("tar xf {archive}; sync data.mdb"),
        }
    }
}

/// One direction with one compression.
struct Figures {
    compression: Compression,
    direction: &'static str,
    seconds: f64,
    tool_seconds: f64,
    /// Bytes of `data.mdb`.
    data_bytes: u64,
    archive_bytes: u64,
    /// Peak anonymous memory above the idle server, bytes.
    extra_memory: u64,
    /// Peak disk beyond what is left at the end, bytes.
    extra_disk: u64,
    searches: Replay,
}

/// Measures every server, one after the other.
pub(crate) fn run(arguments: &SnapshotArgs) -> Result<()> {
    let common = &arguments.common;
    let data = Data::load(&common.data)?;
    let queries = queries::generate(&data, arguments.mix)?;
    let tools = tempfile::tempdir().map_err(Error::io(std::env::temp_dir()))?;
    let mdb_copy = mdb_copy(tools.path())?;
    let mut results = Vec::new();
    for bin in &common.setup.bins {
        let server = Server::start(bin, &common.setup)?;
        prepare(&server, &data)?;
        let run = Run {
            client: server.client(),
            index: server.only_index()?,
            mdb_copy: &mdb_copy,
            queries: &queries,
            rounds: arguments.rounds.max(1),
            server: &server,
        };
        let idle = run.searches_beside(|| {
            std::thread::sleep(SEARCH_FOR);
            Ok(())
        })?;
        std::thread::sleep(CALM_DOWN);
        let mut figures = Vec::new();
        for &compression in &arguments.compressions {
            let (creation, archive) = run.creation(compression)?;
            let import = run.import(compression, &archive, creation.data_bytes)?;
            figures.extend([creation, import]);
            run.delete_snapshots()?;
        }
        print(&server.name, &idle, &figures);
        results.push(json!({
            "bin": server.name,
            "idleSearches": idle.as_json(),
            "figures": figures.iter().map(|figures| figures.as_json(&idle)).collect::<Vec<_>>(),
        }));
    }
    let figures = json!({"documents": data.documents.len(), "servers": results});
    write_json(common.setup.json.as_deref(), "snapshot", figures)
}

/// What the measurements of one server share.
struct Run<'a> {
    server: &'a Server,
    client: Client,
    index: PathBuf,
    mdb_copy: &'a Path,
    queries: &'a [Value],
    rounds: usize,
}

impl Run<'_> {
    /// Creations alone and then beside searches; gives the archive of the last one as well.
    fn creation(&self, compression: Compression) -> Result<(Figures, PathBuf)> {
        let create = || {
            let body = json!({"compression": compression.name()});
            self.client.json_task("POST", "/indexes/bench/snapshots", &body)
        };
        let mut seconds = Vec::new();
        let mut tool_seconds = Vec::new();
        let (mut extra_memory, mut extra_disk) = (0, 0);
        let mut last = None;
        for _ in 0..self.rounds {
            let (task, peaks, idle) = self.watched(create)?;
            let size = number(&task, "size")?;
            seconds.push(task.task_seconds);
            extra_memory = extra_memory.max(peaks.anonymous.saturating_sub(idle.anonymous));
            extra_disk = extra_disk.max(peaks.disk.saturating_sub(idle.disk + size));
            let pipeline = compression.copy_pipeline(self.mdb_copy, &self.index);
            tool_seconds.push(self.tool(&pipeline)?);
            last = Some(task);
        }
        let searches = self.searches_beside(|| repeat(|| create().map(drop)))?;
        let task = last.ok_or_else(|| Error::Unfit("no rounds to measure".into()))?;
        let name = task.task["details"]["fileName"].as_str().unwrap_or_default();
        let archive = self.server.root().join("snapshots").join(name);
        let figures = Figures {
            compression,
            direction: "creation",
            seconds: median(&seconds),
            tool_seconds: median(&tool_seconds),
            data_bytes: number(&task, "dataSize")?,
            archive_bytes: number(&task, "size")?,
            extra_memory,
            extra_disk,
            searches,
        };
        Ok((figures, archive))
    }

    /// Imports alone and then beside searches, each as a new index that is deleted again.
    fn import(&self, compression: Compression, archive: &Path, data_bytes: u64) -> Result<Figures> {
        let name = archive.file_name().map(|name| name.to_string_lossy());
        let import = || {
            let body = json!({"fileName": name, "indexUid": "bench"});
            self.client.json_task("POST", "/indexes/copy/snapshots/import", &body)
        };
        let delete = || self.client.task("DELETE", "/indexes/copy", "", &[]);
        let mut seconds = Vec::new();
        let mut tool_seconds = Vec::new();
        let (mut extra_memory, mut extra_disk) = (0, 0);
        for _ in 0..self.rounds {
            let (task, peaks, idle) = self.watched(import)?;
            seconds.push(task.task_seconds);
            extra_memory = extra_memory.max(peaks.anonymous.saturating_sub(idle.anonymous));
            extra_disk = extra_disk.max(peaks.disk.saturating_sub(idle.disk + data_bytes));
            delete()?;
            tool_seconds.push(self.tool(&compression.unpack_pipeline(archive))?);
        }
        let searches = self.searches_beside(|| {
            repeat(|| {
                import()?;
                delete().map(drop)
            })
        })?;
        Ok(Figures {
            compression,
            direction: "import",
            seconds: median(&seconds),
            tool_seconds: median(&tool_seconds),
            data_bytes,
            archive_bytes: fs::metadata(archive).map_err(Error::io(archive))?.len(),
            extra_memory,
            extra_disk,
            searches,
        })
    }

    /// Runs a task while memory and disk are watched; gives their peaks, and how both were before.
    fn watched(
        &self,
        task: impl FnOnce() -> Result<FinishedTask>,
    ) -> Result<(FinishedTask, Peaks, Peaks)> {
        let (pid, root) = (self.server.pid(), self.server.root().to_path_buf());
        let idle = Peaks { anonymous: memory(pid).anonymous, disk: disk_usage(&root) };
        let watch = Watch::start(pid, root);
        let task = task();
        let peaks = watch.stop();
        Ok((task?, peaks, idle))
    }

    /// Runs a pipeline in an empty directory on the server's disk.
    fn tool(&self, pipeline: &str) -> Result<f64> {
        let root = self.server.root();
        let directory =
            tempfile::Builder::new().prefix("tool-").tempdir_in(root).map_err(Error::io(root))?;
        timed_pipeline(pipeline, directory.path())
    }

    /// Searches over one connection while something else runs.
    fn searches_beside(&self, work: impl FnOnce() -> Result<()>) -> Result<Replay> {
        let stop = AtomicBool::new(false);
        std::thread::scope(|scope| {
            let until = Until::Stopped(&stop);
            let searches = scope.spawn(move || replay(self.server, self.queries, 1, until));
            let done = work();
            stop.store(true, Ordering::Relaxed);
            let replay = searches.join().unwrap_or_default();
            done.map(|()| replay)
        })
    }

    fn delete_snapshots(&self) -> Result<()> {
        loop {
            let page = self.client.get("/indexes/bench/snapshots?limit=100")?;
            let uids = page["results"].as_array().into_iter().flatten();
            let uids: Vec<&str> = uids.filter_map(|entry| entry["snapshotUid"].as_str()).collect();
            if uids.is_empty() {
                return Ok(());
            }
            for uid in uids {
                self.client.send("DELETE", &format!("/indexes/bench/snapshots/{uid}"), "", &[])?;
            }
        }
    }
}

/// Does the work again until there were enough searches beside it.
fn repeat(work: impl Fn() -> Result<()>) -> Result<()> {
    let start = Instant::now();
    loop {
        work()?;
        if start.elapsed() >= SEARCH_FOR {
            return Ok(());
        }
    }
}

fn number(task: &FinishedTask, name: &str) -> Result<u64> {
    let details = &task.task["details"];
    details[name]
        .as_u64()
        .ok_or_else(|| Error::Unfit(format!("the task's details have no `{name}`: {details}")))
}

impl Figures {
    fn ratio(&self) -> f64 {
        self.seconds / self.tool_seconds
    }

    fn slowdown(&self, idle: &Replay, percent: f64) -> f64 {
        self.searches.latencies.millis(percent) / idle.latencies.millis(percent)
    }

    fn as_json(&self, idle: &Replay) -> Value {
        json!({
            "direction": self.direction,
            "compression": self.compression.name(),
            "seconds": self.seconds,
            "toolSeconds": self.tool_seconds,
            "ratio": self.ratio(),
            "dataBytes": self.data_bytes,
            "archiveBytes": self.archive_bytes,
            "extraAnonymousBytes": self.extra_memory,
            "extraDiskBytes": self.extra_disk,
            "searches": self.searches.as_json(),
            "p99TimesIdle": self.slowdown(idle, 99.0),
        })
    }
}

fn print(bin: &str, idle: &Replay, figures: &[Figures]) {
    let rows: Vec<Vec<String>> = figures
        .iter()
        .map(|figures| {
            vec![
                format!("{} {}", figures.direction, figures.compression.name()),
                two(figures.seconds),
                two(figures.tool_seconds),
                two(figures.ratio()),
                mib(figures.data_bytes),
                mib(figures.archive_bytes),
                mib(figures.extra_memory),
                mib(figures.extra_disk),
                two(figures.searches.latencies.millis(50.0)),
                two(figures.searches.latencies.millis(99.0)),
                two(figures.slowdown(idle, 99.0)),
                figures.searches.errors.to_string(),
            ]
        })
        .collect();
    let title = format!(
        "{bin}\nidle searches: p50 {} ms, p99 {} ms over {}",
        two(idle.latencies.millis(50.0)),
        two(idle.latencies.millis(99.0)),
        idle.latencies.len()
    );
    let head = [
        "",
        "s",
        "tool s",
        "ratio",
        "data MiB",
        "archive MiB",
        "+anon MiB",
        "+disk MiB",
        "p50 ms",
        "p99 ms",
        "/ idle",
        "errors",
    ];
    print_table(&title, &head, &rows);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pipelines_sync_what_they_write() {
        for compression in [Compression::Gzip, Compression::Zstd, Compression::None] {
            let copy = compression.copy_pipeline(Path::new("/t/mdb_copy"), Path::new("/an index"));
            assert!(
                copy.starts_with("'/t/mdb_copy' -c '/an index'") && copy.ends_with("; sync copy")
            );
            let unpack = compression.unpack_pipeline(Path::new("/a.tar"));
            assert!(unpack.contains("'/a.tar'") && unpack.ends_with("; sync data.mdb"));
        }
    }
}
