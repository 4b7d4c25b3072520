//! Levels of the facet trees above level 0 (indexing.md section 12).
//!
//! A node of level n + 1 stands for consecutive nodes of level n: its key is the bound of the first, its
//! value their number and the union of their documents. A level has another one above it when it has at
//! least twenty nodes. Readers accept any grouping, so after few changes only the groups around them are
//! cut anew, and after many the whole tree of the field.

use std::collections::BTreeSet;
use std::ops::Bound;

use heed::Database;
use heed::types::Bytes;
use roaring::RoaringBitmap;

use crate::codec::{decode_cbo, encode_cbo_into};
use crate::error::Result;
use crate::limits::{FACET_GROUP_SIZE, FACET_MAX_GROUP_SIZE, FACET_MIN_LEVEL_SIZE};
use crate::schema::FieldId;
use crate::store::{Index, RwTxn};

/// A level gets another one above it when it has at least so many nodes.
const MIN_NODES_FOR_NEXT_LEVEL: usize = FACET_GROUP_SIZE * FACET_MIN_LEVEL_SIZE;
/// With more changed values the tree of a field is built anew.
const MAX_INCREMENTAL_CHANGES: usize = 1000;

/// The tree of numbers, or that of strings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::indexing) enum Tree {
    Numbers,
    Strings,
}

/// Values of a field whose documents changed at level 0.
#[derive(Debug, Default)]
pub(in crate::indexing) struct ChangedValues {
    bounds: BTreeSet<Vec<u8>>,
    /// There are more than are worth to be remembered.
    is_many: bool,
}

impl ChangedValues {
    /// Remembers the key bytes of a value.
    pub(in crate::indexing) fn insert(&mut self, bound: &[u8]) {
        if self.bounds.len() < MAX_INCREMENTAL_CHANGES {
            self.bounds.insert(bound.to_vec());
        } else {
            self.is_many |= !self.bounds.contains(bound);
        }
    }
}

/// Brings the levels of a field up to date after values changed.
///
/// # Errors
/// A stored node is damaged, or LMDB fails.
pub(in crate::indexing) fn update(
    index: &Index,
    wtxn: &mut RwTxn<'_>,
    tree: Tree,
    fid: FieldId,
    changed: &ChangedValues,
) -> Result<()> {
    if changed.is_many {
        return rebuild(index, wtxn, tree, fid);
    }
    let levels = Levels::new(index, tree, fid);
    let mut level = 0;
    let mut bounds = changed.bounds.clone();
    while levels.has_nodes(wtxn, level + 1)? {
        bounds = levels.regroup(wtxn, level, &bounds)?;
        level += 1;
    }
    levels.trim(wtxn, level)
}

/// Builds all levels of a field above level 0 anew.
///
/// # Errors
/// A stored node is damaged, or LMDB fails.
pub(in crate::indexing) fn rebuild(
    index: &Index,
    wtxn: &mut RwTxn<'_>,
    tree: Tree,
    fid: FieldId,
) -> Result<()> {
    clear(index, wtxn, tree, fid)?;
    Levels::new(index, tree, fid).grow(wtxn, 0)
}

/// Removes all levels of a field above level 0.
///
/// # Errors
/// LMDB fails.
pub(in crate::indexing) fn clear(
    index: &Index,
    wtxn: &mut RwTxn<'_>,
    tree: Tree,
    fid: FieldId,
) -> Result<()> {
    Levels::new(index, tree, fid).delete_from(wtxn, 1)
}

/// The tree of one field.
struct Levels {
    table: Database<Bytes, Bytes>,
    fid: [u8; 2],
}

/// A node that stands for members of the level below.
struct Group {
    bound: Vec<u8>,
    size: u8,
    docids: RoaringBitmap,
}

impl Levels {
    fn new(index: &Index, tree: Tree, fid: FieldId) -> Levels {
        let table = match tree {
            Tree::Numbers => index.tables().facet_id_f64_docids.remap_types(),
            Tree::Strings => index.tables().facet_id_string_docids.remap_types(),
        };
        Levels { table, fid: fid.to_be_bytes() }
    }

    fn key(&self, level: u8, bound: &[u8]) -> Vec<u8> {
        [&self.fid[..], &[level], bound].concat()
    }

    fn has_nodes(&self, wtxn: &RwTxn<'_>, level: u8) -> Result<bool> {
        Ok(self.table.prefix_iter(wtxn, &self.key(level, &[]))?.next().transpose()?.is_some())
    }

    /// Whether a level is large enough for another one above it.
    fn is_large(&self, wtxn: &RwTxn<'_>, level: u8) -> Result<bool> {
        let mut nodes = self.table.prefix_iter(wtxn, &self.key(level, &[]))?;
        Ok(nodes.nth(MIN_NODES_FOR_NEXT_LEVEL - 1).transpose()?.is_some())
    }

    fn delete_from(&self, wtxn: &mut RwTxn<'_>, level: u8) -> Result<()> {
        let (start, end) = (self.key(level, &[]), self.key(u8::MAX, &[]));
        let range = (Bound::Included(&start[..]), Bound::Excluded(&end[..]));
        self.table.delete_range(wtxn, &range)?;
        Ok(())
    }

