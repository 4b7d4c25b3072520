//! (map to be written)
