//! Facets: trees, values of each document, searchable values (storage-index.md 10, 11 and 18.6).

use std::collections::{BTreeMap, BTreeSet};

use fst::Streamer;
use heed::Database;
use heed::types::Bytes;
use roaring::RoaringBitmap;

use super::fields::Known;
use super::finding::{Fault, Findings, Malformed, Severity};
use crate::codec::FacetGroupValue;
use crate::error::Result;
use crate::limits::FACET_MAX_GROUP_SIZE;
use crate::schema::{FieldId, is_reserved};
use crate::store::{Index, RoTxn, Table};

/// A facet tree and the values of documents that it stands on, keys as bytes.
struct Facet {
    tree_table: Table,
    tree: Database<Bytes, FacetGroupValue>,
    values_table: Table,
    values: Database<Bytes, Bytes>,
}

/// Checks the facet tables.
pub(super) fn check(
    index: &Index,
    rtxn: &RoTxn<'_>,
    known: &Known,
    findings: &mut Findings<'_>,
) -> Result<()> {
    let tables = index.tables();
    let facets = [
        Facet {
            tree_table: Table::facet_id_f64_docids,
            tree: tables.facet_id_f64_docids.remap_key_type(),
            values_table: Table::field_id_docid_facet_f64s,
            values: tables.field_id_docid_facet_f64s.remap_types(),
        },
        Facet {
            tree_table: Table::facet_id_string_docids,
            tree: tables.facet_id_string_docids.remap_key_type(),
            values_table: Table::field_id_docid_facet_strings,
            values: tables.field_id_docid_facet_strings.remap_types(),
        },
    ];
    for facet in &facets {
        let with_values = check_leaves(facet, rtxn, findings)?;
        check_levels(facet, rtxn, findings)?;
        for (fid, docids) in with_values {
            check_field(index, rtxn, known, (facet, fid), &docids, findings)?;
        }
    }
    for (table, database) in [
        (Table::facet_id_is_null_docids, tables.facet_id_is_null_docids),
        (Table::facet_id_is_empty_docids, tables.facet_id_is_empty_docids),
    ] {
        for entry in database.iter(rtxn)? {
            findings.continue_or_stop()?;
            let (fid, docids) = entry?;
            let exists = tables.facet_id_exists_docids.get(rtxn, &fid)?.unwrap_or_default();
            let of = "`facet-id-exists-docids`";
            let key = fid.to_be_bytes();
            findings.within((table, &key), &docids, &exists, of, Severity::Residue);
        }
    }
    check_searchable_values(index, rtxn, known, findings)
}

/// Level 0 and the values of the documents say the same. Gives the documents with a value, a field.
fn check_leaves(
    facet: &Facet,
    rtxn: &RoTxn<'_>,
    findings: &mut Findings<'_>,
) -> Result<BTreeMap<FieldId, RoaringBitmap>> {
    let mut with_values = BTreeMap::<FieldId, RoaringBitmap>::new();
    let mut found = 0;
    for entry in facet.tree.iter(rtxn)? {
        let (key, (size, docids)) = entry?;
        let Some((fid, 0, bound)) = split_tree_key(key) else { continue };
        if size != 1 {
            findings.fault(facet.tree_table, key, Fault::FacetTree("a leaf is no single value"));
        }
        let mut missing = RoaringBitmap::new();
        for docid in &docids {
            findings.continue_or_stop()?;
            let value = [&fid.to_be_bytes()[..], &docid.to_be_bytes(), bound].concat();
            match facet.values.get(rtxn, &value)? {
                Some(_) => found += 1,
                None => drop(missing.insert(docid)),
            }
        }
        if let Some(first) = missing.min() {
            let of = "the values of the documents";
            let fault = Fault::ExtraDocuments { count: missing.len(), first, of };
            findings.fault(facet.tree_table, key, fault);
        }
        *with_values.entry(fid).or_default() |= docids;
    }
    // Every value that a leaf knows was met once; so the other direction needs a look only if the
    // numbers differ.
    if found == facet.values.len(rtxn)? {
        return Ok(with_values);
    }
    for entry in facet.values.iter(rtxn)? {
        findings.continue_or_stop()?;
        let (key, _) = entry?;
        let Some((head, value)) = key.split_first_chunk::<6>() else { continue };
        let [high, low, a, b, c, d] = *head;
        let leaf = [&[high, low, 0], value].concat();
        let docid = u32::from_be_bytes([a, b, c, d]);
        if !facet.tree.get(rtxn, &leaf)?.is_some_and(|(_, docids)| docids.contains(docid)) {
            findings.fault(facet.values_table, key, Fault::NoCounterpart(facet.tree_table));
        }
    }
    Ok(with_values)
}

