//! Places: points of documents and their tree (storage-index.md 14, search.md 10.3 and 13.5).
//!
//! | File | What |
//! |---|---|
//! | `sphere.rs` | distances on the globe |
//! | `points.rs` | the stored points of all documents: reading and changing them |
//! | `by_distance.rs` | documents in the order of their distance from a place |

mod by_distance;
pub(crate) mod points;
mod sphere;

pub use by_distance::{ByDistance, DistanceCriterion};
