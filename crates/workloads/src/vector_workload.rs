//! `vectors`: an index of synthetic embeddings: what indexing costs, how fast searches by a vector are and how
//! much of an exact scan they find, plain and as bits, and what a snapshot of the index weighs.

use serde_json::{Value, json};

use crate::Setup;
use crate::client::{Client, FinishedTask};
use crate::embeddings::{Cosine, Embeddings, Exact, Nearness, Signs};
use crate::error::{Error, Result};
use crate::process::{Peaks, Watch, disk_usage};
use crate::report::{mib, print_table, two, write_json};
use crate::search_workload::{Replay, Until, replay};
use crate::server::Server;

/// Hits of every search.
const HITS: usize = 10;
/// Filters: the name and the share of documents that pass, in percent.
const FILTERS: [(&str, usize); 4] =
    [("no filter", 100), ("filter 50 %", 50), ("filter 10 %", 10), ("filter 1 %", 1)];

/// Measures searches by vectors.
#[derive(clap::Args)]
pub(crate) struct VectorArgs {
    #[command(flatten)]
    setup: Setup,
    /// Documents, each with one vector.
    #[arg(long, default_value_t = 20_000)]
    documents: usize,
    /// Numbers of a vector.
    #[arg(long, default_value_t = 384)]
    dimensions: usize,
    /// Queries, which are none of the documents.
    #[arg(long, default_value_t = 500)]
    queries: usize,
    /// The same seed and numbers give the same vectors.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Numbers of connections to measure.
    #[arg(long, value_delimiter = ',', default_value = "1,2")]
    connections: Vec<usize>,
}

/// Vectors, and what exact scans find of them.
struct Truth<'v> {
    cosine: Cosine<'v>,
    signs: Signs,
    /// For each filter, the best by cosine.
    by_cosine: Vec<Vec<Exact>>,
    /// For each filter, the best by signs.
    by_signs: Vec<Vec<Exact>>,
}

/// Measures every server, one after the other.
pub(crate) fn run(arguments: &VectorArgs) -> Result<()> {
    let mut embeddings = Embeddings::new(arguments.seed, arguments.dimensions);
    let documents = embeddings.draw(arguments.documents);
    let queries = embeddings.draw(arguments.queries);
    let truth = Truth::find(&documents, &queries);
    let lines = lines(&documents);
    println!(
        "{} documents of {} numbers, {} MiB of JSON; {} queries",
        documents.len(),
        arguments.dimensions,
        mib(lines.len() as u64),
        queries.len()
    );
    let mut figures = Vec::new();
    for bin in &arguments.setup.bins {
        let server = Server::start(bin, &arguments.setup)?;
        let client = server.client();
        let mut steps = Vec::new();
        let mut searches = Vec::new();

        let embedder = json!({"source": "userProvided", "dimensions": arguments.dimensions});
        let settings = json!({"embedders": {"e": embedder}, "filterableAttributes": ["share"]});
        client.json_task("PATCH", "/indexes/bench/settings", &settings)?;
        steps.push(Step::measure(&server, "index", || {
            let path = "/indexes/bench/documents?primaryKey=id";
            client.task("POST", path, "application/x-ndjson", &lines)
        })?);
        steps.extend(snapshots(&server, &client)?);
        search(arguments, &server, &client, &truth, false, &mut searches)?;

        let settings = json!({"embedders": {"e": {"binaryQuantized": true}}});
        steps.push(Step::measure(&server, "turn into bits", || {
            client.json_task("PATCH", "/indexes/bench/settings", &settings)
        })?);
        steps.extend(snapshots(&server, &client)?);
        search(arguments, &server, &client, &truth, true, &mut searches)?;

        let rows: Vec<_> = steps.iter().map(Step::row).collect();
        print_table(
            &server.name,
            &["step", "task s", "anon MiB", "index MiB", "snapshot MiB"],
            &rows,
        );
        let rows: Vec<_> = searches.iter().map(Search::row).collect();
        let head = [
            "search",
            "connections",
            "p50 ms",
            "p99 ms",
            "queries/s",
            "errors",
            "recall",
            "of cosine",
        ];
        print_table(&server.name, &head, &rows);
        figures.push(json!({
            "bin": server.name,
            "steps": steps.iter().map(Step::as_json).collect::<Vec<_>>(),
            "searches": searches.iter().map(Search::as_json).collect::<Vec<_>>(),
        }));
    }
    let figures = json!({
        "documents": documents.len(),
        "dimensions": arguments.dimensions,
        "queries": queries.len(),
        "servers": figures,
    });
    write_json(arguments.setup.json.as_deref(), "vectors", figures)
}

/// The documents, one a line. A document passes a filter for `n` percent when its share is below `n`.
fn lines(vectors: &[Vec<f32>]) -> Vec<u8> {
    let line = |(id, vector): (usize, &Vec<f32>)| {
        let document = json!({"id": id, "share": share(id), "_vectors": {"e": vector}});
        format!("{document}\n").into_bytes()
    };
    vectors.iter().enumerate().flat_map(line).collect()
}

/// Which filters a document passes, spread evenly and without regard to its vector.
fn share(document: usize) -> usize {
    document % 100
}

