//! Vectors and geographic data against the documents that they belong to (storage-index.md 13 to 15).

use std::collections::{BTreeMap, BTreeSet};

use roaring::RoaringBitmap;

use super::fields::{Known, readable};
use super::finding::{Fault, Findings, Malformed, Severity};
use super::geo_tree::{GeoPoint, read_geo_tree};
use super::geojson::item_docid;
use super::vectors::{EmbedderEntry, VectorHeader, VectorKey, VectorKind};
use crate::codec::{DocidFacetKey, Roaring};
use crate::error::Result;
use crate::store::metadata::{GEO_FACETED_DOCUMENTS_IDS, GEO_RTREE};
use crate::store::{Index, RoTxn, Table};

const OF_DOCUMENTS: &str = "`documents-ids`";

/// Checks embedders, vectors, points and shapes.
pub(super) fn check(
    index: &Index,
    rtxn: &RoTxn<'_>,
    known: &Known,
    findings: &mut Findings<'_>,
) -> Result<()> {
    let ids = check_embedders(index, rtxn, known, findings)?;
    check_vectors(index, rtxn, known, &ids, findings)?;
    check_points(index, rtxn, known, findings)?;
    check_shapes(index, rtxn, known, findings)
}

/// Every configured embedder has an entry with an id of its own. Gives the ids.
fn check_embedders(
    index: &Index,
    rtxn: &RoTxn<'_>,
    known: &Known,
    findings: &mut Findings<'_>,
) -> Result<BTreeSet<u8>> {
    const TABLE: Table = Table::embedder_category_id;
    let mut ids = BTreeSet::new();
    let mut names = BTreeSet::new();
    for entry in index.tables().embedder_category_id.iter(rtxn)? {
        findings.continue_or_stop()?;
        let (name, value) = entry?;
        names.insert(name);
        let key = name.as_bytes();
        let embedder = match EmbedderEntry::read(value) {
            Ok(embedder) => embedder,
            Err(malformed) => {
                findings.fault(TABLE, key, Fault::MalformedValue(malformed));
                continue;
            }
        };
        if !ids.insert(embedder.id) {
            findings.fault(TABLE, key, Fault::UnexpectedEntry("another embedder has the same id"));
        }
        if !known.embedders.iter().any(|configured| configured == name) {
            findings.fault(TABLE, key, Fault::UnexpectedEntry("no such embedder is configured"));
        }
        for set in &embedder.sets {
            let bound = &known.documents_ids;
            findings.within((TABLE, key), set, bound, OF_DOCUMENTS, Severity::Fault);
        }
    }
    for name in known.embedders.iter().filter(|name| !names.contains(name.as_str())) {
        findings.fault(TABLE, name.as_bytes(), Fault::MissingEntry);
    }
    Ok(ids)
}

/// One store while its entries pass: the header comes first, then links, then vectors.
struct Store {
    number: u16,
    header: Option<VectorHeader>,
    /// Items with links, a layer.
    links: BTreeMap<u8, RoaringBitmap>,
    items: RoaringBitmap,
}

fn check_vectors(
    index: &Index,
    rtxn: &RoTxn<'_>,
    known: &Known,
    embedder_ids: &BTreeSet<u8>,
    findings: &mut Findings<'_>,
) -> Result<()> {
    const TABLE: Table = Table::vector_store;
    let mut current: Option<Store> = None;
    for entry in index.tables().vector_store.iter(rtxn)? {
        findings.continue_or_stop()?;
        let (bytes, value) = entry?;
        let Ok(key) = VectorKey::read(bytes) else { continue };
        if current.as_ref().is_none_or(|store| store.number != key.store) {
            let next = Store {
                number: key.store,
                header: None,
                links: BTreeMap::new(),
                items: RoaringBitmap::new(),
            };
            if let Some(store) = current.replace(next) {
                store.finish(known, embedder_ids, findings);
            }
        }
        let Some(store) = &mut current else { continue };
        match key.kind {
            VectorKind::Header => store.header = VectorHeader::read(value).ok(),
            VectorKind::Version => {}
            VectorKind::Pending => findings.fault(TABLE, bytes, Fault::Pending),
            VectorKind::Links => {
                store.links.entry(key.layer).or_default().insert(key.item);
                let links = RoaringBitmap::deserialize_from(value.get(1..).unwrap_or_default())?;
                if let Some(header) = &store.header {
                    let of = "the items of the store";
                    findings.within((TABLE, bytes), &links, &header.items, of, Severity::Fault);
                }
            }
            VectorKind::Item => {
                store.items.insert(key.item);
                if let Some(Err(malformed)) = store.header.as_ref().map(|h| h.check_item(value)) {
                    findings.fault(TABLE, bytes, Fault::MalformedValue(malformed));
                }
            }
        }
    }
    if let Some(store) = current {
        store.finish(known, embedder_ids, findings);
    }
    Ok(())
}

