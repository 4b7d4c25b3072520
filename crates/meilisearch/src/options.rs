//! What the operator can choose: command line, then environment, then configuration file, then default
//! (operations.md sections 2 to 5, index-snapshots.md section 9).
//!
//! One definition per option drives parsing, `--help`, the environment variable and the key of the
//! configuration file (`config_file.rs`). Options of later issues are refused by [`refusal`], never
//! ignored.

mod not_built;

use std::fmt;
use std::num::{NonZeroU64, NonZeroUsize};
use std::path::PathBuf;
use std::str::FromStr;

use clap::{Parser, ValueEnum};
use meilisearch_types::outgoing::{AllowedNetwork, NoNetwork};
use meilisearch_types::sizes::ByteSize;
use sysinfo::{MemoryRefreshKind, RefreshKind, System};
use url::Url;

pub use self::not_built::refusal;

/// The shortest master key that production accepts, in bytes (operations.md section 11).
pub const MIN_MASTER_KEY_BYTES: usize = 16;

/// Every option that this server understands.
#[derive(Clone, Debug, Parser)]
#[command(
    name = "meilisearch",
    version,
    about = "Search server, compatible with Meilisearch 1.50, with snapshots of single indexes",
    after_help = "Sizes are a number with an optional unit: 1000000, 100 MB, 2.5 GiB. Options of \
                  Meilisearch 1.50 that are not listed here are not built yet and are refused.",
    disable_help_subcommand = true
)]
pub struct Options {
    /// Directory of the database; created when missing
    #[arg(long, env = "MEILI_DB_PATH", value_name = "PATH", default_value = "./data.ms")]
    pub db_path: PathBuf,

