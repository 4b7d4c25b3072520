//! The pages of an LMDB file (index-snapshots.md 13): exact size from the meta pages, pages in use, and the
//! clearing of unused bytes. What the pages hold is judged by `walk`.

use heed::types::Bytes;
use heed::{Env, WithoutTls};

use crate::error::{Error, Result};

const MAGIC: u32 = 0xBEEF_C0DE;
const FILE_VERSION: u32 = 1;
/// Meta pages at the beginning of every file.
pub(crate) const META_PAGES: u64 = 2;
/// The smallest page that can be; the first meta page lies in it.
pub(crate) const SMALLEST_PAGE: usize = 4096;
const LARGEST_PAGE: usize = 32768;
pub(crate) const HEADER_BYTES: usize = 16;

pub(crate) const BRANCH: u16 = 0x01;
pub(crate) const LEAF: u16 = 0x02;
pub(crate) const OVERFLOW: u16 = 0x04;
pub(crate) const META: u16 = 0x08;

pub(crate) fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_ne_bytes(bytes.get(at..at + 2)?.try_into().ok()?))
}

pub(crate) fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_ne_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
}

pub(crate) fn u64_at(bytes: &[u8], at: usize) -> Option<u64> {
    Some(u64::from_ne_bytes(bytes.get(at..at + 8)?.try_into().ok()?))
}

/// The page size that a meta page names; `None` when it is no meta page.
pub(crate) fn page_size(meta: &[u8]) -> Option<usize> {
    let known = u16_at(meta, 10)? & META != 0
        && u32_at(meta, 16)? == MAGIC
        && u32_at(meta, 20)? == FILE_VERSION;
    let size = u32_at(meta, 40)? as usize;
    (known && (SMALLEST_PAGE..=LARGEST_PAGE).contains(&size) && size.is_power_of_two())
        .then_some(size)
}

/// What the two meta pages of a compacting copy say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct MetaPages {
    /// Bytes of a page.
    pub(crate) page_size: usize,
    /// Pages of the whole file.
    pub(crate) pages: u64,
}

impl MetaPages {
    /// Reads the first two pages. The second meta page of a compacting copy is the current one.
    pub(crate) fn parse(start: &[u8]) -> Option<MetaPages> {
        let size = page_size(start)?;
        let second = start.get(size..2 * size)?;
        if page_size(second)? != size {
            return None;
        }
        let pages = u64_at(second, 136)?.checked_add(1)?;
        (pages >= META_PAGES).then_some(MetaPages { page_size: size, pages })
    }

    /// Bytes of the whole file.
    pub(crate) fn bytes(&self) -> Option<u64> {
        self.pages.checked_mul(self.page_size as u64)
    }
}

/// Pages that a compacting copy must have: the meta pages and all pages of all databases.
///
/// Named databases are read from their records in the main database, so none of them has to be opened.
pub(crate) fn pages_in_use(env: &Env<WithoutTls>) -> Result<u64> {
    let rtxn = env.read_txn()?;
    let Some(main) = env.open_database::<Bytes, Bytes>(&rtxn, None)? else {
        return Ok(META_PAGES);
    };
    let stat = main.stat(&rtxn)?;
    let mut pages = META_PAGES + (stat.branch_pages + stat.leaf_pages + stat.overflow_pages) as u64;
    for entry in main.iter(&rtxn)? {
        let (_name, record) = entry?;
        if record.len() != 48 {
            continue;
        }
        for at in [8, 16, 24] {
            pages += u64_at(record, at).unwrap_or(0);
        }
    }
    Ok(pages)
}

/// Clears the bytes between node offsets and nodes, where LMDB leaves stale content: deleted text does not
/// travel, and archives get smaller.
pub(crate) struct PageCleaner {
    page_size: usize,
    /// Pages of the overflow run that is passing, still to come.
    overflow_left: u64,
}

impl PageCleaner {
    pub(crate) fn new(page_size: usize) -> PageCleaner {
        PageCleaner { page_size, overflow_left: 0 }
    }

