//! (map to be written)

pub mod search;