    /// Address to listen on; every address that the name resolves to is bound
    #[arg(
        long,
        env = "MEILI_HTTP_ADDR",
        value_name = "HOST:PORT",
        default_value = "localhost:7700"
    )]
    pub http_addr: String,

    /// Secret that protects the routes and from which the API keys are derived
    ///
    /// At least 16 bytes in production, where it is mandatory. Without it every route is open.
    #[arg(long, env = "MEILI_MASTER_KEY", value_name = "KEY", hide_env_values = true)]
    pub master_key: Option<String>,

    /// `production` demands a good master key
    #[arg(long, env = "MEILI_ENV", value_enum, default_value_t = Environment::Development)]
    pub env: Environment,

    /// URL that is told of every finished task
    #[arg(long, env = "MEILI_TASK_WEBHOOK_URL", value_name = "URL")]
    pub task_webhook_url: Option<Url>,

    /// Value of the header `Authorization` for that URL
    #[arg(
        long,
        env = "MEILI_TASK_WEBHOOK_AUTHORIZATION_HEADER",
        value_name = "VALUE",
        hide_env_values = true
    )]
    pub task_webhook_authorization_header: Option<String>,

    /// Networks that the server may send requests to although they are not public
    ///
    /// Such as `127.0.0.0/8,fd00::/8`, or `any`. Webhooks, exports and embedders obey it.
    #[arg(
        long,
        env = "MEILI_EXPERIMENTAL_ALLOWED_IP_NETWORKS",
        value_name = "NETWORKS",
        default_value = "",
        hide_default_value = true
    )]
    pub experimental_allowed_ip_networks: AllowedNetworks,

    /// Accepted for compatibility: this server collects and sends nothing anyway
    #[arg(long, env = "MEILI_NO_ANALYTICS")]
    pub no_analytics: bool,

    /// Largest request body, counted after decompression
    #[arg(
        long,
        env = "MEILI_HTTP_PAYLOAD_SIZE_LIMIT",
        value_name = "SIZE",
        default_value = "100 MB"
    )]
    pub http_payload_size_limit: ByteSize,

    /// Certificate chain in PEM; with a key, the server speaks HTTPS
    #[arg(long, env = "MEILI_SSL_CERT_PATH", value_name = "PATH")]
    pub ssl_cert_path: Option<PathBuf>,

    /// Private key of the certificate in PEM, not encrypted: PKCS#8, PKCS#1 or SEC1
    #[arg(long, env = "MEILI_SSL_KEY_PATH", value_name = "PATH")]
    pub ssl_key_path: Option<PathBuf>,

    /// Root certificates in PEM: clients may show a certificate that one of them signed
    #[arg(long, env = "MEILI_SSL_AUTH_PATH", value_name = "PATH")]
    pub ssl_auth_path: Option<PathBuf>,

    /// OCSP response in DER that goes out with the certificate
    #[arg(long, env = "MEILI_SSL_OCSP_PATH", value_name = "PATH")]
    pub ssl_ocsp_path: Option<PathBuf>,

    /// Refuse clients that show no certificate
    #[arg(long, env = "MEILI_SSL_REQUIRE_AUTH")]
    pub ssl_require_auth: bool,

    /// Keep TLS sessions in memory, to be resumed
    #[arg(long, env = "MEILI_SSL_RESUMPTION")]
    pub ssl_resumption: bool,

    /// Give clients tickets to resume TLS sessions
    #[arg(long, env = "MEILI_SSL_TICKETS")]
    pub ssl_tickets: bool,

    /// Directory of the snapshots, whole and of single indexes
    #[arg(long, env = "MEILI_SNAPSHOT_DIR", value_name = "PATH", default_value = "snapshots/")]
    pub snapshot_dir: PathBuf,

    /// Make a snapshot of the whole instance every so many seconds; a day when no number is given
    #[arg(
        long,
        env = "MEILI_SCHEDULE_SNAPSHOT",
        value_name = "SECONDS",
        num_args = 0..=1,
        default_value = "",
        hide_default_value = true,
        default_missing_value = "86400"
    )]
    pub schedule_snapshot: SnapshotInterval,

    /// Fill the empty data directory with this snapshot of a whole instance
    #[arg(
        long,
        env = "MEILI_IMPORT_SNAPSHOT",
        value_name = "PATH",
        conflicts_with = "import_dump"
    )]
    pub import_snapshot: Option<PathBuf>,

    /// Start without the snapshot when there is no such file
    #[arg(long, env = "MEILI_IGNORE_MISSING_SNAPSHOT", requires = "import_snapshot")]
    pub ignore_missing_snapshot: bool,

    /// Start with the database, without the snapshot, when there is one already
    #[arg(long, env = "MEILI_IGNORE_SNAPSHOT_IF_DB_EXISTS", requires = "import_snapshot")]
    pub ignore_snapshot_if_db_exists: bool,

    /// How many snapshots of single indexes may be made or imported at once
    #[arg(
        long,
        env = "MEILI_MAX_CONCURRENT_INDEX_SNAPSHOTS",
        value_name = "NUMBER",
        default_value = "1"
    )]
    pub max_concurrent_index_snapshots: NonZeroUsize,

    /// Largest snapshot of a single index that may be uploaded; without it, free space decides
    #[arg(long, env = "MEILI_MAX_INDEX_SNAPSHOT_UPLOAD_SIZE", value_name = "SIZE")]
    pub max_index_snapshot_upload_size: Option<ByteSize>,

    /// Directory of the dumps; created when missing
    #[arg(long, env = "MEILI_DUMP_DIR", value_name = "PATH", default_value = "dumps/")]
    pub dump_dir: PathBuf,

    /// Fill the empty database with this dump (version 5 or 6) before serving
    #[arg(long, env = "MEILI_IMPORT_DUMP", value_name = "PATH")]
    pub import_dump: Option<PathBuf>,

    /// Start without the dump to import when there is no such file
    #[arg(long, env = "MEILI_IGNORE_MISSING_DUMP", requires = "import_dump")]
    pub ignore_missing_dump: bool,

    /// Start with the database that is there instead of importing the dump
    #[arg(long, env = "MEILI_IGNORE_DUMP_IF_DB_EXISTS", requires = "import_dump")]
    pub ignore_dump_if_db_exists: bool,

    /// Least severe level that is logged
    #[arg(
        long,
        env = "MEILI_LOG_LEVEL",
        value_enum,
        ignore_case = true,
        default_value_t = LogLevel::Info
    )]
    pub log_level: LogLevel,

    /// Form of the log lines
    #[arg(
        long,
        env = "MEILI_EXPERIMENTAL_LOGS_MODE",
        value_enum,
        ignore_case = true,
        default_value_t = LogsMode::Human
    )]
    pub experimental_logs_mode: LogsMode,

    /// Memory that indexing may fill with buffers; two thirds of the machine's by default
    #[arg(long, env = "MEILI_MAX_INDEXING_MEMORY", value_name = "SIZE")]
    pub max_indexing_memory: Option<ByteSize>,

    /// Threads that indexing uses, or `unlimited`; half of the processors by default
    #[arg(
        long,
        env = "MEILI_MAX_INDEXING_THREADS",
        value_name = "NUMBER",
        default_value = "unlimited",
        hide_default_value = true
    )]
    pub max_indexing_threads: IndexingThreads,

    /// How many searches may wait for their turn
    #[arg(
        long,
        env = "MEILI_EXPERIMENTAL_SEARCH_QUEUE_SIZE",
        value_name = "NUMBER",
        default_value = "1000"
    )]
    pub experimental_search_queue_size: usize,

    /// Seconds after which a search that still waits is refused
    #[arg(
        long,
        env = "MEILI_EXPERIMENTAL_DROP_SEARCH_AFTER",
        value_name = "SECONDS",
        default_value = "60"
    )]
    pub experimental_drop_search_after: NonZeroUsize,

    /// How many searches run at once for each processor
    #[arg(
        long,
        env = "MEILI_EXPERIMENTAL_NB_SEARCHES_PER_CORE",
        value_name = "NUMBER",
        default_value = "4"
    )]
    pub experimental_nb_searches_per_core: NonZeroUsize,

    /// How many queries each embedder remembers the vectors of
    #[arg(
        long,
        env = "MEILI_EXPERIMENTAL_EMBEDDING_CACHE_ENTRIES",
        value_name = "NUMBER",
        default_value = "0"
    )]
    pub experimental_embedding_cache_entries: usize,

    /// Write indexes through a writable memory map: less memory while indexing
    #[arg(long, env = "MEILI_EXPERIMENTAL_REDUCE_INDEXING_MEMORY_USAGE")]
    pub experimental_reduce_indexing_memory_usage: bool,

    /// Switch on the experimental feature `metrics`: `GET /metrics` for Prometheus
    #[arg(long, env = "MEILI_EXPERIMENTAL_ENABLE_METRICS")]
    pub experimental_enable_metrics: bool,

    /// Switch on the experimental feature `logsRoute`: `/logs/stream` and `/logs/stderr`
    #[arg(long, env = "MEILI_EXPERIMENTAL_ENABLE_LOGS_ROUTE")]
    pub experimental_enable_logs_route: bool,

    /// Switch on the experimental feature `containsFilter`: the filter operator `CONTAINS`
    #[arg(long, env = "MEILI_EXPERIMENTAL_CONTAINS_FILTER")]
    pub experimental_contains_filter: bool,

    /// Switch on the experimental feature `legacySearch` for as long as none is stored
    #[arg(long, env = "MEILI_EXPERIMENTAL_LEGACY_SEARCH")]
    pub experimental_legacy_search_default: bool,

    /// Most tasks that one batch may hold; 0 stops the processing of tasks
    #[arg(
        long,
        env = "MEILI_EXPERIMENTAL_MAX_NUMBER_OF_BATCHED_TASKS",
        value_name = "NUMBER",
        default_value_t = usize::MAX,
        hide_default_value = true
    )]
    pub experimental_max_number_of_batched_tasks: usize,

    /// Most bytes of documents that one batch may hold
    ///
    /// By default half of the indexing memory, at most 10 GiB.
    #[arg(long, env = "MEILI_EXPERIMENTAL_LIMIT_BATCHED_TASKS_TOTAL_SIZE", value_name = "SIZE")]
    pub experimental_limit_batched_tasks_total_size: Option<ByteSize>,

    /// Configuration file in TOML; its keys are these options in snake_case
    #[arg(
        long,
        env = "MEILI_CONFIG_FILE_PATH",
        value_name = "PATH",
        default_value = "./config.toml"
    )]
    pub config_file_path: PathBuf,

    /// Print the description of the HTTP API (OpenAPI 3.1) and do nothing else
    #[arg(long)]
    pub print_openapi: bool,
}

