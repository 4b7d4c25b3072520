//! Prefixes are unions over words (storage-index.md 9). Missing ones cost time; one that is there must
//! be complete in all four tables, because a reader then asks no other.

use std::collections::{BTreeMap, BTreeSet};

use fst::Streamer;
use heed::Database;
use heed::types::{Bytes, Str};
use meilisearch_types::settings::PrefixSearch;
use roaring::RoaringBitmap;

use super::fields::Known;
use super::finding::{Fault, Findings, Severity};
use crate::codec::{Cbo, WordU16};
use crate::error::Result;
use crate::limits::{MAX_PREFIX_BYTES, MIN_WORDS_FOR_PREFIX};
use crate::store::metadata::WORDS_PREFIXES_FST;
use crate::store::{Index, RoTxn, Table};

/// Incomplete is a fault, too much a residue.
const SEVERITIES: [Severity; 2] = [Severity::Fault, Severity::Residue];

/// Checks the prefix tables.
pub(super) fn check(
    index: &Index,
    rtxn: &RoTxn<'_>,
    known: &Known,
    findings: &mut Findings<'_>,
) -> Result<()> {
    if known.schema.prefix_search == PrefixSearch::Disabled {
        return check_disabled(index, rtxn, findings);
    }
    let tables = index.tables();
    let mut prefixes = BTreeSet::new();
    for table in [tables.word_prefix_docids, tables.exact_word_prefix_docids] {
        for entry in table.remap_data_type::<heed::types::DecodeIgnore>().iter(rtxn)? {
            findings.continue_or_stop()?;
            prefixes.insert(entry?.0);
        }
    }
    check_prefix_set(index, rtxn, &prefixes, findings)?;
    for &prefix in &prefixes {
        for (table, words, unions) in [
            (Table::word_prefix_docids, tables.word_docids, tables.word_prefix_docids),
            (
                Table::exact_word_prefix_docids,
                tables.exact_word_docids,
                tables.exact_word_prefix_docids,
            ),
        ] {
            let expected = union(words, rtxn, prefix, findings)?;
            let found = unions.get(rtxn, prefix)?.unwrap_or_default();
            let at = (table, prefix.as_bytes());
            findings.compare_sets(at, &found, &expected, "the words", SEVERITIES);
        }
        for (table, words, unions) in [
            (Table::word_prefix_fid_docids, tables.word_fid_docids, tables.word_prefix_fid_docids),
            (
                Table::word_prefix_position_docids,
                tables.word_position_docids,
                tables.word_prefix_position_docids,
            ),
        ] {
            let expected = unions_by_number(words, rtxn, prefix.as_bytes(), findings)?;
            let own = [prefix.as_bytes(), &[0]].concat();
            let found = unions_by_number(unions, rtxn, &own, findings)?;
            let none = RoaringBitmap::new();
            for number in expected.keys().chain(found.keys()).collect::<BTreeSet<_>>() {
                let key = [&own[..], &number.to_be_bytes()].concat();
                findings.compare_sets(
                    (table, &key),
                    found.get(number).unwrap_or(&none),
                    expected.get(number).unwrap_or(&none),
                    "the words",
                    SEVERITIES,
                );
            }
        }
    }
    for (table, database) in [
        (Table::word_prefix_fid_docids, tables.word_prefix_fid_docids),
        (Table::word_prefix_position_docids, tables.word_prefix_position_docids),
    ] {
        for entry in database.iter(rtxn)? {
            findings.continue_or_stop()?;
            let ((prefix, number), _) = entry?;
            if !prefixes.contains(prefix) {
                let key = [prefix.as_bytes(), &[0], &number.to_be_bytes()].concat();
                findings.residue(table, &key, Fault::NoCounterpart(Table::word_prefix_docids));
            }
        }
    }
    Ok(())
}