impl<'v> Truth<'v> {
    fn find(documents: &'v [Vec<f32>], queries: &'v [Vec<f32>]) -> Truth<'v> {
        let cosine = Cosine { documents, queries };
        let signs = Signs::of(&cosine);
        let scan = |by: &dyn Nearness| {
            let filtered = |(_, percent): (&str, usize)| {
                let is_candidate = |document| share(document) < percent;
                Exact::scan(by, documents.len(), queries.len(), HITS, &is_candidate)
            };
            FILTERS.map(filtered).into()
        };
        let (by_cosine, by_signs) = (scan(&cosine), scan(&signs));
        Truth { cosine, signs, by_cosine, by_signs }
    }
}

/// A task, and what it left.
struct Step {
    name: &'static str,
    task: FinishedTask,
    peak_anonymous: u64,
    index_bytes: u64,
    archive_bytes: Option<u64>,
}

impl Step {
    fn measure(
        server: &Server,
        name: &'static str,
        work: impl FnOnce() -> Result<FinishedTask>,
    ) -> Result<Step> {
        let indexes = server.root().join("data.ms/indexes");
        let watch = Watch::start(server.pid(), indexes.clone());
        let task = work();
        let Peaks { anonymous, .. } = watch.stop();
        let index_bytes = disk_usage(&indexes);
        let task = task?;
        let archive_bytes = task.task["details"]["size"].as_u64();
        Ok(Step { name, task, peak_anonymous: anonymous, index_bytes, archive_bytes })
    }

    fn row(&self) -> Vec<String> {
        vec![
            self.name.to_owned(),
            two(self.task.task_seconds),
            mib(self.peak_anonymous),
            mib(self.index_bytes),
            self.archive_bytes.map(mib).unwrap_or_default(),
        ]
    }

    fn as_json(&self) -> Value {
        json!({
            "step": self.name,
            "taskSeconds": self.task.task_seconds,
            "peakAnonymousBytes": self.peak_anonymous,
            "indexBytes": self.index_bytes,
            "archiveBytes": self.archive_bytes,
        })
    }
}

/// A snapshot of the index, and its import as another one, which goes again.
fn snapshots(server: &Server, client: &Client) -> Result<[Step; 2]> {
    let creation = Step::measure(server, "snapshot", || {
        client.json_task("POST", "/indexes/bench/snapshots", &json!({}))
    })?;
    let mut import = Step::measure(server, "import", || {
        let body = json!({
            "fileName": creation.task.task["details"]["fileName"],
            "indexUid": "bench",
        });
        client.json_task("POST", "/indexes/copy/snapshots/import", &body)
    })?;
    import.index_bytes = import.index_bytes.saturating_sub(creation.index_bytes);
    client.task("DELETE", "/indexes/copy", "", &[])?;
    Ok([creation, import])
}

/// All queries with one filter over some connections.
struct Search {
    name: String,
    connections: usize,
    replay: Replay,
    /// What was found of an exact scan of what is stored.
    recall: f64,
    /// What was found of an exact scan of the vectors as they were sent.
    of_cosine: f64,
}

fn search(
    arguments: &VectorArgs,
    server: &Server,
    client: &Client,
    truth: &Truth<'_>,
    is_quantized: bool,
    searches: &mut Vec<Search>,
) -> Result<()> {
    for (at, (name, percent)) in FILTERS.into_iter().enumerate() {
        let body = |vector: &Vec<f32>| {
            json!({
                "vector": vector,
                "hybrid": {"embedder": "e", "semanticRatio": 1},
                "filter": (percent < 100).then(|| format!("share < {percent}")),
                "attributesToRetrieve": ["id"],
                "limit": HITS,
            })
        };
        let bodies: Vec<Value> = truth.cosine.queries.iter().map(body).collect();
        let (mut recall, mut of_cosine) = (0.0, 0.0);
        for (query, body) in bodies.iter().enumerate() {
            let found = found(client, body)?;
            let cosine = truth.by_cosine[at][query].recall(&truth.cosine, query, &found);
            of_cosine += cosine;
            recall += match is_quantized {
                true => truth.by_signs[at][query].recall(&truth.signs, query, &found),
                false => cosine,
            };
        }
        let count = bodies.len().max(1) as f64;
        for &connections in &arguments.connections {
            searches.push(Search {
                name: format!("{name}{}", if is_quantized { ", bits" } else { "" }),
                connections,
                replay: replay(server, &bodies, connections, Until::Once),
                recall: recall / count,
                of_cosine: of_cosine / count,
            });
        }
    }
    Ok(())
}

/// The documents that a search finds.
fn found(client: &Client, body: &Value) -> Result<Vec<usize>> {
    let path = "/indexes/bench/search";
    let answer = client.send("POST", path, "application/json", body.to_string().as_bytes())?;
    let hits = answer["hits"].as_array().into_iter().flatten();
    let ids: Option<Vec<usize>> =
        hits.map(|hit| usize::try_from(hit["id"].as_u64()?).ok()).collect();
    ids.ok_or_else(|| Error::Request {
        request: format!("POST {path}"),
        reason: format!("a hit without an id: {answer}"),
    })
}

impl Search {
    fn row(&self) -> Vec<String> {
        vec![
            self.name.clone(),
            self.connections.to_string(),
            two(self.replay.latencies.millis(50.0)),
            two(self.replay.latencies.millis(99.0)),
            format!("{:.0}", self.replay.per_second()),
            self.replay.errors.to_string(),
            format!("{:.4}", self.recall),
            format!("{:.4}", self.of_cosine),
        ]
    }

    fn as_json(&self) -> Value {
        json!({
            "search": self.name,
            "connections": self.connections,
            "latencies": self.replay.as_json(),
            "recall": self.recall,
            "recallOfCosine": self.of_cosine,
        })
    }
}
