//! A compacting copy, and files that break each rule of index-snapshots.md 13 on purpose. The unit tests of
//! the page walk judge them bare, the tests of archives with right checksums around them.

use std::fs::{self, File};
use std::path::Path;
use std::sync::OnceLock;

use heed::types::Bytes;
use heed::{CompactionOption, Env, EnvOpenOptions, WithoutTls};

/// The databases that the copy may have.
pub(crate) const NAMES: [&str; 3] = ["documents", "empty", "words"];
pub(crate) const PAGE: usize = 4096;
pub(crate) const BRANCH: u16 = 1;
pub(crate) const LEAF: u16 = 2;
pub(crate) const OVERFLOW: u16 = 4;
const NODE_HEADER: usize = 8;

fn open(dir: &Path) -> heed::Result<Env<WithoutTls>> {
    let mut options = EnvOpenOptions::new().read_txn_without_tls();
    options.map_size(1 << 30).max_dbs(4);
    unsafe { options.open(dir) }
}

/// A compacting copy with three levels of pages, overflow runs and an empty database.
pub(crate) fn copy() -> &'static [u8] {
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

/// Reads a file through LMDB, as whoever opens an accepted one will: LMDB must survive it.
pub(crate) fn read_through_lmdb(file: &[u8]) {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("data.mdb"), file).unwrap();
    let env = open(dir.path()).unwrap();
    let rtxn = env.read_txn().unwrap();
    for name in NAMES {
        if let Some(db) = env.open_database::<Bytes, Bytes>(&rtxn, Some(name)).unwrap() {
            assert_eq!(db.iter(&rtxn).unwrap().count() as u64, db.len(&rtxn).unwrap());
        }
    }
}

/// The copy with bytes changed where structure is: headers, offsets, and the nodes at a page's end. A change
/// is a page (any number), a place from 0 to 63, and a value.
pub(crate) fn mutated(changes: &[(usize, usize, u8)]) -> Vec<u8> {
    let mut file = copy().to_vec();
    let pages = file.len() / PAGE;
    for &(page, at, value) in changes {
        let at = if at < 40 { at } else { PAGE - 24 * (at - 39) };
        file[page % pages * PAGE + at] = value;
    }
    file
}

fn u16_of(page: usize, at: usize) -> u16 {
    let at = page * PAGE + at;
    u16::from_ne_bytes(copy()[at..at + 2].try_into().unwrap())
}

/// Pages of a kind in the copy.
pub(crate) fn pages_of(kind: u16) -> Vec<usize> {
    let (mut found, mut page) = (Vec::new(), 2);
    while page < copy().len() / PAGE {
        let flags = u16_of(page, 10);
        if flags == kind {
            found.push(page);
        }
        page += if flags == OVERFLOW { usize::from(u16_of(page, 12)) } else { 1 };
    }
    found
}

/// Where a node of a page begins.
fn node(page: usize, number: usize) -> usize {
    usize::from(u16_of(page, 16 + 2 * number))
}

/// What is wrong, and the file.
pub(crate) fn broken_files() -> Vec<(&'static str, Vec<u8>)> {
    let mut files = Vec::new();
    for (what, page, at, bytes) in changed_bytes() {
        let mut file = copy().to_vec();
        let at = page * PAGE + at;
        assert_ne!(&file[at..at + bytes.len()], bytes, "{what}: nothing changed");
        file[at..at + bytes.len()].copy_from_slice(&bytes);
        files.push((what, file));
    }
    files.extend(rearranged());
    files.push(("cut", copy()[..copy().len() - PAGE].to_vec()));
    files.push(("longer", [copy(), &[0; PAGE]].concat()));
    files
}

