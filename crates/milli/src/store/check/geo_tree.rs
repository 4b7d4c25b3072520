//! `geo-rtree` (storage-index.md 14): a tree in bincode, walked without recursion.

use super::finding::Malformed;

/// Deepest tree that is accepted; with 3 children a node this holds more points than there are ids.
const MAX_DEPTH: usize = 64;

/// A point of the tree.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct GeoPoint {
    pub(super) docid: u32,
    /// Latitude and longitude.
    pub(super) coordinates: [f64; 2],
}

const fn malformed(reason: &'static str) -> Malformed {
    Malformed { layout: "tree of geo points", reason }
}

/// Checks the tree; gives its points in stored order.
pub(super) fn read_geo_tree(bytes: &[u8]) -> Result<Vec<GeoPoint>, Malformed> {
    const TRUNCATED: Malformed = malformed("it is truncated");
    const ENVELOPE: usize = 6 * 8;
    let mut rest = bytes;
    let mut points = Vec::new();
    // Children still to come of each node from the root to where we are.
    let mut open = vec![read_u64(&mut rest).ok_or(TRUNCATED)?];
    while let Some(children) = open.last_mut() {
        if *children == 0 {
            take(&mut rest, ENVELOPE).ok_or(TRUNCATED)?;
            open.pop();
            continue;
        }
        *children -= 1;
        let tag = take(&mut rest, 4).and_then(|tag| tag.first_chunk()).ok_or(TRUNCATED)?;
        match u32::from_le_bytes(*tag) {
            0 => {
                let leaf = take(&mut rest, 3 * 8 + 4 + 2 * 8).ok_or(TRUNCATED)?;
                let docid = leaf.get(24..).and_then(|b| b.first_chunk()).ok_or(TRUNCATED)?;
                let number = |at: usize| -> Result<f64, Malformed> {
                    let bytes = leaf.get(at..).and_then(|b| b.first_chunk()).ok_or(TRUNCATED)?;
                    Ok(f64::from_le_bytes(*bytes))
                };
                points.push(GeoPoint {
                    docid: u32::from_le_bytes(*docid),
                    coordinates: [number(28)?, number(36)?],
                });
            }
            1 if open.len() == MAX_DEPTH => return Err(malformed("it is too deep")),
            1 => open.push(read_u64(&mut rest).ok_or(TRUNCATED)?),
            _ => return Err(malformed("a child is neither point nor node")),
        }
    }
    if read_u64(&mut rest) != Some(points.len() as u64) {
        return Err(malformed("it does not hold as many points as it says"));
    }
    if rest.is_empty() { Ok(points) } else { Err(malformed("something follows it")) }
}

fn take<'a>(rest: &mut &'a [u8], length: usize) -> Option<&'a [u8]> {
    let (taken, behind) = rest.split_at_checked(length)?;
    *rest = behind;
    Some(taken)
}

fn read_u64(rest: &mut &[u8]) -> Option<u64> {
    take(rest, 8)?.first_chunk().map(|bytes| u64::from_le_bytes(*bytes))
}

#[cfg(test)]
pub(super) mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A tree of one node with these points.
    pub(in super::super) fn flat_tree(docids: &[u32]) -> Vec<u8> {
        let mut bytes = (docids.len() as u64).to_le_bytes().to_vec();
        for docid in docids {
            bytes.extend(0u32.to_le_bytes());
            bytes.extend([0; 24]);
            bytes.extend(docid.to_le_bytes());
            bytes.extend([0; 16]);
        }
        bytes.extend([0; 48]);
        bytes.extend((docids.len() as u64).to_le_bytes());
        bytes
    }

    #[test]
    fn points_of_all_nodes_are_read() {
        let inner = flat_tree(&[3, 4]);
        let mut tree = 2u64.to_le_bytes().to_vec();
        for _ in 0..2 {
            tree.extend(1u32.to_le_bytes());
            tree.extend(&inner[..inner.len() - 8]);
        }
        tree.extend([0; 48]);
        tree.extend(4u64.to_le_bytes());
        let docids: Vec<u32> = read_geo_tree(&tree).unwrap().iter().map(|p| p.docid).collect();
        assert_eq!(docids, [3, 4, 3, 4]);
        assert!(read_geo_tree(&tree[..tree.len() - 1]).is_err());
        assert!(read_geo_tree(&[tree, vec![0]].concat()).is_err());
    }

    #[test]
    fn endless_nesting_is_refused() {
        let node = [&1u64.to_le_bytes()[..], &1u32.to_le_bytes()].concat();
        assert_eq!(read_geo_tree(&node.repeat(100_000)).unwrap_err().reason, "it is too deep");
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(bytes: Vec<u8>) {
            let _ = read_geo_tree(&bytes);
        }
    }
}