/// The nodes of each level cut the whole level below into groups and are their unions.
fn check_levels(facet: &Facet, rtxn: &RoTxn<'_>, findings: &mut Findings<'_>) -> Result<()> {
    let mut level_of = None;
    let mut below = None;
    for entry in facet.tree.iter(rtxn)? {
        findings.continue_or_stop()?;
        let (key, (size, docids)) = entry?;
        let Some((fid, level, bound)) = split_tree_key(key) else { continue };
        if level_of != Some((fid, level)) {
            finish_level(facet, below.take(), findings)?;
            level_of = Some((fid, level));
            if let Some(level) = level.checked_sub(1) {
                let [high, low] = fid.to_be_bytes();
                below = Some(facet.tree.prefix_iter(rtxn, &[high, low, level])?);
            }
        }
        let Some(children) = &mut below else { continue };
        let mut union = RoaringBitmap::new();
        let mut fault = None;
        for at in 0..size {
            match children.next().transpose()? {
                Some((child, _)) if at == 0 && child.get(3..) != Some(bound) => {
                    fault = Some("a node does not begin where its first child begins");
                    break;
                }
                Some((_, (_, child_docids))) => union |= child_docids,
                None => {
                    fault = Some("a node counts children that are not there");
                    break;
                }
            }
        }
        if usize::from(size) > FACET_MAX_GROUP_SIZE {
            fault = Some("a node has more children than a node may have");
        }
        let fault =
            fault.or((union != docids).then_some("a node is not the union of its children"));
        if let Some(fault) = fault {
            findings.fault(facet.tree_table, key, Fault::FacetTree(fault));
        }
    }
    finish_level(facet, below, findings)
}

/// Nothing of the level below may be left over.
fn finish_level<'t>(
    facet: &Facet,
    below: Option<impl Iterator<Item = heed::Result<(&'t [u8], (u8, RoaringBitmap))>>>,
    findings: &mut Findings<'_>,
) -> Result<()> {
    if let Some((key, _)) = below.and_then(|mut below| below.next()).transpose()? {
        let fault = Fault::FacetTree("the level above ends before this node");
        findings.fault(facet.tree_table, key, fault);
    }
    Ok(())
}

/// A field with values is faceted, and its documents are in the set of those that have it.
fn check_field(
    index: &Index,
    rtxn: &RoTxn<'_>,
    known: &Known,
    (facet, fid): (&Facet, FieldId),
    with_value: &RoaringBitmap,
    findings: &mut Findings<'_>,
) -> Result<()> {
    // Geographic coordinates are number facets that no such set knows.
    let Some(name) = known.fields.name(fid).filter(|name| !is_reserved(name)) else {
        return Ok(());
    };
    let key = fid.to_be_bytes();
    if !known.schema.facet_role(name).faceted {
        let fault = Fault::UnexpectedEntry("the field is not faceted");
        findings.residue(facet.tree_table, &key, fault);
        return Ok(());
    }
    let exists = index.tables().facet_id_exists_docids.get(rtxn, &fid)?.unwrap_or_default();
    let of = "`facet-id-exists-docids`";
    findings.within((facet.tree_table, &key), with_value, &exists, of, Severity::Fault);
    Ok(())
}

