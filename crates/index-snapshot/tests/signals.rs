//! A signal would end LMDB's copy with EINTR, so neither the copying thread nor LMDB's own takes any. Alone in
//! its binary: it looks at all threads of the process.

#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "helpers of tests fail by panicking")]

mod common;

use std::fs;

use common::*;
use index_snapshot::{Compression, Monitor, WriteOptions, write_archive};

#[test]
fn the_copy_takes_no_signals() {
    /// Looks at the threads once the copy runs.
    struct Look(std::sync::Mutex<Vec<u64>>);
    impl Monitor for Look {
        fn must_stop(&self) -> bool {
            false
        }
        fn total(&self, _bytes: u64) {
            let mut blocked = self.0.lock().unwrap();
            for thread in fs::read_dir("/proc/self/task").unwrap() {
                let status = thread.unwrap().path().join("status");
                // A thread may have ended meanwhile.
                let Ok(status) = fs::read_to_string(status) else { continue };
                let field = |name: &str| {
                    let mut lines = status.lines().filter_map(|line| line.strip_prefix(name));
                    lines.next().unwrap().trim().to_owned()
                };
                if field("Name:") == "snapshot-copy" {
                    blocked.push(u64::from_str_radix(&field("SigBlk:"), 16).unwrap());
                }
            }
        }
        fn advance(&self, _bytes: u64) {}
    }
    let dir = tempfile::tempdir().unwrap();
    let env = environment(dir.path(), &many_pages());
    let file = tempfile::tempfile().unwrap();
    let options =
        WriteOptions { databases: &DATABASES, compression: Compression::None, threads: 1 };
    let look = Look(Default::default());
    write_archive(&env, manifest(), &options, &file, &look).unwrap();
    let blocked = look.0.into_inner().unwrap();
    assert!(!blocked.is_empty());
    // All but SIGKILL, SIGSTOP and the two that the C library keeps for itself.
    let all = !(1 << (9 - 1) | 1 << (19 - 1) | 1 << (32 - 1) | 1 << (33 - 1));
    for mask in blocked {
        assert_eq!(mask & all, all, "{mask:x}");
    }
}
