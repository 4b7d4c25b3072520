//! Words: their set, fields, positions, pairs and counts all speak of the same documents
//! (storage-index.md 8).

use std::cmp::Ordering;
use std::iter::Peekable;

use fst::Streamer;
use heed::Database;
use heed::types::DecodeIgnore;
use meilisearch_types::settings::ProximityPrecision;
use roaring::RoaringBitmap;

use super::fields::Known;
use super::finding::{Fault, Findings, Severity};
use crate::codec::{Cbo, WordU16};
use crate::error::Result;
use crate::limits::{MAX_RECORDED_WORD_COUNT, MAX_STORED_PROXIMITY};
use crate::store::metadata::WORDS_FST;
use crate::store::{Index, RoTxn, Table};

/// Checks the word tables.
pub(super) fn check(
    index: &Index,
    rtxn: &RoTxn<'_>,
    known: &Known,
    findings: &mut Findings<'_>,
) -> Result<()> {
    check_word_set(index, rtxn, findings)?;
    let tables = index.tables();
    let of = "`word-docids` and `exact-word-docids`";
    check_numbered(
        index,
        rtxn,
        (Table::word_fid_docids, tables.word_fid_docids),
        findings,
        &|fid| {
            let searched = known
                .fields
                .name(fid)
                .is_none_or(|name| known.schema.searchable_weight(name).is_some());
            (!searched).then_some("the field is not searchable")
        },
        (of, Severity::Fault),
    )?;
    check_numbered(
        index,
        rtxn,
        (Table::word_position_docids, tables.word_position_docids),
        findings,
        &|position| (!is_bucket(position)).then_some("no position is stored under this number"),
        (of, Severity::Residue),
    )?;
    check_pairs(index, rtxn, known, findings)?;
    check_counts(index, rtxn, known, findings)
}

/// `words-fst` and the keys of `word-docids` are the same words.
fn check_word_set(index: &Index, rtxn: &RoTxn<'_>, findings: &mut Findings<'_>) -> Result<()> {
    let key = WORDS_FST.name().as_bytes();
    let set = index.words_fst(rtxn)?;
    let mut stream = set.stream();
    let mut words = index.tables().word_docids.remap_data_type::<DecodeIgnore>().iter(rtxn)?;
    let mut stored = words.next().transpose()?.map(|(word, ())| word.as_bytes());
    let mut listed = stream.next().map(<[u8]>::to_vec);
    loop {
        findings.continue_or_stop()?;
        let order = match (&stored, &listed) {
            (None, None) => return Ok(()),
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (Some(stored), Some(listed)) => (*stored).cmp(&listed[..]),
        };
        let text = |word: &[u8]| String::from_utf8_lossy(word).into_owned();
        match (order, &stored, &listed) {
            (Ordering::Less, Some(word), _) => {
                findings.fault(Table::main, key, Fault::MissingWord(text(word)));
            }
            (Ordering::Greater, _, Some(word)) => {
                findings.fault(Table::main, key, Fault::ExtraWord(text(word)));
            }
            _ => {}
        }
        if order != Ordering::Greater {
            stored = words.next().transpose()?.map(|(word, ())| word.as_bytes());
        }
        if order != Ordering::Less {
            listed = stream.next().map(<[u8]>::to_vec);
        }
    }
}

