//! A real server for a test: the binary, on a free port and in a temporary directory that goes
//! with it.

#![allow(dead_code, reason = "each test binary uses its part of these helpers")]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

/// How long anything may take before a test gives up.
const PATIENCE: Duration = Duration::from_secs(60);

/// A running server; killed when dropped.
pub(crate) struct Server {
    process: Child,
    url: String,
    log: Log,
    key: Option<String>,
    arguments: Vec<String>,
    dir: PathBuf,
    /// Goes with the server, if it is the server's own.
    temporary: Option<TempDir>,
}

/// What a server logs, as it comes.
type Log = Arc<Mutex<String>>;

/// Status and body of an answer; an empty body is `Value::Null`.
pub(crate) type Answer = (u16, Value);

impl Server {
    /// Starts a server with an empty database.
    pub(crate) fn start() -> Server {
        Server::start_with(&[])
    }

    /// Starts a server with an empty database and further options.
    pub(crate) fn start_with(arguments: &[&str]) -> Server {
        let dir = tempfile::tempdir().unwrap();
        let arguments: Vec<String> = arguments.iter().map(ToString::to_string).collect();
        let mut server = Server::start_in(dir.path(), &arguments);
        server.temporary = Some(dir);
        server
    }

    /// Starts a server on what lies in a directory of the caller's.
    pub(crate) fn start_in(dir: &Path, arguments: &[String]) -> Server {
        let (process, url, log) = launch(command(dir, arguments));
        let (dir, arguments) = (dir.to_owned(), arguments.to_vec());
        Server { process, url, log, key: None, arguments, dir, temporary: None }
    }

    /// Starts a server with an empty database by another program, which gets the command line of the
    /// server behind its own arguments and must become it.
    pub(crate) fn start_by(starter: &[&str]) -> Server {
        let dir = tempfile::tempdir().unwrap();
        let server = command(dir.path(), &[]);
        let mut command = Command::new(starter[0]);
        command.args(&starter[1..]).arg(server.get_program()).args(server.get_args());
        command.current_dir(dir.path()).stdin(Stdio::null());
        let (process, url, log) = launch(command);
        let (path, arguments) = (dir.path().to_owned(), Vec::new());
        Server { process, url, log, key: None, arguments, dir: path, temporary: Some(dir) }
    }

    /// Directory that holds `data.ms`, `snapshots` and `dumps`.
    pub(crate) fn dir(&self) -> &Path {
        &self.dir
    }

    /// Id of the process.
    pub(crate) fn pid(&self) -> u32 {
        self.process.id()
    }

    /// Base address, without a slash at the end.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// What it has logged on standard error since it serves.
    pub(crate) fn log(&self) -> String {
        self.log.lock().unwrap().clone()
    }

    /// Sends this key with every further request; `None` sends none.
    pub(crate) fn use_key(&mut self, key: Option<&str>) {
        self.key = key.map(str::to_owned);
    }

    /// Kills the process as a power cut would (SIGKILL) and starts it again on the same data.
    pub(crate) fn kill_and_restart(&mut self) {
        self.kill();
        self.restart();
    }

    /// Kills the process as a power cut would (SIGKILL).
    pub(crate) fn kill(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }

    /// Starts a killed server again on the same data.
    pub(crate) fn restart(&mut self) {
        (self.process, self.url, self.log) = launch(command(&self.dir, &self.arguments));
    }

    /// Sends SIGTERM and gives the exit status.
    pub(crate) fn terminate(&mut self) -> Option<i32> {
        self.ask_to_end();
        self.wait_for_end()
    }

    /// Sends SIGTERM.
    pub(crate) fn ask_to_end(&self) {
        let pid = self.process.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
    }

    /// Whether the process has not ended yet.
    pub(crate) fn is_running(&mut self) -> bool {
        self.process.try_wait().unwrap().is_none()
    }