impl Options {
    /// `https` if there is both a certificate and a key, else `http`.
    pub fn scheme(&self) -> &'static str {
        if self.ssl_cert_path.is_some() && self.ssl_key_path.is_some() { "https" } else { "http" }
    }

    /// Bytes that indexing may use: what was asked for, else two thirds of the memory of the
    /// machine or of its control group.
    pub fn max_indexing_memory_bytes(&self) -> u64 {
        self.max_indexing_memory.map_or_else(|| total_memory_bytes() / 3 * 2, |size| size.0)
    }
}

/// Memory of the machine, or of its control group where that is less; 0 where neither is known.
fn total_memory_bytes() -> u64 {
    let memory = RefreshKind::nothing().with_memory(MemoryRefreshKind::nothing().with_ram());
    let Ok(system) = System::new_with_specifics(memory) else { return 0 };
    let total = system.total_memory();
    system.cgroup_limits().map_or(total, |limits| limits.total_memory.min(total))
}

/// Says how careful the server must be about its master key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Environment {
    /// Any or no master key will do.
    Development,
    /// A master key of at least 16 bytes is mandatory.
    Production,
}

impl fmt::Display for Environment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Environment::Development => "development",
            Environment::Production => "production",
        })
    }
}

/// Least severe level that is logged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "UPPERCASE")]
#[allow(missing_docs, reason = "the names of the levels say it")]
pub enum LogLevel {
    Off,
    Error,
    Warn,
    Info,
    Debug,
    Trace,
}

