//! From the command line to a serving process and to its end, in the order of operations.md
//! section 1.

use std::ffi::OsString;
use std::io::Write as _;
use std::net::SocketAddr;
use std::path::Path;
use std::pin::pin;
use std::process::ExitCode;
use std::time::Duration;

use actix_web::HttpServer;
use actix_web::http::KeepAlive;
use actix_web::rt::System;
use actix_web::rt::signal::unix::{SignalKind, signal};
use actix_web::web::Data;
use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use futures_util::future::{self, Either};
use index_scheduler::IndexScheduler;
use meilisearch_types::tasks::KindWithContent;
use meilisearch_types::versioning::VERSION_STR;

use crate::config_file::parse_options;
use crate::instance::{Instance, OpenError};
use crate::logging::{self, Logs};
use crate::options::{self, Environment, MIN_MASTER_KEY_BYTES, Options};
use crate::tls::{self, TlsError};
use crate::{openapi, transport};

/// Exit status of a command line that cannot be served.
const WRONG_ARGUMENTS: u8 = 2;
/// Exit status after an interrupt from the keyboard, as shells expect it.
const INTERRUPTED: u8 = 130;
/// The head of the first request of a connection must arrive within this time.
const REQUEST_HEAD_TIMEOUT: Duration = Duration::from_secs(5);
/// How long open requests may take to end after a signal, in seconds.
const SHUTDOWN_TIMEOUT_SECONDS: u64 = 5;
/// Length of a suggested master key before its encoding, in bytes.
const SUGGESTED_KEY_BYTES: usize = 32;