impl Store {
    fn finish(self, known: &Known, embedder_ids: &BTreeSet<u8>, findings: &mut Findings<'_>) {
        const TABLE: Table = Table::vector_store;
        let [embedder, store_id] = self.number.to_be_bytes();
        let key = [embedder, store_id, 0, 0, 0, 0, 0, 0];
        let at = (TABLE, &key[..]);
        let Some(header) = self.header else {
            if !self.items.is_empty() || !self.links.is_empty() {
                findings.fault(TABLE, &key, Fault::MissingEntry);
            }
            return;
        };
        if !header.items.is_empty() && !embedder_ids.contains(&embedder) {
            findings.fault(TABLE, &key, Fault::UnexpectedEntry("no embedder has this id"));
        }
        let both = [Severity::Fault; 2];
        findings.compare_sets(at, &header.items, &self.items, "the stored vectors", both);
        findings.within(at, &header.items, &known.documents_ids, OF_DOCUMENTS, Severity::Fault);

        // On layer 0 every item has links, and whoever is on a layer is on those below too.
        let mut below = header.items;
        for layer in 0..=header.max_layer {
            let linked = self.links.get(&layer).cloned().unwrap_or_default();
            if layer == 0 {
                findings.compare_sets(at, &linked, &below, "the items of the store", both);
            } else {
                findings.within(at, &linked, &below, "the layer below", Severity::Fault);
            }
            below = linked;
        }
        if self.links.keys().any(|layer| *layer > header.max_layer) {
            let fault = Fault::UnexpectedEntry("links lie above the highest layer");
            findings.fault(TABLE, &key, fault);
        }
        let entries: RoaringBitmap = header.entry_points.into_iter().collect();
        findings.within(at, &entries, &below, "the highest layer", Severity::Fault);
        if entries.is_empty() && !self.items.is_empty() {
            let reason = "it has items and no entry point";
            let malformed = Malformed { layout: "header of a store", reason };
            findings.fault(TABLE, &key, Fault::MalformedValue(malformed));
        }
    }
}

/// The points of the tree are those of the documents that are said to have one.
fn check_points(
    index: &Index,
    rtxn: &RoTxn<'_>,
    known: &Known,
    findings: &mut Findings<'_>,
) -> Result<()> {
    let key = GEO_FACETED_DOCUMENTS_IDS.name().as_bytes();
    let with_point = readable(GEO_FACETED_DOCUMENTS_IDS.get(index, rtxn), findings)?
        .flatten()
        .unwrap_or_default();
    let at = (Table::main, key);
    let bound = &known.documents_ids;
    findings.within(at, &with_point, bound, OF_DOCUMENTS, Severity::Residue);
    let Some(tree) = GEO_RTREE.get(index, rtxn)? else { return Ok(()) };
    let tree_key = GEO_RTREE.name().as_bytes();
    if !known.schema.indexes_points() {
        let fault = Fault::UnexpectedEntry("the settings index no points");
        findings.residue(Table::main, tree_key, fault);
    }
    match read_geo_tree(tree) {
        Ok(points) => {
            let docids: RoaringBitmap = points.iter().map(|point| point.docid).collect();
            if docids.len() != points.len() as u64 {
                let fault = Fault::UnexpectedEntry("a document has several points");
                findings.fault(Table::main, tree_key, fault);
            }
            let tree_at = (Table::main, tree_key);
            findings.within(tree_at, &docids, bound, OF_DOCUMENTS, Severity::Fault);
            // Ids from before geo was switched off may be left in the set.
            let severities = [Severity::Fault, Severity::Residue];
            findings.compare_sets(at, &with_point, &docids, "`geo-rtree`", severities);
            check_coordinates(index, rtxn, known, &points, findings)?;
        }
        Err(malformed) => findings.fault(Table::main, tree_key, Fault::MalformedValue(malformed)),
    }
    Ok(())
}

