//! The page walk (index-snapshots.md 13): whether an LMDB file is what a compacting copy makes.
//!
//! LMDB trusts its files: a page that lies makes it read outside the map, loop or abort. So every page
//! passes here before LMDB sees the file, in one pass over the stream.
//!
//! A compacting copy writes each tree in post-order: the children of a page, the overflow runs of its
//! values and the trees of its records come right before it, in node order. So the walk is a stack: a
//! page takes its children from the top and leaves one [`Part`] in their place; every page is used
//! exactly once because every push is taken once. Memory is depth × fan-out, two keys a part.

use crate::error::{Error, Result};
use crate::pages::{BRANCH, HEADER_BYTES, LEAF, META, META_PAGES, MetaPages, OVERFLOW};
use crate::pages::{u16_at, u32_at, u64_at};

/// Flag of a leaf node whose value lies on an overflow run.
const BIG_DATA: u16 = 0x01;
/// Flag of a leaf node whose value is the record of a named database.
const SUB_DATA: u16 = 0x02;
const NODE_HEADER_BYTES: usize = 8;
/// A node without a key, and its offset.
const SMALLEST_NODE_BYTES: usize = NODE_HEADER_BYTES + 2;
const MAX_KEY_BYTES: usize = 511;
const MAX_DEPTH: u16 = 31;
/// Root of an empty tree.
const NO_ROOT: u64 = u64::MAX;
/// Where the records of the free and of the main database stand in a meta page.
const FREE_RECORD_AT: usize = 40;
const MAIN_RECORD_AT: usize = 88;
const LAST_PAGE_AT: usize = 136;
const TRANSACTION_AT: usize = 144;
const RECORD_BYTES: usize = 48;
/// The free database's flags in a fresh copy: integer keys, nothing of the environment's.
const FREE_FLAGS: u16 = 0x08;

/// What is wrong with a page.
type Fault = &'static str;

/// Pages and entries of a tree, as a record counts them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Counts {
    branch: u64,
    leaf: u64,
    overflow: u64,
    entries: u64,
}

impl Counts {
    fn add(&mut self, other: Counts) {
        self.branch += other.branch;
        self.leaf += other.leaf;
        self.overflow += other.overflow;
        self.entries += other.entries;
    }
}

/// The record of a database: in a meta page, or as a value of the main database.
struct Record {
    pad: u32,
    flags: u16,
    depth: u16,
    counts: Counts,
    root: u64,
}

impl Record {
    fn parse(bytes: &[u8]) -> Option<Record> {
        Some(Record {
            pad: u32_at(bytes, 0)?,
            flags: u16_at(bytes, 4)?,
            depth: u16_at(bytes, 6)?,
            counts: Counts {
                branch: u64_at(bytes, 8)?,
                leaf: u64_at(bytes, 16)?,
                overflow: u64_at(bytes, 24)?,
                entries: u64_at(bytes, 32)?,
            },
            root: u64_at(bytes, 40)?,
        })
    }

    fn is_empty(&self) -> bool {
        self.root == NO_ROOT && self.depth == 0 && self.counts == Counts::default()
    }
}

/// Walks a whole LMDB file whose named databases may be `databases`. For the fuzz target of `fuzz/`, which
/// would never find the checksums of an archive; not part of the crate's interface.
///
/// # Errors
/// The file is not what a compacting copy makes.
#[doc(hidden)]
pub fn walk_file(file: &[u8], databases: &[&str]) -> Result<()> {
    let meta = MetaPages::parse(file)
        .filter(|meta| meta.bytes() == Some(file.len() as u64))
        .ok_or_else(|| Error::corrupted("it does not begin with the meta pages of its size"))?;
    let mut walk = PageWalk::new(meta, databases);
    walk.walk(file)?;
    walk.finish()
}

/// Something complete that waits for the page that refers to it.
enum Part {
    Run { page: u64, pages: u64 },
    Tree(Tree),
}

struct Tree {
    page: u64,
    depth: u16,
    counts: Counts,
    /// Whether its values are records of named databases: so only in the main tree.
    holds_records: bool,
    first_key: Vec<u8>,
    last_key: Vec<u8>,
}

