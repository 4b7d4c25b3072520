//! The scheduler as a whole, stepped by hand.

mod compaction;
mod documents;
mod dumps;
mod indexes;
mod model;
mod queue;
mod recovery;
