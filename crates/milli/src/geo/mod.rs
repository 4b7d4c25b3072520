//! Places: points and shapes of documents (storage-index.md 14 and 15, search.md 10.3 and 13.5).
//!
//! | File | What |
//! |---|---|
//! | `sphere.rs` | distances on the globe |
//! | `points.rs` | the stored points of all documents: reading and changing them |
//! | `shapes.rs` | the stored shapes: reading, changing, and which of them touch a polygon |
//! | `by_distance.rs` | documents in the order of their distance from a place |

mod by_distance;
pub(crate) mod points;
pub(crate) mod shapes;
mod sphere;

pub use by_distance::{ByDistance, DistanceCriterion};
