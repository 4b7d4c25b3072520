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
