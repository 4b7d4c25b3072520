//! Archives whose checksums are right and whose `data.mdb` is not: only the page walk stands between them
//! and LMDB. None is a crash; each is refused, or LMDB can read it.

#![allow(clippy::unwrap_used, reason = "helpers of tests fail by panicking")]

mod common;

use common::broken::{NAMES, broken_files, copy, mutated, read_through_lmdb};
use common::parts::Parts;
use common::{OURS, manifest};
use index_snapshot::{Error, Unattended, read_head};
use proptest::prelude::*;

/// An archive around a file, all sums and sizes right.
fn archive_of(file: &[u8]) -> Vec<u8> {
    let mut manifest = manifest();
    manifest.platform.page_size = 4096;
    manifest.data_size = file.len() as u64;
    Parts::new(&manifest, file).tar()
}

fn import(archive: &[u8]) -> Result<Vec<u8>, Error> {
    let (_, body) = read_head(archive, Some(&OURS), true)?;
    let mut data = Vec::new();
    body.extract(&mut data, &NAMES, &Unattended)?.verify()?;
    Ok(data)
}

#[test]
fn every_broken_rule_is_refused_in_an_archive_with_right_sums() {
    assert_eq!(import(&archive_of(copy())).unwrap(), copy());
    for (what, file) in broken_files() {
        match import(&archive_of(&file)) {
            Err(Error::Corrupted { reason }) => {
                assert!(!reason.contains("checksum"), "{what}: {reason}")
            }
            other => panic!("{what}: {:?}", other.map(|data| data.len())),
        }
    }
}

/// The stored map size is the sender's: whatever it says, LMDB opens the file with one of ours.
#[test]
fn the_stored_map_size_does_not_matter() {
    for map_size in [0, 4096, u64::MAX] {
        let mut file = copy().to_vec();
        for meta in [0, 4096] {
            file[meta + 32..meta + 40].copy_from_slice(&map_size.to_ne_bytes());
        }
        read_through_lmdb(&import(&archive_of(&file)).unwrap());
    }
}

/// A small number of cases, unless `PROPTEST_CASES` says otherwise.
fn config() -> ProptestConfig {
    let default = ProptestConfig::default();
    let cases = if std::env::var_os("PROPTEST_CASES").is_some() { default.cases } else { 60 };
    ProptestConfig { cases, ..default }
}

proptest! {
    #![proptest_config(config())]
    /// What is accepted, LMDB must survive: the test process would die otherwise.
    #[test]
    fn a_mutated_archive_with_right_sums_is_refused_or_harmless(
        changes in proptest::collection::vec((any::<usize>(), 0usize..64, any::<u8>()), 1..6),
    ) {
        let file = mutated(&changes);
        match import(&archive_of(&file)) {
            Ok(data) => {
                prop_assert_eq!(&data, &file);
                read_through_lmdb(&data);
            }
            Err(Error::Corrupted { .. }) => {}
            Err(error) => prop_assert!(false, "{error:?}"),
        }
    }
}