    /// Waits until the process has ended, and gives the exit status.
    pub(crate) fn wait_for_end(&mut self) -> Option<i32> {
        let start = Instant::now();
        loop {
            if let Some(status) = self.process.try_wait().unwrap() {
                return status.code();
            }
            assert!(start.elapsed() < PATIENCE, "the server does not end");
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    pub(crate) fn get(&self, path: &str) -> Answer {
        self.send("GET", path, None)
    }

    pub(crate) fn delete(&self, path: &str) -> Answer {
        self.send("DELETE", path, None)
    }

    /// Sends a request without a body.
    pub(crate) fn raw_post(&self, path: &str) -> Answer {
        self.send("POST", path, None)
    }

    pub(crate) fn post(&self, path: &str, body: Value) -> Answer {
        self.send("POST", path, Some(body))
    }

    pub(crate) fn put(&self, path: &str, body: Value) -> Answer {
        self.send("PUT", path, Some(body))
    }

    pub(crate) fn patch(&self, path: &str, body: Value) -> Answer {
        self.send("PATCH", path, Some(body))
    }

    fn send(&self, method: &str, path: &str, body: Option<Value>) -> Answer {
        let headers: &[(&str, &str)] =
            if body.is_some() { &[("Content-Type", "application/json")] } else { &[] };
        let body = body.map(|body| body.to_string()).unwrap_or_default();
        let response = self.raw(method, path, headers, body.as_bytes());
        (response.status().as_u16(), json(response))
    }

    /// Sends anything and gives the whole answer; the body is left as it comes, compressed or not.
    pub(crate) fn raw(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> ureq::http::Response<ureq::Body> {
        self.try_raw(method, path, headers, body).unwrap()
    }

    /// As `raw`, for a server that may not be there.
    pub(crate) fn try_raw(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> Result<ureq::http::Response<ureq::Body>, ureq::Error> {
        let agent: ureq::Agent = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .allow_non_standard_methods(true)
            // Nothing but what the test asks for.
            .accept_encoding("")
            .timeout_global(Some(PATIENCE))
            .build()
            .into();
        let mut request =
            ureq::http::Request::builder().method(method).uri(format!("{}{path}", self.url));
        if let Some(key) = &self.key {
            request = request.header("Authorization", format!("Bearer {key}"));
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        agent.run(request.body(body).unwrap())
    }

    /// Sends bytes as they are, and gives the head and the body of the answer, which must close the
    /// connection.
    pub(crate) fn wire(&self, request: &[u8]) -> (String, Vec<u8>) {
        let mut stream = self.connect();
        stream.write_all(request).unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).unwrap();
        let end = answer.windows(4).position(|bytes| bytes == b"\r\n\r\n").unwrap();
        let body = answer.split_off(end + 4);
        (String::from_utf8(answer).unwrap(), body)
    }

    /// A connection to the server, without TLS.
    pub(crate) fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.url.strip_prefix("http://").unwrap()).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream
    }

    /// Waits until the task of an enqueueing answer has ended, and gives the task.
    pub(crate) fn wait(&self, (status, summary): Answer) -> Value {
        assert!(status == 202 || status == 200, "not enqueued: {status} {summary}");
        self.wait_for(summary["taskUid"].as_u64().unwrap())
    }

    /// Waits until a task has ended, and gives it.
    pub(crate) fn wait_for(&self, uid: u64) -> Value {
        let start = Instant::now();
        loop {
            let (status, task) = self.get(&format!("/tasks/{uid}"));
            assert_eq!(status, 200, "{task}");
            if !matches!(task["status"].as_str(), Some("enqueued" | "processing")) {
                return task;
            }
            assert!(start.elapsed() < PATIENCE, "the task does not end: {task}");
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Waits for the task and demands that it succeeded.
    pub(crate) fn succeed(&self, answer: Answer) -> Value {
        let task = self.wait(answer);
        assert_eq!(task["status"], "succeeded", "{task}");
        task
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Waits until something is true.
pub(crate) fn eventually(is_true: impl Fn() -> bool) {
    let start = Instant::now();
    while !is_true() {
        assert!(start.elapsed() < PATIENCE, "it never becomes true");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// The body of an answer as JSON; `Value::Null` when it is empty.
pub(crate) fn json(mut response: ureq::http::Response<ureq::Body>) -> Value {
    let text = response.body_mut().read_to_string().unwrap();
    if text.is_empty() {
        return Value::Null;
    }
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

/// Runs the binary with options of its own and nothing from the environment.
pub(crate) fn command(dir: &Path, arguments: &[String]) -> Command {
    let path = |name: &str| -> PathBuf { dir.join(name) };
    let mut command = Command::new(env!("CARGO_BIN_EXE_meilisearch"));
    command.current_dir(dir).env_clear().stdin(Stdio::null());
    command.arg("--db-path").arg(path("data.ms"));
    command.arg("--snapshot-dir").arg(path("snapshots")).arg("--dump-dir").arg(path("dumps"));
    command.args(["--http-addr", "127.0.0.1:0"]).args(arguments);
    command
}

/// Starts the server and waits until it serves; gives its address and its log too.
fn launch(mut command: Command) -> (Child, String, Log) {
    let mut process = command.stderr(Stdio::piped()).spawn().unwrap();
    let (url, log) = address(&mut process);
    (process, url, log)
}

/// Reads from the log which port the server was given, and goes on reading.
fn address(process: &mut Child) -> (String, Log) {
    let mut log = BufReader::new(process.stderr.take().unwrap());
    let mut seen = String::new();
    loop {
        let mut line = String::new();
        if log.read_line(&mut line).unwrap() == 0 {
            let status = process.wait().unwrap();
            panic!("the server ended at start with {status}:\n{seen}");
        }
        seen.push_str(&line);
        if let Some((_, url)) = line.trim().split_once("listening on ") {
            // In a JSON line more follows.
            let url = url.split('"').next().unwrap();
            let kept = Log::default();
            let (url, to_keep) = (url.to_owned(), kept.clone());
            // Without a reader the server would block on a full pipe.
            std::thread::spawn(move || {
                for line in log.lines().map_while(Result::ok) {
                    let mut kept = to_keep.lock().unwrap();
                    kept.push_str(&line);
                    kept.push('\n');
                }
            });
            return (url, kept);
        }
    }
}
