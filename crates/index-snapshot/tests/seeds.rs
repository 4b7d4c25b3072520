//! The seeds of the fuzz targets in `fuzz/`: small archives of each compression, good and broken, and the
//! files in them. With `FUZZ_SEEDS=DIRECTORY` they are written there.

#![allow(clippy::unwrap_used, reason = "helpers of tests fail by panicking")]

mod common;

use std::fs;
use std::path::PathBuf;

use common::broken::{broken_files, copy};
use common::{archive, import, tiny};
use index_snapshot::{Compression, walk_file};

#[test]
fn seeds_are_what_the_targets_read() {
    let mut archives = Vec::new();
    let mut files = vec![("copy".to_owned(), copy().to_vec())];
    for compression in Compression::ALL {
        let archive = archive(&tiny(), compression);
        let (_, data) = import(&archive).unwrap();
        walk_file(&data, &common::DATABASES).unwrap();
        archives.push((format!("{compression:?}"), archive));
        files.push((format!("of {compression:?}"), data));
    }
    files.extend(broken_files().into_iter().map(|(what, file)| (what.to_owned(), file)));

    let Some(directory) = std::env::var_os("FUZZ_SEEDS").map(PathBuf::from) else { return };
    write(directory.join("archive_reader"), archives);
    write(directory.join("page_walk"), files);
}

fn write(directory: PathBuf, seeds: impl IntoIterator<Item = (String, Vec<u8>)>) {
    fs::create_dir_all(&directory).unwrap();
    for (name, content) in seeds {
        fs::write(directory.join(name.replace(' ', "-")), content).unwrap();
    }
}
