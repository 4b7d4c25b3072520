//! What the rest is read with: version, field names, settings, and what is derived from these.

use std::collections::BTreeMap;

use roaring::RoaringBitmap;

use super::finding::{Fault, Findings, Malformed};
use crate::codec::Version;
use crate::error::{Error, InternalError, Result};
use crate::schema::{FieldsIdsMap, Schema, keys};
use crate::store::metadata::{
    CREATED_AT, DOCUMENTS_IDS, FIELDS_IDS_MAP, UPDATED_AT, VECTOR_STORE_BACKEND, VERSION,
};
use crate::store::stats::DOCUMENTS_STATS;
use crate::store::{Index, RoTxn, Table};

/// The format of vectors that the program reads.
const BACKEND: &str = "experimental";

/// What the other checks compare with.
pub(super) struct Known {
    pub(super) documents_ids: RoaringBitmap,
    pub(super) fields: FieldsIdsMap,
    pub(super) schema: Schema,
    /// Names of the configured embedders.
    pub(super) embedders: Vec<String>,
}

/// Reads and checks them; `None` when they cannot be read.
pub(super) fn check(
    index: &Index,
    rtxn: &RoTxn<'_>,
    findings: &mut Findings<'_>,
) -> Result<Option<Known>> {
    let expected = Version::from(meilisearch_types::versioning::VERSION);
    let version = readable(index.version(rtxn), findings)?.flatten();
    expect(VERSION.name(), version, &expected, findings);
    let backend = readable(VECTOR_STORE_BACKEND.get(index, rtxn), findings)?.flatten();
    expect(VECTOR_STORE_BACKEND.name(), backend, &BACKEND.to_owned(), findings);
    for key in [CREATED_AT.name(), UPDATED_AT.name()] {
        if index
            .tables()
            .main
            .remap_data_type::<heed::types::DecodeIgnore>()
            .get(rtxn, key)?
            .is_none()
        {
            findings.fault(Table::main, key.as_bytes(), Fault::MissingEntry);
        }
    }
    readable(index.created_at_if_any(rtxn), findings)?;
    readable(UPDATED_AT.get(index, rtxn), findings)?;

    let documents_ids = readable(index.documents_ids(rtxn), findings)?;
    let fields = readable(index.fields_ids_map(rtxn), findings)?;
    let schema = readable(Schema::load(index, rtxn), findings)?;
    let embedders = readable(index.embedder_names(rtxn), findings)?;
    let (Some(documents_ids), Some(fields), Some(schema), Some(embedders)) =
        (documents_ids, fields, schema, embedders)
    else {
        return Ok(None);
    };
    let known = Known { documents_ids, fields, schema, embedders };

    if !known.fields.is_consistent() {
        let fault = Fault::MalformedValue(Malformed {
            layout: "map of field ids",
            reason: "its two directions, or the next id, contradict each other",
        });
        findings.fault(Table::main, FIELDS_IDS_MAP.name().as_bytes(), fault);
    }
    if !known.documents_ids.is_empty() {
        let entries = readable(DOCUMENTS_STATS.get(index, rtxn), findings)?
            .flatten()
            .map(|stats| stats.number_of_entries);
        expect(DOCUMENTS_STATS.name(), entries, &known.documents_ids.len(), findings);
        check_searchable(index, rtxn, &known, findings)?;
    }
    Ok(Some(known))
}

/// The list of the user, the list of known fields that it covers, and their weights must agree: a
/// search stops at a searchable field without id or weight.
fn check_searchable(
    index: &Index,
    rtxn: &RoTxn<'_>,
    known: &Known,
    findings: &mut Findings<'_>,
) -> Result<()> {
    let names = readable(keys::SEARCHABLE.get(index, rtxn), findings)?.flatten();
    let weights = readable(keys::WEIGHTS.get(index, rtxn), findings)?.flatten().map(|w| w.map);
    if known.schema.searchable.is_none() {
        let derived =
            [(keys::SEARCHABLE.name(), names.is_some()), (keys::WEIGHTS.name(), weights.is_some())];
        for (key, _) in derived.into_iter().filter(|(_, is_there)| *is_there) {
            let fault = Fault::UnexpectedEntry("no list of searchable attributes is set");
            findings.fault(Table::main, key.as_bytes(), fault);
        }
        return Ok(());
    }
    let searched: Vec<_> = known
        .fields
        .iter()
        .filter_map(|(id, name)| Some((id, name, known.schema.searchable_weight(name)?)))
        .collect();
    let expected = searched.iter().map(|(_, name, _)| (*name).to_owned()).collect();
    expect_listed(keys::SEARCHABLE.name(), names, &expected, findings);
    let expected: BTreeMap<u16, u16> =
        searched.into_iter().map(|(id, _, weight)| (id, weight)).collect();
    expect_listed(keys::WEIGHTS.name(), weights, &expected, findings);
    Ok(())
}

fn expect<T: PartialEq + std::fmt::Display>(
    key: &'static str,
    found: Option<T>,
    expected: &T,
    findings: &mut Findings<'_>,
) {
    let fault = match found {
        None => Fault::MissingEntry,
        Some(found) if found == *expected => return,
        Some(found) => Fault::UnexpectedValue {
            found: format!("`{found}`"),
            expected: format!("`{expected}`"),
        },
    };
    findings.fault(Table::main, key.as_bytes(), fault);
}

fn expect_listed<T: PartialEq + std::fmt::Debug>(
    key: &'static str,
    found: Option<T>,
    expected: &T,
    findings: &mut Findings<'_>,
) {
    let text = |value: &T| format!("{value:?}");
    expect(key, found.as_ref().map(text), &text(expected), findings);
}

/// The value, or a finding when its bytes cannot be decoded; failures of LMDB stay errors.
pub(super) fn readable<T>(read: Result<T>, findings: &mut Findings<'_>) -> Result<Option<T>> {
    let (key, reason) = match read {
        Ok(value) => return Ok(Some(value)),
        Err(Error::Internal(InternalError::MainKey { key, source: heed::Error::Decoding(_) })) => {
            (key, "it cannot be decoded")
        }
        Err(Error::Internal(InternalError::Inconsistent(_) | InternalError::Fst(_))) => {
            ("", "a setting holds what no setting can")
        }
        Err(error) => return Err(error),
    };
    let fault = Fault::MalformedValue(Malformed { layout: "setting", reason });
    findings.fault(Table::main, key.as_bytes(), fault);
    Ok(None)
}

/// The key of the set of all documents, where differences of sets are reported.
pub(super) fn documents_ids_key() -> (Table, &'static [u8]) {
    (Table::main, DOCUMENTS_IDS.name().as_bytes())
}
