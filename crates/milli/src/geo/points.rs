//! The points of all documents: an R-tree on the unit sphere, and the set of documents that have one
//! (storage-index.md section 14).

use heed::types::{Bytes, SerdeBincode};
use roaring::RoaringBitmap;
use rstar::RTree;
use rstar::primitives::GeomWithData;

use crate::codec::DocidFacetF64;
use crate::document::GeoPoint;
use crate::error::Result;
use crate::schema::{FieldId, FieldsIdsMap};
use crate::store::{GEO_FACETED_DOCUMENTS_IDS, GEO_RTREE, Index, MainKey, RoTxn, RwTxn};

/// The field of a point's latitude in the facet databases.
pub(crate) const LATITUDE_FIELD: &str = "_geo.lat";
/// The field of a point's longitude in the facet databases.
pub(crate) const LONGITUDE_FIELD: &str = "_geo.lng";

/// A point on the unit sphere, its document, and latitude and longitude as they were sent.
type Leaf = GeomWithData<[f64; 3], (u32, [f64; 2])>;

const TREE: MainKey<SerdeBincode<RTree<Leaf>>> = GEO_RTREE.with_codec();

/// The points as a tree that finds the nearest of them.
pub(crate) struct PointTree(RTree<Leaf>);

impl PointTree {
    /// Reads the tree; one that is not stored is empty.
    ///
    /// # Errors
    /// It is damaged.
    pub(crate) fn load(index: &Index, rtxn: &RoTxn<'_>) -> Result<PointTree> {
        Ok(PointTree(TREE.get(index, rtxn)?.unwrap_or_default()))
    }

    /// All documents with their points, the nearest to `center` first.
    pub(crate) fn nearest(&self, center: GeoPoint) -> impl Iterator<Item = (u32, GeoPoint)> {
        self.0.nearest_neighbor_iter(&center.on_unit_sphere()).map(|leaf| {
            let (docid, [lat, lng]) = leaf.data;
            (docid, GeoPoint { lat, lng })
        })
    }
}

/// The documents that have a point.
///
/// # Errors
/// The set is damaged.
pub(crate) fn documents(index: &Index, rtxn: &RoTxn<'_>) -> Result<RoaringBitmap> {
    Ok(GEO_FACETED_DOCUMENTS_IDS.get(index, rtxn)?.unwrap_or_default())
}

/// What a batch does to the point of a document.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PointChange {
    pub(crate) docid: u32,
    pub(crate) old: Option<GeoPoint>,
    pub(crate) new: Option<GeoPoint>,
}

/// Changes the points one by one, and writes tree and set even if nothing changes.
///
/// # Errors
/// What is stored is damaged, or the map is full.
pub(crate) fn update(index: &Index, wtxn: &mut RwTxn<'_>, changes: &[PointChange]) -> Result<()> {
    let mut tree = TREE.get(index, wtxn)?.unwrap_or_default();
    let mut documents = documents(index, wtxn)?;
    // Coordinates that are only spelt in another way are the same point.
    let moved = || changes.iter().filter(|change| change.old != change.new);
    for change in moved() {
        if let Some(point) = change.old {
            tree.remove(&leaf(change.docid, point));
            documents.remove(change.docid);
        }
    }
    for change in moved() {
        if let Some(point) = change.new {
            tree.insert(leaf(change.docid, point));
            documents.insert(change.docid);
        }
    }
    TREE.put(index, wtxn, &tree)?;
    GEO_FACETED_DOCUMENTS_IDS.put(index, wtxn, &documents)
}

/// Forgets all points.
///
/// # Errors
/// LMDB fails.
pub(crate) fn clear(index: &Index, wtxn: &mut RwTxn<'_>) -> Result<()> {
    TREE.delete(index, wtxn)?;
    GEO_FACETED_DOCUMENTS_IDS.delete(index, wtxn)?;
    Ok(())
}

fn leaf(docid: u32, point: GeoPoint) -> Leaf {
    GeomWithData::new(point.on_unit_sphere(), (docid, [point.lat, point.lng]))
}

/// Reads the points of single documents, out of the facet databases.
pub(crate) struct PointReader {
    /// Field ids of latitude and longitude, once any document has a `_geo`.
    fields: Option<(FieldId, FieldId)>,
}

impl PointReader {
    pub(crate) fn new(fields: &FieldsIdsMap) -> PointReader {
        PointReader { fields: fields.id(LATITUDE_FIELD).zip(fields.id(LONGITUDE_FIELD)) }
    }

    /// The point of a document.
    ///
    /// # Errors
    /// LMDB fails, or a facet entry is damaged.
    pub(crate) fn point(
        &self,
        index: &Index,
        rtxn: &RoTxn<'_>,
        docid: u32,
    ) -> Result<Option<GeoPoint>> {
        let Some((lat, lng)) = self.fields else { return Ok(None) };
        let coordinate = |fid: FieldId| -> Result<Option<f64>> {
            let table = index.tables().field_id_docid_facet_f64s;
            let [high, low] = fid.to_be_bytes();
            let [a, b, c, d] = docid.to_be_bytes();
            let mut of_document = table
                .remap_key_type::<Bytes>()
                .prefix_iter(rtxn, &[high, low, a, b, c, d])?
                .remap_key_type::<DocidFacetF64>();
            Ok(of_document.next().transpose()?.map(|(key, ())| key.value))
        };
        Ok(coordinate(lat)?.zip(coordinate(lng)?).map(|(lat, lng)| GeoPoint { lat, lng }))
    }
}
