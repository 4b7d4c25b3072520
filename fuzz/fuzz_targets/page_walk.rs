//! Any bytes as an LMDB file. They change a good file, or stand alone when none is near: sums would stop
//! the fuzzer at an archive, so the walk has a door of its own.

#![no_main]

use libfuzzer_sys::fuzz_target;

const DATABASES: [&str; 3] = ["documents", "empty", "words"];

fuzz_target!(|file: &[u8]| {
    let _ = index_snapshot::walk_file(file, &DATABASES);
});
