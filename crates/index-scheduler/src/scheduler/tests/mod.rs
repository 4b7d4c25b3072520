//! The scheduler as a whole, stepped by hand.

mod compaction;
mod documents;
mod indexes;
mod model;
mod queue;
mod recovery;
