//! Real files pass the walk; each rule has a file that breaks it.

use std::fs::{self, File};
use std::path::Path;
use std::sync::OnceLock;

use heed::types::Bytes;
use heed::{CompactionOption, Env, EnvOpenOptions, WithoutTls};
use proptest::prelude::*;

use super::*;

const NAMES: [&str; 3] = ["documents", "empty", "words"];
const PAGE: usize = 4096;

fn open(dir: &Path) -> heed::Result<Env<WithoutTls>> {
    let mut options = EnvOpenOptions::new().read_txn_without_tls();
    options.map_size(1 << 30).max_dbs(4);
    unsafe { options.open(dir) }
}

/// A compacting copy with three levels of pages, overflow runs and an empty database.
fn copy() -> &'static [u8] {
    static COPY: OnceLock<Vec<u8>> = OnceLock::new();
    COPY.get_or_init(|| {
        let dir = tempfile::tempdir().unwrap();
        let env = open(dir.path()).unwrap();
        let mut wtxn = env.write_txn().unwrap();
        let [documents, _, words] =
            NAMES.map(|name| env.create_database::<Bytes, Bytes>(&mut wtxn, Some(name)).unwrap());
        for id in 0..400u32 {
            let value = vec![id as u8; if id % 40 == 0 { 9000 } else { 60 }];
            documents.put(&mut wtxn, &id.to_be_bytes(), &value).unwrap();
        }
        for id in 0..200u32 {
            let key = format!("{:a>400}", id);
            words.put(&mut wtxn, key.as_bytes(), &id.to_ne_bytes()).unwrap();
        }
        wtxn.commit().unwrap();
        let path = dir.path().join("copy");
        let mut file = File::create(&path).unwrap();
        env.copy_to_file(&mut file, CompactionOption::Enabled).unwrap();
        fs::read(path).unwrap()
    })
}

fn walk(file: &[u8]) -> Result<()> {
    let meta = MetaPages::parse(file).ok_or_else(|| Error::corrupted("no meta pages"))?;
    let mut walk = PageWalk::new(meta, &NAMES);
    for pages in file.chunks(3 * PAGE) {
        walk.walk(pages)?;
    }
    walk.finish()
}

/// Pages of a kind in the copy.
fn pages_of(kind: u16) -> Vec<usize> {
    let (mut found, mut page) = (Vec::new(), 2);
    while page < copy().len() / PAGE {
        let bytes = &copy()[page * PAGE..];
        let flags = u16_at(bytes, 10).unwrap();
        if flags == kind {
            found.push(page);
        }
        page += if flags == OVERFLOW { u32_at(bytes, 12).unwrap() as usize } else { 1 };
    }
    found
}

#[test]
fn a_compacting_copy_passes() {
    walk(copy()).unwrap();
    assert!(pages_of(BRANCH).len() >= 3 && pages_of(OVERFLOW).len() == 10);
}

