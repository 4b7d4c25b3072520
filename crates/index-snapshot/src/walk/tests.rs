//! Real files pass the walk; each rule has a file that breaks it.

use proptest::prelude::*;

use super::*;

#[path = "../../tests/common/broken.rs"]
mod broken;

use broken::{NAMES, PAGE, broken_files, copy, mutated, pages_of, read_through_lmdb};

fn walk(file: &[u8]) -> Result<()> {
    let meta = MetaPages::parse(file).ok_or_else(|| Error::corrupted("no meta pages"))?;
    let mut walk = PageWalk::new(meta, &NAMES);
    for pages in file.chunks(3 * PAGE) {
        walk.walk(pages)?;
    }
    walk.finish()
}

#[test]
fn a_compacting_copy_passes() {
    walk(copy()).unwrap();
    assert!(pages_of(BRANCH).len() >= 3 && pages_of(OVERFLOW).len() == 10);
}

#[test]
fn every_rule_is_enforced() {
    for (what, file) in broken_files() {
        assert!(walk(&file).is_err(), "{what}");
    }
}

/// A hostile file must not make the walk remember each of its pages.
#[test]
fn pages_that_nothing_refers_to_do_not_pile_up() {
    let pages = 1_000_000;
    let mut meta = copy()[..2 * PAGE].to_vec();
    for at in [PAGE + 88 + 40, PAGE + 136] {
        meta[at..at + 8].copy_from_slice(&(pages - 1u64).to_ne_bytes());
    }
    let mut walk = PageWalk::new(MetaPages::parse(&meta).unwrap(), &NAMES);
    walk.walk(&meta).unwrap();
    let mut run = copy()[pages_of(OVERFLOW)[0] * PAGE..][..PAGE].to_vec();
    run[12..16].copy_from_slice(&1u32.to_ne_bytes());
    let refused = (2..pages).find(|number| {
        run[..8].copy_from_slice(&number.to_ne_bytes());
        walk.walk(&run).is_err()
    });
    assert!(refused.is_some_and(|number| number < 30_000), "{refused:?}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]
    /// What the walk lets pass, LMDB must survive: the test process would die otherwise.
    #[test]
    fn mutations_are_refused_or_harmless(
        changes in proptest::collection::vec((any::<usize>(), 0usize..64, any::<u8>()), 1..4),
    ) {
        let file = mutated(&changes);
        if walk(&file).is_ok() {
            read_through_lmdb(&file);
        }
    }
}