/// Without prefix search nothing may be left: a reader looks at the tables, not at the setting.
fn check_disabled(index: &Index, rtxn: &RoTxn<'_>, findings: &mut Findings<'_>) -> Result<()> {
    let tables = index.tables();
    let raw = |table: Database<Str, Cbo>| table.remap_types::<Bytes, Bytes>();
    let raw_numbered = |table: Database<WordU16, Cbo>| table.remap_types::<Bytes, Bytes>();
    for (table, database) in [
        (Table::word_prefix_docids, raw(tables.word_prefix_docids)),
        (Table::exact_word_prefix_docids, raw(tables.exact_word_prefix_docids)),
        (Table::word_prefix_fid_docids, raw_numbered(tables.word_prefix_fid_docids)),
        (Table::word_prefix_position_docids, raw_numbered(tables.word_prefix_position_docids)),
    ] {
        if let Some((key, _)) = database.first(rtxn)? {
            findings.fault(table, key, Fault::UnexpectedEntry("prefix search is disabled"));
        }
    }
    Ok(())
}

/// The set of prefixes holds what enough words begin with, and each has its entry.
fn check_prefix_set(
    index: &Index,
    rtxn: &RoTxn<'_>,
    stored: &BTreeSet<&str>,
    findings: &mut Findings<'_>,
) -> Result<()> {
    let key = WORDS_PREFIXES_FST.name().as_bytes();
    let expected = frequent_prefixes(&index.words_fst(rtxn)?);
    let mut listed = BTreeSet::new();
    let prefixes = index.words_prefixes_fst(rtxn)?;
    let mut stream = prefixes.stream();
    while let Some(prefix) = stream.next() {
        listed.insert(String::from_utf8_lossy(prefix).into_owned());
    }
    for prefix in expected.difference(&listed) {
        findings.residue(Table::main, key, Fault::MissingWord(prefix.clone()));
    }
    for prefix in listed.difference(&expected) {
        findings.residue(Table::main, key, Fault::ExtraWord(prefix.clone()));
    }
    for prefix in listed.iter().filter(|prefix| !stored.contains(prefix.as_str())) {
        findings.residue(Table::word_prefix_docids, prefix.as_bytes(), Fault::MissingEntry);
    }
    for prefix in stored.iter().filter(|prefix| !listed.contains(**prefix)) {
        let fault = Fault::UnexpectedEntry("`words-prefixes-fst` does not hold the prefix");
        findings.residue(Table::word_prefix_docids, prefix.as_bytes(), fault);
    }
    Ok(())
}

/// Prefixes of whole characters, 1 to 4 bytes, that at least 100 words begin with.
fn frequent_prefixes(words: &fst::Set<&[u8]>) -> BTreeSet<String> {
    let mut counts = BTreeMap::new();
    let mut stream = words.stream();
    while let Some(word) = stream.next() {
        let Ok(word) = std::str::from_utf8(word) else { continue };
        for end in (1..=MAX_PREFIX_BYTES.min(word.len())).filter(|end| word.is_char_boundary(*end))
        {
            let prefix = &word[..end];
            match counts.get_mut(prefix) {
                Some(count) => *count += 1,
                None => drop(counts.insert(prefix.to_owned(), 1usize)),
            }
        }
    }
    counts.retain(|_, count| *count >= MIN_WORDS_FOR_PREFIX);
    counts.into_keys().collect()
}

fn union(
    words: Database<Str, Cbo>,
    rtxn: &RoTxn<'_>,
    prefix: &str,
    findings: &mut Findings<'_>,
) -> Result<RoaringBitmap> {
    let mut docids = RoaringBitmap::new();
    for entry in words.prefix_iter(rtxn, prefix)? {
        findings.continue_or_stop()?;
        docids |= entry?.1;
    }
    Ok(docids)
}

fn unions_by_number(
    words: Database<WordU16, Cbo>,
    rtxn: &RoTxn<'_>,
    prefix: &[u8],
    findings: &mut Findings<'_>,
) -> Result<BTreeMap<u16, RoaringBitmap>> {
    let mut unions = BTreeMap::<u16, RoaringBitmap>::new();
    for entry in words.remap_key_type::<Bytes>().prefix_iter(rtxn, prefix)? {
        findings.continue_or_stop()?;
        let (key, docids) = entry?;
        if let Some(number) = key.last_chunk() {
            *unions.entry(u16::from_be_bytes(*number)).or_default() |= docids;
        }
    }
    Ok(unions)
}