#[test]
fn every_rule_is_enforced() {
    let (leaf, branch, run) = (pages_of(LEAF)[1], pages_of(BRANCH)[0], pages_of(OVERFLOW)[0]);
    let main = copy().len() / PAGE - 1;
    let first_node = |page: usize| usize::from(u16_at(&copy()[page * PAGE..], 16).unwrap());
    let record = |page: usize| first_node(page) + NODE_HEADER_BYTES + "documents".len();
    let cases: &[(&str, usize, usize, &[u8])] = &[
        ("map address", 0, 24, &[1]),
        ("free pages", 1, 40 + 8, &[1]),
        ("flags of the free database", 1, 40 + 4, &[0]),
        ("flags of the main database", 1, 88 + 4, &[4]),
        ("transaction of meta 0", 0, 144, &[1]),
        ("last page of meta 0", 0, 136, &[2]),
        ("root of meta 0", 0, 88 + 40, &[0]),
        ("transaction of meta 1", 1, 144, &[2]),
        ("root of the main database", 1, 88 + 40, &[2]),
        ("depth of the main database", 1, 88 + 6, &[2]),
        ("entries of the main database", 1, 88 + 32, &[2]),
        ("page number", leaf, 0, &[1]),
        ("dirty page", leaf, 10, &[0x12]),
        ("leaf as branch", leaf, 10, &[0x01]),
        ("branch as leaf", branch, 10, &[0x02]),
        ("lower below the header", leaf, 12, &[14, 0]),
        ("upper outside the page", leaf, 14, &[2, 0x10]),
        ("odd lower", leaf, 12, &[copy()[leaf * PAGE + 12] | 1]),
        ("fewer nodes than stand there", leaf, 12, &[18, 0]),
        ("node outside the page", leaf, 16, &[0xff, 0xff]),
        ("odd node", leaf, 16, &[(first_node(leaf) | 1) as u8]),
        ("key size", leaf, first_node(leaf) + 6, &[0, 0]),
        ("node flags", leaf, first_node(leaf) + 4, &[4]),
        ("duplicates", leaf, first_node(leaf) + 4, &[6]),
        ("value size", leaf, first_node(leaf), &[0xff, 0xff]),
        ("child", branch, first_node(branch), &[0xfe, 0xff]),
        ("run of no pages", run, 12, &[0]),
        ("run too short", run, 12, &[1]),
        ("run outside the file", run, 12, &[0xff, 0xff]),
        ("record of a database: pad", main, record(main), &[1]),
        ("record of a database: flags", main, record(main) + 4, &[4]),
        ("record of a database: depth", main, record(main) + 6, &[9]),
        ("record of a database: leaf pages", main, record(main) + 16, &[0xee]),
        ("record of a database: overflow pages", main, record(main) + 24, &[0xee]),
        ("record of a database: entries", main, record(main) + 32, &[0xee]),
        ("record of a database: root", main, record(main) + 40, &[0]),
        ("unknown database", main, first_node(main) + NODE_HEADER_BYTES, b"D"),
    ];
    for &(what, page, at, bytes) in cases {
        let mut file = copy().to_vec();
        let at = page * PAGE + at;
        assert_ne!(&file[at..at + bytes.len()], bytes, "{what}: nothing changed");
        file[at..at + bytes.len()].copy_from_slice(bytes);
        assert!(walk(&file).is_err(), "{what}");
    }
    assert!(walk(&copy()[..copy().len() - PAGE]).is_err(), "cut");
    assert!(walk(&[copy(), &[0; PAGE]].concat()).is_err(), "longer");
}

#[test]
fn keys_must_rise_and_separators_separate() {
    let leaf = pages_of(LEAF)[1];
    let mut file = copy().to_vec();
    let (first, second) = (leaf * PAGE + 16, leaf * PAGE + 18);
    for byte in 0..2 {
        file.swap(first + byte, second + byte);
    }
    assert!(walk(&file).is_err(), "swapped nodes");

    let branch = pages_of(BRANCH)[0];
    let mut file = copy().to_vec();
    let node = usize::from(u16_at(&file[branch * PAGE..], 18).unwrap());
    file[branch * PAGE + node + NODE_HEADER_BYTES] = 0xff;
    assert!(walk(&file).is_err(), "separator above its child");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]
    /// What the walk lets pass, LMDB must survive: the test process would die otherwise.
    #[test]
    fn mutations_are_refused_or_harmless(
        changes in proptest::collection::vec((any::<prop::sample::Index>(), 0usize..64, any::<u8>()), 1..4),
    ) {
        let mut file = copy().to_vec();
        let pages = file.len() / PAGE;
        for (page, at, value) in changes {
            // Headers, offsets and the nodes at a page's end are where structure is.
            let at = if at < 40 { at } else { PAGE - 24 * (at - 39) };
            file[page.index(pages) * PAGE + at] = value;
        }
        if walk(&file).is_ok() {
            let dir = tempfile::tempdir().unwrap();
            fs::write(dir.path().join("data.mdb"), &file).unwrap();
            let env = open(dir.path()).unwrap();
            let rtxn = env.read_txn().unwrap();
            for name in NAMES {
                if let Some(db) = env.open_database::<Bytes, Bytes>(&rtxn, Some(name)).unwrap() {
                    prop_assert_eq!(db.iter(&rtxn).unwrap().count() as u64, db.len(&rtxn).unwrap());
                }
            }
        }
    }
}
