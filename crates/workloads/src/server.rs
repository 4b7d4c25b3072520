//! A server in a temporary directory of its own, on a free port, stopped with SIGTERM.

use std::fs::{self, File};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tempfile::TempDir;

use crate::Setup;
use crate::client::Client;
use crate::error::{Error, Result};

/// How long a server may take to answer GET /health, and to end.
const START_TIMEOUT: Duration = Duration::from_secs(30);
const STOP_TIMEOUT: Duration = Duration::from_secs(60);

/// A running server; dropped, it is stopped and its directory removed.
pub(crate) struct Server {
    /// Name in reports: the binary's path.
    pub(crate) name: String,
    directory: TempDir,
    process: Child,
    url: String,
}

impl Server {
    /// Starts a binary and waits until it answers.
    pub(crate) fn start(bin: &Path, setup: &Setup) -> Result<Server> {
        let bin = fs::canonicalize(bin).map_err(Error::io(bin))?;
        let parent = setup.temp_dir.clone().unwrap_or_else(std::env::temp_dir);
        let directory = tempfile::Builder::new()
            .prefix("workloads-")
            .tempdir_in(&parent)
            .map_err(Error::io(&parent))?;
        let root = directory.path();
        let address = free_address().map_err(Error::io("127.0.0.1"))?;
        let log = File::create(root.join("server.log")).map_err(Error::io(root))?;
        let log_too = log.try_clone().map_err(Error::io(root))?;
        let process = Command::new(&bin)
            .arg("--no-analytics")
            .args(["--http-addr", &address])
            .args(["--http-payload-size-limit", "100 GB"])
            .arg("--db-path")
            .arg(root.join("data.ms"))
            .arg("--dump-dir")
            .arg(root.join("dumps"))
            .arg("--snapshot-dir")
            .arg(root.join("snapshots"))
            .args(&setup.server_args)
            .current_dir(root)
            .stdin(Stdio::null())
            .stdout(log)
            .stderr(log_too)
            .spawn()
            .map_err(Error::io(&bin))?;
        let name = bin.display().to_string();
        let mut server = Server { name, directory, process, url: format!("http://{address}") };
        server.wait_for_health()?;
        Ok(server)
    }

    fn wait_for_health(&mut self) -> Result<()> {
        let deadline = Instant::now() + START_TIMEOUT;
        let client = self.client();
        loop {
            if let Ok(Some(status)) = self.process.try_wait() {
                return Err(self.failed(format!("ended at start-up with {status}")));
            }
            if client.get("/health").is_ok() {
                return Ok(());
            }
            if Instant::now() > deadline {
                return Err(self.failed("did not answer GET /health in time".into()));
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    fn failed(&self, what: String) -> Error {
        let log = fs::read_to_string(self.directory.path().join("server.log")).unwrap_or_default();
        let lines: Vec<&str> = log.lines().collect();
        let end = lines[lines.len().saturating_sub(20)..].join("\n");
        Error::Server { bin: self.name.clone(), what, log: end }
    }

    /// A client with connections of its own.
    pub(crate) fn client(&self) -> Client {
        Client::new(self.url.clone())
    }

    pub(crate) fn pid(&self) -> u32 {
        self.process.id()
    }

    /// Everything that the server keeps on disk.
    pub(crate) fn root(&self) -> &Path {
        self.directory.path()
    }

    /// The directory of the only index.
    pub(crate) fn only_index(&self) -> Result<PathBuf> {
        let parent = self.root().join("data.ms/indexes");
        let entries = fs::read_dir(&parent).map_err(Error::io(&parent))?;
        let found: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
        match <[PathBuf; 1]>::try_from(found) {
            Ok([only]) => Ok(only),
            Err(found) => Err(Error::Unfit(format!(
                "{}: {} indexes, expected one",
                parent.display(),
                found.len()
            ))),
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let pid = i32::try_from(self.process.id()).map(Pid::from_raw);
        if let Ok(pid) = pid
            && kill(pid, Signal::SIGTERM).is_ok()
        {
            let deadline = Instant::now() + STOP_TIMEOUT;
            while Instant::now() < deadline {
                if !matches!(self.process.try_wait(), Ok(None)) {
                    return;
                }
                std::thread::sleep(Duration::from_millis(20));
            }
        }
        eprintln!("workloads: {} did not end on SIGTERM and is killed", self.name);
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn free_address() -> std::io::Result<String> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?.to_string())
}