/// Walks the pages of one file in the order of their numbers.
pub(crate) struct PageWalk<'c> {
    page_size: usize,
    pages: u64,
    /// Number of the next page.
    next: u64,
    /// Pages of the passing overflow run that are still to come.
    run_left: u64,
    parts: Vec<Part>,
    /// Parts that may wait at once: so many a page can refer to, at each level of a tree and of one in it.
    max_parts: usize,
    main: Option<Record>,
    names: &'c [&'c str],
}

impl<'c> PageWalk<'c> {
    /// Prepares the walk of a file whose first pages say `meta`, and whose named databases may be `names`.
    pub(crate) fn new(meta: MetaPages, names: &'c [&'c str]) -> PageWalk<'c> {
        PageWalk {
            page_size: meta.page_size,
            pages: meta.pages,
            next: 0,
            run_left: 0,
            parts: Vec::new(),
            max_parts: 2 * usize::from(MAX_DEPTH) * (meta.page_size / SMALLEST_NODE_BYTES),
            main: None,
            names,
        }
    }

    /// Walks whole pages, the next ones of the file.
    ///
    /// # Errors
    /// A page is not what a compacting copy makes.
    pub(crate) fn walk(&mut self, pages: &[u8]) -> Result<()> {
        for page in pages.chunks(self.page_size) {
            let number = self.next;
            self.page(page).map_err(|fault| {
                Error::corrupted(format!("page {number} of its `data.mdb` is damaged: {fault}"))
            })?;
            self.next += 1;
        }
        Ok(())
    }

    /// Ends the walk: everything must be used, and the main tree must be what the meta page says.
    ///
    /// # Errors
    /// Pages are missing, or some are part of no tree.
    pub(crate) fn finish(mut self) -> Result<()> {
        let whole = self.next == self.pages && self.run_left == 0;
        let root = match (self.parts.pop(), self.parts.is_empty()) {
            (Some(Part::Tree(tree)), true) => Some(tree),
            _ => None,
        };
        let agrees = root.zip(self.main).is_some_and(|(tree, main)| {
            tree.holds_records
                && tree.page == main.root
                && tree.depth == main.depth
                && tree.counts == main.counts
        });
        if whole && agrees {
            Ok(())
        } else {
            Err(Error::corrupted("the trees of its `data.mdb` do not make up the whole file"))
        }
    }

    fn page(&mut self, page: &[u8]) -> Result<(), Fault> {
        if page.len() != self.page_size || self.next >= self.pages {
            return Err("it lies outside the announced size");
        }
        if self.run_left > 0 {
            self.run_left -= 1;
            return Ok(());
        }
        if u64_at(page, 0) != Some(self.next) {
            return Err("its number is not its position");
        }
        match (u16_at(page, 10), self.next < META_PAGES) {
            (Some(META), true) => self.meta(page),
            (Some(OVERFLOW), false) => self.run(page),
            (Some(LEAF), false) => self.leaf(page),
            (Some(BRANCH), false) => self.branch(page),
            _ => Err("it is of no kind that can stand here"),
        }?;
        // Memory stays bounded, however many pages a file holds that nothing refers to.
        if self.parts.len() > self.max_parts {
            return Err("more pages wait to be referred to than trees can have");
        }
        Ok(())
    }

    fn meta(&mut self, page: &[u8]) -> Result<(), Fault> {
        const SHORT: Fault = "the meta page is too short";
        let record =
            |at: usize| page.get(at..at + RECORD_BYTES).and_then(Record::parse).ok_or(SHORT);
        let number = |at| u64_at(page, at).ok_or(SHORT);
        if crate::pages::page_size(page) != Some(self.page_size) || number(24)? != 0 {
            return Err("the meta page has another page size, or a fixed address");
        }
        let (free, main) = (record(FREE_RECORD_AT)?, record(MAIN_RECORD_AT)?);
        if !free.is_empty() || free.flags != FREE_FLAGS {
            return Err("the copy has free pages");
        }
        if main.pad != 0 || main.flags != 0 {
            return Err("the main database has flags");
        }
        let (last_page, transaction) = (number(LAST_PAGE_AT)?, number(TRANSACTION_AT)?);
        let expected = if self.next == 0 {
            main.is_empty() && last_page == 1 && transaction == 0
        } else {
            let root = main.root;
            self.main = Some(main);
            transaction == 1
                && last_page == root
                && root >= META_PAGES
                && last_page.checked_add(1) == Some(self.pages)
        };
        if expected { Ok(()) } else { Err("the meta page is not that of a compacting copy") }
    }

    fn run(&mut self, page: &[u8]) -> Result<(), Fault> {
        let pages = u64::from(u32_at(page, 12).unwrap_or(0));
        if pages == 0 || pages > self.pages - self.next {
            return Err("the overflow run does not end inside the file");
        }
        self.run_left = pages - 1;
        self.parts.push(Part::Run { page: self.next, pages });
        Ok(())
    }

    fn leaf(&mut self, page: &[u8]) -> Result<(), Fault> {
        let nodes = nodes(page, 1)?;
        let mut tiles = Tiles::new(nodes.len());
        let inline_limit = (((self.page_size - HEADER_BYTES) / 2) & !1) - 2;
        let (mut referring, mut counts) = (Vec::new(), Counts { leaf: 1, ..Counts::default() });
        let mut records = 0;
        let mut previous: Option<&[u8]> = None;
        for node in &nodes {
            let key = node.key(page)?;
            check_key(key)?;
            if previous.is_some_and(|previous| previous >= key) {
                return Err("its keys do not rise");
            }
            previous = Some(key);
            let at = node.at + NODE_HEADER_BYTES + key.len();
            let size = usize::from(node.lo) | usize::from(node.hi) << 16;
            let stored = if node.flags == BIG_DATA { size_of::<u64>() } else { size };
            let data = at.checked_add(stored).and_then(|end| page.get(at..end));
            let data = data.ok_or("a value lies outside the page")?;
            match node.flags {
                0 if NODE_HEADER_BYTES + key.len() + size > inline_limit => {
                    return Err("a value is too large for its page");
                }
                0 => {}
                BIG_DATA => {
                    let target = u64_at(data, 0).ok_or("an overflow reference is cut")?;
                    referring.push(Reference::Run { page: target, size: size as u64 });
                }
                SUB_DATA => {
                    records += 1;
                    let known = std::str::from_utf8(key).is_ok_and(|key| self.names.contains(&key));
                    if size != RECORD_BYTES || !known {
                        return Err(
                            "the main database holds something that is no database of an index",
                        );
                    }
                    referring.push(Reference::Tree(
                        Record::parse(data).ok_or("the record of a database is cut")?,
                    ));
                }
                _ => return Err("a node has flags that cannot be"),
            }
            tiles.add(node.at, NODE_HEADER_BYTES + key.len() + stored);
            counts.entries += 1;
        }
        tiles.check(page)?;
        if records != 0 && records != nodes.len() {
            return Err("values and records of databases are mixed");
        }
        let (first, last) = (nodes.first(), nodes.last());
        let (first_key, last_key) = match (first, last) {
            (Some(first), Some(last)) => (first.key(page)?.to_vec(), last.key(page)?.to_vec()),
            _ => return Err("it has no nodes"),
        };
        // Node order from the last to the first, as the parts lie on the stack.
        for reference in referring.into_iter().rev() {
            counts.overflow += self.take_reference(reference)?;
        }
        self.parts.push(Part::Tree(Tree {
            page: self.next,
            depth: 1,
            counts,
            holds_records: records != 0,
            first_key,
            last_key,
        }));
        Ok(())
    }

    /// Takes what a leaf node refers to from the stack; gives the overflow pages of the node's own tree.
    fn take_reference(&mut self, reference: Reference) -> Result<u64, Fault> {
        match reference {
            Reference::Run { page: target, size } => match self.parts.pop() {
                Some(Part::Run { page, pages }) if page == target => {
                    let needed = (HEADER_BYTES as u64 - 1 + size) / self.page_size as u64 + 1;
                    if pages < needed {
                        return Err("an overflow run is shorter than its value");
                    }
                    Ok(pages)
                }
                _ => Err("a value refers to a run that is not its own"),
            },
            Reference::Tree(record) => {
                if record.pad != 0 || record.flags != 0 {
                    return Err("a database has flags");
                }
                if record.is_empty() {
                    return Ok(0);
                }
                match self.parts.pop() {
                    Some(Part::Tree(tree))
                        if tree.page == record.root
                            && tree.depth == record.depth
                            && tree.counts == record.counts
                            && !tree.holds_records =>
                    {
                        Ok(0)
                    }
                    _ => Err("the record of a database does not fit its tree"),
                }
            }
        }
    }

    fn branch(&mut self, page: &[u8]) -> Result<(), Fault> {
        let nodes = nodes(page, 2)?;
        let mut tiles = Tiles::new(nodes.len());
        let first_child = self
            .parts
            .len()
            .checked_sub(nodes.len())
            .ok_or("it refers to more pages than there are")?;
        let children = self.parts.split_off(first_child);
        let mut whole: Option<Tree> = None;
        for (node, child) in nodes.iter().zip(children) {
            let Part::Tree(child) = child else {
                return Err("it refers to an overflow run as a page");
            };
            let target =
                u64::from(node.lo) | u64::from(node.hi) << 16 | u64::from(node.flags) << 32;
            if child.page != target {
                return Err("it refers to a page that is not its child");
            }
            let key = node.key(page)?;
            tiles.add(node.at, NODE_HEADER_BYTES + key.len());
            match &mut whole {
                None => {
                    if key.len() > MAX_KEY_BYTES {
                        return Err("a key is too long");
                    }
                    whole = Some(child);
                }
                Some(tree) => {
                    check_key(key)?;
                    if !(tree.last_key.as_slice() < key && key <= child.first_key.as_slice()) {
                        return Err("a separator does not separate its children");
                    }
                    if tree.depth != child.depth || tree.holds_records != child.holds_records {
                        return Err("its children are of different kinds or depths");
                    }
                    tree.counts.add(child.counts);
                    tree.last_key = child.last_key;
                }
            }
        }
        tiles.check(page)?;
        let mut tree = whole.ok_or("it has no children")?;
        tree.page = self.next;
        tree.depth += 1;
        tree.counts.branch += 1;
        if tree.depth > MAX_DEPTH {
            return Err("its tree is too deep");
        }
        self.parts.push(Part::Tree(tree));
        Ok(())
    }
}