    /// Adds levels above the highest one as long as it is large.
    fn grow(&self, wtxn: &mut RwTxn<'_>, mut highest: u8) -> Result<()> {
        while highest < u8::MAX - 1 && self.is_large(wtxn, highest)? {
            let groups = self.groups(wtxn, highest, &[], None)?;
            highest += 1;
            self.put(wtxn, highest, groups)?;
        }
        Ok(())
    }

    /// Drops the highest levels that stand on a small one, or adds levels.
    fn trim(&self, wtxn: &mut RwTxn<'_>, mut highest: u8) -> Result<()> {
        while highest > 0 && !self.is_large(wtxn, highest - 1)? {
            self.delete_from(wtxn, highest)?;
            highest -= 1;
        }
        self.grow(wtxn, highest)
    }

    /// Cuts the groups anew that hold the changed nodes of a level. Returns the bounds that changed, came
    /// or went in the level above.
    fn regroup(
        &self,
        wtxn: &mut RwTxn<'_>,
        level: u8,
        changed: &BTreeSet<Vec<u8>>,
    ) -> Result<BTreeSet<Vec<u8>>> {
        let mut above = BTreeSet::new();
        let mut done_until: Option<Option<Vec<u8>>> = None;
        for bound in changed {
            let is_done = match &done_until {
                None => false,
                Some(None) => true,
                Some(Some(end)) => bound < end,
            };
            if is_done {
                continue;
            }
            // The span of a parent reaches to the next one; what is before the first belongs to it.
            let parent = self.last_up_to(wtxn, level + 1, bound)?;
            let is_before_all = parent.is_none();
            let parent = match parent {
                Some(parent) => Some(parent),
                None => self.first_after(wtxn, level + 1, None)?,
            };
            let Some(parent) = parent else { break };
            let end = self.first_after(wtxn, level + 1, Some(&parent))?;
            let start = if is_before_all { &[][..] } else { &parent[..] };
            let groups = self.groups(wtxn, level, start, end.as_deref())?;
            self.table.delete(wtxn, &self.key(level + 1, &parent))?;
            above.extend(groups.iter().map(|group| group.bound.clone()));
            self.put(wtxn, level + 1, groups)?;
            above.insert(parent);
            done_until = Some(end);
        }
        Ok(above)
    }

    /// Groups the nodes of a level from `start` up to `end`.
    fn groups(
        &self,
        wtxn: &RwTxn<'_>,
        level: u8,
        start: &[u8],
        end: Option<&[u8]>,
    ) -> Result<Vec<Group>> {
        let start = self.key(level, start);
        let end = end.map_or(self.key(level + 1, &[]), |end| self.key(level, end));
        let range = (Bound::Included(&start[..]), Bound::Excluded(&end[..]));
        let mut groups: Vec<Group> = Vec::new();
        for entry in self.table.range(wtxn, &range)? {
            let (key, value) = entry?;
            let docids = decode_cbo(value.get(1..).unwrap_or_default())?;
            match groups.last_mut() {
                Some(group) if usize::from(group.size) < FACET_GROUP_SIZE => {
                    group.size += 1;
                    group.docids |= docids;
                }
                _ => {
                    let bound = key.get(3..).unwrap_or_default().to_vec();
                    groups.push(Group { bound, size: 1, docids });
                }
            }
        }
        // Cutting again and again must not leave ever smaller groups: a short rest joins its neighbour.
        if let [.., before, last] = &mut groups[..]
            && usize::from(before.size + last.size) <= FACET_MAX_GROUP_SIZE
            && usize::from(last.size) < FACET_GROUP_SIZE
        {
            before.size += last.size;
            before.docids |= &last.docids;
            groups.pop();
        }
        Ok(groups)
    }

    fn put(&self, wtxn: &mut RwTxn<'_>, level: u8, groups: Vec<Group>) -> Result<()> {
        let mut value = Vec::new();
        for Group { bound, size, docids } in groups {
            value.clear();
            value.push(size);
            encode_cbo_into(&docids, &mut value);
            self.table.put(wtxn, &self.key(level, &bound), &value)?;
        }
        Ok(())
    }

    /// The greatest bound of a level that is not beyond `bound`.
    fn last_up_to(&self, wtxn: &RwTxn<'_>, level: u8, bound: &[u8]) -> Result<Option<Vec<u8>>> {
        let key = self.key(level, bound);
        let found = self.table.get_lower_than_or_equal_to(wtxn, &key)?;
        Ok(found.and_then(|(found, _)| self.bound_in(level, found)))
    }

    /// The first bound of a level, or the first one beyond `bound`.
    fn first_after(
        &self,
        wtxn: &RwTxn<'_>,
        level: u8,
        bound: Option<&[u8]>,
    ) -> Result<Option<Vec<u8>>> {
        let found = match bound {
            None => self.table.get_greater_than_or_equal_to(wtxn, &self.key(level, &[]))?,
            Some(bound) => self.table.get_greater_than(wtxn, &self.key(level, bound))?,
        };
        Ok(found.and_then(|(found, _)| self.bound_in(level, found)))
    }

    /// The bound of a key of this field and level.
    fn bound_in(&self, level: u8, key: &[u8]) -> Option<Vec<u8>> {
        key.strip_prefix(&self.key(level, &[])[..]).map(<[u8]>::to_vec)
    }
}