/// Form of the log lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "UPPERCASE")]
pub enum LogsMode {
    /// For people at a terminal.
    Human,
    /// One JSON object a line.
    Json,
}

/// A list of networks, separated by commas.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AllowedNetworks(pub Vec<AllowedNetwork>);

impl FromStr for AllowedNetworks {
    type Err = NoNetwork;

    fn from_str(text: &str) -> Result<Self, NoNetwork> {
        let networks = text.split(',').map(str::trim).filter(|network| !network.is_empty());
        networks.map(str::parse).collect::<Result<_, _>>().map(AllowedNetworks)
    }
}

/// How many threads indexing may use; `None` leaves it to the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IndexingThreads(pub Option<usize>);

impl IndexingThreads {
    /// The number asked for, else half of the processors; `None` where that would be no thread.
    pub fn or_half_of_the_processors(self) -> Option<usize> {
        let half = || std::thread::available_parallelism().map_or(0, |all| all.get() / 2);
        Some(self.0.unwrap_or_else(half)).filter(|threads| *threads > 0)
    }
}

impl FromStr for IndexingThreads {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "" | "unlimited" => Ok(IndexingThreads(None)),
            number => number
                .parse()
                .map(|threads| IndexingThreads(Some(threads)))
                .map_err(|_| format!("`{number}` is neither a number nor `unlimited`")),
        }
    }
}

/// Seconds between scheduled snapshots; `None` makes none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SnapshotInterval(pub Option<NonZeroU64>);

impl FromStr for SnapshotInterval {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "" => Ok(SnapshotInterval(None)),
            seconds => seconds
                .parse()
                .map(|seconds| SnapshotInterval(Some(seconds)))
                .map_err(|_| format!("`{seconds}` is no number of seconds above 0")),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn parse(arguments: &[&str]) -> Options {
        Options::try_parse_from(["meilisearch"].iter().chain(arguments)).unwrap()
    }

    #[test]
    fn defaults_are_the_documented_ones() {
        let options = parse(&[]);
        assert_eq!(options.db_path, Path::new("./data.ms"));
        assert_eq!(options.http_addr, "localhost:7700");
        assert_eq!(options.http_payload_size_limit.0, 100_000_000);
        assert_eq!(options.env, Environment::Development);
        assert_eq!(options.max_indexing_threads, IndexingThreads(None));
        assert_eq!(options.experimental_max_number_of_batched_tasks, usize::MAX);
        assert!(options.max_indexing_memory_bytes() > 0);
    }

    #[test]
    fn levels_and_modes_ignore_case() {
        let options = parse(&["--log-level", "debug", "--experimental-logs-mode", "Json"]);
        assert_eq!(options.log_level, LogLevel::Debug);
        assert_eq!(options.experimental_logs_mode, LogsMode::Json);
    }

    #[test]
    fn a_schedule_may_have_a_number() {
        let interval =
            |arguments: &[&str]| parse(arguments).schedule_snapshot.0.map(NonZeroU64::get);
        assert_eq!(interval(&[]), None);
        assert_eq!(interval(&["--schedule-snapshot"]), Some(86_400));
        assert_eq!(interval(&["--schedule-snapshot", "--no-analytics"]), Some(86_400));
        assert_eq!(interval(&["--schedule-snapshot", "60"]), Some(60));
        assert_eq!(interval(&["--schedule-snapshot="]), None);
        let wrong = Options::try_parse_from(["meilisearch", "--schedule-snapshot", "0"]);
        assert!(wrong.unwrap_err().to_string().contains("above 0"));
    }
}