/// The searchable values of a field: every string of level 0 in one list, the lists' keys in a word set.
fn check_searchable_values(
    index: &Index,
    rtxn: &RoTxn<'_>,
    known: &Known,
    findings: &mut Findings<'_>,
) -> Result<()> {
    const LISTS: Table = Table::facet_id_normalized_string_strings;
    const SETS: Table = Table::facet_id_string_fst;
    let tables = index.tables();
    let tree = tables.facet_id_string_docids.remap_types::<Bytes, Bytes>();
    let mut fields = BTreeSet::new();
    for entry in tables.facet_id_normalized_string_strings.iter(rtxn)? {
        findings.continue_or_stop()?;
        let ((fid, text), json) = entry?;
        fields.insert(fid);
        let key = [&fid.to_be_bytes(), text.as_bytes()].concat();
        let Ok(strings) = serde_json::from_slice::<Vec<String>>(json) else {
            let reason = "it is no array of strings";
            let fault = Fault::MalformedValue(Malformed { layout: "list of strings", reason });
            findings.fault(LISTS, &key, fault);
            continue;
        };
        if strings.is_empty() {
            findings.residue(LISTS, &key, Fault::EmptySet);
        }
        if !strings.is_sorted_by(|a, b| a < b) {
            findings.fault(LISTS, &key, Fault::Unsorted);
        }
        for string in &strings {
            if tree.get(rtxn, &leaf_key(fid, string))?.is_none() {
                let fault = Fault::NoCounterpart(Table::facet_id_string_docids);
                findings.residue(LISTS, &key, fault);
            }
        }
    }
    for entry in tables.facet_id_string_fst.remap_data_type::<Bytes>().iter(rtxn)? {
        fields.insert(entry?.0);
    }
    fields.extend(known.fields.iter().map(|(fid, _)| fid).filter(|fid| is_searchable(known, *fid)));
    for fid in fields {
        let key = fid.to_be_bytes();
        let (mut keys, mut listed) = (BTreeSet::new(), BTreeSet::new());
        for entry in tables
            .facet_id_normalized_string_strings
            .remap_key_type::<Bytes>()
            .prefix_iter(rtxn, &key)?
        {
            findings.continue_or_stop()?;
            let (entry_key, json) = entry?;
            keys.insert(entry_key.get(2..).unwrap_or_default());
            listed.extend(serde_json::from_slice::<Vec<String>>(json).into_iter().flatten());
        }
        let mut words = BTreeSet::new();
        let set = tables.facet_id_string_fst.get(rtxn, &fid)?;
        if let Some(set) = &set {
            let mut stream = set.stream();
            while let Some(word) = stream.next() {
                words.insert(word.to_vec());
            }
        }
        let text = |word: &[u8]| String::from_utf8_lossy(word).into_owned();
        for word in keys.iter().filter(|word| !words.contains(**word)) {
            findings.fault(SETS, &key, Fault::MissingWord(text(word)));
        }
        for word in words.iter().filter(|word| !keys.contains(&word[..])) {
            findings.residue(SETS, &key, Fault::ExtraWord(text(word)));
        }
        if !is_searchable(known, fid) {
            if !keys.is_empty() || set.is_some() {
                let fault = Fault::UnexpectedEntry("values of the field cannot be searched");
                findings.residue(SETS, &key, fault);
            }
            continue;
        }
        let [high, low] = key;
        for entry in tree.prefix_iter(rtxn, &[high, low, 0])? {
            findings.continue_or_stop()?;
            let (leaf, _) = entry?;
            let value = leaf.get(3..).and_then(|value| std::str::from_utf8(value).ok());
            if !value.is_some_and(|value| listed.contains(value)) {
                findings.fault(Table::facet_id_string_docids, leaf, Fault::NoCounterpart(LISTS));
            }
        }
    }
    Ok(())
}

fn is_searchable(known: &Known, fid: FieldId) -> bool {
    let role = known.fields.name(fid).map(|name| known.schema.facet_role(name));
    known.schema.facet_search && role.is_some_and(|role| role.faceted && role.facet_search)
}

fn leaf_key(fid: FieldId, value: &str) -> Vec<u8> {
    let [high, low] = fid.to_be_bytes();
    [&[high, low, 0], value.as_bytes()].concat()
}

fn split_tree_key(key: &[u8]) -> Option<(FieldId, u8, &[u8])> {
    let ([high, low, level], bound) = key.split_first_chunk()?;
    Some((u16::from_be_bytes([*high, *low]), *level, bound))
}
