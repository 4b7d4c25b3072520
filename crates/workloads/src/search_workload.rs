//! `search`: a list of queries over one or two servers at several numbers of connections.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::Common;
use crate::data::Data;
use crate::error::Result;
use crate::index_workload::{load, revised, send};
use crate::queries::{self, Mix};
use crate::report::{print_table, write_json};
use crate::server::Server;
use crate::stats::Latencies;

/// Requests to GET /health that give the round-trip time.
const HEALTH_REQUESTS: usize = 500;

/// Measures searches.
#[derive(clap::Args)]
pub(crate) struct SearchArgs {
    #[command(flatten)]
    common: Common,
    /// Search bodies, one JSON object a line. Without it the mix is made from the data file.
    #[arg(long, value_name = "FILE")]
    queries: Option<PathBuf>,
    #[command(flatten)]
    mix: Mix,
    /// Numbers of connections to measure.
    #[arg(long, value_delimiter = ',', default_value = "1,2,8")]
    connections: Vec<usize>,
    /// How often the list is replayed at each number of connections; servers take turns.
    #[arg(long, default_value_t = 3)]
    rounds: usize,
    /// Measure also while the documents are sent again, changed: errors and latency.
    #[arg(long)]
    while_indexing: bool,
}

/// What a replay gave.
#[derive(Default)]
pub(crate) struct Replay {
    pub(crate) latencies: Latencies,
    pub(crate) errors: usize,
    pub(crate) wall: Duration,
}

impl Replay {
    pub(crate) fn merge(&mut self, other: Replay) {
        self.latencies.extend(other.latencies);
        self.errors += other.errors;
        self.wall += other.wall;
    }

    pub(crate) fn per_second(&self) -> f64 {
        self.latencies.len() as f64 / self.wall.as_secs_f64().max(f64::MIN_POSITIVE)
    }

    pub(crate) fn as_json(&self) -> Value {
        json!({
            "queries": self.latencies.len(),
            "errors": self.errors,
            "p50Ms": self.latencies.millis(50.0),
            "p95Ms": self.latencies.millis(95.0),
            "p99Ms": self.latencies.millis(99.0),
            "queriesPerSecond": self.per_second(),
        })
    }

    fn row(&self, label: String) -> Vec<String> {
        let millis = |percent| format!("{:.2}", self.latencies.millis(percent));
        vec![
            label,
            millis(50.0),
            millis(95.0),
            millis(99.0),
            format!("{:.0}", self.per_second()),
            self.errors.to_string(),
        ]
    }
}

/// Measures all servers.
pub(crate) fn run(arguments: &SearchArgs) -> Result<()> {
    let common = &arguments.common;
    let data = Data::load(&common.data)?;
    let queries = match &arguments.queries {
        Some(file) => queries::load(file)?,
        None => queries::generate(&data, arguments.mix)?,
    };
    let mut servers = Vec::new();
    for bin in &common.setup.bins {
        let server = Server::start(bin, &common.setup)?;
        prepare(&server, &data)?;
        // Once through the list, so that what the first readers pay is paid.
        replay(&server, &queries, 1, Until::Once);
        servers.push(server);
    }

    let mut results: Vec<Vec<Replay>> = Vec::new();
    for &connections in &arguments.connections {
        let mut replays: Vec<Replay> = servers.iter().map(|_| Replay::default()).collect();
        for round in 0..arguments.rounds {
            // Whoever begins alternates: the machine may warm up, or slow down.
            for turn in 0..servers.len() {
                let at = (turn + round) % servers.len();
                replays[at].merge(replay(&servers[at], &queries, connections, Until::Once));
            }
        }
        results.push(replays);
    }

    let mut figures = Vec::new();
    for (at, server) in servers.iter().enumerate() {
        let health = health(server);
        let mut rows = vec![health.row("GET /health".into())];
        let mut json = json!({"bin": server.name, "health": health.as_json(), "connections": {}});
        for (connections, replays) in arguments.connections.iter().zip(&results) {
            let plural = if *connections == 1 { "" } else { "s" };
            rows.push(replays[at].row(format!("{connections} connection{plural}")));
            json["connections"][connections.to_string()] = replays[at].as_json();
        }
        if arguments.while_indexing {
            let (busy, tasks) = replay_while_indexing(server, &data, &queries)?;
            rows.push(busy.row(format!("2, beside {tasks} indexing tasks")));
            json["whileIndexing"] = busy.as_json();
            json["whileIndexing"]["indexingTasks"] = tasks.into();
        }
        let head = ["", "p50 ms", "p95 ms", "p99 ms", "queries/s", "errors"];
        print_table(&server.name, &head, &rows);
        figures.push(json);
    }
    let figures =
        json!({"documents": data.documents.len(), "queries": queries.len(), "servers": figures});
    write_json(common.setup.json.as_deref(), "search", figures)
}