/// Why the server does not start or ends by itself.
#[derive(Debug, thiserror::Error)]
enum StartError {
    #[error(
        "{problem}; production needs one of at least {MIN_MASTER_KEY_BYTES} bytes. A good one, made just now: --master-key {}",
        suggested_key()
    )]
    MasterKey { problem: &'static str },
    #[error(transparent)]
    Open(#[from] OpenError),
    #[error(transparent)]
    Tls(#[from] TlsError),
    #[error("cannot listen on `{address}` (--http-addr): {source}")]
    Bind { address: String, source: std::io::Error },
    #[error("the server stopped: {0}")]
    Serve(std::io::Error),
}

/// Runs the server until a signal ends it; the whole of `main`.
pub fn run() -> ExitCode {
    let arguments: Vec<OsString> = std::env::args_os().collect();
    let own = arguments.get(1..).unwrap_or_default();
    if let Some(refusal) = options::refusal(own, |name| std::env::var_os(name)) {
        eprintln!("error: {refusal}");
        return ExitCode::from(WRONG_ARGUMENTS);
    }
    let (options, config_file) = match parse_options(arguments) {
        Ok(parsed) => parsed,
        Err(error) => {
            eprintln!("error: {error}");
            return ExitCode::FAILURE;
        }
    };
    if options.print_openapi {
        return match writeln!(std::io::stdout(), "{:#}", openapi::document()) {
            Ok(()) => ExitCode::SUCCESS,
            Err(_) => ExitCode::FAILURE,
        };
    }
    logging::install_panic_hook();
    let logs = Data::new(logging::init(&options));
    match start(options, config_file.as_deref(), &logs) {
        Ok(status) => status,
        Err(error) => {
            tracing::error!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn start(
    options: Options,
    config_file: Option<&Path>,
    logs: &Data<Logs>,
) -> Result<ExitCode, StartError> {
    check_master_key(&options)?;
    let instance = Instance::open(options)?;
    print_summary(instance.options(), config_file);
    let status = System::new().block_on(serve(&instance, logs));
    instance.close();
    status
}

/// Serves until a signal comes; gives the exit status that the signal asks for.
async fn serve(instance: &Instance, logs: &Data<Logs>) -> Result<ExitCode, StartError> {
    let address = &instance.options().http_addr;
    let (application, shared_logs) = (instance.clone(), logs.clone());
    let server =
        HttpServer::new(move || transport::app(&application).app_data(shared_logs.clone()))
            .keep_alive(KeepAlive::Os)
            .client_request_timeout(REQUEST_HEAD_TIMEOUT)
            .shutdown_timeout(SHUTDOWN_TIMEOUT_SECONDS)
            .disable_signals();
    let server = match tls::server_config(instance.options())? {
        Some(config) => server.bind_rustls_0_23(address.as_str(), config),
        None => server.bind(address.as_str()),
    };
    let server = server.map_err(|source| StartError::Bind { address: address.clone(), source })?;
    // Armed before the first answer, so that whoever saw the server alive can end it cleanly.
    let mut terminate = signal(SignalKind::terminate()).map_err(StartError::Serve)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(StartError::Serve)?;
    tell_addresses(instance.options().scheme(), &server.addrs());
    if let Some(seconds) = instance.options().schedule_snapshot.0 {
        let interval = Duration::from_secs(seconds.get());
        actix_web::rt::spawn(make_snapshots(instance.scheduler().clone(), interval));
    }
    let server = server.run();
    let handle = server.handle();
    let mut running = actix_web::rt::spawn(server);
    let signals = async {
        match future::select(pin!(terminate.recv()), pin!(interrupt.recv())).await {
            Either::Left(_) => ExitCode::SUCCESS,
            Either::Right(_) => ExitCode::from(INTERRUPTED),
        }
    };
    match future::select(&mut running, pin!(signals)).await {
        Either::Right((status, _)) => {
            tracing::info!("asked to end: finishing open requests");
            // The one request that does not end by itself.
            if let Err(error) = logs.end_stream() {
                tracing::error!("{error}");
            }
            handle.stop(true).await;
            Ok(status)
        }
        Either::Left((ended, _)) => {
            let ended = ended.map_err(std::io::Error::other).and_then(|ended| ended);
            ended.map(|()| ExitCode::SUCCESS).map_err(StartError::Serve)
        }
    }
}

/// Enqueues a snapshot of the instance each time the interval has passed, the first one at its end.
async fn make_snapshots(scheduler: IndexScheduler, interval: Duration) {
    loop {
        actix_web::rt::time::sleep(interval).await;
        let scheduler = scheduler.clone();
        let register = move || scheduler.register(KindWithContent::SnapshotCreation, None);
        match actix_web::rt::task::spawn_blocking(register).await {
            Ok(Ok(_)) => {}
            Ok(Err(error)) => tracing::error!("the scheduled snapshot is left out: {error}"),
            Err(error) => tracing::error!("the scheduled snapshot is left out: {error}"),
        }
    }
}

/// Refuses a production server without a good master key (operations.md section 11).
fn check_master_key(options: &Options) -> Result<(), StartError> {
    if options.env == Environment::Development {
        return Ok(());
    }
    match &options.master_key {
        None => Err(StartError::MasterKey { problem: "there is no master key" }),
        Some(key) if key.len() < MIN_MASTER_KEY_BYTES => {
            Err(StartError::MasterKey { problem: "the master key is too short" })
        }
        Some(_) => Ok(()),
    }
}

/// A fresh secret in URL-safe base64 without padding.
fn suggested_key() -> String {
    let secret: [u8; SUGGESTED_KEY_BYTES] = rand::random();
    BASE64_URL_SAFE_NO_PAD.encode(secret)
}

/// Tells a person at the terminal what was started and what to do next.
fn print_summary(options: &Options, config_file: Option<&Path>) {
    let config_file =
        config_file.map_or_else(|| "none".to_owned(), |path| path.display().to_string());
    let data = options.db_path.canonicalize().unwrap_or_else(|_| options.db_path.clone());
    let key = match &options.master_key {
        None => format!(
            "none: EVERY route is open to everybody who reaches the address\n\
             {:17}protect it with --master-key {}",
            "",
            suggested_key()
        ),
        Some(key) if key.len() < MIN_MASTER_KEY_BYTES => format!(
            "set, but shorter than {MIN_MASTER_KEY_BYTES} bytes: production would refuse it"
        ),
        Some(_) => "set: requests need `Authorization: Bearer KEY`".to_owned(),
    };
    eprintln!(
        "\n\
         meilisearch {VERSION_STR} (independent implementation; sends no analytics)\n\n\
         Address          {}://{}\n\
         Configuration    {config_file}\n\
         Data directory   {}\n\
         Snapshots        {}\n\
         Environment      {}\n\
         Master key       {key}\n\n\
         Is it alive?     curl {}://{}/health\n\
         Not built yet    such routes and parameters answer 501 and name what is missing; README.md lists them\n",
        options.scheme(),
        options.http_addr,
        data.display(),
        options.snapshot_dir.display(),
        options.env,
        options.scheme(),
        options.http_addr,
    );
}

/// Logs every address that is served; tests and scripts read the port from here.
fn tell_addresses(scheme: &str, addresses: &[SocketAddr]) {
    for address in addresses {
        tracing::info!("listening on {scheme}://{address}");
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    fn options(arguments: &[&str]) -> Options {
        Options::try_parse_from(["meilisearch"].iter().chain(arguments)).unwrap()
    }

    #[test]
    fn production_demands_a_long_master_key() {
        let check = |arguments: &[&str]| check_master_key(&options(arguments));
        check(&[]).unwrap();
        check(&["--master-key", "short"]).unwrap();
        let missing = check(&["--env", "production"]).unwrap_err().to_string();
        assert!(missing.contains("--master-key "), "{missing}");
        check(&["--env", "production", "--master-key", "fifteen bytes !"]).unwrap_err();
        check(&["--env", "production", "--master-key", "sixteen bytes ok"]).unwrap();
    }

    #[test]
    fn suggested_keys_are_43_url_safe_characters() {
        let key = suggested_key();
        assert_eq!(key.len(), 43);
        assert!(key.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_'), "{key}");
        assert_ne!(key, suggested_key());
    }
}
