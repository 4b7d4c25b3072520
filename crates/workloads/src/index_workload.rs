//! `index`: what it costs to load a data file, and to change what is there.

use serde_json::{Value, json};

use crate::Common;
use crate::client::{Client, FinishedTask};
use crate::data::{Data, spread};
use crate::error::{Error, Result};
use crate::process::{Watch, disk_usage, memory, reset_peak};
use crate::report::{mib, print_table, two, write_json};
use crate::server::Server;
use crate::tools::gzip_seconds;

/// Documents that the second step sends again.
const REPLACED: usize = 100;

/// What one step cost.
struct Step {
    name: &'static str,
    /// Documents that the step is about.
    documents: usize,
    task: FinishedTask,
    peak_rss: u64,
    peak_anonymous: u64,
    index_bytes: u64,
}

/// Measures every server, one after the other.
pub(crate) fn run(common: &Common) -> Result<()> {
    let data = Data::load(&common.data)?;
    let gzip = gzip_seconds(&data.bytes)?;
    println!(
        "{} documents, {} MiB; gzip -6 over the file: {} s",
        data.documents.len(),
        mib(data.bytes.len() as u64),
        two(gzip)
    );
    let mut figures = Vec::new();
    for bin in &common.setup.bins {
        let server = Server::start(bin, &common.setup)?;
        let steps = measure(&server, &data)?;
        print(&server.name, &steps, gzip);
        let steps: Vec<Value> = steps.iter().map(|step| as_json(step, gzip)).collect();
        figures.push(json!({"bin": server.name, "steps": steps}));
    }
    let figures = json!({
        "documents": data.documents.len(),
        "bytes": data.bytes.len(),
        "gzipSeconds": gzip,
        "servers": figures,
    });
    write_json(common.setup.json.as_deref(), "index", figures)
}

fn measure(server: &Server, data: &Data) -> Result<Vec<Step>> {
    let client = server.client();
    let all = data.documents.len();
    let filters: Vec<&str> = data.fields.filterable().into_iter().take(2).collect();
    if filters.is_empty() {
        return Err(Error::Unfit("no field of the data file is fit for filters".into()));
    }
    Ok(vec![
        step(server, "initial load", all, || load(&client, data))?,
        step(server, "100 documents replaced", REPLACED.min(all), || {
            send(&client, data, &revised(data, REPLACED))
        })?,
        step(server, "two fields filterable", all, || {
            client.json_task(
                "PUT",
                "/indexes/bench/settings/filterable-attributes",
                &json!(filters),
            )
        })?,
        step(server, "10 % deleted", all / 10, || {
            let ids: Vec<&Value> = spread(&data.documents, all / 10)
                .filter_map(|document| document.get(&data.fields.primary_key))
                .collect();
            client.json_task("POST", "/indexes/bench/documents/delete-batch", &json!(ids))
        })?,
    ])
}

/// Sends the whole file in one request.
pub(crate) fn load(client: &Client, data: &Data) -> Result<FinishedTask> {
    send(client, data, &data.bytes)
}

/// Sends documents, one a line, in one request.
pub(crate) fn send(client: &Client, data: &Data, lines: &[u8]) -> Result<FinishedTask> {
    let path = format!("/indexes/bench/documents?primaryKey={}", data.fields.primary_key);
    client.task("POST", &path, "application/x-ndjson", lines)
}

/// So many documents with a word more and other numbers, so that replacing them is work.
pub(crate) fn revised(data: &Data, count: usize) -> Vec<u8> {
    let mut lines = Vec::new();
    for document in spread(&data.documents, count) {
        let mut document = document.clone();
        for field in &data.fields.texts {
            if let Some(Value::String(text)) = document.get_mut(field) {
                text.push_str(" revised");
            }
        }
        for field in &data.fields.numbers {
            if let Some(number) = document.get_mut(field)
                && let Some(value) = number.as_i64()
            {
                *number = (value + 1).into();
            }
        }
        lines.extend(Value::Object(document).to_string().bytes());
        lines.push(b'\n');
    }
    lines
}

fn step(
    server: &Server,
    name: &'static str,
    documents: usize,
    work: impl FnOnce() -> Result<FinishedTask>,
) -> Result<Step> {
    let indexes = server.root().join("data.ms/indexes");
    reset_peak(server.pid());
    let watch = Watch::start(server.pid(), indexes.clone());
    let task = work();
    let peaks = watch.stop();
    Ok(Step {
        name,
        documents,
        task: task?,
        peak_rss: memory(server.pid()).peak_rss,
        peak_anonymous: peaks.anonymous,
        index_bytes: disk_usage(&indexes),
    })
}

fn print(bin: &str, steps: &[Step], gzip: f64) {
    let rows: Vec<Vec<String>> = steps
        .iter()
        .map(|step| {
            vec![
                step.name.to_owned(),
                two(step.task.task_seconds),
                two(step.task.wall_seconds),
                two(step.task.task_seconds / gzip),
                format!("{:.0}", step.documents as f64 / step.task.task_seconds),
                mib(step.peak_rss),
                mib(step.peak_anonymous),
                mib(step.index_bytes),
            ]
        })
        .collect();
    let head =
        ["step", "task s", "wall s", "/ gzip", "documents/s", "peak MiB", "anon MiB", "index MiB"];
    print_table(bin, &head, &rows);
}

fn as_json(step: &Step, gzip: f64) -> Value {
    json!({
        "step": step.name,
        "documents": step.documents,
        "taskSeconds": step.task.task_seconds,
        "wallSeconds": step.task.wall_seconds,
        "timesGzip": step.task.task_seconds / gzip,
        "peakResidentBytes": step.peak_rss,
        "peakAnonymousBytes": step.peak_anonymous,
        "indexBytes": step.index_bytes,
    })
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::data::parse_lines;
    use crate::data::tests::film_data;

    #[test]
    fn revised_documents_differ_and_keep_their_ids() {
        let data = film_data(300);
        let revised = parse_lines(&revised(&data, 100), Path::new("revised")).unwrap();
        assert_eq!(revised.len(), 100);
        for film in revised {
            let old = &data.documents[film["id"].as_u64().unwrap() as usize];
            assert_eq!(film["title"], format!("{} revised", old["title"].as_str().unwrap()));
            assert_eq!(film["year"].as_i64().unwrap(), old["year"].as_i64().unwrap() + 1);
        }
    }
}
