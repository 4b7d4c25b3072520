//! The server from outside: real requests to a real process.

#![allow(clippy::unwrap_used, reason = "a test ends at the first surprise")]

#[path = "../common/mod.rs"]
mod common;

mod auth;
mod compaction;
mod compatibility;
mod config_file;
mod documents;
mod dumps;
mod durability;
mod embedder_searches;
mod embedder_settings;
mod embedders;
mod export;
mod fields;
mod imports;
mod indexes;
mod instance_snapshots;
mod kills;
mod logs;
mod metrics;
mod not_implemented;
mod openapi;
mod openapi_answers;
mod operations_guide;
mod overload;
mod random_searches;
mod render_template;
mod search;
mod settings;
mod start;
mod task_documents;
mod tasks;
mod tenant_tokens;
mod tls;
mod transport;
mod vectors;
mod vectors_guide;
mod webhooks;