enum Reference {
    Run { page: u64, size: u64 },
    Tree(Record),
}

/// A node's place and header.
struct Node {
    at: usize,
    lo: u16,
    hi: u16,
    flags: u16,
    key_bytes: usize,
}

impl Node {
    fn key<'p>(&self, page: &'p [u8]) -> Result<&'p [u8], Fault> {
        let at = self.at + NODE_HEADER_BYTES;
        page.get(at..at + self.key_bytes).ok_or("a key lies outside the page")
    }
}

/// The nodes of a leaf or branch page, in key order.
fn nodes(page: &[u8], at_least: usize) -> Result<Vec<Node>, Fault> {
    const BAD_BOUNDS: Fault = "its bounds are wrong";
    let bound = |at| u16_at(page, at).map(usize::from).ok_or(BAD_BOUNDS);
    let (lower, upper) = (bound(12)?, bound(14)?);
    if lower < HEADER_BYTES || lower > upper || upper > page.len() || lower % 2 + upper % 2 != 0 {
        return Err(BAD_BOUNDS);
    }
    let count = (lower - HEADER_BYTES) / 2;
    if count < at_least {
        return Err("it has too few nodes");
    }
    (0..count)
        .map(|index| {
            let at = bound(HEADER_BYTES + 2 * index)?;
            let field = |offset| u16_at(page, at + offset).ok_or("a node lies outside the page");
            if at < upper || at % 2 != 0 {
                return Err("a node lies among the offsets");
            }
            Ok(Node {
                at,
                lo: field(0)?,
                hi: field(2)?,
                flags: field(4)?,
                key_bytes: usize::from(field(6)?),
            })
        })
        .collect()
}

fn check_key(key: &[u8]) -> Result<(), Fault> {
    match key.len() {
        1..=MAX_KEY_BYTES => Ok(()),
        _ => Err("a key is empty or too long"),
    }
}

/// The extents of a page's nodes, which must tile the page from `upper` to its end.
struct Tiles(Vec<(usize, usize)>);

impl Tiles {
    fn new(nodes: usize) -> Tiles {
        Tiles(Vec::with_capacity(nodes))
    }

    fn add(&mut self, at: usize, bytes: usize) {
        self.0.push((at, at + bytes.next_multiple_of(2)));
    }

    fn check(mut self, page: &[u8]) -> Result<(), Fault> {
        self.0.sort_unstable();
        let upper = u16_at(page, 14).map_or(0, usize::from);
        let end = self.0.iter().try_fold(upper, |expected, &(at, end)| {
            if at == expected { Ok(end) } else { Err("its nodes overlap or leave gaps") }
        })?;
        if end == page.len() { Ok(()) } else { Err("its nodes do not reach its end") }
    }
}

#[cfg(test)]
mod tests;
