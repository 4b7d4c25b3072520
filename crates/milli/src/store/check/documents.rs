//! Documents, their ids both ways, and what is counted over them.

use std::borrow::Cow;
use std::collections::BTreeMap;

use heed::types::Bytes;
use obkv::KvReaderU16;
use roaring::RoaringBitmap;
use serde_json::value::RawValue;

use super::fields::{Known, documents_ids_key, readable};
use super::finding::{Fault, Findings, Malformed, Severity};
use crate::document::primary_key;
use crate::error::Result;
use crate::store::metadata::FIELD_DISTRIBUTION;
use crate::store::{Index, RoTxn, Table};

const VECTORS: &str = "_vectors";

/// Checks documents against `documents-ids`, external ids and `fields-distribution`.
pub(super) fn check(
    index: &Index,
    rtxn: &RoTxn<'_>,
    known: &Known,
    findings: &mut Findings<'_>,
) -> Result<()> {
    let mut stored = RoaringBitmap::new();
    let mut distribution = BTreeMap::new();
    for entry in index.tables().documents.iter(rtxn)? {
        findings.continue_or_stop()?;
        let (docid, document) = entry?;
        stored.insert(docid);
        for (fid, value) in document.iter() {
            if let Some(fault) = field_fault(known, fid, value) {
                findings.fault(Table::documents, &docid.to_be_bytes(), fault);
            }
            if let Some(name) = known.fields.name(fid).filter(|name| *name != VECTORS) {
                *distribution.entry(name).or_insert(0u64) += 1;
            }
        }
    }
    let both = [Severity::Fault; 2];
    findings.compare_sets(documents_ids_key(), &known.documents_ids, &stored, "`documents`", both);
    check_external_ids(index, rtxn, known, &stored, findings)?;

    let recorded = readable(index.field_distribution(rtxn), findings)?.unwrap_or_default();
    let names = recorded.keys().map(String::as_str).chain(distribution.keys().copied());
    for name in names.collect::<std::collections::BTreeSet<_>>() {
        let found = recorded.get(name).copied().unwrap_or(0);
        let expected = distribution.get(name).copied().unwrap_or(0);
        if found != expected {
            let fault = Fault::UnexpectedValue {
                found: format!("{found} documents with `{name}`"),
                expected: expected.to_string(),
            };
            findings.fault(Table::main, FIELD_DISTRIBUTION.name().as_bytes(), fault);
        }
    }
    Ok(())
}

fn field_fault(known: &Known, fid: u16, value: &[u8]) -> Option<Fault> {
    let Some(name) = known.fields.name(fid) else { return Some(Fault::UnknownField(fid)) };
    let not_json = || {
        let reason = "a field cannot be parsed";
        Some(Fault::MalformedValue(Malformed { layout: "JSON document", reason }))
    };
    if name != VECTORS {
        return match serde_json::from_slice::<&RawValue>(value) {
            Ok(_) => None,
            Err(_) => not_json(),
        };
    }
    match serde_json::from_slice::<BTreeMap<String, &RawValue>>(value) {
        Ok(embedders) => embedders
            .into_keys()
            .find(|name| known.embedders.contains(name))
            .map(Fault::ConfiguredEmbedder),
        Err(_) => not_json(),
    }
}

/// Every document has one external id, and its primary key says the same.
fn check_external_ids(
    index: &Index,
    rtxn: &RoTxn<'_>,
    known: &Known,
    stored: &RoaringBitmap,
    findings: &mut Findings<'_>,
) -> Result<()> {
    const TABLE: Table = Table::external_documents_ids;
    let primary_key = readable(index.primary_key(rtxn), findings)?.flatten();
    let documents = index.tables().documents.remap_data_type::<Bytes>();
    let mut named = RoaringBitmap::new();
    for entry in index.tables().external_documents_ids.iter(rtxn)? {
        findings.continue_or_stop()?;
        let (external, docid) = entry?;
        if !named.insert(docid) {
            let fault = Fault::UnexpectedEntry("another id leads to the same document");
            findings.fault(TABLE, external.as_bytes(), fault);
        }
        let Some(document) = documents.get(rtxn, &docid)? else {
            findings.fault(TABLE, external.as_bytes(), Fault::NoCounterpart(Table::documents));
            continue;
        };
        if let Some(primary_key) = primary_key {
            let found = external_id(known, primary_key, document);
            if found.as_deref() != Some(external) {
                let fault = Fault::UnexpectedValue {
                    found: format!("the document with the primary key {found:?}"),
                    expected: format!("{external:?}"),
                };
                findings.fault(TABLE, external.as_bytes(), fault);
            }
        }
    }
    let missing = stored - &named;
    if let Some(first) = missing.min() {
        let fault = Fault::LacksDocuments { count: missing.len(), first, of: "`documents`" };
        findings.fault(TABLE, b"", fault);
    }
    Ok(())
}

/// The id that a document has under the primary key, which may lie in an object.
fn external_id(known: &Known, primary_key: &str, document: &[u8]) -> Option<String> {
    let field = |(fid, json)| {
        let name = known.fields.name(fid).filter(|name| primary_key.starts_with(name))?;
        Some((Cow::Borrowed(name), std::str::from_utf8(json).ok()?))
    };
    let fields: Vec<_> = KvReaderU16::from_slice(document).iter().filter_map(field).collect();
    primary_key::id_among(&fields, primary_key)
}