    /// Cleans whole pages in the order of the file.
    pub(crate) fn clean(&mut self, pages: &mut [u8]) -> Result<()> {
        for page in pages.chunks_exact_mut(self.page_size) {
            if self.overflow_left > 0 {
                self.overflow_left -= 1;
                continue;
            }
            self.clean_page(page).ok_or_else(|| {
                Error::corrupted("the copy of the index holds a page that is none of LMDB's")
            })?;
        }
        Ok(())
    }

    fn clean_page(&mut self, page: &mut [u8]) -> Option<()> {
        match u16_at(page, 10)? {
            BRANCH | LEAF => {
                let (lower, upper) =
                    (usize::from(u16_at(page, 12)?), usize::from(u16_at(page, 14)?));
                if lower < HEADER_BYTES {
                    return None;
                }
                page.get_mut(lower..upper)?.fill(0);
            }
            OVERFLOW => self.overflow_left = u64::from(u32_at(page, 12)?).checked_sub(1)?,
            META => {}
            _ => return None,
        }
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn meta(size: u32, last_page: u64) -> Vec<u8> {
        let mut page = vec![0; size as usize];
        page[10..12].copy_from_slice(&META.to_ne_bytes());
        page[16..20].copy_from_slice(&MAGIC.to_ne_bytes());
        page[20..24].copy_from_slice(&FILE_VERSION.to_ne_bytes());
        page[40..44].copy_from_slice(&size.to_ne_bytes());
        page[136..144].copy_from_slice(&last_page.to_ne_bytes());
        page
    }

    #[test]
    fn size_comes_from_the_second_meta_page() {
        for size in [4096, 8192, 16384, 32768] {
            let start = [meta(size, 1), meta(size, 41)].concat();
            let pages = MetaPages::parse(&start).unwrap();
            assert_eq!(pages, MetaPages { page_size: size as usize, pages: 42 });
            assert_eq!(pages.bytes(), Some(42 * u64::from(size)));
        }
    }

    #[test]
    fn other_starts_are_refused() {
        let good = [meta(4096, 1), meta(4096, 41)].concat();
        assert_eq!(MetaPages::parse(&good[..8191]), None);
        assert_eq!(MetaPages::parse(&[meta(4096, 1), meta(8192, 41)].concat()), None);
        assert_eq!(MetaPages::parse(&[meta(4096, 1), meta(4096, u64::MAX)].concat()), None);
        assert_eq!(MetaPages::parse(&[meta(4096, 1), meta(4096, 0)].concat()), None);
        for position in [10, 16, 20, 41] {
            let mut bad = good.clone();
            bad[position] ^= 0x18;
            assert_eq!(MetaPages::parse(&bad), None, "byte {position}");
        }
    }

    #[test]
    fn only_unused_bytes_are_cleared() {
        let mut leaf = vec![0xAA; 4096];
        leaf[10..12].copy_from_slice(&LEAF.to_ne_bytes());
        leaf[12..14].copy_from_slice(&20u16.to_ne_bytes());
        leaf[14..16].copy_from_slice(&4000u16.to_ne_bytes());
        let mut run = vec![0xBB; 2 * 4096];
        run[10..12].copy_from_slice(&OVERFLOW.to_ne_bytes());
        run[12..16].copy_from_slice(&2u32.to_ne_bytes());
        let mut pages = [leaf.clone(), run.clone(), leaf.clone()].concat();
        PageCleaner::new(4096).clean(&mut pages).unwrap();
        leaf[20..4000].fill(0);
        assert_eq!(pages, [leaf.clone(), run, leaf.clone()].concat());

        leaf[12..14].copy_from_slice(&4001u16.to_ne_bytes());
        assert!(PageCleaner::new(4096).clean(&mut leaf.clone()).is_err(), "lower above upper");
        leaf[14..16].copy_from_slice(&5000u16.to_ne_bytes());
        assert!(PageCleaner::new(4096).clean(&mut leaf).is_err(), "upper outside the page");
        assert!(PageCleaner::new(4096).clean(&mut [0; 4096]).is_err(), "no kind of page");
    }
}
