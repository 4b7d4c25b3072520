//! Single-index snapshots from outside: real servers, real files (index-snapshots.md).

#![allow(clippy::unwrap_used, reason = "helpers of tests fail by panicking")]

#[path = "../common/mod.rs"]
mod common;

mod disk_full;
mod downloads;
mod endurance;
mod guide;
mod metrics;
mod routes;
mod support;
mod tasks;
mod travel;
mod uploads;
mod vectors;