/// For each word, the union over fields (or positions) is the union of the two word tables.
fn check_numbered(
    index: &Index,
    rtxn: &RoTxn<'_>,
    (table, database): (Table, Database<WordU16, Cbo>),
    findings: &mut Findings<'_>,
    refuse: &dyn Fn(u16) -> Option<&'static str>,
    (of, extra): (&'static str, Severity),
) -> Result<()> {
    let mut numbered = database.iter(rtxn)?.peekable();
    let mut words = index.tables().word_docids.iter(rtxn)?.peekable();
    let mut exact = index.tables().exact_word_docids.iter(rtxn)?.peekable();
    loop {
        findings.continue_or_stop()?;
        let heads =
            [peek(&mut words)?, peek(&mut exact)?, peek(&mut numbered)?.map(|(word, _)| word)];
        let Some(word) = heads.into_iter().flatten().min() else { return Ok(()) };
        let mut expected = RoaringBitmap::new();
        for side in [&mut words, &mut exact] {
            if peek(side)? == Some(word)
                && let Some(entry) = side.next()
            {
                expected |= entry?.1;
            }
        }
        let mut found = RoaringBitmap::new();
        while peek(&mut numbered)?.is_some_and(|(head, _)| head == word) {
            let Some(entry) = numbered.next() else { break };
            let ((_, number), docids) = entry?;
            if let Some(reason) = refuse(number) {
                let fault = Fault::UnexpectedEntry(reason);
                findings.fault(table, &numbered_key(word, number), fault);
            }
            found |= docids;
        }
        findings.compare_sets(
            (table, word.as_bytes()),
            &found,
            &expected,
            of,
            [Severity::Fault, extra],
        );
    }
}

/// The key of the next entry. An entry that cannot be read is taken off, so that its error surfaces.
fn peek<K: Copy, I>(entries: &mut Peekable<I>) -> Result<Option<K>>
where
    I: Iterator<Item = heed::Result<(K, RoaringBitmap)>>,
{
    match entries.peek() {
        None => Ok(None),
        Some(Ok((key, _))) => Ok(Some(*key)),
        Some(Err(_)) => Ok(entries.next().transpose()?.map(|(key, _)| key)),
    }
}

fn numbered_key(word: &str, number: u16) -> Vec<u8> {
    [word.as_bytes(), &[0], &number.to_be_bytes()].concat()
}

fn is_bucket(position: u16) -> bool {
    match position {
        0..16 | 24 | u16::MAX => true,
        _ => position >= 32 && position.is_power_of_two(),
    }
}

/// A pair is found only where both words are, and under its smallest distance alone.
fn check_pairs(
    index: &Index,
    rtxn: &RoTxn<'_>,
    known: &Known,
    findings: &mut Findings<'_>,
) -> Result<()> {
    const TABLE: Table = Table::word_pair_proximity_docids;
    let by_word = known.schema.proximity_precision == ProximityPrecision::ByWord;
    let pairs = index.tables().word_pair_proximity_docids;
    let mut first_word = ("", RoaringBitmap::new());
    for entry in pairs.iter(rtxn)? {
        findings.continue_or_stop()?;
        let ((proximity, first, second), docids) = entry?;
        let key = [&[proximity], first.as_bytes(), &[0], second.as_bytes()].concat();
        if !by_word {
            let fault = Fault::UnexpectedEntry("proximity is kept by attribute");
            findings.fault(TABLE, &key, fault);
            continue;
        }
        if !(1..=MAX_STORED_PROXIMITY).contains(&proximity) {
            let fault = Fault::UnexpectedEntry("this distance is never stored");
            findings.fault(TABLE, &key, fault);
        }
        if first_word.0 != first {
            first_word = (first, word_docids(index, rtxn, first)?);
        }
        let second_word = word_docids(index, rtxn, second)?;
        let severity = Severity::Fault;
        findings.within((TABLE, &key), &docids, &first_word.1, "the first word", severity);
        findings.within((TABLE, &key), &docids, &second_word, "the second word", severity);
        for nearer in 1..proximity.min(MAX_STORED_PROXIMITY + 1) {
            if let Some(others) = pairs.get(rtxn, &(nearer, first, second))?
                && !others.is_disjoint(&docids)
            {
                let fault = Fault::UnexpectedEntry("a document holds the pair nearer");
                findings.fault(TABLE, &key, fault);
            }
        }
    }
    Ok(())
}

fn word_docids(index: &Index, rtxn: &RoTxn<'_>, word: &str) -> Result<RoaringBitmap> {
    let tables = index.tables();
    let docids = tables.word_docids.get(rtxn, word)?.unwrap_or_default();
    Ok(match tables.exact_word_docids.get(rtxn, word)? {
        Some(exact) => docids | exact,
        None => docids,
    })
}

/// A document has one number of words in a field that is searched.
fn check_counts(
    index: &Index,
    rtxn: &RoTxn<'_>,
    known: &Known,
    findings: &mut Findings<'_>,
) -> Result<()> {
    const TABLE: Table = Table::field_id_word_count_docids;
    let mut seen = (0, RoaringBitmap::new());
    for entry in index.tables().field_id_word_count_docids.iter(rtxn)? {
        findings.continue_or_stop()?;
        let ((fid, count), docids) = entry?;
        let [high, low] = fid.to_be_bytes();
        let key = [high, low, count];
        if !(1..=MAX_RECORDED_WORD_COUNT).contains(&usize::from(count)) {
            let fault = Fault::UnexpectedEntry("this number of words is never stored");
            findings.fault(TABLE, &key, fault);
        }
        if known.fields.name(fid).is_some_and(|name| known.schema.searchable_weight(name).is_none())
        {
            let fault = Fault::UnexpectedEntry("the field is not searchable");
            findings.residue(TABLE, &key, fault);
        }
        if seen.0 != fid {
            seen = (fid, RoaringBitmap::new());
        }
        if !seen.1.is_disjoint(&docids) {
            let fault = Fault::UnexpectedEntry("a document has several numbers of words");
            findings.residue(TABLE, &key, fault);
        }
        seen.1 |= docids;
    }
    Ok(())
}
