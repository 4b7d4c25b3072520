//! `embedder-mock`: a provider of embeddings for examples and workloads, without a model.

use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use embedder_mock::{Mock, Reply, answer};

const USAGE: &str = "\
Usage: embedder-mock [OPTIONS]

Answers like OpenAI (…/embeddings), like Ollama (/api/embed, /api/embeddings) or, elsewhere,
{\"input\": [x…]} with {\"output\": [v…]}. The same text always gets the same vector.

  --listen ADDRESS    where it listens [127.0.0.1:7799]; port 0 takes a free one
  --dimensions N      numbers of a vector [64]
  --delay-ms N        waits before every answer [0]
  --fail-first N      fails the first N requests [0]
  --status CODE       the status of the failures [500]
  --log               writes every request to standard error";

struct Options {
    listen: SocketAddr,
    dimensions: usize,
    delay: Duration,
    fail_first: usize,
    status: u16,
    log: bool,
}

fn main() -> ExitCode {
    let options = match parse(std::env::args().skip(1)) {
        Ok(options) => options,
        Err(message) => {
            eprintln!("{message}\n\n{USAGE}");
            return ExitCode::from(2);
        }
    };
    let Options { listen, dimensions, delay, fail_first, status, log } = options;
    let seen = AtomicUsize::new(0);
    let mock = Mock::listen(listen, move |request| {
        if log {
            eprintln!("{} {} {}", request.method, request.path, request.text());
        }
        let reply = if seen.fetch_add(1, Ordering::Relaxed) < fail_first {
            Reply::status(status, r#"{"error": "told to fail"}"#)
        } else {
            answer(request, dimensions)
        };
        reply.delayed(delay)
    });
    match mock {
        Ok(mock) => {
            println!("listening on http://{}", mock.address());
            loop {
                thread::park();
            }
        }
        Err(error) => {
            eprintln!("cannot listen on {listen}: {error}");
            ExitCode::FAILURE
        }
    }
}

fn parse(mut arguments: impl Iterator<Item = String>) -> Result<Options, String> {
    let mut options = Options {
        listen: SocketAddr::from(([127, 0, 0, 1], 7799)),
        dimensions: 64,
        delay: Duration::ZERO,
        fail_first: 0,
        status: 500,
        log: false,
    };
    while let Some(name) = arguments.next() {
        if name == "--log" {
            options.log = true;
            continue;
        }
        let value =
            arguments.next().ok_or_else(|| format!("`{name}` is unknown or lacks a value"))?;
        let wrong = || format!("`{value}` is no value of `{name}`");
        match name.as_str() {
            "--listen" => options.listen = value.parse().map_err(|_| wrong())?,
            "--dimensions" => options.dimensions = value.parse().map_err(|_| wrong())?,
            "--delay-ms" => {
                options.delay = Duration::from_millis(value.parse().map_err(|_| wrong())?);
            }
            "--fail-first" => options.fail_first = value.parse().map_err(|_| wrong())?,
            "--status" => options.status = value.parse().map_err(|_| wrong())?,
            _ => return Err(format!("`{name}` is unknown")),
        }
    }
    Ok(options)
}