/// Sets what the queries need, then indexes the data.
pub(crate) fn prepare(server: &Server, data: &Data) -> Result<()> {
    let client = server.client();
    let settings = json!({
        "filterableAttributes": data.fields.filterable(),
        "sortableAttributes": data.fields.numbers,
    });
    client.json_task("PATCH", "/indexes/bench/settings", &settings)?;
    load(&client, data).map(drop)
}

/// When a replay ends.
#[derive(Clone, Copy)]
pub(crate) enum Until<'a> {
    /// At the end of the list.
    Once,
    /// When the flag is raised; the list is taken again and again.
    Stopped(&'a AtomicBool),
}

/// Sends the queries over so many connections at once.
pub(crate) fn replay(
    server: &Server,
    queries: &[Value],
    connections: usize,
    until: Until<'_>,
) -> Replay {
    let next = AtomicUsize::new(0);
    let bodies: Vec<Vec<u8>> = queries.iter().map(|query| query.to_string().into_bytes()).collect();
    let start = Instant::now();
    let mut all = Replay::default();
    std::thread::scope(|scope| {
        let workers: Vec<_> = (0..connections)
            .map(|_| {
                scope.spawn(|| {
                    let client = server.client();
                    let mut mine = Replay::default();
                    loop {
                        let at = next.fetch_add(1, Ordering::Relaxed);
                        let is_over = match until {
                            Until::Once => at >= bodies.len(),
                            Until::Stopped(flag) => flag.load(Ordering::Relaxed),
                        };
                        if is_over {
                            return mine;
                        }
                        let body = &bodies[at % bodies.len()];
                        let sent = Instant::now();
                        let path = "/indexes/bench/search";
                        match client.send("POST", path, "application/json", body) {
                            Ok(_) => mine.latencies.push(sent.elapsed()),
                            Err(error) => {
                                if mine.errors == 0 {
                                    eprintln!("workloads: {error}");
                                }
                                mine.errors += 1;
                            }
                        }
                    }
                })
            })
            .collect();
        for worker in workers {
            all.merge(worker.join().unwrap_or_default());
        }
    });
    all.wall = start.elapsed();
    all
}

/// The round-trip time of a request that does nothing.
fn health(server: &Server) -> Replay {
    let client = server.client();
    let mut replay = Replay::default();
    let start = Instant::now();
    for _ in 0..HEALTH_REQUESTS {
        let sent = Instant::now();
        match client.get("/health") {
            Ok(_) => replay.latencies.push(sent.elapsed()),
            Err(_) => replay.errors += 1,
        }
    }
    replay.wall = start.elapsed();
    replay
}

/// Searches over two connections while the documents are sent again, changed and changed back in turns,
/// at least once and for 10 s.
fn replay_while_indexing(
    server: &Server,
    data: &Data,
    queries: &[Value],
) -> Result<(Replay, usize)> {
    const AT_LEAST: Duration = Duration::from_secs(10);
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let searches = scope.spawn(|| replay(server, queries, 2, Until::Stopped(&stop)));
        let client = server.client();
        let changed = revised(data, data.documents.len());
        let start = Instant::now();
        let mut tasks = 0;
        let mut sent = Ok(());
        while sent.is_ok() && (tasks == 0 || start.elapsed() < AT_LEAST) {
            let lines = if tasks % 2 == 0 { &changed } else { &data.bytes };
            sent = send(&client, data, lines).map(drop);
            tasks += usize::from(sent.is_ok());
        }
        stop.store(true, Ordering::Relaxed);
        let replay = searches.join().unwrap_or_default();
        sent.map(|()| (replay, tasks))
    })
}