/// What is wrong, the page, where in it, and what stands there instead.
fn changed_bytes() -> Vec<(&'static str, usize, usize, Vec<u8>)> {
    let (leaf, branch, run) = (pages_of(LEAF)[1], pages_of(BRANCH)[0], pages_of(OVERFLOW)[0]);
    let main = copy().len() / PAGE - 1;
    let record = |page: usize| node(page, 0) + NODE_HEADER + "documents".len();
    let itself = (branch as u16).to_ne_bytes().to_vec();
    let second_node = u16_of(leaf, 18).to_ne_bytes().to_vec();
    let first_child = copy()[branch * PAGE + node(branch, 0)..][..2].to_vec();
    let lower_upper = (u16_of(leaf, 14) - 2).to_ne_bytes().to_vec();
    vec![
        ("magic", 1, 16, vec![0]),
        ("version of the file", 1, 20, vec![2]),
        ("page size of meta 0", 0, 40, vec![0, 0x20]),
        ("page size of meta 1", 1, 40, vec![0, 0x20]),
        ("page size that is no power of two", 1, 40, vec![1]),
        ("map address", 0, 24, vec![1]),
        ("free pages", 1, 40 + 8, vec![1]),
        ("flags of the free database", 1, 40 + 4, vec![0]),
        ("root of the free database", 1, 40 + 40, vec![2]),
        ("pad of the main database", 1, 88, vec![1]),
        ("flags of the main database", 1, 88 + 4, vec![4]),
        ("transaction of meta 0", 0, 144, vec![1]),
        ("last page of meta 0", 0, 136, vec![2]),
        ("root of meta 0", 0, 88 + 40, vec![0]),
        ("transaction of meta 1", 1, 144, vec![2]),
        ("last page of meta 1", 1, 136, vec![3, 0]),
        ("root of the main database", 1, 88 + 40, vec![2]),
        ("depth of the main database", 1, 88 + 6, vec![2]),
        ("entries of the main database", 1, 88 + 32, vec![2]),
        ("page number", leaf, 0, vec![1]),
        ("dirty page", leaf, 10, vec![0x12]),
        ("leaf as branch", leaf, 10, vec![0x01]),
        ("branch as leaf", branch, 10, vec![0x02]),
        ("page of no kind", leaf, 10, vec![0]),
        ("meta page among the others", leaf, 10, vec![8]),
        ("lower below the header", leaf, 12, vec![14, 0]),
        ("lower above upper", leaf, 12, vec![0xfe, 0x0f]),
        ("upper outside the page", leaf, 14, vec![2, 0x10]),
        ("a gap above upper", leaf, 14, lower_upper),
        ("odd lower", leaf, 12, vec![copy()[leaf * PAGE + 12] | 1]),
        ("fewer nodes than stand there", leaf, 12, vec![18, 0]),
        ("a leaf without nodes", leaf, 12, vec![16, 0, 0, 0x10]),
        ("a branch of one node", branch, 12, vec![18, 0]),
        ("node outside the page", leaf, 16, vec![0xff, 0xff]),
        ("odd node", leaf, 16, vec![(node(leaf, 0) | 1) as u8]),
        ("two nodes in one place", leaf, 16, second_node),
        ("no key", leaf, node(leaf, 0) + 6, vec![0, 0]),
        ("key of 512 bytes", leaf, node(leaf, 0) + 6, vec![0, 2]),
        ("node flags", leaf, node(leaf, 0) + 4, vec![4]),
        ("duplicates", leaf, node(leaf, 0) + 4, vec![6]),
        ("record outside the main database", leaf, node(leaf, 0) + 4, vec![2]),
        ("value in the main database", main, node(main, 0) + 4, vec![0]),
        ("value size", leaf, node(leaf, 0), vec![0xff, 0xff]),
        ("child outside the file", branch, node(branch, 0), vec![0xfe, 0xff]),
        ("child that is its parent", branch, node(branch, 0), itself),
        ("child used twice", branch, node(branch, 1), first_child),
        ("child that is a meta page", branch, node(branch, 0), vec![0, 0]),
        ("separator above its child", branch, node(branch, 1) + NODE_HEADER, vec![0xff]),
        ("separator that does not separate", branch, node(branch, 2) + NODE_HEADER, vec![0; 4]),
        ("run of no pages", run, 12, vec![0]),
        ("run too short", run, 12, vec![1]),
        ("run outside the file", run, 12, vec![0xff, 0xff]),
        ("record of a database: pad", main, record(main), vec![1]),
        ("record of a database: flags", main, record(main) + 4, vec![4]),
        ("record of a database: depth", main, record(main) + 6, vec![9]),
        ("record of a database: branch pages", main, record(main) + 8, vec![0xee]),
        ("record of a database: leaf pages", main, record(main) + 16, vec![0xee]),
        ("record of a database: overflow pages", main, record(main) + 24, vec![0xee]),
        ("record of a database: entries", main, record(main) + 32, vec![0xee]),
        ("record of a database: root", main, record(main) + 40, vec![0]),
        ("unknown database", main, node(main, 0) + NODE_HEADER, b"D".to_vec()),
    ]
}

fn rearranged() -> [(&'static str, Vec<u8>); 3] {
    let leaf = pages_of(LEAF)[1] * PAGE;
    let mut falling = copy().to_vec();
    for byte in 16..18 {
        falling.swap(leaf + byte, leaf + byte + 2);
    }

    // The two pages trade places and numbers, so that their parent's first child comes second.
    let mut crossed = copy().to_vec();
    let other = pages_of(LEAF)[2] * PAGE;
    for byte in 8..PAGE {
        crossed.swap(leaf + byte, other + byte);
    }

    // One node of 3,000 bytes fills the page as if the rule on long values did not exist.
    let mut long = copy().to_vec();
    let upper = PAGE - 3000;
    let key = copy()[leaf + node(leaf / PAGE, 0) + NODE_HEADER..][..4].to_vec();
    long[leaf + 12..leaf + 14].copy_from_slice(&18u16.to_ne_bytes());
    long[leaf + 14..leaf + 16].copy_from_slice(&(upper as u16).to_ne_bytes());
    long[leaf + 16..leaf + 18].copy_from_slice(&(upper as u16).to_ne_bytes());
    let value = (3000 - NODE_HEADER - key.len()) as u16;
    long[leaf + upper..leaf + upper + 2].copy_from_slice(&value.to_ne_bytes());
    long[leaf + upper + 2..leaf + upper + 6].fill(0);
    long[leaf + upper + 6..leaf + upper + 8].copy_from_slice(&(key.len() as u16).to_ne_bytes());
    long[leaf + upper + 8..leaf + upper + 8 + key.len()].copy_from_slice(&key);

    [
        ("keys that fall", falling),
        ("children in the wrong order", crossed),
        ("a long value inline", long),
    ]
}
