//! The server: from HTTP to values and back. It knows routes, options and the order of start-up;
//! it knows nothing of LMDB, which only the crates below it touch.
//!
//! | Place | What |
//! |---|---|
//! | [`options`] | what the operator can choose |
//! | [`config_file`] | the same from a file |
//! | [`start`] | the order of start-up and shutdown |
//! | [`instance`], [`data_directory`], [`version_file`] | opening a data directory, which is locked |
//! | [`import`], [`import_snapshot`], `import_dump` | filling an empty one, all or nothing |
//! | `tls` | certificates and keys |
//! | [`transport`] | what holds for every request |
//! | [`extract`] | request → typed values: keys, query, body |
//! | `file_stream` | files as bodies of answers |
//! | [`routes`] | the tree of paths; the tree of files is the same |
//! | [`openapi`] | the description of the routes, generated from them |
//! | [`search`] | wire query ↔ engine query |
//! | [`search_queue`] | who may search now |
//! | `metrics` | what is counted for Prometheus |
//! | `instance_stats` | sizes and indexes of the whole instance |
//! | [`features`] | the refusal of what an experimental feature gates |
//! | [`logging`] | log lines, on standard error and streamed, and panics |

pub mod config_file;
pub mod data_directory;
pub mod extract;
pub mod features;
mod file_stream;
pub mod import;
mod import_dump;
pub mod import_snapshot;
pub mod instance;
mod instance_stats;
mod instance_uid;
mod logging;
mod metrics;
pub mod openapi;
pub mod options;
pub mod routes;
pub mod search;
pub mod search_queue;
pub mod start;
mod tls;
pub mod transport;
pub mod version_file;