/// The tree and the facet databases tell the same coordinates of a document.
fn check_coordinates(
    index: &Index,
    rtxn: &RoTxn<'_>,
    known: &Known,
    points: &[GeoPoint],
    findings: &mut Findings<'_>,
) -> Result<()> {
    let facets = index.tables().field_id_docid_facet_f64s;
    for point in points {
        findings.continue_or_stop()?;
        for (name, value) in ["_geo.lat", "_geo.lng"].into_iter().zip(point.coordinates) {
            let docid = point.docid;
            let facet = match known.fields.id(name) {
                Some(fid) if value.is_finite() => {
                    facets.get(rtxn, &DocidFacetKey { fid, docid, value })?
                }
                _ => None,
            };
            if facet.is_none() {
                let fault = Fault::NoCounterpart(Table::field_id_docid_facet_f64s);
                findings.fault(Table::main, GEO_RTREE.name().as_bytes(), fault);
            }
        }
    }
    Ok(())
}

/// Shapes belong to documents, cells to shapes, and no operation is left to do.
fn check_shapes(
    index: &Index,
    rtxn: &RoTxn<'_>,
    known: &Known,
    findings: &mut Findings<'_>,
) -> Result<()> {
    let tables = index.tables();
    let mut items = RoaringBitmap::new();
    for entry in tables.cellulite_item.iter(rtxn)? {
        findings.continue_or_stop()?;
        let (key, _) = entry?;
        if let Ok(docid) = item_docid(key) {
            items.insert(docid);
        }
    }
    let at = (Table::cellulite_item, &b""[..]);
    findings.within(at, &items, &known.documents_ids, OF_DOCUMENTS, Severity::Fault);
    if known.schema.indexes_shapes() {
        // One that cannot be read has been told already.
        let distribution = index.field_distribution(rtxn).ok();
        let with_shape = distribution.map(|d| d.get("_geojson").copied().unwrap_or(0));
        if with_shape.is_some_and(|count| count != items.len()) {
            let fault = Fault::UnexpectedEntry("not as many shapes as documents with `_geojson`");
            findings.fault(Table::cellulite_item, b"", fault);
        }
    } else if !items.is_empty() {
        let fault = Fault::UnexpectedEntry("the settings index no shapes");
        findings.residue(Table::cellulite_item, b"", fault);
    }
    let mut in_cells = RoaringBitmap::new();
    for entry in tables.cellulite_cell.remap_data_type::<Roaring>().iter(rtxn)? {
        findings.continue_or_stop()?;
        let (key, docids) = entry?;
        let at = (Table::cellulite_cell, key);
        findings.within(at, &docids, &items, "`cellulite-item`", Severity::Residue);
        in_cells |= docids;
    }
    // A shape without any point, such as an empty collection, touches nothing.
    let at = (Table::cellulite_item, &b""[..]);
    findings.within(at, &items, &in_cells, "`cellulite-cell`", Severity::Residue);
    for entry in tables.cellulite_update.iter(rtxn)? {
        let (docid, _) = entry?;
        findings.fault(Table::cellulite_update, &docid.to_be_bytes(), Fault::Pending);
    }
    Ok(())
}
